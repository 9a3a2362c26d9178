"""Names and roles in the written pages, for those who hear them: where the theme's differ from what is to be seen.

A label that hides the text of a button or a summary goes, and the text of icons; the list of references, whose entries
are no list items, is not called a list.
"""

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
}


def mend(app, exception):
    """Write the pages anew with MENDED in place of what the theme wrote."""
    if exception or app.builder.format != "html":
        return
    for path in Path(app.outdir).rglob("*.html"):
        path.write_text(mended(path.read_text(encoding="utf-8")), encoding="utf-8")


def mended(page: str) -> str:
    """A page with MENDED."""
    for found, better in MENDED.items():
        page = page.replace(found, better)
    return page


def setup(app):
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
