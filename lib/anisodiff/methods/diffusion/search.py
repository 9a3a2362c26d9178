"""Searching the setting of a classic scheme: scores for every lambda and every number of steps at once."""

from collections.abc import Callable, Iterable

import numba
import numpy as np
import torch
from torch import Tensor

from .kernels.explicit import diffuse

Scheme = Callable[[Tensor, float, int], Iterable[Tensor]]  # start, lambda, most steps -> states


def lambdas(lowest: float, highest: float, tries: int) -> np.ndarray:
    """The lambdas to try, evenly spaced in the logarithm."""
    return np.geomspace(lowest, highest, tries).astype(np.float32)


def psnr_table(
    clean: np.ndarray, degraded: np.ndarray, scheme: Scheme, tried: np.ndarray, most_steps: int
) -> np.ndarray:
    """PSNR after every number of steps 0..``most_steps`` with every lambda, (images, lambdas, steps + 1).

    ``scheme(start, lambda, most_steps)`` gives the states of a (1, 1, H, W) image; images are (B, H, W), clipped for
    scoring.
    """
    table = np.empty((len(clean), len(tried), most_steps + 1))
    for image in range(len(clean)):  # one at a time: a single image stays in the cache
        start = torch.from_numpy(degraded[image : image + 1, None])
        for column, lambda_ in enumerate(tried):
            for step, state in enumerate(scheme(start, float(lambda_), most_steps)):
                table[image, column, step] = _clipped_mse(state[0, 0].numpy(), clean[image])
    return 10 * np.log10(255**2 / table)


def best_setting(
    clean: np.ndarray, degraded: np.ndarray, scheme: Scheme, tried: np.ndarray, steps: range
) -> tuple[float, int, float]:
    """The lambda and the number of steps of the best mean PSNR, and that PSNR.

    First over all of ``tried``, then, at the steps found, seventeen lambdas between the best one's neighbours.
    """
    mean = psnr_table(clean, degraded, scheme, tried, steps[-1]).mean(0)[:, steps]
    best, count = np.unravel_index(mean.argmax(), mean.shape)
    count = steps[count]
    between = np.geomspace(tried[max(best - 1, 0)], tried[min(best + 1, len(tried) - 1)], 17)
    fine = np.append(between, tried[best]).astype(np.float32)
    mean = psnr_table(clean, degraded, scheme, fine, count).mean(0)[:, count]
    return float(fine[mean.argmax()]), int(count), float(mean.max())


def correct_scheme(option: int, tau: float) -> Scheme:
    """The states of the classic diffusion, step by step."""

    def states(start, lambda_, most_steps):
        yield start
        state = start
        for _ in range(most_steps):
            state = diffuse(state, [lambda_], option, 1, tau)
            yield state

    return states


@numba.njit(error_model="numpy", fastmath=True, cache=True)
def _clipped_mse(restored, clean):
    total = 0.0
    for i in range(clean.shape[0]):
        row = np.float32(0)
        for j in range(clean.shape[1]):
            d = min(max(restored[i, j], np.float32(0)), np.float32(255)) - clean[i, j]
            row += d * d
        total += row
    return total / clean.size
