"""What the page on P1 diffusivities measures of the fitted functions and of their partitions."""

import numpy as np
import pandas as pd
import torch

from ..methods.restorer import Restorer
from ..study import catalogue
from . import records

RISE = 0.01  # of g between two nodes, above which a function counts as rising


def partitions() -> list[int]:
    """The numbers of intervals that the study trains, ascending."""
    entry = catalogue.entry("p1")
    return sorted([entry.fixed["intervals"], *entry.vary["intervals"]])


def with_intervals(count: int) -> str:
    """The name of the model whose partition has this number of intervals."""
    return "p1" if count == catalogue.entry("p1").fixed["intervals"] else f"p1-intervals-{count}"


def by_partition(kind: str) -> pd.DataFrame:
    """Effect of the partition on the mean recorded PSNR, in decibel; index: intervals, columns: level.

    At each level the mean over the partitions is subtracted.
    """
    means = {}
    for count in partitions():
        table = records.recorded(kind, with_intervals(count))
        means[count] = table[table.metric == "psnr"].groupby("level").value.mean()
    matrix = pd.DataFrame(means)
    matrix = matrix.sub(matrix.mean(axis=1), axis=0)
    return matrix.T.rename_axis(index="intervals", columns="level")


def plain_spread(kind: str) -> records.Interval:
    """The spread of the tuned classic's g minus that of the learned lambda's, as ``structure.g_spread`` has it.

    Where the classic does not diffuse a constant g, without spread, stands for it.
    """
    try:
        return records.gain("perona-malik", "learned-lambda", "g-spread", kind)
    except ValueError:  # it takes no step at some level, and has no map there
        mean, low, high = records.mean("learned-lambda", "g-spread", kind)
        return -mean, -high, -low


def nodal_functions(restorer: Restorer, degraded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The functions that a P1 model fits to a degraded image (H, W).

    The nodes, gradients in gray levels, (N + 1,), and the values of g there, for each pixel its own, (N + 1, H, W).
    """
    batch = torch.from_numpy(degraded)[None, None]
    with torch.inference_mode():
        fitted = restorer.module.condition(batch, restorer.problem.level)
    values = fitted.values[0].numpy()
    return np.linspace(0, float(fitted.top), len(values)), values


def share_rising(values: np.ndarray) -> float:
    """The share of pixels whose function rises by more than RISE between two neighbouring nodes, in [0, 1].

    ``values`` are those of g at the nodes, (N + 1, H, W).
    """
    return float((np.diff(values, axis=0) > RISE).any(0).mean())


def contrast_of_hole(g: np.ndarray, degraded: np.ndarray, clean: np.ndarray) -> float:
    """Mean ``|g|`` inside an erased rectangle minus that outside; all (H, W)."""
    hole = (degraded == 0) & (clean != 0)
    return float(np.abs(g[hole]).mean() - np.abs(g[~hole]).mean())


def overshoot(state: np.ndarray, degraded: np.ndarray) -> float:
    """How far the values of a state leave the range of the degraded image, in gray levels; 0 where they do not."""
    return max(0, degraded.min() - state.min(), state.max() - degraded.max())
