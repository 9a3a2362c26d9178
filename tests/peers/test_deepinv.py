"""deepinv beside the study: our denoisers at work there, theirs here, operators under the same names (`make peers`)."""

import re

import deepinv
import numpy as np
import pytest
import torch

import anisodiff
from anisodiff.data import collections, provenance
from anisodiff.methods.base import Denoising
from anisodiff.methods.denoisers.classical import Classical
from anisodiff.methods.denoisers.rescaled import Rescaled
from anisodiff.methods.solvers.plug_and_play import HQS
from anisodiff.metrics.distortion import psnr
from anisodiff.problems import PROBLEMS, problem
from anisodiff.study import restorers

SIDE = 96


def study(name="foe-s"):
    return anisodiff.load(name, "gaussian", 25).module


def photographs():
    """Three photographs, (3, 1, H, W) on 0..255."""
    chosen = collections.load("shipped/test")[:3]
    crops = [collections.centre_crop(photograph.pixels, SIDE) for photograph in chosen]
    return torch.from_numpy(np.stack(crops)[:, None].astype(np.float32))


def measured(clean, name, level, **parameters):
    """A batch, measured, and the operator behind it."""
    found = problem(name, level, **parameters).measure(clean, np.random.default_rng(0))
    return found.y, found.problem.operator


def noisy(clean, level):
    return measured(clean, "gaussian", level)[0]


def quality(restored, clean):
    return psnr(restored.numpy().squeeze(), clean.numpy().squeeze())


def deblurring(operator, iterations=8, **how):
    """deepinv's half-quadratic splitting with FoE-S as its prior, and the physics by our operator."""
    physics = deepinv.physics.LinearPhysics(A=operator.A, A_adjoint=operator.A_adjoint)
    prior = deepinv.optim.PnP(denoiser=Rescaled(study(), 255))
    solver = deepinv.optim.HQS(
        deepinv.optim.L2(), prior, stepsize=10, sigma_denoiser=25 / 255, max_iter=iterations, **how
    )
    return solver, physics


# Ours in deepinv


@pytest.mark.parametrize("channels", [1, 3])
def test_a_model_of_the_study_gives_its_own_result_on_unit_images(channels):
    f = noisy(photographs(), 25).reshape(-1, channels, SIDE, SIDE)
    here = anisodiff.load("foe-s", "gaussian", 25)
    ours = np.stack([here.restore(image.numpy().transpose(1, 2, 0)) for image in f])
    for sigma in (25 / 255, torch.tensor(25 / 255), torch.full((len(f),), 25 / 255)):
        there = 255 * Rescaled(study(), 255)(f / 255, sigma)
        assert torch.allclose(there, torch.from_numpy(ours).permute(0, 3, 1, 2), rtol=0, atol=1e-4)


@pytest.mark.parametrize("ours", [study, lambda: Classical("tv", 17.5, 25.0)], ids=["foe-s", "tv"])
def test_plug_and_play_denoises(ours):
    clean = photographs()[:1]
    y = noisy(clean, 25) / 255
    solver = deepinv.optim.PGD(
        deepinv.optim.L2(),
        deepinv.optim.PnP(denoiser=Rescaled(ours(), 255)),
        stepsize=1.0,
        sigma_denoiser=25 / 255,
        max_iter=3,
    )
    with torch.no_grad():
        restored = 255 * solver(y, deepinv.physics.Denoising())
    assert torch.isfinite(restored).all()
    assert quality(restored, clean) > quality(255 * y, clean) + 5


def test_plug_and_play_deblurs_better_than_the_denoiser_alone_and_the_pseudo_inverse():
    clean = photographs()[:1]
    y, operator = measured(clean, "blur", 1.0, sigma=10)
    solver, physics = deblurring(operator)
    with torch.no_grad():
        y = y / 255
        restored = 255 * solver(y, physics)
    others = (y, Rescaled(study(), 255)(y, 25 / 255), operator.A_dagger(y))
    assert torch.isfinite(restored).all()
    assert quality(restored, clean) > max(quality(255 * other, clean) for other in others) + 1


