"""Blur by a Gaussian or by a square of equal weights, with or without noise after it."""

from dataclasses import dataclass

import torch
from scipy.ndimage import gaussian_filter

from .base import Problem
from .noise import add_white
from .operators import GaussianBlur, PeriodicBlur, gaussian_kernel


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


@dataclass(frozen=True)
class PeriodicGaussian(Problem):
    """``y = k * x + sigma n``, ``n ~ N(0, 1)``: convolution with a Gaussian that is cut off, periodic boundary.

    ``deviation`` of the kernel in pixels and its ``side``, an odd number of pixels; ``sigma``, the standard deviation
    of the noise, in gray levels.
    """

    deviation: float
    side: int = 25
    sigma: float = 0.0

    name, unit = "periodic-gaussian", "standard deviation of the kernel, pixels"
    levels, highest = (0.8, 1.6, 3.2), 20

    def __post_init__(self):
        super().__post_init__()
        check_side(self.name, self.side)

    def draw_operator(self, shape, rng):
        return PeriodicBlur(shape, gaussian_kernel(self.deviation, int(self.side)))

    def add_noise(self, y, rng):
        return add_white(y, self.sigma, rng)


@dataclass(frozen=True)
class PeriodicUniform(Problem):
    """``y = k * x + sigma n``, ``n ~ N(0, 1)``: means over squares of ``side`` pixels, odd, periodic boundary.

    ``sigma``, the standard deviation of the noise, in gray levels.
    """

    side: int
    sigma: float = 0.0

    name, unit = "periodic-uniform", "side of the kernel, pixels"
    levels, highest = (3, 5, 9), 99

    def __post_init__(self):
        super().__post_init__()
        check_side(self.name, self.side)

    def draw_operator(self, shape, rng):
        return PeriodicBlur(shape, [1 / self.side] * int(self.side))

    def add_noise(self, y, rng):
        return add_white(y, self.sigma, rng)


def check_side(name: str, side: float) -> None:
    """ValueError unless the side of a kernel is an odd number of pixels."""
    if side != int(side) or not side % 2 or side < 1:
        raise ValueError(f"{name}: the side of the kernel must be an odd number, got {side!r}")
