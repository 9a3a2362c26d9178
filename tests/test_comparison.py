"""Models beside each other and beside what was published: Q, costs, the ledger, tables to sort."""

import dataclasses
import json
import re
from functools import partial
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
from anisodiff.reports import claims, cncl_comparison, comparison, costs, findings, ledger
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
    values = perceptual.singular_values(np.tile(np.abs(np.arange(8.0) - 3.5), (8, 1)))
    assert values[0] == pytest.approx((8 * 6.5) ** 0.5), (
        "half a gray level at the two pixels of the roof"
    )


def test_q_asks_for_more_coherence_than_white_noise_has():
    noise = np.random.default_rng(0).normal(0, 25, (800, 800))
    s1, s2 = perceptual.singular_values(noise)
    assert ((s1 - s2) / (s1 + s2) > perceptual.least_coherence()).mean() < 0.05
    assert perceptual.least_coherence() == pytest.approx(0.2340, abs=1e-4)
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


VERDICTS = [  # metric, published, measured, whether a baseline, what it is compared with
    ("psnr", 29.5, 29.3, False, [26.5], "reproduced"),
    ("psnr", 29.5, 29.81, False, [26.5], "exceeded"),
    ("psnr", 29.5, 29.1, False, [26.5], "not reproduced"),
    ("psnr", 29.5, 26.4, False, [26.5], "contradicted"),
    ("psnr", 26.5, 27.5, True, [28.2, 29.5], "exceeded"),
    ("psnr", 26.5, 28.3, True, [28.2, 29.5], "contradicted"),
    ("psnr", 26.5, 25.0, True, [28.2, 29.5], "not reproduced"),
    ("lpips", 0.9, 0.1, True, [0.2], "contradicted"),
    ("lpips", 0.9, 0.4, True, [0.2], "exceeded"),
    ("lpips", 0.9, 1.4, False, [1.9], "not reproduced"),
    ("count", 100.0, 60.0, False, [], "not reproduced"),
    ("count", 100.0, 160.0, False, [], "not reproduced"),
]


def test_a_verdict_on_a_number():
    found = [
        (*given, ledger.verdict(metric, published, measured, 0.25, baseline, others))
        for *given, _ in VERDICTS
        for metric, published, measured, baseline, others in [given]
    ]
    assert found == VERDICTS


IMAGES = ("01", "02", "03", "04")


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A table of what is proposed, a baseline, and what nobody has; images are half a decibel off a model's mean."""
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(
        comparison, "by_seed", lambda *_: {"foe-s": [20.0, 20.1], "cncl-30k": [20, 21]}
    )
    comparison.deviations.cache_clear()
    folder = tmp_path / "data/scores/set12"
    folder.mkdir(parents=True)
    for model, value in (("foe-s", 20.0), ("tv", 20.3), ("nlm", 25.0)):
        rows = [
            (model, "gaussian", 25.0, "set12", image, 0, 0, "psnr", value + (-1) ** at / 2)
            for at, image in enumerate(IMAGES)
        ]
        pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / f"{model}-gaussian.csv", index=False)
    table = {
        "title": "t",
        "source": "s",
        "columns": [25],
        "metrics": ["psnr"],
        "rows": {"ours": [20.2], "alone": [24.9], "base": [19], "absent": [1.0], "void": [None]},
        "scored": {25: ["set12", 25]},
        "unit": {"all": {"psnr": 0.1}},
        "baselines": ["base"],
        "controls": {"ours": ["tv", "nlm"], "alone": ["tv"]},
        "ours": {"ours": ["foe-s", "tv"], "alone": ["nlm"], "base": ["nlm"]},
        "why": {"base 25": "another one"},
        "untested": "nobody has it",
    }
    file = tmp_path / "published.yml"
    monkeypatch.setattr(claims, "tables", partial(claims.tables.__wrapped__, file))

    def entries(**change):
        file.write_text(yaml.safe_dump({"toy": table | change}, sort_keys=False))
        return {entry.row: entry for entry in ledger._entries("toy", claims.tables()["toy"])}

    yield entries
    comparison.deviations.cache_clear()


def test_entries_have_their_tolerance_controls_and_reasons(toy):
    found = toy()
    assert list(found) == ["ours", "alone", "base", "absent"], "what was not published is no claim"
    ours = found["ours"]
    assert [model for model, _ in ours.ours] == ["foe-s", "tv"]
    # two draws of four images of variance 1/4, and two trainings of a variance of 0.005
    assert ours.tolerance == pytest.approx(0.1 + 1.96 * (2 * 0.25 / 4 + 2 * 0.005) ** 0.5)
    assert (ours.verdict, ours.passing) == ("undecided", ("tv",)), "another model is as near"
    assert ours.command == (
        "anisodiff evaluate foe-s --level 25 --collection set12 --crop 0 --perceptual"
    )
    assert (found["alone"].verdict, found["alone"].passing) == ("reproduced", ())
    assert (found["base"].verdict, found["base"].why) == ("contradicted", "another one")
    assert (found["absent"].verdict, found["absent"].why, found["absent"].command) == (
        "not tested yet",
        "nobody has it",
        "",
    )


