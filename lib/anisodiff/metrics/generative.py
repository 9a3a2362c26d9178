"""How far drawn images are from real ones, as distributions; images are (N, H, W) gray levels on 0..255."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.linalg import eigh, eigvalsh
from scipy.stats import kurtosis as _kurtosis


def frechet(first: NDArray, second: NDArray) -> float:
    """Frechet's distance of the Gaussians with the means and covariances of two sets of features, (N, D) and (M, D).

    ``|m_1 - m_2|^2 + tr(C_1 + C_2 - 2 (C_1^1/2 C_2 C_1^1/2)^1/2)``, in squared units of the features. Raises ValueError
    for fewer than two images in a set.
    """
    if min(len(first), len(second)) < 2:
        raise ValueError(
            f"expected two images at least in each set, got {len(first)} and {len(second)}"
        )
    means = [one.mean(0) for one in (first, second)]
    spreads = [np.atleast_2d(np.cov(one.T)) for one in (first, second)]
    values, vectors = eigh(spreads[0])
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    product = eigvalsh(root @ spreads[1] @ root).clip(0)
    apart = ((means[0] - means[1]) ** 2).sum()
    return float(apart + np.trace(spreads[0] + spreads[1]) - 2 * np.sqrt(product).sum())


def components(real: NDArray, count: int = 64):
    """The projection on the first principal components of real images: a function of (N, H, W) to (N, count)."""
    flat = real.reshape(len(real), -1).astype(np.float64)
    mean = flat.mean(0)
    last = flat.shape[1] - 1
    _, vectors = eigh(np.cov(flat.T), subset_by_index=(last + 1 - count, last))
    return lambda images: (images.reshape(len(images), -1) - mean) @ vectors[:, ::-1] / 255


def entropy(classes: NDArray, count: int = 10) -> float:
    """That of the shares of classes 0 to ``count - 1``, over that of equal shares: in [0, 1]."""
    shares = np.bincount(classes, minlength=count) / len(classes)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum() / np.log(count))


def nearest(images: NDArray, among: NDArray) -> tuple[NDArray, NDArray]:
    """Of each image the number of the nearest one among others, and their root mean square distance in gray levels."""
    flat, others = (of.reshape(len(of), -1).astype(np.float64) for of in (images, among))
    squares = (flat**2).sum(1)[:, None] + (others**2).sum(1) - 2 * flat @ others.T
    which = squares.argmin(1)
    apart = squares[np.arange(len(flat)), which].clip(0)
    return which, np.sqrt(apart / flat.shape[1])


def slope(images: NDArray) -> float:
    """Of the mean power spectrum against the frequency, both in the logarithm: about -2 for photographs.

    Least squares over the means of rings of one cycle an image, from two cycles to half of the highest frequency.
    Images are square; Hann's window takes their borders away.
    """
    side = images.shape[-1]
    window = np.outer(*(np.hanning(side + 1)[:-1],) * 2)
    centred = images - images.mean((1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(centred * window)) ** 2).mean(0)
    at = np.fft.fftfreq(side, 1 / side)
    rings = np.rint(np.hypot(at[:, None], at)).astype(int)
    means = np.bincount(rings.ravel(), power.ravel()) / np.bincount(rings.ravel())
    used = np.arange(2, side // 4 + 1)
    return float(np.polyfit(np.log(used), np.log(means[used]), 1)[0])


def kurtosis(images: NDArray) -> float:
    """Of the differences of neighbours along a row: 3 for Gaussian images, far more where there are edges."""
    return float(_kurtosis(np.diff(images, axis=2), axis=None, fisher=False))


def sliced_wasserstein(
    first: NDArray, second: NDArray, side: int = 7, directions: int = 64, seed: int = 0
) -> float:
    """How far the patches of two sets of images are apart, in gray levels; each set has the same shape.

    The root mean square, over random directions, of Wasserstein's distance of the patches' projections on them: that of
    the sorted values. Patches have ``side`` x ``side`` pixels and begin at every third one. Raises ValueError for sets
    of different shapes. Source: Rabin, Peyre, Delon, Bernot, SSVM 2011.
    """
    if first.shape != second.shape:
        raise ValueError(f"expected sets of one shape, got {first.shape} and {second.shape}")
    drawn = np.random.default_rng(seed).standard_normal((side**2, directions))
    drawn /= np.linalg.norm(drawn, axis=0)
    patches = (
        sliding_window_view(of, (side, side), axis=(1, 2))[:, ::3, ::3].reshape(-1, side**2)
        for of in (first, second)
    )
    projected = [np.sort(of @ drawn, axis=0) for of in patches]
    return float(np.sqrt(np.square(projected[0] - projected[1]).mean()))
