"""By how much the numbers of the book have moved since they were recorded (``data/numbers.csv``), page by page."""

from pathlib import Path
from typing import NamedTuple

import nbformat
import pandas as pd

from ...data.provenance import ROOT
from . import numbers, tables
from .comparing import markdown

PROFILE = "quick"  # in which they are recorded


class Drift(NamedTuple):
    """A page beside the record: how many numbers were ``compared``, are ``new`` or ``gone``, and those beyond their
    tolerance, the farthest first (:func:`numbers.beyond`); ``largest`` is the largest move, in tolerances."""

    compared: int
    new: int
    gone: int
    beyond: pd.DataFrame
    largest: float


def of(name: str, page: nbformat.NotebookNode, before: pd.DataFrame) -> Drift | None:
    """A page beside a record (:func:`numbers.recorded`); None where it ran with another profile."""
    if page.metadata["anisodiff"]["parameters"].get("profile", PROFILE) != PROFILE:
        return None
    found = numbers.moves(name, page, before)
    moved = found.moved.dropna()
    new, gone = int(found.value.isna().sum()), int(found.now.isna().sum())
    largest = float(moved.max()) if len(moved) else 0.0
    return Drift(len(moved), new, gone, numbers.beyond(found), largest)


def everywhere(root: Path = ROOT) -> dict[str, Drift | None]:
    """:func:`of` every page of the book; FileNotFoundError where there is no record, or a page was not executed."""
    before = numbers.recorded(root)
    return {name: of(name, page, before) for name, page in numbers.executed(root)}


def total(found: dict[str, Drift | None]) -> str:
    """In a sentence: how many numbers were compared and how many moved beyond their tolerance."""
    compared = [one for one in found.values() if one]
    count, far = sum(one.compared for one in compared), sum(len(one.beyond) for one in compared)
    return f"{far} of {tables.number(count, 0)} numbers moved beyond their tolerance"


def by_page(found: dict[str, Drift | None]) -> pd.DataFrame:
    """A row a page, of texts."""
    rows = {}
    for name, one in found.items():
        if one is None:
            rows[name] = ["", "", "", "", f"not run with profile {PROFILE}"]
            continue
        counts = [tables.number(count, 0) for count in (one.compared, one.new, one.gone)]
        rows[name] = [*counts, str(len(one.beyond)), f"{one.largest:.2g} tolerances"]
    columns = ["compared", "new", "gone", "beyond tolerance", "largest move"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def moved(found: dict[str, Drift | None]) -> pd.DataFrame:
    """The numbers beyond their tolerance on all pages, the farthest first, as texts."""
    parts = [one.beyond for one in found.values() if one is not None and len(one.beyond)]
    if not parts:
        return pd.DataFrame(columns=["recorded", "now", "tolerance"])
    far = pd.concat(parts).sort_values("moved", ascending=False, kind="stable")
    names = [" / ".join(filter(None, key)) for key in far.index]
    texts = far[["value", "now", "tolerance"]].map("{:.6g}".format)
    return texts.set_axis(names).rename(columns={"value": "recorded"})


def as_text(found: dict[str, Drift | None]) -> str:
    """For a terminal."""
    far = moved(found)
    return "\n".join(
        [by_page(found).to_string(), total(found), *([far.to_string()] * bool(len(far)))]
    )


def as_markdown(found: dict[str, Drift | None], most: int = 200) -> str:
    """For the summary of a run in GitHub Actions, or an issue; the ``most`` that moved farthest."""
    far = moved(found)
    lines = [
        "## Numbers beside the last release's",
        "",
        f"{total(found)}.",
        "",
        markdown(by_page(found)),
    ]
    if len(far):
        lines += ["", "### Moved beyond their tolerance", "", markdown(far.head(most))]
    if len(far) > most:
        lines += ["", f"and {len(far) - most} more: `python -m anisodiff.reports.pages drift`"]
    return "\n".join(lines)
