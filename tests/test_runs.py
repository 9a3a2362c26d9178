"""Runs: what they are called, what determines them, that they are repeatable, and what they start from."""

import math

import numpy as np
import pytest
import torch

import anisodiff
from anisodiff.data import provenance
from anisodiff.study import catalogue, code, fitting, restorers, runs, store, weights
from anisodiff.study.runs import Run
from anisodiff.training import checkpoints
from anisodiff.training.batches import Batches

SMOKE = Run("learned-lambda", "gaussian", 25, "smoke")


def tensors(run):
    return weights.read(run.weights)[0]


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


# Names and recipes


def test_a_variation_is_named_after_what_it_varies():
    assert catalogue.variation("p1") == ("p1", {})
    assert catalogue.variation("p1-intervals-12") == ("p1", {"intervals": 12})
    assert catalogue.variation("learned-lambda-option-1") == ("learned-lambda", {"option": 1})
    assert catalogue.entry("p1-intervals-12").fixed["intervals"] == 12
    assert catalogue.entry("learned-lambda-option-1").init_from == "perona-malik-option-1"
    unknown = ("p1-intervals", "p1-intervals-2.5", "p1-kernel-3", "p1-nonnegative-threshold-3")
    for wrong in (*unknown, "p2"):
        said = f"unknown model '{wrong}'; there are: input, perona-malik"
        for ask in (catalogue.variation, anisodiff.load, lambda name: Run(name, "gaussian", 25)):
            with pytest.raises(ValueError, match=said):
                ask(wrong)


def test_a_run_is_refused_what_the_study_does_not_know():
    with pytest.raises(ValueError, match="unknown profile 'huge'; there are: smoke, quick, paper"):
        Run("perona-malik", "gaussian", 25, "huge")
    with pytest.raises(ValueError, match="unknown problem 'snow'"):
        Run("perona-malik", "snow", 25)
    with pytest.raises(ValueError, match="input has nothing to fit"):
        fitting.fit(Run("input", "gaussian", 25))


def test_one_set_of_weights_for_all_levels_or_all_problems():
    low, high = (Run("p1", "blur", level) for level in (1, 16))
    assert low.all_levels and low.name == high.name == "p1/blur"
    assert low.recipe() == high.recipe() != Run("p1", "gaussian", 25).recipe()
    anything = [Run("border-classifier-universal", kind, 0.5) for kind in catalogue.problems()]
    assert {run.name for run in anything} == {"border-classifier-universal/all"}
    assert all(run.recipe() == anything[0].recipe() for run in anything)
    named = [run.name for run in runs.grid()]
    assert len(named) == len(set(named))
    assert {"border-classifier/blur", "learned-lambda/blur-4"} <= set(named)


def test_a_token_changes_with_what_makes_the_weights_and_with_nothing_else(tuned, monkeypatch):
    others = [
        Run("learned-lambda", "gaussian", 25, "smoke", seed=1),
        SMOKE.in_profile("quick"),
        Run("learned-lambda", "gaussian", 15, "smoke"),
        Run("perona-malik", "gaussian", 25, "smoke"),
    ]
    tokens = [store.token(run.artefact()) for run in (SMOKE, *others)]
    assert len(set(tokens)) == len({run.weights for run in (SMOKE, *others)}) == 5
    same = Run("learned-lambda", "gaussian", 25, "smoke")
    assert store.token(same.artefact()) == tokens[0]
    with monkeypatch.context() as changed:
        changed.setitem(catalogue.study()["models"]["learned-lambda"]["train"], "rate", 0.002)
        assert store.token(same.artefact()) not in tokens
    monkeypatch.setattr(code, "fingerprint", lambda *_: "other code")
    assert store.token(same.artefact()) not in tokens


def test_batches_hold_the_levels_and_problems_that_a_run_is_for():
    def drawn(*run):
        problems = fitting._batches(Run(*run), "shipped/train", 32).problems
        generator = np.random.default_rng(0)
        return [problems.draw(generator) for _ in range(300)]

    one = drawn("p1", "gaussian", 25)
    levels = np.array([problem.level for problem in one])
    assert {problem.name for problem in one} == {"gaussian"}
    assert 5 <= levels.min() < 6 and 45 < levels.max() <= 50
    assert (levels < math.sqrt(5 * 50)).mean() == pytest.approx(0.5, abs=0.1)
    universal = drawn("border-classifier-universal", "blur", 4)
    assert {problem.name for problem in universal} == {*catalogue.problems()}
    assert {problem.level for problem in drawn("learned-lambda", "gaussian", 25)} == {25}


