"""Reaction diffusion with stages of its own: basis, functions and their tables, gradients, and what it contains."""

import copy

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from anisodiff.methods.denoisers.tnrd import TNRD, Stage, basis, mirrored
from anisodiff.methods.diffusion.kernels.lookup import look_up
from anisodiff.methods.diffusion.scheme import explicit_step, gradient


def noise(*shape, dtype=torch.float64):
    return 255 * torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def as_if_trained(stages=2, size=3):
    torch.manual_seed(0)
    tnrd = TNRD(stages, size)
    for stage in tnrd.stages:
        with torch.no_grad():
            stage.mixture.add_(0.3 * torch.randn_like(stage.mixture))
            stage.influence.weights.add_(torch.randn_like(stage.influence.weights))
    return tnrd


@pytest.mark.parametrize("size", [3, 5, 7])
def test_the_atoms_are_those_of_the_dct_without_the_mean(size):
    atoms = basis(size).double().numpy().reshape(-1, size**2)
    assert atoms @ atoms.T == pytest.approx(np.eye(size**2 - 1), abs=1e-6)
    assert atoms.sum(1) == pytest.approx(0, abs=1e-6)
    image = np.random.default_rng(0).normal(size=(size, size))
    assert atoms @ image.ravel() == pytest.approx(dctn(image, norm="ortho").ravel()[1:], abs=1e-5)


@pytest.mark.parametrize(
    ("stages", "size", "count"), [(5, 5, 10_445), (5, 7, 26_645), (8, 5, 16_712)]
)
def test_a_stage_has_its_mixtures_its_functions_and_one_more_number(stages, size, count):
    assert sum(p.numel() for p in TNRD(stages, size).parameters()) == count


def test_gradients_of_kernels_functions_and_reaction():
    tnrd = as_if_trained(1).double()
    f = noise(1, 1, 4, 5).requires_grad_()
    names, values = zip(*tnrd.named_parameters(), strict=True)

    def restored(f, *values):
        return torch.func.functional_call(tnrd, dict(zip(names, values, strict=True)), f)

    assert torch.autograd.gradcheck(restored, (f, *values), atol=1e-6, rtol=1e-6, eps=1e-5)


def test_the_compiled_form_is_the_sum_of_bumps():
    tnrd, f = as_if_trained(), noise(2, 1, 21, 17)
    exact = copy.deepcopy(tnrd).double()
    found, wanted = tnrd(f.float()), exact(f)
    assert (found - wanted).abs().max() < 1e-3 and (wanted - f).abs().max() > 10
    for given in (found, wanted):
        given.square().mean().backward()
    for one, other in zip(tnrd.parameters(), exact.parameters(), strict=True):
        scale = (
            other.grad.abs().max()
        )  # 0 of the first reaction: there the image is the degraded one
        assert (one.grad - other.grad).abs().max() <= 1e-4 * scale


@pytest.mark.parametrize("response", [-309.9, -3.0, 0.0, 0.37, 120.5, 330.0])
def test_a_look_up_is_exact_to_a_ten_thousandth(response):
    influence = as_if_trained().stages[0].influence
    table = influence.table
    given = torch.full((1, 8, 1, 1), response)
    found = look_up(given, table.pieces(influence.weights.detach()), table.end)
    wanted = copy.deepcopy(influence).double()(given.double())
    assert (found - wanted).abs().max() < 1e-4


def test_beyond_the_table_nothing_is_taken_and_nan_stays():
    table = as_if_trained().stages[0].influence.table
    given = torch.tensor([-1e9, 1e9, torch.inf, torch.nan]).reshape(1, 1, 1, 4)
    found = look_up(given, table.pieces(torch.ones(1, 63)), table.end).flatten()
    assert (found[:2] == 0).all() and found[3].isnan()


def test_a_constant_stays():
    u = as_if_trained()(torch.full((1, 1, 9, 8), 77.0))
    assert torch.allclose(u, torch.full_like(u, 77.0), atol=1e-3)


def test_the_mirror_shows_the_border_too_and_repeats():
    u = torch.arange(3.0).reshape(1, 1, 1, 3)
    assert mirrored(u, 4)[0, 0, 0].tolist() == [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]


def test_a_step_of_a_diffusion_is_a_stage_with_differences_for_filters():
    stage, tau = Stage(3, 8), 0.2
    differences = torch.zeros(2, 3, 3)
    differences[:, 1, 1] = -1
    differences[0, 1, 2] = differences[1, 2, 1] = 1
    with torch.no_grad():
        stage.mixture[:2] = torch.einsum("nij,aij->na", differences, stage.atoms)
        stage.influence.weights[2:] = 0
        stage.log_reaction.fill_(-torch.inf)
    stage = stage.double()
    phi, u = stage.influence, 0.3 * noise(1, 1, 12, 11)

    def g(difference):
        """The kernels have length one: a difference over the root of two."""
        response = (difference / 2**0.5).expand(-1, 8, -1, -1)
        return phi(response)[:, :1] / (2**0.5 * tau * difference)

    found, wanted = stage(u, u), explicit_step(u, tuple(map(g, gradient(u))), tau)
    assert (found - wanted).abs().max() < 1e-4 and (wanted - u).abs().max() > 0.1


@pytest.mark.parametrize("arguments", [(0, 5), (5, 4), (5, 1)])
def test_what_makes_no_network_is_refused(arguments):
    with pytest.raises(ValueError, match=f"got {arguments[0]} and {arguments[1]}"):
        TNRD(*arguments)
