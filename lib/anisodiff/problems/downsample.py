"""Fewer pixels, with or without noise after it: the problem of super-resolution."""

from dataclasses import dataclass

from .base import Problem
from .noise import add_white
from .operators import BicubicDownsample


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
        if self.factor < 2 or self.factor != int(self.factor):
            raise ValueError(
                f"downsample: the factor must be a whole number of at least 2, got {self.factor!r}"
            )

    def placed(self, shape):
        return super().placed(tuple(self.factor * extent for extent in shape))

    def draw_operator(self, shape, rng):
        return BicubicDownsample(shape, self.factor)

    def add_noise(self, y, rng):
        return add_white(y, self.sigma, rng)
