"""Complete published tables, and roles that resolve or fail clearly."""

import html
import json
import re
import sys
from collections import Counter
from functools import cache
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml

from anisodiff.data import provenance
from anisodiff.reports import budgets, claims, findings, ledger, lint, records
from anisodiff.study import evaluation, tables

ROOT = provenance.ROOT
sys.path.insert(0, str(ROOT / "book/_ext"))
import bound_numbers  # noqa: E402
import ledger_table  # noqa: E402
import quotations  # noqa: E402

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
    "bsd68-slides LSSC 25": "28.70",
    "seconds-slides WNNM 1024": "2094.6",
    "seconds-slides BM3D 3072": "176.0",
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


def test_a_published_number_below_zero_has_a_true_minus():
    key = ("trd-retrained", "5", "15-joint-gaussian", "psnr")
    assert bound_numbers.as_printed(-9.44, key) == "−9.44"


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
            (model, "gaussian", 25.0, "bsds500/val", image, 256, 0, metric, value)
            for at, image in enumerate(("101085", "101087", "102061", "103070"))
            for metric, value in (("psnr", 20 + at + gain), ("ssim", 0.5))
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


def test_squares_of_one_photograph_count_as_one_in_a_tooltip_as_in_the_ledger():
    _, tooltip, _ = bound_numbers.measured("perona-malik gaussian 25 psnr bsds500/val-500")
    interval = records.mean("perona-malik", level=25, collection="bsds500/val-500")
    assert "95 % interval {1:.2f} to {2:.2f}".format(*interval) in tooltip


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
        "tunned gaussian 25 psnr": "such as tuned-gaussian, learned-gaussian",
    }.items():
        with pytest.raises((bound_numbers.UnknownNumber, FileNotFoundError), match=message):
            bound_numbers.measured(key)


def test_gain_is_over_all_seeds():
    text, tooltip, files = bound_numbers.gain("foe-s - bm3d")
    assert text == f"{budgets.gain('foe-s', 'bm3d')[0]:+.2f}".replace("-", "−")
    assert "3 and 1 trainings" in tooltip
    names = ("foe-s", "foe-s-seed-1", "foe-s-seed-2", "bm3d")
    assert [file.stem for file in files] == [f"{name}-gaussian" for name in names]


@pytest.mark.parametrize(
    ("key", "message"), [("foe-s", "is not MODEL"), ("foe-s - tunned", "no model 'tunned'")]
)
def test_gain_fails_clearly(key, message):
    with pytest.raises(bound_numbers.UnknownNumber, match=message):
        bound_numbers.gain(key)


def test_every_number_of_the_book_is_there(monkeypatch):
    monkeypatch.setattr(evaluation, "read_scores", cache(evaluation.read_scores))
    monkeypatch.setattr(claims, "tables", cache(claims.tables))
    role, fenced = r"(?<!`)\{(measured|gain|published)\}`([^`]+)`", r"(?ms)^```.*?^```"
    missing = []
    for where, _, text in lint.texts():
        for name, key in re.findall(role, re.sub(fenced, "", text)):
            try:
                assert getattr(bound_numbers, name)(" ".join(key.split()))[0]
            except (LookupError, OSError, ValueError) as error:
                missing.append(f"{where}: {key}: {error}")
    assert not missing, "\n".join(missing)


# The ledger ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def directive(tmp_path, monkeypatch):
    """The directive on a page of a book whose one executed notebook gave a verdict on each claim; two numbers."""
    found = {
        "verdict": "undecided",
        "why": "<chance> passes",
        "interval": [-0.5, -1.0, 0.25],
        "control": [0.125, 0, 1],
        "digits": 2,
    }
    outputs = [
        {"metadata": {"verdicts": {name: dict.fromkeys(findings.cases(known), found)}}}
        for name, known in findings.findings().items()
    ]
    (tmp_path / "page.ipynb").write_text(
        json.dumps({"cells": [{"cell_type": "code", "outputs": outputs}]})
    )
    title = {"cells": [{"cell_type": "markdown", "source": ["# The title <1>"]}]}
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/edginess.ipynb").write_text(json.dumps(title))
    ours = (("tv", (26.5, 26.4, 26.6)),)
    known = (
        "paper-table-1",
        "KA",
        "25",
        "psnr",
        26.7,
        ours,
        0.36,
        "undecided",
        "",
        ("nlm",),
        "cmd",
    )
    absent = ("paper-table-3", "CNCL", "flops", "count", 76.81e9, (), float("nan"))
    numbers = [
        ledger.Entry(*known),
        ledger.Entry(*absent, "not tested yet", "a < b", (), ""),
    ]
    monkeypatch.setattr(ledger, "entries", lambda: numbers)
    env = SimpleNamespace(
        external_site_map={"page": None, "notebooks/edginess": None},
        doc2path=lambda name: tmp_path / f"{name}.ipynb",
        note_dependency=lambda name: None,
        docname="book/claims",
        app=SimpleNamespace(
            builder=SimpleNamespace(get_relative_uri=lambda here, there: f"../{there}.html")
        ),
    )
    made = object.__new__(ledger_table.Ledger)
    made.state = SimpleNamespace(document=SimpleNamespace(settings=SimpleNamespace(env=env)))
    made.arguments = ["sources"]
    return made


