"""Tables of scores: tidy in memory, a row for each image and metric; wide on disk, a row for each image.

The first line of a file says what all its rows share, ``# model=foe-s degradation=gaussian collection=bsd68``.
Metrics are columns, with four decimals; an empty cell is a number that was not measured.
"""

import io
from pathlib import Path

import pandas as pd

from ..data import provenance

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


def write(path: Path, table: pd.DataFrame) -> None:
    """Write a tidy table, whole or not at all; any other table as it is."""
    shared = ""
    if list(table.columns) == COLUMNS:
        metrics = list(dict.fromkeys(table.metric))
        keys = [name for name in COLUMNS[:-2] if name in ("image",) or table[name].nunique() > 1]
        alike = [name for name in COLUMNS[:-2] if name not in keys]
        shared = "# " + " ".join(f"{name}={table[name].iloc[0]}" for name in alike) + "\n"
        numbered = table.assign(order=range(len(table)))
        first = numbered.groupby(keys, sort=False)["order"].min()
        wide = table.pivot(index=keys, columns="metric", values="value").loc[first.index, metrics]
        table = wide.reset_index()
        if "level" in table:
            table["level"] = [f"{level:g}" for level in table["level"]]
    text = shared + table.to_csv(index=False, float_format="%.4f", lineterminator="\n")
    provenance.write_atomically(path, text.encode())


def read(path: Path) -> pd.DataFrame:
    """What :func:`write` wrote, tidy again. Raises OSError for a file that is no such table."""
    provenance.note(path)
    try:
        text = path.read_text(encoding="utf-8")
        first, _, rest = text.partition("\n")
        if not first.startswith("# "):
            return pd.read_csv(io.StringIO(text), dtype={"image": str})
        shared = dict(word.split("=", 1) for word in first[2:].split())
        wide = pd.read_csv(io.StringIO(rest), dtype={"image": str})
    except (ValueError, pd.errors.ParserError) as error:
        raise OSError(
            f"{path} is damaged ({error}): restore it with git, or make it anew"
        ) from error
    metrics = [name for name in wide.columns if name not in COLUMNS]
    for name, value in shared.items():
        wide[name] = pd.to_numeric(value) if name in ("level", "crop", "seed") else value
    tidy = wide.loc[wide.index.repeat(len(metrics)), COLUMNS[:-2]]
    tidy = tidy.assign(metric=metrics * len(wide), value=wide[metrics].to_numpy().ravel())
    return tidy.dropna(subset="value").reset_index(drop=True)
