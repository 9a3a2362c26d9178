"""What the page on models for all levels measures: models at levels for which they were not trained."""

import pandas as pd

from ..problems import problem
from ..study import restorers
from . import live

SPECIALISTS = (15, 25, 50)  # sigma that each was trained for
FOR_ALL_LEVELS = {
    "noise-aware": "foe-s-told",
    "noise level estimated": "foe-s-estimating",
    "noise-blind": "foe-s-blind",
}


def gains_by_sigma(
    sigmas: list[float], seed: int = 0, side: int = 192, limit: int | None = None
) -> pd.DataFrame:
    """Gain in PSNR (dB) over the classic that is tuned for each sigma, on the shipped photographs.

    FoE-S specialists beside the models of FOR_ALL_LEVELS under Gaussian noise of all ``sigmas``: a tidy row for each
    image, sigma and model.
    """
    specialists = {f"trained for σ = {at}": restorers.load("foe-s", level=at) for at in SPECIALISTS}
    parts = []
    for sigma in sigmas:
        general = {
            label: restorers.load(name, level=sigma) for label, name in FOR_ALL_LEVELS.items()
        }
        models = specialists | general | {"classic": restorers.load("perona-malik", level=sigma)}
        scores = live.psnr(models, problem("gaussian", sigma), seed, side, limit)
        gains = scores.sub(scores.classic, axis=0)[[*specialists, *general]]
        parts.append(gains.rename_axis(columns="model").stack().rename("value").reset_index())
        parts[-1]["σ"] = sigma
    return pd.concat(parts, ignore_index=True)
