"""Roles that print measured and published numbers, so that prose holds none.

``{measured}`MODEL DEGRADATION LEVEL METRIC [COLLECTION]```
    the mean over the images of data/scores/COLLECTION/MODEL-DEGRADATION.csv; COLLECTION is bsds500/val if not given.
``{measured}`MODEL - BASELINE DEGRADATION LEVEL METRIC [COLLECTION]```
    the mean of the paired differences, signed.
``{gain}`MODEL - BASELINE```
    the mean of the paired differences in PSNR over the images and the seeds of both, signed (:func:`budgets.gain`).
``{published}`TABLE ROW COLUMN [METRIC]```
    a number of data/published.yml.

A tooltip (numbers.js) says where the number comes from, for measured ones with the 95 % interval over the images, for
gains over images and trainings. A key that leads nowhere is a warning, which fails the build, and says what there is.
"""

from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from anisodiff.data import provenance
from anisodiff.metrics import statistics
from anisodiff.reports import budgets, claims, records
from anisodiff.reports.claims import UnknownNumber
from anisodiff.reports.pages.tables import number
from anisodiff.study import evaluation

COLLECTION = "bsds500/val"
DIGITS = {"psnr": 2, "ssim": 3}  # every other metric: 3
SCALES = ((1e9, "G"), (1e6, "M"), (1e3, "K"))

logger = logging.getLogger(__name__)


def measured(key: str) -> tuple[str, str, list[Path]]:
    """Text, tooltip and files of a measured number; UnknownNumber where the key leads nowhere."""

    words = key.split()
    models = words[:3:2] if words[1:2] == ["-"] else words[:1]
    rest = words[2 * len(models) - 1 :]
    if len(rest) not in (3, 4):
        raise UnknownNumber(
            f"{key!r} is not MODEL [- BASELINE] DEGRADATION LEVEL METRIC [COLLECTION]"
        )
    degradation, level, metric, collection = (*rest, COLLECTION)[:4]
    files = [evaluation.scores_path(collection, model, degradation) for model in models]
    rows = [
        _rows(evaluation.read_scores(collection, model, degradation), level, metric)
        for model in models
    ]
    paired = len(models) == 2
    interval = (
        statistics.paired_interval(*rows)
        if paired
        else statistics.mean_interval(rows[0]["value"], statistics.clusters(rows[0]))
    )
    over = f"{rows[0]['image'].nunique()} images of {collection}"
    return _with_interval(interval, DIGITS.get(metric, 3), paired, over, files)


def gain(key: str) -> tuple[str, str, list[Path]]:
    """Text, tooltip and files of a gain over images and seeds; UnknownNumber where the key leads nowhere."""
    words = key.split()
    if len(words) != 3 or words[1] != "-":
        raise UnknownNumber(f"{key!r} is not MODEL - BASELINE")
    models = words[::2]
    trainings = [records.seeds(model) for model in models]
    for model, names in zip(models, trainings, strict=True):
        if not names:
            raise UnknownNumber(f"the study has no model {model!r}")
    files = [
        evaluation.scores_path(COLLECTION, name, "gaussian")
        for names in trainings
        for name in names
    ]
    counts = " and ".join(str(len(names)) for names in trainings)
    over = f"the images of {COLLECTION} and {counts} trainings"
    return _with_interval(budgets.gain(*models), DIGITS["psnr"], True, over, files)


def _with_interval(interval, digits: int, paired: bool, over: str, files: list[Path]):
    sign = "+" if paired else ""
    mean, low, high = (number(value, digits, sign) for value in interval)
    tooltip = (
        f"{'Mean paired difference' if paired else 'Mean'} over {over}, "
        f"95 % interval {low} to {high}{', not significant' if paired and interval[1] <= 0 <= interval[2] else ''}; "
        + ", ".join(str(file.relative_to(provenance.ROOT)) for file in files)
    )
    return mean, tooltip, files


def published(key: str) -> tuple[str, str, list[Path]]:
    """Text, tooltip and file of a published number; UnknownNumber where the key leads nowhere."""
    words = key.split()
    if len(words) not in (3, 4):
        raise UnknownNumber(f"{key!r} is not TABLE ROW COLUMN [METRIC]")
    value, table = claims.published(*words), claims.tables()[words[0]]
    return as_printed(value, words), f"{table['title']}; {table['source']}", [claims.PUBLISHED]


def _rows(scores, level: str, metric: str):
    """The rows of one level and metric."""
    rows = scores[(scores["metric"] == metric) & (scores["level"].map("{:g}".format) == level)]
    if rows.empty:
        levels = ", ".join(f"{value:g}" for value in sorted(scores["level"].unique()))
        raise UnknownNumber(
            f"no {metric!r} at level {level!r}; there are the levels {levels} "
            f"and the metrics {', '.join(sorted(scores['metric'].unique()))}"
        )
    return rows


def as_printed(value: float, key: tuple[str, ...]) -> str:
    """A published number as its source has it; ``key`` is its table, row, column and metric."""
    table = claims.tables()[key[0]]
    if table.get("scale"):
        for unit, letter in SCALES:
            if value >= unit:
                return f"{round(value / unit, 3):g} {letter}"
    text = f"{value:.{table['digits']}f}" if "digits" in table else claims.printed(*key)
    return text.replace("-", "−")


class NumberRole(SphinxRole):
    """A number with a tooltip that says where it comes from."""

    def __init__(self, look_up):
        super().__init__()
        self.look_up = look_up

    def run(self):
        try:
            text, tooltip, files = self.look_up(self.text)
        except (UnknownNumber, FileNotFoundError, ValueError) as error:
            logger.warning("%s: %s", self.name, error, location=self.get_location())
            return [nodes.problematic(self.rawtext, f"[{self.text}]")], []
        for file in files:
            self.env.note_dependency(str(file))
        return [
            nodes.abbreviation(
                self.rawtext, text, explanation=tooltip, classes=["number", self.name]
            )
        ], []


def setup(app):
    app.add_role("measured", NumberRole(measured))
    app.add_role("gain", NumberRole(gain))
    app.add_role("published", NumberRole(published))
    app.add_js_file("numbers.js")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
