"""What every diffusivity promises, whatever it has learned: one suite, passed by each member of the family."""

import importlib
import pkgutil
import warnings
from math import pi

import numpy as np
import pytest
import torch
from torch import nn

from anisodiff.methods import diffusion
from anisodiff.methods.diffusion.borders import BorderLambdas, BorderP1, Probability
from anisodiff.methods.diffusion.classic import Constant, PeronaMalik
from anisodiff.methods.diffusion.experts import Experts
from anisodiff.methods.diffusion.learned_lambda import LearnedLambda, LearnedLambdaTime
from anisodiff.methods.diffusion.network import Network
from anisodiff.methods.diffusion.p1 import P1, cosines, gradient_norm, piecewise_affine
from anisodiff.methods.diffusion.scheme import (
    STABLE,
    Diffusion,
    UnstableStep,
    divergence,
    explicit_step,
    gradient,
    on_edges,
    on_pixels,
)
from anisodiff.methods.diffusion.unet import UNet
from anisodiff.methods.diffusion.untied import Untied


def as_if_trained(kind, *arguments, **more):
    """A network's last layer random too, so that what it gives (lambdas of some tens, say) depends on the image."""
    torch.manual_seed(1)
    diffusivity = kind(*arguments, **more)
    last = getattr(diffusivity.network, "unit", None) or diffusivity.network.last
    nn.init.normal_(last.weight, std=1 if isinstance(last, nn.Linear) else 0.5)
    if isinstance(last, nn.Conv2d):
        with torch.no_grad():
            last.bias[1::2] = 4.0  # g falls over the nodes, from above 0 to below where it may
    return diffusivity.eval()


def experts(functions, size, **more):
    """Few and weak ones, that neither stop uniform noise nor let it pass."""
    torch.manual_seed(1)
    diffusivity = Experts(functions, size, 6, **more)
    diffusivity.kernels.data *= 0.2
    return diffusivity


def unet():
    torch.manual_seed(1)
    return UNet().eval()


def network(**more):
    torch.manual_seed(1)
    return Network(30, 6, **more).eval()


def steep():
    """Probabilities of a border that stand in for a classifier's."""
    return Probability("classifier", 30, lambda f: torch.sigmoid(gradient_norm(f) / 50 - 2))


TUNED = [[1, 30, 2], [50, 60, 1]]  # level, lambda and time
MAKERS = {
    "perona-malik-1": lambda: PeronaMalik(20, option=1),
    "perona-malik-2": lambda: PeronaMalik(20, option=2),
    "learned-lambda-1": lambda: as_if_trained(LearnedLambda, 1, start=30),
    "learned-lambda-2": lambda: as_if_trained(LearnedLambda, 2, start=30),
    "constant": lambda: Constant(0.7),
    "learned-lambda-time": lambda: as_if_trained(LearnedLambdaTime, TUNED, 3),
    "learned-lambda-blind-time": lambda: as_if_trained(LearnedLambdaTime, TUNED, 3, blind=True),
    "two-lambdas": lambda: as_if_trained(BorderLambdas, steep(), TUNED, 3),
    "p1-nonnegative": lambda: as_if_trained(P1, 4, nonnegative=True),
    "p1": lambda: as_if_trained(P1, 4),
    "p1-pointwise": lambda: as_if_trained(P1, 1, context=False),
    "p1-borders": lambda: as_if_trained(BorderP1, steep(), 4),
    "experts-splines": lambda: experts("splines", 5),
    "experts-falling": lambda: experts("splines", 4, falling=True),
    "experts-monomials": lambda: experts("monomials", 1),
    "experts-roth-black": lambda: experts("roth-black", 3, bounded=False),
    "experts-edges": lambda: experts("splines", 3, edges=True),
    "experts-signed": lambda: experts("splines", 3, signed=True),
    "experts-told": lambda: experts("splines", 3, told=25),
    "experts-estimating": lambda: experts("splines", 3, told=25, estimating=True),
    "experts-untied": lambda: Untied(lambda: experts("splines", 3), 30),
    "network": lambda: network(),
    "network-memory": lambda: network(memory=True, each=2),
    "unet": unet,
}
SIGNED = {
    "p1",
    "p1-pointwise",
    "p1-borders",
    "experts-signed",
}  # g may be negative: no principle holds but the mean's
HAS_ENERGY = {
    "perona-malik-1",
    "perona-malik-2",
    "learned-lambda-1",
    "learned-lambda-2",
    "constant",
}
SEES_DIRECTIONS = MAKERS.keys() - {
    "perona-malik-1",
    "perona-malik-2",
    "constant",
}  # a network's filters
SHAPES = [(1, 1), (1, 2), (1, 17), (16, 1), (2, 2), (7, 12), (33, 20)]