# Fitting


def test_a_training_is_repeatable_and_done_once(tuned):
    fitting.fit(SMOKE)
    first, header = weights.read(SMOKE.weights)
    assert header["run"]["profile"] == "smoke" and header["settings"]["steps"] == 8
    best = max(score for *_, score in header["curve"])
    assert header["validation_psnr"] == pytest.approx(best, abs=1e-3)
    assert header["validation_psnr_stored"] == pytest.approx(best, abs=0.02)
    assert store.is_current(SMOKE.artefact())
    made = SMOKE.weights.stat().st_mtime_ns
    fitting.fit(SMOKE)
    assert SMOKE.weights.stat().st_mtime_ns == made, "nothing to do where they are current"
    SMOKE.weights.unlink()
    fitting.fit(SMOKE)
    assert same(first, tensors(SMOKE))
    other = Run("learned-lambda", "gaussian", 25, "smoke", seed=1)
    fitting.fit(other)
    assert not same(first, tensors(other))


def interrupted(monkeypatch):
    """A fit that is interrupted after its first checkpoint."""
    write = checkpoints.write
    with monkeypatch.context() as stopped:

        def interrupt(*given):
            write(*given)
            raise KeyboardInterrupt

        stopped.setattr(checkpoints, "write", interrupt)
        with pytest.raises(KeyboardInterrupt):
            fitting.fit(SMOKE)
    return {path.name for path in (provenance.ROOT / "_build/checkpoints").iterdir()}


def drawn(monkeypatch, fit):
    """The steps whose batches are drawn while the weights are made, before their probe."""
    seen, draw = [], Batches.training

    def watched(batches, step, count):
        seen.append(step)
        return draw(batches, step, count)

    with monkeypatch.context() as watching:
        watching.setattr(Batches, "training", watched)
        watching.setattr(fitting, "probe", lambda run: {})
        fit()
    return seen


@pytest.mark.parametrize("changed", ["nothing", "settings", "code"])
def test_a_checkpoint_goes_on_under_the_settings_and_the_code_it_was_made_by(
    changed, tuned, monkeypatch
):
    (left,) = interrupted(monkeypatch)
    assert left == f"learned-lambda-gaussian-25-{store.token(SMOKE.artefact())}.checkpoint"
    if changed == "settings":
        listed = catalogue.study()["models"]["learned-lambda"]["train"]
        monkeypatch.setitem(listed, "rate", 0.002)
    elif changed == "code":
        own = code.fingerprint
        learns = SMOKE.entry.made_of  # what it starts from stays as it is
        monkeypatch.setattr(
            code, "fingerprint", lambda *roots: own(*roots) + "!" * (learns in roots)
        )
    steps = drawn(monkeypatch, lambda: fitting.fit(SMOKE))
    assert steps == [*range(4 if changed == "nothing" else 0, 8)]


def test_the_stamp_is_of_the_start_and_of_the_device_that_is_used(tuned, monkeypatch):
    order, stamp, train = [], provenance.stamp, fitting.train
    monkeypatch.setattr(
        provenance, "stamp", lambda device="cpu": order.append(device) or stamp(device)
    )
    monkeypatch.setattr(fitting, "train", lambda *given: order.append("trained") or train(*given))
    fitting.fit(SMOKE)
    assert order == ["cpu", "trained"]
    header = weights.header(SMOKE.weights)
    assert header["device"] == stamp("cpu")["device"] == store.read_record(SMOKE.weights)["device"]


def test_weights_of_a_budget_do_not_pass_for_the_shipped_ones(tuned):
    made = restorers.fitted("perona-malik", "gaussian", 25, "smoke")
    assert made.header["run"]["profile"] == "smoke"
    with pytest.raises(FileNotFoundError):
        anisodiff.load("perona-malik")


