"""Counts: how far they are from Gaussian noise, and how constant their deviation is between two Anscombe transforms."""

import numpy as np
import torch
from scipy import stats

from ..methods.denoisers.anscombe import forth
from ..problems import Problem, problem

PEAKS = (1, 2, 4, 8, 255)  # counts where the clean image is white


def noise(peak: float) -> Problem:
    """The problem whose white has ``peak`` counts."""
    return problem("poisson", 255 / peak)


def distance(mean: float) -> float:
    """The largest difference of the distribution functions of Poisson counts and of the Gaussian of that mean and
    variance, taken half way between counts."""
    at = np.arange(int(mean + 12 * mean**0.5 + 12))
    gaussian = stats.norm.cdf(at + 0.5, mean, mean**0.5)
    return float(np.abs(stats.poisson.cdf(at, mean) - gaussian).max())


def deviations(means: np.ndarray) -> np.ndarray:
    """The deviation of ``2 sqrt(n + 3/8)`` for counts n of each mean, (m)."""
    at = np.arange(int(means.max() + 12 * means.max() ** 0.5 + 12))
    values = forth(torch.from_numpy(at.astype(float)), 1.0).numpy()
    weights = stats.poisson.pmf(at, means[:, None])
    return np.sqrt(weights @ values**2 - (weights @ values) ** 2)
