"""The tables of the paper and of the literature with our numbers, and what another seed would change."""

from functools import cache

import numpy as np
import pandas as pd

from ..study import catalogue
from . import claims, comparison, ledger

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


def beside_the_paper(table: str, columns: tuple[str, ...], digits: dict[str, int]) -> pd.DataFrame:
    """A table of the paper, a row a model, in cells of HTML: our numbers, below them the printed ones, small.

    ``digits`` are the metrics of a cell, each with its decimals. A model without numbers has no row.
    """
    measured = {
        (model, entry.column, entry.metric): (interval[0], entry.published)
        for entry in _entries(table)
        for model, interval in entry.ours
    }
    rows = []
    for model, row in ROWS.items():
        line = {"": row if row == model else f"{row}<br><small>{model}</small>"}
        for column in columns:
            cells = [measured.get((model, column, metric)) for metric in digits]
            if all(cells):
                line[column] = _beside(cells, list(digits.values()))
        if len(line) > 1:
            rows.append(line)
    return pd.DataFrame(rows).fillna("")


def verdicts(table: str, without: tuple[str, ...]) -> pd.Series:
    """How many numbers of a table have each verdict of the ledger, some rows left out."""
    found = [entry.verdict for entry in _entries(table) if entry.row not in without]
    return pd.Series(found).value_counts()


def largest_deviation(table: str, columns: tuple[str, ...], without: tuple[str, ...]) -> float:
    """The largest of ``|ours / printed - 1|`` over the columns of a table, some rows left out."""
    asked = (entry for entry in _entries(table) if entry.row not in without)
    ratios = [entry.ours[0][1][0] / entry.published for entry in asked if entry.column in columns]
    return max(abs(ratio - 1) for ratio in ratios)


def pairs_within_seeds(
    models: list[str], means: np.ndarray, significant: np.ndarray, spread: dict[str, float]
) -> int:
    """How many pairs of models differ significantly, but by less than another seed would change.

    ``means`` and ``significant`` are of :func:`comparison.matrix`, (n, n). ``spread`` is by how much seeds change the
    models that have several: of a pair with a CNCL that of cncl-30k counts, of another pair the largest of all others.
    """
    others = max(value for name, value in spread.items() if name != "cncl-30k")
    is_cncl = np.array([name.startswith("cncl") for name in models])
    limit = np.where(is_cncl | is_cncl[:, None], spread["cncl-30k"], others)
    return int(np.count_nonzero(significant & (np.abs(means) < limit))) // 2


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


@cache
def _entries(table: str) -> list[ledger.Entry]:
    return [entry for entry in ledger.entries() if entry.table == table]


def _beside(cells: list[tuple[float, float]], digits: list[int]) -> str:
    ours = [f"{cell[0]:.{places}f}" for cell, places in zip(cells, digits, strict=True)]
    printed = [f"{cell[1]:g}" for cell in cells]
    upper, lower = ("/".join(value.lstrip("0") for value in line) for line in (ours, printed))
    return f"{upper}<br><small>{lower}</small>"
