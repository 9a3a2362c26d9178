"""The ledger: each published number of ``data/published.yml`` beside ours, with a verdict that is computed.

==================  =================================================================================================
reproduced          within the tolerance, and no control is
undecided           within the tolerance, but so is a control: the number does not tell the two apart
exceeded            better than the tolerance allows
contradicted        beyond the tolerance, so far that a baseline overtakes what the source puts above it, or the reverse
not reproduced      worse, or for what is neither better high nor low (sizes) other, than the tolerance allows
other data          the same quantity on other images than the source's
convention unknown  what exactly was computed could not be found out
not tested yet      the study has nothing to hold against it
==================  =================================================================================================

The tolerance is what separates two honest measurements of one model: a unit of the last printed digit, and 1.96
standard deviations of the difference between two draws of the crops, or of the noise where the images are the same, and
between two trainings.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from ..metrics import distortion
from ..metrics.statistics import mean_interval
from ..study import catalogue, evaluation
from . import claims, comparison, costs, records

GIVEN = ("other data", "convention unknown")  # verdicts that the tables name, with the reason

Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Entry:
    """A published number, what was measured for it, the verdict, and how to measure it again."""

    table: str
    row: str
    column: str
    metric: str
    published: float
    ours: tuple[
        tuple[str, Interval], ...
    ]  # models with mean, low, high; the verdict is of the first
    tolerance: float  # NaN where nothing was measured, or not the same thing
    verdict: str
    why: str  # what was found out about it
    passing: tuple[str, ...]  # the controls that are within the tolerance too
    command: str


@cache
def entries() -> list[Entry]:
    """All numbers of all tables that name what stands for them, in the order of the file."""
    listed = claims.tables().items()
    kept = {name: table for name, table in listed if "scored" in table or "untested" in table}
    return [entry for name, table in kept.items() for entry in _entries(name, table)]


def verdict(
    metric: str, published: float, measured: float, tolerance: float, baseline: bool, others: list
) -> str:
    """A number's verdict, controls left aside.

    ``others`` are the published numbers that the source's conclusion compares it with: those of what it proposes for a
    ``baseline``, else those of the baselines.
    """
    better = distortion.BETTER.get(metric, 0)
    gap = measured - published
    if abs(gap) <= tolerance + 1e-9:
        return "reproduced"
    sign = better * gap
    overtaken = [better * (measured - other) for other in others]
    if baseline and sign > 0 and any(ahead >= 0 for ahead in overtaken):
        return "contradicted"
    if not baseline and sign < 0 and any(ahead <= 0 for ahead in overtaken):
        return "contradicted"
    return "exceeded" if sign > 0 else "not reproduced"


def _entries(name: str, table: dict) -> Iterator[Entry]:
    for row, cells in table["rows"].items():
        if row in table.get("claims", {}):
            continue  # its numbers stand in sentences that a page tests
        for column, cell in zip(table["columns"], cells, strict=True):
            numbers = np.atleast_1d(cell) if cell is not None else ()
            for metric, published in zip(table["metrics"], numbers, strict=len(numbers) > 0):
                yield _entry(name, table, str(row), column, metric, float(published))


def _entry(name: str, table: dict, row: str, column, metric: str, published: float) -> Entry:
    models = _by_row(table.get("ours", {}), row, [])
    models = [model for model in models if _scored(model, *table["scored"][column])]
    ours = tuple((model, _measured(table, row, column, metric, model)) for model in models)
    why, tolerance, passing = _found(table.get("why", {}), row, column, metric), np.nan, ()
    given = next((word for word in GIVEN if _found(table.get(word, {}), row, column, metric)), None)
    if not models:
        reached, why = "not tested yet", why or table.get("untested", "")
    elif given:
        reached, why = given, _found(table[given], row, column, metric)
    else:
        tolerance = _tolerance(table, row, column, metric, models[0])
        baseline, others = row in table.get("baselines", ()), _compared(table, row, column, metric)
        reached = verdict(metric, published, ours[0][1][0], tolerance, baseline, others)
        controls = _by_row(table.get("controls", {}), row, []) if reached == "reproduced" else []
        itself = models[0] if _name(table, row, metric) == metric else ""  # is no control
        passing = tuple(
            model
            for model in controls
            if model != itself and abs(_mean(table, column, metric, model) - published) <= tolerance
        )
        reached = "undecided" if passing else reached
    command = _command(models[0], *table["scored"][column]) if ours else ""
    return Entry(
        name, row, str(column), metric, published, ours, tolerance, reached, why, passing, command
    )


def _compared(table: dict, row: str, column, metric: str) -> list[float]:
    """The published numbers of a column that the source's conclusion compares a row's with."""
    at, place = table["columns"].index(column), table["metrics"].index(metric)
    baselines = table.get("baselines", ())
    return [
        float(np.atleast_1d(cells[at])[place])
        for other, cells in table["rows"].items()
        if "input" not in (row, other)
        and cells[at] is not None
        and (other in baselines) != (row in baselines)
    ]


def _tolerance(table: dict, row: str, column, metric: str, model: str) -> float:
    """See the top of this module."""
    collection, level = table["scored"][column]
    unit = _by_row(table["unit"], row, None)
    if collection == "costs":
        return float(unit[column])
    unit = unit[metric] if isinstance(unit, dict) else unit
    values = comparison.scores(model, _name(table, row, metric), level, collection)
    variance = np.var(_redrawn(metric)) if table.get("images") == "same" else 2 * np.var(values)
    training = comparison.deviations(level, metric).get(model, 0.0)
    return unit + 1.96 * float(np.sqrt(variance / len(values) + 2 * training**2))


@cache
def _redrawn(metric: str) -> pd.Series:
    """By how much another draw of the noise changes the score of each image, by the protocol's card."""
    card = evaluation.read_scores(catalogue.protocol()["collection"], "protocol-card", "gaussian")
    scores = card[card.metric == metric].pivot(index="image", columns="model", values="value")
    return scores["another seed"] - scores["the protocol"]


