"""A generator that draws clean images given a noisy one, trained against a critic; images on 0..255.

Source: Ohayon, Adrai, Vaksman, Elad, Milanfar, ICCV Workshops 2021.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import interpolate, leaky_relu, max_pool2d

from .. import layers
from ..base import Method

PENALTY = 10.0  # on the length of the critic's gradient, which should be 1
DRAWS = 64  # that a step penalises: fewer images where each has more of them


class Generator(nn.Module, Method):
    """``x = y - net(y, z)``, with new noise z as a further channel before each convolution on the way up of a U-Net.

    ``widths`` are the filters of each scale, from fine to coarse, and ``noise_scale`` is the deviation of z. Raises
    ValueError for one that is negative, and for fewer than two scales.
    """

    name, needs, samples, needs_truth = "pscgan", frozenset(), True, False

    def __init__(
        self, widths: list[int] | tuple[int, ...] = (24, 48, 72), noise_scale: float = 1.0
    ):
        super().__init__()
        if len(widths) < 2 or not 0 <= noise_scale < np.inf:
            raise ValueError(
                f"expected two scales and a deviation of at least 0, got {widths!r} and {noise_scale!r}"
            )
        self.noise_scale = noise_scale
        self.down = nn.ModuleList(
            nn.Sequential(
                _convolution(inputs, count), nn.ReLU(), _convolution(count, count), nn.ReLU()
            )
            for inputs, count in pairwise((1, *widths))
        )
        self.up = nn.ModuleList(
            nn.ModuleList([_convolution(coarse + fine + 1, fine), _convolution(fine + 1, fine)])
            for fine, coarse in pairwise(widths)
        )
        self.head = _convolution(widths[0] + 1, 1)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        """A draw for each image of (B, 1, H, W), of any size; sigma is not read."""
        return self.draw(x, 1)[0]

    def draw(self, x: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
        """``count`` draws for each image of (B, 1, H, W), (count, B, 1, H, W); each is a draw of its own."""
        rows, columns = x.shape[-2:]
        u, skips = layers.continued(x / 255, 2 ** len(self.up)), []
        for at, down in enumerate(self.down):
            u = down(u if at == 0 else max_pool2d(u, 2))
            skips.append(u)
        u, *skips = (skip.repeat(count, 1, 1, 1) for skip in reversed(skips))
        for convolutions, skip in zip(reversed(self.up), skips, strict=True):
            u = torch.cat([interpolate(u, scale_factor=2, mode="nearest"), skip], 1)
            for convolution in convolutions:
                u = convolution(self._with_noise(u, generator)).relu()
        net = self.head(self._with_noise(u, generator))[..., :rows, :columns]
        return x - 255 * net.unflatten(0, (count, len(x)))

    def answer(self, y, problem, truth, rng, samples):
        generator = torch.Generator(y.device).manual_seed(int(rng.integers(2**62)))
        return self.draw(y[:, None], samples, generator)[:, :, 0], {}

    def _with_noise(self, u: Tensor, generator: torch.Generator | None) -> Tensor:
        shape = (len(u), 1, *u.shape[-2:])
        z = torch.randn(shape, generator=generator, device=u.device)
        return torch.cat([u, (self.noise_scale * z).to(u.dtype)], 1)


class PSCGAN(Generator):
    """The generator that is trained against a critic, by :meth:`losses`.

    Penalised is the squared error of the mean of ``penalised`` draws, where ``of_mean``, else the mean of their squared
    errors; the judgement of the critic is weighted with ``weight``. The critic sees the draw and, where ``seen``, the
    noisy image beside it. Raises ValueError for a number of draws outside 1 to 64.
    """

    def __init__(
        self,
        widths: list[int] | tuple[int, ...] = (24, 48, 72),
        penalised: int = 8,
        of_mean: bool = True,
        weight: float = 1e-3,
        seen: bool = True,
        noise_scale: float = 1.0,
    ):
        super().__init__(widths, noise_scale)
        if not 1 <= penalised <= DRAWS:
            raise ValueError(f"expected 1 to {DRAWS} draws to penalise, got {penalised!r}")
        self.penalised, self.of_mean, self.weight, self.seen = penalised, of_mean, weight, seen

    def discriminator(self) -> nn.Module:
        """A new critic, which learns beside it."""
        return Critic(1 + self.seen)

    def losses(self, critic: nn.Module, f: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """That of the generator and that of the critic, each with a gradient for its own parameters alone.

        ``mean |x - mean_k u_k|^2 - weight mean C(u_1, f)`` and ``mean C(u_1, f) - mean C(x, f) + 10 (|grad C| - 1)^2``,
        the latter between u_1 and x, on 0..1; of batches (B, 1, H, W) of the noisy and the clean image. The draws
        u_2, u_3, ... are made for as many of the first images as make 64 draws.
        """
        x, y, count = clean / 255, f / 255, DRAWS // self.penalised
        made = self(f) / 255
        more = self.draw(f[:count], self.penalised - 1) / 255
        draws = torch.cat([made[None, :count], more])
        error = (draws.mean(0) if self.of_mean else draws) - x[:count]
        held = {name: of.detach() for name, of in critic.named_parameters()}
        judged = functional_call(critic, held, (self._pair(made, y),)).mean()
        of_generator = error.square().mean() - self.weight * judged
        fake, true = self._pair(made.detach(), y), self._pair(x, y)
        of_critic = critic(fake).mean() - critic(true).mean()
        return of_generator, of_critic + PENALTY * gradient_penalty(critic, fake, true)

    def _pair(self, image: Tensor, y: Tensor) -> Tensor:
        return torch.cat([image, y], 1) if self.seen else image


class Critic(nn.Module):
    """(B, C, H, W) of at least 8 x 8 pixels to a number each: three strided convolutions, their mean over the image,
    and a linear layer. 0.2 M parameters."""

    def __init__(self, channels: int):
        super().__init__()
        widths = (channels, 48, 72, 96)
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, count, 4, stride=2, padding=1) for inputs, count in pairwise(widths)
        )
        self.head = nn.Linear(widths[-1], 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = leaky_relu(layer(x), 0.2)
        return self.head(x.mean((2, 3)))


def gradient_penalty(critic: nn.Module, fake: Tensor, true: Tensor) -> Tensor:
    """``mean (|grad C(x)| - 1)^2`` at a random point between each fake image and a true one, (B, C, H, W).

    Source: Gulrajani et al., NeurIPS 2017.
    """
    share = torch.rand(len(fake), 1, 1, 1, device=fake.device)
    between = (share * fake + (1 - share) * true).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
