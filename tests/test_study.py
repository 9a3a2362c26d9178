"""What the study ships: weights and scores are there, current, and as good as the study says."""

import json

import numpy as np
import pytest

from anisodiff import evaluation, experiments, images, models, training

COLLECTION = experiments.study()["protocol"]["collection"]
GRID = experiments.grid("paper")
SCORES = experiments.scored()


def scores(model, kind="gaussian", metric="psnr"):
    table = evaluation.read_scores(COLLECTION, model, kind)
    return table[table.metric == metric]


@pytest.mark.parametrize("experiment", GRID, ids=lambda experiment: experiment.name)
def test_weights_are_those_of_the_study(experiment):
    assert training.is_current(experiment), "study.yml has changed since: make paper"
    assert experiment.weights.stat().st_size < 500_000
    header = models.open_weights(experiment).header
    assert header["commit"] and header["seconds"] > 0


@pytest.mark.parametrize(("model", "kind"), SCORES, ids="-".join)
def test_scores_are_those_of_the_weights(model, kind):
    assert evaluation.is_recorded(model, kind), "the weights or the protocol have changed since: make paper"
    table = scores(model, kind)
    assert sorted(set(table.level)) == sorted(experiments.levels(model, kind))
    assert (table.groupby("level").image.nunique() == 100).all()
    facts = json.loads(evaluation.scores_path(COLLECTION, model, kind).with_suffix(".json").read_text())
    assert COLLECTION in facts["used"] and facts["commit"]


@pytest.mark.parametrize(("level", "floor"), [(15, 29.3), (25, 26.7), (50, 23.7)])
def test_tuned_classic_reaches_its_floor(level, floor):
    table = scores("perona-malik")
    assert table[table.level == level].value.mean() >= floor


@pytest.mark.parametrize("suffix", ["", "-option-1"])
def test_learned_lambda_is_not_below_the_tuned_classic_nor_above_the_oracle(suffix):
    names = ("perona-malik", "learned-lambda", "perona-malik-oracle-lambda")
    tuned, learned, oracle = (scores(f"{name}{suffix}").groupby("level").value.mean() for name in names)
    assert (learned >= tuned - 0.02).all()
    assert (learned <= oracle + 0.005).all()  # the oracle's search has a finite grid


@pytest.mark.parametrize("kind", ["gaussian", "poisson", "salt-pepper", "blur", "inpainting"])
def test_no_oracle_loses_to_what_it_knows_better(kind):
    keys = ["level", "image"]
    ladder = ("perona-malik", "perona-malik-oracle-lambda", "perona-malik-oracle")
    tuned, one, both = (scores(model, kind).set_index(keys).value for model in ladder)
    # the searches go from coarse to fine, so that they miss an image's best by a little
    assert (one - tuned).min() > -0.001
    assert (both - one).min() > -0.03
    assert (both - one).groupby("level").mean().min() > -1e-9


@pytest.mark.skipif(not images.available(COLLECTION), reason="needs the validation images of BSDS500")
@pytest.mark.parametrize("model", ["input", "perona-malik", "learned-lambda", "perona-malik-released"])
def test_scores_come_out_again(model):
    again = evaluation.evaluate(models.load(model, "gaussian", 25), "gaussian", 25, COLLECTION, limit=3)
    table = scores(model)
    before = table[table.level == 25].set_index("image").value
    now = again[again.metric == "psnr"].set_index("image").value
    assert np.abs(now - before[now.index]).max() < 0.02
