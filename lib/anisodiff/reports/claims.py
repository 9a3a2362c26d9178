"""What the literature has printed: the tables of ``data/published.yml``, each number by its key."""

from functools import cache
from pathlib import Path

import yaml

from ..data.provenance import ROOT

PUBLISHED = ROOT / "data/published.yml"


class UnknownNumber(LookupError):
    """A key that names no number; the message says what there is."""


def published(table: str, row: str, column, metric: str | None = None) -> float:
    """One published number; the metric may be left out where a table has one. UnknownNumber says what there is."""
    content = pick(tables(), table, "table", PUBLISHED.name)
    columns, metrics = [str(name) for name in content["columns"]], content["metrics"]
    cells = dict(zip(columns, pick(content["rows"], row, "row", table), strict=True))
    cell = pick(cells, str(column), "column", table)
    wanted = metric or (metrics[0] if len(metrics) == 1 else "")
    place = pick({name: place for place, name in enumerate(metrics)}, wanted, "metric", table)
    value = cell[place] if isinstance(cell, list) else cell
    if value is None:
        raise UnknownNumber(f"{table} {row} {column}: nothing was published there")
    return value


def printed(table: str, row: str, column, metric: str | None = None) -> str:
    """A number of :func:`published` as the file has it, its last zeros too."""
    content = _texts()[table]
    cell = content["rows"][row][content["columns"].index(str(column))]
    return cell[content["metrics"].index(metric)] if isinstance(cell, list) else cell


@cache
def _texts() -> dict:
    return yaml.load(PUBLISHED.read_text(encoding="utf-8"), yaml.CBaseLoader)


@cache
def tables(file: Path = PUBLISHED) -> dict:
    """The tables of published.yml by name; ValueError names a table or row that is not of the format."""
    tables = yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader)
    for name, table in tables.items():
        missing = {"title", "source", "columns", "metrics", "rows"} - set(table)
        if missing:
            raise ValueError(f"{file.name}: table {name!r} lacks {', '.join(sorted(missing))}")
        for row, cells in table["rows"].items():
            widths = {
                len(cell) if isinstance(cell, list) else 1 for cell in cells if cell is not None
            }
            if len(cells) != len(table["columns"]) or widths - {len(table["metrics"])}:
                raise ValueError(
                    f"{file.name}: row {row!r} of {name!r} does not fit the table's columns and metrics"
                )
    return tables


def pick(mapping: dict, key: str, kind: str, where: str):
    """What a mapping has at a key; UnknownNumber says what there is."""
    if key not in mapping:
        raise UnknownNumber(
            f"there is no {kind} {key!r} in {where}; there are: {', '.join(map(str, mapping))}"
        )
    return mapping[key]
