"""Borders of the clean image, and a network that finds them in the degraded one."""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ..methods import layers
from ..methods.base import Denoiser
from ..methods.diffusion.borders import labels

FILTERS = (15, 30, 60)  # of the three scales


class BorderClassifier(Denoiser):
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
        self.down = nn.ModuleList(
            _block(inputs, count, count) for inputs, count in pairwise((1, *FILTERS))
        )
        coarser = tuple(pairwise(reversed(FILTERS)))
        self.widen = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2) for coarse, fine in coarser
        )
        self.up = nn.ModuleList(_block(2 * fine, fine, fine) for _, fine in coarser)
        self.head = nn.Conv2d(FILTERS[0], 1, 1)

    def forward(self, x: Tensor, sigma=None) -> Tensor:
        return torch.sigmoid(self.logits(x))

    def logits(self, f: Tensor) -> Tensor:
        """The logarithms of the odds."""
        return layers.u_net(f / 255 - 0.5, self.down, self.widen, self.up, self.head)

    def loss(self, degraded: Tensor, clean: Tensor) -> Tensor:
        """What training minimises: the mean binary cross entropy, in nats a pixel."""
        return binary_cross_entropy_with_logits(
            self.logits(degraded), labels(clean, self.threshold)
        )


_block = partial(layers.block, bias=False)
