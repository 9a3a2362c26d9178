"""A residual dense network that enlarges images, of any size; images on 0..255.

Source: Y. Zhang et al., CVPR 2018, 2472-2481.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle

from ..base import Denoiser


class RDN(Denoiser):
    """(B, 1, h, w) to (B, 1, factor h, factor w): bicubic interpolation and what dense blocks add to it.

    ``blocks`` of ``layers`` convolutions with ``growth`` filters each, every one fed with all before it, joined to
    ``filters`` by one of 1x1 and added to the block's input; the blocks together likewise. With 16 blocks of 8 layers,
    64 and 64, for ``channels`` 3 and without ``added`` it has the source's 22,123,395 parameters.
    Raises ValueError for a number below 1, and for a factor below 2.
    """

    def __init__(
        self,
        blocks: int = 4,
        layers: int = 4,
        growth: int = 24,
        filters: int = 32,
        factor: int = 2,
        channels: int = 1,
        added: bool = True,
    ):
        super().__init__()
        if min(blocks, layers, growth, filters, channels) < 1 or factor < 2:
            raise ValueError(
                f"expected numbers of at least 1 and a factor of at least 2, got {blocks!r} blocks, {layers!r} layers,"
                f" growth {growth!r}, {filters!r} filters and factor {factor!r}"
            )
        self.factor, self.added = factor, added
        self.shallow = nn.Conv2d(channels, filters, 3, padding=1)
        self.first = nn.Conv2d(filters, filters, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(layers, growth, filters) for _ in range(blocks))
        self.joined = nn.Sequential(
            nn.Conv2d(blocks * filters, filters, 1), nn.Conv2d(filters, filters, 3, padding=1)
        )
        self.wider = nn.Conv2d(filters, filters * factor**2, 3, padding=1)
        self.last = nn.Conv2d(filters, channels, 3, padding=1)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        shallow = self.shallow(x / 255)
        u, found = self.first(shallow), []
        for block in self.blocks:
            u = block(u)
            found.append(u)
        u = self.joined(torch.cat(found, 1)) + shallow
        u = 255 * self.last(pixel_shuffle(self.wider(u), self.factor))
        return u + interpolate(x, scale_factor=self.factor, mode="bicubic") if self.added else u


class _Block(nn.Module):
    """(B, C, H, W) to the same."""

    def __init__(self, layers: int, growth: int, filters: int):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(filters + at * growth, growth, 3, padding=1) for at in range(layers)
        )
        self.join = nn.Conv2d(filters + layers * growth, filters, 1)

    def forward(self, u: Tensor) -> Tensor:
        found = u
        for layer in self.layers:
            found = torch.cat([found, layer(found).relu()], 1)
        return u + self.join(found)
