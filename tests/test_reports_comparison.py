"""What pages read off models and scores: evolutions, Fields of Experts, freedoms, the comparison with CNCL."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.stats import kendalltau

from anisodiff.methods.base import Denoiser, Denoising
from anisodiff.methods.diffusion import evolution
from anisodiff.methods.diffusion.classic import Constant, PeronaMalik
from anisodiff.methods.diffusion.experts import Experts
from anisodiff.methods.diffusion.network import Network
from anisodiff.methods.diffusion.scheme import Diffusion, explicit_step
from anisodiff.methods.restorer import Restorer
from anisodiff.metrics import conservation, perceptual, structure
from anisodiff.problems import problem
from anisodiff.reports import (
    claims,
    cncl_comparison,
    comparison,
    conventions,
    fields_of_experts,
    freedoms,
    last_word,
    ledger,
    names,
    orders,
    records,
)
from anisodiff.reports.pages import tables
from anisodiff.study import catalogue, restorers, store
from anisodiff.study import tables as study_tables

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


def test_a_derivative_is_balanced_and_a_mean_is_not():
    made = experts()
    kernels = made.module.diffusivity.kernels
    kernels[0], kernels[1] = 1.0, torch.tensor([-1.0, 0.0, 1.0]).expand(3, 3)
    np.testing.assert_allclose(fields_of_experts.imbalance(made)[:2], [1, 0], atol=1e-6)


def test_small_differences_do_not_decide_what_is_best():
    quality = {"one": 30.0, "two": 29.97, "three": 29.9}
    assert fields_of_experts.best(quality, 0.01) == "one restores it best"
    assert fields_of_experts.best(quality, 0.05) == "one and two restore it best"


def test_the_noise_of_a_clean_image_is_found():
    noise = np.random.default_rng(0).normal(127, 20, (64, 64)).astype(np.float32)
    assert fields_of_experts.own_noise(noise) == pytest.approx(20, rel=0.05)
    assert fields_of_experts.own_noise(np.full((8, 8), 9, np.float32)) == 1, "the least there is"


def test_untrained_functions_are_all_the_same():
    assert fields_of_experts.similarity(experts(), np.linspace(0, 1, 21)) == pytest.approx(1)


def test_kernels_respond_as_far_as_their_quantile_and_the_common_function_is_judged_there(noisy):
    made = experts()
    farthest = fields_of_experts.reach(made, [noisy, noisy + 1])
    with torch.inference_mode():
        responses = made.module.diffusivity.responses(torch.from_numpy(noisy)[None, None]).abs()
    assert 0 < farthest <= responses.max()
    above, turn, below, other = fields_of_experts.turns(made, 6.0)
    assert above and below and 0 < turn < 6 and 0 < other < 6, "an untrained one is a hump"
    assert fields_of_experts.turns(made, 0.9 * min(turn, other))[1] == np.inf, "not that far"


def test_g_against_the_gradient_of_the_classic_is_anisotropic():
    steep = np.tile(np.linspace(0, 8, 96) ** 2 * 5, (96, 1)).astype(np.float32)  # gradients up to 7
    classic = restorer(PeronaMalik(3), steps=1, tau=0.01)
    assert fields_of_experts.anisotropic_by_gradient(classic, [steep, steep.T.copy()])
    heat = restorer(Constant(), steps=1, tau=0.01)
    assert fields_of_experts.anisotropic_by_gradient(heat, [steep]), "b is nowhere below zero"


def test_the_largest_g_and_the_range_of_a_safe_model(noisy):
    largest, beyond = fields_of_experts.excess(restorer(Constant(), steps=2, tau=0.2), noisy)
    assert largest == pytest.approx(1) and beyond == 0


def test_over_release_is_the_difference_of_the_gains(monkeypatch):
    monkeypatch.setattr(records, "gain", lambda *_, **__: (1.0, 0.9, 1.1))
    numbers = {"psnr": 0.4, "error": 0.1 / 1.96}
    monkeypatch.setattr(fields_of_experts.claims, "published", lambda *key: numbers[key[-1]])
    half = 0.1 * 2**0.5
    assert fields_of_experts.over_release(25) == pytest.approx((0.6, 0.6 - half, 0.6 + half))


def test_g_across_edges_and_along_them():
    clean = np.zeros((6, 6), np.float32)
    clean[:, 3:] = 100  # an upright edge
    between = np.full((6, 5), 0.5), np.full((5, 6), 0.75)  # columns, rows
    between[0][:, 2] = 0.25  # where the edge is
    assert freedoms.at_edges(between, clean) == {"across": 0.25, "along": 0.75}
    turned = between[1].T, between[0].T
    assert freedoms.at_edges(turned, clean.T) == {"across": 0.25, "along": 0.75}, "a level one"


def test_the_pull_of_a_data_term(noisy):
    made = restorer(Constant(), steps=2, tau=0.2, data=True)
    weight = 0.2 * np.log1p(np.exp(-3.0))
    np.testing.assert_allclose(freedoms.pull(made), [weight / (1 + weight)] * 2, rtol=1e-5)
    with pytest.raises(ValueError, match="toy has no data term"):
        freedoms.pull(restorer(Constant(), steps=2, tau=0.2))


class Stretched(Denoiser):
    """Every pixel times its factor, and 5 more."""

    def __init__(self, factors):
        super().__init__()
        self.factors = torch.as_tensor(factors, dtype=torch.float32)

    def forward(self, x, sigma=None):
        return x * self.factors + 5


def test_growth_is_the_largest_singular_value_of_a_linear_map(noisy):
    factors = np.full((12, 9), 0.5)
    factors[3:5] = 1.7
    assert conservation.growth(Stretched(factors), noisy, 25) == pytest.approx(1.7, rel=1e-3)
    heat = restorer(Constant(), steps=5, tau=0.2).module
    assert 0.9 < conservation.growth(heat, noisy, 25) <= 1 + 1e-5
    with pytest.raises(ValueError, match="Classical has no derivative"):
        conservation.growth(restorers.load("tv").module, noisy, 25)


def test_what_a_model_keeps_by_hand(noisy):
    shift = Restorer("shift", Denoising(Stretched(1.0)), problem("gaussian", 25))
    found = freedoms.kept(shift, {"one": (noisy, noisy), "two": (noisy, 2 * noisy)}, side=8)
    assert list(found.index) == ["one", "two"]
    assert found["range"].tolist() == pytest.approx([5, 5], abs=1e-3)
    assert found["mean"].tolist() == pytest.approx([5, 5], abs=1e-3)
    assert found["growth"].tolist() == pytest.approx([1, 1], abs=1e-3)
    kept = freedoms.kept(restorer(Constant(), steps=2, tau=0.2), {"one": (noisy, noisy)}, side=8)
    assert kept[["range", "mean"]].to_numpy().ravel() == pytest.approx([0, 0], abs=1e-4)


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
        "tnrd": "diffusion",
        "bm3d": "library",
        "cncl-30k": "network",
        "residual-unet-30k": "network",
        "dncnn-30k": "network",
    }
    assert {name: comparison.kind(name) for name in kinds} == kinds


@pytest.mark.parametrize(
    ("name", "promised"),
    [
        ("perona-malik", ("mean", "range")),
        ("network-long", ("mean", "range")),
        ("foe-s-signed", ("mean",)),
        ("tnrd-differences", ("mean", "range")),
        ("tnrd-differences-free", ("mean",)),
        ("tnrd", ()),
        ("tv", ("mean", "range")),
        ("nlm", ("range",)),
        ("perona-malik-released", ()),
        ("dct-8-learned", ()),
        ("dncnn-200k", ()),
    ],
)
def test_what_a_model_promises_is_kept_and_the_rest_is_not(name, promised):
    assert comparison.promises(name) == promised
    image = np.random.default_rng(0).choice([0, 255], (32, 32)).astype(np.float32)
    results = [
        (f, restorers.load(name, "gaussian", 25).restore(f))
        for f in (image, gaussian_filter(image, 1), np.triu(image))
    ]
    beyond = max(structure.beyond_range([u], f) for f, u in results)
    moved = max(conservation.mean_drift(pair)[1] for pair in results)
    assert (beyond < 0.05) == ("range" in promised)
    assert (moved < 0.01) == ("mean" in promised)


def pairs_of(means, error=0.1, freedom=99):
    """Pairs as ``comparison.differences`` gives them, of models a, b, c, ... by their means."""
    models = [chr(97 + at) for at in range(len(means))]
    index = pd.MultiIndex.from_product([models, models])
    apart = np.subtract.outer(means, means).ravel()
    return models, pd.DataFrame({"mean": apart, "error": error, "freedom": freedom}, index)


def test_matrix_is_row_minus_column_and_corrects_for_all_pairs():
    _, pairs = pairs_of([27.0, 27.22, 28.0])
    means, significant = comparison.matrix(pairs, ["b", "a", "c"])
    np.testing.assert_allclose(means[0], [0, 0.22, -0.78])
    assert significant.tolist() == [[False, True, True], [True, False, True], [True, True, False]]
    _, many = pairs_of([27.0, 27.22, *np.full(10, 27.1)])
    crowd = [chr(97 + at) for at in range(12)]
    assert not comparison.matrix(many, crowd)[1].any(), (
        "of 66 pairs one differs like that by chance"
    )


def test_seeds_and_few_clusters_widen_the_error():
    models, pairs = pairs_of([27.0, 27.5])
    assert comparison.matrix(pairs, models)[1].any()
    assert not comparison.matrix(pairs, models, {"a": 0.2, "b": 0.2})[1].any()
    _, few = pairs_of([27.0, 27.3], freedom=2)
    assert not comparison.matrix(few, models)[1].any()


def test_deviations_are_pooled_by_kind(monkeypatch):
    seeds = {"foe-s": [27.0, 27.2], "network-long": [28.0, 28.0], "cncl-30k": [26.0, 27.0]}
    monkeypatch.setattr(comparison, "by_seed", lambda *_: seeds)
    found = comparison.deviations.__wrapped__(25)
    plain = (0.02 / 2) ** 0.5
    wanted = {"foe-s": plain, "learned-lambda": plain, "cncl-200k": 0.5**0.5, "tv": 0, "input": 0}
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)
    assert comparison.deviations(25, "parameters") == {}, "no seed is scored by it"


def test_lpips_of_the_seeds_is_of_the_further_collection(monkeypatch):
    asked = []

    def by_image(name, metric, level, collection):
        asked.append((name, metric, collection))
        return pd.Series([0.2])

    monkeypatch.setattr(comparison.records, "by_image", by_image)
    found = comparison.by_seed(25, "lpips")
    assert "foe-s" in found and "dncnn-200k-pixels" not in found, "those in further() alone"
    assert ("foe-s-seed-2", "lpips", "bsd68") in asked
    assert comparison.by_seed(25).keys() > found.keys()
    assert ("foe-s-seed-2", "psnr", None) in asked


def test_an_order_is_compared_pair_by_pair(monkeypatch):
    table = {
        "columns": [25],
        "scored": {25: ["set12", 25]},
        "metrics": ["psnr"],
        "unit": {"all": {"psnr": 0.1}},
        "rows": {"input": [20.0], "A": [29.0], "B": [28.0], "C": [27.0], "D": [27.0]},
        "ours": {"input": ["input"], "A": ["a"], "B": ["b"], "C": ["c"], "D": ["d"]},
    }
    means = {"a": 27.5, "b": 28.0, "c": 26.0, "d": 25.0}
    images = [f"{at:02}" for at in range(1, 13)]
    noise = np.random.default_rng(0).normal(0, 0.05, 12)
    monkeypatch.setattr(claims, "tables", lambda: {"toy": table})
    monkeypatch.setattr(
        comparison, "scores", lambda name, *_: pd.Series(means[name] + noise * ord(name), images)
    )
    monkeypatch.setattr(comparison, "deviations", lambda *_: dict.fromkeys("abcd", 0.01))
    found = orders.order("toy", 25, "psnr")
    assert (found.same, found.opposite, found.open) == (4, 1, 0), "C and D are alike as printed"
    assert found.tau[1] <= found.tau[0] <= found.tau[2] and found.tau[0] == pytest.approx(
        0.548, abs=1e-3
    )
    assert orders.order("toy", 25, "psnr", without=("A",)).opposite == 0


def apart_by(means, images=12, spread=0.05):
    """Scores of models with these means, whose paired differences vary a little; each image is its own cluster."""
    noise = np.random.default_rng(0).normal(0, spread, (images, len(means)))
    names = [f"{at:02}" for at in range(1, images + 1)]
    return pd.DataFrame(np.array(list(means.values())) + noise, names, list(means)), names


def test_an_order_on_other_images_is_compared_where_the_first_ones_tell_models_apart():
    first, second = {"a": 27, "b": 28, "c": 29, "d": 29}, {"a": 27, "b": 29, "c": 28, "d": 25}
    found = orders.between(apart_by(first), apart_by(second), {})
    assert (found.same, found.opposite, found.open) == (2, 3, 0), "c and d are alike at first"
    assert orders.between(apart_by(first), apart_by(first), {}).opposite == 0
    unsure = orders.between(apart_by(first), apart_by(first), dict.fromkeys("abcd", 5.0))
    assert (unsure.same, unsure.open) == (0, 0), "another training would change all of them"


def test_images_drawn_from_one_set_agree_as_far_as_models_differ():
    clear, unclear = ({"a": 27, "b": 28, "c": 29}, 0.05), ({"a": 28, "b": 28.01, "c": 28.02}, 1.0)
    mean, low, high = orders.drawn(*apart_by(*clear[:1], 40, clear[1]), 10)
    assert mean == low == high == 1
    mean, low, high = orders.drawn(*apart_by(*unclear[:1], 40, unclear[1]), 10)
    assert -0.5 < mean < 0.8 and low < mean < high


def test_only_the_differences_to_a_baseline_are_corrected_together():
    models = apart_by({"a": 27, "b": 28, "c": 28})
    found = comparison.over(*models, "b", {})
    assert found.significant.to_dict() == {"a": True, "b": False, "c": False}
    assert found.loc["a", "mean"] == pytest.approx(-1, abs=0.1)
    assert found.loc["a", "low"] < found.loc["a", "mean"] < found.loc["a", "high"] < 0
    assert not comparison.over(*models, "b", {"a": 3.0}).significant.any()


def test_a_row_leads_by_its_difference_to_the_best_other_one(monkeypatch):
    models = {row: ours[0] for row, ours in claims.tables()["paper-table-1"]["ours"].items()}
    means = {name: 25 + at / 10 for at, name in enumerate(dict.fromkeys(models.values()))}
    means |= {models["FoE-S"]: 28.0, models["U-Net"]: 29.0}
    values, names = apart_by(means)
    monkeypatch.setattr(comparison, "together", lambda *_: values)
    monkeypatch.setattr(records, "clusters", lambda *_: names)
    monkeypatch.setattr(comparison, "deviations", lambda *_: {})
    for metric, row, expected in (
        ("psnr", "U-Net", 1),
        ("psnr", "FoE-S", -1),
        ("lpips", "FoE-S", -3),
    ):
        mean, low, high = cncl_comparison.lead(row, 25, metric)
        assert mean == pytest.approx(expected, abs=0.1) and low < mean < high
    monkeypatch.setattr(comparison, "deviations", lambda *_: {models["FoE-S"]: 1.0})
    _, low, high = cncl_comparison.lead("FoE-S", 25, "psnr")
    assert high - low > 4, "another training may change its mean"


def test_edges_are_held_against_a_blur_that_is_as_smooth():
    clean = np.where(np.arange(48) < 24, 60.0, 160.0).astype(np.float32) * np.ones(
        (40, 1), np.float32
    )
    degraded = clean + np.random.default_rng(0).normal(0, 20, clean.shape).astype(np.float32)
    blurred = gaussian_filter(degraded, 1.5)
    found = fields_of_experts.edges_kept(blurred, degraded, clean)
    assert found["kept"] == pytest.approx(found["blur"], abs=0.01) and found["kept"] < 0.4
    kept = fields_of_experts.edges_kept(clean + 0.2 * (degraded - clean), degraded, clean)
    assert kept["rough"] == pytest.approx(0.2) and kept["kept"] > kept["blur"] + 0.3


# The last word


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """A last word in which one of three models is not where it stood on the validation squares."""
    means = {"input": 20.0, "perona-malik": 27.0, "foe-s": 28.0, "bm3d": 26.5, "foe-s-signed": 1.0}
    values, _ = apart_by(means, 18)
    long = values.melt(ignore_index=False, var_name="model").rename_axis("image").reset_index()
    shared = {"degradation": "gaussian", "level": 25.0, "collection": "mcm18", "crop": 0, "seed": 0}
    table = long.assign(**shared, metric="psnr")[study_tables.COLUMNS]
    monkeypatch.setattr(last_word.last_word, "path", lambda release: tmp_path / f"{release}.csv")
    study_tables.write(tmp_path / "toy.csv", table)
    seen, _ = apart_by({"perona-malik": 27.0, "foe-s": 28.0, "bm3d": 29.0}, 30)
    monkeypatch.setattr(comparison, "candidates", lambda *_: ["input", *seen])
    monkeypatch.setattr(comparison, "together", lambda models, *_: seen[models])
    monkeypatch.setattr(records, "clusters", lambda images, *_: list(images))
    monkeypatch.setattr(comparison, "deviations", lambda *_: dict.fromkeys(catalogue.names(), 0.0))
    return tmp_path / "toy.csv"


def test_the_last_word_stands_beside_what_was_looked_at(opened):
    found = last_word.gains("toy", "psnr", 25, "foe-s")
    assert found["seen", "rank"].to_dict() == {"bm3d": 1, "foe-s": 2, "perona-malik": 3}
    assert found["sealed", "rank"].to_dict() == {"bm3d": 3, "foe-s": 1, "perona-malik": 2}
    assert found.loc["bm3d", ("seen", "mean")] == pytest.approx(1, abs=0.1)
    assert found.loc["bm3d", ("sealed", "mean")] == pytest.approx(-1.5, abs=0.1)
    order = last_word.order("toy", "psnr", 25)
    assert (order.same, order.opposite, order.open) == (1, 2, 0)
    assert last_word.drawn("toy", "psnr", 25) == (1, 1, 1)


def test_a_last_word_is_read_as_it_was_recorded_or_not_at_all(opened):
    with pytest.raises(FileNotFoundError, match=r"^no last word on 'other'; there are: toy$"):
        last_word.order("other", "psnr", 25)
    store.record_path(opened).write_text('{"sha256": "0"}')
    with pytest.raises(OSError, match="is damaged"):
        last_word.order("toy", "psnr", 25)


def test_comparisons_are_won_where_the_difference_is_significant(monkeypatch):
    images = [f"{at:02}" for at in range(1, 13)]
    scores = {
        ("better", "psnr"): 28.0,
        ("base", "psnr"): 27.0,
        ("better", "lpips"): 0.3,
        ("base", "lpips"): 0.2,
    }
    noise = {"better": np.linspace(-0.02, 0.02, 12), "base": np.zeros(12)}
    monkeypatch.setattr(
        comparison,
        "scores",
        lambda name, metric, *_: pd.Series(scores[name, metric] + noise[name], images),
    )
    monkeypatch.setattr(comparison, "deviations", lambda *_: {})
    found = cncl_comparison.contest(["better"], "base", ("set12",), ("psnr", "lpips"))
    assert found == (0.5, 0.5, 0.5), "the lower LPIPS is the better one"
    assert cncl_comparison.contest(["base"], "base", ("set12",), ("psnr",)) == (0, 0, 1)
    noise["better"] = np.linspace(-9, 9, 12)
    assert cncl_comparison.contest(["better"], "base", ("set12",), ("psnr",)) == (1, 0, 1), "open"


def test_a_convention_is_judged_by_its_distance_and_its_ranks(monkeypatch):
    rows = list(conventions.models())
    printed = {row: 50.0 + at for at, row in enumerate(rows)}
    monkeypatch.setattr(claims, "published", lambda table, row, at: printed[row] + at)
    told = [2 * (printed[row] + at) for at in conventions.LEVELS for row in rows]
    table = pd.DataFrame(
        [
            ("central", chosen, "s", "all", "s1", level, *values)
            for chosen, of in (("restored", told), ("noisy", [60.0] * len(told)))
            for level, values in zip(conventions.LEVELS, np.reshape(of, (3, -1)), strict=True)
        ],
        columns=[*conventions.FIELDS, "level", *rows],
    )
    found = conventions.best(table)
    assert [name[1] for name in found.index] == ["restored", "noisy"]
    assert found["off by"].iloc[0] == pytest.approx(0) and found["rank correlation"].tolist() == [
        1,
        0,
    ]
    assert found["off by"].iloc[1] == pytest.approx(conventions.off_of_a_constant())


def test_one_of_the_conventions_is_q_itself():
    rng = np.random.default_rng(0)
    clean, restored, noisy = (rng.normal(127, 30, (32, 24)).cumsum(1) / 9 for _ in range(3))
    found = conventions.values(restored, clean, noisy)
    assert len(found) == 108
    usual = ("central in each patch", "restored", "singular values", "all patches", "s1 R")
    assert found[usual] == pytest.approx(perceptual.q(restored))
    former = (
        "central in each patch",
        "restored",
        "their squares",
        "all patches",
        "s1 of the clean image",
    )
    assert found[former] == pytest.approx(perceptual.shown(restored, clean))


def test_a_table_beside_the_paper(monkeypatch):
    def entry(row, column, metric, published, ours, verdict):
        models = (("foe-s" if row == "FoE-S" else "input", (ours,) * 3),)
        rest = (models, 0.1, verdict, "", (), "")
        return ledger.Entry("toy", row, column, metric, published, *rest)

    found = [
        entry("FoE-S", "15", "psnr", 30.0, 31.5, "exceeded"),
        entry("FoE-S", "15", "ssim", 0.9, 0.891, "reproduced"),
        entry("input", "15", "psnr", 24.6, 24.6, "reproduced"),
    ]
    monkeypatch.setattr(cncl_comparison, "_entries", lambda table: found)
    table = cncl_comparison.beside_the_paper("toy", ("15",), {"psnr": 2, "ssim": 3})
    named = cncl_comparison.above(names.link("foe-s"), "FoE-S")
    digit, point = "\u2007", "\u2008"
    printed = f"30{point}{digit * 2}&ensp;0.9{digit * 2}"
    lines = (f'<span class="text-nowrap">{line}</span>' for line in ("31.50&ensp;0.891", printed))
    numbers = cncl_comparison.above(*lines)
    assert table[["", "15"]].iloc[-1].tolist() == [named, numbers], "ours above, points aligned"
    counts = cncl_comparison.verdicts("toy", without=("input",))
    assert counts.to_dict() == {"exceeded": 1, "reproduced": 1}


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


def test_rank_correlations_of_many_are_those_of_each():
    generator = np.random.default_rng(0)
    reference, others = generator.normal(size=7), generator.normal(size=(9, 7))
    reference[2], others[0, 1] = reference[4], others[0, 5]  # ties
    expected = [kendalltau(reference, one).statistic for one in others]
    np.testing.assert_allclose(orders.kendall(reference, others), expected)
