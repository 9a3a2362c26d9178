"""What restores without being a diffusivity: one suite for all denoisers, then what each is by its formula."""

import sys

import numpy as np
import pytest
import torch
from family import DENOISERS, SIGMA, declared, noise, photograph, restorer
from torch import nn

from anisodiff import borders, methods
from anisodiff.data import collections
from anisodiff.methods.base import Denoiser, Denoising
from anisodiff.methods.denoisers.classical import METHODS, Classical
from anisodiff.methods.denoisers.cncl import CNCL
from anisodiff.methods.denoisers.released import ReleasedPeronaMalik
from anisodiff.methods.gaussian_mixture import GaussianMixture
from anisodiff.methods.gaussian_prior import GaussianPrior
from anisodiff.metrics import distortion
from anisodiff.problems import PROBLEMS, problem
from anisodiff.study import catalogue
from anisodiff.training import loop
from anisodiff.training.adversarial import Adversarial
from anisodiff.training.batches import Batches, Problems

KEEP_A_CONSTANT = {"identity", "median", "released", *METHODS, "diffusion"}
ANY_SIZE = [(1, 1), (1, 9), (2, 7), (37, 21)]
ROUNDING = 1e-3  # gray levels: bm3d's sums come in any order

every = pytest.mark.parametrize("name", DENOISERS)


def noisy(clean, level=25):
    return clean + np.random.default_rng(0).normal(0, level, clean.shape).astype(np.float32)


def test_every_denoiser_of_the_library_is_a_member():
    found = declared(Denoiser, methods) | declared(Denoiser, borders)
    # Two more are for images of one size; they are tested with what they know.
    exact = {GaussianPrior, GaussianMixture}
    assert found == {type(make()) for make in DENOISERS.values()} | exact


@every
def test_a_denoiser_takes_any_size(name):
    denoiser = DENOISERS[name]()
    for shape in ANY_SIZE[2:] if name == "released" else ANY_SIZE:
        f = noise(2, 1, *shape, dtype=torch.float32)
        before = f.clone()
        with torch.inference_mode():
            u = denoiser(f, SIGMA)
        assert u.shape == f.shape and u.dtype == torch.float32
        assert torch.isfinite(u).all() and torch.equal(f, before)


@every
def test_a_batch_is_restored_as_its_images_one_by_one(name):
    denoiser, f = DENOISERS[name](), noise(2, 1, 23, 18, dtype=torch.float32)
    f[1] *= 0.2
    with torch.inference_mode():
        together = denoiser(f, torch.tensor([5.0, 50.0]))
        alone = torch.cat([denoiser(f[:1], 5.0), denoiser(f[1:], 50.0)])
    torch.testing.assert_close(together, alone, rtol=0, atol=ROUNDING)


@every
def test_colour_is_restored_channel_by_channel(name):
    one, colour = restorer(DENOISERS[name]()), noise(23, 18, 3, dtype=torch.float32).numpy()
    channels = [one.restore(np.ascontiguousarray(colour[..., at])) for at in range(3)]
    np.testing.assert_allclose(one.restore(colour), np.dstack(channels), rtol=0, atol=ROUNDING)


@every
def test_a_level_matters_to_who_reads_it_alone(name):
    denoiser, f = DENOISERS[name](), noise(1, 1, 23, 18, dtype=torch.float32)
    assert Denoising(denoiser).needs == ({"level"} if denoiser.reads_sigma else set())
    with torch.inference_mode():
        low, high = denoiser(f, 5.0), denoiser(f, 50.0)
        if denoiser.reads_sigma:
            assert (low - high).abs().max() > 1
            with pytest.raises(ValueError, match="give sigma"):
                denoiser(f)
        else:
            for other in (high, denoiser(f)):
                torch.testing.assert_close(low, other, rtol=0, atol=ROUNDING)


