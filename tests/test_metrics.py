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


def test_images_of_one_cluster_count_as_one():
    """Five squares of each of a hundred photographs: what differs between photographs counts a hundred times."""
    rng = np.random.default_rng(0)
    photograph = np.repeat(np.arange(100), 5)
    values = rng.normal(0, 2, 100)[photograph] + rng.normal(0, 0.5, 500)
    _, low, high = statistics.mean_interval(values, photograph)
    _, narrow_low, narrow_high = statistics.mean_interval(values)
    assert (high - low) / (narrow_high - narrow_low) == pytest.approx(5**0.5, rel=0.15)
    shuffled = rng.permutation(500)
    again = statistics.mean_interval(values[shuffled], photograph[shuffled])
    assert again[2] - again[1] == pytest.approx(high - low, rel=0.1)
    error, freedom = statistics.standard_error(values, photograph)
    assert freedom == 99 and (high - low) / 2 == pytest.approx(1.96 * error, rel=0.1)
    with pytest.raises(ValueError, match="499 clusters are given for 500 values"):
        statistics.mean_interval(values, photograph[1:])


def test_few_clusters_have_the_interval_of_student():
    """Twenty slices of one person and two of two others are three, of which little can be said."""
    slices = np.r_[np.full(20, 30.0), 31.0, 35.0]
    mean, low, high = statistics.mean_interval(slices, ["a"] * 20 + ["b", "c"])
    error, freedom = statistics.standard_error(slices, ["a"] * 20 + ["b", "c"])
    assert freedom == 2 and high - mean == pytest.approx(4.303 * error, rel=1e-3)
    assert low < 30 < high
    by_hand = np.std([1, 2, 4], ddof=1) / 3**0.5
    assert statistics.standard_error([1.0, 2, 4]) == (pytest.approx(by_hand), 2)


def test_the_interval_covers_the_mean_as_often_as_it_says():
    rng, hit = np.random.default_rng(1), 0
    for _ in range(300):
        photograph = np.repeat(np.arange(30), 4)
        values = rng.normal(0, 1, 30)[photograph] + rng.normal(0, 1, 120)
        _, low, high = statistics.mean_interval(values, photograph, draws=400)
        hit += low < 0 < high
    assert 0.90 < hit / 300 < 0.98


def test_many_comparisons_are_corrected_for():
    assert statistics.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert statistics.holm([0.5, 0.9]) == pytest.approx([1, 1])
    p = statistics.p_value([0.0, 1.96, -1.96, 1.0], [1.0, 1.0, 1.0, 0.0], 10**6)
    assert p == pytest.approx([1, 0.05, 0.05, 0], abs=1e-4)
    rng = np.random.default_rng(0)
    false = [
        (statistics.holm(statistics.p_value(rng.normal(size=40), 1, 10**6)) < 0.05).any()
        for _ in range(400)
    ]
    assert np.mean(false) < 0.09, "without the correction nearly all would have one"


def test_paired_intervals_want_the_same_images():
    keys = {"degradation": "gaussian", "level": 25, "collection": "set12", "crop": 64, "seed": 0}
    values = {
        "image": ["01", "02", "03", "04", "05"],
        "metric": "psnr",
        "value": [20.0, 22, 30, 25, 21],
    }
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
