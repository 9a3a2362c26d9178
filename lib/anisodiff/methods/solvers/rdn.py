"""A residual dense network that enlarges images.

Source: Y. Zhang et al., CVPR 2018, 2472-2481.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pixel_shuffle

from .super_resolution import SuperResolver


class RDN(SuperResolver):
    """Bicubic interpolation, where ``added``, and what dense blocks add to it.

    ``blocks`` of ``layers`` convolutions with ``growth`` filters each, every one fed with all before it, joined to
    ``filters`` by one of 1x1 and added to the block's input; the blocks together likewise; then ``factor^2`` images of
    features are shuffled to one, and a last convolution makes the pixels. With 16 blocks of 8 layers, 64 and 64, for
    ``channels`` 3 and without ``added`` it has the source's 22,123,395 parameters.
    Raises ValueError for a number below 1, and for a factor below 2.
    """

    def __init__(
        self,
        blocks: int = 3,
        layers: int = 4,
        growth: int = 16,
        filters: int = 32,
        factor: int = 2,
        channels: int = 1,
        added: bool = True,
    ):
        super().__init__(factor)
        if min(blocks, layers, growth, filters, channels) < 1:
            raise ValueError(
                f"expected numbers of at least 1, got {blocks!r} blocks, {layers!r} layers, growth {growth!r},"
                f" {filters!r} filters and {channels!r} channels"
            )
        self.added = added
        self.shallow = nn.Conv2d(channels, filters, 3, padding=1)
        self.first = nn.Conv2d(filters, filters, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(layers, growth, filters) for _ in range(blocks))
        self.joined = nn.Sequential(
            nn.Conv2d(blocks * filters, filters, 1), nn.Conv2d(filters, filters, 3, padding=1)
        )
        self.wider = nn.Conv2d(filters, filters * self.factor**2, 3, padding=1)
        self.last = nn.Conv2d(filters, channels, 3, padding=1)
        if added:  # begin as the interpolation
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        shallow = self.shallow(x / 255)
        u, found = self.first(shallow), []
        for block in self.blocks:
            u = block(u)
            found.append(u)
        u = self.joined(torch.cat(found, 1)) + shallow
        u = 255 * self.last(pixel_shuffle(self.wider(u), self.factor))
        return u + enlarged(x, self.factor) if self.added else u


def enlarged(x: Tensor, factor: int) -> Tensor:
    """(B, C, h, w) by cubic convolution with a = -1/2, as Bicubic does it; PyTorch's own has a = -3/4."""
    return interpolate(x, scale_factor=factor, mode="bicubic", antialias=True)


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
