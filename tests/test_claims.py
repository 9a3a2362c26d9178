"""Claims in words: quoted, with a control, on a page that tests them, and verdicts that follow from the numbers."""

import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml

from anisodiff.data import provenance
from anisodiff.metrics import structure
from anisodiff.reports import claims, findings, pages
from anisodiff.reports.claims import UnknownNumber

NOTEBOOKS = provenance.ROOT / "notebooks"
SOURCES = provenance.ROOT.parent / "shared/sources"
DOCUMENTS = {"slides": "000", "lecture": "001", "report": "002", "trd": "003", "paper": "004"}
STATEMENTS = yaml.safe_load((provenance.ROOT / "data/statements.yml").read_text(encoding="utf-8"))

TOY = """
words: {noticeable: {psnr: 0.5}}
sources: {here: {name: the source, cite: key}}
claims:
  better:
    quote: it is better
    source: here
    place: top
    page: toy
    number: 'gain, dB'
    above: noticeable psnr
    opposite: -noticeable psnr
    control: chance
  no-better:
    quote: it is no better
    source: here
    place: top
    page: toy
    number: 'gain, dB'
    below: 0.5
    control: chance
    control_value: 9
    cases: [a, b]
ours:
  near: {says: it is near, page: toy, number: 'gain, dB', above: -noticeable psnr, control: chance, control_value: -2}
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Two claims of a page called toy, and one of our own."""
    file = tmp_path / "claims.yml"
    file.write_text(TOY)
    read = findings.everything.__wrapped__
    monkeypatch.setattr(findings, "everything", lambda *_: read(file))
    return file


FAILS, PASSES = (0.0, -0.1, 0.1), (0.9, 0.8, 1.0)
VERDICTS = {
    ("better", (0.7, 0.6, 0.8), FAILS): "reproduced",
    ("better", (0.7, 0.6, 0.8), PASSES): "undecided",
    ("better", (0.6, 0.4, 0.8), FAILS): "undecided",
    ("better", (0.3, 0.2, 0.4), FAILS): "not reproduced",
    ("better", (0.5, 0.5, 0.5), FAILS): "not reproduced",
    ("better", (-0.7, -0.8, -0.6), FAILS): "contradicted",
    ("no-better", (0.3, 0.2, 0.4), None): "reproduced",
    ("no-better", (0.3, 0.2, 0.4), FAILS): "undecided",
    ("no-better", (0.7, 0.6, 0.8), None): "not reproduced",
    ("near", (-0.2, -0.3, 0.4), None): "reproduced",
    ("near", (-0.7, -0.8, -0.6), None): "not reproduced",
}


@pytest.mark.usefixtures("toy")
def test_the_verdict_follows_from_the_interval_and_its_control():
    assert {given: findings.verdict(*given).word for given in VERDICTS} == VERDICTS
    why = findings.verdict("better", (0.7, 0.6, 0.8), PASSES).why
    assert why == "the control passes as well: chance"


@pytest.mark.usefixtures("toy")
def test_bounds_and_places_in_words():
    known = findings.findings()
    said = [findings.held_against(known[name]) for name in ("better", "no-better", "near")]
    assert said == ["above 0.5 (noticeable)", "below 0.5", "above −0.5 (noticeable)"]
    assert findings.place(known["better"]) == "the source, top"
    assert findings.place(known["near"]) == "this study's own"


