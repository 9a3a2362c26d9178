"""What lies beside the pages, without what no reader uses.

The notebook that a page offers for download is there to be run: it comes without the outputs, which are the page, and
without papermill's injected cell, which would override what its reader sets in the parameters cell. Of the theme's
files, source maps, message catalogues, the icons' script and the older form of their fonts go: no page loads them.
"""

import json
import shutil
from pathlib import Path


def clear(app, exception):
    """Strip the downloads and remove the theme's ballast, once all is written."""
    if exception or app.builder.format != "html":
        return
    output = Path(app.outdir)
    for path in (output / "_sources").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(
            json.dumps(bare(notebook), ensure_ascii=False, separators=(",", ":")), "utf-8"
        )
    for kind in ("*.map", "*.ttf"):
        for path in (output / "_static").rglob(kind):
            path.unlink()
    shutil.rmtree(output / "_static/locales", ignore_errors=True)
    (output / "_static/scripts/fontawesome.js").unlink(missing_ok=True)


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


def setup(app):
    app.connect("build-finished", clear)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
