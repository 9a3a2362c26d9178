"""What the literature has printed: the tables of ``data/published.yml``, each number by its key."""

from functools import cache
from pathlib import Path

import yaml

from ..data.provenance import ROOT

PUBLISHED = ROOT / "data/published.yml"


class Printed(float):
    """A number that ``str`` gives as the file has it: ``28.70``."""

    def __new__(cls, text: str):
        made = super().__new__(cls, text)
        made.text = text
        return made

    def __str__(self):
        return self.text


class _AsPrinted(yaml.CSafeLoader):
    """Numbers with a point keep their text."""


_AsPrinted.add_constructor(
    "tag:yaml.org,2002:float", lambda loader, node: Printed(loader.construct_scalar(node))
)


class UnknownNumber(LookupError):
    """A key that names no number; the message says what there is."""


def published(table: str, row: str, column, metric: str | None = None) -> float:
    """One published number; the metric may be left out where a table has one. UnknownNumber says what there is."""
    content = pick(tables(), table, "table", PUBLISHED.name)
    columns, metrics = [str(name) for name in content["columns"]], content["metrics"]
    rows = {str(name): cells for name, cells in content["rows"].items()}
    cells = dict(zip(columns, pick(rows, row, "row", table), strict=True))
    cell = pick(cells, str(column), "column", table)
    wanted = metric or (metrics[0] if len(metrics) == 1 else "")
    place = pick({name: place for place, name in enumerate(metrics)}, wanted, "metric", table)
    value = cell[place] if isinstance(cell, list) else cell
    if value is None:
        raise UnknownNumber(f"{table} {row} {column}: nothing was published there")
    return value


@cache
def tables(file: Path = PUBLISHED) -> dict:
    """The tables of published.yml by name; ValueError names a table or row that is not of the format."""
    tables = yaml.load(file.read_text(encoding="utf-8"), _AsPrinted)
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
