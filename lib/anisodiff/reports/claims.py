"""What the literature has printed: the tables of ``data/published.yml``, each number by its key, and its findings in
words of ``data/claims.yml``, each with a verdict that is computed."""

from pathlib import Path

import yaml

from ..data.provenance import ROOT

PUBLISHED = ROOT / "data/published.yml"
CLAIMS = ROOT / "data/claims.yml"


class UnknownNumber(LookupError):
    """A key that names no number; the message says what there is."""


def published(table: str, row: str, column, metric: str | None = None) -> float:
    """One published number; the metric may be left out where a table has one. UnknownNumber says what there is."""
    content = _pick(tables(), table, "table", PUBLISHED.name)
    columns, metrics = [str(name) for name in content["columns"]], content["metrics"]
    cells = dict(zip(columns, _pick(content["rows"], row, "row", table), strict=True))
    cell = _pick(cells, str(column), "column", table)
    wanted = metric or (metrics[0] if len(metrics) == 1 else "")
    place = _pick({name: place for place, name in enumerate(metrics)}, wanted, "metric", table)
    value = cell[place] if isinstance(cell, list) else cell
    if value is None:
        raise UnknownNumber(f"{table} {row} {column}: nothing was published there")
    return value


def tables(file: Path = PUBLISHED) -> dict:
    """The tables of published.yml by name; ValueError names a table or row that is not of the format."""
    tables = yaml.safe_load(file.read_text(encoding="utf-8"))
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


def findings(file: Path = CLAIMS) -> dict:
    """The claims of claims.yml by name; ValueError names one that is not of the format."""
    claims = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    for name, claim in claims.items():
        missing = {"says", "source", "page", "number"} - set(claim)
        if missing or len({"above", "below"} & set(claim)) != 1:
            raise ValueError(
                f"{file.name}: claim {name!r} needs says, source, page, number, and one of above and below"
            )
    return claims


def verdict(name: str, interval: tuple[float, float, float]) -> str:
    """``reproduced``, ``not reproduced`` or ``undecided``: a claim against mean, low and high of its number.

    Raises UnknownNumber for a claim that is not in claims.yml, ValueError where the interval is not one.
    """
    claim = _pick(findings(), name, "claim", CLAIMS.name)
    mean, low, high = interval
    if not low <= mean <= high:
        raise ValueError(
            f"claim {name!r}: low <= mean <= high does not hold for {low}, {mean}, {high}"
        )
    if "below" in claim:
        low, high, bound = -high, -low, -claim["below"]
    else:
        bound = claim["above"]
    return "reproduced" if low > bound else "not reproduced" if high <= bound else "undecided"


def _pick(mapping: dict, key: str, kind: str, where: str):
    if key not in mapping:
        raise UnknownNumber(
            f"there is no {kind} {key!r} in {where}; there are: {', '.join(map(str, mapping))}"
        )
    return mapping[key]
