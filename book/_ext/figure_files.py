"""Figures as files: images that outputs carry as data URIs leave the page for the folder of images.

A notebook has its figures inside, light and dark, so that it can be read anywhere. In a page of the book that would be
megabytes before the first word; as files, named by content, they load when they are scrolled to and stay in the cache.
"""

import base64
import hashlib
import re
from pathlib import Path

from docutils import nodes
from sphinx.util.osutil import relative_uri

DATA_URI = re.compile(r'(?<=\ssrc=")data:image/(png|jpeg|gif|webp|avif);base64,([\w+/=]+)(?=")')


def take_out(app, doctree, docname):
    """Write the images of a page's raw HTML into the output's folder of images and let the page point there."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir) / app.builder.imagedir
    address = relative_uri(app.builder.get_target_uri(docname), app.builder.imagedir)

    def as_file(uri: re.Match) -> str:
        kind, content = uri[1], base64.b64decode(uri[2])
        name = f"{hashlib.sha256(content).hexdigest()[:16]}.{kind}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        return f"{address}/{name}"

    for node in doctree.findall(nodes.raw):
        if "html" in node["format"]:
            node.children = [nodes.Text(DATA_URI.sub(as_file, node.astext()))]


def setup(app):
    app.connect("doctree-resolved", take_out)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
