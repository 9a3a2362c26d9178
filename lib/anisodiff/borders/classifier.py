"""Borders of the clean image, and a network that finds them in the degraded one."""

from functools import partial
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, pad

from ..methods import layers
from ..methods.diffusion.scheme import gradient

FILTERS = (15, 30, 60)  # of the three scales


def labels(clean: Tensor, threshold: float) -> Tensor:
    """1 where a pixel is a border, else 0: ``max(|u[i, j+1] - u[i, j]|, |u[i+1, j] - u[i, j]|) > threshold``.

    ``clean`` and the result are (B, 1, H, W); there is no difference across the image's own border.
    Source: slides "Performance while learning lambdas" (14.12.22), border classification.
    """
    return (steepness(clean) > threshold).to(clean.dtype)


def steepness(u: Tensor) -> Tensor:
    """The infinity norm of the forward differences of each pixel, (B, 1, H, W)."""
    d_x, d_y = gradient(u)
    return torch.maximum(pad(d_x.abs(), (0, 1)), pad(d_y.abs(), (0, 0, 0, 1)))


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
        self.down = nn.ModuleList(
            _block(inputs, count, count) for inputs, count in pairwise((1, *FILTERS))
        )
        coarser = tuple(pairwise(reversed(FILTERS)))
        self.widen = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2) for coarse, fine in coarser
        )
        self.up = nn.ModuleList(_block(2 * fine, fine, fine) for _, fine in coarser)
        self.head = nn.Conv2d(FILTERS[0], 1, 1)

    def forward(self, f: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(f))

    def logits(self, f: Tensor) -> Tensor:
        """The logarithms of the odds."""
        return layers.u_net(f / 255 - 0.5, self.down, self.widen, self.up, self.head)

    def loss(self, degraded: Tensor, clean: Tensor) -> Tensor:
        """What training minimises: the mean binary cross entropy, in nats a pixel."""
        return binary_cross_entropy_with_logits(
            self.logits(degraded), labels(clean, self.threshold)
        )


_block = partial(layers.block, bias=False)
