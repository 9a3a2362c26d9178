"""How far sets of images are from each other, the classifier whose features tell it, and what a page makes of it."""

import numpy as np
import pandas as pd
import pytest
import torch

from anisodiff.metrics import generative
from anisodiff.reports import langevin
from anisodiff.training import classes


def rng():
    return np.random.default_rng(0)


def test_frechets_distance_is_that_of_two_gaussians():
    first = rng().normal(0, 1, (200_000, 2))
    second = first * [2, 1] + [3, 4]
    assert generative.frechet(first, second) == pytest.approx(3**2 + 4**2 + (2 - 1) ** 2, rel=0.01)
    assert generative.frechet(first, first) == pytest.approx(0, abs=1e-9)
    turned = first * [1, 3] @ np.array([[0.6, 0.8], [-0.8, 0.6]])  # covariances that do not commute
    again = np.cov(turned.T)
    values, vectors = np.linalg.eigh(again)
    root = vectors * np.sqrt(values) @ vectors.T
    expected = np.trace(np.eye(2) + again - 2 * root)  # of the identity and C: tr(I + C - 2 C^1/2)
    assert generative.frechet(first, turned) == pytest.approx(expected, rel=0.02)


def test_a_set_of_one_image_has_no_distance():
    with pytest.raises(ValueError, match="two images at least in each set, got 1 and 3"):
        generative.frechet(np.zeros((1, 2)), np.zeros((3, 2)))


def test_components_keep_what_varies_most():
    images, varied = np.zeros((500, 4, 4)), rng().normal(0, [51, 25.5, 5], (500, 3))
    images[:, 0, 0], images[:, 1, 2], images[:, 3, 3] = varied.T
    found = generative.components(images, 2)(images)
    assert found.shape == (500, 2)
    assert abs(np.corrcoef(found[:, 0], images[:, 0, 0])[0, 1]) > 0.98
    assert found.std(0)[0] > found.std(0)[1] > 0.05


def test_entropy_is_that_of_the_shares():
    assert generative.entropy(np.arange(10).repeat(7)) == pytest.approx(1)
    assert generative.entropy(np.zeros(9, int)) == 0
    assert generative.entropy(np.array([0, 1, 0, 1])) == pytest.approx(np.log(2) / np.log(10))


def test_the_nearest_image_is_found_with_its_distance():
    among = rng().uniform(0, 255, (20, 5, 5))
    noise = rng().normal(0, 3, (3, 5, 5))
    which, apart = generative.nearest(among[[4, 11, 0]] + noise, among)
    assert which.tolist() == [4, 11, 0]
    np.testing.assert_allclose(apart, np.sqrt((noise**2).mean((1, 2))))


def test_the_slope_is_that_of_the_spectrum():
    white = rng().normal(0, 20, (300, 64, 64))
    at = np.fft.fftfreq(64, 1 / 64)
    radius = np.maximum(np.hypot(at[:, None], at), 1)
    falling = np.fft.ifft2(np.fft.fft2(white) / radius).real  # power over the frequency squared
    assert generative.slope(white) == pytest.approx(0, abs=0.05)
    assert generative.slope(falling) == pytest.approx(-2, abs=0.1)


def test_kurtosis_tells_edges_from_noise():
    steps = np.repeat(rng().normal(128, 30, (50, 32, 4)), 8, axis=2)
    assert generative.kurtosis(rng().normal(0, 9, (50, 32, 32))) == pytest.approx(3, abs=0.1)
    assert generative.kurtosis(steps) > 20


def test_a_classifier_learns_what_can_be_told_and_the_same_again():
    labels = np.arange(320) % 10
    images = rng().normal(60, 5, (320, 32, 32)).clip(0, 255)
    for at, label in enumerate(labels):
        images[at, 3 * label : 3 * label + 3] = 220
    images = images.astype(np.uint8)
    network, again = (classes.train(images, labels, epochs=4, batch=32) for _ in range(2))
    features, odds = classes.told(network, images)
    assert (odds.argmax(1) == labels).mean() > 0.9
    assert features.shape == (320, classes.FEATURES) and odds.sum(1) == pytest.approx(1)
    assert all(map(torch.equal, network.state_dict().values(), again.state_dict().values()))


def test_the_control_has_the_mean_and_the_covariance_of_the_images_and_nothing_else():
    images = (
        128 + 30 * np.sign(rng().standard_normal((4000, 1, 1))) + rng().normal(0, 2, (4000, 3, 3))
    )
    found = langevin.gaussian(images, 4000)
    flat, drawn = images.reshape(4000, -1), found.reshape(4000, -1)
    np.testing.assert_allclose(drawn.mean(0), flat.mean(0), atol=2)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(flat.T), rtol=0.1)
    assert (np.abs(flat - 128) < 15).mean() < 0.01 < (np.abs(drawn - 128) < 15).mean()


def test_the_setting_whose_images_are_nearest_is_taken_for_each_subject():
    rows = [("a", "annealed", 1.0, 3), ("a", "annealed", 1.06, 2), ("b", "annealed", 1.0, 1)]
    tried = pd.DataFrame(rows, columns=["subject", "way", "value", "frechet"])
    assert langevin.best(tried, "a", "annealed") == {"told": 1.06}
    assert langevin.best(tried, "b", "annealed") == {"told": 1.0}


def test_a_step_of_the_denoiser_runs_along_the_score_where_its_noise_is_weak():
    assert langevin.along(4.0, 200) > 0.99 > 0.9 > langevin.along(64.0, 200)
    assert langevin.climbing(0, 20, 50) == 1 > langevin.climbing(1, 20, 50)
