"""What the theme writes into the pages, mended for those who hear them, and without what no reader uses.

A label that hides the text of a button or a summary goes, and the text of icons; the list of references, whose entries
are no list items, is not called a list. Pages do not load thebe, which runs cells in a page through a server elsewhere,
and which Jupyter Book adds twice, nor the script of the icons (1.5 MB), which the style sheet draws as well. On a dark
screen they are dark from the start, so that no light figure is fetched first.
"""

import re
from pathlib import Path

MENDED = {
    '<summary aria-label="Toggle hidden content">': "<summary>",
    'search-button-field search-button__button pst-js-only" title="Search" aria-label="Search"': (
        'search-button-field search-button__button pst-js-only" title="Search"'
    ),
    ' data-mode="light" title="Light"': ' data-mode="light"',  # the icon's title would be its text
    ' data-mode="dark"  title="Dark"': ' data-mode="dark"',
    ' data-mode="auto"  title="System Settings"': ' data-mode="auto"',
    '<div role="list" class="citation-list">': '<div class="citation-list">',
    'dataset.theme = localStorage.getItem("theme") || "auto"': (
        'dataset.theme = localStorage.getItem("theme") ||\n'
        '      (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")'
    ),
}
ICONS = re.compile(r'<script src="[^"]*/fontawesome\.js[^"]*"></script>\s*')


def mend(app, exception):
    """Write the pages anew, mended."""
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        path.write_text(mended(path.read_text("utf-8")), "utf-8")


def mended(page: str) -> str:
    """A page with MENDED in place of what the theme wrote, and without the icons' script."""
    page = ICONS.sub("", page)
    for found, better in MENDED.items():
        page = page.replace(found, better)
    return page


def without_thebe(app, pagename, templatename, context, doctree):
    """Take the scripts and styles of thebe out of a page."""
    for kind in ("script_files", "css_files"):
        context[kind] = [one for one in context.get(kind, ()) if "thebe" not in _said(one)]


def _said(asset) -> str:
    """What an asset of a page is: its address, or what a script without one says."""
    return f"{getattr(asset, 'filename', asset)} {getattr(asset, 'attributes', {}).get('body', '')}"


def setup(app):
    app.connect("build-finished", mend)
    app.connect("html-page-context", without_thebe, priority=900)  # after all who add some
    return {"parallel_read_safe": True, "parallel_write_safe": True}
