"""No number is typed where a role or a file should give it: what the lint finds, leaves alone, and says."""

import re

import nbformat
import pytest

from anisodiff.reports import lint

PLANTED = [
    "It reaches 26.76 dB.",
    "It reaches 27 dB.",
    "It reaches 27.32dB.",
    "It reaches −3 dB.",
    "27 to 28 dB",
    "a PSNR of 26.76, which",
    "a PSNR of 27, which",
    "the PSNR is 27 on BSD68",
    "the PSNR of the classic on BSD68 is 27.",
    "PSNR (dB): 27",
    "27 (dB)",
    "AP = 1",
    "a FID of 12.",
    "an SSIM\nof .732 there",
    "an SSIM of 0.73.",
    "Q is 44.8",
    "Q is 45.",
    "an average precision of 0.83",
    "an F-score of 0.6",
    "a recall of 83 %",
    "`26.76` dB",
    "**26.76** dB",
    "half a decibel more",
    "two decibels more",
    "a tenth of a decibel",
    "three thousandths of a decibel",
    "a PSNR of twenty-seven",
    "It gains a whole decibel.",
    "It is a decibel better.",
    "It scores 27.32 there.",
    "It scores 27 there.",
    "On Set12 it is 30.41.",
    "between 0.71 and 0.83",
    "about two above the noisy image",
    "12 % better",
    "{measured}`tv gaussian 25 psnr` dB, and 27.3 with more steps",
    "at σ = 25, 27.32 there",
    "27.32 at level 0.5",
    "a level of 27.32 dB",
    "- 27.32 with clipping",
    "$26.76$ dB",
    "$27.3$\ndB",
    "$27\\,\\text{dB}$",
    "$\\text{PSNR} = 27.3$",
    "$\\mathrm{SSIM} \\approx .83$",
    "$20 \\log_{10}(255/15) = 24.61$",
    "$$\\text{PSNR} = 27 .$$",
    "```{math}\n\\text{PSNR} = 27.3\n```",
    "```{note}\nIt reaches 27 dB.\n```",
    "::::{note}\n:::{tip}\nIt reaches 27 dB.\n:::\n::::",
    "| PSNR | x |\n|---|---|\n| a long name of some method, tuned on images | 26.76 |",
    "| model | PSNR |\n|---|---|\n| classic | 27 |",
    "| model | BSD68 |\n|---|---|\n| classic | 27 |",
    "| model | σ = 25 |\n|---|---|\n| classic | **27.3** ± 0.1 |",
    "| model | PSNR at each level |\n|---|---|\n| classic | 27 |",
]
FINE = [
    "{measured}`perona-malik gaussian 25 psnr` dB",
    "{measured}`tv gaussian 25 psnr`,\n{measured}`nlm gaussian 25 psnr` and {published}`bsd68 BM3D 25 psnr` dB",
    "{glue:text}`perona_malik_psnr_tuned` dB",
    "{glue:text}`loss` hundredths of a decibel",
    "What a decibel costs, in decibels per doubling.",
    "PSNR at $\\sigma = 1.5$ or $\\tau$ = 0.2",
    "PSNR at σ = 25 on images of 256 x 256 pixels",
    "PSNR at levels of 0.5, 1 and 2.5, at σ in [0.5, 2.5]",
    "PSNR at a rate of 0.1, a threshold of 0.4, a variance near 2.25",
    "the PSNR of 32 intervals minus that of 2",
    "PSNR of a network of 200 K parameters",
    "the SSIM of 500 crops",
    "It gains twenty steps and one more weight, in 30 seconds.",
    "$z = (u - 127.5)/32$, and the PSNR is $10 \\log_{10}(255^2 / \\mathrm{MSE})$",
    "```\npsnr 26.76 dB\n```",
    "```{code-cell}\npsnr = 26.76\n```\n\n{doc}`There`\n\n```python\n27.3\n```",
    "`--tau 0.3` gains PSNR",
    "Python 3.11 restores it, so does version 0.5.0; section 3.4 scores it on 14.12.22.",
    "The download has 1.7 GB.",
    "[PSNR](https://example.org/26.76) or https://example.org/26.76",
    "SSIM of the images\n\nwith a blur of 2.25",
    "by PSNR\n\n2. It is better",
    "Gray levels 0..255, with a mask of image 04.",
    "| level | PSNR |\n|---|---|\n| 25 | {measured}`tv gaussian 25 psnr` |",
    "| images | levels | chosen by |\n|---|---|---|\n| 100 | 0.5, 1, 2.25 | PSNR |",
    "| kind | images | levels of the curves |\n|---|---|---|\n| blur | 68 and 12 | 1, 2.25, 4 |",
    "| | 15 | 25 |\n|---|---|---|\n| PSNR | {measured}`tv gaussian 15 psnr` | {measured}`tv gaussian 25 psnr` |",
]


