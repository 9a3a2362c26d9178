"""The protocol: degrade, restore, clip, score; one tidy row for each image and metric."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.diffusion.scheme import Diffusion
from ..metrics import distortion, perceptual
from ..problems.degradations import degradation, seeded
from ..training import loop, tuning
from . import experiments, models, weights

COLUMNS = [
    "model",
    "degradation",
    "level",
    "collection",
    "image",
    "crop",
    "seed",
    "metric",
    "value",
]


def evaluate(
    restorer,
    kind: str,
    level: float,
    collection: str,
    crop: int | None = 256,
    seed: int = 0,
    limit: int | None = None,
    further: bool = False,
) -> pd.DataFrame:
    """Scores of a model (a Restorer or an Oracle) on a collection, a row for each image and metric.

    Each image's centred square of ``crop`` pixels (all of it for None) is degraded from ``seed``, restored, clipped to
    0..255 and scored. Beside the metrics stand what a network or an oracle chose for the image (lambda, steps, share of
    the time), for a diffusion what its coefficient function is like (``distortion.COEFFICIENT``), and for the model
    ``input`` the edginess of the degraded and of the clean image. Instead of these, with ``further``: what the eye may
    see (``perceptual.MEASURES``), and for ``input`` the quality before clipping and Q of the clean image. On a
    collection without a clean image (``collections.NOISY``) Q alone.
    """
    how, rows = degradation(kind, level), []
    further = further or collection in collections.NOISY
    for image in collections.load(collection)[:limit]:
        clean = np.array(
            collections.centre_crop(image.pixels, crop) if crop else image.pixels, order="C"
        )
        degraded = how(clean, seeded(seed, collection, image.name, how))
        extra = {}
        if isinstance(restorer, tuning.Oracle):
            lambda_, steps, tau = restorer.choose(degraded, clean, how)
            restored, extra = (
                restorer.restore(degraded, lambda_, steps, tau),
                {"lambda": lambda_, "steps": steps},
            )
        else:
            restorer.reveal(clean)
            restored = restorer.restore(degraded)
            extra = restorer.chosen
            if not further and isinstance(restorer.module, Diffusion) and restorer.module.steps:
                g = restorer.coefficient(degraded)
                extra |= {
                    name: measure(g, clean) for name, measure in distortion.COEFFICIENT.items()
                }
        clipped = np.clip(restored, 0, 255)
        values = {name: measure(clipped, clean) for name, measure in distortion.METRICS.items()}
        if further:
            extra = {name: measure(clipped, clean) for name, measure in perceptual.MEASURES.items()}
        if restorer.name == "input":
            extra |= _of_the_input(degraded, clean, further)
        values |= extra
        if collection in collections.NOISY:
            values = {name: value for name, value in values.items() if name.startswith("q")}
        given = (restorer.name, kind, level, collection, image.name, crop or 0, seed)
        rows += [(*given, metric, value) for metric, value in values.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_the_input(degraded: np.ndarray, clean: np.ndarray, further: bool) -> dict[str, float]:
    if not further:
        return {
            "edginess": distortion.edginess(degraded),
            "edginess-clean": distortion.edginess(clean),
        }
    unclipped = {
        f"{name}-unclipped": measure(degraded, clean)
        for name, measure in distortion.METRICS.items()
    }
    return unclipped | {"q-of-clean": perceptual.q(clean)}


def scores_path(collection: str, model: str, kind: str) -> Path:
    """Where the recorded scores of a model are; their provenance is beside them, as JSON."""
    return provenance.ROOT / "data/scores" / collection.replace("/", "-") / f"{model}-{kind}.csv"


def recipe(model: str, kind: str, collection: str | None = None) -> dict:
    """What determines recorded scores: the protocol, and the content of the weights behind every level."""
    base = model.replace("-oracle-lambda", "").replace(
        "-oracle", ""
    )  # an oracle starts from the tuned classic
    made = {}
    for level in experiments.levels(model, kind, collection):
        header = weights.known(experiments.Experiment(base, kind, level).weights) or {}
        made[f"{level:g}"] = header.get("sha256", "none")[:12]
    found = {"protocol": experiments.protocol(collection), "weights": made}
    return (
        found
        if collection is None
        else found | {"metrics": [*distortion.METRICS, *perceptual.MEASURES]}
    )


def record(model: str, kind: str, collection: str | None = None) -> None:
    """Score a model of the study at all its levels by the study's protocol, or on a further collection, and write the
    table with its provenance."""
    protocol, tables = experiments.protocol(collection), []
    provenance.used.clear()
    start = time.monotonic()
    for level in tqdm(
        experiments.levels(model, kind, collection), desc=f"{model} {kind}", unit="level"
    ):
        if model in tuning.ORACLES:
            restorer = tuning.ORACLES[model]
        elif experiments.Experiment(model, kind, level).settings:
            restorer = loop.fitted(model, kind, level, "paper")  # made now, where it is missing
        else:
            restorer = models.load(model, kind, level)
        given = (protocol["collection"], protocol["crop"], protocol["seed"])
        tables.append(evaluate(restorer, kind, level, *given, further=collection is not None))
    path = scores_path(protocol["collection"], model, kind)
    facts = {"recipe": recipe(model, kind, collection), "seconds": round(time.monotonic() - start)}
    write_scores(path, pd.concat(tables), facts)


def write_scores(path: Path, table: pd.DataFrame, facts: dict) -> None:
    """Write a tidy table of scores and, beside it as JSON, the facts with what was read and the stamp of this run."""
    facts = facts | {"used": dict(provenance.used)} | provenance.stamp()
    provenance.write_atomically(
        path.with_suffix(".json"), (json.dumps(facts, indent=1, sort_keys=True) + "\n").encode()
    )
    provenance.write_atomically(
        path, table.to_csv(index=False, float_format="%.4f", lineterminator="\n").encode()
    )


def is_recorded(model: str, kind: str, collection: str | None = None) -> bool:
    """Whether the recorded scores were made by what the study says now."""
    path = scores_path(experiments.protocol(collection)["collection"], model, kind)
    return made_by(path, recipe(model, kind, collection))


def made_by(path: Path, recipe: dict) -> bool:
    """Whether a table is there and the facts beside it name just this recipe."""
    try:
        return (
            path.is_file() and json.loads(path.with_suffix(".json").read_text())["recipe"] == recipe
        )
    except (OSError, ValueError, KeyError):
        return False


def read_scores(collection: str, model: str, kind: str) -> pd.DataFrame:
    """The recorded scores of a model; FileNotFoundError says which there are."""
    path = scores_path(collection, model, kind)
    if not path.is_file():
        there = sorted(other.stem for other in path.parent.glob("*.csv"))
        raise FileNotFoundError(
            f"no scores of {model} for {kind} on {collection}; there are: {', '.join(there) or 'none'}"
        )
    provenance.note(path)
    return pd.read_csv(path, dtype={"image": str})


def mean_interval(values, draws: int = 2000) -> tuple[float, float, float]:
    """Mean and its 95 % interval by bootstrap over the images (percentiles, a fixed seed)."""
    values = np.asarray(values, float)
    picked = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    low, high = np.percentile(values[picked].mean(1), (2.5, 97.5))
    return float(values.mean()), float(low), float(high)


def paired_interval(first: pd.DataFrame, second: pd.DataFrame) -> tuple[float, float, float]:
    """Mean difference first - second with its 95 % interval, paired image by image; both of one metric and level."""
    keys = ["degradation", "level", "collection", "image", "crop", "seed", "metric"]
    both = first.merge(second, on=keys, suffixes=("_first", "_second"), validate="one_to_one")
    if not len(both) == len(first) == len(second):
        raise ValueError(
            f"the tables score different images: {len(first)} and {len(second)} rows, {len(both)} in common"
        )
    return mean_interval(both.value_first - both.value_second)
