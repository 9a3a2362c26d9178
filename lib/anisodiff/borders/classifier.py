"""Borders of the clean image, and a network that finds them in the degraded one."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from ..methods.diffusion.borders import labels

FILTERS = (15, 30, 60)  # of the three scales


class BorderClassifier(nn.Module):
    """A degraded batch (B, 1, H, W) on 0..255 to each pixel's probability of being a border, (B, 1, H, W) in (0, 1).

    A U-Net of three scales (15, 30, 60 filters, 103 K parameters): two 3x3 convolutions with batch norm and ReLU at
    each, max-pooling down, transposed convolutions up, and the finer scale joined on. Any size: the image is continued
    by its border to a multiple of four. ``threshold`` (gray levels) says what a border is: :func:`labels`.
    """

    def __init__(self, threshold: float = 30.0):
        super().__init__()
        if not threshold > 0:
            raise ValueError(f"the threshold of a border must be above 0, got {threshold!r}")
        self.threshold = threshold
        fine, middle, coarse = FILTERS
        self.down = nn.ModuleList([_block(1, fine), _block(fine, middle), _block(middle, coarse)])
        self.widen = nn.ModuleList([_transposed(coarse, middle), _transposed(middle, fine)])
        self.up = nn.ModuleList([_block(2 * middle, middle), _block(2 * fine, fine)])
        self.head = nn.Conv2d(fine, 1, 1)

    def forward(self, f: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(f))

    def logits(self, f: Tensor) -> Tensor:
        """The logarithms of the odds."""
        rows, columns = f.shape[-2:]
        x = pad(f / 255 - 0.5, (0, -columns % 4, 0, -rows % 4), mode="replicate")
        scales = []
        for block in self.down:
            scales.append(x := block(nn.functional.max_pool2d(x, 2) if scales else x))
        scales.pop()
        for widen, block in zip(self.widen, self.up, strict=True):
            x = block(torch.cat([scales.pop(), widen(x)], 1))
        return self.head(x)[..., :rows, :columns]

    def loss(self, degraded: Tensor, clean: Tensor) -> Tensor:
        """What training minimises: the mean binary cross entropy, in nats a pixel."""
        return binary_cross_entropy_with_logits(
            self.logits(degraded), labels(clean, self.threshold)
        )


def _block(inputs: int, filters: int) -> nn.Sequential:
    layers = []
    for channels in (inputs, filters):
        layers += [
            nn.Conv2d(channels, filters, 3, padding=1, bias=False),
            nn.BatchNorm2d(filters),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)


def _transposed(inputs: int, filters: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(inputs, filters, 2, stride=2)
