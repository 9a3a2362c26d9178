"""The explicit scheme against what is known exactly, and what single diffusivities are by their formulas."""

import re
import warnings
from math import pi

import numpy as np
import pytest
import torch
from family import FAMILY, SHAPES, Steep, noise, states

from anisodiff.methods.diffusion.borders import BorderLambdas, Probability
from anisodiff.methods.diffusion.classic import Constant, PeronaMalik
from anisodiff.methods.diffusion.experts import Experts
from anisodiff.methods.diffusion.learned_lambda import LearnedLambda
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
from anisodiff.methods.diffusion.untied import Untied


def mode(side, k=1):
    """A cosine of ``k`` half waves along both axes, on ``side`` by ``side`` pixels: an eigenvector of the scheme."""
    wave = torch.cos(pi * k * (torch.arange(side, dtype=torch.float64) + 0.5) / side)
    return torch.outer(wave, wave)[None, None]


def largest_error(found, exact):
    return (found - exact).abs().max().item()


def orders(errors):
    """Observed orders from errors with a step that halves each time."""
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))


def test_divergence_is_the_negative_adjoint_of_the_gradient():
    for rows, columns in SHAPES:
        u = noise(rows, columns)
        x, y = noise(rows, columns - 1, seed=1), noise(rows - 1, columns, seed=2)
        du_x, du_y = gradient(u)
        paired = (du_x * x).sum() + (du_y * y).sum()
        torch.testing.assert_close(paired, -(u * divergence(x, y)).sum(), rtol=1e-12, atol=1e-8)


def test_g_of_pixels_and_of_edges_are_means_of_each_other():
    g = noise(1, 1, 2, 3)
    g_x, g_y = on_edges(g)
    assert g_x[0, 0, 1, 0] == (g[0, 0, 1, 0] + g[0, 0, 1, 1]) / 2
    assert g_y[0, 0, 0, 2] == (g[0, 0, 0, 2] + g[0, 0, 1, 2]) / 2
    back = on_pixels((g_x, g_y))
    assert back[0, 0, 0, 0].item() == pytest.approx((g_x[0, 0, 0, 0] + g_y[0, 0, 0, 0]).item() / 2)
    lone = on_pixels((torch.zeros(1, 1, 1, 0), torch.zeros(1, 1, 0, 1)))
    assert lone.tolist() == [[[[0]]]], "a pixel without edges"


def test_a_cosine_decays_by_the_discrete_eigenvalue():
    factor = 1 - 0.2 * 8 * np.sin(pi * 3 / (2 * 16)) ** 2
    decayed = Diffusion(Constant(1), 7, 0.2)(mode(16, 3))
    torch.testing.assert_close(decayed, factor**7 * mode(16, 3), rtol=0, atol=1e-13)


def test_first_order_in_the_step_size():
    eigenvalue, time = -8 * np.sin(pi / (2 * 16)) ** 2, 8.0
    exact = np.exp(eigenvalue * time) * mode(16)
    errors = [
        largest_error(Diffusion(Constant(1), n, time / n)(mode(16)), exact)
        for n in (32, 64, 128, 256)
    ]
    assert orders(errors) == pytest.approx(1, abs=0.03)


def test_second_order_in_the_pixel_size():
    time, errors = 0.05, []  # on the unit square, where a pixel is 1 / side wide
    for side in (8, 16, 32):
        steps = round(time * side**2 / 0.2)
        found = Diffusion(Constant(1), steps, time * side**2 / steps)(mode(side))
        errors.append(largest_error(found, np.exp(-2 * pi**2 * time) * mode(side)))
    assert orders(errors) == pytest.approx(2, abs=0.1)


def test_a_negative_diffusivity_sharpens_beyond_the_extremes_and_undoes_the_heat_equation():
    wave, tau = mode(16, 3), 0.2
    back = explicit_step(wave, torch.full_like(wave, -1.0), tau)
    growth = 1 + tau * 8 * np.sin(pi * 3 / 32) ** 2
    torch.testing.assert_close(back, growth * wave, rtol=1e-12, atol=0)
    assert back.max() > wave.max()
    spread = Diffusion(Constant(1), 1, 0.01)(wave)
    undone = explicit_step(spread, torch.full_like(wave, -1.0), 0.01)
    torch.testing.assert_close(undone, wave, rtol=0, atol=3e-4)


