"""DnCNN of any depth and width; images on 0..255."""

from torch import Tensor, nn

from ..base import Denoiser
from ..layers import block


class DnCNN(Denoiser):
    """``u = f - noise(f)``, the noise by ``depth`` convolutions of 3x3 with ``filters`` each, batch norm and ReLU
    between: (B, 1, H, W) of any size. Source: Zhang et al., IEEE TIP 2017."""

    def __init__(self, depth: int, filters: int):
        super().__init__()
        self.noise = nn.Sequential(
            nn.Conv2d(1, filters, 3, padding=1),
            nn.ReLU(),
            *block(filters, *[filters] * (depth - 2)),
            nn.Conv2d(filters, 1, 3, padding=1),
        )

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        return x - 255 * self.noise(x / 255)
