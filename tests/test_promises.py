"""What every diffusivity promises, whatever it has learned: one suite, passed by each member of the family.

Each member meets each shape and each number of steps, all members together each pair of the two (:func:`cases`).
"""

import pytest
import torch
from family import (
    FAMILY,
    HAVE_ENERGY,
    SEE_NO_DIRECTION,
    SHAPES,
    SIGNED,
    declared,
    first_g,
    given,
    longest,
    noise,
    restored,
    states,
)

from anisodiff.methods import diffusion as folder
from anisodiff.methods.diffusion.base import Diffusivity
from anisodiff.methods.diffusion.classic import Constant, PeronaMalik
from anisodiff.methods.diffusion.scheme import (
    Diffusion,
    explicit_step,
    gradient,
    on_edges,
    on_pixels,
)

STEPS = [0, 1, 2, 10, 11]

every = pytest.mark.parametrize("name", FAMILY)
nonnegative = pytest.mark.parametrize("name", [name for name in FAMILY if name not in SIGNED])
energetic = pytest.mark.parametrize("name", [name for name in FAMILY if name in HAVE_ENERGY])
fused = pytest.mark.parametrize(
    "name", [name for name in FAMILY if hasattr(FAMILY[name](), "fast")]
)
noise_aware = pytest.mark.parametrize(
    "name", [name for name in FAMILY if FAMILY[name]().reads_sigma]
)


def cases(name):
    turn = list(FAMILY).index(name) % len(STEPS)
    return zip(SHAPES, STEPS[turn:] + STEPS[:turn], strict=True)


def test_every_diffusivity_of_the_library_is_a_member():
    assert declared(Diffusivity, folder) == {type(make()) for make in FAMILY.values()}


@every
def test_g_stays_within_its_bound_and_is_negative_only_where_that_is_declared(name):
    diffusivity = FAMILY[name]().double()
    g = torch.cat([g.flatten() for g in on_edges(first_g(diffusivity, 10 * noise(2, 1, 20, 21)))])
    assert g.abs().max() <= diffusivity.bound
    assert (g.min() < 0) == (name in SIGNED) == diffusivity.signed


@every
def test_the_mean_is_kept(name):
    for shape, steps in cases(name):
        f = noise(2, 1, *shape)
        seen = states(longest(name, steps), f)
        assert seen.shape == (steps + 1, 2, 1, *shape)
        # A negative g lets values grow, and with them what rounding leaves of their sum.
        rounding = 1e-15 * seen.abs().max().item()
        before = f.mean((-2, -1)).expand(steps + 1, 2, 1)
        torch.testing.assert_close(seen.mean((-2, -1)), before, rtol=1e-13, atol=rounding)


@nonnegative
def test_no_new_extremes_appear_and_the_sum_of_squares_falls(name):
    for shape, steps in cases(name):
        seen = states(longest(name, steps), noise(2, 1, *shape))
        assert (seen.amax((-2, -1)).diff(dim=0) <= 1e-12).all(), shape
        assert (seen.amin((-2, -1)).diff(dim=0) >= -1e-12).all(), shape
    seen = states(longest(name, 30), noise(1, 1, 24, 31))
    assert (seen.square().sum((1, 2, 3, 4)).diff() < 0).all()
    assert seen[-1].var() < 0.98 * seen[0].var(), "it hardly diffuses"


@every
def test_a_constant_image_stays(name):
    for dtype in (torch.float32, torch.float64):  # for some the compiled form and the eager one
        diffusion = longest(name, dtype=dtype)
        for value in (0.0, 12.34, 255.0):
            f = torch.full((1, 1, 9, 14), value, dtype=dtype)
            assert torch.equal(restored(diffusion, f), f)


def potential(diffusivity, context, u):
    """The sum over the edges of the integral of ``g(d) d``: the energy whose gradient flow the diffusion is."""
    d = torch.cat([d.flatten() for d in gradient(u)])
    if isinstance(diffusivity, Constant):
        return (diffusivity.bound * d**2 / 2).sum()
    lambda_ = diffusivity.lambda_.double() if context is None else context
    squared = (lambda_**2).squeeze()
    ratio = d**2 / squared
    density = 1 - torch.exp(-ratio) if diffusivity.option == 1 else torch.log1p(ratio)
    return (squared / 2 * density).sum()


@energetic
def test_the_diffusion_descends_its_energy_along_the_gradient(name):
    diffusion, u = longest(name, steps=30), noise(1, 1, 24, 31)
    with torch.no_grad():
        context = diffusion.condition(u)
        energies = [potential(diffusion.diffusivity, context, v) for v in states(diffusion, u)]
        change = explicit_step(u, diffusion.diffusivity(u, context)[0], 1.0) - u
    assert (torch.stack(energies).diff() < 0).all()
    u.requires_grad_()
    (slope,) = torch.autograd.grad(potential(diffusion.diffusivity, context, u), u)
    torch.testing.assert_close(change, -slope, rtol=1e-9, atol=1e-9)


