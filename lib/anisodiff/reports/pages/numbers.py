"""All numbers that an executed page shows: those of its text, of its claims, and of its tables.

``data/numbers.csv`` is the record of them at the last release: what was shown, and by how much it may move. Two units
of the last printed digit are what other machines change (0.02 dB in a mean PSNR); a whole number may not change at all.
Times are left out, for machines differ.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import pandas as pd
from bs4 import BeautifulSoup, Tag

from ...data.provenance import ROOT, write_atomically

KEY = ["page", "table", "row", "column"]
TEXT, CLAIMS = "text", "claims"  # what is no table of the page
SCALES = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9}
NUMBER = re.compile(
    r"(?<![\w.])([+−-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?)(?:\s?([KMG]))?(?![\w.]*\w)"
)
TIMES = re.compile(
    r"\b(seconds?|minutes?|hours?|times?|training|restoring|shortest|longest|step)\b"
)
UNITS = re.compile(r"\d\s?(ms|s|min|h|minutes|seconds|hours)\b")


class Number(NamedTuple):
    """A number as it stands on a page: where, its value, how far that may move, and its decimals."""

    table: str
    row: str
    column: str
    value: float
    tolerance: float
    digits: int


def of(page: nbformat.NotebookNode) -> list[Number]:
    """The numbers of an executed page, times left out; a table is named by its cell."""
    found = []
    for cell in page.cells:
        tables = 0
        for output in cell.get("outputs", []):
            known, markup = output.get("metadata", {}), output.get("data", {}).get("text/html", "")
            if "number" in known:
                found += _in_text(known["number"])
            elif "verdicts" in known:
                found += _in_claims(known["verdicts"])
            elif "<table" in markup:
                for table in BeautifulSoup(markup, "html.parser").find_all("table"):
                    tables += 1
                    name = cell.id if tables == 1 else f"{cell.id} {tables}"
                    found += _in_table(name, table)
    return found


def frame(name: str, page: nbformat.NotebookNode) -> pd.DataFrame:
    """:func:`of` a page as a table: ``value``, ``tolerance`` and ``digits`` by KEY."""
    rows = [(name, *number) for number in of(page)]
    return pd.DataFrame(rows, columns=[*KEY, *Number._fields[3:]]).set_index(KEY)


def captions(page: nbformat.NotebookNode) -> dict[str, str]:
    """What stands below the tables of a page, by the cell that shows them."""
    found = {}
    for cell in page.cells:
        markup = "".join(
            one.get("data", {}).get("text/html", "") for one in cell.get("outputs", [])
        )
        caption = (
            BeautifulSoup(markup, "html.parser").find("caption") if "<caption" in markup else None
        )
        if caption is not None:
            found[cell.id] = _said(caption)
    return found


def record(root: Path = ROOT) -> Path:
    """Write the record of all executed pages; FileNotFoundError where a page was not."""
    table = pd.concat([frame(name, page) for name, page in executed(root)])
    path = root / "data/numbers.csv"
    write_atomically(path, table[["value", "tolerance"]].to_csv(float_format="%.10g").encode())
    return path


def executed(root: Path = ROOT) -> Iterator[tuple[str, nbformat.NotebookNode]]:
    """The pages of the book as they were executed last, by name; FileNotFoundError where one was not."""
    for source in sorted((root / "notebooks").glob("*.ipynb")):
        path = root / f"_build/source/notebooks/{source.name}"
        if not path.is_file():
            raise FileNotFoundError(f"page {source.stem} was not executed yet; make book does it")
        yield source.stem, nbformat.read(path, as_version=4)


def recorded(root: Path = ROOT) -> pd.DataFrame:
    """The record: ``value`` and ``tolerance`` by KEY."""
    return pd.read_csv(root / "data/numbers.csv", keep_default_na=False).set_index(KEY)


def moves(name: str, page: nbformat.NotebookNode, before: pd.DataFrame) -> pd.DataFrame:
    """A page's numbers beside a record (:func:`recorded`): ``value``, ``tolerance``, ``now``, and ``moved``, the
    difference in tolerances; NaN where a number is only in one of the two."""
    now = frame(name, page).value.rename("now")
    before = before[before.index.get_level_values("page") == name]
    both = before.join(now, how="outer")
    return both.assign(moved=(both.now - both.value).abs() / both.tolerance)


def beyond(found: pd.DataFrame) -> pd.DataFrame:
    """Of :func:`moves` those beyond their tolerance, the farthest first."""
    far = found[found.moved > 1 + 1e-6]
    return far.sort_values("moved", ascending=False, kind="stable")


def _in_text(known: dict) -> Iterator[Number]:
    if not TIMES.search(known["name"].replace("_", " ")):
        yield _number(TEXT, known["name"], "", known["value"], known["digits"])


def _in_claims(verdicts: dict[str, dict[str, dict]]) -> Iterator[Number]:
    for claim, by_case in verdicts.items():
        for case, found in by_case.items():
            row = f"{claim}: {case}" if case else claim
            for of_what, column in (("interval", "measured"), ("control", "control")):
                yield _number(CLAIMS, row, column, found[of_what][0], found["digits"])


def _in_table(name: str, table: Tag) -> Iterator[Number]:
    heads, seen = _heads(table), Counter()
    for line in table.select("tbody tr"):
        label, *cells = line.find_all(["th", "td"])
        label = _said(label)
        seen[label] += 1
        row = label if seen[label] == 1 else f"{label} ({seen[label]})"
        for head, cell in zip(heads[1:], cells, strict=False):
            text = _said(cell)
            if TIMES.search(head.lower()) or UNITS.search(text) or not NUMBER.match(text):
                continue
            for at, (value, decimals, scale) in enumerate(NUMBER.findall(text)):
                column = f"{head} [{at + 1}]" if at else head
                printed = float(value.replace("−", "-").replace(",", ""))
                yield _number(name, row, column, printed, len(decimals), SCALES[scale])


def _number(
    table: str, row: str, column: str, value: float, digits: int, scale: float = 1
) -> Number:
    tolerance = 2 * 10.0**-digits if digits else 0.5
    shown = digits if scale == 1 else 0
    return Number(table, row, column, scale * value, scale * tolerance, shown)


def _heads(table: Tag) -> list[str]:
    """A text for each column: its heads from top to bottom."""
    columns: list[list[str]] = []
    for line in table.select("thead tr"):
        at = 0
        for cell in line.find_all(["th", "td"]):
            for _ in range(int(cell.get("colspan", 1))):
                columns += [[]] * (at >= len(columns))
                columns[at] = [*columns[at], _said(cell)]
                at += 1
    return [" ".join(filter(None, dict.fromkeys(words))) for words in columns]


def _said(node: Tag) -> str:
    text = node.get_text(" ", strip=True).replace("\xa0", " ")
    return re.sub(r"\s+", " ", re.sub("[↑↓]", "", text)).strip()
