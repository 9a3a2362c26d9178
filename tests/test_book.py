"""No typed numbers in prose, complete published tables, and roles that resolve or fail clearly."""

import html
import json
import re
import sys
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
import yaml

from anisodiff.data import provenance
from anisodiff.reports import claims, ledger

ROOT = provenance.ROOT
sys.path.insert(0, str(ROOT / "book/_ext"))
import bound_numbers  # noqa: E402
import ledger_table  # noqa: E402

# The lint ------------------------------------------------------------------------------------------------------------

DECIMAL = r"(?<![\w.])[-+−]?\d*\.\d+(?![\w.]|\d)"
METRIC = r"\b(?:dB|decibels?|PSNR|SSIM|LPIPS|Q)\b"
BESIDE = 40  # characters
# What is no prose: fenced blocks, roles, code, formulas and links. A code or formula that is a mere number is prose.
EXEMPT = (
    r"(?s)^ *(```+|~~~+|:::+).*?^ *\1 *$",
    r"\{[\w:-]+\}`[^`]*`",
    r"`(?! *[-+−]?\d*\.\d+ *`)[^`]+`",
    r"(?s)\$\$.*?\$\$",
    r"\$(?! *[-+−]?\d*\.\d+ *\$)[^$]+\$",
    r"(?<=\])\([^)]*\)",
    r"<https?://[^>]*>",
)


def typed_numbers(markdown: str) -> list[str]:
    """The places where a decimal is typed beside a metric: in one paragraph, or anywhere in a table that names one."""
    for pattern in EXEMPT:
        markdown = re.sub(pattern, " x ", markdown, flags=re.MULTILINE)
    found = []
    for block in re.split(r"\n\s*\n", markdown):
        text = " ".join(block.split())
        near = len(text) if block.lstrip().startswith("|") else BESIDE
        number = rf"{DECIMAL}.{{0,{near}}}?{METRIC}|{METRIC}.{{0,{near}}}?{DECIMAL}"
        found += [match.group() for match in re.finditer(number, text)]
    return found


def prose():
    for path in [ROOT / "README.md", *sorted((ROOT / "book").glob("*.md"))]:
        yield path, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield path, "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_no_number_is_typed_in_prose():
    found = {str(path.relative_to(ROOT)): typed_numbers(text) for path, text in prose()}
    assert not any(found.values()), found


@pytest.mark.parametrize(
    "planted",
    [
        "It reaches 26.76 dB.",
        "a PSNR of 26.76, which",
        "an SSIM\nof .732 there",
        "Q is 44.8",
        "`26.76` dB",
        "$26.76$ dB",
        "**26.76** dB",
        "| PSNR | x |\n|---|---|\n| a long name of some method, tuned on images | 26.76 |",
    ],
)
def test_the_lint_catches_a_typed_number(planted):
    assert typed_numbers(f"Some text.\n\n{planted}\n\nMore.")


@pytest.mark.parametrize(
    "fine",
    [
        "{measured}`perona-malik gaussian 25 psnr` dB",
        "{glue:text}`perona_malik_psnr_tuned` dB",
        "PSNR at $\\sigma = 1.5$",
        "```\npsnr 26.76 dB\n```",
        "Python 3.11 restores it.",
        "[PSNR](https://example.org/26.76)",
        "SSIM of the images\n\nwith a blur of 2.25",
    ],
)
def test_the_lint_leaves_the_rest_alone(fine):
    assert not typed_numbers(fine)


# Published numbers ---------------------------------------------------------------------------------------------------


