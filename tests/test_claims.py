"""Claims in words: each on a page that puts it to the test, and verdicts that follow from the numbers alone."""

import re

import nbformat
import numpy as np
import pytest

from anisodiff.data import provenance
from anisodiff.metrics import structure
from anisodiff.reports import claims, pages
from anisodiff.reports.claims import UnknownNumber

NOTEBOOKS = provenance.ROOT / "notebooks"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """Two claims of a page called toy."""
    file = tmp_path / "claims.yml"
    file.write_text(
        "better: {says: it is better, source: here, page: toy, number: 'gain, dB', above: 0.5}\n"
        "no-better: {says: it is no better, source: here, page: toy, number: 'gain, dB', below: 0.5}\n"
    )
    monkeypatch.setattr(claims.findings, "__defaults__", (file,))
    return file


VERDICTS = {
    (0.7, 0.6, 0.8): ("reproduced", "not reproduced"),
    (0.3, 0.2, 0.4): ("not reproduced", "reproduced"),
    (0.6, 0.4, 0.8): ("undecided", "undecided"),
    (0.5, 0.5, 0.5): ("not reproduced", "not reproduced"),
    (-9, -9.5, -8): ("not reproduced", "reproduced"),
}


@pytest.mark.usefixtures("toy")
def test_the_verdict_follows_from_the_interval():
    found = {
        interval: tuple(claims.verdict(name, interval) for name in ("better", "no-better"))
        for interval in VERDICTS
    }
    assert found == VERDICTS


def test_a_bad_claim_or_interval_is_named(toy):
    with pytest.raises(
        UnknownNumber, match=r"no claim 'best' in claims\.yml; there are: better, no-better"
    ):
        claims.verdict("best", (0, 0, 0))
    for interval in ((1, 2, 3), (1, 0, float("nan")), (float("nan"), 0, 1)):
        with pytest.raises(ValueError, match="claim 'better': low <= mean <= high does not hold"):
            claims.verdict("better", interval)
    toy.write_text("better: {says: it is better, source: here, page: toy, number: gain}\n")
    with pytest.raises(
        ValueError, match="'better' needs says, source, page, number, and one of above and below"
    ):
        claims.verdict("better", (0, 0, 0))


def test_a_page_shows_the_verdicts_and_keeps_them(toy, monkeypatch):
    shown = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, **options: shown.append((data, options))
    )
    page = pages.Page("toy", {})
    page.verdict("better", (0.7, 0.6, 0.8))
    page.verdict("no-better", (-0.6, -0.7, -0.55), digits=1)
    page.verdicts()
    (data, options) = shown[0]
    assert options["metadata"]["verdicts"]["better"] == {
        "verdict": "reproduced",
        "interval": [0.7, 0.6, 0.8],
    }
    text = re.sub("<[^>]+>", "", data["text/html"])
    assert "gain, dB: 0.70 (0.60 to 0.80); claimed: above 0.5" in text
    assert "gain, dB: −0.6 (−0.7 to −0.6); claimed: below 0.5" in text
    with pytest.raises(ValueError, match="claim 'better' belongs to page 'toy', not to 'other'"):
        pages.Page("other", {}).verdict("better", (0.7, 0.6, 0.8))


def test_every_claim_is_put_to_the_test_by_its_page():
    """Its name stands in the code of the page, whole or with a part to fill in, such as lambda-dark-{kind}."""
    for name, claim in claims.findings().items():
        cells = nbformat.read(NOTEBOOKS / f"{claim['page']}.ipynb", as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        assert "page.verdict(" in code and "page.verdicts()" in code
        named = (re.split(r"\{[^}]*\}", text) for text in re.findall(r'"([^"\n]+-[^"\n]+)"', code))
        patterns = ["[a-z0-9-]+".join(map(re.escape, parts)) for parts in named]
        assert any(re.fullmatch(pattern, name) for pattern in patterns), (
            f"{claim['page']} does not test {name}"
        )


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
