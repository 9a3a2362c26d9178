"""How much of an image is edge, and what a coefficient function does with it; images are (H, W) floats on 0..255."""

import numpy as np
import torch
from scipy import special
from scipy.ndimage import uniform_filter

from ..methods.diffusion.borders import labels
from ..methods.diffusion.scheme import gradient


def edginess(image: np.ndarray) -> float:
    """Sum over the pixels of the absolute forward differences along both axes, divided by the number of pixels."""
    return float(
        sum(d.abs().sum() for d in gradient(torch.from_numpy(image).double())) / image.size
    )


def g_intensity(g: np.ndarray, clean: np.ndarray) -> float:
    """Correlation of a coefficient function with the clean image's intensity, both as means over 8 x 8 pixels.

    Both (H, W); in [-1, 1], below 0 where dark regions diffuse more; 0 where one of the two does not vary.
    """
    means = [
        uniform_filter(values.astype(np.float64), 8)[4::8, 4::8].ravel() for values in (g, clean)
    ]
    return float(np.corrcoef(means)[0, 1]) if min(map(np.std, means)) > 1e-9 else 0.0


def g_borders(g: np.ndarray, clean: np.ndarray, threshold: float = 30) -> float:
    """Mean of a coefficient function on the clean image's borders minus its mean beside them, over its mean size.

    Both (H, W); borders as :func:`~.borders.labels` has them; below 0 where they diffuse less, -1 for not at
    all; 0 where there are none.
    """
    border = labels(torch.from_numpy(clean)[None, None], threshold)[0, 0].numpy() > 0
    if not 0 < border.mean() < 1:
        return 0.0
    return float((g[border].mean() - g[~border].mean()) / max(np.abs(g).mean(), 1e-12))


def g_spread(g: np.ndarray, clean: np.ndarray) -> float:
    """How far apart high and low values of a coefficient function are: its 95th minus its 5th percentile, over the
    95th of its size."""
    return float(np.subtract(*np.percentile(g, (95, 5))) / max(np.percentile(np.abs(g), 95), 1e-12))


def expected_edginess(clean: np.ndarray, kind: str, level: float) -> float:
    """Expectation of the edginess after one of the three noises, exact for the given image.

    For neighbours ``a, b`` with ``d = |a - b|``, the expected absolute difference is
    gaussian: ``d erf(d / 2 sigma) + 2 sigma / sqrt(pi) exp(-d^2 / 4 sigma^2)``;
    salt-pepper: ``(1 - p)^2 d + (1 - (1 - p)^2) 255 / 2``, for pixels on 0..255;
    poisson: ``gain E|K - M|`` for independent counts of means ``k = a / gain`` and ``m = b / gain``, where
    ``E|K - M| = (k - m) (P(K > M) - P(K < M)) + exp(-k - m) ((k + m) I0(z) + z I1(z))`` with ``z = 2 sqrt(k m)``.

    Raises ValueError for a degradation that is not one of these.
    """
    x = clean.astype(np.float64)
    a, b = (
        np.concatenate([u.ravel() for u in pair])
        for pair in ((x[:, 1:], x[1:]), (x[:, :-1], x[:-1]))
    )
    d = np.abs(a - b)
    if kind == "gaussian":
        expected = d * special.erf(d / (2 * level)) + 2 * level / np.pi**0.5 * np.exp(
            -((d / (2 * level)) ** 2)
        )
    elif kind == "salt-pepper":
        kept = (1 - level) ** 2
        expected = kept * d + (1 - kept) * 255 / 2
    elif kind == "poisson":
        k, m, z = a / level, b / level, 2 * np.sqrt(a * b) / level
        # P(K > M) is a noncentral chi-square distribution function of two degrees of freedom (Johnson 1959).
        balance = special.chndtr(2 * k, 2, 2 * m) - special.chndtr(2 * m, 2, 2 * k)
        # The scaled Bessel functions, exp(-z) I(z), do not overflow.
        bessel = (k + m) * special.ive(0, z) + z * special.ive(1, z)
        expected = level * ((k - m) * balance + np.exp(-((np.sqrt(k) - np.sqrt(m)) ** 2)) * bessel)
    else:
        raise ValueError(
            f"the expected edginess is known for gaussian, poisson and salt-pepper, not for {kind!r}"
        )
    return float(expected.sum() / clean.size)


COEFFICIENT = {"g-intensity": g_intensity, "g-borders": g_borders, "g-spread": g_spread}


def g_by_gradient(
    g: np.ndarray, image: np.ndarray, groups: int = 24
) -> tuple[np.ndarray, np.ndarray]:
    """The mean of g against the mean length of the image's gradient, in groups of pixels of similar gradient.

    ``g`` and ``image`` are (H, W). The groups are bounded by quantiles of the gradient's length (central differences,
    gray levels a pixel), from the smallest to the largest. Both results are (groups).
    """
    length = np.hypot(*np.gradient(image))
    bounds = np.quantile(length, np.linspace(0, 1, groups + 1))
    group = np.digitize(length, bounds[1:-1])
    means = [[of[group == at].mean() for at in range(groups)] for of in (length, g)]
    return np.array(means[0]), np.array(means[1])


def beyond_range(states: list[np.ndarray], degraded: np.ndarray) -> float:
    """By how many gray levels states of a diffusion leave the range of the degraded image; 0 where none does."""
    above = max(float(u.max()) for u in states) - float(degraded.max())
    below = float(degraded.min()) - min(float(u.min()) for u in states)
    return max(0.0, above, below)


def borders_kept(restored: np.ndarray, clean: np.ndarray, threshold: float = 30) -> float:
    """The share of the height of a clean image's borders that a restored one keeps; both (H, W).

    ``sum d d' / sum d^2`` over the neighbouring pixels whose clean difference d is above ``threshold`` gray levels,
    where d' is the restored one: 1 for the clean image, and on average for one with noise; 0 for a constant one.
    """
    found, before = (np.concatenate(_differences(image)) for image in (restored, clean))
    at = np.abs(before) > threshold
    return float(np.sum(found[at] * before[at]) / np.sum(before[at] ** 2)) if at.any() else 1.0


def roughness(restored: np.ndarray, clean: np.ndarray, flat: float = 5) -> float:
    """What a restored image has too much of in flat parts; both (H, W), in gray levels.

    The root mean square of ``d' - d`` over the neighbouring pixels whose clean difference d is below ``flat``.
    """
    found, before = (np.concatenate(_differences(image)) for image in (restored, clean))
    at = np.abs(before) < flat
    return float(np.sqrt(np.mean((found - before)[at] ** 2))) if at.any() else 0.0


def _differences(image: np.ndarray) -> list[np.ndarray]:
    return [np.diff(image.astype(np.float64), axis=axis).ravel() for axis in (0, 1)]