def test_published_tables_are_complete():
    tables = claims.tables(ROOT / "data/published.yml")
    models = {"input", "PM", "KA", "FoE-S", "FoE-D", "FoE-M", "FoE-RB", "U-Net", "CNCL"}
    for name, columns, metrics in (("paper-table-1", 3, 3), ("paper-table-2", 6, 1)):
        table = tables[name]
        assert set(table["rows"]) == models
        assert (len(table["columns"]), len(table["metrics"])) == (columns, metrics)
        assert all(cell is not None for row in table["rows"].values() for cell in row)
    assert len(tables["paper-table-3"]["rows"]) == 6
    assert set(tables["lambda-pairs"]["rows"]) == {
        "blur",
        "gaussian",
        "poisson",
        "salt-pepper",
        "inpainting",
    }


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("paper-table-1 PM 25 psnr", "23.1"),
        ("paper-table-2 PM 50 q", "32"),
        ("paper-table-2 FoE-RB cryoem", "98.3"),
        ("paper-table-3 KA parameters", "206 K"),
        ("paper-table-3 CNCL flops", "76.81 G"),
        ("bsd68 BM3D 50 psnr", "25.62"),
        ("lambda-pairs inpainting upper", "52.2"),
    ],
)
def test_published(key, text):
    assert bound_numbers.published(key)[0] == text


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("paper-table-9 PM 25 psnr", "no table 'paper-table-9'.*paper-table-1"),
        ("paper-table-1 PN 25 psnr", "no row 'PN' in paper-table-1.*PM"),
        ("paper-table-1 PM 30 psnr", "no column '30'.*15, 25, 50"),
        ("paper-table-1 PM 25", "no metric ''.*psnr, ssim, lpips"),
        ("bsd68 TNRD-5x5 50 psnr", "nothing was published"),
        ("bsd68", "is not TABLE ROW COLUMN"),
    ],
)
def test_published_fails_clearly(key, message):
    with pytest.raises(bound_numbers.UnknownNumber, match=message):
        bound_numbers.published(key)


def test_a_row_that_does_not_fit_is_named(tmp_path):
    table = {
        "title": "t",
        "source": "s",
        "columns": [15, 25],
        "metrics": ["psnr"],
        "rows": {"PM": [1.0]},
    }
    (tmp_path / "published.yml").write_text(yaml.safe_dump({"bad": table}))
    with pytest.raises(ValueError, match="'PM' of 'bad'"):
        claims.tables(tmp_path / "published.yml")


# Measured numbers ----------------------------------------------------------------------------------------------------


