"""A part of the noise left in images, scored and recorded: the control of learning against a critic."""

import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..data import collections, provenance
from ..metrics.distortion import psnr
from ..metrics.perceptual import lpips
from ..problems import problem
from ..study import evaluation, restorers, runs, store
from . import records

MODELS, LEVEL, COLLECTION = ("foe-s", "drunet-lite"), 50.0, "bsd68"
SHARES = (0.0, 0.02, 0.05, 0.1)  # of what a denoiser takes away


def left(restored: np.ndarray, degraded: np.ndarray, share: float) -> np.ndarray:
    """``u + share (y - u)``, clipped to 0..255: a restored image with a part of what was taken away."""
    return np.clip(restored + share * (degraded - restored), 0, 255)


def rows(images: list[collections.Image], models: tuple[str, ...] = MODELS) -> list[dict]:
    """PSNR (dB) and LPIPS by model, image and share."""
    found, at = [], problem("gaussian", LEVEL)
    for model, image in tqdm(list(product(models, images)), desc="noise left", unit="image"):
        clean = np.array(image.pixels)
        degraded = records.degraded(clean, image.name, at, collection=COLLECTION)
        restored = restorers.load(model, level=LEVEL).restore(degraded)
        for share in SHARES:
            made = left(restored, degraded, share)
            row = {"use": "left", "model": model, "image": image.name, "share": share}
            found.append(row | {"psnr": psnr(made, clean), "lpips": lpips(made, clean)})
    return found


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    made = [runs.Run(model, "gaussian", LEVEL) for model in MODELS]

    def recipe() -> dict:
        return {
            "left": [LEVEL, list(SHARES)],
            "collection": {COLLECTION: collections.fingerprint(COLLECTION)},
            "starts from": {run.name: store.content(run.weights) for run in made},
        }

    return store.Artefact(
        name="scores/noise-left",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.rows",),
        starts_from=tuple(run.artefact() for run in made),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: the PSNR on a small crop, by model and share."""
    clean = collections.centre_crop(collections.load("shipped/test")[0].pixels, 48)
    degraded = records.degraded(clean, "probe", problem("gaussian", LEVEL))
    found = {}
    for model, share in product(MODELS, SHARES):
        restored = restorers.load(model, level=LEVEL).restore(degraded)
        found[f"{model} {share:g}"] = psnr(left(restored, degraded, share), clean)
    return found


def record() -> None:
    """Score all images and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    table = pd.DataFrame(rows(collections.load(COLLECTION)))
    evaluation.write_scores(table, artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/noise-left.csv"


def read() -> pd.DataFrame:
    """The recorded rows."""
    return evaluation.read_rows(path(), "left")
