"""What pages read off models and scores: evolutions, Fields of Experts, freedoms, the comparison with CNCL."""

import numpy as np
import pandas as pd
import pytest
import torch

from anisodiff.methods.base import Denoising
from anisodiff.methods.diffusion import evolution
from anisodiff.methods.diffusion.classic import Constant
from anisodiff.methods.diffusion.experts import Experts
from anisodiff.methods.diffusion.network import Network
from anisodiff.methods.diffusion.scheme import Diffusion, explicit_step
from anisodiff.methods.restorer import Restorer
from anisodiff.metrics import structure
from anisodiff.problems import problem
from anisodiff.reports import (
    cncl_comparison,
    comparison,
    fields_of_experts,
    freedoms,
    ledger,
    records,
)
from anisodiff.reports.pages import tables

RAMP = np.tile(np.arange(8, dtype=np.float32) ** 2, (8, 1))  # its gradient grows to the right


def restorer(diffusivity, **scheme):
    torch.manual_seed(0)
    module = Diffusion(diffusivity, **scheme).eval().requires_grad_(False)
    return Restorer("toy", Denoising(module), problem("gaussian", 25))


def experts(**more):
    return restorer(Experts("splines", size=3, experts=4, **more), steps=3, tau=0.2)


@pytest.fixture
def noisy():
    return np.random.default_rng(0).normal(127, 40, (12, 9)).astype(np.float32)


# Evolutions


@pytest.mark.parametrize("memory", [False, True])
def test_each_edge_map_leads_from_a_state_to_the_next(noisy, memory):
    made = restorer(Network(4, filters=2, memory=memory, each=2), steps=4, tau=0.25)
    states, maps = evolution.states(made, noisy), evolution.edge_maps(made, noisy)
    assert len(states) == 5 and len(maps) == 4
    np.testing.assert_array_equal(states[0], noisy)
    np.testing.assert_allclose(states[-1], made.restore(noisy), atol=1e-3)
    for u, g, following in zip(states, maps, states[1:], strict=False):
        g = tuple(torch.from_numpy(of)[None, None] for of in g)
        stepped = explicit_step(torch.from_numpy(u)[None, None], g, 0.25)[0, 0]
        np.testing.assert_allclose(stepped.numpy(), following, atol=1e-3)


def test_edge_maps_of_one_g_a_pixel_are_means_of_two_pixels(noisy):
    made = experts()
    between_columns, between_rows = evolution.edge_maps(made, noisy)[0]
    g = made.coefficient(noisy)
    np.testing.assert_allclose(between_columns, (g[:, 1:] + g[:, :-1]) / 2, atol=1e-6)
    np.testing.assert_allclose(between_rows, (g[1:] + g[:-1]) / 2, atol=1e-6)


def test_g_by_gradient_recovers_a_function_of_the_gradient():
    length = np.hypot(*np.gradient(RAMP))
    at, means = structure.g_by_gradient(1 - length / 100, RAMP, groups=4)
    assert (np.diff(at) > 0).all()
    np.testing.assert_allclose(means, 1 - at / 100)


def test_beyond_range_by_hand(noisy):
    assert structure.beyond_range([noisy, noisy / 2 + noisy.mean() / 2], noisy) == 0
    assert structure.beyond_range([noisy, noisy + 3], noisy) == pytest.approx(3, abs=1e-4)
    assert structure.beyond_range([noisy, noisy - 2], noisy) == pytest.approx(2, abs=1e-4)


# Fields of Experts and freedoms


def test_the_common_function_is_g_where_all_kernels_respond_alike():
    made = experts()
    x = np.array([-2.0, 0.0, 2.0])
    total = fields_of_experts.functions(made, 1 / (1 + np.exp(-x))).sum(0)
    np.testing.assert_allclose(
        fields_of_experts.common(made, x), 1 / (1 + np.exp(-total)), atol=1e-5
    )
    free = restorer(Experts("roth-black", size=3, experts=4), steps=1, tau=0.2)
    total = fields_of_experts.functions(free, 1 / (1 + np.exp(-x))).sum(0)
    np.testing.assert_allclose(fields_of_experts.common(free, x), np.exp(total), atol=1e-5)


def test_the_strongest_experts_are_those_that_vary_most(noisy):
    made = experts()
    slopes = made.module.diffusivity.functions.slopes
    slopes[1] *= 5
    slopes[2] = 0
    found = fields_of_experts.strongest(made, noisy, 4)
    assert (found[0], found[-1]) == (1, 2)
    assert len(fields_of_experts.strongest(made, noisy, 2)) == 2


def test_untrained_functions_are_all_the_same():
    assert fields_of_experts.similarity(experts(), np.linspace(0, 1, 21)) == pytest.approx(1)


def test_the_largest_g_and_the_range_of_a_safe_model(noisy):
    largest, beyond = fields_of_experts.excess(restorer(Constant(), steps=2, tau=0.2), noisy)
    assert largest == pytest.approx(1) and beyond == 0


