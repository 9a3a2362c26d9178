"""LPIPS, with made-up weights and, where they are at hand, the published ones."""

import numpy as np
import pytest
import torch

from anisodiff.data import collections, registry
from anisodiff.metrics import perceptual


def photograph(side=96):
    return collections.centre_crop(collections.load("shipped/test")[2].pixels, side)


def noisy(clean, level=25):
    return clean + np.random.default_rng(0).normal(0, level, clean.shape).astype(np.float32)


@pytest.fixture
def made_up(monkeypatch):
    """Weights that anybody can make, for what holds whatever they are: only the first layer tells images apart."""
    drawn, shapes = (
        torch.Generator().manual_seed(0),
        [(64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3)],
    )
    weights = {}
    for number, ((layer, _, _), (filters, inputs, size)) in enumerate(
        zip(perceptual.LAYERS, shapes, strict=True)
    ):
        scale = (2 / (inputs * size * size)) ** 0.5
        weights[f"features.{layer}.weight"] = scale * torch.randn(
            filters, inputs, size, size, generator=drawn
        )
        weights[f"features.{layer}.bias"] = torch.zeros(filters)
        weights[f"lin{number}.weight"] = torch.rand(1, filters, 1, 1, generator=drawn)
    monkeypatch.setattr(perceptual, "_weights", lambda: weights)
    return weights


@pytest.mark.usefixtures("made_up")
def test_lpips_is_zero_for_equal_images_symmetric_and_grows_with_the_noise():
    clean = photograph(64)
    assert perceptual.lpips(clean, clean) == 0
    far = [perceptual.lpips(noisy(clean, level), clean) for level in (5, 15, 50)]
    assert far == sorted(far) and far[0] > 0
    assert perceptual.lpips(clean, noisy(clean)) == pytest.approx(
        perceptual.lpips(noisy(clean), clean)
    )


def test_lpips_of_two_even_images_by_hand(made_up):
    # Features of the first layer: (1, 0) of the dark image, (0, 1) of the bright one, at each pixel; none further on.
    for name, value in made_up.items():
        value.zero_() if name.startswith("features") else value.fill_(0.25)
    first = made_up["features.0.weight"]
    first[0, 0, 5, 5], first[1, 0, 5, 5] = (
        -1,
        1,
    )  # in the middle, where nothing is beyond the border
    assert perceptual.lpips(np.zeros((64, 64)), np.full((64, 64), 255.0)) == pytest.approx(
        0.25 * (1 + 1)
    )
    assert perceptual.lpips(np.zeros((64, 64)), np.full((64, 64), 10.0)) == 0  # the same direction


def test_lpips_names_an_image_that_is_too_small():
    with pytest.raises(ValueError, match=r"at least 31 pixels a side, got \(30, 64\)"):
        perceptual.lpips(np.zeros((30, 64)), np.zeros((30, 64)))


def test_lpips_of_the_inputs_is_the_published_one():
    try:
        collections.file(perceptual.WEIGHTS)
        photographs = collections.load("bsds500/val")[::5]
    except registry.MissingCollection as missing:
        pytest.skip(str(missing))
    values = []
    for one in photographs:
        clean = collections.centre_crop(one.pixels, 256)
        values.append(perceptual.lpips(np.clip(noisy(clean, 25), 0, 255), clean))
    assert np.mean(values) == pytest.approx(0.55, abs=0.03)
