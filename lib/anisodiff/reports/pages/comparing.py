"""Two runs of one page side by side: their parameters, numbers, tables and figures, with the differences."""

import base64
import html
import io
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from PIL import Image

from ...data.provenance import write_atomically
from . import as_html, numbers, tables

SIDES = ["book", "this run"]
TITLES = {numbers.TEXT: "Numbers", numbers.CLAIMS: "Claims"}
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .8rem; text-align: right; }
th:first-child { text-align: left; } tr { border-bottom: 1px solid #ddd; }
.pair { display: grid; gap: 1rem; grid-template-columns: 1fr 1fr 1fr; } .pair img { max-width: 100%; height: auto; }
.only-dark { display: none !important; } summary { font-size: 1.2rem; }
@media (max-width: 50rem) { .pair { grid-template-columns: 1fr; } }
"""


def compare(name: str, theirs: Path, ours: Path, output: Path) -> pd.DataFrame:
    """Write the comparison of the book's run of a page with another one as HTML; return :func:`differences`."""
    book, run = (nbformat.read(path, as_version=4) for path in (theirs, ours))
    found = differences(name, book, run)
    parts = ["<h2>Parameters</h2>" + _parameters(book, run).to_html(border=0)]
    for title, part in by_table(found, numbers.captions(book)):
        opened = " open" * (title in TITLES.values())
        title = f"<summary>{html.escape(title)}: {_count(part)}</summary>"
        parts.append(f"<details{opened}>{title}{part[_SHOWN].to_html(border=0)}</details>")
    figures = (_figures(book), _figures(run))
    for figure in dict.fromkeys([*figures[0], *figures[1]]):
        sides = [side.get(figure, "not in this run") for side in figures]
        cells = "".join(f"<div>{cell}</div>" for cell in (*sides, _apart(*sides)))
        parts.append(f'<h2>{html.escape(figure)}</h2><div class="pair">{cells}</div>')
    made = "".join(f"<div>{as_html(page.metadata['anisodiff'])}</div>" for page in (book, run))
    write_atomically(output, (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}: the book and this run</title>'
        f"<style>{STYLE}</style><h1>{name}: the book, this run, and where they differ</h1>"
        f'{"".join(parts)}<h2>How they were made</h2><div class="pair">{made}</div></html>'
    ).encode())  # fmt: skip
    return found


def differences(name: str, book: nbformat.NotebookNode, run: nbformat.NotebookNode) -> pd.DataFrame:
    """The numbers of two runs of a page by table, row and column: ``book``, ``this run``, ``difference`` as they are
    printed, empty where there is none, and whether they ``differ`` as printed."""
    both = [numbers.frame(name, page).droplevel("page") for page in (book, run)]
    order = both[0].index.append(both[1].index.difference(both[0].index, sort=False))
    digits = pd.concat([side.digits for side in both]).groupby(level=[0, 1, 2]).max()
    rows = []
    for key in order:
        values = [side.value.get(key, np.nan) for side in both]
        cells = ["" if np.isnan(value) else tables.number(value, digits[key]) for value in values]
        apart = values[1] - values[0]
        gap = "" if np.isnan(apart) else tables.number(apart, digits[key], "+")
        rows.append((*cells, gap, cells[0] != cells[1]))
    return pd.DataFrame(rows, order, [*SIDES, "difference", "differ"])


def by_table(
    found: pd.DataFrame, captions: dict[str, str] | None = None
) -> Iterator[tuple[str, pd.DataFrame]]:
    """:func:`differences` table by table, each with its title, its rows by what they are called."""
    for table, part in found.groupby(level="table", sort=False):
        part = part.droplevel("table")
        called = [", ".join(filter(None, key)) for key in part.index]
        yield TITLES.get(table) or (captions or {}).get(table, table), part.set_axis(called)


def as_text(found: pd.DataFrame) -> str:
    """The numbers of the page's text in columns, and how many of each table differ."""
    lines = []
    for title, part in by_table(found):
        if title == TITLES[numbers.TEXT]:
            lines.insert(0, part[_SHOWN].to_string())
        else:
            lines.append(f"{title}: {_count(part)}")
    return "\n".join(lines) or "this page keeps no numbers"


def as_markdown(name: str, parameters: str, found: pd.DataFrame, captions: dict[str, str]) -> str:
    """The same for the summary of a run in GitHub Actions: all numbers, each table folded."""
    lines = [f"## {name}: the book and this run", "", f"Parameters of this run: {parameters}.", ""]
    for title, part in by_table(found, captions):
        body = markdown(part[_SHOWN])
        if title == TITLES[numbers.TEXT]:
            lines += [body, ""]
        else:
            title = f"{html.escape(title)}: {_count(part)}"
            lines += [f"<details><summary>{title}</summary>", "", body, "", "</details>", ""]
    return "\n".join(lines)


def markdown(table: pd.DataFrame) -> str:
    """A table of texts in Markdown, its index first."""
    cells = table.reset_index(names="").astype(str).replace(r"\|", r"\|", regex=True)
    rule = ["---", *["---:"] * table.shape[1]]
    rows = [cells.columns, rule, *cells.to_numpy()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


_SHOWN = [*SIDES, "difference"]


def _count(part: pd.DataFrame) -> str:
    return f"{part.differ.sum()} of {len(part)} values differ"


def _parameters(*pages: nbformat.NotebookNode) -> pd.DataFrame:
    book, run = (page.metadata["anisodiff"]["parameters"] for page in pages)
    rows = {name: [repr(book.get(name)), repr(run.get(name))] for name in {**book, **run}}
    return pd.DataFrame.from_dict(rows, orient="index", columns=SIDES)


def _figures(page: nbformat.NotebookNode) -> dict[str, str]:
    return {
        output["metadata"]["figure"]: output["data"]["text/html"]
        for cell in page.cells
        for output in cell.get("outputs", [])
        if "figure" in output.get("metadata", {})
    }


def _apart(*sides: str) -> str:
    """Where the first pictures of two figures differ, dark on white, and in how many of their pixels."""
    pictures = [_picture(side) for side in sides]
    if any(one is None for one in pictures):
        return ""
    if pictures[0].shape != pictures[1].shape:
        return "of another size"
    apart = np.abs(pictures[0].astype(int) - pictures[1]).max(-1)
    if not apart.any():
        return "the same"
    file = io.BytesIO()
    Image.fromarray((255 - apart).astype(np.uint8)).save(file, format="webp", lossless=True)
    source = base64.b64encode(file.getvalue()).decode()
    return (
        f'<img alt="where they differ" src="data:image/webp;base64,{source}">'
        f"<br>{np.mean(apart > 0):.1%} of the pixels differ"
    )


def _picture(markup: str) -> np.ndarray | None:
    found = re.search('src="data:image/[a-z]+;base64,([^"]+)"', "".join(markup))
    if found is None:
        return None
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))).convert("RGB"))
