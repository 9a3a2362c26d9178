"""A residual U-Net of any width; images on 0..255."""

from itertools import pairwise

from torch import Tensor, nn

from .. import layers
from ..base import Denoiser


class ResidualUNet(Denoiser):
    """``u = f - noise(f)``, the noise by a :class:`UNet`: (B, 1, H, W) of any size."""

    def __init__(self, filters: int, scales: int):
        super().__init__()
        self.noise = UNet(filters, scales)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        return x - 255 * self.noise(x / 255)


class UNet(nn.Module):
    """One channel to one channel, of any size, with ``filters`` at the finest of its two or more ``scales``, and twice
    as many at each coarser one.

    Two 3x3 convolutions with batch norm and ReLU a scale, the second on the way up reducing the channels; max-pooling
    down, bilinear up; the two convolutions of the finest scale on the way up are linear.
    Source: the content and noise networks of Geng et al., IEEE TMI 2022.
    """

    def __init__(self, filters: int, scales: int):
        super().__init__()
        *finer, coarsest = (filters * 2**scale for scale in range(scales))
        self.down = nn.ModuleList(
            layers.block(inputs, count, count) for inputs, count in pairwise((1, *finer))
        )
        self.coarsest = layers.block(finer[-1], coarsest, finer[-1])
        self.widen = nn.ModuleList(
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True) for _ in finer
        )
        up = [layers.block(2 * count, count, less) for count, less in pairwise(reversed(finer))]
        self.up = nn.ModuleList([*up, nn.Identity()])  # the head takes the finest scale as joined
        half = max(1, filters // 2)
        self.head = nn.Sequential(
            nn.Conv2d(2 * filters, half, 3, padding=1), nn.Conv2d(half, 1, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        encoder = (*self.down, self.coarsest)
        return layers.u_net(x, encoder, self.widen, self.up, self.head, skip_first=False)
