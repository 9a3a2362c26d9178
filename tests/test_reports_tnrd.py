"""What the page on reaction diffusion reports: stages by hand, their effects, states, what a training spent, counts."""

import numpy as np
import pytest
import torch
from family import photograph, restorer

from anisodiff.methods.denoisers.tnrd import TNRD, Stage
from anisodiff.metrics.distortion import psnr
from anisodiff.reports import costs, counts, ledger, stages, timing, tnrd
from anisodiff.study import catalogue

CLEAN = photograph(40).copy()
NOISY = (CLEAN + np.random.default_rng(0).normal(0, 25, CLEAN.shape)).astype(np.float32)


def made(count=3, **more):
    """A few stages, not trained but no two alike."""
    torch.manual_seed(0)
    module = TNRD(count, 3, **more)
    with torch.no_grad():
        for stage in module.stages:
            stage.influence.weights.mul_(1 + 0.2 * torch.randn_like(stage.influence.weights))
    return module.eval().requires_grad_(False)


def test_a_stage_is_its_formula_only_with_the_second_kernels_rotated():
    stage = made().stages[1]
    wanted = tnrd.after(stage, CLEAN, NOISY)
    assert tnrd.by_hand(stage, CLEAN, NOISY) == pytest.approx(wanted, abs=1e-2)
    assert np.abs(tnrd.by_hand(stage, CLEAN, NOISY, rotated=False) - wanted).max() > 1


def test_a_diffusion_is_a_stage_and_backpropagation_is_the_derivative():
    assert tnrd.diffusion_gap(CLEAN) < 1e-3 < 0.1 < tnrd.diffusion_gap(CLEAN, told=0.5)
    assert tnrd.gradient_error() < 1e-5 and tnrd.gradient_error(alone=True) > 0.01


def test_what_a_filter_does_is_told_by_its_function():
    stage = Stage(3, 8)
    with torch.no_grad():
        stage.influence.weights[1].neg_()  # it gives the response back, and more of it
    found = tnrd.effects(stage, NOISY)
    assert (found.sharpens > 0.5).tolist() == [False, True] + [False] * 6
    assert ((tnrd.alone(stage, NOISY) > 0) == (found.sharpens > 0.5)).all()
    r = np.array([-20.0, 0.0, 20.0])
    assert tnrd.functions(stage, r)[1, 2] == pytest.approx(
        -tnrd.functions(stage, r)[0, 2], rel=1e-4
    )
    module = made(2)
    for one in module.stages:
        one.influence.weights[1].neg_()
    states = stages.states(restorer(module), NOISY)
    own, neighbours = tnrd.read_off(module, states, states)
    assert own == pytest.approx([1, 1]) and neighbours == pytest.approx([0, 6 / 7])
    assert tnrd.sharpening(made(2, functions="rising"), states) == pytest.approx([0, 0])


def test_states_and_their_psnr_which_may_be_negative():
    one = restorer(made())
    found = stages.states(one, NOISY)
    assert len(found) == 4 and (found[0] == NOISY).all()
    assert found[-1] == pytest.approx(one.restore(NOISY), abs=1e-4)
    table = stages.by_stage(one, [(CLEAN, NOISY)] * 2)
    assert table.shape == (2, 4) and table[0, 0] == pytest.approx(psnr(NOISY, CLEAN))
    offset = stages.root_error(-9.44)
    assert psnr(CLEAN + offset, CLEAN) == pytest.approx(-9.44)
    moved = stages.shifted(one, NOISY, offset)
    assert psnr(moved[1], CLEAN) < -9 and moved[-1] == pytest.approx(found[-1], abs=0.02)
    assert np.abs(stages.shifted(one, NOISY, offset, taken_off=False)[-1] - found[-1]).min() > 100


@pytest.mark.parametrize(
    ("name", "passed"),
    [("tnrd-short", 30_000), ("tnrd-greedy", 30_000), ("tnrd-greedy-joint", 30_000)],
)
def test_trainings_that_are_compared_evaluate_as_many_stages(name, passed):
    settings = catalogue.entry(name).train
    header = {"settings": settings, "evaluations": settings["steps"]}
    one = restorer(TNRD(5, 3))
    object.__setattr__(one, "header", header)
    found = stages.spent(one)
    assert found["stages"] == passed
    assert found["megapixels"] == pytest.approx(passed * 4 * 64**2 / 1e6)
    one.header["curve"] = [[0, None, 20.0], [settings["steps"], -28.0, 28.0]]
    assert stages.curve(one).share.tolist() == [0, 1]


def test_counts_become_gaussian_and_their_deviation_one():
    assert counts.distance(1) > 0.05 > 0.02 > counts.distance(200)
    found = counts.deviations(np.array([0.3, 20.0]))
    assert found[1] == pytest.approx(1, abs=0.01) and found[0] < 0.8
    drawn = 2 * np.sqrt(np.random.default_rng(0).poisson(4, 200_000) + 3 / 8)
    assert counts.deviations(np.array([4.0]))[0] == pytest.approx(drawn.std(), abs=0.01)
    assert [counts.noise(peak).level for peak in (1, 4)] == [255, 63.75]


def test_times_are_taken_by_model_and_side():
    assert timing.square(600).shape == (600, 600) and timing.square(600).dtype == np.float32
    calls = []
    table = timing.times({"a": calls.append, "b": lambda image: image.sum()}, (32, 2048))
    assert table.shape == (2, 2) and (table > 0).all(axis=None)
    assert [len(image) for image in calls] == [64, 32, 32, 32, 2048]


def test_the_ledger_leaves_out_levels_without_scores_and_rows_that_sentences_hold():
    assert not ledger._scored("tnrd-stages-2", "bsd68", 15)
    assert ledger._scored("tnrd", "bsd68", 15) and ledger._scored("tnrd", "costs", 25)
    table = {"rows": {"a": [1.0], "b": [2.0]}, "columns": [25], "metrics": ["psnr"]}
    table |= {"claims": {"a": ["some"]}, "untested": "nobody has it"}
    assert [entry.row for entry in ledger._entries("toy", table)] == ["b"]


def test_a_training_whose_steps_differ_costs_what_it_took(monkeypatch):
    one = restorer(TNRD(5, 3))
    one.header["seconds"] = 600.0
    for name, given in {"seconds": 0.1, "operations": 7, "step": 2.0}.items():
        monkeypatch.setattr(costs, name, lambda *_, given=given: given)
    for name in ("load", "untrained"):
        monkeypatch.setattr(costs.restorers, name, lambda *_: one)
    for name in ("tnrd-greedy", "tnrd-lbfgs"):
        assert costs.measure(name, 25)[-2:] == (600.0, None)
    assert costs.measure("tnrd-short", 25)[-2:] == (12_000.0, 2.0)
