"""Measures of images and intervals of means, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from anisodiff.metrics import distortion, statistics, structure
from anisodiff.metrics.ellipticity import ellipticity, turning_point


def test_psnr_of_a_known_error():
    clean = np.full((8, 8), 100, np.float32)
    assert distortion.psnr(clean + 5, clean) == pytest.approx(
        10 * math.log10(255**2 / 25), abs=1e-9
    )
    uneven = clean.copy()
    uneven[0, 0] += 8  # 64 over 64 pixels: a mean square of one
    assert distortion.psnr(uneven, clean) == pytest.approx(20 * math.log10(255), abs=1e-6)


def test_ssim_of_a_shift_of_a_constant():
    clean = np.full((32, 32), 100, np.float32)
    assert distortion.ssim(clean, clean) == pytest.approx(1)
    constant = (0.01 * 255) ** 2
    by_hand = (2 * 100 * 120 + constant) / (
        100**2 + 120**2 + constant
    )  # no variance: the luminance term alone
    assert distortion.ssim(clean + 20, clean) == pytest.approx(by_hand, abs=1e-5)


def test_edginess_of_a_step_and_of_a_point():
    step = np.zeros((4, 6), np.float32)
    step[:, 3:] = 60
    assert structure.edginess(step) == pytest.approx(60 * 4 / 24)
    assert structure.edginess(step.T.copy()) == pytest.approx(60 * 4 / 24)
    point = np.zeros((5, 5), np.float32)
    point[2, 2] = 10
    assert structure.edginess(point) == pytest.approx(4 * 10 / 25)


def test_the_mean_lies_in_its_interval():
    values = np.random.default_rng(0).normal(27, 3, 100)
    mean, low, high = statistics.mean_interval(values)
    assert mean == pytest.approx(values.mean())
    assert (high - low) == pytest.approx(2 * 1.96 * values.std() / 10, rel=0.1)
    assert low < mean < high
    assert statistics.mean_interval([5.0]) == (5, 5, 5)


def test_paired_intervals_want_the_same_images():
    keys = {"degradation": "gaussian", "level": 25, "collection": "set12", "crop": 64, "seed": 0}
    values = {"image": list("abcde"), "metric": "psnr", "value": [20.0, 22, 30, 25, 21]}
    first = pd.DataFrame(keys | values)
    higher = first.assign(value=first.value + 1).sample(frac=1, random_state=0)  # in another order
    assert statistics.paired_interval(higher, first) == pytest.approx((1, 1, 1))
    with pytest.raises(ValueError, match="different images: 5 and 4 rows, 4 in common"):
        statistics.paired_interval(first, first[1:])
    with pytest.raises(ValueError, match="different images: 5 and 5 rows, 0 in common"):
        statistics.paired_interval(first, first.assign(level=15))


# Ellipticity


X = np.linspace(0, 10, 4001)


def test_the_ellipticity_of_the_classic_is_known():
    lambda_ = 2.0
    g = 1 / (1 + (X / lambda_) ** 2)
    expected = (1 - (X / lambda_) ** 2) / (1 + (X / lambda_) ** 2) ** 2
    np.testing.assert_allclose(ellipticity(X, g)[1:-1], expected[1:-1], atol=1e-5)
    anisotropic, at = turning_point(X, g, negligible=1e-4)
    assert anisotropic and at == pytest.approx(lambda_, abs=0.01)


def test_what_never_turns_is_anisotropic_and_what_turns_back_is_not():
    assert turning_point(X, np.full_like(X, 0.3)) == (True, np.inf)
    assert turning_point(X, np.exp(-X / 100)) == (True, np.inf)
    back, at = turning_point(X, np.exp(-(X**2)) + 0.1)
    assert not back and 0.5 < at < 1.5
    assert turning_point(X, np.exp(-(X**2)) + 0.001)[0], "a tail that is all but nothing"
    assert not turning_point(X, np.exp(-(X**2)) + 0.001, negligible=1e-4)[0]


def test_x_begins_at_zero_and_ascends():
    for x in (X[1:], X[::-1]):
        with pytest.raises(ValueError, match="x must begin at 0 and ascend"):
            turning_point(x, np.ones_like(x))
