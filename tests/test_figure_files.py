"""The written book: figures leave the pages for files, and what lies beside the pages is lean."""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from sphinx.testing.util import SphinxTestApp

from anisodiff.data import provenance

EXTENSIONS = provenance.ROOT / "book/_ext"
sys.path.insert(0, str(EXTENSIONS))
import figure_files  # noqa: E402
import mended_theme  # noqa: E402

CONTENT = {"light": b"pixels on white", "dark": b"pixels on black"}
FIGURE = "".join(
    f'<img class="only-{theme} figure" alt="a &lt; b" width="672" height="300" '
    f'style="height: auto" loading="lazy" decoding="async" src="{{{theme}}}">'
    for theme in CONTENT
)
URIS = {
    theme: f"data:image/webp;base64,{base64.b64encode(content).decode()}"
    for theme, content in CONTENT.items()
}
CODE = f"print('<img src=\"{URIS['light']}\">')"
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# Noise"},
        {
            "cell_type": "code",
            "metadata": {"tags": ["injected-parameters"]},
            "source": "sigma = 25",
            "outputs": [],
            "execution_count": 1,
        },
        {
            "cell_type": "code",
            "metadata": {},
            "source": "show(σ)",
            "outputs": [{"output_type": "display_data"}],
            "execution_count": 2,
        },
    ],
    "metadata": {"kernelspec": {"name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    """The output of a small book: one figure on two pages, one of them in a subfolder, and on one twice."""
    root = tmp_path_factory.mktemp("book")
    (root / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(EXTENSIONS)!r})\n"
        "extensions = ['figure_files', 'lean_output']\nhtml_theme = 'basic'\n"
        "html_static_path = ['ours']\n"
    )
    raw = f"\n.. raw:: html\n\n   {FIGURE.format(**URIS)}\n"
    code = f"\n.. code-block:: text\n\n   {CODE}\n"
    (root / "index.rst").write_text(
        f"Book\n====\n\n.. toctree::\n\n   notebooks/noise\n{raw}{raw}{code}"
    )
    (root / "notebooks").mkdir()
    (root / "notebooks/noise.rst").write_text(f"Noise\n=====\n{raw}")
    (root / "ours/locales").mkdir(parents=True)
    (root / "ours/scripts").mkdir()
    for name in ("style.css", "style.css.map", "locales/de.mo", "scripts/fontawesome.js"):
        (root / "ours" / name).touch()
    sources = root / "_build/html/_sources/notebooks"
    sources.mkdir(parents=True)
    (sources / "noise.ipynb").write_text(json.dumps(NOTEBOOK), "utf-8")
    app = SphinxTestApp("html", srcdir=root)
    app.build()
    app.cleanup()
    return root / "_build/html"


def figures(page: Path) -> str:
    return "".join(re.findall('<img class="only-[^>]*>', page.read_text("utf-8")))


@pytest.mark.parametrize(("page", "up", "count"), [("index", "", 2), ("notebooks/noise", "../", 1)])
def test_only_the_sources_of_figures_change(written, page, up, count):
    names = {
        theme: f"{up}_images/{hashlib.sha256(content).hexdigest()[:16]}.webp"
        for theme, content in CONTENT.items()
    }
    assert figures(written / f"{page}.html") == FIGURE.format(**names) * count
    for theme, name in names.items():
        assert (written / page).parent.joinpath(name).read_bytes() == CONTENT[theme]


def test_equal_figures_share_one_file(written):
    assert len(list((written / "_images").iterdir())) == len(CONTENT)


def test_a_listing_keeps_its_text(written):
    text = (written / "index.html").read_text("utf-8")
    assert text.count("data:image/") == 1 and URIS["light"] in text


def test_a_download_is_the_notebook_without_its_run(written):
    text = (written / "_sources/notebooks/noise.ipynb").read_text("utf-8")
    first, _, last = NOTEBOOK["cells"]
    run = {"outputs": [], "execution_count": None}
    assert json.loads(text) == NOTEBOOK | {"cells": [first, last | run]}
    assert "σ" in text


def test_the_theme_leaves_no_ballast(written):
    assert (written / "_static/style.css").exists()
    assert not list((written / "_static").rglob("*.map"))
    assert not (written / "_static/locales").exists()
    assert not (written / "_static/scripts/fontawesome.js").exists()


def test_no_page_asks_for_what_is_gone():
    asked = '<script src="../_static/scripts/fontawesome.js?digest=88"></script>\n<p>'
    assert mended_theme.mended(asked) == "<p>"


def test_what_is_heard_is_what_is_seen():
    summary = '<summary aria-label="Toggle hidden content">\n<p>Show</p></summary>'
    assert mended_theme.mended(summary) == "<summary>\n<p>Show</p></summary>"
    references = '<div role="list" class="citation-list">'
    assert mended_theme.mended(references) == '<div class="citation-list">'
    ours = '<nav aria-label="Main"><ul role="list">'
    assert mended_theme.mended(ours) == ours


def test_pages_are_without_thebe():
    def asset(name, **attributes):
        return SimpleNamespace(filename=name, attributes=attributes)

    ours, theirs = asset("_static/wipe.js"), asset("_static/sphinx-thebe.js", defer="")
    inline = asset(None, body="const THEBE_JS_URL = ...; const thebe_selector = ...")
    context = {"script_files": [inline, theirs, ours, inline], "css_files": ["_static/style.css"]}
    mended_theme.without_thebe(None, "index", "page.html", context, None)
    assert context == {"script_files": [ours], "css_files": ["_static/style.css"]}


def test_numbers_are_files(tmp_path):
    table = base64.b64encode(b"x,y\n1,2\n").decode()
    markup = f'<a download="n.csv" href="data:text/csv;base64,{table}">'
    found = figure_files.in_files(markup, tmp_path, "../_images")
    (file,) = tmp_path.iterdir()
    assert found == f'<a download="n.csv" href="../_images/{file.name}">'
    assert file.suffix == ".csv" and file.read_text() == "x,y\n1,2\n"


def shown_page(name, finding, how):
    """A page whose one cell shows a figure, as figures.show leaves it."""
    data = {
        "text/html": f"<figure>{FIGURE.format(**URIS)}<figcaption>{finding}</figcaption></figure>",
        "text/markdown": f":::{{shown}} {name}\n{finding}\n\n{how}\n:::",
    }
    about = {"figure": "levels", "csv": "x,y\n"}
    output = {"output_type": "display_data", "data": data, "metadata": about}
    text = {
        "cell_type": "markdown",
        "metadata": {},
        "source": "# Page\n\n{numref}`fig-page-levels`",
    }
    code = NOTEBOOK["cells"][2] | {"outputs": [output]}
    return NOTEBOOK | {"cells": [text | {"id": "text"}, code | {"id": "code"}]}


def test_a_figure_has_a_number_a_caption_and_its_numbers(tmp_path):
    (tmp_path / "conf.py").write_text(
        f"import sys; sys.path.insert(0, {str(EXTENSIONS)!r})\n"
        "extensions = ['myst_nb', 'shown_figure', 'figure_files']\nhtml_theme = 'basic'\n"
        "numfig = True\nnb_execution_mode = 'off'\nnb_render_markdown_format = 'myst'\n"
        "myst_enable_extensions = ['colon_fence', 'dollarmath']\n"
        "nb_mime_priority_overrides = [('html', 'text/markdown', 0)]\nroot_doc = 'index'\n"
    )
    page = shown_page("levels", "It *falls* with the level.", "Means, $n = 3$.")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/page.ipynb").write_text(json.dumps(page))
    (tmp_path / "index.md").write_text(
        "# Book\n\n:::{shown} page levels\nHere too.\n:::\n\n"
        ":::{shown} page level\nNot there.\n:::\n\n```{toctree}\nnotebooks/page\n```\n"
    )
    app = SphinxTestApp("html", srcdir=tmp_path)
    app.build()
    app.cleanup()
    assert "page page has no figure 'level'; there are: levels" in app.warning.getvalue()
    written, index = (
        (app.outdir / f"{name}.html").read_text() for name in ("notebooks/page", "index")
    )
    assert written.count("<figure") == 1 and 'class="shown' in written
    assert '<div class="drawn"><img class="only-light' in written
    assert 'Fig. 2 </span><span class="caption-text">It <em>falls</em> with the level.' in written
    assert re.search(r'href="#fig-page-levels">\s*<span class="std std-numref">Fig. 2', written)
    assert 'download="levels.csv" href="../_images/' in written and "data:" not in written
    assert 'Fig. 1 </span><span class="caption-text">Here too.' in index
    assert len(list((app.outdir / "_images").iterdir())) == 3


def test_bundles_are_scripts_in_files(tmp_path):
    kind = '<script type="application/json" class="bundle" data-name="film-1"'
    markup = figure_files.in_files(f'<p>{kind}>{{"a":[1]}}</script></p>', tmp_path, "../_images")
    (file,) = tmp_path.iterdir()
    assert markup == f'<p>{kind} data-src="../_images/{file.name}"></script></p>'
    assert file.read_text() == 'anisodiff.bundle("film-1", {"a":[1]});\n'


def test_pictures_apart_from_their_bundle_are_files_of_their_own(tmp_path):
    kind = '<script type="application/json" class="bundle apart" data-name="wipe-1"'
    content = json.dumps({"clean": {"src": URIS["light"]}}, separators=(",", ":"))
    figure_files.in_files(f"{kind}>{content}</script>", tmp_path, "../_images")
    picture = f"{hashlib.sha256(CONTENT['light']).hexdigest()[:16]}.webp"
    assert (tmp_path / picture).read_bytes() == CONTENT["light"]
    (script,) = tmp_path.glob("*.js")
    assert f'{{"clean":{{"src":"../_images/{picture}"}}}}' in script.read_text()


@pytest.fixture
def page(from_disk):
    """A figure under its cell, on a narrow screen."""
    image = '<img class="only-light figure" alt="It falls." width="672" height="300" style="min-width: 500px">'
    body = (
        '<div class="cell"><details class="above-input"><summary>Code</summary>x</details>'
        f'<figure class="shown"><div class="drawn">{image}</div><figcaption>'
        '<span class="caption-number">Figure 3 </span><p class="links"></p></figcaption></figure></div>'
    )
    return from_disk(body, ["figures"], viewport={"width": 390, "height": 700})


def test_a_figure_is_enlarged_and_leads_to_its_code_by_keyboard(page):
    page.get_by_role("button", name="enlarge").press("Enter")
    dialog = page.get_by_role("dialog", name="Figure 3")
    assert dialog.get_by_role("img", name="It falls.").is_visible()
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    page.locator(".drawn").click()
    dialog.get_by_role("button", name="Close").click()
    page.get_by_role("button", name="code", exact=True).press("Enter")
    assert page.evaluate("document.querySelector('details').open")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    # On a narrow screen it scrolls sideways, by keyboard too, and says so.
    assert page.locator(".drawn.wide").get_attribute("tabindex") == "0"
    page.set_viewport_size({"width": 900, "height": 700})
    page.wait_for_selector(".drawn:not(.wide):not([tabindex])")
