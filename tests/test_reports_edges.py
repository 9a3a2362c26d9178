"""What the pages on edginess, P1 functions and the U-Net ask of the library."""

import numpy as np
import pandas as pd
import pytest
import torch

from anisodiff.methods.base import Denoising
from anisodiff.methods.diffusion import evolution
from anisodiff.methods.diffusion.classic import PeronaMalik
from anisodiff.methods.diffusion.p1 import P1, gradient_norm
from anisodiff.methods.diffusion.scheme import Diffusion
from anisodiff.methods.restorer import Restorer
from anisodiff.metrics import distortion, structure
from anisodiff.metrics import edginess as laws
from anisodiff.metrics.statistics import regression
from anisodiff.problems import problem
from anisodiff.reports import comparison, edginess, p1_diffusivities

GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.uniform(0, 255, (24, 24)).astype(np.float32)


def restorer(diffusivity, **scheme):
    torch.manual_seed(0)
    method = Denoising(Diffusion(diffusivity, **scheme).eval().requires_grad_(False))
    return Restorer("some model", method, problem("gaussian", 25))


# Edginess


def test_the_edginess_is_the_mean_of_the_variation():
    assert laws.variation(IMAGE).mean() == pytest.approx(structure.edginess(IMAGE))


def test_pairs_are_counted():
    assert laws.pairs_per_pixel((2, 3)) == 7 / 6


@pytest.mark.parametrize("sigma", [5.0, 50.0])
def test_gaussian_bounds_hold_the_expectation(sigma):
    e, pairs = structure.edginess(IMAGE), laws.pairs_per_pixel(IMAGE.shape)
    low, high = laws.gaussian_bounds(e, sigma, pairs)
    assert low <= structure.expected_edginess(IMAGE, "gaussian", sigma) <= high


def test_salt_and_pepper_needs_the_clean_edginess_alone():
    e, pairs = structure.edginess(IMAGE), laws.pairs_per_pixel(IMAGE.shape)
    expected = structure.expected_edginess(IMAGE, "salt-pepper", 0.2)
    assert laws.after_salt_pepper(e, 0.2, pairs) == pytest.approx(expected)


def test_the_estimate_of_a_hole_is_the_mean_over_the_rectangles_of_a_flat_image():
    """No texture is lost, and the outline's gain is its perimeter but for what lies on the image's border."""
    flat, area, rng = np.full((64, 64), 100.0), 0.1, np.random.default_rng(0)
    estimate = laws.predicted(flat, "inpainting", area)
    hole = problem("inpainting", area)
    drawn = [structure.edginess(hole.measure(flat, rng).y.numpy()) for _ in range(300)]
    assert 0.7 * estimate < np.mean(drawn) < estimate


def test_the_hardest_step_is_where_the_claim_is_weakest():
    index = pd.MultiIndex.from_product(
        [["blur"], [1.0, 2.0], ["a", "b"]], names=["degradation", "level", "image"]
    )
    table = pd.DataFrame({"clean": [10.0] * 4, "degraded": [5.0, 5.0, 4.0, 4.5]}, index)
    assert edginess.hardest_step(table, "blur", falls=True) == pytest.approx([0.8, 0.9])
    assert edginess.hardest_step(table, "blur") == pytest.approx([0.5, 0.5])


# Statistics


def test_regression_finds_the_line_and_what_levels_confound():
    x = GENERATOR.normal(size=(40, 3))
    shift = np.array([0.0, 10.0, 20.0])
    y = 2 * x + 0.01 * GENERATOR.normal(size=x.shape)
    within = regression(x + shift, y - 5 * shift, within=True)
    assert within.slope[0] == pytest.approx(2, abs=0.01)
    assert within.slope[1] < within.slope[0] < within.slope[2]
    assert within.correlation[0] > 0.99
    assert regression(x + shift, y - 5 * shift).slope[0] < 0


def test_psnr_as_scored_ignores_what_clipping_takes():
    clean = np.full((8, 8), 250.0)
    once, again = (distortion.clipped_psnr(np.full((8, 8), gray), clean) for gray in (255, 300))
    assert once == again == distortion.psnr(np.full((8, 8), 255.0), clean)


# Recorded scores


def test_a_constant_g_stands_for_a_classic_that_does_not_diffuse(monkeypatch):
    assert p1_diffusivities.plain_spread("gaussian") == p1_diffusivities.records.gain(
        "perona-malik", "learned-lambda", "g-spread"
    )
    mean, low, high = p1_diffusivities.plain_spread("blur")
    theirs = p1_diffusivities.records.mean("learned-lambda", "g-spread", "blur")
    assert (-mean, -high, -low) == theirs and low <= mean <= high


def test_growth_is_the_gain_at_the_ends(monkeypatch):
    def by_image(model, kind, level):
        return pd.Series([20.0, 21.0]) + (level / 10 if model == "better" else 0)

    monkeypatch.setattr(comparison.records, "by_image", by_image)
    levels = comparison.PROBLEMS["gaussian"].levels
    expected = (levels[-1] - levels[0]) / 10
    assert comparison.growth("better", "other") == pytest.approx((expected,) * 3)


# Diffusions


def test_a_trajectory_leads_from_the_degraded_to_the_restored_image():
    model = restorer(PeronaMalik(), steps=3, tau=0.2)
    states = evolution.states(model, IMAGE)
    assert len(states) == 4
    np.testing.assert_array_equal(states[0], IMAGE)
    np.testing.assert_allclose(states[-1], model.restore(IMAGE), atol=1e-3)
    longer = evolution.states(model, IMAGE, steps=5)
    np.testing.assert_array_equal(longer[3], states[3])
    assert len(longer) == 6


def test_a_diffusion_with_parameters_for_each_step_has_no_longer_trajectory():
    with pytest.raises(ValueError, match="for 3 steps"):
        evolution.states(restorer(PeronaMalik(), steps=3, data=True), IMAGE, steps=5)


def test_nodal_functions_are_those_of_the_diffusivity():
    diffusivity = P1(intervals=4)
    torch.nn.init.normal_(diffusivity.network.last.weight)
    model = restorer(diffusivity, steps=2)
    nodes, values = p1_diffusivities.nodal_functions(model, IMAGE)
    assert nodes.shape == (5,) and values.shape == (5, *IMAGE.shape)
    at = gradient_norm(torch.from_numpy(IMAGE)[None, None])[0, 0].numpy()
    g = model.coefficient(IMAGE)
    for row, column in [(3, 4), (20, 11)]:
        expected = np.interp(at[row, column], nodes, values[:, row, column])
        assert g[row, column] == pytest.approx(expected, abs=1e-4)


def test_rising_functions_are_counted():
    values = np.array([[1.0, 1.0], [0.5, 0.5], [0.5, 0.6]])[:, None]
    assert p1_diffusivities.share_rising(values) == 0.5


def test_the_hole_and_the_overshoot():
    clean = np.full((4, 4), 50.0)
    degraded = clean.copy()
    degraded[1:3, 1:3] = 0
    g = np.where(degraded == 0, -0.8, 0.3)
    assert p1_diffusivities.contrast_of_hole(g, degraded, clean) == pytest.approx(0.5)
    assert p1_diffusivities.overshoot(degraded, degraded) == 0
    assert p1_diffusivities.overshoot(degraded - 3, degraded) == 3


def test_partitions_of_the_study():
    counts = p1_diffusivities.partitions()
    assert counts == sorted(counts)
    names = [p1_diffusivities.with_intervals(count) for count in counts]
    assert names[counts.index(8)] == "p1" and names[0] == "p1-intervals-2"