def verdicts_of(which):
    return sum(len(findings.cases(known)) for known in findings.everything()[which].values())


def test_the_ledger_lists_every_claim_with_its_verdict(directive):
    count, table = (node.astext() for node in directive.run())
    total = verdicts_of("claims")
    assert count == f"{total + 1} verdicts: {total + 1} undecided."
    rows = re.findall("<tr>.*?</tr>", table)[1:]
    assert len(rows) == total + 1
    texts = [re.sub("<[^>]+>", " ", row) for row in rows]
    told = ("KA, σ = 25: PSNR, dB", ">26.7<", "26.50", "undecided", "paper, Table 1")
    for head, cell, text in zip(
        ledger_table.HEADS["sources"], re.findall("<td.*?</td>", rows[0]), told, strict=True
    ):
        assert text in cell, head
    assert '<a href="../notebooks/cncl_comparison.html">' in rows[0] and "cmd" in texts[0]
    assert "as near: nlm" in texts[0] and "tolerance 0.36" in texts[0]
    first = next(iter(findings.everything()["claims"].values()))
    claim, _, measured, reached, where = re.findall("<td.*?</td>", rows[1])
    assert f"“{first['quote']}”" in html.unescape(claim)
    assert (
        "−0.50" in measured
        and "−1.00&nbsp;to&nbsp;0.25" in measured
        and "control&nbsp;0.12" in measured
    )
    assert "undecided" in reached and "&lt;chance&gt; passes" in reached
    assert findings.place(first) in html.unescape(where)


def test_our_own_claims_and_what_was_not_tested_stand_apart(directive):
    directive.arguments = ["ours"]
    count, table = (node.astext() for node in directive.run())
    assert count.startswith(f"{verdicts_of('ours')} verdicts: ")
    assert "this study&#x27;s own" not in table and ">Bound<" in table and "Published" not in table
    directive.arguments = ["numbers"]
    count, table = (node.astext() for node in directive.run())
    assert count == "1 numbers: 1 of the paper, Table 3."
    assert "76.81 G" in table and "<td>a &lt; b</td>" in table and "Verdict" not in table
    directive.arguments = ["sentences"]
    count, table = (node.astext() for node in directive.run())
    listed = yaml.safe_load((ROOT / "data/statements.yml").read_text())
    assert count.startswith(f"{len(listed)} sentences: ") and "of the lecture" in count
    assert len(re.findall("<tr>", table)) == len(listed) + 1
    assert '<a href="../notebooks/edginess.html">The title &lt;1&gt;</a>' in table
    assert "<td>plug and play (planned)</td>" in table and "$" not in table


def test_our_own_hypotheses_hold_or_do_not():
    shown = {
        ours: ledger_table._verdict(ours) for ours in (*ledger_table.OURS.values(), "undecided")
    }
    assert shown["held"] == '<span class="verdict reproduced">held</span>'
    assert (
        shown["the opposite holds"]
        == '<span class="verdict contradicted">the opposite holds</span>'
    )
    assert shown["undecided"] == '<span class="verdict undecided">undecided</span>'


def test_no_two_claims_read_alike():
    said = [
        (findings.said(known), known.get("label"), case)
        for known in findings.findings().values()
        for case in findings.cases(known)
    ]
    assert [one for one, count in Counter(said).items() if count > 1] == []


def test_a_control_is_another_measurement_than_what_it_controls():
    tables = claims.tables()
    for entry in ledger.entries():
        if entry.ours and entry.ours[0][0] in entry.passing:
            assert entry.metric in tables[entry.table]["as"][entry.row], entry


