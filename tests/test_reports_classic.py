"""What the pages on the classic, the learned lambda and the degradations report."""

import numpy as np
import pandas as pd
import pytest
import torch

from anisodiff.methods.base import Denoising
from anisodiff.methods.diffusion.classic import Constant
from anisodiff.methods.diffusion.scheme import Diffusion
from anisodiff.methods.restorer import Restorer
from anisodiff.metrics import conservation, distortion, statistics
from anisodiff.problems import problem
from anisodiff.reports import degradations, learned_lambda, perona_malik, records
from anisodiff.study import restorers, runs

# Statistics


def test_range_and_drift_by_hand():
    states = [torch.tensor([[0.0, 4.0]]), torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 2.0]])]
    assert conservation.extremes(states).tolist() == [[0, 1, 2], [4, 2, 2]]
    assert conservation.mean_drift(states).tolist() == [0, 0.5, 0]
    assert conservation.mean_drift([state.numpy() for state in states]).tolist() == [0, 0.5, 0]


def test_quartiles_by_hand():
    values = pd.Series([1.0, 2, 3, 4, 5, 7])
    found = statistics.quartiles(values, pd.Series([5, 5, 5, 5, 5, 9]))
    assert found.loc[5].tolist() == [2, 3, 4]
    assert found.loc[9].tolist() == [7, 7, 7]


def test_correlation_of_logarithms():
    first = pd.Series([1.0, 2, 8, 3], index=list("abcd"))
    shuffled = (5 * first**-2).loc[list("dbca")]
    assert statistics.log_correlation(first, shuffled) == pytest.approx(-1), "paired by the index"
    with pytest.raises(ValueError, match="4 and 3, 3 in common"):
        statistics.log_correlation(first, first[:3])
    with pytest.raises(ValueError, match="above 0, got -1"):
        statistics.log_correlation(first, -first / first)


def test_settings_of_either_header():
    found = [
        records.settings(Restorer("x", None, None, header={"settings": settings}))
        for settings in ({"steps": 8}, {"collection": "a", "train": {"steps": 8}})
    ]
    assert found == [{"steps": 8}, {"steps": 8}]


# The classic


def test_tuning_surface_starts_at_the_input():
    surface = perona_malik.tuning_surface(runs.Run("perona-malik", "gaussian", 25, "smoke"), 3, 2)
    assert surface.shape == (3, 3)
    assert surface.columns[[0, -1]].tolist() == [5, 200]
    assert surface.loc[0].nunique() == 1, "without a step lambda does nothing"
    assert (surface.loc[2] > surface.loc[0]).all()


def test_settings_as_text():
    assert perona_malik.setting("perona-malik", "blur", 4) == "nothing"
    tuned = restorers.load("perona-malik", "gaussian", 25).header["tuned"]
    cell = perona_malik.setting("perona-malik", "gaussian", 25)
    words = f"λ {tuned['lambda_']:.0f}, {tuned['steps']} steps"
    assert cell.replace("\N{NO-BREAK SPACE}", " ") == words
    one = perona_malik.setting("perona-malik-option-1", "poisson", 0.5)
    assert one.endswith("1\N{NO-BREAK SPACE}step")


def test_the_heat_equation_is_the_diffusion_with_a_constant_function():
    steps, (gap, low, high) = perona_malik.over_constant(25, 1)
    clean = records.photograph("astronaut", side=256)
    degraded = records.degraded(clean, "astronaut", problem("gaussian", 25))
    heat = Restorer("heat", Denoising(Diffusion(Constant(), steps, 0.2)), problem("gaussian", 25))
    classic = restorers.load("perona-malik", "gaussian", 25)
    scores = [distortion.clipped_psnr(one.restore(degraded), clean) for one in (classic, heat)]
    assert steps > 1 and low == gap == high, "one photograph has no interval"
    assert gap == pytest.approx(scores[0] - scores[1], abs=1e-3) and gap > 1


def test_settings_stand_below_the_scores_that_they_reach():
    tables = perona_malik.settings_and_scores(
        {"perona-malik": "ours"}, {"input": "input", "perona-malik": "ours"}
    )
    at, ours = tables["gaussian"].loc[4, ["standard deviation, gray levels", "ours"]]
    score = records.by_image("perona-malik", "psnr", "gaussian", 25).mean()
    setting = perona_malik.setting("perona-malik", "gaussian", 25)
    assert at == "25" and ours == f"{score:.2f}<br><small>{setting}</small>"
    assert not tables["blur"].input.str.contains("small").any()


