"""No typed numbers in prose, complete published tables, and roles that resolve or fail clearly."""

import html
import json
import re
import sys
from functools import cache
from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest
import yaml

from anisodiff.data import provenance
from anisodiff.reports import claims, ledger
from anisodiff.study import evaluation, tables

ROOT = provenance.ROOT
sys.path.insert(0, str(ROOT / "book/_ext"))
import bound_numbers  # noqa: E402
import ledger_table  # noqa: E402

# The lint ------------------------------------------------------------------------------------------------------------

DECIMAL = r"(?<![\w.])[-+−]?\d*\.\d+(?![\w.]|\d)"
NUMBER = r"(?<![\w.])[-+−]?(?:\d+(?:\.\d+)?|\.\d+)(?![\w.]*\d)"
WORD = (
    "half|thirds?|quarters?|fifths?|tenths?|hundredths?|one|two|three|four|five|six|seven|eight"
    "|nine|ten|twenty|thirty|forty|fifty"
)
UNIT = r"(?:dB|decibels?)\b"
METRIC = r"\b(?:dB|decibels?|PSNR|SSIM|LPIPS|AP|FID|Q)\b"
BESIDE = 40  # characters: how far a decimal reaches; a whole number stands right beside
TYPED = (  # a value of a metric, whatever else its paragraph says
    rf"{NUMBER}[ *$`-]{{0,4}}{UNIT}",
    rf"\b(?:{WORD})(?: of)?(?: an?)?[ -]{UNIT}",
    # "a PSNR of 27", but not "the PSNR of 32 intervals"
    rf"{METRIC}(?: ?[=:]|[^.;|\d]{{0,12}}?\b(?:of|is|by|to|reaches|about|above|below|near)) ?[*$`]*{NUMBER}"
    r"(?!\)? (?!dB|on |at |for |and |in |with |or |which )[a-z])",
)
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
    """The places where a number is typed beside a metric: decimals also near it, or below it in a table."""
    for pattern in EXEMPT:
        markdown = re.sub(pattern, " x ", markdown, flags=re.MULTILINE)
    found = []
    for block in re.split(r"\n\s*\n", markdown):
        text = " ".join(block.split())
        near = len(text) if block.lstrip().startswith("|") else BESIDE
        beside = rf"{DECIMAL}.{{0,{near}}}?{METRIC}|{METRIC}.{{0,{near}}}?{DECIMAL}"
        for pattern in (beside, *TYPED):
            found += [match.group() for match in re.finditer(pattern, text)]
        if block.lstrip().startswith("|"):
            found += _below_a_metric(block)
    return found


def _below_a_metric(table: str) -> list[str]:
    """The cells of a table that hold a number, in columns whose head names a metric."""
    head, *rows = ([cell.strip(" *`") for cell in row.split("|")] for row in table.splitlines())
    measured = [at for at, name in enumerate(head) if re.search(METRIC, name)]
    cells = [row[at] for row in rows for at in measured if at < len(row)]
    return [cell for cell in cells if re.fullmatch(rf"{NUMBER}.*", cell)]


def prose():
    for path in [ROOT / "README.md", *sorted((ROOT / "book").glob("*.md"))]:
        yield path, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        yield path, "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def test_no_number_is_typed_in_prose():
    found = {str(path.relative_to(ROOT)): typed_numbers(text) for path, text in prose()}
    assert not any(found.values()), found


def test_no_number_is_typed_in_the_claims():
    """What a claim says is measured or published; the bound it is held against stands apart."""
    found = {}
    for name, claim in claims.findings().items():
        text = f"{claim['says']}\n\n{claim['number']}"
        found[name] = [match.group() for one in TYPED for match in re.finditer(one, text)]
    assert not any(found.values()), {name: of for name, of in found.items() if of}