@pytest.fixture
def scores(tmp_path, monkeypatch):
    """Two models on four images: 20, 21, 22, 23 dB, and 0.25 dB more."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    folder = tmp_path / "data/scores/bsds500-val"
    folder.mkdir(parents=True)
    for model, gain in (("tuned", 0), ("learned", 0.25)):
        rows = [
            (model, "gaussian", 25.0, "bsds500/val", f"{image}", 256, 0, metric, value)
            for image in range(4)
            for metric, value in (("psnr", 20 + image + gain), ("ssim", 0.5))
        ]
        columns = [
            "model",
            "degradation",
            "level",
            "collection",
            "image",
            "crop",
            "seed",
            "metric",
            "value",
        ]
        pd.DataFrame(rows, columns=columns).to_csv(folder / f"{model}-gaussian.csv", index=False)
    return folder


def test_measured(scores):
    text, tooltip, files = bound_numbers.measured("tuned gaussian 25 psnr")
    assert text == "21.50"
    assert (
        "4 images of bsds500/val" in tooltip
        and "data/scores/bsds500-val/tuned-gaussian.csv" in tooltip
    )
    assert files == [scores / "tuned-gaussian.csv"]
    assert bound_numbers.measured("tuned gaussian 25 ssim bsds500/val")[0] == "0.500"


def test_measured_difference_is_paired_and_signed(scores):
    text, tooltip, files = bound_numbers.measured("learned - tuned gaussian 25 psnr")
    assert text == "+0.25" and "interval +0.25 to +0.25" in tooltip and len(files) == 2
    assert bound_numbers.measured("tuned - learned gaussian 25 psnr")[0] == "−0.25"
    assert "not significant" in bound_numbers.measured("tuned - tuned gaussian 25 psnr")[1]


@pytest.mark.usefixtures("scores")
@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("tuned gaussian 25", "is not MODEL"),
        ("tuned gaussian 30 psnr", "'30'.*levels 25"),
        ("tuned gaussian 25 lpips", "'lpips'.*psnr, ssim"),
        ("tunned gaussian 25 psnr", "learned-gaussian, tuned-gaussian"),
    ],
)
def test_measured_fails_clearly(key, message):
    with pytest.raises((bound_numbers.UnknownNumber, FileNotFoundError), match=message):
        bound_numbers.measured(key)


def test_every_number_of_the_book_is_there():
    for path, text in prose():
        for role, key in re.findall(
            r"(?<!`)\{(measured|published)\}`([^`]+)`", re.sub(r"(?ms)^```.*?^```", "", text)
        ):
            assert getattr(bound_numbers, role)(" ".join(key.split()))[0], f"{path.name}: {key}"


# The ledger ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def directive(tmp_path, monkeypatch):
    """The directive on a page of a book whose one executed notebook gave a verdict on each claim; two numbers."""
    outputs = [{"metadata": {"verdicts": {name: {"verdict": "undecided", "interval": [-0.5, -1.0, 0.25]}}}}
               for name in claims.findings()]  # fmt: skip
    (tmp_path / "page.ipynb").write_text(
        json.dumps({"cells": [{"outputs": outputs}, {"cell_type": "markdown"}]})
    )
    numbers = [
        ledger.Entry(
            "paper-table-1",
            "KA",
            "25",
            "psnr",
            26.7,
            (("tv", (26.5, 26.4, 26.6)),),
            "reproduced",
            "",
            "cmd",
        ),
        ledger.Entry(
            "paper-table-3", "CNCL", "flops", "count", 76.81e9, (), "not tested", "a < b", ""
        ),
    ]
    monkeypatch.setattr(ledger, "entries", lambda: numbers)
    env = SimpleNamespace(
        external_site_map={"page": None},
        doc2path=lambda name: tmp_path / f"{name}.ipynb",
        note_dependency=lambda name: None,
        docname="book/claims",
        app=SimpleNamespace(
            builder=SimpleNamespace(get_relative_uri=lambda here, there: f"../{there}.html")
        ),
    )
    made = object.__new__(ledger_table.Ledger)
    made.state = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=env)))
    return made


def test_the_ledger_lists_every_claim_with_its_verdict(directive):
    near, count, table = (node.astext() for node in directive.run())
    assert "within 0.3 dB of PSNR, 0.02 of SSIM or 0.05 of LPIPS, or within 5%" in near
    total = len(claims.findings())
    assert count == f"{total + 2} claims: {total} undecided, 1 reproduced, 1 not tested."
    rows = re.findall("<tr>.*?</tr>", table)[1:]
    assert len(rows) == total + 2
    texts = [re.sub("<[^>]+>", " ", row) for row in rows]
    told = ("KA, σ = 25: PSNR, dB", "26.70", "26.50", "reproduced", "paper, Table 1")
    for head, cell, text in zip(
        ledger_table.HEADS, re.findall("<td.*?</td>", rows[0]), told, strict=True
    ):
        assert text in cell, head
    assert '<a href="../notebooks/cncl_comparison.html">' in rows[0] and "cmd" in texts[0]
    assert "76.8 G" in texts[1] and "a &lt; b" in texts[1]
    *_, measured, reached, where = re.findall("<td.*?</td>", rows[2])
    assert "−0.50" in measured and "−1.00 to 0.25" in measured
    assert "undecided" in reached and next(iter(claims.findings().values()))["source"].split(" (")[
        0
    ] in html.unescape(where)


def test_a_claim_without_a_verdict_is_a_warning(directive, monkeypatch, tmp_path):
    (tmp_path / "page.ipynb").write_text(json.dumps({"cells": []}))
    warned = []
    monkeypatch.setattr(
        ledger_table.logger, "warning", lambda text, *rest, **_: warned.append(text % rest)
    )
    monkeypatch.setattr(ledger_table.Ledger, "get_location", lambda self: "")
    directive.run()
    assert len(warned) == len(claims.findings())
    assert "claim edginess-grows-gaussian: its page edginess gave no verdict" in warned
