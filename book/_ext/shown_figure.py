"""The directive ``{shown} PAGE FIGURE``: a figure that another page made, where it is wanted as well.

The figure is read from the executed notebook, by the name that :func:`anisodiff.reports.figures.show` gave it; below it
stands what the directive holds, as a caption. A figure that is not there is a warning, which fails the build.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)


class Shown(SphinxDirective):
    """See the top of this module."""

    required_arguments = 2
    has_content = True

    def run(self):
        page, name = self.arguments
        path = Path(self.env.srcdir) / f"notebooks/{page}.ipynb"
        self.env.note_dependency(str(path))
        found = figures(path)
        if name not in found:
            logger.warning(
                "page %s has no figure %r; there are: %s", page, name, ", ".join(found),
                location=self.get_location(),
            )  # fmt: skip
            return []
        shown = nodes.container(classes=["shown"])
        shown += nodes.raw("", found[name], format="html")
        caption = nodes.container(classes=["caption"])
        self.state.nested_parse(self.content, self.content_offset, caption)
        shown += caption
        return [shown]


def figures(path: Path) -> dict[str, str]:
    """The figures of an executed notebook by name, as HTML."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    return {
        output["metadata"]["figure"]: "".join(output["data"]["text/html"])
        for output in outputs
        if "figure" in output.get("metadata", {})
    }


def setup(app):
    app.add_directive("shown", Shown)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
