"""The protocol: measure, restore, clip, score; one tidy row for each image and metric."""

import difflib
import time
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.device import chosen
from ..methods.diffusion.scheme import Diffusion
from ..methods.restorer import Restorer
from ..metrics import distortion, perceptual, structure
from ..problems import PROBLEMS, Problem, problem, seeded
from . import catalogue, fitting, restorers, runs, store, tables
from .tables import COLUMNS

SMALLEST = 11  # pixels a side that SSIM needs


def evaluate(
    restorer: Restorer,
    at: Problem,
    collection: str,
    crop: int | None = 256,
    seed: int = 0,
    limit: int | None = None,
    further: bool = False,
    images: list[collections.Image] | None = None,
) -> pd.DataFrame:
    """Scores of a model on a collection, a row for each image and metric.

    Each image's centred square of ``crop`` pixels (all of it for None) is measured from ``seed``, restored, clipped to
    0..255 and scored. Beside the metrics stand what the method chose for the image (lambda, steps, share of the time),
    for a diffusion what its coefficient function is like (``structure.COEFFICIENT``), and for the model ``input`` the
    edginess of the degraded and of the clean image. Instead of these, with ``further``: what the eye may see
    (``perceptual.MEASURES``), and for ``input`` the quality before clipping and Q of the clean image. On a collection
    without a clean image (``collections.NOISY``) Q alone. ``images`` are the collection's, where these are loaded.
    """
    rows, further = [], further or collection in collections.NOISY
    images = collections.load(collection) if images is None else images
    for image in images[:limit]:
        pixels = collections.centre_crop(image.pixels, crop) if crop else image.pixels
        clean = np.array(pixels, order="C")
        values = _scores(
            restorer, clean, at.measure(clean, seeded(seed, collection, image.name, at)), further
        )
        if collection in collections.NOISY:
            values = {name: value for name, value in values.items() if name.startswith("q")}
        given = (restorer.name, at.name, at.level, collection, image.name, crop or 0, seed)
        rows += [(*given, metric, value) for metric, value in values.items()]
    return pd.DataFrame(rows, columns=COLUMNS)


def _scores(restorer: Restorer, clean: np.ndarray, measurement, further: bool) -> dict[str, float]:
    truth = clean if "truth" in restorer.method.needs else None
    degraded = measurement.y.numpy()
    estimate = restorer.estimate(degraded, measurement.problem, truth=truth)
    clipped = np.clip(estimate.image[0].numpy(), 0, 255)
    values = {name: measure(clipped, clean) for name, measure in distortion.METRICS.items()}
    if further:
        values |= {name: measure(clipped, clean) for name, measure in perceptual.MEASURES.items()}
    else:
        values |= estimate.info | _of_the_coefficient(restorer, degraded, clean, truth)
    return values | (_of_the_input(degraded, clean, further) if restorer.name == "input" else {})


def _of_the_coefficient(restorer, degraded, clean, truth) -> dict[str, float]:
    module = getattr(restorer.method, "denoiser", None)
    if not isinstance(module, Diffusion) or not module.steps:
        return {}
    g = restorer.coefficient(degraded, truth=truth)
    return {name: measure(g, clean) for name, measure in structure.COEFFICIENT.items()}


def _of_the_input(degraded: np.ndarray, clean: np.ndarray, further: bool) -> dict[str, float]:
    if not further:
        return {
            "edginess": structure.edginess(degraded),
            "edginess-clean": structure.edginess(clean),
        }
    unclipped = {
        f"{name}-unclipped": measure(degraded, clean)
        for name, measure in distortion.METRICS.items()
    }
    return unclipped | {"q-of-clean": perceptual.q(clean)}


# What a method chose, and what its diffusivity map is like: where two settings are nearly as good, or a map is nearly
# constant, rounding decides.
ROUGH = (
    frozenset({"lambda", "lambda-borders", "lambda-smooth", "steps", "share"})
    | structure.COEFFICIENT.keys()
)


def scores_path(collection: str, model: str, kind: str) -> Path:
    """Where the recorded scores of a model are; their record is beside them, as JSON."""
    return provenance.ROOT / "data/scores" / collection.replace("/", "-") / f"{model}-{kind}.csv"


def artefact(model: str, kind: str, collection: str | None = None) -> store.Artefact:
    """The scores of a model by the study's protocol, or on a further collection, in the store."""
    asked = [runs.Run(model, kind, level) for level in catalogue.levels(model, kind, collection)]
    behind = [one for run in asked for one in ([run] if run.makes else run.tuned)]
    behind = tuple({run.name: run for run in behind}.values())
    protocol, entry = catalogue.protocol(collection), catalogue.entry(model)
    measures = [*distortion.METRICS, *(perceptual.MEASURES if collection else ())]

    def recipe() -> dict:
        return {
            "made of": entry.made_of,
            "arguments": [run.entry.arguments(run.level) for run in asked if not run.makes],
            "levels": [float(run.level) for run in asked],
            "protocol": protocol,
            "collection": collections.fingerprint(protocol["collection"]),
            "metrics": measures,
            "starts from": {run.name: store.content(run.weights) for run in behind},
        }

    how = PROBLEMS[kind]
    roots = (
        *entry.roots,
        f"{how.__module__}.{how.__qualname__}",
        f"{Restorer.__module__}.Restorer",
    )
    return store.Artefact(
        name=f"scores/{protocol['collection'].replace('/', '-')}/{model}-{kind}",
        path=scores_path(protocol["collection"], model, kind),
        recipe=recipe,
        roots=(*roots, f"{__name__}.evaluate"),
        starts_from=tuple(run.artefact() for run in behind),
        make=lambda: record(model, kind, collection),
        probe=lambda: probe(model, kind, collection is not None),
        rough=ROUGH,
    )


