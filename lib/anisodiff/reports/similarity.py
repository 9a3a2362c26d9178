"""How much the photographs of BSD68 repeat themselves, recorded, image by image."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from ..data import collections, provenance
from ..study import evaluation, store

COLLECTION = "bsd68"


def self_similarity(image: np.ndarray, size: int = 8, count: int = 100, seed: int = 0) -> float:
    """The share of the variance of patches that the most similar patch elsewhere in the image explains, at most 1.

    ``1 - sum_i min_j |p_i - p_j|^2 / sum_i |p_i|^2`` over ``count`` random patches of ``size`` x ``size`` pixels
    without their means, j over every second patch of the image that does not overlap with i. ``image`` is (H, W).
    """
    windows = sliding_window_view(image.astype(np.float32), (size, size))
    grid = windows[::2, ::2]
    places = np.stack(np.meshgrid(*map(np.arange, grid.shape[:2]), indexing="ij"), -1) * 2
    patches, places = grid.reshape(-1, size**2), places.reshape(-1, 2)
    patches = patches - patches.mean(1, keepdims=True)
    squares = (patches**2).sum(1)
    chosen = np.random.default_rng(seed).choice(len(patches), min(count, len(patches)), False)
    apart = squares[chosen, None] + squares - 2 * patches[chosen] @ patches.T
    overlap = (np.abs(places[chosen, None] - places) < size).all(-1)
    nearest = np.where(overlap, np.inf, apart).min(1).clip(0)
    return float(1 - nearest.sum() / squares[chosen].sum())


def rows(images: list[collections.Image]) -> pd.DataFrame:
    """Of each image its :func:`self_similarity` as ``similarity``, and its mean gray level, ``gray``."""
    return pd.DataFrame(
        {
            "image": one.name,
            "similarity": self_similarity(one.pixels),
            "gray": float(one.pixels.mean()),
        }
        for one in images
    )


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    return store.Artefact(
        name="scores/similarity",
        path=path(),
        recipe=lambda: {"collection": collections.fingerprint(COLLECTION)},
        roots=(f"{__name__}.rows",),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still finds the same, on a photograph that everybody has."""
    return rows(collections.load("shipped/test")[:1]).loc[0, ["similarity", "gray"]].to_dict()


def record() -> None:
    """Look at all images and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    evaluation.write_scores(rows(collections.load(COLLECTION)), artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/similarity.csv"


def read() -> pd.DataFrame:
    """The recorded table, by image."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path()).set_index("image")
