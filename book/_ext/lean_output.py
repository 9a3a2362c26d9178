"""What lies beside the pages, without what no reader uses.

The notebook that a page offers for download is there to be run: it comes without the outputs, which are the page, and
without papermill's injected cell, which would override what its reader sets in the parameters cell. Of the theme's
files, source maps and message catalogues go: no page loads them. Pages do not load thebe, which runs cells in a page
through a server elsewhere, and which Jupyter Book adds twice, nor the script of the icons (1.5 MB), which the style
sheet draws as well. On a dark screen they are dark from the start, so that no light figure is fetched first.
"""

import json
import re
import shutil
from pathlib import Path

ICONS = re.compile(r'<script src="[^"]*/fontawesome\.js[^"]*"></script>\s*')
THEME = 'dataset.theme = localStorage.getItem("theme") || "auto"'
AS_THE_SYSTEM = """dataset.theme = localStorage.getItem("theme") ||
      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")"""


def clear(app, exception):
    """Strip the downloads and remove the theme's ballast, once all is written."""
    if exception or app.builder.format != "html":
        return
    output = Path(app.outdir)
    for path in (output / "_sources").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps(bare(notebook), indent=1, ensure_ascii=False) + "\n", "utf-8")
    for path in (output / "_static").rglob("*.map"):
        path.unlink()
    shutil.rmtree(output / "_static/locales", ignore_errors=True)
    (output / "_static/scripts/fontawesome.js").unlink(missing_ok=True)
    for path in output.rglob("*.html"):
        page = ICONS.sub("", path.read_text("utf-8")).replace(THEME, AS_THE_SYSTEM)
        path.write_text(page, "utf-8")


def bare(notebook: dict) -> dict:
    """A notebook as its author wrote it: no outputs, no counts, no injected parameters."""
    cells = [
        cell
        for cell in notebook["cells"]
        if "injected-parameters" not in cell["metadata"].get("tags", [])
    ]
    run = {"outputs": [], "execution_count": None}
    return notebook | {
        "cells": [cell | run if cell["cell_type"] == "code" else cell for cell in cells]
    }


def without_thebe(app, pagename, templatename, context, doctree):
    """Take the scripts and styles of thebe out of a page."""
    for kind in ("script_files", "css_files"):
        context[kind] = [one for one in context.get(kind, ()) if "thebe" not in _said(one)]


def _said(asset) -> str:
    """What an asset of a page is: its address, or what a script without one says."""
    return f"{getattr(asset, 'filename', asset)} {getattr(asset, 'attributes', {}).get('body', '')}"


def setup(app):
    app.connect("build-finished", clear)
    app.connect("html-page-context", without_thebe, priority=900)  # after all who add some
    return {"parallel_read_safe": True, "parallel_write_safe": True}
