"""Models beside each other and beside what was published: Q, costs, the ledger, tables to sort."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from torch import nn

from anisodiff import cli
from anisodiff.data import collections, provenance
from anisodiff.metrics import perceptual
from anisodiff.problems import problem
from anisodiff.reports import claims, comparison, costs, ledger
from anisodiff.reports.pages import tables
from anisodiff.study import catalogue, evaluation, restorers, store, weights
from anisodiff.study.tables import COLUMNS

# Q


def ramp(slope, side=16):
    return np.tile(slope * np.arange(side, dtype=np.float64), (side, 1))


def test_q_by_hand():
    # 64 gradients of (3, 0) a patch: singular values 3 * 8 and 0, coherence 1.
    assert perceptual.q(ramp(3)) == pytest.approx(24)
    assert perceptual.q(ramp(3).T) == pytest.approx(24)
    half = np.hstack([ramp(3, 8), np.full((8, 8), 50.0)])
    assert perceptual.q(half) == pytest.approx(12), "an even patch counts among all"
    # 3 along rows, 2 along columns: one direction everywhere, of length sqrt(13), at 64 pixels.
    assert perceptual.q(ramp(3) + ramp(2).T) == pytest.approx(8 * 13**0.5)
    values = perceptual._singular_values(np.tile(np.abs(np.arange(8.0) - 3.5), (8, 1)))
    assert values[0] == pytest.approx((8 * 6.5) ** 0.5), (
        "half a gray level at the two pixels of the roof"
    )


def test_q_asks_for_more_coherence_than_white_noise_has():
    noise = np.random.default_rng(0).normal(0, 25, (800, 800))
    s1, s2 = perceptual._singular_values(noise)
    assert ((s1 - s2) / (s1 + s2) > perceptual._threshold()).mean() < 0.05
    assert perceptual._threshold() == pytest.approx(0.2340, abs=1e-4)
    assert perceptual.q(np.zeros((9, 17))) == 0
    with pytest.raises(ValueError, match=r"at least 8 pixels a side, got \(7, 64\)"):
        perceptual.q(np.zeros((7, 64)))


def test_what_is_shown_of_the_clean_image_by_hand():
    structured, even = ramp(1, 8), np.full((8, 8), 9.0)
    clean, restored = np.hstack([ramp(3, 8), ramp(5, 8)]), np.hstack([structured, even])
    assert perceptual.shown(restored, clean) == pytest.approx((3 * 8) / 2), (
        "the right half does not look structured"
    )
    assert perceptual.shown(clean, clean) == pytest.approx((3 * 8 + 5 * 8) / 2)


def test_further_scores_hold_what_the_eye_may_see(monkeypatch):
    monkeypatch.setitem(perceptual.MEASURES, "lpips", lambda restored, clean: 0.5)
    at = problem("gaussian", 25)
    table = evaluation.evaluate(
        restorers.load("input"), at, "shipped/val", None, limit=1, further=True
    )
    found = table.set_index("metric").value
    unclipped = {"psnr-unclipped", "ssim-unclipped", "q-of-clean"}
    assert set(found.index) == {"psnr", "ssim", "lpips", "q", "q-shown"} | unclipped
    assert found["psnr-unclipped"] == pytest.approx(20 * np.log10(255 / 25), abs=0.1)
    assert found["psnr"] > found["psnr-unclipped"]
    monkeypatch.setattr(collections, "NOISY", ("shipped/val",))
    table = evaluation.evaluate(restorers.load("tv"), at, "shipped/val", 64, limit=1)
    assert set(table.metric) == {"q", "q-shown"}, "where nothing is clean"


# Costs


class Convolution(nn.Conv2d):
    def forward(self, x, sigma):
        return super().forward(x)


def test_operations_are_those_of_convolutions_in_the_plain_form():
    assert costs.operations(Convolution(1, 4, 3, padding=1)) == 256 * 256 * 9 * 4
    assert costs.operations(restorers.load("foe-s").module) == 10 * 256 * 256 * 25 * 30
    assert costs.operations(restorers.load("tv").module) == 0


def test_what_has_no_weights_is_measured_untrained(monkeypatch):
    small = dataclasses.replace(catalogue.entry("cncl"), fixed={"filters": 2, "scales": 2})
    monkeypatch.setattr(catalogue, "entry", lambda name: small)
    monkeypatch.setattr(costs, "seconds", lambda restorer: 1.5)
    monkeypatch.setattr(costs.runs.Run, "weights", Path("nowhere"))
    name, level, parameters, operations, seconds, training, step = costs.measure("cncl", 25.0)
    assert (name, level, seconds) == ("cncl", 25.0, 1.5)
    module = small.build({"filters": 2, "scales": 2})
    assert parameters == sum(p.numel() for p in module.parameters()) and operations > 0
    assert training == small.train["steps"] * step > 0


def test_a_training_takes_its_steps_and_a_tuning_what_it_took(monkeypatch):
    monkeypatch.setattr(costs, "seconds", lambda restorer: 1.5)
    *_, training, step = costs.measure("foe-s", 25.0)
    assert training == 2000 * step and step > 0
    *_, tuning, step = costs.measure("perona-malik", 25.0)
    assert tuning == restorers.load("perona-malik").header["seconds"] and step is None


# The ledger


VERDICTS = [
    ("psnr", 29.5, 29.2, "reproduced"),
    ("psnr", 29.5, 29.81, "exceeded"),
    ("psnr", 29.5, 29.19, "not reproduced"),
    ("lpips", 0.3, 0.2, "exceeded"),
    ("lpips", 0.3, 0.36, "not reproduced"),
    ("q", 60.0, 62.9, "reproduced"),
    ("q", 60.0, 80.0, "not reproduced"),
    ("count", 100.0, 60.0, "not reproduced"),
]


def test_a_verdict_on_a_number():
    assert [(*given, ledger.verdict(*given)) for *given, _ in VERDICTS] == VERDICTS


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A table of two models and an input, whose scores are twice and three times what the paper's unit gives."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    folder = tmp_path / "data/scores/set12"
    folder.mkdir(parents=True)
    for model, value in (("input", 10.0), ("foe-s", 20.0), ("tv", 30.0)):
        rows = [
            (model, "gaussian", 25.0, "set12", str(at), 0, 0, "content", value) for at in range(4)
        ]
        pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / f"{model}-gaussian.csv", index=False)
    table = {
        "title": "t",
        "source": "s",
        "columns": [25],
        "metrics": ["q"],
        "rows": {"input": [5.0], "ours": [10.2], "else": [12.0], "absent": [1.0], "void": [None]},
        "scored": {25: ["set12", 25]},
        "as": {"all": {"q": "content"}},
        "unit_of": "input",
        "ours": {"input": ["input"], "ours": ["foe-s", "tv"], "else": ["tv"]},
        "why": {"else 25": "another one"},
        "untested": "nobody has it",
    }
    file = tmp_path / "published.yml"
    file.write_text(yaml.safe_dump({"toy": table}, sort_keys=False))
    monkeypatch.setattr(claims.tables, "__defaults__", (file,))
    return ledger._entries("toy", claims.tables()["toy"])


def test_entries_are_in_the_unit_of_their_table(toy):
    found = {entry.row: entry for entry in toy}
    assert list(found) == ["input", "ours", "else", "absent"], "what was not published is no claim"
    assert found["ours"].ours == (("foe-s", (10.0, 10.0, 10.0)), ("tv", (15.0, 15.0, 15.0)))
    assert found["ours"].verdict == "reproduced" and found["ours"].why == ""
    assert (
        found["ours"].command
        == "anisodiff evaluate foe-s --level 25 --collection set12 --crop 0 --perceptual"
    )
    assert (found["else"].verdict, found["else"].why) == ("not reproduced", "another one")
    assert (found["absent"].verdict, found["absent"].why, found["absent"].command) == (
        "not tested",
        "nobody has it",
        "",
    )


def test_every_explanation_is_of_a_number_that_there_is():
    for name, table in claims.tables().items():
        for key in table.get("why", {}):
            row, *rest = key.split()
            assert row in map(str, [*table["rows"], *table["columns"]]), f"{name}: {key}"
            assert all(word in map(str, [*table["columns"], *table["metrics"]]) for word in rest), (
                f"{name}: {key}"
            )
        for models_ in table.get("ours", {}).values():
            assert set(models_) <= set(catalogue.names())


def test_every_command_of_the_ledger_is_one_of_the_command_line():
    commands = {entry.command for entry in ledger.entries()} - {""}
    assert {line.split()[1] for line in commands} == {"evaluate", "make"}
    for line in commands:
        program, *words = line.split()
        assert program == "anisodiff" and cli._parser().parse_args(words).command


# Comparisons


def test_differences_are_paired_and_antisymmetric(monkeypatch):
    values = {"a": [20.0, 25.0, 30.0], "b": [20.5, 25.5, 30.5]}
    monkeypatch.setattr(
        comparison, "scores", lambda model, *_: pd.Series(values[model], index=["x", "y", "z"])
    )
    found = comparison.differences(["a", "b"], "psnr", 25, "set12")
    assert found.loc[[("b", "a")]].to_numpy() == pytest.approx(np.array([[0.5, 0.5, 0.5]]))
    assert found.loc[[("a", "b")]].to_numpy() == pytest.approx(np.array([[-0.5, -0.5, -0.5]]))


def test_the_front_holds_those_that_nobody_beats():
    assert comparison.front([1, 2, 3, 2], [20, 30, 25, 29]).tolist() == [True, True, False, False]
    assert comparison.front([1, 1], [20, 20]).all(), "equals do not beat each other"


# Tables


def test_a_table_to_sort():
    text = tables.sortable(
        ["name", "dB"],
        [["a<b", (20.123, "20.1")], [tables.Html("<b>c</b>"), (21, "21")]],
        "cap",
        ["name"],
    )
    assert "<caption>cap</caption>" in text and "<th data-choose>name</th><th>dB</th>" in text
    assert "a&lt;b" in text and "<td><b>c</b></td>" in text
    assert re.findall(r'data-value="([^"]+)"', text) == ["20.123", "21"]
    assert tables.number(-0.04, 1) == "0.0" and tables.number(-1.26, 1, "+") == "−1.3"
    assert "not-reproduced" in tables.verdict("not reproduced")


# Weights that are too large to be shipped


def test_large_weights_leave_their_header_in_the_record(tmp_path):
    path = tmp_path / "large.safetensors"
    weights.write(path, nn.Linear(20, 20), {"commit": "c"})
    header = weights.header(path)
    assert header["commit"] == "c" and weights.read(path)[1] == header
    store.record_path(path).write_text(json.dumps({"header": header}))
    path.unlink()
    assert weights.header(path) == header
    assert weights.header(tmp_path / "other.safetensors") is None
