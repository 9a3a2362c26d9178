"""Fewer pixels, with or without noise after it: the problem of super-resolution."""

import math
from dataclasses import dataclass

from .base import Problem
from .blur import check_side
from .noise import add_white
from .operators import BicubicDownsample, BlockAverage, PeriodicBlur, gaussian_kernel


@dataclass(frozen=True)
class Downsample(Problem):
    """``y = D x + sigma n``, ``n ~ N(0, 1)``: antialiased bicubic downsampling.

    ``factor`` along each axis, a whole number of at least 2; ``sigma``, the standard deviation of the noise, in gray
    levels.
    """

    factor: int
    sigma: float = 0.0

    name, unit = "downsample", "factor along each axis"
    levels, highest = (2, 3, 4), 8

    def __post_init__(self):
        super().__post_init__()
        _check_factor(self.name, self.factor)

    def placed(self, shape):
        return super().placed(tuple(int(self.factor * extent) for extent in shape))

    def draw_operator(self, shape, rng):
        return BicubicDownsample(shape, self.factor)

    def add_noise(self, y, rng):
        return add_white(y, self.sigma, rng)


@dataclass(frozen=True)
class BlurDownsample(Problem):
    """``y = (k * x) kept at every factor-th pixel + sigma n``, ``n ~ N(0, 1)``: a Gaussian k, periodic boundary.

    ``factor`` along each axis, a whole number of at least 2; ``deviation`` of the kernel in pixels and its ``side``,
    an odd number of pixels; ``sigma``, the standard deviation of the noise, in gray levels.
    """

    factor: int
    deviation: float = 1.6
    side: int = 7
    sigma: float = 0.0

    name, unit = "blur-downsample", "factor along each axis"
    levels, highest = (2, 3, 4), 8

    def __post_init__(self):
        super().__post_init__()
        _check_factor(self.name, self.factor)
        check_side(self.name, self.side)
        if not 0 < self.deviation < math.inf:
            raise ValueError(
                f"blur-downsample: the deviation must be above 0, got {self.deviation!r}"
            )

    def placed(self, shape):
        return super().placed(tuple(int(self.factor * extent) for extent in shape))

    def draw_operator(self, shape, rng):
        return PeriodicBlur(shape, gaussian_kernel(self.deviation, int(self.side)), self.factor)

    def add_noise(self, y, rng):
        return add_white(y, self.sigma, rng)


@dataclass(frozen=True)
class BlockMeans(Downsample):
    """``y = M x + sigma n``, ``n ~ N(0, 1)``: the means of squares of ``factor`` x ``factor`` pixels.

    ``factor``, a whole number of at least 2; ``sigma``, the standard deviation of the noise, in gray levels.
    """

    name, unit = "block-means", "side of a square in pixels"

    def draw_operator(self, shape, rng):
        return BlockAverage(shape, self.factor)


def _check_factor(name: str, factor: float) -> None:
    if factor < 2 or factor != int(factor):
        raise ValueError(f"{name}: the factor must be a whole number of at least 2, got {factor!r}")
