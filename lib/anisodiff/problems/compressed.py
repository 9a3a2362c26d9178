"""A few random mixtures of all pixels: compressed sensing."""

from dataclasses import dataclass

import torch

from .base import Problem
from .noise import add_white
from .operators import Compressed


@dataclass(frozen=True)
class CompressedSensing(Problem):
    """``y = M (C P x + sigma n)``, ``n ~ N(0, 1)``: a ``share`` of the cosine coefficients of shuffled pixels.

    P puts the pixels in a random order, C is the orthonormal DCT-II, and M keeps the first coefficient, which tells the
    mean, and a random choice of the others. ``sigma``, the standard deviation of the noise of a coefficient.
    """

    share: float
    sigma: float = 0.0

    name, unit = "compressed", "share of the coefficients measured"
    levels, highest = (0.5, 0.25, 0.125), 1

    def placed(self, shape):
        raise ValueError(
            "compressed: which coefficients were measured is not known; give the problem of the measurement"
        )

    def draw_operator(self, shape, rng):
        pixels = shape[0] * shape[1]
        chance = rng.random(pixels)
        chance[0] = -1
        mask = torch.zeros(pixels, dtype=torch.bool)
        mask[chance.argsort()[: max(1, round(self.share * pixels))]] = True
        return Compressed(mask.reshape(shape), torch.from_numpy(rng.permutation(pixels)))

    def add_noise(self, y, rng):
        return torch.where(self.operator.mask, add_white(y, self.sigma, rng), 0)
