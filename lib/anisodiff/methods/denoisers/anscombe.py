"""Counts by a denoiser for Gaussian noise, between two transforms that make the noise one of a constant deviation.

Source: M. Makitalo, A. Foi, IEEE TIP 20 (2011), 2697-2698.
"""

import torch
from torch import Tensor

from ..base import Denoiser
from .classical import Classical

UNIT = 25.0  # gray levels: the deviation of the noise that the denoiser meets


def forth(y: Tensor, gain: float) -> Tensor:
    """``2 sqrt(y / gain + 3/8)``, whose noise has a deviation of about 1."""
    return 2 * torch.sqrt((y / gain).clamp_min(0) + 3 / 8)


def back(z: Tensor, gain: float) -> Tensor:
    """The mean of y where the mean of ``forth(y)`` is z, in closed form, not below 0."""
    z = z.clamp_min(2 * (3 / 8) ** 0.5)
    root = (3 / 2) ** 0.5
    counts = z**2 / 4 + root / (4 * z) - 11 / (8 * z**2) + 5 * root / (8 * z**3) - 1 / 8
    return gain * counts.clamp_min(0)


class Anscombe(Denoiser):
    """``back(D(forth(y)))``: D a method of :mod:`.classical` at ``strength / noise`` deviations of the noise.

    (B, 1, H, W) to the same; sigma is the gain of the counts, in gray levels.
    """

    reads_sigma = True

    def __init__(self, method: str, strength: float, noise: float):
        super().__init__()
        self.denoiser = Classical(method, UNIT * strength / noise, UNIT)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        gains = self.levels(x, sigma)
        return back(self.denoiser(UNIT * forth(x, gains)) / UNIT, gains)
