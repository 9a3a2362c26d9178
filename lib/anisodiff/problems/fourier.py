"""Fourier coefficients that are not measured, as in magnetic resonance imaging that is to be fast."""

from dataclasses import dataclass

import numpy as np
import torch

from .base import Problem
from .noise import add_white
from .operators import Fourier

CENTRE = 0.08  # of the lines: the low frequencies, which are always measured


@dataclass(frozen=True)
class Undersampled(Problem):
    """``y = M (F x + sigma n)``, ``n ~ N(0, 1)``: whole columns of the Fourier transform, a ``share`` of them.

    The lowest frequencies, 8 % of the columns, are measured, and of the others a random choice; F is the orthonormal
    Hartley transform, a real form of Fourier's. ``sigma``, the standard deviation of the noise of a coefficient.
    """

    share: float
    sigma: float = 0.0

    name, unit = "fourier", "share of the columns measured"
    levels, highest = (0.5, 0.33, 0.25), 1

    def placed(self, shape):
        raise ValueError(
            "fourier: which columns were measured is not known; give the problem of the measurement"
        )

    def draw_operator(self, shape, rng):
        columns = shape[1]
        frequency = np.minimum(np.arange(columns), columns - np.arange(columns))
        chance = rng.random(columns // 2 + 1)[frequency]  # the same for both signs
        chance[frequency <= CENTRE * columns / 2] = -1
        kept = chance <= np.quantile(chance, self.share)
        return Fourier(torch.from_numpy(np.broadcast_to(kept, shape).copy()))

    def add_noise(self, y, rng):
        return torch.where(self.operator.mask, add_white(y, self.sigma, rng), 0)