def test_an_unfolded_solver_learns_through_a_model_of_the_study():
    clean = photographs()[:1, :, :32, :32]
    y, operator = measured(clean, "blur", 1.0, sigma=10)
    solver, physics = deblurring(operator, 2, unfold=True, trainable_params=["stepsize"])
    (solver(y / 255, physics) - clean / 255).square().mean().backward()
    gradients = [parameter.grad for parameter in solver.parameters() if parameter.requires_grad]
    assert gradients and all(gradient.isfinite() and gradient != 0 for gradient in gradients)


def test_regularisation_by_denoising_takes_a_model_of_the_study():
    clean = photographs()[:1]
    y = noisy(clean, 25) / 255
    prior = deepinv.optim.RED(denoiser=Rescaled(study(), 255))
    solver = deepinv.optim.GD(
        deepinv.optim.L2(), prior, stepsize=0.3, lambda_reg=2.0, sigma_denoiser=0.1, max_iter=8
    )
    with torch.no_grad():
        restored = 255 * solver(y, deepinv.physics.Denoising())
    assert quality(restored, clean) > quality(255 * y, clean) + 4


@pytest.mark.parametrize("blur", [("periodic-gaussian", 1.6), ("periodic-uniform", 9)])
@pytest.mark.parametrize("noise", [2**0.5, 2.55])
def test_splitting_is_within_two_tenths_of_dpir_with_the_same_denoiser(blur, noise):
    ours, theirs = [], []
    engine = restorers.at_any_level("drunet-lite")
    for clean in photographs():
        given = problem(*blur, sigma=noise).measure(clean, np.random.default_rng(0))
        operator, y = given.problem.operator, given.y
        parts = {part: getattr(operator, part) for part in ("U", "U_adjoint", "V", "V_adjoint")}
        physics = deepinv.physics.DecomposablePhysics(
            mask=operator.singular_values.float(), **parts
        )
        dpir = deepinv.optim.DPIR(sigma=noise / 255, denoiser=Rescaled(engine, 255))
        strength = 0.23 * max(2.55 / noise, 1) ** 2  # theirs weighs with noise of at least 0.01
        how = "pnp-hqs", "drunet-lite", given.problem
        splitting = restorers.solver(*how, strength=strength).method
        with torch.no_grad():
            theirs.append(quality(255 * dpir(y[None] / 255, physics), clean))
            ours.append(quality(splitting.restore(y, given.problem).image, clean))
    assert min(theirs) > 25
    assert ours == pytest.approx(theirs, abs=0.2)


# deepinv's here. TVDenoiser starts from what it gave for the last image of that size: a new one for each call.

THEIRS = {
    "tv": deepinv.models.TVDenoiser,
    "median": lambda: deepinv.models.MedianFilter(3),
    "dncnn": lambda: deepinv.models.DnCNN(1, 1, depth=4, nf=8, pretrained=None),
    "drunet": lambda: deepinv.models.DRUNet(1, 1, nc=(4, 4, 4, 4), nb=1, pretrained=None),
}


def theirs(name):
    torch.manual_seed(0)
    return THEIRS[name]().eval()


@pytest.mark.parametrize("name", THEIRS)
def test_a_denoiser_of_deepinv_gives_its_own_result_on_our_images(name):
    f = noisy(photographs(), 25)
    levels = torch.tensor([15.0, 25.0, 50.0])
    with torch.no_grad():
        for sigma, unit_sigma in ((25.0, 25 / 255), (levels[:, None, None, None], levels / 255)):
            here = Rescaled(theirs(name), 1 / 255)(f, sigma)
            by_hand = 255 * theirs(name)(f / 255, unit_sigma)
            assert torch.allclose(here, by_hand, rtol=1e-5, atol=1e-3)


