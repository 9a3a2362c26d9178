"""What a training draws: crops of clean images, a problem for each, and its measurement."""

from dataclasses import dataclass

import numpy as np
import torch

from ..data import collections
from ..problems.base import Problem
from .objectives import Batch


@dataclass(frozen=True)
class Problems:
    """The problems of a training: one of ``kinds`` at random, at ``level``, or, for None, at any of its study's levels.

    A random level is even in its logarithm, between the first and the last of ``kind.levels``, or, where ``between``
    is given, even between these two, or in its logarithm where it is ``logarithmic``.
    """

    kinds: tuple[type[Problem], ...]
    level: float | None = None
    between: tuple[float, float] | None = None
    logarithmic: bool = False

    def draw(self, rng: np.random.Generator) -> Problem:
        if self.level is not None:
            return self.kinds[0](self.level)
        kind = self.kinds[0] if len(self.kinds) == 1 else self.kinds[rng.choice(len(self.kinds))]
        if self.between is not None and not self.logarithmic:
            return kind(float(rng.uniform(*self.between)))
        ends = np.log(self.between or [kind.levels[at] for at in (0, -1)])
        return kind(float(np.exp(rng.uniform(*ends))))


@dataclass(frozen=True)
class Batches:
    """Random batches of a collection, each from its own generator; every tenth image is held out for validation."""

    images: list[collections.Image]
    problems: Problems
    crop: int  # side, pixels
    seed: int
    upright: bool = False  # no crop is flipped or turned

    def training(self, step: int, count: int) -> Batch:
        """The batch of a step."""
        kept = [image for at, image in enumerate(self.images) if at % 10]
        return self._batch(kept, count, np.random.default_rng([self.seed, 2, step]))

    def validation(self, count: int) -> Batch:
        """The held-out crops, always the same."""
        return self._batch(self.images[::10], count, np.random.default_rng([self.seed, 1]))

    def _batch(self, images: list, count: int, rng: np.random.Generator) -> Batch:
        clean = collections.random_crops(images, self.crop, count, rng, self.upright)
        drawn = [self.problems.draw(rng) for _ in clean]
        degraded = [how.measure(crop, rng).y for how, crop in zip(drawn, clean, strict=True)]
        levels = torch.tensor([float(how.level) for how in drawn])[:, None, None, None]
        return Batch(torch.from_numpy(clean)[:, None], torch.stack(degraded)[:, None], levels)