PLANTED = [
    "It reaches 26.76 dB.",
    "It reaches 27 dB.",
    "It reaches −3 dB.",
    "a PSNR of 26.76, which",
    "a PSNR of 27, which",
    "the PSNR is 27 on BSD68",
    "AP = 1",
    "a FID of 12.",
    "an SSIM\nof .732 there",
    "Q is 44.8",
    "Q is 45.",
    "`26.76` dB",
    "$26.76$ dB",
    "**26.76** dB",
    "half a decibel more",
    "two decibels more",
    "a tenth of a decibel",
    "| PSNR | x |\n|---|---|\n| a long name of some method, tuned on images | 26.76 |",
    "| model | PSNR |\n|---|---|\n| classic | 27 |",
]
FINE = [
    "{measured}`perona-malik gaussian 25 psnr` dB",
    "{glue:text}`perona_malik_psnr_tuned` dB",
    "PSNR at $\\sigma = 1.5$",
    "PSNR at σ = 25 on images of 256 x 256 pixels",
    "the PSNR of 32 intervals minus that of 2",
    "the SSIM of 500 crops",
    "```\npsnr 26.76 dB\n```",
    "Python 3.11 restores it.",
    "[PSNR](https://example.org/26.76)",
    "SSIM of the images\n\nwith a blur of 2.25",
    "| level | PSNR |\n|---|---|\n| 25 | {measured}`tv gaussian 25 psnr` |",
]


def test_the_lint_catches_typed_numbers_and_leaves_the_rest_alone():
    texts = [f"Some text.\n\n{text}\n\nMore." for text in (*PLANTED, *FINE)]
    found = [text for text in texts if typed_numbers(text)]
    assert found == texts[: len(PLANTED)]


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


PRINTED = {
    "paper-table-1 PM 25 psnr": "23.1",
    "paper-table-2 PM 50 q": "32",
    "paper-table-2 FoE-RB cryoem": "98.3",
    "paper-table-3 KA parameters": "206 K",
    "paper-table-3 CNCL flops": "76.81 G",
    "bsd68 BM3D 50 psnr": "25.62",
    "lambda-pairs inpainting upper": "52.2",
}
NOWHERE = {
    "paper-table-9 PM 25 psnr": "no table 'paper-table-9'.*paper-table-1",
    "paper-table-1 PN 25 psnr": "no row 'PN' in paper-table-1.*PM",
    "paper-table-1 PM 30 psnr": "no column '30'.*15, 25, 50",
    "paper-table-1 PM 25": "no metric ''.*psnr, ssim, lpips",
    "bsd68 TNRD-5x5 50 psnr": "nothing was published",
    "bsd68": "is not TABLE ROW COLUMN",
}


def test_published_numbers_are_printed_as_they_were_and_fail_clearly():
    assert {key: bound_numbers.published(key)[0] for key in PRINTED} == PRINTED
    for key, message in NOWHERE.items():
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
        tables.write(folder / f"{model}-gaussian.csv", pd.DataFrame(rows, columns=tables.COLUMNS))
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


def test_measured_fails_clearly(scores):
    for key, message in {
        "tuned gaussian 25": "is not MODEL",
        "tuned gaussian 30 psnr": "'30'.*levels 25",
        "tuned gaussian 25 lpips": "'lpips'.*psnr, ssim",
        "tunned gaussian 25 psnr": "learned-gaussian, tuned-gaussian",
    }.items():
        with pytest.raises((bound_numbers.UnknownNumber, FileNotFoundError), match=message):
            bound_numbers.measured(key)


def test_every_number_of_the_book_is_there(monkeypatch):
    monkeypatch.setattr(evaluation, "read_scores", cache(evaluation.read_scores))
    monkeypatch.setattr(claims, "tables", cache(claims.tables))
    role, fenced = r"(?<!`)\{(measured|published)\}`([^`]+)`", r"(?ms)^```.*?^```"
    missing = []
    for path, text in prose():
        for name, key in re.findall(role, re.sub(fenced, "", text)):
            try:
                assert getattr(bound_numbers, name)(" ".join(key.split()))[0]
            except (LookupError, OSError, ValueError) as error:
                missing.append(f"{path.name}: {key}: {error}")
    assert not missing, "\n".join(missing)


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
