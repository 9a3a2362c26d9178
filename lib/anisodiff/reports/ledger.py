"""The ledger: each published number of ``data/published.yml`` beside ours, with a verdict that is computed."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..metrics import distortion
from ..metrics.statistics import mean_interval
from ..study import evaluation
from . import claims, costs

NEAR = {
    "psnr": 0.3,
    "ssim": 0.02,
    "lpips": 0.05,
}  # how far from a published number still reproduces it
NEAR_RELATIVE = 0.05  # of all others: Q, parameters, operations

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
    ]  # models with mean, low, high; the verdict is about the first
    verdict: str  # reproduced, exceeded, not reproduced or not tested
    why: str  # what was found out where it is not reproduced, or why it was not tested
    command: str


def entries() -> list[Entry]:
    """All numbers of all tables that name what stands for them, in the order of the file."""
    return [entry for name, table in claims.tables().items() if "scored" in table or "untested" in table
            for entry in _entries(name, table)]  # fmt: skip


def verdict(metric: str, published: float, measured: float) -> str:
    """``reproduced`` within NEAR, ``exceeded`` where it is better than that, else ``not reproduced``; what is neither
    better high nor low (``distortion.BETTER``) is never exceeded."""
    gap = measured - published
    if abs(gap) <= NEAR.get(metric, NEAR_RELATIVE * abs(published)) + 1e-9:
        return "reproduced"
    return "exceeded" if gap * distortion.BETTER.get(metric, 0) > 0 else "not reproduced"


def _entries(name: str, table: dict) -> Iterator[Entry]:
    unit = _unit(table)
    for row, cells in table["rows"].items():
        for column, cell in zip(table["columns"], cells, strict=True):
            for metric, published in (
                zip(table["metrics"], np.atleast_1d(cell), strict=True) if cell is not None else ()
            ):
                models = table.get("ours", {}).get(row, [])
                ours = tuple(
                    (model, _measured(table, row, column, metric, model, unit)) for model in models
                )
                reached = verdict(metric, published, ours[0][1][0]) if ours else "not tested"
                why = (
                    ""
                    if reached in ("reproduced", "exceeded")
                    else _why(table, row, column, metric)
                )
                command = _command(models[0], *table["scored"][column]) if ours else ""
                yield Entry(
                    name,
                    str(row),
                    str(column),
                    metric,
                    float(published),
                    ours,
                    reached,
                    why,
                    command,
                )


def _measured(
    table: dict, row: str, column, metric: str, model: str, unit: float = 1.0
) -> Interval:
    collection, level = table["scored"][column]
    names = table.get("as", {})
    names = names.get(row, names.get("all", {}))
    if collection == "costs":
        return (float(costs.read().loc[model, level][names.get(column, column)]),) * 3
    scores = evaluation.read_scores(collection, model, "gaussian")
    values = scores[(scores.level == level) & (scores.metric == names.get(metric, metric))].value
    return mean_interval(unit * values)


def _unit(table: dict) -> float:
    """The mean ratio, published over measured, of the row that gives the unit, over the columns that are levels."""
    row = table.get("unit_of")
    if row is None:
        return 1.0
    (metric,), (model, *_) = table["metrics"], table["ours"][row]
    same = [column for column in table["columns"] if table["scored"][column][1] == column]
    published = dict(zip(table["columns"], table["rows"][row], strict=True))
    return float(
        np.mean(
            [published[column] / _measured(table, row, column, metric, model)[0] for column in same]
        )
    )


def _why(table: dict, row: str, column, metric: str) -> str:
    """The explanation of the number, else of its cell, its column, its row."""
    found = table.get("why", {})
    keys = (f"{row} {column} {metric}", f"{row} {column}", str(column), str(row))
    return next((found[key] for key in keys if key in found), table.get("untested", ""))


def _command(model: str, collection: str, level: float) -> str:
    if collection == "costs":
        return "anisodiff make scores/costs"
    return f"anisodiff evaluate {model} --level {level:g} --collection {collection} --crop 0 --perceptual"
