"""Pixels that are lost, their places known."""

from dataclasses import dataclass

import torch

from .base import Problem
from .operators import Mask


@dataclass(frozen=True)
class Inpainting(Problem):
    """One random axis-parallel rectangle is set to 0; ``area`` is the fraction of the image that it covers.

    Its height is uniform between the least that lets the width fit and the image's, its place uniform; the channels
    share it.
    """

    area: float

    name, unit = "inpainting", "fraction of the area erased"
    levels, highest = (0.05, 0.1, 0.2, 0.35, 0.5), 1

    def placed(self, shape):
        raise ValueError(
            "inpainting: which pixels were lost is not known; give the problem of the measurement"
        )

    def draw_operator(self, shape, rng):
        rows, columns = shape
        share = rng.uniform(self.area, 1)  # of the rows; the columns make up the area
        height = max(1, round(share * rows))
        width = min(columns, max(1, round(self.area * rows * columns / height)))
        top, left = rng.integers(rows - height + 1), rng.integers(columns - width + 1)
        known = torch.ones(shape, dtype=torch.bool)
        known[top : top + height, left : left + width] = False
        return Mask(known)
