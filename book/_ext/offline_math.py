"""MathJax beside the pages, from the package sphinx-mathjax-offline, so that formulas read without a network.

Only what a page loads is copied: the TeX component and its fonts, 1.7 MB of the package's 15.
"""

import shutil
from importlib.util import find_spec
from pathlib import Path

PARTS = ("tex-chtml.js", "output/chtml/fonts")


def copy_mathjax(app):
    if app.builder.format != "html":
        return
    source = Path(find_spec("sphinx-mathjax-offline").origin).parent / "static" / "mathjax"
    # The output's _static, not the source's: Jupyter Book adds each script of the latter to each page.
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in PARTS:
        if (source / part).is_dir():
            shutil.copytree(source / part, target / part, dirs_exist_ok=True)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / part, target / part)


def setup(app):
    app.connect("builder-inited", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