def test_a_bad_claim_interval_or_control_is_named(toy):
    with pytest.raises(
        UnknownNumber, match=r"no claim 'best' in claims\.yml; there are: better, no-better, near"
    ):
        findings.verdict("best", (0, 0, 0))
    with pytest.raises(ValueError, match="'better': its control is not given: chance"):
        findings.verdict("better", (0, 0, 0))
    for interval in ((1, 2, 3), (1, 0, float("nan")), (float("nan"), 0, 1)):
        with pytest.raises(ValueError, match="claim 'better': low <= mean <= high does not hold"):
            findings.verdict("better", interval, FAILS)
    with pytest.raises(ValueError, match="claim 'better': control, low <= mean"):
        findings.verdict("better", FAILS, (1, 2, 3))
    for change, said in {
        ("control: chance\n", "x: 1\n"): "'better' lacks control",
        ("above: noticeable psnr", "x: 1"): "'better' lacks one of above and below",
        ("noticeable psnr", "hardly psnr"): "no word 'hardly' in the scale of words",
        ("noticeable psnr", "noticeable fid"): "no measure 'fid' in noticeable; there are: psnr",
        ("source: here", "source: there"): "'better' has an unknown source 'there'",
    }.items():
        toy.write_text(TOY.replace(*change, 1))
        with pytest.raises((ValueError, UnknownNumber), match=said):
            findings.verdict("better", FAILS, FAILS)


@pytest.mark.usefixtures("toy")
def test_a_page_shows_the_verdicts_and_keeps_them(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, **options: shown.append((data, options))
    )
    page = pages.Page("toy", {})
    page.verdict("better", (0.7, 0.6, 0.8), PASSES)
    page.verdict("no-better", (-0.6, -0.7, -0.55), case="b", digits=1)
    page.verdicts()
    (data, options) = shown[0]
    assert json.loads(json.dumps(options["metadata"]["verdicts"]))["better"][""] == {
        "verdict": "undecided",
        "why": "the control passes as well: chance",
        "interval": [0.7, 0.6, 0.8],
        "control": [0.9, 0.8, 1.0],
        "digits": 2,
    }
    text = re.sub("<[^>]+>", " ", data["text/html"]).replace("&nbsp;", " ")
    for part in ("“it is better”", "the source, top", "gain, dB: above 0.5 (noticeable)"):
        assert part in text
    assert data["text/html"].startswith("<details") and "2 undecided" not in data["text/plain"]
    assert data["text/plain"].startswith("Claims put to the test: 1 ")
    page.verdicts()
    assert shown[1][1]["metadata"] == {"verdicts": {}}, "each is shown once"
    page.verdict("better", (0.7, 0.6, 0.8), PASSES)
    with pytest.raises(ValueError, match=r"page.verdicts\(\) has not shown: better"):
        page.finish()
    assert "0.70   0.60 to 0.80" in text and "0.90   0.80 to 1.00" in text
    assert "−0.6   −0.7 to −0.6" in text and " 9.0 " in text
    with pytest.raises(ValueError, match="claim 'better' belongs to page 'toy', not to 'other'"):
        pages.Page("other", {}).verdict("better", (0.7, 0.6, 0.8), FAILS)
    with pytest.raises(ValueError, match="claim 'no-better' has no case 'c': a, b"):
        page.verdict("no-better", FAILS, case="c")


def test_every_claim_is_put_to_the_test_by_its_page():
    code = {}
    for name, claim in findings.findings().items():
        if claim["page"] not in code:
            cells = nbformat.read(NOTEBOOKS / f"{claim['page']}.ipynb", as_version=4).cells
            sources = (cell.source for cell in cells if cell.cell_type == "code")
            code[claim["page"]] = "\n".join(sources)
        assert f'"{name}"' in code[claim["page"]], f"{claim['page']} does not test {name}"
    assert all("page.verdict(" in one and "page.verdicts()" in one for one in code.values())


# The sources themselves


def plain(text):
    return " ".join(text.split())


def document(source):
    (file,) = SOURCES.glob(f"{DOCUMENTS[source]}_*.txt")
    return file.read_text(encoding="utf-8")


at_hand = pytest.mark.skipif(not SOURCES.is_dir(), reason="needs the sources' texts")


@at_hand
def test_every_quotation_stands_in_its_source_word_for_word():
    texts = {source: plain(document(source)) for source in DOCUMENTS}
    quoted = findings.everything()["claims"] | STATEMENTS
    lost = [name for name, one in quoted.items() if plain(one["quote"]) not in texts[one["source"]]]
    assert not lost
    assert set(DOCUMENTS) == set(findings.everything()["sources"])
    for name, one in STATEMENTS.items():
        assert one["why"] and one["page"] and one["place"], name


