"""What the page on the learned lambda reports: models on single photographs, and what their diffusivities are like."""

import numpy as np
import pandas as pd

from ..methods.restorer import Restorer
from ..metrics import structure
from ..metrics.distortion import psnr
from ..problems import PROBLEMS, problem
from ..study import restorers
from . import records


def compare(
    models: dict[str, Restorer], clean: np.ndarray, degraded: np.ndarray
) -> tuple[dict[str, float], dict[str, float]]:
    """PSNR (dB) of a degraded image, ``input``, and of each model's, and the lambdas (gray levels) that were chosen.

    Both by label; images are (H, W) on 0..255, clipped for the PSNR. Oracles are given the clean image.
    """
    scores, lambdas = {"input": psnr(np.clip(degraded, 0, 255), clean)}, {}
    for label, model in models.items():
        truth = clean if "truth" in model.method.needs else None
        estimate = model.estimate(degraded, truth=truth)
        scores[label] = psnr(np.clip(estimate.image[0].numpy(), 0, 255), clean)
        if "lambda" in estimate.info:
            lambdas[label] = estimate.info["lambda"]
    return scores, lambdas


def strategies(facts: dict[str, str], models: dict[str, str], kinds) -> pd.DataFrame:
    """What the diffusivity maps of models are like, as text: means over all images and levels, a row for each problem.

    ``facts`` are labels by metric (``structure.COEFFICIENT``), ``models`` labels by model; ``no steps`` where a model
    never diffuses, so that it has no map.
    """
    rows = {}
    for kind in kinds:
        rows[kind] = {}
        for metric, fact in facts.items():
            for model, who in models.items():
                values = records.by_image(model, metric, kind)
                text = f"{values.mean():z.2f}".replace("-", "−") if len(values) else "no steps"
                rows[kind][f"{fact}, {who}"] = text
    return pd.DataFrame(rows).T


def contrasts(model: str, kind: str, images: list[str], seed: int = 0) -> np.ndarray:
    """g on the clean image's borders minus g beside them (``structure.g_borders``), (images): means over the levels.

    The first step's g on centred squares of photographs. ``perona-malik`` is the classic at the lambda that was tuned
    for the mildest Gaussian noise, whatever the problem: where it is tuned it would not diffuse at all.
    """
    mildest = restorers.load("perona-malik", "gaussian", PROBLEMS["gaussian"].levels[0])
    found = np.empty((len(images), len(PROBLEMS[kind].levels)))
    for column, level in enumerate(PROBLEMS[kind].levels):
        restorer = mildest if model == "perona-malik" else restorers.load(model, kind, level)
        for row, name in enumerate(images):
            clean = records.photograph(name, side=256)
            degraded = records.degraded(clean, name, problem(kind, level), seed)
            found[row, column] = structure.g_borders(restorer.coefficient(degraded), clean)
    return found.mean(1)