def _name(table: dict, row: str, metric: str) -> str:
    """What is measured for a published metric."""
    return _by_row(table.get("as", {}), row, {}).get(metric, metric)


def _measured(table: dict, row: str, column, metric: str, model: str) -> Interval:
    collection, level = table["scored"][column]
    if collection == "costs":
        return (float(costs.read().loc[model, level][_name(table, row, column)]),) * 3
    values = comparison.scores(model, _name(table, row, metric), level, collection)
    return mean_interval(values, records.clusters(values.index, collection))


def _scored(model: str, collection: str, level: float) -> bool:
    """Whether the study scores a model there; costs are those of all models."""
    return collection == "costs" or level in catalogue.levels(model, "gaussian", collection)


def _mean(table: dict, column, metric: str, model: str) -> float:
    """A control's mean, in the metric itself."""
    collection, level = table["scored"][column]
    if collection == "costs":
        return _measured(table, "all", column, metric, model)[0]
    return float(comparison.scores(model, metric, level, collection).mean())


def _by_row(mapping, row: str, otherwise):
    """What a mapping has for a row, else for all; what is no mapping is for all."""
    if not isinstance(mapping, dict):
        return mapping
    return mapping.get(row, mapping.get("all", otherwise))


def _found(reasons: dict | str, row: str, column, metric: str) -> str:
    """The text for a number, else for its cell, its column, its row, or for all."""
    if isinstance(reasons, str):
        return reasons
    keys = (f"{row} {column} {metric}", f"{row} {column}", str(column), row, "all")
    return next((reasons[key] for key in keys if key in reasons), "")


def _command(model: str, collection: str, level: float) -> str:
    if collection == "costs":
        return "anisodiff make scores/costs"
    return f"anisodiff evaluate {model} --level {level:g} --collection {collection} --crop 0 --perceptual"
