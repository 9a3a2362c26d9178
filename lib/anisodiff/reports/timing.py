"""Seconds to restore square photographs by their side, reaction diffusion beside BM3D, recorded on one core."""

import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import torch

from ..data import collections, provenance
from ..study import evaluation, restorers, runs, store
from . import costs

MODELS = ("bm3d", "tnrd", "tnrd-7x7")
SIDES = (256, 512, 1024, 2048, 3072)  # pixels, the slides'
SEVERAL = 1024  # up to this side the median of three is taken, beyond it one call


def square(side: int) -> np.ndarray:
    """A noisy photograph of ``side`` x ``side``, mirrored at its borders where it is smaller."""
    clean = next(one.pixels for one in collections.load("shipped/test") if one.name == "camera")
    clean = np.pad(clean, [(0, max(0, side - extent)) for extent in clean.shape], mode="symmetric")
    noise = np.random.default_rng(0).normal(0, 25, (side, side))
    return (clean[:side, :side] + noise).astype(np.float32)


def times(
    models: dict[str, Callable[[np.ndarray], object]], sides: tuple[int, ...], rounds: int = 3
) -> pd.DataFrame:
    """Seconds of one call: a row a model, a column a side; the median of ``rounds``, beyond SEVERAL pixels one call.

    A call on a small image, which may compile, is left out.
    """
    rows = {}
    for name, does in models.items():
        does(square(64))
        rows[name] = {}
        for side in sides:
            image, count = square(side), rounds if side <= SEVERAL else 1
            took = [costs.clocked(lambda: does(image)) for _ in range(count)]  # noqa: B023
            rows[name][side] = float(np.median(took))
    return pd.DataFrame(rows).T


def artefact() -> store.Artefact:
    """The table of MODELS and SIDES in the store. What it depends on is what is built, not what was learned."""

    def recipe() -> dict:
        built = {name: runs.Run(name, "gaussian", 25).entry for name in MODELS}
        return {
            "sides": list(SIDES),
            "models": {name: [one.made_of, one.arguments(25)] for name, one in built.items()},
        }

    return store.Artefact(
        name="scores/tnrd-seconds",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.square",),
        make=record,
        probe=lambda: {"mean": float(square(32).mean())},
    )


def record() -> None:
    """Time the models and write the table; a quiet machine is asked for."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    models = {name: restorers.load(name, "gaussian", 25).restore for name in MODELS}
    table = times(models, SIDES).rename_axis("model").reset_index()
    evaluation.write_scores(table, artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/tnrd-seconds.csv"


def read() -> pd.DataFrame:
    """The recorded seconds: a row a model, a column a side."""
    store.check(path())
    provenance.note(path())
    table = pd.read_csv(path(), index_col="model")
    return table.set_axis(table.columns.astype(int), axis=1)
