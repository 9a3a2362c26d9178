"""A generator that draws clean images given a noisy one, trained against a critic; images on 0..255.

Source: Ohayon, Adrai, Vaksman, Elad, Milanfar, ICCV Workshops 2021.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import leaky_relu

from .. import layers
from ..base import Method

PENALTY = 10.0  # on the length of the critic's gradient, which should be 1


class PSCGAN(nn.Module, Method):
    """``x = y - net(y, z)``, with new noise z as a further channel before each convolution on the way up of a U-Net.

    ``widths`` are the filters of each scale, from fine to coarse. Trained by :meth:`losses`: the squared error of the
    mean of ``penalised`` draws, where ``of_mean``, else the mean of their squared errors; and, weighted with
    ``weight``, the judgement of a critic that sees the draw, and the noisy image beside it where ``seen``.
    ``noise_scale`` is the deviation of z. Raises ValueError for one that is negative, fewer than two scales, and no
    draw to penalise.
    """

    name, needs, samples, needs_truth = "pscgan", frozenset(), True, False

    def __init__(
        self,
        widths: list[int] | tuple[int, ...] = (24, 48, 72),
        penalised: int = 8,
        of_mean: bool = True,
        weight: float = 1e-3,
        seen: bool = True,
        noise_scale: float = 1.0,
    ):
        super().__init__()
        if len(widths) < 2 or penalised < 1 or not 0 <= noise_scale < np.inf:
            raise ValueError(
                f"expected two scales, a draw and a deviation of at least 0, got {widths!r}, {penalised!r} and"
                f" {noise_scale!r}"
            )
        self.penalised, self.of_mean, self.weight, self.seen = penalised, of_mean, weight, seen
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

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """A draw for each image of (B, 1, H, W), of any size."""
        rows, columns = x.shape[-2:]
        multiple = 2 ** len(self.up)
        u = layers.continued(x / 255, multiple)
        skips = []
        for at, down in enumerate(self.down):
            u = down(u if at == 0 else nn.functional.max_pool2d(u, 2))
            skips.append(u)
        u = skips.pop()
        for convolutions in reversed(self.up):
            u = nn.functional.interpolate(u, scale_factor=2, mode="nearest")
            u = torch.cat([u, skips.pop()], 1)
            for convolution in convolutions:
                u = convolution(self._with_noise(u, generator)).relu()
        return x - 255 * self.head(self._with_noise(u, generator))[..., :rows, :columns]

    def answer(self, y, problem, truth, rng, samples):
        generator = torch.Generator(y.device).manual_seed(int(rng.integers(2**62)))
        repeated = y.expand(samples, *y.shape).flatten(0, 1)[:, None]
        return self(repeated, generator).reshape(samples, *y.shape), {}

    def discriminator(self) -> nn.Module:
        """A new critic, which learns beside it."""
        return Critic(1 + self.seen)

    def losses(self, critic: nn.Module, f: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """That of the generator and that of the critic, each with a gradient for its own parameters alone.

        ``mean |x - mean_k u_k|^2 - weight mean C(u_1, f)`` and ``mean C(u_1, f) - mean C(x, f) + 10 (|grad C| - 1)^2``,
        the latter between u_1 and x, on 0..1; of batches (B, 1, H, W) of the noisy and the clean image.
        """
        many = f.repeat(self.penalised, 1, 1, 1)
        made = (self(many) / 255).unflatten(0, (self.penalised, len(f)))
        x, y = clean / 255, f / 255
        error = (made.mean(0) if self.of_mean else made) - x
        held = {name: of.detach() for name, of in critic.named_parameters()}
        judged = functional_call(critic, held, (self._pair(made[0], y),)).mean()
        of_generator = error.square().mean() - self.weight * judged
        fake, true = self._pair(made[0].detach(), y), self._pair(x, y)
        of_critic = critic(fake).mean() - critic(true).mean()
        return of_generator, of_critic + PENALTY * gradient_penalty(critic, fake, true)

    def _pair(self, image: Tensor, y: Tensor) -> Tensor:
        return torch.cat([image, y], 1) if self.seen else image

    def _with_noise(self, u: Tensor, generator: torch.Generator | None) -> Tensor:
        shape = (len(u), 1, *u.shape[-2:])
        z = torch.randn(shape, generator=generator, device=u.device, dtype=u.dtype)
        return torch.cat([u, self.noise_scale * z], 1)


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