every = pytest.mark.parametrize("name", MAKERS)
nonnegative = pytest.mark.parametrize("name", [name for name in MAKERS if name not in SIGNED])
energetic = pytest.mark.parametrize("name", [name for name in MAKERS if name in HAS_ENERGY])
FUSED = [name for name in MAKERS if hasattr(MAKERS[name](), "fast")]
fused = pytest.mark.parametrize("name", FUSED)


def noise(*shape, seed=0, dtype=torch.float64):
    """A batch of images of uniform noise on 0..255, the hardest there is for a principle."""
    return torch.from_numpy(np.random.default_rng(seed).uniform(0, 255, shape)).to(dtype)


def longest(name, steps=10, dtype=torch.float64):
    """A diffusion at the largest step size for which the guarantees hold."""
    diffusivity = MAKERS[name]().to(dtype)
    return Diffusion(diffusivity, steps, STABLE / diffusivity.bound)


def states(diffusion, f):
    with torch.inference_mode():
        return torch.stack(diffusion.trajectory(f))


def test_every_diffusivity_of_the_library_is_held_to_its_promises():
    modules = [
        importlib.import_module(f"{diffusion.__name__}.{m.name}")
        for m in pkgutil.iter_modules(diffusion.__path__)
    ]
    declared = {
        thing
        for module in modules
        for thing in vars(module).values()
        if isinstance(thing, type)
        and thing.__module__ == module.__name__
        and hasattr(thing, "forward")
        if hasattr(thing, "bound") or "bound" in thing.__init__.__code__.co_names
    }
    assert declared == {type(make()) for make in MAKERS.values()}


@every
def test_g_stays_within_zero_and_its_bound(name):
    diffusivity, f = MAKERS[name]().double(), 10 * noise(2, 1, 20, 21)
    if hasattr(diffusivity, "prepare"):
        diffusivity.prepare(f)
    g = torch.cat([g.flatten() for g in on_edges(diffusivity(f))])
    assert g.abs().max() <= diffusivity.bound
    assert (g.min() < 0) == (name in SIGNED) == getattr(diffusivity, "signed", False)


@every
@pytest.mark.parametrize("shape", SHAPES)
def test_the_mean_is_kept(name, shape):
    f = noise(2, 1, *shape)
    seen = states(longest(name), f)
    assert seen.shape == (11, 2, 1, *shape)
    largest = (
        seen.abs().max()
    )  # a negative g lets values grow, and with them what rounding leaves of their sum
    torch.testing.assert_close(
        seen.mean((-2, -1)),
        f.mean((-2, -1)).expand(11, 2, 1),
        rtol=1e-13,
        atol=1e-15 * largest.item(),
    )


@nonnegative
@pytest.mark.parametrize("shape", SHAPES)
def test_no_new_extremes_appear(name, shape):
    seen = states(longest(name), noise(2, 1, *shape))
    highest, lowest = seen.amax((-2, -1)), seen.amin((-2, -1))
    assert (highest.diff(dim=0) <= 1e-12).all()
    assert (lowest.diff(dim=0) >= -1e-12).all()


@nonnegative
def test_the_diffusion_diffuses(name):
    assert states(longest(name), noise(1, 1, 20, 20))[-1].var() < 0.98 * noise(1, 1, 20, 20).var()


@every
@pytest.mark.parametrize("value", [0.0, 12.34, 255.0])
def test_a_constant_image_stays(name, value):
    f = torch.full((1, 1, 9, 14), value)
    assert torch.equal(longest(name, dtype=torch.float32)(f), f)
    assert torch.equal(longest(name)(f.double()), f.double())


