"""What restores without being a diffusion, and LPIPS."""

import sys

import numpy as np
import pytest
import torch
from torch import nn

from anisodiff.data import collections
from anisodiff.methods.denoisers.classical import METHODS, Classical
from anisodiff.methods.denoisers.cncl import CNCL
from anisodiff.methods.denoisers.dncnn import DnCNN
from anisodiff.methods.denoisers.unet import ResidualUNet
from anisodiff.metrics import distortion, perceptual
from anisodiff.study import catalogue, runs
from anisodiff.training import loop

NETWORKS = [lambda: ResidualUNet(4, 3), lambda: DnCNN(4, 6), lambda: CNCL(2, 3)]


def photograph(side=96):
    return collections.centre_crop(collections.load("shipped/test")[2].pixels, side)


def noisy(clean, level=25):
    return clean + np.random.default_rng(0).normal(0, level, clean.shape).astype(np.float32)


@pytest.mark.parametrize("method", METHODS)
def test_a_classical_denoiser_denoises_and_keeps_shape_type_and_an_even_image(method):
    clean = photograph()
    module = Classical(method, 17.5 if method in ("nlm", "tv") else 25.0, 25.0)
    f = torch.from_numpy(noisy(clean))[None, None]
    restored = module(f)
    assert restored.shape == f.shape and restored.dtype == torch.float32
    assert (
        distortion.psnr(restored[0, 0].numpy(), clean) > distortion.psnr(f[0, 0].numpy(), clean) + 4
    )
    even = torch.full((1, 1, 40, 33), 90.0)
    assert torch.allclose(module(even), even, atol=0.1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (2, 1, 2, 7), (1, 1, 9, 40)])
def test_a_classical_denoiser_takes_any_size(method, shape):
    u = Classical(method, 20.0, 25.0)(torch.rand(shape) * 255)
    assert u.shape == shape and torch.isfinite(u).all()


@pytest.mark.parametrize(
    ("method", "module", "package"), [("bm3d", "bm3d", "bm3d"), ("wavelet", "pywt", "pywavelets")]
)
def test_a_missing_package_is_named(method, module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"pip install {package}"):
        Classical(method, 20.0, 25.0)(torch.zeros(1, 1, 20, 20))


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (2, 1, 37, 21)])
def test_a_network_takes_any_size(network, shape):
    u = network().eval()(torch.rand(shape) * 255)
    assert u.shape == shape and torch.isfinite(u).all()


def test_cncl_as_published_has_the_parameters_of_its_authors_code():
    assert sum(parameter.numel() for parameter in CNCL().parameters()) == 43_825_029


def test_generator_and_discriminator_each_learn_from_their_own_loss():
    torch.manual_seed(0)
    module, clean = CNCL(2, 3), torch.rand(2, 1, 32, 32) * 255
    discriminator, f = module.discriminator(), clean + 20 * torch.randn(2, 1, 32, 32)
    learning = nn.ModuleList([module, discriminator])

    def gradients(loss):
        learning.zero_grad()
        loss.backward()
        return [
            [None if one.grad is None else one.grad.clone() for one in part.parameters()]
            for part in learning
        ]

    generators, nothing = gradients(module.generator_loss(discriminator, f, clean))
    assert all(gradient is None for gradient in nothing)
    assert all(one.abs().sum() > 0 for one in generators if one.ndim > 1)
    nothing, discriminators = gradients(module.discriminator_loss(discriminator, f, clean))
    assert all(gradient is None for gradient in nothing)
    assert all(one.abs().sum() > 0 for one in discriminators if one.ndim > 1)
    both = gradients(sum(module.losses(discriminator, f, clean)))
    for gradient, alone in zip([*both[0], *both[1]], [*generators, *discriminators], strict=True):
        assert torch.equal(gradient, alone)

    # The losses in plain words.
    degraded, true = f / 255, torch.cat([clean, f - clean], 1) / 255
    made = module.both(degraded)
    real, fake = (discriminator(torch.cat([pair, degraded], 1)) for pair in (true, made))
    expected = (
        100 * (made - true).abs().mean() + ((fake - 1) ** 2).mean(),
        ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2,
    )
    for loss, by_hand in zip(module.losses(discriminator, f, clean), expected, strict=True):
        assert loss.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_the_loop_trains_against_a_discriminator_and_leaves_it_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(loop.provenance, "ROOT", tmp_path)
    monkeypatch.setitem(
        models.MODELS, "cncl-tiny", models.Entry("", CNCL, {"filters": 2, "scales": 3})
    )
    budget = {"steps": 8, "batch": 2, "crop": 32, "rate": 0.002, "every": 4, "validation": 2}
    monkeypatch.setitem(
        catalogue.study()["models"], "cncl-tiny", {"grid": {"gaussian": [25]}, "train": budget}
    )
    experiment = runs.Run("cncl-tiny", "gaussian", 25, "smoke")
    module, facts = loop.train(experiment)
    assert facts["build"] == {"filters": 2, "scales": 3}
    assert facts["validation_psnr"] > facts["curve"][0][2]
    assert set(module.state_dict()) == set(CNCL(2, 3).state_dict())


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


@pytest.mark.parametrize(("level", "published"), [(15, 0.33), (25, 0.55), (50, 0.87)])
def test_lpips_of_the_inputs_is_the_published_one(level, published):
    try:
        collections.file(perceptual.WEIGHTS)
        photographs = collections.load("bsds500/val")[::5]
    except collections.MissingCollection as missing:
        pytest.skip(str(missing))
    values = []
    for one in photographs:
        clean = collections.centre_crop(one.pixels, 256)
        values.append(perceptual.lpips(np.clip(noisy(clean, level), 0, 255), clean))
    assert np.mean(values) == pytest.approx(published, abs=0.03)


SIZES = {"30k": 30e3, "200k": 200e3, "1m": 1e6}


@pytest.mark.parametrize(
    "name", [name for name in catalogue.names() if name.endswith(tuple(SIZES))]
)
def test_a_name_with_a_size_keeps_it(name):
    entry = catalogue.entry(name)
    parameters = sum(
        parameter.numel() for parameter in entry.build(**entry.arguments(25)).parameters()
    )
    assert parameters == pytest.approx(SIZES[name.rsplit("-", 1)[1]], rel=0.1)