def test_the_lint_finds_typed_numbers_and_leaves_the_rest_alone():
    texts = [f"Some text.\n\n{text}\n\nMore." for text in (*PLANTED, *FINE)]
    found = [text for text in texts if lint.typed_numbers(text)]
    assert found == texts[: len(PLANTED)]


def test_what_is_masked_keeps_its_place():
    for text in (*PLANTED, *FINE):
        masked = lint._prose(text)
        assert len(masked) == len(text) and masked.count("\n") == text.count("\n"), text


CLAIMS = """
good:
  says: it is better, says the source
  quote: it gains 2 dB
  number: gain in PSNR at level 0.5, dB
  control: average precision of the gradient, poisson 5.5
  above: 0.25
bad:
  says: it gains
    2 dB
  number: gain, dB
  above: 0
"""
PUBLISHED = """
table: {title: PSNR (dB) by level, source: "at 25, Q is 2.7", rows: {PM: [23.1]}, why: {PM: it stops 0.3 dB below}}
"""


@pytest.fixture
def repository(tmp_path):
    """A repository with one typed number in each kind of file, but for the changelog."""
    for folder in ("book", "notebooks", "data"):
        (tmp_path / folder).mkdir()
    (tmp_path / "README.md").write_text("# Study\n\nAs measured\n27 dB.\n")
    (tmp_path / "CHANGELOG.md").write_text("Nothing moved.\n")
    (tmp_path / "book/page.md").write_text("On Set12 it is 30.41, on BSD68 it is\n29.23.\n")
    cells = [
        nbformat.v4.new_markdown_cell("A page.", id="head"),
        nbformat.v4.new_code_cell("psnr = 27.32  # dB", id="code"),
        nbformat.v4.new_markdown_cell("Here\n\nit gains 2 dB.", id="gain"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "notebooks/page.ipynb")
    (tmp_path / "data/claims.yml").write_text(CLAIMS)
    (tmp_path / "data/published.yml").write_text(PUBLISHED)
    return tmp_path


def test_each_finding_is_a_line_with_its_place(repository, capsys):
    assert lint.main(repository) == 1
    said = [line.split(": a number is typed: ") for line in capsys.readouterr().out.splitlines()]
    assert [place for place, _ in said] == [
        "README.md:4",
        "book/page.md:1",
        "book/page.md:2",
        "notebooks/page.ipynb[gain]:3",
        "data/claims.yml:9",
        "data/published.yml:2",
    ]
    assert "30.41" in said[1][1] and "29.23" in said[2][1]


def test_the_study_types_no_number(capsys):
    assert lint.main() == 0, capsys.readouterr().out


def test_each_exception_is_used_and_has_a_reason():
    prose = [" ".join(text.content.split()) for text in lint.texts()]
    for phrase, reason in lint.ALLOWED.items():
        assert reason and any(phrase in text for text in prose), phrase


def test_a_difference_has_its_sign_where_the_sentence_has_no_direction():
    """ "They lose +0.13 dB" says two things at once."""
    role = r"\{(?:measured|gain)\}`\S+ - [^`]*`"
    listed = rf"{role}(?:,? (?:and )?{role})*"
    word = r"(?:los(?:e|es|t|ing)|below|worse|less|behind)"
    wrong = re.compile(rf"\b{word}\b(?: \w+){{0,6}} {role}|{listed}(?: dB)? {word}\b")
    assert wrong.search("They lose {measured}`a - b gaussian 25 psnr` dB.")
    assert wrong.search("by {gain}`a - b` and {gain}`a - c` dB below it")
    found = [
        f"{where}: {match.group()}"
        for where, _, text in lint.texts()
        for match in wrong.finditer(" ".join(text.split()))
    ]
    assert not found, "\n".join(found)
