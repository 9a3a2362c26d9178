"""What the five problems of the study do to an image, by their formulas."""

import math

import numpy as np
import pytest

from anisodiff.data import collections
from anisodiff.metrics.distortion import psnr
from anisodiff.problems import problem, seeded
from anisodiff.study import catalogue

GRAY = np.full((400, 500), 100.0)


def drawn(kind, level, clean=GRAY, seed=1):
    return problem(kind, level).measure(clean, np.random.default_rng(seed)).y.double().numpy()


def test_gaussian_has_its_mean_and_deviation_and_is_not_clipped():
    y = drawn("gaussian", 25)
    assert y.mean() == pytest.approx(100, abs=4 * 25 / math.sqrt(y.size))
    assert y.std() == pytest.approx(25, rel=0.01)
    assert drawn("gaussian", 50, 0 * GRAY).min() < 0


def test_poisson_counts_with_variance_gain_times_mean():
    for gain in (0.5, 5.5):
        y = drawn("poisson", gain)
        assert y.mean() == pytest.approx(100, rel=0.005)
        assert y.var() == pytest.approx(gain * 100, rel=0.02)
        np.testing.assert_allclose(y / gain, np.rint(y / gain), atol=1e-4)


def test_salt_and_pepper_replace_their_fraction_alike():
    y = drawn("salt-pepper", 0.2)
    assert set(np.unique(y)) == {0, 100, 255}
    assert (y == 0).mean() == pytest.approx(0.1, abs=0.004)
    assert (y == 255).mean() == pytest.approx(0.1, abs=0.004)


def test_blur_spreads_a_point_by_its_variance():
    point = np.zeros((65, 65))
    point[32, 32] = 255
    y, squares = drawn("blur", 4, point), (np.arange(65) - 32) ** 2
    assert y.sum() == pytest.approx(255, rel=1e-5)
    assert (y.sum(0) @ squares) / 255 == pytest.approx(4, rel=0.01)
    assert (y.sum(1) @ squares) / 255 == pytest.approx(4, rel=0.01)
    np.testing.assert_allclose(drawn("blur", 4), GRAY, rtol=1e-6)


def test_inpainting_erases_one_rectangle_of_its_area():
    for fraction in (0.05, 0.5, 1):
        for seed in range(20):
            erased = drawn("inpainting", fraction, seed=seed) == 0
            rows, columns = np.flatnonzero(erased.any(1)), np.flatnonzero(erased.any(0))
            assert erased[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
            assert erased.sum() == (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
            assert erased.mean() == pytest.approx(fraction, rel=0.05)


def test_seed_collection_image_and_level_each_give_other_noise():
    def first(seed=0, collection="set12", image="01", level=25):
        return seeded(seed, collection, image, problem("gaussian", level)).random()

    others = [first(seed=1), first(collection="bsd68"), first(image="02"), first(level=15)]
    assert len({first(), *others}) == 5


def test_a_higher_level_does_more_harm():
    clean = collections.load("shipped/test")[0].pixels[:256, :256]
    for name, kind in catalogue.problems().items():
        assert list(kind.levels) == sorted(kind.levels)
        scores = [psnr(drawn(name, level, clean, seed=0), clean) for level in kind.levels]
        if name == "inpainting":  # where the rectangle falls matters too
            assert scores[0] == max(scores)
        else:
            assert scores == sorted(scores, reverse=True), name
