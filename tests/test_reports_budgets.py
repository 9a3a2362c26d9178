"""Trainings on equal budgets: that the budgets are equal, and that what slows the machine down does not count."""

import itertools

import pandas as pd
import pytest

from anisodiff.reports import budgets, costs
from anisodiff.study import catalogue, restorers, runs

COMPARED = [
    (budget, diffusion, model)
    for budget in budgets.BUDGETS
    for diffusion, models in budgets.compared(budget).items()
    for model in models.values()
]


def spent(model):
    """All pixels that a training sees and the seconds of its steps, as timed."""
    settings = runs.Run(model, "gaussian", budgets.LEVEL).settings
    timed = budgets.read().seconds[model.replace("-seconds", "-pixels")]
    pixels = settings["steps"] * settings["batch"] * settings["crop"] ** 2
    return {"pixels": pixels, "seconds": settings["steps"] * timed}


@pytest.mark.parametrize(("budget", "diffusion", "model"), COMPARED)
def test_what_is_compared_has_the_same_budget_and_size(budget, diffusion, model):
    rel = {"pixels": 1e-6, "seconds": 0.15}  # seconds are not the same on every machine
    assert spent(model)[budget] == pytest.approx(spent(diffusion)[budget], rel=rel[budget])
    sizes = [
        restorers.load(name, "gaussian", budgets.LEVEL).parameters for name in (model, diffusion)
    ]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.11)


def test_every_diffusion_has_both_rivals_on_as_many_pixels():
    for models in budgets.compared("pixels").values():
        assert list(models) == ["diffusion", "DnCNN", "residual U-Net"]
    assert "network-200k" in catalogue.names()


def test_a_slower_round_changes_no_ratio(monkeypatch):
    clock = itertools.count()

    def clocked(step):
        """One, two, three seconds for the models in turn; each round ten times slower than the one before."""
        at = next(clock)
        return 10.0 ** (at // 3 % 4) * (1 + at % 3)

    monkeypatch.setattr(costs, "clocked", clocked)
    monkeypatch.setattr(costs, "training_step", lambda run, module: run.model)
    table = budgets.measure(rounds=3)
    assert isinstance(table, pd.DataFrame) and len(table) == 6
    for column in ("ratio", "low", "high"):
        assert table[column].tolist() == pytest.approx([1, 2, 3] * 2)
    assert table.seconds.tolist()[:3] == pytest.approx([100, 200, 300])
