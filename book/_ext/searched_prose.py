"""A search that finds prose: what is code, a formula or a record of how a page was made is not searched.

The index leaves it out (:func:`prose`), and so does what the page of results cites (``search.js``).
"""

from docutils import nodes

KINDS = (nodes.literal_block, nodes.math, nodes.math_block, nodes.comment)
HIDDEN = '<details class="provenance"'


def index_prose(app):
    """Have the builder index :func:`prose` alone."""
    if app.builder.format != "html":
        return
    index = app.builder.index_page
    app.builder.index_page = lambda name, page, title: index(name, prose(page), title)


def prose(page: nodes.document) -> nodes.document:
    """A copy of a page without what is no prose."""
    copy = page.deepcopy()
    for node in list(copy.findall(_is_no_prose)):
        node.parent.remove(node)
    return copy


def _is_no_prose(node: nodes.Node) -> bool:
    if isinstance(node, nodes.raw):
        return HIDDEN in node.astext()
    return isinstance(node, KINDS) or (
        isinstance(node, nodes.Element) and "cell_input" in node.get("classes", ())
    )


def add_script(app, pagename, templatename, context, doctree):
    """Load the script where the results are."""
    if pagename == "search":
        app.add_js_file("search.js")


def setup(app):
    app.connect("builder-inited", index_prose)
    app.connect("html-page-context", add_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