def test_two_models_on_the_photographs_at_hand():
    clean = records.photograph("astronaut", side=256)
    degraded = records.degraded(clean, "astronaut", problem("gaussian", 25))
    models = [restorers.load(name, "gaussian", 25) for name in ("foe-s", "perona-malik")]
    scores = [distortion.clipped_psnr(one.restore(degraded), clean) for one in models]
    gap = perona_malik.at_hand("foe-s", "perona-malik", 25, 1)
    assert gap == pytest.approx(scores[0] - scores[1])


def test_beside_published():
    table = perona_malik.beside_published({"perona-malik": "ours"}, [25])
    psnr = records.by_image("perona-malik", level=25).mean()
    assert table.index.tolist() == ["published", "ours"]
    assert table.loc["ours", "sigma 25"].startswith(f"{psnr:.2f} / 0.")


# The learned lambda


def test_compare_gives_oracles_the_truth():
    clean = records.photograph("camera", side=64)
    degraded = records.degraded(clean, "camera", problem("gaussian", 25))
    oracle = restorers.open_weights(runs.Run("perona-malik-oracle-lambda", "gaussian", 25))
    models = {"tuned": restorers.load("perona-malik", "gaussian", 25), "oracle": oracle}
    scores, lambdas = learned_lambda.compare(models, clean, degraded)
    assert scores["input"] == distortion.psnr(np.clip(degraded, 0, 255), clean)
    assert scores["oracle"] >= scores["tuned"] > scores["input"]
    assert lambdas.keys() == {"oracle"}


def test_contrasts_are_means_over_the_levels_of_each_image():
    found = learned_lambda.contrasts("perona-malik", "blur", ["camera", "brick"])
    assert found.shape == (2,) and (found < 0).all(), (
        "a classic g is smaller on borders, also when blurred"
    )
    switched_off = learned_lambda.contrasts("perona-malik", "blur", ["camera"])
    assert switched_off[0] == found[0]


def test_strategies_of_a_model_without_steps():
    facts, models = {"g-borders": "borders"}, {"perona-malik": "classic"}
    table = learned_lambda.strategies(facts, models, ["gaussian", "blur"])
    assert table.loc["blur", "borders, classic"] == "no steps"
    assert table.loc["gaussian", "borders, classic"].startswith("−0.")


# The degradations


def test_protocol_card_as_a_table():
    card = degradations.protocol_card(records.recorded("gaussian", "protocol-card"))
    card = card.set_index("changed")
    assert card.loc["the protocol", "difference"] is None
    mean, low, high = card.loc["output rounded", "difference"]
    assert low < mean < high < 0
    gap = card.loc["output rounded", "PSNR"] - card.loc["the protocol", "PSNR"]
    assert mean == pytest.approx(gap)


def test_strongest_model_is_no_oracle():
    found = degradations.strongest(problem("blur", 4))
    assert "truth" not in found.method.needs
    best = records.by_image(found.name, "psnr", "blur", 4).mean()
    assert best > records.by_image("perona-malik", "psnr", "blur", 4).mean()
    assert degradations.strongest(problem("blur", 4, sigma=2)) is None


def test_classic_of_a_problem():
    assert degradations.tuned_classic(problem("downsample", 2)) is None
    assert degradations.tuned_classic(problem("blur", 4)).header["tuned"]["steps"] == 0


def test_solvers_beside_the_models_of_the_study(monkeypatch):
    names = ("salt-pepper", "downsample")
    chosen = {name: degradations.SOLVERS[name] for name in names}
    monkeypatch.setattr(degradations, "SOLVERS", chosen)
    table = degradations.solved(["camera"], side=48).set_index("problem")
    assert (table.solver > table.input).all()
    assert table.classic.isna().tolist() == [False, True] and not table.study.isna().any()
    assert (
        table.model["downsample"] == "sr-lite"
        and table.study["downsample"] > table.solver["downsample"]
    )
    means = degradations.solved_means(table.reset_index())
    median, bicubic = means["simple method"]
    assert means["tuned diffusion"].str.startswith("–").tolist() == [False, True]
    cells = means["best of the study"]
    assert median.startswith(
        f"{table.solver['salt-pepper']:.2f}<br><small>median of 3 × 3 pixels, given nothing"
    )
    assert bicubic.startswith(
        f"{table.solver['downsample']:.2f}<br><small>bicubic, given the factor"
    )
    assert all(cells[at].startswith(f"{of:.2f}<br><small>") for at, of in enumerate(table.study))


def test_enlarged_repeats_pixels():
    small = np.array([[1.0, 2.0]], np.float32)
    assert degradations.enlarged(small, (2, 4)).tolist() == [[1, 1, 2, 2]] * 2
    assert degradations.enlarged(small, (1, 2)).tolist() == small.tolist()
