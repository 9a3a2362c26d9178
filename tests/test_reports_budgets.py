"""Trainings on equal budgets: that the budgets are equal, and that what slows the machine down does not count."""

import itertools

import numpy as np
import pandas as pd
import pytest

from anisodiff.reports import budgets, costs
from anisodiff.study import restorers

RIVALS = [
    (budget, diffusion, model)
    for budget in budgets.BUDGETS
    for diffusion, models in budgets.compared(budget).items()
    for model in models.values()
    if model != diffusion
]
ALIKE = {"pixels": ("megapixels", 1e-6), "seconds": ("minutes", 0.15)}  # times differ by machine


def spent(model, budget):
    """What a training had taken after its last step."""
    return budgets.curve(model)[ALIKE[budget][0]].iloc[-1]


@pytest.mark.parametrize(("budget", "diffusion", "model"), RIVALS)
def test_what_is_compared_has_the_same_budget_and_size(budget, diffusion, model):
    near = pytest.approx(spent(diffusion, budget), rel=ALIKE[budget][1])
    assert spent(model, budget) == near
    sizes = [
        restorers.load(name, "gaussian", budgets.LEVEL).parameters for name in (model, diffusion)
    ]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.11)


def test_both_diffusions_are_trained_for_as_many_seconds():
    first, second = (spent(diffusion, "seconds") for diffusion in budgets.RIVALS)
    assert first == pytest.approx(second, rel=ALIKE["seconds"][1])


def test_every_diffusion_has_both_rivals_on_as_many_pixels():
    for models in budgets.compared("pixels").values():
        assert list(models) == ["diffusion", "DnCNN", "residual U-Net"]
    assert set(budgets.compared("pixels")) == set(budgets.RIVALS)


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


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_another_training_widens_the_gain(monkeypatch, spread):
    """Two seeds a model, on images where one is better by 0.5 dB; the seeds of one model are apart by ``spread``."""
    images = np.linspace(25, 30, 40)
    noise = 0.1 * np.random.default_rng(0).standard_normal(40)
    trained = {
        "one": {"one": images + 0.5 + noise, "one-seed-1": images + 0.5 + noise},
        "other": {"other": images - spread / 2, "other-seed-1": images + spread / 2},
    }
    monkeypatch.setattr(budgets, "by_seed", lambda model: pd.DataFrame(trained[model]))
    monkeypatch.setattr(budgets.comparison, "deviations", lambda level: dict.fromkeys(trained, 0.0))
    mean, low, high = budgets.gain("one", "other")
    assert mean == pytest.approx(0.5 + noise.mean())
    of_images = 2.0227 * noise.std(ddof=1) / 40**0.5
    of_seeds = 2.0227 * spread / 2  # standard deviation of two, over the root of two
    assert (high - low) / 2 == pytest.approx(np.hypot(of_images, of_seeds), rel=1e-3)


def test_seeds_and_sizes_stand_as_the_page_says():
    small, wide = budgets.RIVALS
    for diffusion, rival in ((small, "dncnn-30k"), (wide, "dncnn-200k")):
        _, low, high = budgets.gain(diffusion, f"{rival}-pixels")
        assert low < 0 < high, "about as good on as many pixels"
        assert budgets.gain(diffusion, f"{rival}-seconds")[2] < 0, "DnCNN ahead in as many seconds"
    models = {
        model
        for budget in budgets.BUDGETS
        for all_ in budgets.compared(budget).values()
        for model in all_.values()
    }
    spread = {model: budgets.by_seed(model).mean().std() for model in models}
    assert all(len(budgets.by_seed(model).columns) == 3 for model in models)
    assert max(spread, key=spread.get) == "dncnn-200k-pixels"
    assert spread["dncnn-200k-pixels"] > abs(budgets.gain(wide, "dncnn-200k-pixels")[0])
