"""The protocol card: what each choice of the protocol costs, measured with the tuned classic, one change at a time."""

import time

import numpy as np
import pandas as pd
import torch
from torch.nn.functional import pad

from ..data import collections, provenance
from ..methods.restorer import Restorer
from ..metrics import distortion
from ..problems import problem, seeded
from . import catalogue, evaluation, restorers, runs, store

VARIATIONS = {
    "the protocol": "centred crop, noise neither clipped nor rounded, no flux through the border, output clipped",
    "input clipped": "the degraded image clipped to 0..255, as a file would hold it",
    "input clipped and rounded": "the degraded image as an 8-bit file holds it",
    "output not clipped": "scored as restored",
    "output rounded": "clipped, and rounded as an 8-bit file holds it",
    "padded with gray": "8 pixels of the image's mean gray around it, cut off afterwards, as in the released code",
    "periodic border": "the image continued by itself on the other side",
    "corner crop": "the upper left square",
    "whole image": "no crop",
    "another seed": "the same crops, other noise",
}


def card(
    kind: str, level: float, collection: str, crop: int = 256, limit: int | None = None
) -> pd.DataFrame:
    """Tidy scores of the tuned classic with each of VARIATIONS, whose name stands in the column ``model``."""
    restorer, at, rows = restorers.load("perona-malik", kind, level), problem(kind, level), []
    for image in collections.load(collection)[:limit]:
        for variation in VARIATIONS:
            clean = np.ascontiguousarray(_square(image.pixels, crop, variation))
            seed = 1 if variation == "another seed" else 0
            degraded = at.measure(clean, seeded(seed, collection, image.name, at)).y.numpy()
            restored = _restore(restorer, degraded, variation)
            given = (
                variation,
                kind,
                level,
                collection,
                image.name,
                crop,
                0,
            )  # one row of each to pair with
            rows += [
                (*given, name, measure(restored, clean))
                for name, measure in distortion.METRICS.items()
            ]
    return pd.DataFrame(rows, columns=evaluation.COLUMNS)


def artefact(kind: str = "gaussian", level: float = 25) -> store.Artefact:
    """The card on the study's collection, in the store."""
    protocol, run = catalogue.protocol(), runs.Run("perona-malik", kind, level)

    def recipe() -> dict:
        return {
            "protocol": protocol,
            "collection": collections.fingerprint(protocol["collection"]),
            "starts from": {run.name: store.content(run.weights)},
        }

    def probe() -> dict[str, float]:
        found = card(kind, level, "shipped/test", 64, limit=1)
        return {f"{row.metric} {row.model}": row.value for row in found.itertuples()}

    return store.Artefact(
        name="scores/protocol-card",
        path=evaluation.scores_path(protocol["collection"], "protocol-card", kind),
        recipe=recipe,
        roots=(f"{__name__}.card", run.entry.made_of),
        starts_from=(run.artefact(),),
        make=record,
        probe=probe,
    )


def record(kind: str = "gaussian", level: float = 25) -> None:
    """Measure the card on the study's collection and write it beside the scores of the models."""
    protocol, stamp, start = catalogue.protocol(), provenance.stamp(), time.monotonic()
    provenance.used.clear()
    table = card(kind, level, protocol["collection"], protocol["crop"])
    evaluation.write_scores(table, artefact(kind, level), start, stamp)


def _square(pixels: np.ndarray, side: int, variation: str) -> np.ndarray:
    if variation == "whole image":
        return pixels
    return (
        pixels[:side, :side]
        if variation == "corner crop"
        else collections.centre_crop(pixels, side)
    )


def _restore(restorer: Restorer, degraded: np.ndarray, variation: str) -> np.ndarray:
    if variation.startswith("input clipped"):
        degraded = np.clip(degraded, 0, 255)
    if variation == "input clipped and rounded":
        degraded = degraded.round()
    if variation == "padded with gray":
        restored = restorer.restore(np.pad(degraded, 8, constant_values=degraded.mean()))[
            8:-8, 8:-8
        ]
    elif variation == "periodic border":
        width = restorer.header["build"]["steps"] + 1  # farther than a border's influence reaches
        wrapped = pad(torch.from_numpy(degraded)[None, None], (width,) * 4, mode="circular")[
            0, 0
        ].numpy()
        restored = restorer.restore(wrapped)[width:-width, width:-width]
    else:
        restored = restorer.restore(degraded)
    if variation != "output not clipped":
        restored = np.clip(restored, 0, 255)
    return restored.round() if variation == "output rounded" else restored