def test_a_denoiser_of_deepinv_takes_colour_as_it_is():
    f, colour = noisy(photographs(), 25).reshape(1, 3, SIDE, SIDE), deepinv.models.DnCNN
    torch.manual_seed(0)
    network = colour(3, 3, depth=4, nf=8, pretrained=None)
    with torch.no_grad():
        by_hand = 255 * network(f / 255)
        assert torch.allclose(Rescaled(network, 1 / 255)(f, 25), by_hand, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("name", ["tv", "median"])
def test_a_denoiser_of_deepinv_answers_a_measurement_of_ours(name):
    clean = photographs().reshape(3, SIDE, SIDE)
    found = problem("gaussian", 25).measure(clean, np.random.default_rng(0))
    method = Denoising(Rescaled(theirs(name), 1 / 255), name)
    estimate = method.restore(found.y, found.problem)
    assert estimate.images.shape == (1, 3, SIDE, SIDE)
    for restored, y, truth in zip(estimate.image, found.y, clean, strict=True):
        assert quality(restored, truth) > quality(y, truth) + 3


def test_a_solver_of_ours_takes_a_denoiser_of_deepinv():
    clean = photographs()[0]
    given = problem("periodic-gaussian", 1.6, sigma=2.55).measure(clean, np.random.default_rng(0))
    splitting = HQS(Rescaled(theirs("tv"), 1 / 255))
    with torch.no_grad():
        restored = splitting.restore(given.y, given.problem).image
    assert quality(restored, clean) > quality(given.y, clean) + 2


# Operators

LINEAR = [
    *(("gaussian", 25), ("blur", 0.25), ("inpainting", 0.5), ("downsample", 2)),
    *(("periodic-gaussian", 0.5), ("fourier", 0.33), ("compressed", 0.125)),
]

linear = pytest.mark.parametrize(("name", "level"), LINEAR)


def drawn(name, level):
    """Images on 0..1 of no even size, and the operator that is drawn for them, in float64."""
    x = photographs()[:, :, :24, :31].double()
    return x / 255, measured(x, name, level)[1]


def same(ours, theirs, atol=1e-10):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)


def test_all_problems_with_an_operator_are_compared():
    x = photographs()[:1]
    have = {name for name in PROBLEMS if measured(x, name, PROBLEMS[name].levels[0])[1] is not None}
    assert have >= {name for name, _ in LINEAR}
    kinds = {type(measured(x, name, PROBLEMS[name].levels[0])[1]) for name in have}
    assert kinds == {type(drawn(*case)[1]) for case in LINEAR}


@linear
def test_an_operator_of_ours_makes_physics_of_theirs(name, level):
    x, operator = drawn(name, level)
    physics = deepinv.physics.LinearPhysics(A=operator.A, A_adjoint=operator.A_adjoint)
    y, z = operator.A(x), x.flip(-1)
    assert torch.equal(physics(x), y)
    assert abs(physics.adjointness_test(x)) < 1e-9
    how = {"max_iter": 500, "tol": 1e-9}  # theirs by conjugate gradients
    same(operator.A_dagger(y), physics.A_dagger(y, **how), atol=1e-4)
    same(operator.prox_l2(z, y, 0.7), physics.prox_l2(z, y, 0.7, **how), atol=1e-6)


@linear
def test_a_singular_value_decomposition_of_ours_makes_physics_of_theirs(name, level):
    x, operator = drawn(name, level)
    parts = {part: getattr(operator, part) for part in ("U", "U_adjoint", "V", "V_adjoint")}
    physics = deepinv.physics.DecomposablePhysics(mask=operator.singular_values, **parts)
    y, z = operator.A(x), x.flip(-1)
    same(y, physics(x))
    same(operator.A_adjoint(y), physics.A_adjoint(y))
    same(operator.A_dagger(y), physics.A_dagger(y))
    same(operator.prox_l2(z, y, 0.7), physics.prox_l2(z, y, 0.7))


# The page on denoising


def test_the_code_that_the_book_shows_runs():
    page = (provenance.ROOT / "book/use/denoise.md").read_text(encoding="utf-8")
    shown = [
        block for block in re.findall(r"(?ms)^```python\n(.*?)^```$", page) if "deepinv" in block
    ]
    assert len(shown) == 2
    names = {}
    for block in shown:
        exec(block, names)
    assert names["restored"].shape == (1, 1, SIDE, SIDE) and names["restored"].isfinite().all()
    assert names["method"].name == "deepinv-tv"