def potential(diffusivity, u):
    """The sum over the edges of the integral of ``g(d) d``: the energy whose gradient flow the diffusion is."""
    d = torch.cat([d.flatten() for d in gradient(u)])
    if isinstance(diffusivity, Constant):
        return (diffusivity.bound * d**2 / 2).sum()
    squared = diffusivity.lambda_.double().detach() ** 2
    density = (
        1 - torch.exp(-(d**2) / squared) if diffusivity.option == 1 else torch.log1p(d**2 / squared)
    )
    return (squared / 2 * density).sum()


@nonnegative
def test_the_sum_of_squares_does_not_grow(name):
    assert (
        states(longest(name, steps=30), noise(1, 1, 24, 31)).square().sum((1, 2, 3, 4)).diff() < 0
    ).all()


@energetic
def test_energies_do_not_grow(name):
    diffusion = longest(name, steps=30)
    energies = [potential(diffusion.diffusivity, u) for u in states(diffusion, noise(1, 1, 24, 31))]
    assert (torch.stack(energies).diff() < 0).all()


@energetic
def test_the_diffusion_descends_the_gradient_of_its_energy(name):
    diffusivity, u = MAKERS[name]().double(), noise(1, 1, 8, 9).requires_grad_()
    if hasattr(diffusivity, "prepare"):
        diffusivity.prepare(u.detach())
    (slope,) = torch.autograd.grad(potential(diffusivity, u), u)
    with torch.no_grad():
        change = explicit_step(u, diffusivity(u), 1.0) - u
    torch.testing.assert_close(change, -slope, rtol=1e-9, atol=1e-9)