def test_quotations_have_formulas_emphasis_and_code():
    def formula(tex):
        return f'<span class="math notranslate nohighlight">\\({tex}\\)</span>'

    marked = {
        "a **b** *c d*, penalty* `x*y`": "a <b>b</b> <i>c d</i>, penalty* <code>x*y</code>",
        "<b>1</b> < 2 <u>": "<b>1</b> &lt; 2 &lt;u&gt;",
        "for $a < b$ and $c$": f"for {formula('a &lt; b')} and {formula('c')}",
        "images \\hat{x}_k that follow": f"images {formula(chr(92) + 'hat{x}_k')} that follow",
        "\\nabla x = \\text{where} y": formula("\\nabla x = \\text{where} y"),
        "next: $$x + a": f"next: {formula('x + a')}",
    }
    assert {quote: quotations.marked(quote) for quote in marked} == marked
    assert "overflow" in quotations.marked(f"${'x' * 60}$")


def test_a_claim_without_a_verdict_is_a_warning(directive, monkeypatch, tmp_path):
    (tmp_path / "page.ipynb").write_text(json.dumps({"cells": []}))
    warned = []
    monkeypatch.setattr(
        ledger_table.logger, "warning", lambda text, *rest, **_: warned.append(text % rest)
    )
    monkeypatch.setattr(ledger_table.Ledger, "get_location", lambda self: "")
    directive.run()
    assert len(warned) == verdicts_of("claims")
    assert "claim edginess-grows: its page edginess gave no verdict on 'gaussian'" in warned


def test_a_verdict_in_a_sentence(directive, monkeypatch, tmp_path):
    role, warned = ledger_table.VerdictRole(), []
    role.inliner = directive  # where its state is, with the environment
    directive.document = directive.state.document
    monkeypatch.setattr(ledger_table.VerdictRole, "get_location", lambda self: "")
    monkeypatch.setattr(
        ledger_table.logger, "warning", lambda text, *rest, **_: warned.append(text % rest)
    )

    def said(claim):
        role.text = role.rawtext = claim
        return [(node.astext(), node.get("classes")) for node in role.run()[0] if node.children]

    assert said("edginess-grows") == [("undecided", ["verdict", "undecided"])]
    words = ("not reproduced", "not reproduced", "reproduced")
    verdicts = {str(at): {"verdict": word} for at, word in enumerate(words)}
    outputs = [{"metadata": {"verdicts": {"stochastic-posterior": verdicts}}}]
    (tmp_path / "other.ipynb").write_text(json.dumps({"cells": [{"outputs": outputs}]}))
    directive.env.external_site_map = {"other": None}
    assert [word for word, _ in said("stochastic-posterior")] == ["2 did not hold", "1 held"]
    assert not warned and said("nothing-like-it")[0][0] == "[nothing-like-it]" and len(warned) == 1


SYSTEMS = {  # of the sources, by the page that rebuilds them
    "perona_malik": 1,
    "learned_lambda": 1,
    "fields_of_experts": 4,
    "unet_diffusivity": 1,
    "cncl_comparison": 1,
    "p1_diffusivities": 1,
    "edginess": 1,
    "border_classification": 1,
    "borders_in_diffusion": 2,
    "tnrd": 1,
    "dct": 1,
    "ffdnet": 1,
    "super_resolution": 1,
    "adaptation": 1,
    "plug_and_play": 1,
    "langevin": 1,
    "stochastic_denoiser": 1,
    "pscgan": 1,
    "proposals": 1,
    "svd_samplers": 1,
}


def test_the_map_has_every_system_and_its_page_is_in_the_book():
    index = (ROOT / "book/index.md").read_text(encoding="utf-8")
    rows = re.findall(r"(?m)^\| \[.*", index.partition("## The map")[2].partition("\n## ")[0])
    pages = [page for row in rows for page in re.findall(r"notebooks/(\w+)\.ipynb", row)]
    assert Counter(pages) == SYSTEMS and len(pages) == len(rows)
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    assert set(pages) <= set(re.findall(r"file: notebooks/(\w+)", contents))
    claimed = re.findall(r"{verdict}`([\w-]+)`", index)
    known = findings.findings()
    assert all(known[claim]["page"] in pages for claim in claimed)


def test_no_setting_of_the_book_stands_twice():
    """The last one would win without a word."""

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node, deep=True):
            names = [key.value for key, _ in node.value]
            assert len(names) == len(set(names)), f"twice among {sorted(names)}"
            return super().construct_mapping(node, deep)

    for name in ("_config.yml", "_toc.yml"):
        assert yaml.load((ROOT / name).read_text(), Strict)
