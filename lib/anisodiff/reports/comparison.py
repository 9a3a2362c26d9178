"""Models beside each other by their recorded scores: paired differences and who is beaten by nobody."""

import numpy as np
import pandas as pd

from ..metrics.statistics import mean_interval
from ..problems import PROBLEMS
from ..study import catalogue, evaluation
from . import records


def candidates(collection: str, level: float) -> list[str]:
    """The models with recorded scores for Gaussian noise of a level on a further collection, in the study's order."""
    named = dict.fromkeys(
        name
        for name, kind, where in catalogue.further()
        if (kind, where) == ("gaussian", collection)
    )
    return [
        name
        for name in named
        if level in catalogue.levels(name, "gaussian", collection)
        and evaluation.scores_path(collection, name, "gaussian").is_file()
    ]


def scores(model: str, metric: str, level: float, collection: str) -> pd.Series:
    """A model's recorded scores for Gaussian noise, by image."""
    table = evaluation.read_scores(collection, model, "gaussian")
    return table[(table.level == level) & (table.metric == metric)].set_index("image").value


def differences(models: list[str], metric: str, level: float, collection: str) -> pd.DataFrame:
    """For each ordered pair of models, first - second: mean, low and high of the paired differences.

    Indexed by (first, second); an interval of 95 % by bootstrap over the images.
    """
    values = {model: scores(model, metric, level, collection) for model in models}
    rows = [mean_interval(values[a] - values[b]) for a in models for b in models]
    return pd.DataFrame(rows, pd.MultiIndex.from_product([models, models]), ["mean", "low", "high"])


def front(cost, quality) -> np.ndarray:
    """Which points (Pareto) no other one beats: of those that cost no more, none has a higher quality."""
    cost, quality = np.asarray(cost, float), np.asarray(quality, float)
    beaten = (cost <= cost[:, None]) & (quality >= quality[:, None])
    beaten &= (cost < cost[:, None]) | (quality > quality[:, None])
    return ~beaten.any(1)


def growth(first: str, second: str, kind: str = "gaussian") -> tuple[float, float, float]:
    """How much more PSNR first gains over second at a problem's highest level than at its lowest, in decibel.

    ``(first - second at the highest) - (first - second at the lowest)``, paired image by image: mean, low and high.
    """
    levels = PROBLEMS[kind].levels
    lowest, highest = (
        records.by_image(first, kind=kind, level=level)
        - records.by_image(second, kind=kind, level=level)
        for level in (levels[0], levels[-1])
    )
    return mean_interval(highest - lowest)


def kind(model: str) -> str:
    """What a model is: ``diffusion``, ``network``, ``library`` (of other people) or ``input``, the degraded image."""
    entry = catalogue.entry(model)
    module = entry.made_of.split(".")[-2]
    named = {"identity": "input", "classical": "library", "released": "diffusion"}
    return "diffusion" if entry.kind == "diffusivity" else named.get(module, "network")


def ranked(collection: str, level: float) -> list[str]:
    """The :func:`candidates`, by their mean PSNR, the highest first."""
    found = candidates(collection, level)
    return sorted(found, key=lambda name: -scores(name, "psnr", level, collection).mean())


def matrix(pairs: pd.DataFrame, models: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Of :func:`differences` the means, row minus column, (n, n), and whether each interval excludes 0, (n, n)."""
    asked = pd.MultiIndex.from_product([models, models])
    mean, low, high = pairs.loc[asked].to_numpy().T.reshape(3, len(models), len(models))
    return mean, (low > 0) | (high < 0)


def by_seed(level: float) -> dict[str, list[float]]:
    """The models that were trained from several seeds, each with the mean PSNR of every seed by the protocol."""
    names = catalogue.names()
    several = [name for name in names if f"{name}-seed-1" in names]
    return {
        name: [float(records.by_image(one, level=level).mean()) for one in records.seeds(name)]
        for name in several
        if level in catalogue.levels(name, "gaussian")
    }
