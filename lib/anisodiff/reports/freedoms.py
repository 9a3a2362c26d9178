"""What a data term has learned, and what models keep of an image, whether they promise it or not."""

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
