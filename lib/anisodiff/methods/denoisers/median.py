"""The median filter, for salt and pepper."""

import torch
from scipy.ndimage import median_filter
from torch import Tensor

from ..base import Denoiser


class Median(Denoiser):
    """The median of the 3 x 3 pixels around each, reflecting boundary: (B, C, H, W) to the same shape, on the CPU.

    It reads no level and has nothing to tune. Source: Tukey, Exploratory Data Analysis (1977), by SciPy.
    """

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        return torch.from_numpy(median_filter(x.numpy(force=True), size=3, axes=(-2, -1))).to(x)
