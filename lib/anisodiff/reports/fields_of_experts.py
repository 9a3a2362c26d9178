"""What a Field of Experts has learned: its functions, its strongest experts, and its common function.

The functions are ``phi_i`` of :class:`~anisodiff.methods.diffusion.experts.Experts`, on [0, 1], of the sigmoid of a
kernel's response.
"""

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq

from ..methods.diffusion import evolution
from ..methods.diffusion.experts import noise_level
from ..methods.restorer import Restorer
from ..metrics.ellipticity import turning_point
from ..metrics.structure import beyond_range, borders_kept, g_by_gradient, roughness
from ..study import restorers, runs
from . import claims, records


def functions(restorer: Restorer, x: np.ndarray) -> np.ndarray:
    """``phi_i(x)`` for x (n) in [0, 1]: (E, n)."""
    with torch.inference_mode():
        learned = restorer.module.diffusivity.functions
        return learned.functions(torch.from_numpy(x).float()).numpy()


def similarity(restorer: Restorer, x: np.ndarray) -> float:
    """The mean correlation of two different functions on x (n), over all pairs."""
    every = functions(restorer, x)
    return float(np.corrcoef(every)[np.triu_indices(len(every), 1)].mean())


def imbalance(restorer: Restorer) -> np.ndarray:
    """``|sum k| / sum |k|`` of each expert's kernel, (E): 0 for a derivative, 1 for a mean of brightness."""
    kernels = restorer.module.diffusivity.kernels.numpy()
    kernels = kernels.reshape(len(kernels), -1)
    return np.abs(kernels.sum(1)) / np.abs(kernels).sum(1)


def strongest(restorer: Restorer, degraded: np.ndarray, count: int) -> np.ndarray:
    """The experts, (count) indices, whose ``phi_i`` have the largest standard deviation over the pixels of (H, W)."""
    x = np.linspace(0, 1, 201)
    batch = torch.from_numpy(degraded)[None, None]
    with torch.inference_mode():
        responses = torch.sigmoid(restorer.module.diffusivity.responses(batch))
    seen = responses[0].flatten(1).numpy()
    pairs = zip(seen, functions(restorer, x), strict=True)
    spread = np.array([np.interp(response, x, function).std() for response, function in pairs])
    return np.argsort(-spread)[:count]


def common(restorer: Restorer, response: np.ndarray) -> np.ndarray:
    """``G(x) = sigmoid(sum_i phi_i(sigmoid(x)))``, g where all kernels have the same response x: (n) to (n).

    Without the bound, and for the functions of Roth and Black, ``exp`` in place of the outer sigmoid.
    """
    diffusivity = restorer.module.diffusivity
    experts = len(diffusivity.kernels)
    with torch.inference_mode():
        alike = torch.from_numpy(response).float().expand(1, experts, 1, -1)
        total = diffusivity.functions(alike)[0, 0, 0]
        g = torch.sigmoid(total) if diffusivity.bounded else torch.exp(total)
    return g.numpy()


def reach(restorer: Restorer, degraded: list[np.ndarray]) -> float:
    """How far the kernels respond: 99 % of all responses to degraded images, (H, W), are at most as large."""
    found = []
    with torch.inference_mode():
        for image in degraded:
            responses = restorer.module.diffusivity.responses(torch.from_numpy(image)[None, None])
            found.append(responses.abs().flatten().numpy()[::7])  # plenty
    return float(np.quantile(np.concatenate(found), 0.99))


def turns(restorer: Restorer, farthest: float) -> tuple[bool, float, bool, float]:
    """Whether the common function is anisotropic, and at which response its ellipticity turns negative (infinite:
    never), for responses above 0 up to ``farthest`` and for those below."""
    size = np.linspace(0, farthest, 601)
    sides = (common(restorer, sign * size).astype(float) for sign in (1, -1))
    return tuple(value for g in sides for value in turning_point(size, g))


def ellipticity_table(
    models: list[str], levels: tuple[float, ...], degraded: dict[float, list[np.ndarray]]
) -> pd.DataFrame:
    """:func:`turns` of models as far as their kernels respond to the degraded images of each level: a row for each.

    Columns ``reach``, ``above``, ``turns_above``, ``below`` and ``turns_below``.
    """
    rows = []
    for model in models:
        for level in levels:
            restorer = restorers.load(model, "gaussian", level)
            farthest = reach(restorer, degraded[level])
            rows.append((model, level, farthest, *turns(restorer, farthest)))
    columns = ["model", "level", "reach", "above", "turns_above", "below", "turns_below"]
    return pd.DataFrame(rows, columns=columns)


def untrained_is_anisotropic(level: float, degraded: list[np.ndarray]) -> bool:
    """Whether FoE-S is anisotropic before its training, as far as its kernels respond."""
    restorer = restorers.untrained(runs.Run("foe-s", "gaussian", level))
    above, _, below, _ = turns(restorer, reach(restorer, degraded))
    return above and below


def anisotropic_by_gradient(restorer: Restorer, degraded: list[np.ndarray]) -> bool:
    """Whether the mean of g against the gradient of the restored images, pooled over some, is anisotropic."""
    restored = [restorer.restore(image) for image in degraded]
    g = [restorer.coefficient(*pair) for pair in zip(restored, degraded, strict=True)]
    length, means = g_by_gradient(np.hstack(g), np.hstack(restored))
    return turning_point(np.append(0, length), np.append(means[0], means))[0]


def over_release(level: float) -> records.Interval:
    """By how much more FoE-S gains on the tuned classic than the released weights do, in dB, with its 95 % interval.

    The release's gain is known by its mean and standard error alone, so that the variances of both gains are added.
    """
    ours, low, high = records.gain("foe-s", "perona-malik", level=level)
    theirs = claims.published("release-gain", "FoE-S", level, "psnr")
    error = claims.published("release-gain", "FoE-S", level, "error")
    half = float(np.hypot((high - low) / 2, 1.96 * error))
    return ours - theirs, ours - theirs - half, ours - theirs + half


def excess(restorer: Restorer, degraded: np.ndarray) -> tuple[float, float]:
    """The largest g of all steps, and by how many gray levels a state leaves the range of the degraded image."""
    found = evolution.states(restorer, degraded)
    largest = max(float(restorer.coefficient(u, degraded).max()) for u in found[:-1])
    return largest, beyond_range(found, degraded)


def own_noise(clean: np.ndarray) -> float:
    """The standard deviation of the noise that a clean image, (H, W), has already, as :func:`noise_level` finds it."""
    return float(noise_level(torch.from_numpy(clean)[None, None].float()))


def best(quality: dict[str, float], within: float) -> str:
    """Which methods restore an image best, or by less than ``within`` dB worse; a sentence of their names."""
    first = [name for name, of in quality.items() if of > max(quality.values()) - within]
    return f"{' and '.join(first)} restore{'s' if len(first) == 1 else ''} it best"


def edges_kept(restored: np.ndarray, degraded: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """What a restored image keeps of the clean one's borders (``kept``), and what a linear filter does (``blur``).

    The filter is the Gaussian one that leaves the flat parts of the degraded image as rough as they are in the restored
    one (``rough``, as a share of the degraded image's); all images (H, W).
    """
    left = roughness(restored, clean)

    def rougher(deviation):
        return roughness(gaussian_filter(degraded, deviation), clean) - left

    blurred = gaussian_filter(degraded, brentq(rougher, 0.1, 20, xtol=1e-3))
    return {
        "kept": borders_kept(restored, clean),
        "blur": borders_kept(blurred, clean),
        "rough": left / roughness(degraded, clean),
    }