@every
def test_autograd_equals_finite_differences(name):
    diffusion = longest(name, steps=3).eval()
    f = noise(1, 1, 5, 4).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: restored(diffusion, f), f, atol=1e-4, rtol=1e-4)


def test_flips_and_transposes_commute_where_no_filter_sees_directions():
    turns = {
        "flip x": lambda u: u.flip(-1),
        "flip y": lambda u: u.flip(-2),
        "transpose": lambda u: u.mT,
        "quarter turn": lambda u: u.rot90(1, (-2, -1)),
    }
    f = noise(1, 1, 12, 19)
    for name in sorted(SEE_NO_DIRECTION):
        diffusion = longest(name)
        for turn in turns.values():
            one, other = diffusion(turn(f)), turn(diffusion(f))
            torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


# Compiled forms, batches


@every
def test_what_is_compiled_equals_what_is_learned_from(name):
    for shape, steps in [*cases(name), ((64, 130), 10)]:
        diffusion, f = longest(name, steps, torch.float32), noise(2, 1, *shape, dtype=torch.float32)
        before = f.clone()
        learned = diffusion.trajectory(*given(diffusion, f))[-1].detach()
        compiled = states(diffusion, f)[-1]
        with torch.inference_mode():
            at_once = restored(diffusion, f)
        assert torch.equal(f, before), "the input was written to"
        rounding = 1e-5 * max(255, learned.abs().max().item())  # larger where g is negative
        torch.testing.assert_close(compiled, learned, rtol=0, atol=rounding)
        torch.testing.assert_close(at_once, learned, rtol=0, atol=rounding)


@fused
def test_the_fused_form_takes_views(name):
    view = noise(2, 1, 40, 30, dtype=torch.float32)[..., ::2, 3:].mT
    diffusion = longest(name, dtype=torch.float32)
    with torch.inference_mode():
        assert torch.equal(restored(diffusion, view), restored(diffusion, view.contiguous()))


def test_the_fused_form_takes_extreme_lambdas():
    f = noise(2, 1, 40, 30, dtype=torch.float32)
    for lambda_, option in ((1e-3, 1), (0.3, 2), (1e4, 1), (1e-3, 2), (1e4, 2)):
        diffusion = Diffusion(PeronaMalik(lambda_, option), 10, 0.25)
        with torch.inference_mode():
            fused = diffusion(f)
        eager = diffusion.trajectory(f)[-1]
        torch.testing.assert_close(fused, eager, rtol=0, atol=1e-5 * 255)


@every
def test_an_image_is_restored_alike_alone_and_in_a_batch(name):
    for dtype in (torch.float32, torch.float64):
        diffusion, f = longest(name, dtype=dtype).eval(), noise(3, 1, 14, 15, dtype=dtype)
        f[1] *= 0.2  # the images differ, so that a lambda taken from the wrong one shows
        sigma = torch.tensor([5.0, 25.0, 50.0], dtype=dtype)
        with torch.inference_mode():
            together = restored(diffusion, f, sigma)
            pairs = zip(f, sigma, strict=True)
            alone = torch.cat([restored(diffusion, one[None], float(at)) for one, at in pairs])
        rounding = 1e-6 * max(255, together.abs().max().item())
        torch.testing.assert_close(together, alone, rtol=0, atol=rounding)


# The level


@noise_aware
def test_who_reads_sigma_does_not_work_without_it(name):
    diffusion, f = longest(name, 1, torch.float32), noise(1, 1, 9, 8, dtype=torch.float32)
    with_truth = {"truth": f} if diffusion.needs_truth else {}
    for ask in (diffusion, diffusion.trajectory, lambda f, **w: diffusion.coefficient(f, f, **w)):
        with pytest.raises(
            ValueError, match="is noise-aware: give sigma, the level of the problem"
        ):
            ask(f, **with_truth)
    for wrong in (0, -3.0, torch.tensor([float("nan")])):
        with pytest.raises(ValueError, match="sigma must be above 0, got"):
            diffusion(f, wrong, **with_truth)


@noise_aware
def test_who_reads_sigma_minds_it_image_by_image(name):
    diffusivity, f = FAMILY[name]().double(), noise(1, 1, 9, 8).repeat(2, 1, 1, 1)
    with torch.inference_mode():
        one, other = (
            on_pixels(first_g(diffusivity, f, torch.tensor(sigma)))
            for sigma in ([5.0, 50.0], [50.0, 5.0])
        )
    assert not torch.allclose(one[0], one[1])
    torch.testing.assert_close(one, other.flip(0))


def test_these_are_noise_aware_and_others_are_not():
    listed = {name for name in FAMILY if FAMILY[name]().reads_sigma}
    assert listed == {
        "learned-lambda-time",
        "two-lambdas",
        "two-lambdas-true",
        "p1",
        "p1-pointwise",
        "p1-borders",
        "experts-told",
    }
    f = noise(1, 1, 9, 8)
    for name in FAMILY.keys() - listed:
        diffusion = longest(name, 2)
        with torch.inference_mode():
            assert torch.equal(diffusion(f), diffusion(f, 5.0)), name
