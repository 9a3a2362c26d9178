"""The book on paper: what pages hold as HTML, in nodes that LaTeX knows (``make pdf``).

Figures become PNG files, in their light version, tables of HTML tables of the document. Of what only a browser can
show the words remain that stand there for readers without scripts. Code that the pages fold, the record of a run, and
tooltips are left to the browser.
"""

import base64
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from bs4 import BeautifulSoup, NavigableString, Tag
from docutils import nodes
from PIL import Image
from sphinx.util import texescape

PAGE = 672  # CSS pixels of the text's width, as figures have them
LEFT_OUT = {"script", "style", "button", "input", "select", "nav", "svg", "noscript", "details"}
FOLDED = ("tag_hide-input", "tag_remove-input", "tag_hide-cell")
WIDEST = 80  # per cent of the text's width that an image takes
LONG = 36  # lines of a table that may break across pages


def typeset(app, doctree, docname):
    """Replace what LaTeX does not know, in the one tree of the whole book."""
    if app.builder.format != "latex":
        return
    folder = Path(app.outdir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    for node in list(doctree.findall(nodes.raw)):
        if "html" in node["format"]:
            soup = BeautifulSoup(node.astext(), "html.parser")
            node.parent.replace(node, list(blocks(soup, folder)) or [nodes.comment()])
    for node in list(doctree.findall(nodes.abbreviation)):
        node.parent.replace(node, nodes.Text(node.astext()))
    for node in list(doctree.findall(nodes.container)):
        if "cell_input" in node["classes"] and set(FOLDED) & set(node.parent["classes"]):
            node.parent.remove(node)
    for node in list(doctree.findall(nodes.admonition)):
        if "run" in node["classes"]:
            node.parent.remove(node)


def blocks(soup: Tag, folder: Path) -> Iterator[nodes.Node]:
    """The blocks of some HTML: images, tables, and text by paragraphs."""
    said = []
    for child in soup.children:
        if isinstance(child, NavigableString) or child.name in (
            "b",
            "i",
            "small",
            "code",
            "a",
            "span",
        ):
            said.append(str(child) if type(child) is NavigableString else child.get_text())
            continue
        if text := " ".join("".join(said).split()):
            yield nodes.paragraph("", text)
        said = []
        if child.name in LEFT_OUT or "links" in child.get("class", ()):
            continue
        if "strip" in child.get("class", ()):
            yield strip(child, folder)
        elif child.name == "img":
            yield from [image(child, folder)] if is_light(child) else []
        elif child.name == "figure":
            yield from figure(child, folder)
        elif child.name == "table":
            yield from table(child)
        else:
            yield from blocks(child, folder)
    if text := " ".join("".join(said).split()):
        yield nodes.paragraph("", text)


def strip(found: Tag, folder: Path) -> nodes.raw:
    """Figures side by side, each with its images and its caption."""
    figures, parts = found.find_all("figure"), []
    for figure in figures:
        files = [file(one, folder) for one in figure.find_all("img") if is_light(one)]
        images = "\\\\[1pt]".join(
            rf"\includegraphics[width=\linewidth]{{{path}}}" for path in files
        )
        words = r"\\ ".join(map(texescape.escape, lines(figure.figcaption)))
        share = f"{0.98 / len(figures):.3f}"
        parts.append(
            rf"\begin{{minipage}}[t]{{{share}\linewidth}}\centering\footnotesize {images}\\ {words}\end{{minipage}}"
        )
    return nodes.raw("", r"\noindent " + r"\hfill ".join(parts) + "\n\n\\medskip\n", format="latex")


def is_light(found: Tag) -> bool:
    """Whether an image carries its pixels and is for pages that are not dark."""
    return "only-dark" not in found.get("class", ()) and found["src"].startswith("data:image/")


def file(found: Tag, folder: Path) -> Path:
    """The file of an image that carries its pixels."""
    content = base64.b64decode(found["src"].partition(",")[2])
    path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.png"
    if not path.exists():
        Image.open(io.BytesIO(content)).convert("RGB").save(path, dpi=(192, 192))
    return path


def image(found: Tag, folder: Path) -> nodes.image:
    """An image, as wide as in a page but for a margin."""
    path, width = str(file(found, folder)), int(found.get("width", PAGE))
    width = f"{min(WIDEST, round(WIDEST * width / PAGE))}%"
    return nodes.image(uri=path, width=width, align="center", candidates={"*": path})


def figure(found: Tag, folder: Path) -> Iterator[nodes.Node]:
    """A figure with its caption, which may float; without one, what is in it."""
    caption = found.figcaption.extract() if found.figcaption else None
    inside = list(blocks(found, folder))
    if caption is None or not any(isinstance(node, nodes.image) for node in inside):
        yield from inside
    else:
        text = " ".join(caption.get_text().split())
        yield nodes.figure("", *inside, nodes.caption("", text), align="center")


def table(found: Tag) -> Iterator[nodes.Node]:
    """A table, its columns as wide as their words ask for, its caption above."""
    rows = [row.find_all(["th", "td"]) for row in found.find_all("tr")]
    count = max((sum(int(cell.get("colspan", 1)) for cell in row) for row in rows), default=0)
    if not count:
        return
    widths, height = [4] * count, 0
    for row in rows:
        height += max(len(lines(cell)) for cell in row) if row else 0
        for at, cell in enumerate(row if len(row) == count else []):
            words = " ".join(lines(cell)).split()
            longest = min(20, max(map(len, words), default=0))
            widths[at] = max(widths[at], longest, min(40, len(" ".join(words)) // 3))
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in widths), cols=count)
    heads = [row for row in rows if row and all(cell.name == "th" for cell in row)]
    heads = heads if rows[: len(heads)] == heads else []
    if heads:
        group += nodes.thead("", *(_row(row, count) for row in heads))
    group += nodes.tbody("", *(_row(row, count) for row in rows[len(heads) :]))
    long = ["longtable"] if height > LONG else []
    made = nodes.table("", group, classes=["colwidths-given", *long])
    yield nodes.raw("", r"\begingroup\footnotesize", format="latex")
    if found.caption:
        text = " ".join(found.caption.get_text().split())
        yield nodes.paragraph("", "", nodes.emphasis("", text))
    yield made
    yield nodes.raw("", r"\endgroup", format="latex")


def lines(cell: Tag) -> list[str]:
    """The lines of a cell."""
    for gone in cell.find_all(list(LEFT_OUT)):
        gone.decompose()
    for broken in cell.find_all(["br", "small"]):
        broken.insert_before("\n")
    return [" ".join(line.split()) for line in cell.get_text().split("\n") if line.strip()]


def _row(cells: list[Tag], count: int) -> nodes.row:
    made = nodes.row()
    for cell in cells:
        entry = nodes.entry("", *(nodes.paragraph("", line) for line in lines(cell)))
        if (span := int(cell.get("colspan", 1))) > 1:
            entry["morecols"] = span - 1
        made += entry
    for _ in range(count - sum(int(cell.get("colspan", 1)) for cell in cells)):
        made += nodes.entry("", nodes.paragraph())
    return made


def setup(app):
    app.connect("doctree-resolved", typeset)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
