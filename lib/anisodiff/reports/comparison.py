"""Models beside each other by their recorded scores: paired differences and who is beaten by nobody."""

import itertools
from functools import cache

import numpy as np
import pandas as pd

from ..methods.diffusion.scheme import STABLE, Diffusion
from ..metrics import distortion, perceptual, statistics
from ..metrics.statistics import mean_interval
from ..problems import PROBLEMS
from ..study import catalogue, evaluation, restorers
from . import records

LIBRARIES = {"tv": ("mean", "range"), "nlm": ("range",)}  # what their minimisers or means keep
LIKELY_WRONG = 0.05  # the chance of even one false difference among all that a page shows


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
    return evaluation.read_values(collection, model, "gaussian", level, metric)


def together(models: list[str], metric: str, level: float, collection: str) -> pd.DataFrame:
    """The recorded scores of models for Gaussian noise: a row an image, a column a model."""
    return pd.DataFrame({model: scores(model, metric, level, collection) for model in models})


def differences(values: pd.DataFrame, clusters: list[str]) -> pd.DataFrame:
    """For each ordered pair of models, first - second, paired image by image.

    ``values`` has a row for each image and a column for each model (:func:`together`), ``clusters`` what each image is
    a sample of. Indexed by (first, second); ``mean``, ``error`` (standard) and ``freedom``, the clusters of images
    less one.
    """
    rows = {}
    for first, second in itertools.combinations_with_replacement(values.columns, 2):
        apart = values[first] - values[second]
        mean, error = apart.mean(), statistics.standard_error(apart, clusters)
        rows[second, first] = (-mean, *error)
        rows[first, second] = (mean, *error)
    pairs = pd.MultiIndex.from_product([values.columns, values.columns])
    return pd.DataFrame([rows[pair] for pair in pairs], pairs, ["mean", "error", "freedom"])


def over(
    values: pd.DataFrame, clusters: list[str], baseline: str, seeds: dict[str, float]
) -> pd.DataFrame:
    """Of :func:`differences` those of each model to a baseline, with their interval of 95 % from ``low`` to ``high``,
    and which are ``significant``.

    Corrected for all of them at once (Holm), with ``seeds`` as :func:`matrix` takes them.
    """
    found = differences(values, clusters).xs(baseline, level=1)
    intervals = [mean_interval(values[model] - values[baseline], clusters) for model in found.index]
    found[["mean", "low", "high"]] = intervals
    error = [
        retrained(error, model, baseline, seeds)
        for model, error in zip(found.index, found.error, strict=True)
    ]
    others = found.index != baseline
    p_values = statistics.p_value(found["mean"], error, found.freedom)[others]
    significant = pd.Series(statistics.holm(p_values) < LIKELY_WRONG, found.index[others])
    return found.assign(significant=significant.reindex(found.index, fill_value=False))


def retrained(error: float, first: str, second: str, seeds: dict[str, float]) -> float:
    """The standard error of a difference of two models with that of another training (:func:`deviations`) added."""
    return float(np.hypot(error, np.hypot(seeds.get(first, 0.0), seeds.get(second, 0.0))))


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
    """What a model is: ``diffusion``, ``thresholds``, ``network``, ``library`` (of other people) or ``input``."""
    entry = catalogue.entry(model)
    module = entry.made_of.split(".")[-2]
    named = {"identity": "input", "classical": "library", "released": "diffusion"}
    named |= {"dct": "thresholds", "tnrd": "diffusion"}
    return "diffusion" if entry.kind == "diffusivity" else named.get(module, "network")


def promises(model: str) -> tuple[str, ...]:
    """What a model for Gaussian noise keeps of every image, whatever it has learned: ``mean``, ``range``, both or none.

    A diffusion with g >= 0 and a step within its bound keeps both, any other one the mean. Of TNRD what has two
    differences for filters and no reaction keeps the mean, and the range too where its functions rise. Of the
    libraries' methods total variation, as a minimiser, keeps both, and non-local means, which are means of pixels, keep
    the range.
    """
    if kind(model) != "diffusion":
        return LIBRARIES.get(model, ())
    fixed = catalogue.entry(model).fixed
    if fixed.get("differences") and fixed["reaction"] == "none":
        return ("mean", "range") if fixed.get("functions") == "rising" else ("mean",)
    module = restorers.load(model, "gaussian", 25).module
    return kept(module) if isinstance(module, Diffusion) else ()


def kept(diffusion: Diffusion) -> tuple[str, ...]:
    """What a diffusion keeps of every image: the ``mean``, and the ``range`` too within the bound on its step."""
    g = diffusion.diffusivity
    stable = not g.signed and diffusion.tau * g.bound <= STABLE
    return ("mean", "range") if stable else ("mean",)


def ranked(collection: str, level: float) -> list[str]:
    """The :func:`candidates`, by their mean PSNR, the highest first."""
    found = candidates(collection, level)
    return sorted(found, key=lambda name: -scores(name, "psnr", level, collection).mean())


def matrix(
    pairs: pd.DataFrame, models: list[str], seeds: dict[str, float] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Of :func:`differences` the means, row minus column, (n, n), and which of them are significant, (n, n).

    Significant is what remains when all pairs are corrected for at once (Holm). ``seeds`` are the deviations of each
    model's mean from training to training (:func:`deviations`), which widen the error.
    """
    asked = pairs.loc[pd.MultiIndex.from_product([models, models])]
    mean, error, freedom = (
        asked[column].to_numpy().reshape(len(models), -1) for column in ("mean", "error", "freedom")
    )
    if seeds:
        own = np.array([seeds[model] for model in models])
        error = np.sqrt(error**2 + own**2 + own[:, None] ** 2)
    upper = np.triu_indices(len(models), 1)
    p_values = statistics.holm(statistics.p_value(mean[upper], error[upper], freedom[upper]))
    significant = np.zeros(mean.shape, bool)
    significant[upper] = p_values < LIKELY_WRONG
    return mean, significant | significant.T


@cache
def deviations(level: float, metric: str = "psnr") -> dict[str, float]:
    """By how much, as a standard deviation, each model's mean score changes from training to training.

    Pooled over the models that were trained from several seeds (:func:`by_seed`), CNCL's with its adversarial loss
    apart from the others'; 0 for what is not trained. Of no model for a metric that no seed is scored by.
    """
    if metric not in (*distortion.METRICS, *perceptual.MEASURES):
        return {}
    variances = {name: np.var(means, ddof=1) for name, means in by_seed(level, metric).items()}
    adversarial = {name: value for name, value in variances.items() if name.startswith("cncl")}
    plain = [value for name, value in variances.items() if name not in adversarial]
    pooled = {True: np.mean(list(adversarial.values())), False: np.mean(plain)}
    return {
        name: float(np.sqrt(pooled[name.startswith("cncl")]))
        if catalogue.entry(name).train
        else 0.0
        for name in catalogue.names()
    }


def by_seed(level: float, metric: str = "psnr") -> dict[str, list[float]]:
    """The models that were trained from several seeds, each with the mean score of every seed.

    By the protocol; for a metric that it does not compute, on the further collection that seeds are scored on.
    """
    if metric in distortion.METRICS:
        names, where = catalogue.names(), None
    else:
        names, where = (
            {name for name, *_ in catalogue.retrained()},
            catalogue.study()["further"]["seeds"],
        )
    several = [name for name in catalogue.names() if f"{name}-seed-1" in names]
    return {
        name: [
            float(records.by_image(one, metric, level=level, collection=where).mean())
            for one in records.seeds(name)
        ]
        for name in several
        if level in catalogue.levels(f"{name}-seed-1", "gaussian", where)
    }
