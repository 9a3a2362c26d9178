"""How well samples stand for a posterior: its mean and variance where these are known, else coverage.

Samples are (S, H, W) gray levels.
"""

import numpy as np
from numpy.typing import NDArray


def error_of_mean(samples: NDArray, mean: NDArray, variance: NDArray) -> float:
    """The root mean square over the pixels of ``(mean of the samples - mean) / deviation``, with the posterior's mean
    and variance, (H, W): about ``S^-1/2`` for exact draws."""
    apart = (samples.mean(0) - mean) / np.sqrt(variance)
    return float(np.sqrt(np.mean(apart**2)))


def ratio_of_variances(samples: NDArray, variance: NDArray) -> float:
    """The sum over the pixels of the variances of the samples, over that of the posterior: 1 for exact draws."""
    return float(samples.var(0, ddof=1).sum() / variance.sum())


def coverage(samples: NDArray, clean: NDArray, share: float = 0.8, side: int = 8) -> float:
    """How often the mean of a square of ``side`` pixels of the clean image, (H, W), lies in the central ``share`` of
    those of the samples: ``share`` for a posterior that is right.

    The interval goes from the sample of rank ``(1 - share) / 2 (S + 1)`` to the one as far from the other end, ranks in
    between interpolated: of S + 1 draws alike each is as likely to have any rank. Raises ValueError for images smaller
    than a square, and where there are too few samples for the interval.
    """
    if min(clean.shape) < side:
        raise ValueError(f"expected at least {side} pixels a side, got {clean.shape}")
    if round((1 - share) / 2 * (len(samples) + 1), 9) < 1:
        raise ValueError(f"{len(samples)} samples are too few for an interval of {share:g}")
    found = [means(sample, side) for sample in samples]
    ends = (1 - share) / 2, (1 + share) / 2
    low, high = np.quantile(found, ends, axis=0, method="weibull")
    truth = means(clean, side)
    return float(np.mean((low <= truth) & (truth <= high)))


def means(image: NDArray, side: int) -> NDArray:
    """Of the squares of ``side`` pixels that fit into an image, (H, W), flat."""
    rows, columns = (extent // side for extent in image.shape)
    squares = image[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return squares.mean((1, 3)).ravel()
