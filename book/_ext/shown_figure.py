"""The directive ``{shown} FIGURE``: a figure of an executed page, with its number, caption and links.

:func:`anisodiff.reports.figures.show` writes it into the output of each figure, so that all are made here. The figure
is read from the executed notebook, by its name; what the directive holds is its caption. ``{shown} PAGE FIGURE`` shows
it on another page as well. ``{numref}`fig-PAGE-FIGURE``` refers to it, PAGE being the page where it stands. A figure
that is not there is a warning, which fails the build.
"""

import base64
import functools
import json
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)
FRAME, CAPTION = "<figure>", "<figcaption>"  # of a figure that shows; other viewers need them
NUMBERS = (
    '<a class="data" download="{name}.csv" href="data:text/csv;base64,{content}">numbers (CSV)</a>'
)


class Shown(SphinxDirective):
    """See the top of this module."""

    required_arguments = 1
    optional_arguments = 1
    has_content = True

    def run(self):
        here = self.env.docname.rpartition("/")[2]
        page, name = self.arguments if len(self.arguments) > 1 else (here, *self.arguments)
        path = Path(self.env.srcdir) / f"notebooks/{page}.ipynb"
        self.env.note_dependency(str(path))
        found = figures(path, path.stat().st_mtime_ns)
        if name not in found:
            logger.warning(
                "page %s has no figure %r; there are: %s", page, name, ", ".join(found),
                location=self.get_location(),
            )  # fmt: skip
            return []
        shown = nodes.figure(classes=["shown"], names=[f"fig-{here}-{name}".lower()])
        self.state.document.note_explicit_target(shown, shown)
        markup, numbers = found[name]
        shown += nodes.raw("", drawn(markup), format="html")
        said = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, said)
        finding, *how = said.children or [nodes.paragraph()]
        shown += nodes.caption(finding.rawsource, "", *finding.children)
        shown += nodes.legend("", *how, nodes.raw("", links(numbers, name), format="html"))
        return [shown]


@functools.lru_cache(maxsize=2)
def figures(path: Path, changed: int) -> dict[str, tuple[str, str]]:
    """The figures of an executed notebook by name: HTML, and their numbers as CSV. ``changed`` is the file's time."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return {
        about["figure"]: ("".join(output["data"]["text/html"]), about.get("csv", ""))
        for output in outputs
        if "figure" in (about := output.get("metadata", {}))
    }


def drawn(markup: str) -> str:
    """What a figure shows, as HTML, in a box that scrolls sideways on a narrow screen."""
    images = markup.removeprefix(FRAME).partition(CAPTION)[0]
    return f'<div class="drawn">{images}</div>' if markup.startswith(FRAME) else markup


def links(numbers: str, name: str) -> str:
    """The numbers as a file, where there are some; figures.js adds what needs a script."""
    content = base64.b64encode(numbers.encode()).decode()
    return f'<p class="links">{numbers and NUMBERS.format(name=name, content=content)}</p>'


def setup(app):
    app.add_directive("shown", Shown)
    app.add_js_file("figures.js")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
