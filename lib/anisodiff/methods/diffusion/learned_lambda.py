"""Learned lambda: a classifier network reads the degraded image and gives the classic diffusivity its one number."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .base import Diffusivity
from .classic import perona_malik
from .kernels.explicit import diffuse
from .scheme import gradient

AT_ONCE = 64  # tiles; a bound on the memory
IDLE = 100.0  # gray levels: the lambda to start from where the tuned classic takes no step, which says nothing of it
SHARES = (
    0.02,
    0.99,
)  # of the time that a network may start from: close to 0 and to 1 it could not learn
TILE = 96  # pixels a side, as in training: zeros beyond the border weigh less in the mean of a larger image


class LambdaNetwork(nn.Module):
    """A degraded batch (B, 1, H, W) on 0..255 to numbers z for each image, (B, outputs, 1, 1).

    Two 3x3 convolutions (32, 64 filters), four residual blocks of two separable convolutions (16, 32, 64, 128
    filters, each halving the image), one separable convolution (1024), the mean over the image, one unit a number:
    206,065 parameters with one. ``noise_aware``: of the level, (B, 1, 1, 1), the logarithm is a second channel of
    the input, with 288 parameters more. ``start`` are the numbers that an untrained network gives to every image. The
    mean over an image of more than TILE pixels a side is that over tiles of that size, spread evenly over it.
    Source: Valdivia Ortega et al. 2024, section 3.1 and Table 3; the layout follows the released checkpoints' shapes.
    """

    def __init__(self, start: Sequence[float], noise_aware: bool = False):
        super().__init__()
        self.stem = nn.Sequential(_conv(1 + noise_aware, 32), _conv(32, 64))
        self.blocks = nn.ModuleList(
            _Block(a, b) for a, b in ((64, 16), (16, 32), (32, 64), (64, 128))
        )
        self.head = nn.Sequential(*_separable(128, 1024), nn.ReLU())
        self.unit = nn.Linear(1024, len(start))
        nn.init.zeros_(self.unit.weight)
        with torch.no_grad():
            self.unit.bias[:] = torch.tensor(start)

    def forward(self, f: Tensor, level: Tensor | None = None) -> Tensor:
        f = f / 255
        if level is not None:
            f = torch.cat([f, torch.log10(level).to(f).expand_as(f)], 1)
        corners = [(top, left) for top in _starts(f.shape[2]) for left in _starts(f.shape[3])]
        tiles = torch.cat([f[..., top : top + TILE, left : left + TILE] for top, left in corners])
        means = torch.cat([self._features(some).mean((2, 3)) for some in tiles.split(AT_ONCE)])
        return self.unit(means.unflatten(0, (len(corners), len(f))).mean(0))[:, :, None, None]

    def _features(self, f: Tensor) -> Tensor:
        features = self.stem(f)
        for block in self.blocks:
            features = block(features)
        return self.head(features)


class LearnedLambda(Diffusivity):
    """``g`` of each edge by option 1 or 2 with the network's ``lambda = 1 + z^2``; range (0, 1], bound 1.

    The lambda is read off the degraded image once and kept for all steps: it is the context. ``lambda_`` is that of
    the untrained network.
    """

    reads_image = True

    def __init__(self, option: int = 2, lambda_: float = 25.0):
        super().__init__()
        self.option = option
        self.network = LambdaNetwork(
            [max(lambda_ - 1, 0.01) ** 0.5]
        )  # at z = 0 there is no derivative

    def condition(self, f, sigma=None, truth=None) -> Tensor:
        return 1 + self.network(f) ** 2

    def chosen(self, context: Tensor) -> dict[str, Tensor]:
        return {"lambda": context}

    def forward(self, u, context, step=0, state=None):
        return tuple(perona_malik(d, context, self.option) for d in gradient(u)), None

    def fast(self, f: Tensor, context: Tensor, steps: int, tau: float) -> Tensor:
        return diffuse(f, context.detach().numpy().ravel(), self.option, steps, tau)


class TunedSettings:
    """What the classic was tuned to at some levels, as (log lambda, logit of the share of the time), for any level.

    ``tuned`` has a row (level, lambda, time) for each of the levels, ``horizon`` is the time there is to share. Between
    the levels both numbers are interpolated in the logarithm of the level. Takes (B, 1, 1, 1) to (B, 2, 1, 1).
    """

    def __init__(self, tuned: Sequence[Sequence[float]], horizon: float):
        level, lambdas, times = np.array(tuned, float).T
        lambdas[times == 0] = IDLE
        shares = np.clip(times / horizon, *SHARES)
        self.at, self.values = np.log(level), (np.log(lambdas), np.log(shares / (1 - shares)))

    def __call__(self, level: Tensor) -> Tensor:
        x = np.log(level.flatten().cpu().numpy())
        numbers = np.stack([np.interp(x, self.at, values) for values in self.values], 1)
        return torch.from_numpy(numbers).to(level)[:, :, None, None]


class LambdaAndShare(NamedTuple):
    """The context of :class:`LearnedLambdaTime`: for each image its lambda and its share of the time, (B, 1, 1, 1)."""

    lambda_: Tensor
    share: Tensor


class LearnedLambdaTime(Diffusivity):
    """``g`` of each edge by option 1 or 2, times the share of the diffusion time that the image gets; bound 1.

    A network corrects the tuned classic's choices, ``lambda = lambda_tuned exp(z_1)`` and ``share = sigmoid(logit
    share_tuned + z_2)``, and is zero when untrained. Both are read off the degraded image once. ``tuned`` as in
    :class:`TunedSettings`; ``steps`` and ``tau`` are the diffusion's, which give the time there is to share. The
    network of a noise-``blind`` one does not see the level.
    """

    reads_image = True

    def __init__(
        self,
        tuned: Sequence[Sequence[float]],
        steps: int,
        tau: float,
        option: int = 2,
        blind: bool = False,
    ):
        super().__init__()
        self.option, self.reads_sigma = option, not blind
        self.tuned = TunedSettings(tuned, steps * tau)
        self.network = LambdaNetwork([0.0, 0.0], noise_aware=not blind)

    def condition(self, f, sigma=None, truth=None) -> LambdaAndShare:
        start = self.tuned(
            f.new_ones(1, 1, 1, 1) if sigma is None else sigma
        )  # blind: alike at all levels
        numbers = start + self.network(f, sigma)
        return LambdaAndShare(torch.exp(numbers[:, :1]), torch.sigmoid(numbers[:, 1:]))

    def chosen(self, context: LambdaAndShare) -> dict[str, Tensor]:
        return {"lambda": context.lambda_, "share": context.share}

    def forward(self, u, context, step=0, state=None):
        lambda_, share = context
        return tuple(share * perona_malik(d, lambda_, self.option) for d in gradient(u)), None

    def fast(self, f: Tensor, context: LambdaAndShare, steps: int, tau: float) -> Tensor:
        lambdas, shares = (numbers.detach().numpy().ravel() for numbers in context)
        return diffuse(f, lambdas, self.option, steps, tau * shares)


def _starts(extent: int) -> list[int]:
    """Where tiles of TILE pixels begin along an axis: as few as cover it, evenly spread."""
    count = -(-extent // TILE)
    return [round(at * (extent - TILE) / (count - 1)) for at in range(count)] if count > 1 else [0]


def _conv(inputs: int, filters: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU()
    )


def _separable(inputs: int, filters: int) -> tuple[nn.Module, ...]:
    depthwise = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
    return depthwise, nn.Conv2d(inputs, filters, 1), nn.BatchNorm2d(filters)


class _Block(nn.Module):
    """ReLU, separable, ReLU, separable, max-pool by two; beside it a 1x1 convolution of stride two."""

    def __init__(self, inputs: int, filters: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(),
            *_separable(inputs, filters),
            nn.ReLU(),
            *_separable(filters, filters),
            nn.MaxPool2d(3, 2, 1),
        )
        self.shortcut = nn.Conv2d(inputs, filters, 1, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + self.shortcut(x)