@every
def test_autograd_equals_finite_differences(name):
    diffusion = longest(name, steps=3).eval()
    assert torch.autograd.gradcheck(
        diffusion, noise(1, 1, 5, 4).requires_grad_(), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("option", [1, 2])
def test_the_gradient_for_lambda_equals_finite_differences(option):
    def restored(z):
        diffusion = Diffusion(PeronaMalik(20, option), 3, 0.2)
        diffusion.diffusivity.lambda_ = z
        return diffusion(noise(2, 1, 5, 4))

    assert torch.autograd.gradcheck(
        restored, torch.full((2, 1, 1, 1), 40.0, dtype=torch.float64, requires_grad=True)
    )


def test_a_negative_diffusivity_sharpens_beyond_the_extremes_and_undoes_the_heat_equation():
    wave, tau = mode(16, 3), 0.2
    growth = 1 + tau * 8 * np.sin(pi * 3 / 32) ** 2
    back = explicit_step(wave, torch.full_like(wave, -1.0), tau)
    torch.testing.assert_close(back, growth * wave, rtol=1e-12, atol=0)
    assert back.max() > wave.max()
    spread = Diffusion(Constant(1), 1, 0.01)(wave)
    torch.testing.assert_close(
        explicit_step(spread, torch.full_like(wave, -1.0), 0.01), wave, rtol=0, atol=3e-4
    )


def test_a_p1_function_is_affine_between_its_nodes_and_constant_beyond():
    nodal = torch.tensor([2.0, -1.0, 4.0]).reshape(1, 3, 1, 1).expand(1, 3, 1, 6)
    x = torch.tensor([0.0, 0.5, 1.0, 1.25, 2.0, 7.0]).reshape(1, 1, 1, 6)
    assert piecewise_affine(x, nodal).ravel().tolist() == [2, 0.5, -1, 0.25, 4, 4]


def test_the_gradient_norm_sees_both_sides():
    edge = torch.zeros(1, 1, 3, 4)
    edge[..., 2:] = 6
    assert gradient_norm(edge)[0, 0, 1].tolist() == pytest.approx(
        [0, 18**0.5, 18**0.5, 0], abs=1e-5
    )


@pytest.mark.parametrize(
    "name", [name for name in MAKERS if not getattr(MAKERS[name](), "blind", True)]
)
def test_who_is_told_the_level_minds_it_image_by_image(name):
    diffusivity, f = MAKERS[name]().double(), noise(1, 1, 9, 8)
    both = []
    for level in (torch.tensor([5.0, 50.0]), torch.tensor([50.0, 5.0])):
        diffusivity.level = level[:, None, None, None]
        with torch.inference_mode():
            if hasattr(diffusivity, "prepare"):
                diffusivity.prepare(f.repeat(2, 1, 1, 1))
            both.append(on_pixels(diffusivity(f.repeat(2, 1, 1, 1))))
    assert not torch.allclose(both[0][0], both[0][1])
    torch.testing.assert_close(both[0], both[1].flip(0))


def test_waves_give_all_functions_on_the_nodes_the_slow_ones_most_easily():
    waves = cosines(9).double()
    torch.testing.assert_close(
        waves.T @ waves, torch.diag(waves.square().sum(0)), atol=1e-6, rtol=0
    )
    torch.testing.assert_close(
        waves[0] * torch.arange(1, 10), torch.cos(torch.pi * torch.arange(9) / 18).double()
    )


def test_the_two_p1_functions_are_mixed_by_the_probability():
    diffusivity, f = MAKERS["p1-borders"]().double(), noise(1, 1, 9, 8)
    found = []
    for p in (0.0, 1.0, 0.25):
        diffusivity.probability = Probability(
            "classifier", 30, lambda f, p=p: torch.full_like(f, p)
        )
        diffusivity.prepare(f)
        found.append(diffusivity(f))
    smooth, border, mixed = found
    assert not torch.allclose(smooth, border)
    torch.testing.assert_close(mixed, 0.25 * border + 0.75 * smooth, rtol=0, atol=1e-6)


def test_true_borders_are_those_of_the_clean_image_and_must_be_shown():
    truth, clean = Probability("true", 30), torch.tensor([[[[0.0, 31, 31], [0, 0, 31]]]])
    with pytest.raises(ValueError, match="reveal"):
        truth(clean)
    truth.reveal(clean)
    assert truth(torch.zeros_like(clean)).tolist() == [[[[1, 1, 0], [0, 1, 0]]]]
    with pytest.raises(ValueError, match="reveal"):
        truth(torch.zeros(1, 1, 5, 5))
    assert Probability("half", 30)(clean).unique().tolist() == [0.5]
    with pytest.raises(ValueError, match="unknown source of borders 'sobel'"):
        Probability("sobel", 30)


TURNS = {
    "flip x": lambda u: u.flip(-1),
    "flip y": lambda u: u.flip(-2),
    "transpose": lambda u: u.mT,
    "quarter turn": lambda u: u.rot90(1, (-2, -1)),
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS)
@pytest.mark.parametrize("name", [name for name in MAKERS if name not in SEES_DIRECTIONS])
def test_flips_and_transposes_commute(name, turn):
    f, diffusion = noise(1, 1, 12, 19), longest(name)
    torch.testing.assert_close(diffusion(turn(f)), turn(diffusion(f)), rtol=0, atol=1e-10)


def test_divergence_is_the_negative_adjoint_of_the_gradient():
    for rows, columns in SHAPES:
        u, x, y = (
            noise(rows, columns),
            noise(rows, columns - 1, seed=1),
            noise(rows - 1, columns, seed=2),
        )
        du_x, du_y = gradient(u)
        paired = (du_x * x).sum() + (du_y * y).sum()
        torch.testing.assert_close(paired, -(u * divergence(x, y)).sum(), rtol=1e-12, atol=1e-8)


def mode(side, k=1):
    """A cosine of ``k`` half waves along both axes, on ``side`` by ``side`` pixels: an eigenvector of the scheme."""
    wave = torch.cos(pi * k * (torch.arange(side, dtype=torch.float64) + 0.5) / side)
    return torch.outer(wave, wave)[None, None]


def order(errors):
    """Observed orders from errors with a step that halves each time."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def test_a_cosine_decays_by_the_discrete_eigenvalue():
    eigenvalue = -8 * np.sin(pi * 3 / (2 * 16)) ** 2
    decayed = Diffusion(Constant(1), 7, 0.2)(mode(16, 3))
    torch.testing.assert_close(
        decayed, (1 + 0.2 * eigenvalue) ** 7 * mode(16, 3), rtol=0, atol=1e-13
    )


def test_first_order_in_the_step_size():
    eigenvalue, time = -8 * np.sin(pi / (2 * 16)) ** 2, 8.0
    exact = np.exp(eigenvalue * time) * mode(16)
    errors = [
        (Diffusion(Constant(1), n, time / n)(mode(16)) - exact).abs().max().item()
        for n in (32, 64, 128, 256)
    ]
    assert order(errors) == pytest.approx(1, abs=0.03)


def test_second_order_in_the_pixel_size():
    time = 0.05  # on the unit square, where a pixel is 1 / side wide
    errors = []
    for side in (8, 16, 32):
        steps = round(time * side**2 / 0.2)
        exact = np.exp(-2 * pi**2 * time) * mode(side)
        errors.append(
            (Diffusion(Constant(1), steps, time * side**2 / steps)(mode(side)) - exact)
            .abs()
            .max()
            .item()
        )
    assert order(errors) == pytest.approx(2, abs=0.1)


@every
@pytest.mark.parametrize("shape", [*SHAPES, (64, 130)])
@pytest.mark.parametrize("steps", [0, 1, 10, 11])
def test_what_is_compiled_equals_what_is_learned_from(name, shape, steps):
    diffusion, f = longest(name, steps, torch.float32), noise(2, 1, *shape, dtype=torch.float32)
    given = f.clone()
    learned = diffusion.trajectory(f)[-1].detach()
    with torch.inference_mode():
        compiled, steadily = diffusion(f), diffusion.trajectory(f)[-1]
    assert torch.equal(f, given), "the input was written to"
    largest = max(255, learned.abs().max().item())  # where g is negative
    for one in (compiled, steadily):
        torch.testing.assert_close(one, learned, rtol=0, atol=1e-5 * largest)


@fused
def test_the_fused_form_takes_views(name):
    view = noise(2, 1, 40, 30, dtype=torch.float32)[..., ::2, 3:].mT
    diffusion = longest(name, dtype=torch.float32)
    with torch.inference_mode():
        assert torch.equal(diffusion(view), diffusion(view.contiguous()))


@pytest.mark.parametrize("name", [name for name in FUSED if hasattr(MAKERS[name](), "option")])
def test_the_fused_form_takes_extreme_lambdas(name):
    f = noise(2, 1, 40, 30, dtype=torch.float32)
    diffusion = longest(name, dtype=torch.float32)
    with torch.inference_mode():
        for lambda_ in (1e-3, 0.3, 1e4):
            extreme = Diffusion(PeronaMalik(lambda_, diffusion.diffusivity.option), 10, 0.25)
            torch.testing.assert_close(
                extreme(f), extreme.trajectory(f)[-1], rtol=0, atol=1e-5 * 255
            )


@every
@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64]
)  # for some the fused form and the eager one
def test_an_image_is_restored_alike_alone_and_in_a_batch(name, dtype):
    diffusion, f = longest(name, dtype=dtype).eval(), noise(3, 1, 14, 15, dtype=dtype)
    f[1] *= 0.2  # the images differ, so that a lambda taken from the wrong one shows
    with torch.inference_mode():
        together, alone = diffusion(f), torch.cat([diffusion(image[None]) for image in f])
    largest = max(255, together.abs().max().item())  # where g is negative
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6 * largest)


@pytest.mark.parametrize(
    "name", ["perona-malik-2", "experts-edges", "network-memory"]
)  # the first has a fused form
def test_a_data_term_keeps_the_guarantees_and_pulls_towards_the_degraded_image(name):
    diffusivity, f = MAKERS[name]().double(), noise(2, 1, 12, 9)
    with_data, without = (
        Diffusion(diffusivity, 10, STABLE, data=True).double(),
        Diffusion(diffusivity, 10, STABLE),
    )
    seen = states(with_data, f)
    torch.testing.assert_close(
        seen.mean((-2, -1)), f.mean((-2, -1)).expand(11, 2, 1), rtol=1e-13, atol=0
    )
    assert (seen.amax((-2, -1)) <= f.amax((-2, -1)) + 1e-12).all() and (
        seen.amin((-2, -1)) >= f.min() - 1e-12
    ).all()
    even = torch.full((1, 1, 9, 14), 12.34)
    with torch.inference_mode():
        torch.testing.assert_close(with_data.float()(even), even, rtol=0, atol=0)
        f = f.float()
        weak = (with_data(f) - f).square().sum()
        with_data.data.data[:] = 10.0
        assert (
            (with_data(f) - f).square().sum()
            < 0.3 * weak
            < 0.3 * (without.float()(f) - f).square().sum()
        )


def test_a_data_term_learns():
    diffusion = Diffusion(MAKERS["constant"](), 3, STABLE, data=True).double()
    f = noise(1, 1, 5, 4)

    def restored(data):
        return torch.func.functional_call(diffusion, {"data": data}, (f,))

    assert torch.autograd.gradcheck(
        restored, torch.tensor([-1.0, 0, 1], dtype=torch.float64, requires_grad=True)
    )


def test_untied_diffusivities_take_their_turns():
    diffusion = Diffusion(Untied(iter([Constant(0.1), Constant(1)]).__next__, 2), 2, 0.2)
    assert diffusion.diffusivity.bound == 1
    expected = Diffusion(Constant(1), 1, 0.2)(Diffusion(Constant(0.1), 1, 0.2)(mode(16)))
    for _ in range(2):
        torch.testing.assert_close(diffusion(mode(16)), expected, rtol=0, atol=0)
    assert diffusion.diffusivity.step == 0


def test_the_edges_of_columns_are_the_rows_of_the_transposed():
    diffusivity, f = MAKERS["experts-edges"]().double(), noise(1, 1, 7, 12)
    (g_x, g_y), (turned_x, turned_y) = diffusivity(f), diffusivity(f.mT)
    assert torch.equal(g_x, turned_y.mT) and torch.equal(g_y, turned_x.mT)
    assert g_x.shape == (1, 1, 7, 11) and g_y.shape == (1, 1, 6, 12)


def test_a_step_beyond_the_bound_is_warned_of_and_indeed_breaks_the_principle():
    with pytest.warns(
        UnstableStep, match=r"time step 0\.6: with g up to 0\.5 it must be at most 0\.5 "
    ):
        diffusion = Diffusion(Constant(0.5), 1, 0.6)
    board = 255.0 * (torch.arange(8)[:, None] + torch.arange(8)).remainder(2)[None, None]
    assert diffusion(board).max() > 255
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Diffusion(Constant(0.5), 1, 0.5)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (torch.zeros(1, 3, 4, 4), r"\(1, 3, 4, 4\)"),
        (torch.zeros(4, 4), r"\(4, 4\)"),
        (torch.zeros(1, 1, 0, 4), r"\(1, 1, 0, 4\)"),
        (torch.zeros(1, 1, 4, 4, dtype=torch.uint8), "uint8"),
        (torch.tensor([[[[1.0, torch.nan, torch.inf]]]]), "2 values that are NaN or infinite"),
    ],
)
def test_a_bad_batch_is_named(bad, said):
    with pytest.raises(ValueError, match=said):
        Diffusion(PeronaMalik(), 1, 0.2)(bad)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Diffusion(Constant(1), -1), "-1"),
        (lambda: Diffusion(Constant(1), 2.5), r"2\.5"),
        (lambda: Diffusion(Constant(1), 1, 0), "tau must be above 0, got 0"),
        (lambda: PeronaMalik(0), "lambda must be above 0, got 0"),
        (lambda: PeronaMalik(float("nan")), "nan"),
        (lambda: PeronaMalik(10, option=3), "got 3"),
        (lambda: Constant(-1), "got -1"),
        (lambda: Untied(MAKERS["experts-told"], 2), "cannot be told a level, nor estimate it"),
        (
            lambda: Untied(MAKERS["experts-estimating"], 2),
            "cannot be told a level, nor estimate it",
        ),
        (lambda: P1(0), "at least one interval, got 0"),
        (
            lambda: Experts("spline", 5, 3),
            "unknown functions 'spline'; there are: splines, monomials, roth-black",
        ),
        (
            lambda: Experts("splines", 0, 3),
            "at least one pixel and there is at least one, got 0 and 3",
        ),
    ],
)
def test_a_bad_argument_is_named(build, said):
    with pytest.raises(ValueError, match=said):
        build()
