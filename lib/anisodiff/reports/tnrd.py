"""What reaction diffusion has learned: its states, its kernels and functions, which of them sharpen, what it costs."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from ..data import collections
from ..methods.denoisers.tnrd import Stage, mirrored
from ..methods.diffusion.kernels.filters import respond
from ..methods.restorer import Restorer
from ..metrics.distortion import clipped_psnr
from . import costs


def states(restorer: Restorer, degraded: np.ndarray) -> list[np.ndarray]:
    """The image (H, W) after 0, 1, ... stages."""
    with torch.inference_mode():
        found = restorer.module.states(torch.from_numpy(degraded)[None, None])
        return [state[0, 0].numpy() for state in found]


def by_stage(restorer: Restorer, pairs: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """The mean PSNR, clipped, after 0, 1, ... stages, over pairs of a degraded and a clean image."""
    rows = [
        [clipped_psnr(state, clean) for state in states(restorer, degraded)]
        for degraded, clean in pairs
    ]
    return np.mean(rows, axis=0)


def functions(stage: Stage, responses: np.ndarray) -> np.ndarray:
    """``phi_i`` with its amplitude at responses (n): (N, n)."""
    with torch.inference_mode():
        kernels = stage.kernels
        given = torch.from_numpy(responses).float().expand(1, len(kernels), 1, -1)
        return (stage.influence(given) * stage.scales(kernels))[0, :, 0].numpy()


def effects(stage: Stage, u: np.ndarray) -> pd.DataFrame:
    """What each filter does to an image (H, W), a row each.

    ``power``, the mean square of what its function gives, and ``sharpens``, the share of it where the function and the
    response have opposite signs: there the filter makes the response larger, and g = phi(r) / r is negative.
    """
    with torch.inference_mode():
        kernels = stage.kernels
        r = respond(mirrored(torch.from_numpy(u)[None, None], kernels.shape[1] - 1), kernels)
        given = (stage.influence(r) * stage.scales(kernels)).square()
        power = given.mean((0, 2, 3))
        against = (given * (stage.influence(r) * r < 0)).mean((0, 2, 3))
    share = (against / power.clamp_min(1e-12)).numpy()
    return pd.DataFrame({"power": power.numpy(), "sharpens": share})


def times(models: dict[str, Callable[[np.ndarray], object]], sides: list[int]) -> pd.DataFrame:
    """Seconds of one call by model and side of a square photograph, the median of three; the first is left out."""
    rows = {}
    for side in sides:
        image = square(side)
        rows[side] = {
            name: float(np.median([costs.clocked(lambda: does(image)) for _ in range(4)][1:]))  # noqa: B023
            for name, does in models.items()
        }
    return pd.DataFrame(rows)


def square(side: int) -> np.ndarray:
    """A noisy photograph of ``side`` x ``side``, mirrored at its borders where it is smaller."""
    clean = next(one.pixels for one in collections.load("shipped/test") if one.name == "camera")
    clean = np.pad(clean, [(0, max(0, side - extent)) for extent in clean.shape], mode="symmetric")
    noise = np.random.default_rng(0).normal(0, 25, (side, side))
    return (clean[:side, :side] + noise).astype(np.float32)
