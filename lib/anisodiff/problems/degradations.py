"""The five degradations of the study: how a clean image becomes the image that a model must restore.

A degradation is a small frozen class with a name, a level and the level's unit; calling it with a clean image
``x``, (H, W) on 0..255, and a generator gives the degraded ``y``, float32, neither clipped nor rounded. All draws
come from the generator, so that the same seed gives the same image on every machine.
"""

import zlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter


@dataclass(frozen=True)
class _Degradation:
    level: float
    name: ClassVar[str]
    unit: ClassVar[str]
    levels: ClassVar[tuple[float, ...]]  # those of the study's curves
    highest: ClassVar[float]

    def __post_init__(self):
        if not 0 < self.level <= self.highest:
            raise ValueError(
                f"{self.name}: the level ({self.unit}) must be above 0 and at most {self.highest:g}, got {self.level!r}"
            )


@dataclass(frozen=True)
class Gaussian(_Degradation):
    """``y = x + sigma n``, ``n ~ N(0, 1)``; the level is the standard deviation sigma in gray levels."""

    name, unit = "gaussian", "standard deviation, gray levels"
    levels, highest = (5, 10, 15, 20, 25, 35, 50), 255

    def __call__(self, clean, generator):
        return (clean + self.level * generator.standard_normal(clean.shape)).astype(np.float32)


@dataclass(frozen=True)
class Poisson(_Degradation):
    """``y = gain Poisson(x / gain)``, of variance ``gain x``; the level is the gain in gray levels a count."""

    name, unit = "poisson", "gain, gray levels per count"
    levels, highest = (0.5, 1, 2.5, 5.5, 10, 20), 255

    def __call__(self, clean, generator):
        return (self.level * generator.poisson(np.maximum(clean, 0) / self.level)).astype(
            np.float32
        )


@dataclass(frozen=True)
class SaltPepper(_Degradation):
    """Each pixel is replaced with probability p, by 0 or by 255 with equal chance; the level is p."""

    name, unit = "salt-pepper", "fraction of replaced pixels"
    levels, highest = (0.05, 0.1, 0.2, 0.35, 0.5), 1

    def __call__(self, clean, generator):
        replaced = generator.random(clean.shape) < self.level
        extreme = 255 * generator.integers(0, 2, clean.shape)
        return np.where(replaced, extreme, clean).astype(np.float32)


@dataclass(frozen=True)
class Blur(_Degradation):
    """Convolution with a Gaussian of variance v, reflecting boundary; the level is v in squared pixels."""

    name, unit = "blur", "variance of the kernel, pixels²"
    levels, highest = (1, 2.25, 4, 9, 16), 400

    def __call__(self, clean, generator):
        return gaussian_filter(clean.astype(np.float64), self.level**0.5, mode="reflect").astype(
            np.float32
        )


@dataclass(frozen=True)
class Inpainting(_Degradation):
    """One random axis-parallel rectangle is set to 0; the level is the fraction of the area that it covers.

    Its height is uniform between the least that lets the width fit and the image's, its place uniform.
    """

    name, unit = "inpainting", "fraction of the area erased"
    levels, highest = (0.05, 0.1, 0.2, 0.35, 0.5), 1

    def __call__(self, clean, generator):
        rows, columns = clean.shape
        share = generator.uniform(self.level, 1)  # of the rows; the columns make up the area
        height = max(1, round(share * rows))
        width = min(columns, max(1, round(self.level * rows * columns / height)))
        top, left = generator.integers(rows - height + 1), generator.integers(columns - width + 1)
        degraded = clean.astype(np.float32, copy=True)
        degraded[top : top + height, left : left + width] = 0
        return degraded


DEGRADATIONS = {kind.name: kind for kind in (Gaussian, Poisson, SaltPepper, Blur, Inpainting)}


def degradation(name: str, level: float) -> _Degradation:
    """A degradation by name and level; ValueError names what was met and what there is."""
    if name not in DEGRADATIONS:
        raise ValueError(f"unknown degradation {name!r}; there are: {', '.join(DEGRADATIONS)}")
    return DEGRADATIONS[name](level)


def seeded(seed: int, collection: str, image: str, kind: _Degradation) -> np.random.Generator:
    """The generator (PCG64) for one degraded image of the study: a function of its arguments alone."""
    words = "/".join((collection, image, kind.name, f"{kind.level:g}"))
    return np.random.default_rng([seed, zlib.crc32(words.encode())])
