"""The tables behind the page on edginess: measured against predicted, and PSNR against edginess."""

import numpy as np
import pandas as pd

from ..data import collections
from ..metrics.edginess import predicted
from ..metrics.structure import edginess
from ..problems import problem
from ..study import catalogue
from . import records

LAWS = ("gaussian", "poisson", "salt-pepper", "inpainting")  # the problems with a law
SIDE = 256  # of the centred crops, pixels


def measured_and_predicted(
    collection: str, limit: int | None = None, seed: int = 0
) -> pd.DataFrame:
    """Mean edginess of the degraded crops of a collection, and what the laws predict for the same crops.

    Indexed by degradation and level; columns ``measured`` and ``law``, in gray levels. One draw an image.
    """
    rows = []
    for image in collections.load(collection)[:limit]:
        clean = np.array(collections.centre_crop(image.pixels, SIDE))
        for kind in LAWS:
            for level in catalogue.problems()[kind].levels:
                noisy = records.degraded(clean, image.name, problem(kind, level), seed, collection)
                rows.append((kind, level, edginess(noisy), predicted(clean, kind, level)))
    table = pd.DataFrame(rows, columns=["degradation", "level", "measured", "law"])
    return table.groupby(["degradation", "level"]).mean()


def recorded_edginess(model: str) -> pd.DataFrame:
    """Recorded numbers of every image at every level; indexed by degradation, level and image.

    Columns: ``clean`` and ``degraded``, the edginess before and after the degradation, in gray levels; ``psnr-input``
    and ``psnr``, before and after the restoration by a model, in decibel.
    """
    index = ["degradation", "level", "image"]
    kinds = catalogue.problems()
    inputs = pd.concat([records.recorded(kind, "input") for kind in kinds])
    found = inputs.pivot_table("value", index, "metric")[["edginess-clean", "edginess", "psnr"]]
    found = found.set_axis(["clean", "degraded", "psnr-input"], axis="columns")
    restored = pd.concat([records.recorded(kind, model) for kind in kinds])
    restored = restored[restored.metric == "psnr"].set_index(index).value
    return found.assign(psnr=restored)


def by_level(table: pd.DataFrame, kind: str, column: str) -> np.ndarray:
    """A column of :func:`recorded_edginess` for a degradation, (images, levels)."""
    return table.loc[kind, column].unstack("level").to_numpy()


def hardest_step(table: pd.DataFrame, kind: str, falls: bool = False) -> np.ndarray:
    """Edginess at a level over that at the level before, for each image, where its mean says least for the claim.

    The clean image is the first level. That is where the mean ratio is least, or, where the edginess is claimed to
    fall, where it is largest.
    """
    clean, degraded = (by_level(table, kind, column) for column in ("clean", "degraded"))
    levels = np.column_stack([clean[:, 0], degraded])
    ratios = levels[:, 1:] / levels[:, :-1]
    mean = ratios.mean(0)
    return ratios[:, mean.argmax() if falls else mean.argmin()]