@pytest.mark.parametrize("names", [("p1", "p1-blind"), ("foe-s-told", "foe-s-blind")])
def test_a_model_reads_the_level_unless_it_is_noise_blind(names, elsewhere):
    image, restored = np.tile(np.linspace(0, 200, 24, dtype=np.float32), (24, 1)), {}
    for name in names:
        fitting.fit(Run(name, "gaussian", 5, "smoke"))
        for level in (5, 50):
            one = restorers.open_weights(Run(name, "gaussian", level, "smoke"))
            restored[name, level] = one.restore(image)
    aware, blind = names
    assert not np.array_equal(restored[aware, 5], restored[aware, 50])
    assert np.array_equal(restored[blind, 5], restored[blind, 50])


def test_a_model_for_all_levels_is_warned_of_beyond_them_only(elsewhere):
    small, shipped = (Run("p1", "blur", 4, profile) for profile in ("smoke", "paper"))
    fitting.fit(small)
    shipped.weights.parent.mkdir(parents=True)
    small.weights.rename(shipped.weights)
    assert anisodiff.load("p1", "blur", 3.3).problem.level == 3.3
    said = "p1 was not made for blur at 100, only at 1, 2.25, 4, 9, 16"
    with pytest.warns(restorers.UntrainedLevel, match=said):
        assert anisodiff.load("p1", "blur", 100).problem.level == 16


def test_what_is_trained_with_a_classifier_hangs_on_its_weights(elsewhere):
    wanted = Run("p1-borders", "blur", 4, "smoke")
    fitting.fit(wanted)
    (classifier,) = wanted.used.values()
    assert classifier.weights.is_file() and store.is_current(wanted.artefact())
    kept = restorers.open_weights(wanted).module.state_dict()
    assert not any("classifier" in name for name in kept), "it is kept once, in its own file"
    other = Run("border-classifier", "blur", 4, "smoke", seed=1)
    fitting.fit(other)
    assert not same(tensors(other), tensors(classifier))
    other.weights.replace(classifier.weights)
    assert store.state(wanted.artefact()).word == "stale"


def test_what_goes_on_from_a_model_starts_at_its_weights_and_hangs_on_them(elsewhere, monkeypatch):
    listed = catalogue.study()["models"]
    onward = {key: of for key, of in listed["dncnn-30k"].items() if key != "vary"}
    monkeypatch.setitem(listed, "dncnn-onward", onward | {"continues": "dncnn-30k"})
    wanted = Run("dncnn-onward", "gaussian", 25, "smoke")
    fitting.fit(wanted)
    assert wanted.continued == Run("dncnn-30k", "gaussian", 25, "smoke")
    before, header = (weights.header(run.weights) for run in (wanted.continued, wanted))
    reached = before["validation_psnr_stored"]
    assert header["curve"][0][2] == pytest.approx(reached, abs=1e-3)
    assert reached > before["curve"][0][2] + 0.1, "which the untrained one would not pass"
    other = Run("dncnn-30k", "gaussian", 25, "smoke", seed=1)
    fitting.fit(other)
    assert store.is_current(wanted.artefact())
    for path in (wanted.continued.weights, store.record_path(wanted.continued.weights)):
        path.write_bytes((other.weights.parent / path.name.replace("25", "25-seed-1")).read_bytes())
    assert store.state(wanted.artefact()).word == "stale"


def test_only_an_oracle_sees_the_clean_image(elsewhere):
    clean = np.zeros((12, 12), np.float32)
    clean[:, 6:] = 200
    for source in ("", "-true", "-half"):
        one = restorers.fitted(f"learned-lambda-borders{source}", "blur", 4, "smoke")
        first, second = (one.estimate(clean + 5, truth=of) for of in (clean, clean.T.copy()))
        assert set(first.info) == {"lambda-borders", "lambda-smooth", "share"}
        assert torch.equal(first.image, second.image) == (source != "-true")


def test_a_full_disk_when_the_weights_are_written_loses_no_step(tuned, monkeypatch):
    with monkeypatch.context() as full:
        full.setattr(
            weights, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left"))
        )
        with pytest.raises(OSError, match="No space left"):
            fitting.fit(SMOKE)
    assert drawn(monkeypatch, lambda: fitting.fit(SMOKE)) == []
    assert SMOKE.weights.is_file()
    assert not list((provenance.ROOT / "_build/checkpoints").iterdir()), "removed at the end"
