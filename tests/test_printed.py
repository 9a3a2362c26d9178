"""The book on paper: HTML of the pages as nodes that LaTeX knows."""

import base64
import io
import sys

import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from PIL import Image
from sphinx.util import texescape

from anisodiff.data.provenance import ROOT

sys.path.insert(0, str(ROOT / "book/_ext"))
import printed


def pixels(kind="webp"):
    file = io.BytesIO()
    Image.new("RGB", (8, 4), "gray").save(file, kind)
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


@pytest.fixture
def made(tmp_path):
    """``made(html)``: its blocks."""
    texescape.init()
    return lambda html: list(printed.blocks(BeautifulSoup(html, "html.parser"), tmp_path))


def test_a_figure_is_a_file_of_its_light_version(made, tmp_path):
    light, dark = (
        f'<img class="only-{theme}" width="336" src="{pixels()}">' for theme in ("light", "dark")
    )
    (shown,) = made(light + dark)
    with Image.open(shown["uri"]) as written:
        assert shown["width"] == "40%" and written.size == (8, 4)
    (framed,) = made(f"<figure>{light}{dark}<figcaption>Edges <b>stay</b>.</figcaption></figure>")
    assert [type(node) for node in framed.children] == [nodes.image, nodes.caption]
    assert framed[-1].astext() == "Edges stay."
    assert len(list(tmp_path.iterdir())) == 1, "equal figures share a file"


def test_figures_side_by_side_stay_so(made):
    one = f'<figure><img src="{pixels()}"><figcaption>σ_1<br>27 dB</figcaption></figure>'
    (row,) = made(f'<div class="strip">{one}{one}</div>')
    assert row["format"] == "latex" and row.astext().count(r"\includegraphics") == 2
    assert r"σ\_1\\ 27 dB" in row.astext()


def test_a_table_keeps_its_heads_its_lines_and_its_caption(made):
    head = "<thead><tr><th>model</th><th>PSNR</th></tr></thead>"
    row = "<tr><th>tv</th><td>26.6<small>26.4 to 26.8</small><details>how</details></td></tr>"
    wide = '<tr><td colspan="2">“quoted”</td></tr>'
    before, caption, table, after = made(
        f"<table><caption>Means</caption>{head}<tbody>{row}{wide}</tbody></table>"
    )
    assert before["format"] == after["format"] == "latex" and caption.astext() == "Means"
    (heads,), (first, last) = (table[0][at].children for at in (-2, -1))
    assert [entry.astext() for entry in heads] == ["model", "PSNR"]
    assert [[line.astext() for line in entry] for entry in first] == [
        ["tv"],
        ["26.6", "26.4 to 26.8"],
    ]
    assert last[0]["morecols"] == 1
    assert "longtable" not in table["classes"]
    long = made(f"<table>{row * printed.LONG * 2}</table>")[1]
    assert "longtable" in long["classes"]


def test_what_only_a_browser_shows_leaves_its_words(made):
    html = '<div><p>In the book it <b>moves</b>.</p><button>Go</button><script class="bundle">{}</script></div>'
    assert [node.astext() for node in made(html)] == ["In the book it moves."]
    assert made('<details class="provenance"><p>read</p></details>') == []