def test_a_step_beyond_the_bound_is_warned_of_and_indeed_breaks_the_principle():
    said = r"time step 0\.6: with g up to 0\.5 it must be at most 0\.5 "
    with pytest.warns(UnstableStep, match=said):
        diffusion = Diffusion(Constant(0.5), 1, 0.6)
    board = 255.0 * (torch.arange(8)[:, None] + torch.arange(8)).remainder(2)[None, None]
    assert diffusion(board).max() > 255
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Diffusion(Constant(0.5), 1, 0.5)


@pytest.mark.parametrize("option", [1, 2])
def test_the_gradient_for_lambda_equals_finite_differences(option):
    diffusion, f = Diffusion(PeronaMalik(20, option), 3, 0.2), noise(2, 1, 5, 4)

    def restored(lambda_):
        return torch.func.functional_call(diffusion, {"diffusivity.lambda_": lambda_}, (f,))

    lambda_ = torch.full((2, 1, 1, 1), 40.0, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(restored, lambda_)


# The data term


@pytest.mark.parametrize("name", ["perona-malik-2", "experts-edges", "network-memory"])
def test_a_data_term_keeps_the_guarantees_and_pulls_towards_the_degraded_image(name):
    diffusivity, f = FAMILY[name]().double(), noise(2, 1, 12, 9)
    pulled = Diffusion(diffusivity, 10, STABLE, data=True).double()
    free = Diffusion(diffusivity, 10, STABLE)
    seen = states(pulled, f)
    mean = f.mean((-2, -1)).expand(11, 2, 1)
    torch.testing.assert_close(seen.mean((-2, -1)), mean, rtol=1e-13, atol=0)
    assert (seen.amax((-2, -1)) <= f.amax((-2, -1)) + 1e-12).all()
    assert (seen.amin((-2, -1)) >= f.amin((-2, -1)) - 1e-12).all()
    with torch.inference_mode():
        even = torch.full((1, 1, 9, 14), 12.34, dtype=torch.float64)
        torch.testing.assert_close(pulled(even), even, rtol=0, atol=1e-13)
        weak = (pulled(f) - f).square().sum()
        pulled.data.data[:] = 10.0
        strong, none = ((one(f) - f).square().sum() for one in (pulled, free))
    assert strong < 0.3 * weak < 0.3 * none


def test_each_step_is_followed_by_the_mean_with_the_degraded_image():
    diffusion, f = Diffusion(Constant(0.7), 3, STABLE, data=True).double(), noise(1, 1, 5, 4)
    diffusion.data.data[:] = torch.tensor([-1.0, 0, 2])
    u = f
    for number in diffusion.data.detach():
        pull = STABLE * torch.log1p(torch.exp(number))  # tau mu
        u = (explicit_step(u, torch.full_like(u, 0.7), STABLE) + pull * f) / (1 + pull)
    torch.testing.assert_close(states(diffusion, f)[-1], u)


def test_a_data_term_learns():
    diffusion, f = Diffusion(Constant(0.7), 3, STABLE, data=True).double(), noise(1, 1, 5, 4)

    def restored(data):
        return torch.func.functional_call(diffusion, {"data": data}, (f,))

    start = torch.tensor([-1.0, 0, 1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(restored, start)


# Single diffusivities


def test_untied_diffusivities_take_their_turns_and_begin_again():
    untied = Untied(iter([Constant(0.1), Constant(1)]).__next__, 2)
    assert untied.bound == 1
    expected = Diffusion(Constant(1), 1, 0.2)(Diffusion(Constant(0.1), 1, 0.2)(mode(16)))
    for _ in range(2):
        assert torch.equal(Diffusion(untied, 2, 0.2)(mode(16)), expected)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (LearnedLambda, "LearnedLambda reads the degraded image"),
        (P1, "P1 reads the degraded image"),
        (lambda: Network(2), "Network reads the degraded image"),
        (FAMILY["experts-told"], "Experts reads the degraded level"),
        (FAMILY["experts-estimating"], "Experts reads the degraded image"),
    ],
)
def test_diffusivities_of_each_step_s_own_see_states_alone(build, said):
    with pytest.raises(ValueError, match=f"of each step's own see states alone, but {said}"):
        Untied(build, 2)


def test_the_edges_of_columns_are_the_rows_of_the_transposed():
    diffusivity, f = FAMILY["experts-edges"]().double(), noise(1, 1, 7, 12)
    (g_x, g_y), (turned_x, turned_y) = diffusivity(f)[0], diffusivity(f.mT)[0]
    assert torch.equal(g_x, turned_y.mT) and torch.equal(g_y, turned_x.mT)
    assert g_x.shape == (1, 1, 7, 11) and g_y.shape == (1, 1, 6, 12)


def test_a_p1_function_is_affine_between_its_nodes_and_constant_beyond():
    nodal = torch.tensor([2.0, -1.0, 4.0]).reshape(1, 3, 1, 1).expand(1, 3, 1, 6)
    x = torch.tensor([0.0, 0.5, 1.0, 1.25, 2.0, 7.0]).reshape(1, 1, 1, 6)
    assert piecewise_affine(x, nodal).ravel().tolist() == [2, 0.5, -1, 0.25, 4, 4]


def test_the_gradient_norm_sees_both_sides():
    edge = torch.zeros(1, 1, 3, 4)
    edge[..., 2:] = 6
    seen = gradient_norm(edge)[0, 0, 1].tolist()
    assert seen == pytest.approx([0, 18**0.5, 18**0.5, 0], abs=1e-5)


def test_waves_give_all_functions_on_the_nodes_the_slow_ones_most_easily():
    waves, n = cosines(9).double(), torch.arange(9)
    gram = torch.diag(waves.square().sum(0))
    torch.testing.assert_close(waves.T @ waves, gram, atol=1e-6, rtol=0)
    first = torch.cos(torch.pi * n / 18).double()
    torch.testing.assert_close(waves[0] * (n + 1), first)


class Even(Steep):
    """The same probability everywhere."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, f):
        return torch.full_like(f, self.p)


def test_two_p1_functions_and_two_lambdas_are_mixed_by_the_probability():
    p1, lambdas, f = FAMILY["p1-borders"](), FAMILY["two-lambdas"](), noise(1, 1, 9, 8).float()
    sigma, nodal, mixed = torch.full((1, 1, 1, 1), 25.0), [], []
    for p in (0.0, 1.0, 0.25):
        p1.probability = lambdas.probability = Probability("classifier", Even(p))
        nodal.append(p1.condition(f, sigma).values)
        mixed.append(lambdas.condition(f, sigma).mixed[0])
    for smooth, border, between in (nodal, mixed):
        assert not torch.allclose(smooth, border)
        torch.testing.assert_close(between, 0.25 * border + 0.75 * smooth, rtol=1e-5, atol=1e-6)


def test_true_borders_are_those_of_the_clean_image_which_an_oracle_must_be_given():
    clean = torch.tensor([[[[0.0, 31, 31], [0, 0, 31]]]])
    found = Probability("true", Steep())(torch.zeros_like(clean), clean)
    assert found.tolist() == [[[[1, 1, 0], [0, 1, 0]]]]
    assert Probability("half", Steep())(clean).unique().tolist() == [0.5]
    with pytest.raises(ValueError, match=r"'sobel'; there are: classifier, true, half"):
        Probability("sobel", Steep())
    oracle = Diffusion(FAMILY["two-lambdas-true"](), 2, 0.2)
    assert oracle.needs_truth and isinstance(oracle.diffusivity, BorderLambdas)
    for truth in (None, torch.zeros(1, 1, 5, 5)):
        with pytest.raises(ValueError, match="an oracle is given the clean batch"):
            oracle(clean, 25.0, truth)


# What is refused


def test_a_bad_batch_is_named():
    for bad, said in (
        (torch.zeros(1, 3, 4, 4), "(1, 3, 4, 4)"),
        (torch.zeros(4, 4), "(4, 4)"),
        (torch.zeros(1, 1, 0, 4), "(1, 1, 0, 4)"),
        (torch.zeros(1, 1, 4, 4, dtype=torch.uint8), "uint8"),
        (torch.tensor([[[[1.0, torch.nan, torch.inf]]]]), "2 values that are NaN or infinite"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            Diffusion(PeronaMalik(), 1, 0.2)(bad)


def test_a_bad_argument_is_named():
    for build, said in (
        (lambda: Diffusion(Constant(1), -1), "-1"),
        (lambda: Diffusion(Constant(1), 2.5), "2.5"),
        (lambda: Diffusion(Constant(1), 1, 0), "tau must be above 0, got 0"),
        (lambda: PeronaMalik(0), "lambda must be above 0, got 0"),
        (lambda: PeronaMalik(float("nan")), "nan"),
        (lambda: PeronaMalik(10, option=3), "got 3"),
        (lambda: Constant(-1), "got -1"),
        (lambda: P1(0), "at least one interval, got 0"),
        (lambda: Experts("spline", 5, 3), "'spline'; there are: splines, monomials, roth-black"),
        (lambda: Experts("splines", 0, 3), "at least one pixel and there is at least one, got 0"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            build()
