"""What pages measure while they are built: PSNR on the photographs that come with the study's packages."""

import pandas as pd

from ..data import collections
from ..methods.restorer import Restorer
from ..metrics.distortion import clipped_psnr
from ..problems import Problem
from . import records


def psnr(
    restorers: dict[str, Restorer],
    at: Problem,
    seed: int = 0,
    side: int = 256,
    limit: int | None = None,
    collection: str = "shipped/test",
) -> pd.DataFrame:
    """PSNR (dB) after clipping of the degraded image, ``input``, and of each model's restored image.

    A row for each image of the collection (the first ``limit``), a column for each of the models; centred squares of
    ``side`` pixels, degraded by the study's generator for the image and ``seed``.
    """
    rows = {}
    for name in [image.name for image in collections.load(collection)[:limit]]:
        clean = records.photograph(name, collection, side)
        degraded = records.degraded(clean, name, at, seed, collection)
        scores = {
            label: clipped_psnr(of.restore(degraded), clean) for label, of in restorers.items()
        }
        rows[name] = {"input": clipped_psnr(degraded, clean)} | scores
    return pd.DataFrame(rows).T.rename_axis("image")