def test_what_is_not_the_same_thing_is_called_so(toy):
    found = toy(**{"other data": {"ours": "others"}, "convention unknown": {"25": "who knows"}})
    assert (found["ours"].verdict, found["ours"].why) == ("other data", "others")
    assert (found["alone"].verdict, found["alone"].why) == ("convention unknown", "who knows")
    assert np.isnan(found["alone"].tolerance) and found["absent"].verdict == "not tested yet"


def test_on_the_same_images_only_the_noise_is_drawn_anew(toy, monkeypatch):
    monkeypatch.setattr(ledger, "_redrawn", lambda metric: pd.Series([0.1, -0.1, 0.1, -0.1]))
    assert toy(images="same")["alone"].tolerance == pytest.approx(0.1 + 1.96 * (0.01 / 4) ** 0.5)


def test_no_number_is_reproduced_where_its_control_passes_as_well():
    found = ledger.entries()
    assert all(not entry.passing for entry in found if entry.verdict == "reproduced")
    assert all(entry.why or entry.passing for entry in found if entry.verdict == "undecided")
    assert all(entry.why for entry in found if entry.verdict in ("contradicted", *ledger.GIVEN))
    with_controls = {"paper-table-1", "bsd68-slides"}
    assert with_controls <= {
        name for name, table in claims.tables().items() if table.get("controls")
    }


def test_every_explanation_is_of_a_number_that_there_is():
    for name, table in claims.tables().items():
        for reasons in ("why", *ledger.GIVEN):
            for key in table.get(reasons, {}):
                row, *rest = str(key).split()
                known = map(str, [*table["rows"], *table["columns"], "all"])
                assert row in known, f"{name}: {key}"
                further = {str(word) for word in [*table["columns"], *table["metrics"]]}
                assert set(rest) <= further, f"{name}: {key}"
        assert set(table.get("baselines", ())) <= set(table["rows"])
        for models_ in table.get("ours", {}).values():
            assert set(models_) <= set(catalogue.names())
        for row, sentences in table.get("claims", {}).items():
            assert row in table["rows"] and set(sentences) <= findings.findings().keys(), name


def test_every_command_of_the_ledger_is_one_of_the_command_line():
    commands = {entry.command for entry in ledger.entries()} - {""}
    assert {line.split()[1] for line in commands} == {"evaluate", "make"}
    for line in commands:
        program, *words = line.split()
        assert program == "anisodiff" and cli._parser().parse_args(words).command


# Comparisons


def test_differences_are_paired_and_antisymmetric():
    values = pd.DataFrame({"a": [20.0, 25.0, 30.0], "b": [20.5, 25.5, 30.5]}, IMAGES[:3])
    found = comparison.differences(values, IMAGES[:3])
    assert found.loc[[("b", "a")]].to_numpy() == pytest.approx(np.array([[0.5, 0, 2]]))
    assert found.loc[[("a", "b")]].to_numpy() == pytest.approx(np.array([[-0.5, 0, 2]]))


@pytest.mark.parametrize("learned_by_heart", [0.0, 0.5])
def test_what_was_learned_by_heart_shows_on_the_training_squares(monkeypatch, learned_by_heart):
    rng = np.random.default_rng(0)
    difficulty = {cncl_comparison.TRAINED_ON: 3.0, cncl_comparison.CLEAN[0]: 0.0}

    def by_image(model, collection):
        """Forty images, harder where it was not trained; the model is better by 1 dB, and by more on what it knows."""
        base = pd.Series(difficulty[collection] + np.linspace(0, 5, 40))
        if model == "perona-malik":
            return base
        known = learned_by_heart if collection == cncl_comparison.TRAINED_ON else 0.0
        return base + 1 + known + 0.1 * rng.standard_normal(40)

    monkeypatch.setattr(cncl_comparison.records, "by_image", by_image)
    monkeypatch.setattr(cncl_comparison.records, "clusters", lambda images, _: list(images))
    mean, low, high = cncl_comparison.over_fitting("model")
    assert low < learned_by_heart < high
    assert high - low < 0.2 and mean == pytest.approx((low + high) / 2)


def test_the_front_holds_those_that_nobody_beats():
    assert comparison.front([1, 2, 3, 2], [20, 30, 25, 29]).tolist() == [True, True, False, False]
    assert comparison.front([1, 1], [20, 20]).all(), "equals do not beat each other"


# Tables


def test_a_table_to_sort():
    text = tables.sortable(
        [tables.Head("name", choose=True), "dB"],
        [["a<b", (20.123, "20.1")], [tables.Html("<b>c</b>"), (21, "21")]],
        "cap",
    )
    assert "<caption>cap</caption>" in text and '<th scope="col" data-choose>name</th>' in text
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
