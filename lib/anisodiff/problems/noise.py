"""Noise on the image itself: the operator is the identity."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .base import Problem
from .operators import Identity


@dataclass(frozen=True)
class Gaussian(Problem):
    """``y = x + sigma n``, ``n ~ N(0, 1)``; sigma is a standard deviation in gray levels."""

    sigma: float

    name, unit = "gaussian", "standard deviation, gray levels"
    levels, highest = (5, 10, 15, 20, 25, 35, 50), 1000

    def draw_operator(self, shape, rng):
        return Identity(shape)

    def add_noise(self, y, rng):
        return add_white(y, self.sigma, rng)


@dataclass(frozen=True)
class Poisson(Problem):
    """``y = gain Poisson(x / gain)``, of variance ``gain x``; the gain is in gray levels a count.

    Where ``x`` is negative, y is 0.
    """

    gain: float

    name, unit = "poisson", "gain, gray levels per count"
    levels, highest = (0.5, 1, 2.5, 5.5, 10, 20), 255

    def draw_operator(self, shape, rng):
        return Identity(shape)

    def add_noise(self, y, rng):
        counts = rng.poisson(np.maximum(y.numpy(), 0) / self.gain)
        return torch.from_numpy(self.gain * counts)


def add_white(y: Tensor, sigma: float, rng: np.random.Generator) -> Tensor:
    """``y + sigma n``, ``n ~ N(0, 1)``, in float64; ``y`` itself, and nothing drawn, where sigma is 0."""
    if sigma == 0:
        return y
    return torch.from_numpy(y.numpy() + sigma * rng.standard_normal(y.shape))
