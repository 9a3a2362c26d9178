"""Pixels that are lost, their places unknown: no linear operator."""

from dataclasses import dataclass

import numpy as np
import torch

from .base import Problem


@dataclass(frozen=True)
class SaltPepper(Problem):
    """Each pixel is replaced with probability ``fraction``, by 0 or by 255 with equal chance.

    Each channel of a pixel is drawn for itself.
    """

    fraction: float

    name, unit = "salt-pepper", "fraction of replaced pixels"
    levels, highest = (0.05, 0.1, 0.2, 0.35, 0.5), 1

    def add_noise(self, y, rng):
        replaced = rng.random(y.shape) < self.fraction
        extreme = 255 * rng.integers(0, 2, y.shape)
        return torch.from_numpy(np.where(replaced, extreme, y.numpy()))
