"""What the page on the DCT denoiser reports: posteriors on a grid, thresholds and their gradients, patches, counts."""

import numpy as np
import pandas as pd
import pytest
from family import photograph

from anisodiff.reports import dct, thresholds

SIGMA = 25.0
CLEAN = photograph(40).copy()
NOISY = (CLEAN + np.random.default_rng(0).normal(0, SIGMA, CLEAN.shape)).astype(np.float32)
Y = np.array([-3.0, -0.5, 1.0, 4.0])


def test_the_posterior_on_a_grid_meets_drawn_pairs_and_its_mode_is_the_soft_threshold():
    found = thresholds.posteriors(Y, 1.2)
    drawn = thresholds.drawn_mean(Y, 1.2)
    assert np.abs(thresholds.mean(found["Bayes' rule"]) - drawn).max() < 0.05
    assert thresholds.mean(found["without the prior"]) == pytest.approx(Y, abs=1e-6)
    assert (np.sign(Y) * (thresholds.mean(found["divided by the prior"]) - Y) > 0.5).all()
    costs = thresholds.costs(Y, 1.2)
    soft = thresholds.soft_of(Y, 1.44)
    assert thresholds.lowest(costs["corrected"]) == pytest.approx(soft, abs=0.005)
    assert (np.abs(thresholds.lowest(costs["as printed"])) == 12).all()
    assert thresholds.descent(Y, 1.2, 300) == pytest.approx(soft, abs=1e-4)
    assert max(thresholds.slope_error("corrected", Y, 1.2).values()) < 1e-6


def test_gradients_are_those_of_differences_but_for_a_hard_threshold_at_its_jump():
    x = np.linspace(-6, 6, 41)
    for kind in thresholds.FUNCTIONS:
        given = (kind, "input", x, 2.41, 0.5)
        assert thresholds.gradient(*given) == pytest.approx(thresholds.differences(*given), 1e-4)
    assert not thresholds.gradient("hard", "threshold", x, 2.41, 0.5).any()
    assert np.abs(thresholds.differences("hard", "threshold", np.array([2.4]), 2.4, 1)) > 1e4


def test_a_straight_through_threshold_is_raised_and_not_lowered():
    up, down = (thresholds.learn("straight", start, steps=30)[-1] for start in (1.5, 3.5))
    assert up > 1.8 and down == 3.5
    assert thresholds.learn("hard", 1.5, steps=5).tolist() == [1.5] * 6


def test_the_best_of_a_curve_is_the_top_of_a_parabola():
    x = np.arange(5) / 2
    assert dct.best(pd.Series(7 - (x - 1.1) ** 2, x)) == pytest.approx((1.1, 7))
    assert dct.best(pd.Series(x, x)) == (2, 2)


@pytest.mark.parametrize("shift", [0, 3])
def test_blocks_show_their_grid_where_it_is_and_a_mean_of_shifts_does_not(shift):
    blocks = dct.in_blocks(NOISY, 2.7, SIGMA, 8, shift)
    assert blocks.shape == NOISY.shape
    assert dct.in_blocks(NOISY, 0, SIGMA, 8, shift) == pytest.approx(NOISY, abs=1e-3)
    own, other = (dct.blockiness(blocks, CLEAN, 8, at) for at in (shift, shift + 4))
    assert own > 1.15 > other
    every = dct.restore(dct.denoiser(8, 2.7), NOISY, SIGMA)
    assert dct.blockiness(every, CLEAN, 8, shift) < 1.15
    assert dct.by_patches(NOISY, 2.7, SIGMA, 8) == pytest.approx(every, abs=1e-3)


def test_parseval_holds_in_patches_and_not_for_their_mean():
    found = dct.patch_errors(CLEAN, NOISY, 2.7, SIGMA, 8)
    assert found["pixels"] == pytest.approx(found["frequencies"], rel=1e-4)
    assert found["image"] < 0.8 * found["pixels"] and found["unnormalised"] > 10 * found["pixels"]


def test_the_transform_by_convolution_and_back():
    assert dct.convolved(CLEAN, 4) == pytest.approx(dct.coefficients(CLEAN, 4), abs=1e-2)
    assert np.abs(dct.convolved(CLEAN, 4, flipped=True) - dct.coefficients(CLEAN, 4)).max() > 10
    assert dct.returned(CLEAN, 4) == pytest.approx(CLEAN, abs=1e-2)
    assert np.abs(dct.returned(CLEAN, 4, kernels=15) - CLEAN).max() > 0.1
    held = dct.proposals((9, 9), 4)
    assert (held[0, 0], held[4, 4]) == (1, 16)


def test_which_density_is_the_more_likely():
    rng = np.random.default_rng(0)
    for draw, sign in ((rng.laplace, 1), (rng.normal, -1)):
        likelier, excess = dct.nats(draw(size=20_000))
        assert sign * likelier > 0.02 and abs(excess - (3 if sign > 0 else 0)) < 0.6
    facts = dct.statistics(CLEAN, 4)
    assert facts.off["gray levels"] > facts.off["coefficients"]


def test_operations_are_counted_as_they_run():
    found = dct.counted(4, side=20)
    assert found == {
        "transform": 4**4,
        "inverse": 4**4,
        "apart": 4 * 4**3,
        "thresholds": 4**2,
        "divisions": 1,
    }
