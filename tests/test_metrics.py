"""Measures of images and intervals of means, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from anisodiff.metrics import distortion, statistics, structure


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
