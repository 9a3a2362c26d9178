"""The tables of the paper and of the literature with our numbers, and what the paper concludes from them."""

import numpy as np
import pandas as pd

from ..data import collections
from ..metrics import statistics
from ..metrics.distortion import BETTER
from ..study import catalogue
from . import claims, comparison, ledger, names, records
from .orders import order

ROWS = {  # our models, and the row of the paper's tables that each stands beside
    "input": "input",
    "perona-malik": "PM",
    "perona-malik-released-tuned": "PM",
    "perona-malik-released": "PM",
    "learned-lambda": "KA",
    "foe-s": "FoE-S",
    "foe-d": "FoE-D",
    "foe-m": "FoE-M",
    "foe-rb": "FoE-RB",
    "unet-diffusivity": "U-Net",
    "cncl-30k": "CNCL",
    "cncl-200k": "CNCL",
    "cncl-1m": "CNCL",
}
WHOLE_IMAGES = ("bsd68", "set12")
TECHNIQUES = {  # what the paper proposes, by its rows
    "KA": "learned-lambda",
    "FoE-S": "foe-s",
    "FoE-D": "foe-d",
    "FoE-M": "foe-m",
    "FoE-RB": "foe-rb",
    "U-Net": "unet-diffusivity",
}
CLEAN = ("bsds500/val-500", "ct", "ct-subjects", "mri", "mri-subjects")  # not so cryo-EM
TRAINED_ON = "bsds500/test-200"  # squares of photographs that all models were trained on
LEVELS = (15, 25, 50)
METRICS = ("psnr", "ssim", "lpips")
FIGURE_SPACE, POINT_SPACE = "\u2007", "\u2008"  # as wide as a digit, and as a point


def beside_the_paper(table: str, columns: tuple[str, ...], digits: dict[str, int]) -> pd.DataFrame:
    """A table of the paper, a row a model, in cells of HTML: our numbers, below them the printed ones, in gray.

    ``digits`` are the metrics of a cell, each with its decimals. A model without numbers has no row.
    """
    measured = {
        (model, entry.column, entry.metric): (interval[0], entry.published)
        for entry in _entries(table)
        for model, interval in entry.ours
    }
    cells = {}
    for column in columns:
        for model in ROWS:
            found = [measured.get((model, column, metric)) for metric in digits]
            if all(found):
                cells[model, column] = _two_lines(found, list(digits.values()))
    for column in columns:
        _align([lines for (_, at), lines in cells.items() if at == column])
    rows = []
    for model, row in ROWS.items():
        there = {
            column: above(*map(_unbroken, cells[model, column]))
            for column in columns
            if (model, column) in cells
        }
        if there:
            rows.append({"": above(names.link(model), row)} | there)
    return pd.DataFrame(rows).fillna("")


def above(ours: str, paper: str) -> str:
    """A cell of HTML: ours, and the paper's below it, in gray."""
    return f'{ours}<br><span class="pst-color-text-muted">{paper}</span>'


def verdicts(table: str, without: tuple[str, ...]) -> pd.Series:
    """How many numbers of a table have each verdict of the ledger, some rows left out."""
    found = [entry.verdict for entry in _entries(table) if entry.row not in without]
    return pd.Series(found).value_counts()


def contest(
    firsts: list[str],
    second: str,
    where: tuple[str, ...] = CLEAN,
    metrics: tuple[str, ...] = METRICS,
) -> tuple[float, float, float]:
    """The share of comparisons in which the first models are better than the second: all models, collections, levels
    and metrics.

    By the means; between the share that is won significantly and the share that is not lost significantly. Differences
    are paired by image, clustered, and corrected for together (Holm); what was trained is given the error of another
    training.
    """
    gains, p_values = [], []
    for collection in where:
        for level in LEVELS:
            for metric in metrics:
                theirs = comparison.scores(second, metric, level, collection)
                clusters = [collections.cluster(collection, image) for image in theirs.index]
                seeds = comparison.deviations(level, metric)
                for first in firsts:
                    apart = comparison.scores(first, metric, level, collection) - theirs
                    error, freedom = statistics.standard_error(apart, clusters)
                    error = comparison.retrained(error, first, second, seeds)
                    gains.append(BETTER[metric] * apart.mean())
                    p_values.append(float(statistics.p_value(gains[-1], error, freedom)))
    gains = np.array(gains)
    significant = statistics.holm(p_values) < comparison.LIKELY_WRONG
    won, lost = (np.mean(significant & side) for side in (gains > 0, gains < 0))
    return float(np.mean(gains > 0)), float(won), float(1 - lost)


def released_share(row: str) -> tuple[float, float, float]:
    """The share of PSNR and SSIM at three levels where released weights beat the tuned classic on the centred crops.

    By their means alone, since no more is known of the release.
    """
    better = [
        claims.published("release", row, level, metric)
        > records.mean("perona-malik", metric, level=level)[0]
        for level in LEVELS
        for metric in ("psnr", "ssim")
    ]
    return (float(np.mean(better)),) * 3


