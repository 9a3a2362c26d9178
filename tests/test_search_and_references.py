"""What the book's search looks at, and what its references are called."""

import sys

from docutils import nodes
from pybtex.database import parse_string

from anisodiff.data import provenance

sys.path.insert(0, str(provenance.ROOT / "book/_ext"))
import named_references
import searched_prose


def test_code_and_formulas_are_not_searched():
    page = nodes.document(None, None)
    cell = nodes.container("", nodes.literal_block("", "import numpy"), classes=["cell_input"])
    page += nodes.paragraph(
        "", "diffusion of ", nodes.math("", "\\nabla u"), nodes.Text(" in steps")
    )
    page += [cell, nodes.raw("", '<details class="provenance">commit</details>', format="html")]
    page += nodes.raw("", "<table>scores</table>", format="html")
    assert searched_prose.prose(page).astext().split() == [
        "diffusion",
        "of",
        "in",
        "steps",
        "<table>scores</table>",
    ]
    assert "numpy" in page.astext(), "the page itself keeps it"


def test_references_are_called_by_their_names():
    people = {
        "a": "Perona, Pietro and Malik, Jitendra",
        "b": "Zhang, Kai and Zuo, Wangmeng and Zhang, Lei",
        "c": "Zhang, Richard and Isola, Phillip and Efros, Alexei",
        "d": r"Catt{\'e}, Francine and others",
    }
    text = "".join(
        f"@misc{{{key}, author = {{{who}}}, year = 2018}}" for key, who in people.items()
    )
    entries = parse_string(text, "bibtex").entries.values()
    labels = list(named_references.NameLabels().format_labels(list(entries)))
    assert labels[:3] == ["Perona and Malik, 2018", "Zhang et al., 2018a", "Zhang et al., 2018b"]
    assert labels[3] == "Catté et al., 2018"