NUMBER = re.compile(r"(?<![\w.])[-−]?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?%?")
WHERE = {  # how the tables of published.yml call the sources
    "slides": "slides on lambdas",
    "lecture": "lecture",
    "report": "lab report",
    "trd": "slides on TRD",
    "paper": "paper",
}


def cells(table):
    """All numbers of a table, as they may be printed."""
    for row in table["rows"].values():
        for number in np.ravel([cell for cell in row if cell is not None]):
            yield float(number)
            if table.get("scale"):
                yield from (round(number / unit, 6) for unit in (1e3, 1e6, 1e9))


def value(token):
    token = token.rstrip("%").replace("−", "-")
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+", token):
        token = token.replace(",", "")
    try:
        return float(token)
    except ValueError:  # a date
        return None


@at_hand
@pytest.mark.parametrize("source", DOCUMENTS)
def test_every_number_of_a_source_is_in_a_table_or_left_out_for_a_reason(source):
    listed = yaml.safe_load(Path(provenance.ROOT / "data/left_out.yml").read_text(encoding="utf-8"))
    groups = [group for group in listed if group["source"] == source]
    assert all(group["reason"] for group in groups)
    left_out = {number for group in groups for number in group["numbers"]}
    tables = [
        table
        for table in claims.tables().values()
        if str(table.get("where", "")).split(",")[0] == WHERE[source]
    ]
    known = {number for table in tables for number in cells(table)}
    met = set(NUMBER.findall(document(source)))
    assert sorted(token for token in met - left_out if value(token) not in known) == []
    assert sorted(left_out - met) == [], "left out, but not in the source"


# What a coefficient function is like

CLEAN = np.repeat(np.repeat(np.array([[20.0, 200.0], [120.0, 60.0]], np.float32), 16, 0), 16, 1)


def test_g_that_falls_with_the_intensity_is_told():
    assert structure.g_intensity(1 - CLEAN / 255, CLEAN) == pytest.approx(-1)
    assert structure.g_intensity(CLEAN / 255, CLEAN) == pytest.approx(1)
    assert structure.g_intensity(np.full_like(CLEAN, 0.3), CLEAN) == 0


def test_g_on_borders_and_beside_them():
    g = np.ones_like(CLEAN)
    border = np.zeros(CLEAN.shape, bool)
    border[:, 15] = border[15, :] = (
        True  # steps of more than 30 gray levels right of and below these pixels
    )
    g[border] = 0.25
    assert structure.g_borders(g, CLEAN) == pytest.approx(-0.75 / g.mean())
    assert structure.g_borders(g / 50, CLEAN) == pytest.approx(structure.g_borders(g, CLEAN))
    assert structure.g_borders(g, np.zeros_like(CLEAN)) == 0
    assert structure.g_borders(g, CLEAN, threshold=1000) == 0


def test_the_spread_of_g():
    assert structure.g_spread(np.linspace(0, 1, 101), CLEAN) == pytest.approx(0.9 / 0.95)
    assert structure.g_spread(np.linspace(0, 0.01, 101), CLEAN) == pytest.approx(0.9 / 0.95)
    assert structure.g_spread(np.linspace(-1, 1, 101), CLEAN) == pytest.approx(1.8 / 0.96)


def test_borders_kept_are_a_share_of_their_height():
    step = np.where(np.arange(16) < 8, 20.0, 120.0) * np.ones((12, 1))
    lower = np.where(np.arange(16) < 8, 50.0, 90.0) * np.ones((12, 1))
    assert structure.borders_kept(step, step) == pytest.approx(1)
    assert structure.borders_kept(lower, step) == pytest.approx(0.4)
    assert structure.borders_kept(np.full_like(step, 70), step) == 0
    noise = np.random.default_rng(0).normal(0, 3, step.shape)
    assert structure.roughness(step + noise, step) == pytest.approx(3 * 2**0.5, rel=0.1)
    assert structure.roughness(lower, step) == 0, "the flat parts are flat"
    assert structure.borders_kept(noise, np.zeros_like(step)) == 1, "there is none to lose"