def lead(row: str, level: float, metric: str) -> tuple[float, float, float]:
    """A row of the paper's Table 1 less the best other one, by our means on the 500 crops, its 95 % interval.

    In the direction that is better; the inputs are left out. The interval has the error of other images and of another
    training.
    """
    content = claims.tables()["paper-table-1"]
    models = [content["ours"][name][0] for name in content["ours"] if name != "input"]
    own = content["ours"][row][0]
    collection = content["scored"][level][0]
    values = BETTER[metric] * comparison.together(models, metric, level, collection)
    best = values.mean().drop(own).idxmax()
    apart = values[own] - values[best]
    error, freedom = statistics.standard_error(apart, records.clusters(apart.index, collection))
    error = comparison.retrained(error, own, best, comparison.deviations(level, metric))
    mean, half = apart.mean(), statistics.half_width(error, freedom)
    return mean, mean - half, mean + half


def over_fitting(model: str) -> tuple[float, float, float]:
    """How much more PSNR a model gains over the tuned classic on TRAINED_ON than on validation squares, in dB.

    ``(model - classic on TRAINED_ON) - (model - classic on CLEAN[0])``, the mean over an image's levels, with
    its 95 % interval. The classic, which learned one number, answers for how difficult the images are.
    """
    gaps = []
    for collection in (TRAINED_ON, CLEAN[0]):
        one, other = (
            records.by_image(name, collection=collection) for name in (model, "perona-malik")
        )
        apart = one - other
        error = statistics.standard_error(apart, records.clusters(apart.index, collection))
        gaps.append((apart.mean(), *error))
    (seen, error, freedom), (unseen, other_error, other_freedom) = gaps
    half = statistics.half_width(np.hypot(error, other_error), min(freedom, other_freedom))
    return seen - unseen, seen - unseen - half, seen - unseen + half


def contest_on_crops(first: str, second: str) -> tuple[float, float, float]:
    """As :func:`contest`, of PSNR and SSIM on the centred crops, not corrected."""
    found = [
        records.gain(first, second, metric, level=level)
        for level in LEVELS
        for metric in ("psnr", "ssim")
    ]
    mean, low, high = np.transpose(found)
    return float(np.mean(mean > 0)), float(np.mean(low > 0)), float(np.mean(high > 0))


def orders(
    table: str = "paper-table-1",
    without: tuple[str, ...] = (),
    metrics: tuple[str, ...] = METRICS,
) -> pd.DataFrame:
    """Whether the rows of a table stand in the same order here: :class:`orders.Order` for each column and metric."""
    columns = claims.tables()[table]["columns"]
    rows = {(at, metric): order(table, at, metric, without) for metric in metrics for at in columns}
    index = pd.MultiIndex.from_tuples(rows, names=["level", "metric"])
    return pd.DataFrame(list(rows.values()), index, ["tau", "same", "opposite", "open"])


def beside_the_literature(level: float) -> pd.DataFrame:
    """PSNR on whole images, in dB: published methods and this study's models, the best on BSD68 at a level first.

    Indexed by the method's name and by "published" or "here"; the columns are (collection, level); NaN: not measured.
    """
    cells = {}
    for collection in WHOLE_IMAGES:
        table = claims.tables()[collection]
        for method, values in table["rows"].items():
            for at, value in zip(table["columns"], values, strict=True):
                cells[collection, at, method, "published"] = value
        for model in comparison.candidates(collection, level):
            for at in catalogue.levels(model, "gaussian", collection):
                value = comparison.scores(model, "psnr", at, collection).mean()
                cells[collection, at, model, "here"] = value
    found = pd.Series(cells, dtype=float).unstack([0, 1], sort=False)
    return found.sort_values((WHOLE_IMAGES[0], level), ascending=False, kind="stable")


def _entries(table: str) -> list[ledger.Entry]:
    return [entry for entry in ledger.entries() if entry.table == table]


def _unbroken(numbers: list[str]) -> str:
    return f'<span class="text-nowrap">{"&ensp;".join(numbers)}</span>'


def _two_lines(cells: list[tuple[float, float]], digits: list[int]) -> list[list[str]]:
    """Our numbers, and the printed ones."""
    ours = [f"{cell[0]:.{places}f}" for cell, places in zip(cells, digits, strict=True)]
    return [ours, [f"{cell[1]:g}" for cell in cells]]


def _align(cells: list[list[list[str]]]) -> None:
    """Fill up the numbers of a column with spaces as wide as digits, so that their points are below each other."""
    lines = [line for cell in cells for line in cell]
    for place in range(len(lines[0])):
        parts = [line[place].partition(".") for line in lines]
        before, after = (max(len(part[at]) for part in parts) for at in (0, 2))
        for line, (whole, point, rest) in zip(lines, parts, strict=True):
            line[place] = whole.rjust(before, FIGURE_SPACE) + (point or POINT_SPACE)
            line[place] += rest.ljust(after, FIGURE_SPACE)
