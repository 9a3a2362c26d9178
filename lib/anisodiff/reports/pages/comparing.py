"""Two runs of one page side by side: their parameters, numbers and figures, with the differences."""

import html
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd

from ...data.provenance import write_atomically
from . import as_html

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem; text-align: right; }
th:first-child { text-align: left; } tr { border-bottom: 1px solid #ddd; }
.pair { display: grid; gap: 1rem; grid-template-columns: 1fr 1fr; } .pair img { max-width: 100%; height: auto; }
.only-dark { display: none; }
@media (max-width: 50rem) { .pair { grid-template-columns: 1fr; } }
"""


def compare(name: str, theirs: Path, ours: Path, output: Path) -> pd.DataFrame:
    """Write the comparison of the book's run of a page with another one as HTML; return its table of numbers.

    The table has the columns book, this run (as shown, rounded) and difference (of the full values), one row a number.
    """
    book, run = (nbformat.read(path, as_version=4) for path in (theirs, ours))
    table = _numbers(book, run)
    figures = (_figures(book), _figures(run))
    parts = [
        "<h2>Parameters</h2>" + _parameters(book, run).to_html(border=0),
        "<h2>Numbers</h2>" + table.to_html(border=0),
    ]
    for figure in sorted(figures[0].keys() | figures[1].keys()):
        pair = "".join(f"<div>{side.get(figure, 'not in this run')}</div>" for side in figures)
        parts.append(f'<h2>{html.escape(figure)}</h2><div class="pair">{pair}</div>')
    made = "".join(f"<div>{as_html(page.metadata['anisodiff'])}</div>" for page in (book, run))
    write_atomically(output, (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}: the book and this run</title>'
        f"<style>{STYLE}</style><h1>{name}: the book (left) and this run (right)</h1>"
        f'{"".join(parts)}<h2>How they were made</h2><div class="pair">{made}</div></html>'
    ).encode())  # fmt: skip
    return table


def _numbers(*pages: nbformat.NotebookNode) -> pd.DataFrame:
    book, run = ({kept["name"]: kept for kept in _outputs(page, "number")} for page in pages)
    rows = {}
    for name in [*book, *(name for name in run if name not in book)]:
        digits = (book.get(name) or run[name])["digits"]
        cells = [
            f"{side[name]['value']:z.{digits}f}" if name in side else "" for side in (book, run)
        ]
        both = name in book and name in run
        rows[name] = [
            *cells,
            f"{run[name]['value'] - book[name]['value']:+z.{digits}f}" if both else "",
        ]
    return pd.DataFrame.from_dict(rows, orient="index", columns=["book", "this run", "difference"])


def _parameters(*pages: nbformat.NotebookNode) -> pd.DataFrame:
    book, run = (page.metadata["anisodiff"]["parameters"] for page in pages)
    rows = {name: [repr(book.get(name)), repr(run.get(name))] for name in {**book, **run}}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["book", "this run"])


def _figures(page: nbformat.NotebookNode) -> dict[str, str]:
    return {
        output["metadata"]["figure"]: output["data"]["text/html"]
        for cell in page.cells
        for output in cell.get("outputs", [])
        if "figure" in output.get("metadata", {})
    }


def _outputs(page: nbformat.NotebookNode, key: str) -> list[Any]:
    return [
        output["metadata"][key]
        for cell in page.cells
        for output in cell.get("outputs", [])
        if key in output.get("metadata", {})
    ]
