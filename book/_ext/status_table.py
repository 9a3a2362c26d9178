"""Directives ``status``: when, where and from what each executed page of the book was made; and ``drift``: by how much
its numbers have moved since the last release.

The first reads what the pipeline left in each notebook's metadata, ``nb["metadata"]["anisodiff"]``, the second
``data/numbers.csv`` and the notebooks' outputs.
"""

import json
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from anisodiff.data.provenance import ROOT
from anisodiff.reports.pages import device, drift, numbers
from anisodiff.reports.pages.tables import number

logger = logging.getLogger(__name__)


class Status(SphinxDirective):
    """A row for each notebook of the table of contents, then what each of them read."""

    def run(self):
        rows, details = [], []
        for name in self.env.external_site_map:
            path = Path(self.env.doc2path(name))
            if path.suffix != ".ipynb":
                continue
            self.env.note_dependency(str(path))
            notebook = json.loads(path.read_text(encoding="utf-8"))
            run = notebook["metadata"].get("anisodiff")
            if run is None:
                logger.warning(
                    "%s has no record of its run: it was not executed by the pipeline",
                    name,
                    location=self.get_location(),
                )
                continue
            title = heading(notebook, name)
            rows.append(_row(_link(name, title), *map(_text, _facts(run))))
            details.append(_details(title, run))
        return (
            [
                _table(("Page", "Run (UTC)", "Commit", "Device", "Seconds", "Profile"), rows),
                *details,
            ]
            if rows
            else []
        )


class Drift(SphinxDirective):
    """A sentence, a row for each notebook of the table of contents, and which numbers are beyond their tolerance."""

    def run(self):
        self.env.note_dependency(str(ROOT / "data/numbers.csv"))
        before, rows, found = numbers.recorded(ROOT), [], {}
        for name in self.env.external_site_map:
            path = Path(self.env.doc2path(name))
            if path.suffix != ".ipynb":
                continue
            self.env.note_dependency(str(path))
            page = nbformat.read(path, as_version=4)
            one = found[path.stem] = drift.of(path.stem, page, before)
            cells = _moves(one) if one else (f"not run with profile {drift.PROFILE}", "", "", "")
            rows.append(_row(_link(name, heading(page, name)), *map(_text, cells)))
        heads = (
            "Page",
            "Numbers compared",
            "Beyond tolerance",
            "Largest move, in tolerances",
            "New, gone",
        )
        parts = [_text(f"{drift.total(found)}."), _table(heads, rows)]
        far = drift.moved(found)
        if len(far):
            listed = [_row(*map(_text, (name, *texts))) for name, *texts in far.itertuples()]
            table = _table(("Number", *map(str.capitalize, far.columns)), listed)
            title = nodes.title("", "Beyond their tolerance")
            parts.append(nodes.admonition("", title, table, classes=["dropdown", "run"]))
        return parts


def _moves(one: drift.Drift) -> tuple[str, ...]:
    new = f"{one.new}, {one.gone}"
    return number(one.compared, 0), str(len(one.beyond)), number(one.largest, 1), new


def _facts(run: dict) -> tuple[str, ...]:
    commit = run["commit"][:10] + (", modified" if run["dirty"] else "")
    return (
        run["date"][:16].replace("T", " "),
        commit,
        device(run),
        f"{run['seconds']:.0f}",
        run["parameters"].get("profile", "–"),
    )


def _details(title: str, run: dict) -> nodes.Node:
    """A folded list of parameters, of what was read, and of versions."""
    parts = []
    for caption, heads, entries in (
        (
            "Parameters",
            ("name", "value"),
            {name: repr(value) for name, value in run["parameters"].items()},
        ),
        ("Data, weights and scores read", ("name", "SHA-256, first digits"), run["used"]),
        ("Versions", ("package", "version"), run["versions"]),
    ):
        if entries:
            parts.append(nodes.paragraph("", "", nodes.strong("", caption)))
            parts.append(_table(heads, [_row(*map(_code, entry)) for entry in entries.items()]))
    return nodes.admonition("", nodes.title("", title), *parts, classes=["dropdown", "run"])


def heading(notebook: dict, name: str) -> str:
    """The title of a page, which is its first heading."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            for line in "".join(cell["source"]).splitlines():
                if line.startswith("# "):
                    return line[2:].strip()
    return name


def _link(name: str, title: str) -> nodes.Node:
    link = pending_xref(
        "", refdomain="std", reftype="doc", reftarget=f"/{name}", refexplicit=True, refwarn=True
    )
    link += nodes.inline("", title)
    return nodes.paragraph("", "", link)


def _text(value: str) -> nodes.Node:
    return nodes.paragraph("", value)


def _code(value: str) -> nodes.Node:
    return nodes.paragraph("", "", nodes.literal("", value))


def _row(*cells: nodes.Node) -> nodes.Node:
    return nodes.row("", *(nodes.entry("", cell) for cell in cells))


def _table(heads: tuple[str, ...], rows: list[nodes.Node]) -> nodes.Node:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in heads), cols=len(heads))
    group += nodes.thead("", _row(*map(_text, heads)))
    group += nodes.tbody("", *rows)
    return nodes.table("", group, classes=["colwidths-auto", "runs"])


def setup(app):
    app.add_directive("status", Status)
    app.add_directive("drift", Drift)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
