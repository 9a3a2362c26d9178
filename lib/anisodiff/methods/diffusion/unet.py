"""A U-Net as diffusivity: g of each pixel from the image around it, at several scales."""

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import torch
from torch import nn

from .. import layers
from .base import Diffusivity

# 27,581 parameters, as Table 3 of the source and its code have it
AS_COUNTED = {"filters": (4, 8, 16), "finding": 3}
AS_WRITTEN = {"filters": (4, 8, 16, 32, 64), "finding": 5}


class UNet(Diffusivity):
    """``g = sigmoid(network(z))`` of each pixel, ``z`` the image with its mean taken off, over its deviation; range
    (0, 1), bound 1.

    A scale for each of ``filters``: a block of three convolutions with group norm (groups of four) and ReLU, of
    ``finding`` pixels a side on the way down and 5 at the coarsest scale and on the way up, max-pooling down,
    transposed convolutions of 3x3 up, the finer scale joined on. Any size: each layer's input is continued by its
    border, where zeros would look like an edge.
    Source: Valdivia Ortega et al. 2024, section 3.3, with batch norm, which makes an image depend on its batch.
    """

    def __init__(
        self, filters: Sequence[int] = AS_COUNTED["filters"], finding: int = AS_COUNTED["finding"]
    ):
        super().__init__()
        *finer, coarsest = filters
        self.down = nn.ModuleList(
            _block(inputs, *[count] * 3, size=finding) for inputs, count in pairwise((1, *finer))
        )
        self.coarsest = _block(finer[-1], *[coarsest] * 3)
        self.widen, self.up = nn.ModuleList(), nn.ModuleList()
        for inputs, count in pairwise(reversed(filters)):
            self.widen.append(
                nn.ConvTranspose2d(inputs, count, 3, stride=2, padding=1, output_padding=1)
            )
            self.up.append(_block(2 * count, *[count] * 3))
        self.head = nn.Conv2d(finer[0], 1, 1)
        nn.init.ones_(self.head.bias)  # untrained it diffuses, and can learn to more or to less

    def forward(self, u, context=None, step=0, state=None):
        mean, deviation = u.mean((2, 3), keepdim=True), u.std((2, 3), correction=0, keepdim=True)
        z, encoder = (u - mean) / (deviation + 1e-3), (*self.down, self.coarsest)
        return torch.sigmoid(layers.u_net(z, encoder, self.widen, self.up, self.head)), None


def _groups_of_four(filters: int) -> nn.GroupNorm:
    return nn.GroupNorm(filters // 4, filters)


_block = partial(layers.block, size=5, norm=_groups_of_four, padding_mode="replicate")