def test_over_release_is_the_difference_of_the_gains(monkeypatch):
    monkeypatch.setattr(records, "gain", lambda *_, **__: (1.0, 0.9, 1.1))
    numbers = {"psnr": 0.4, "error": 0.1 / 1.96}
    monkeypatch.setattr(fields_of_experts.claims, "published", lambda *key: numbers[key[-1]])
    half = 0.1 * 2**0.5
    assert fields_of_experts.over_release(25) == pytest.approx((0.6, 0.6 - half, 0.6 + half))


def test_the_pull_of_a_data_term(noisy):
    made = restorer(Constant(), steps=2, tau=0.2, data=True)
    weight = 0.2 * np.log1p(np.exp(-3.0))
    np.testing.assert_allclose(freedoms.pull(made), [weight / (1 + weight)] * 2, rtol=1e-5)
    with pytest.raises(ValueError, match="toy has no data term"):
        freedoms.pull(restorer(Constant(), steps=2, tau=0.2))


# Comparisons


def test_seeds_are_a_model_and_its_variations():
    assert records.seeds("foe-s") == ["foe-s", "foe-s-seed-1", "foe-s-seed-2"]
    assert records.seeds("foe-small") == ["foe-small"]


def test_kinds_of_models():
    kinds = {
        "input": "input",
        "perona-malik": "diffusion",
        "perona-malik-released": "diffusion",
        "foe-s": "diffusion",
        "bm3d": "library",
        "cncl-30k": "network",
        "residual-unet-30k": "network",
        "dncnn-30k": "network",
    }
    assert {name: comparison.kind(name) for name in kinds} == kinds


def test_matrix_is_row_minus_column():
    index = pd.MultiIndex.from_product([list("abc"), list("abc")])
    values = {("a", "b"): (1, 0.5, 1.5), ("b", "a"): (-1, -1.5, -0.5)}
    rows = [values.get(pair, (0.1, -0.1, 0.3)) for pair in index]
    pairs = pd.DataFrame(rows, index, ["mean", "low", "high"])
    means, significant = comparison.matrix(pairs, ["b", "a"])
    np.testing.assert_allclose(means, [[0.1, -1], [1, 0.1]])
    assert significant.tolist() == [[False, True], [True, False]]


def test_seeds_enter_by_the_kind_of_a_pair():
    models = ["a", "b", "cncl-30k"]
    means = np.array([[0, 0.15, 0.3], [-0.15, 0, 0.3], [-0.3, -0.3, 0]])
    significant = ~np.eye(3, dtype=bool)
    spread = {"a": 0.1, "b": 0.2, "cncl-30k": 0.25}
    assert cncl_comparison.pairs_within_seeds(models, means, significant, spread) == 1
    spread["cncl-30k"] = 0.4
    assert cncl_comparison.pairs_within_seeds(models, means, significant, spread) == 3


def test_a_table_beside_the_paper(monkeypatch):
    def entry(row, column, metric, published, ours, verdict):
        rest = ((("foe-s" if row == "FoE-S" else "input", (ours,) * 3),), verdict, "", "")
        return ledger.Entry("toy", row, column, metric, published, *rest)

    found = [
        entry("FoE-S", "15", "psnr", 30.0, 31.5, "exceeded"),
        entry("FoE-S", "15", "ssim", 0.9, 0.891, "reproduced"),
        entry("input", "15", "psnr", 24.6, 24.6, "reproduced"),
    ]
    monkeypatch.setattr(cncl_comparison, "_entries", lambda table: found)
    table = cncl_comparison.beside_the_paper("toy", ("15",), {"psnr": 2, "ssim": 3})
    assert table.to_dict("records") == [
        {"": "FoE-S<br><small>foe-s</small>", "15": "31.50/.891<br><small>30/.9</small>"}
    ]
    counts = cncl_comparison.verdicts("toy", without=("input",))
    assert counts.to_dict() == {"exceeded": 1, "reproduced": 1}
    assert cncl_comparison.largest_deviation("toy", ("15",), ("input",)) == pytest.approx(0.05)


def test_the_literature_and_this_study_by_their_numbers_on_bsd68(monkeypatch):
    published = {"columns": [15, 25], "rows": {"best": [33.0, 30.0], "old": [None, 28.0]}}
    monkeypatch.setattr(
        cncl_comparison.claims, "tables", lambda: {"bsd68": published, "set12": published}
    )
    monkeypatch.setattr(comparison, "candidates", lambda *_: ["foe-s"])
    monkeypatch.setattr(cncl_comparison.catalogue, "levels", lambda *_: [25])
    monkeypatch.setattr(comparison, "scores", lambda *_: pd.Series([28.0, 30.0]))
    found = cncl_comparison.beside_the_literature(25)
    names = [("best", "published"), ("foe-s", "here"), ("old", "published")]
    assert list(found.index) == names
    assert found["bsd68", 25].tolist() == [30, 29, 28]
    assert np.isnan(found.loc[("old", "published"), ("set12", 15)])


def test_numbers_in_their_units():
    counts = [tables.count(value) for value in (0, 950, 31_415, 2.5e6, 1.234e10)]
    assert counts == ["0", "950", "31.4 K", "2.5 M", "12.3 G"]
    durations = [tables.duration(value) for value in (float("nan"), 0.0123, 0.96, 89, 600)]
    assert durations == ["–", "12 ms", "1.0 s", "89.0 s", "10 min"]