def probe(model: str, kind: str, further: bool) -> dict[str, float]:
    """What tells whether changed code still gives these scores: means over three small crops that everybody has.

    A model whose weights are not shipped is untrained here: the code is the same.
    """
    made = artefact(model, kind, "further" if further else None).starts_from
    return _probe(model, kind, further, tuple(store.content(one.path) for one in made))


@cache  # for further collections it is the same
def _probe(model: str, kind: str, further: bool, weights: tuple[str, ...]) -> dict[str, float]:
    found = {}
    for level in catalogue.levels(model, kind, "further" if further else None):
        run = runs.Run(model, kind, level)
        shipped = "header" not in (store.read_record(run.weights) or {})
        restorer = restorers.open_weights(run) if shipped else restorers.untrained(run)
        at = problem(kind, level)
        table = evaluate(restorer, at, "shipped/test", 64, limit=3, further=further)
        means = table.groupby("metric").value.mean()
        found |= {f"{metric} {level:g}": float(value) for metric, value in means.items()}
    return found


def record(model: str, kind: str, collection: str | None = None) -> None:
    """Score a model of the study at all its levels by the study's protocol, or on a further collection, and write the
    table with its record; on the device that :func:`~anisodiff.methods.device.chosen` names."""
    protocol, parts = catalogue.protocol(collection), []
    provenance.used.clear()
    stamp, start = provenance.stamp(chosen()), time.monotonic()
    for level in tqdm(
        catalogue.levels(model, kind, collection), desc=f"{model} {kind}", unit="level"
    ):
        run = runs.Run(model, kind, level)
        for one in [run] if run.makes else run.tuned:
            fitting.fit(one)  # made now, where it is missing
        restorer = restorers.open_weights(run)
        given = (protocol["collection"], protocol["crop"], protocol["seed"])
        parts.append(
            evaluate(restorer, problem(kind, level), *given, further=collection is not None)
        )
    write_scores(pd.concat(parts), artefact(model, kind, collection), start, stamp)


def write_scores(
    table: pd.DataFrame, made: store.Artefact, start: float, stamp: dict, **facts
) -> None:
    """Write a table of scores and its record: the facts, what was read, the seconds since the start, the stamp."""
    facts |= {"used": dict(provenance.used), "seconds": round(time.monotonic() - start)} | stamp
    tables.write(made.path, table)
    store.record(made, facts)


def read_rows(path: Path, use: str) -> pd.DataFrame:
    """The rows of a ``use`` of a recorded table, without empty columns; OSError for a damaged one."""
    store.check(path)
    provenance.note(path)
    table = pd.read_csv(path, dtype={"image": str})
    return table[table.use == use].dropna(axis=1, how="all")


def read_scores(collection: str, model: str, kind: str) -> pd.DataFrame:
    """The recorded scores of a model; FileNotFoundError says which there are."""
    return _table(*_recorded(collection, model, kind)).copy(
        deep=False
    )  # copied where it is changed


def read_values(collection: str, model: str, kind: str, level: float, metric: str) -> pd.Series:
    """Of :func:`read_scores` those of one level by one metric, by image."""
    return _values(*_recorded(collection, model, kind), level, metric).copy(deep=False)


def _recorded(collection: str, model: str, kind: str) -> tuple[Path, int]:
    """The file of recorded scores, undamaged, and when it was last changed."""
    path = scores_path(collection, model, kind)
    if not path.is_file():
        scored = sorted(there.stem for there in path.parent.glob(f"*-{kind}.csv"))
        near = difflib.get_close_matches(path.stem, scored, cutoff=0.3)
        raise FileNotFoundError(
            f"no scores of {model} for {kind} on {collection}; others for {kind}: {len(scored)}"
            + (f", such as {', '.join(near)}" if near else "")
        )
    store.check(path)
    provenance.note(path)
    return path, path.stat().st_mtime_ns


@lru_cache(maxsize=256)
def _table(path: Path, changed: int) -> pd.DataFrame:
    return tables.read(path)


@lru_cache(maxsize=2048)
def _values(path: Path, changed: int, level: float, metric: str) -> pd.Series:
    table = _table(path, changed)
    return table[(table.level == level) & (table.metric == metric)].set_index("image").value
