"""Figures as files: images and tables that outputs carry as data URIs leave the page for the folder of images.

A notebook has its figures inside, light and dark, so that it can be read anywhere. In a page of the book that would be
megabytes before the first word; as files, named by content, they load when they are scrolled to and stay in the cache.
So do bundles, the data that a page hands to its scripts (:func:`anisodiff.reports.eye.bundle`, ``widgets.js``).
"""

import base64
import hashlib
import re
from pathlib import Path

from docutils import nodes
from sphinx.util.osutil import relative_uri

DATA_URI = re.compile(
    r'(?<=(?: src|href)=")data:(?:image|text)/(png|jpeg|gif|webp|avif|csv);base64,([\w+/=]+)(?=")'
)
BUNDLE = re.compile(
    r'(?s)(<script type="application/json" class="bundle( apart)?" data-name="([\w-]+)")>(.*?)</script>'
)
APART = re.compile(r'(?<=":")data:image/(webp);base64,([\w+/=]+)(?=")')


def take_out(app, doctree, docname):
    """Write the images and bundles of a page's raw HTML into the output's folder of images; the page points there."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir) / app.builder.imagedir
    address = relative_uri(app.builder.get_target_uri(docname), app.builder.imagedir)
    for node in doctree.findall(nodes.raw):
        if "html" in node["format"]:
            node.children = [nodes.Text(in_files(node.astext(), folder, address))]


def in_files(markup: str, folder: Path, address: str) -> str:
    """HTML whose images and bundles are files in a folder, which a browser finds at ``address``."""

    def file(content: bytes, kind: str) -> str:
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        return f"{address}/{name}"

    def image(found: re.Match) -> str:
        return file(base64.b64decode(found[2]), found[1])

    def bundle(found: re.Match) -> str:
        content = APART.sub(image, found[4]) if found[2] else found[4]
        script = f'anisodiff.bundle("{found[3]}", {content});\n'
        return f'{found[1]} data-src="{file(script.encode(), "js")}"></script>'

    return DATA_URI.sub(image, BUNDLE.sub(bundle, markup))


def setup(app):
    app.connect("doctree-resolved", take_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
