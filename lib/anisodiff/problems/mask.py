"""Pixels that are lost, their places known: a rectangle, single ones, or those below a text."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from .base import Problem
from .noise import add_white
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


@dataclass(frozen=True)
class MissingPixels(Problem):
    """Single pixels are set to 0, each with the probability ``share``; the channels share them.

    ``sigma``, the standard deviation of the noise of the others, in gray levels.
    """

    share: float
    sigma: float = 0.0

    name, unit = "missing-pixels", "share of the pixels lost"
    levels, highest = (0.25, 0.5, 0.8), 1

    def placed(self, shape):
        raise ValueError(
            "missing-pixels: which were lost is not known; give the problem of the measurement"
        )

    def draw_operator(self, shape, rng):
        return Mask(torch.from_numpy(rng.random(shape) >= self.share))

    def add_noise(self, y, rng):
        return self.operator.A(add_white(y, self.sigma, rng))


@dataclass(frozen=True)
class Text(Problem):
    """The pixels below lines of text with letters of ``height`` pixels are set to 0."""

    height: float

    name, unit = "text", "height of the letters, pixels"
    levels, highest = (12, 20), 200

    def draw_operator(self, shape, rng):
        rows, columns = shape
        drawn = Image.new("L", (columns, rows), 255)
        words = "What is written here hides the image. " * (1 + columns // 40)
        font = ImageFont.load_default(self.height)
        for line in range(int(rows / (1.5 * self.height)) + 1):
            place = (-line * self.height, 1.5 * line * self.height)
            ImageDraw.Draw(drawn).text(place, words, fill=0, font=font)
        return Mask(torch.from_numpy(np.asarray(drawn) > 127))
