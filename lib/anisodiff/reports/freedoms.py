"""What a data term has learned, what g is at edges, and what models keep of an image, promised or not."""

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import softplus

from ..data.collections import centre_crop
from ..methods.restorer import Restorer
from ..metrics.conservation import growth, mean_drift
from ..metrics.structure import beyond_range


def pull(restorer: Restorer) -> np.ndarray:
    """``tau mu_k / (1 + tau mu_k)`` of each step k: how far it goes back to the degraded image, (K) in [0, 1).

    Raises ValueError for a diffusion without a data term.
    """
    diffusion = restorer.module
    if diffusion.data is None:
        raise ValueError(f"{restorer.name} has no data term")
    with torch.inference_mode():
        weight = diffusion.tau * softplus(diffusion.data)
    return (weight / (1 + weight)).numpy()


def at_edges(
    g: tuple[np.ndarray, np.ndarray], clean: np.ndarray, high: float = 30, low: float = 10
) -> dict[str, float]:
    """The mean of g ``across`` a clean image's edges and ``along`` them.

    ``g`` is that between columns, (H, W - 1), and that between rows, (H - 1, W), of the image (H, W). An edge is where
    neighbours differ by more than ``high`` gray levels in one direction and by less than ``low`` in the other; NaN
    where there is none.
    """
    rows, columns = (of - 1 for of in clean.shape)
    differences = [np.abs(np.diff(clean, axis=axis))[:rows, :columns] for axis in (1, 0)]
    between = [of[:rows, :columns] for of in g]
    found = {}
    for way, pair in {"across": between, "along": between[::-1]}.items():
        values = [
            of[(one > high) & (other < low)]
            for of, one, other in zip(pair, differences, differences[::-1], strict=True)
        ]
        found[way] = float(np.mean(np.concatenate(values)))
    return found


def kept(
    restorer: Restorer, photographs: dict[str, tuple[np.ndarray, np.ndarray]], side: int = 64
) -> pd.DataFrame:
    """What a model does to photographs, each given without noise and with it: a row for each, three columns.

    By how many gray levels the result leaves the ``range`` of its input and moves the ``mean``, the larger of both, and
    the ``growth`` of a small change in the centre, ``side`` pixels wide, of the noisy one.
    """
    rows = {}
    for name, pair in photographs.items():
        results = [(f, restorer.restore(f)) for f in pair]
        rows[name] = {
            "range": max(beyond_range([u], f) for f, u in results),
            "mean": max(float(mean_drift(states)[1]) for states in results),
            "growth": growth(restorer.module, centre_crop(pair[1], side), restorer.problem.level),
        }
    return pd.DataFrame(rows).T
