"""Laws of the edginess of a degraded image, given the clean one: the propositions of the page on edginess.

The edginess ``e`` of an image is :func:`~anisodiff.metrics.structure.edginess`, in gray levels. An image of N pixels
has M pairs of neighbouring pixels, above or beside each other. The mean absolute difference of a pair is
``d = e N / M``.
"""

import numpy as np
from scipy import special

from .structure import edginess, expected_edginess


def variation(image: np.ndarray) -> np.ndarray:
    """``|d_x| + |d_y|`` of each pixel, by forward differences, in gray levels; from (H, W) to (H, W).

    Its mean over the pixels is the edginess. The differences beyond the last row and column are 0.
    """
    parts = []
    for axis in (0, 1):
        last = np.take(image, [-1], axis)
        parts.append(np.abs(np.diff(image, axis=axis, append=last)))
    return parts[0] + parts[1]


def pairs_per_pixel(shape: tuple[int, int]) -> float:
    """``M / N``, the number of pairs of neighbouring pixels per pixel, of an image (H, W)."""
    height, width = shape
    return ((height - 1) * width + height * (width - 1)) / (height * width)


def gaussian_difference(d: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Expected ``|y_i - y_j|`` of a pair of clean difference d under Gaussian noise, in gray levels.

    ``f(d) = d erf(d / 2 sigma) + 2 sigma / sqrt(pi) exp(-d^2 / 4 sigma^2)`` (Proposition 2); d and sigma broadcast.
    """
    ratio = d / (2 * sigma)
    return d * special.erf(ratio) + 2 * sigma / np.sqrt(np.pi) * np.exp(-(ratio**2))


def gaussian_bounds(
    e: np.ndarray, sigma: np.ndarray, pairs: float
) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of the expected edginess under Gaussian noise by the clean edginess alone, in gray levels.

    ``(M / N) f(d) <= E e(y) <= e(x) + (M / N) 2 sigma / sqrt(pi)`` (Proposition 2), where f is
    :func:`gaussian_difference` and ``pairs`` is M / N.
    """
    low = pairs * gaussian_difference(e / pairs, sigma)
    high = e + pairs * 2 * sigma / np.sqrt(np.pi)
    return low, high


def after_salt_pepper(e: np.ndarray, p: np.ndarray, pairs: float) -> np.ndarray:
    """Expected edginess after salt and pepper by the clean edginess alone, in gray levels.

    ``(1 - p)^2 e(x) + (1 - (1 - p)^2) (M / N) 255 / 2`` (Proposition 3), p the fraction of replaced pixels, in [0, 1].
    """
    kept = (1 - p) ** 2
    return kept * e + (1 - kept) * pairs * 255 / 2


def after_hole(clean: np.ndarray, area: float) -> float:
    """Estimated edginess after a rectangle is erased from a square image, in gray levels.

    ``(1 - a) e + (h + w) / N (2 m - d) (M / N) / 2`` (after Proposition 5): exact on average for an image that is alike
    everywhere, m its mean gray. a is the erased fraction of the area, in (0, 1), and (h + w) / N the mean over the
    study's rectangles, whose height is uniform between a and 1 of the image's.
    """
    before, pairs, side = edginess(clean), pairs_per_pixel(clean.shape), clean.shape[0]
    perimeter = ((1 + area) / 2 + area * np.log(1 / area) / (1 - area)) / side
    return (1 - area) * before + perimeter * (2 * clean.mean() - before / pairs) * pairs / 2


def predicted(clean: np.ndarray, kind: str, level: float) -> float:
    """Edginess of a degraded image as its law has it: exact expectation for a noise, estimate for inpainting."""
    return (
        after_hole(clean, level) if kind == "inpainting" else expected_edginess(clean, kind, level)
    )
