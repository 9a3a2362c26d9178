"""Where the book was built from, and what a reader may take along: launch buttons, downloads, a cell for Colab.

The repository is that of the environment (``GITHUB_SERVER_URL``, ``GITHUB_REPOSITORY``, the branch), as in GitHub
Actions. Elsewhere there is none, and no button leads to one. Binder builds the folder ``binder/``. Colab opens the
notebooks of the branch ``colab``, which ``.github/workflows/colab.yml`` fills by this file: the same, but for a first
cell that fetches the library (:func:`portable`). It needs nothing but Python there.

A page that was a notebook offers it twice: to run, bare (``lean_output``), and with its outputs, from the folder
``_executed``; its figures are the book's, and ``executed.js`` puts them inside.
"""

import json
import os
import re
import sys
from pathlib import Path

COLAB = "colab"  # the branch
UNKNOWN = "ADDRESS"  # where a page names the repository and there is none
EITHER = re.compile(  # of a page
    r"(?ms)^@WITH@\n(?P<with>.*?)(?:^@WITHOUT@\n(?P<without>.*?))?^@END@\n"
)
NEEDED = (  # by the library, beside PyTorch and what Colab has
    "bm3d imagecodecs imageio numba pooch pywavelets safetensors scikit-image tifffile"
)
CELL = """\
# Fetches the study where it is not installed, as in Google Colab; elsewhere this cell does nothing.
import importlib.util
import sys

if importlib.util.find_spec("anisodiff") is None:
    !git clone --quiet --depth 1 --branch {branch} {address} anisodiff
    %pip install --quiet {needed}
    %pip install --quiet --no-deps --editable ./anisodiff
    sys.path.insert(0, "anisodiff/lib")
"""


def source() -> tuple[str, str] | None:
    """The address of the repository and the branch; None where the book is not built from one that is public."""
    name = os.environ.get("GITHUB_REPOSITORY")
    if not name:
        return None
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    of_a_branch = os.environ.get("GITHUB_REF_TYPE", "branch") == "branch"
    here = os.environ.get("GITHUB_REF_NAME") if of_a_branch else None
    return f"{server}/{name}", os.environ.get("GITHUB_BASE_REF") or here or "main"


def cell(address: str, branch: str) -> str:
    """The code that fetches the library."""
    return CELL.format(branch=branch, address=address, needed=NEEDED)


def portable(notebook: dict, address: str, branch: str) -> dict:
    """A notebook whose first cell fetches the library."""
    first = {
        "cell_type": "code",
        "execution_count": None,
        "id": "fetch-the-study",
        "metadata": {},
        "outputs": [],
        "source": cell(address, branch).splitlines(keepends=True),
    }
    return notebook | {"cells": [first, *notebook["cells"]]}


def configure(app, config):
    """Give the theme the repository, or take its buttons away."""
    found, theme = source(), config.html_theme_options
    theme |= {"use_repository_button": bool(found), "use_issues_button": bool(found)}
    theme |= {"repository_url": found[0] if found else "", "launch_buttons": {}}
    if not found:
        return
    theme |= {"repository_provider": "github", "repository_branch": found[1]}
    if found[0].startswith("https://github.com/"):  # of others neither Binder nor Colab knows
        theme["launch_buttons"] = {
            "notebook_interface": "jupyterlab",
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
        }


def fill_in(app, docname, content):
    """Where a page asks for them: the address, the cell that fetches the library, what holds with or without either."""
    found = source()
    address, branch = found or (UNKNOWN, "main")
    text = EITHER.sub(lambda lines: lines["with" if found else "without"] or "", content[0])
    text = text.replace("@REPOSITORY@", address)
    content[0] = text.replace("@COLAB@", cell(address, branch).rstrip())


def offer(app, pagename, templatename, context, doctree):
    """The buttons of a page: a notebook twice, and Colab's own branch."""
    for group in context.get("header_buttons", ()):
        if group.get("label") == "download-buttons" and context["sourcename"].endswith(".ipynb"):
            group["buttons"] = _downloads(group["buttons"], context["pathto"], pagename)
        for button in group.get("buttons", ()):
            if button["text"] == "Colab":
                button["url"] = re.sub(
                    r"/blob/.*/notebooks/", f"/blob/{COLAB}/notebooks/", button["url"]
                )


def _downloads(buttons: list[dict], pathto, pagename: str) -> list[dict]:
    bare, *others = buttons
    executed = {
        "url": f"{pathto('_executed', 1)}/{pagename.rpartition('/')[2]}.ipynb",
        "text": "with outputs",
        "tooltip": "Download the notebook as it was executed for this page",
        "label": "download-executed-button",
    }
    told = {"text": "to run", "tooltip": "Download the notebook without outputs"}
    return [bare | told, bare | executed, *others]


def take_along(app, exception):
    """Write the executed notebooks beside the pages, before ``lean_output`` makes the bare ones of them."""
    if exception or app.builder.format != "html":
        return
    from figure_files import BUNDLE, in_files

    output = Path(app.outdir)
    (output / "_executed").mkdir(exist_ok=True)
    for path in (output / "_sources").rglob("*.ipynb"):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        for one in notebook["cells"]:
            for shown in one.get("outputs", ()):
                shown.get("metadata", {}).pop("csv", None)  # which the page offers as a file
                if markup := "".join(shown.get("data", {}).get("text/html", ())):
                    # The dark version and the data of what only the book's scripts can show stay behind.
                    markup = BUNDLE.sub("", re.sub(r'<img class="only-dark[^>]*>', "", markup))
                    markup = in_files(markup, output / app.builder.imagedir, "../_images")
                    shown["data"]["text/html"] = markup
        written = json.dumps(notebook, ensure_ascii=False, separators=(",", ":"))
        (output / "_executed" / path.name).write_text(written, encoding="utf-8")


def setup(app):
    app.connect("config-inited", configure, priority=400)  # before the theme reads it
    app.connect("source-read", fill_in)
    app.connect("html-page-context", offer, priority=600)  # after all buttons are there
    app.connect("build-finished", take_along, priority=400)
    app.add_js_file("executed.js")
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def main(target: Path) -> int:
    """Write the notebooks of this repository to a folder, ready for Colab."""
    found = source()
    if not found:
        print("GITHUB_REPOSITORY is not set: there is no repository to fetch from", file=sys.stderr)
        return 2
    folder = target / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(__file__).parents[2].glob("notebooks/*.ipynb")):
        notebook = portable(json.loads(path.read_text(encoding="utf-8")), *found)
        (folder / path.name).write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
