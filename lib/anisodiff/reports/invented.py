"""What a denoiser makes of the noise: the details of its image that another draw of the noise would change.

Details are high frequencies, an image minus its Gaussian mean of SCALE pixels. What changes while the photograph stays
the same is not in the photograph.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from ..problems import problem
from . import records

SCALE = 2.0  # pixels
GRAY = 128.0
WINDOW = 9  # pixels a side, in which a place is called flat or busy

Restore = Callable[[np.ndarray], np.ndarray]


def details(images: np.ndarray) -> np.ndarray:
    """The high frequencies of images, (..., H, W) to the same."""
    images = images.astype(np.float64)
    return images - gaussian_filter(images, SCALE, axes=(-2, -1))


def draws(
    restore: Restore, clean: np.ndarray, name: str, sigma: float, count: int = 4, seed: int = 0
) -> np.ndarray:
    """What a denoiser makes of an image (H, W) with ``count`` draws of Gaussian noise: (count, H, W)."""
    noise = problem("gaussian", sigma)
    return np.stack(
        [restore(records.degraded(clean, name, noise, seed + at)) for at in range(count)]
    )


def changing(restored: np.ndarray) -> np.ndarray:
    """The variance of the details over the draws, (n, H, W) to (H, W), squared gray levels."""
    return details(restored).var(0, ddof=1)


def busyness(clean: np.ndarray) -> np.ndarray:
    """The standard deviation of the gray levels around each pixel, (H, W) to the same."""
    values = clean.astype(np.float64)
    mean, square = uniform_filter(values, WINDOW), uniform_filter(values**2, WINDOW)
    return np.sqrt(np.maximum(square - mean**2, 0))


def between(clean: np.ndarray, low: float, high: float) -> np.ndarray:
    """Where an image (H, W) is as busy as two shares of its pixels say: a mask; 0 and 0.2: its flattest fifth."""
    found = busyness(clean)
    least, most = np.quantile(found, (low, high))
    return (found >= least) & (found <= most)


def level(variance: np.ndarray, where=...) -> float:
    """The root mean square of :func:`changing`, there where a mask says, in gray levels."""
    return float(np.sqrt(variance[where].mean()))


def share(restored: np.ndarray) -> float:
    """Which part of the energy of the details, (n, H, W), changes from draw to draw."""
    return float(changing(restored).mean() / (details(restored) ** 2).mean())


def by_busyness(
    pairs: list[tuple[np.ndarray, np.ndarray]], edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`level` over all pixels whose busyness is between two of ``edges``.

    ``pairs``: a clean image and what changes in it, both (H, W). Gives the mean busyness and the level, (edges - 1);
    NaN where there is no such pixel.
    """
    busy = np.concatenate([busyness(clean).ravel() for clean, _ in pairs])
    variance = np.concatenate([of.ravel() for _, of in pairs])
    group = np.digitize(busy, edges) - 1
    groups = [group == at for at in range(len(edges) - 1)]
    means = [[of[at].mean() if at.any() else np.nan for at in groups] for of in (busy, variance)]
    return np.array(means[0]), np.sqrt(means[1])


def flat(side: int) -> np.ndarray:
    """A flat image, (side, side)."""
    return np.full((side, side), GRAY, np.float32)


def left(restored: np.ndarray) -> dict[str, float]:
    """What is left of the noise on a flat image, (n, side, side), in gray levels.

    Its ``deviation``, that of its ``details``, its ``largest`` value, and the deviation of the ``grid``: of the means
    of the four pixels of a square of 2 x 2 over all squares, which a network on half-size images may tell apart.
    """
    grid = [restored[:, row::2, column::2].mean() for row in (0, 1) for column in (0, 1)]
    return {
        "deviation": float(restored.std()),
        "details": float(details(restored).std()),
        "largest": float(np.abs(restored - GRAY).max()),
        "grid": float(np.std(grid)),
    }


def strongest(restored: np.ndarray) -> np.ndarray:
    """The strongest detail of each draw, (n, H, W) to (n), in deviations of all details.

    On a flat image it is that of Gaussian noise for what a linear filter leaves, and more where a few patterns stand
    out of little.
    """
    found = details(restored)
    return np.abs(found).max((-2, -1)) / found.std()


def filtered(noisy: np.ndarray, strength: float) -> np.ndarray:
    """Images (n, H, W) after the Gaussian filter whose details, as a deviation, are ``strength`` gray levels."""
    narrow, wide = 0.1, 16.0  # pixels
    for _ in range(20):
        scale = np.sqrt(narrow * wide)
        found = gaussian_filter(noisy, scale, axes=(-2, -1))
        narrow, wide = (scale, wide) if details(found).std() > strength else (narrow, scale)
    return found
