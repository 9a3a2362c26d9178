"""A U-Net as diffusivity: g of each pixel from the image around it, at several scales."""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import max_pool2d, pad

from .base import Diffusivity

AS_COUNTED = {
    "filters": (4, 8, 16),
    "finding": 3,
}  # 27,581 parameters, as Table 3 of the source and its code have it
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
        self.down, inputs = nn.ModuleList(), 1
        for count in finer:
            self.down.append(_block(inputs, count, finding))
            inputs = count
        self.coarsest = _block(inputs, coarsest, 5)
        self.widen, self.up, inputs = nn.ModuleList(), nn.ModuleList(), coarsest
        for count in reversed(finer):
            self.widen.append(
                nn.ConvTranspose2d(inputs, count, 3, stride=2, padding=1, output_padding=1)
            )
            self.up.append(_block(2 * count, count, 5))
            inputs = count
        self.head = nn.Conv2d(inputs, 1, 1)
        nn.init.ones_(
            self.head.bias
        )  # an untrained network diffuses, and by how much it can learn both ways

    def forward(self, u, context=None, step=0, state=None):
        rows, columns = u.shape[-2:]
        mean, deviation = u.mean((2, 3), keepdim=True), u.std((2, 3), correction=0, keepdim=True)
        pool = 2 ** len(self.down)
        x = pad(
            (u - mean) / (deviation + 1e-3), (0, -columns % pool, 0, -rows % pool), mode="replicate"
        )
        scales = []
        for block in self.down:
            scales.append(block(x))
            x = max_pool2d(scales[-1], 2)
        x = self.coarsest(x)
        for widen, block in zip(self.widen, self.up, strict=True):
            x = block(torch.cat([scales.pop(), widen(x)], 1))
        return torch.sigmoid(self.head(x)[..., :rows, :columns]), None


def _block(inputs: int, filters: int, size: int) -> nn.Sequential:
    layers = []
    for channels in (inputs, filters, filters):
        convolution = nn.Conv2d(
            channels, filters, size, padding=size // 2, padding_mode="replicate"
        )
        layers += [convolution, nn.GroupNorm(filters // 4, filters), nn.ReLU()]
    return nn.Sequential(*layers)
