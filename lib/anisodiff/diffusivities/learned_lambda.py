"""Learned lambda: a classifier network reads the degraded image and gives the classic diffusivity its one number."""

from torch import Tensor, nn

from ..diffusion import gradient
from .classic import perona_malik
from .fused import diffuse

TILE = 1024  # pixels a side; whole photographs of a camera would take a kilobyte of memory a pixel


class LambdaNetwork(nn.Module):
    """A degraded batch (B, 1, H, W) on 0..255 to one ``lambda = 1 + z^2`` an image, (B, 1, 1, 1), above 1 gray level.

    Two 3x3 convolutions (32, 64 filters), four residual blocks of two separable convolutions (16, 32, 64, 128
    filters, each halving the image), one separable convolution (1024), the mean over the image, one unit: 206,065
    parameters.
    ``start`` is the lambda that an untrained network gives to every image. The mean over an image of more than TILE
    pixels a side is that over its tiles.
    Source: Valdivia Ortega et al. 2024, section 3.1 and Table 3; the layout follows the released checkpoints' shapes.
    """

    def __init__(self, start: float = 25.0):
        super().__init__()
        self.stem = nn.Sequential(_conv(1, 32), _conv(32, 64))
        self.blocks = nn.ModuleList(_Block(a, b) for a, b in ((64, 16), (16, 32), (32, 64), (64, 128)))
        self.head = nn.Sequential(*_separable(128, 1024), nn.ReLU())
        self.unit = nn.Linear(1024, 1)
        nn.init.zeros_(self.unit.weight)
        nn.init.constant_(self.unit.bias, max(start - 1, 0.01) ** 0.5)

    def forward(self, f: Tensor) -> Tensor:
        mean = f.new_zeros(len(f), self.unit.in_features)
        for band in f.tensor_split(-(-f.shape[2] // TILE), 2):
            for tile in band.tensor_split(-(-f.shape[3] // TILE), 3):
                mean = mean + self._features(tile).mean((2, 3)) * (tile[0].numel() / f[0].numel())
        return (1 + self.unit(mean) ** 2)[:, :, None, None]

    def _features(self, f: Tensor) -> Tensor:
        features = self.stem(f / 255)
        for block in self.blocks:
            features = block(features)
        return self.head(features)


class LearnedLambda(nn.Module):
    """``g`` of each edge by option 1 or 2 with the network's lambda; range (0, 1], bound 1.

    The lambda is read off the degraded image once (``prepare``) and kept for all steps.
    """

    bound = 1.0

    def __init__(self, option: int = 2, start: float = 25.0):
        super().__init__()
        self.option, self.network, self.lambda_ = option, LambdaNetwork(start), None

    def prepare(self, f: Tensor) -> None:
        self.lambda_ = self.network(f)

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        return tuple(perona_malik(d, self.lambda_, self.option) for d in gradient(u))

    def fast(self, u: Tensor, steps: int, tau: float) -> Tensor:
        return diffuse(u, self.lambda_.detach().numpy().ravel(), self.option, steps, tau)


def _conv(inputs: int, filters: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU())


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