def test_a_constant_image_stays_as_far_as_it_is_promised():
    even = torch.full((1, 1, 40, 33), 90.0)
    for name in sorted(KEEP_A_CONSTANT):
        with torch.inference_mode():
            torch.testing.assert_close(DENOISERS[name]()(even, SIGMA), even, rtol=0, atol=0.1)


def test_every_denoiser_says_what_is_no_image():
    for name, make in DENOISERS.items():
        one = restorer(make())
        for bad, said in (
            (np.zeros((0, 4)), "shape"),
            (np.full((4, 4), np.nan), "16 values that are NaN"),
            (np.full((4, 4), 0.5), "seems to be on 0..1"),
        ):
            with pytest.raises(ValueError, match=said):
                one.restore(bad)
        with pytest.raises(ValueError, match="gives one image, not 3"):
            one.estimate(np.full((4, 4), 9.0), samples=3)
        y = torch.zeros(4, 4) if name == "diffusion" else torch.zeros(1, 4, 4, dtype=torch.uint8)
        with pytest.raises(ValueError, match=r"expected a \(C, H, W\) tensor of floats"):
            one.method.restore(y, problem("gaussian", 25))


# The classical ones


@pytest.mark.parametrize("method", METHODS)
def test_a_classical_denoiser_denoises(method):
    clean = photograph()
    f = torch.from_numpy(noisy(clean))[None, None]
    restored = Classical(method, 17.5 if method in ("nlm", "tv") else 25.0, 25.0)(f)
    gain = distortion.psnr(restored[0, 0].numpy(), clean) - distortion.psnr(f[0, 0].numpy(), clean)
    assert gain > 4


@pytest.mark.parametrize(
    ("method", "module", "package"), [("bm3d", "bm3d", "bm3d"), ("wavelet", "pywt", "pywavelets")]
)
def test_a_missing_package_is_named(method, module, package, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=f"pip install {package}"):
        Classical(method, 20.0, 25.0)(torch.zeros(1, 1, 20, 20))


def test_the_released_scheme_does_not_keep_the_mean_and_wants_two_pixels_a_side():
    f = noise(1, 1, 12, 9)
    states = ReleasedPeronaMalik(50.0, steps=10).trajectory(f)
    assert len(states) == 10, "one step fewer than it says"
    assert (states[-1].mean() - f.mean()).abs() > 1e-3
    with pytest.raises(ValueError, match=r"at least two pixels a side, got \(1, 9\)"):
        ReleasedPeronaMalik()(f[..., :1, :])


# The networks


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


def test_the_loop_trains_against_a_discriminator_and_leaves_it_behind(tmp_path):
    torch.manual_seed(0)
    settings = {"steps": 8, "rate": 0.002, "every": 4, "batch": 2, "validation": 2}
    problems = Problems((PROBLEMS["gaussian"],), 25)
    batches = Batches(collections.load("shipped/train"), problems, crop=32, seed=0)
    objective = Adversarial(CNCL(2, 3), settings)
    judge = [parameter.clone() for parameter in objective.discriminator.parameters()]
    facts = loop.train(objective, batches, tmp_path / "checkpoint", "cncl")
    assert facts["validation_psnr"] > facts["curve"][0][2]
    assert set(objective.module.state_dict()) == set(CNCL(2, 3).state_dict())
    learned = zip(judge, objective.discriminator.parameters(), strict=True)
    assert any(not torch.equal(before, after) for before, after in learned)


# Names


def test_a_name_with_a_size_keeps_it():
    sizes = {"30k": 30e3, "200k": 200e3, "1m": 1e6}
    named = {name: size for name in catalogue.names() for size in sizes if size in name.split("-")}
    assert {"cncl-1m", "dncnn-30k-pixels", "network-200k"} <= named.keys()
    for name, size in named.items():
        entry = catalogue.entry(name)
        made = entry.build(entry.arguments(25))
        count = sum(parameter.numel() for parameter in made.parameters())
        assert count == pytest.approx(sizes[size], rel=0.1), name
