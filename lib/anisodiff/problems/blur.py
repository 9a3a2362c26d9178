"""Blur by a Gaussian, with or without noise after it."""

from dataclasses import dataclass

import torch
from scipy.ndimage import gaussian_filter

from .base import Problem
from .noise import add_white
from .operators import GaussianBlur


@dataclass(frozen=True)
class Blur(Problem):
    """``y = h * x + sigma n``, ``n ~ N(0, 1)``: convolution with a Gaussian, reflecting boundary.

    ``variance`` of the kernel in squared pixels; ``sigma``, the standard deviation of the noise, in gray levels.
    """

    variance: float
    sigma: float = 0.0

    name, unit = "blur", "variance of the kernel, pixels²"
    levels, highest = (1, 2.25, 4, 9, 16), 400

    def draw_operator(self, shape, rng):
        return GaussianBlur(shape, self.variance)

    def signal(self, x):
        """By SciPy, which the operator equals to rounding: recorded scores hold for these bits."""
        blurred = gaussian_filter(x.double().numpy(), self.variance**0.5, axes=(-2, -1))
        return torch.from_numpy(blurred)

    def add_noise(self, y, rng):
        return add_white(y, self.sigma, rng)
