"""Reaction diffusion with stages of its own: basis, functions and their tables, gradients, and what it contains."""

import copy

import numpy as np
import pytest
import torch
from scipy.fft import dctn

from anisodiff.methods.denoisers.tnrd import KINDS, TNRD, Influence, Stage, basis, mirrored
from anisodiff.methods.diffusion.kernels.lookup import look_up
from anisodiff.methods.diffusion.scheme import explicit_step, gradient


def noise(*shape, dtype=torch.float64):
    return 255 * torch.rand(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def as_if_trained(stages=2, size=3, **more):
    torch.manual_seed(0)
    tnrd = TNRD(stages, size, **more)
    for stage in tnrd.stages:
        with torch.no_grad():
            if not more.get("differences"):
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


@pytest.mark.parametrize("functions", KINDS)
def test_the_compiled_form_is_the_sum_of_its_functions(functions):
    tnrd, f = as_if_trained(functions=functions), noise(2, 1, 21, 17)
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


def test_splines_are_linear_between_their_values_and_constant_beyond():
    influence = Influence(1, "splines")
    with torch.no_grad():
        influence.weights[0] = torch.linspace(-31, 31, 63).pow(2)
    given = torch.tensor([-1e4, -310.0, -5.0, 0.0, 5.0, 10.0, 312.0]).reshape(1, 1, 1, 7)
    for form in (influence, copy.deepcopy(influence).double()):
        found = form(given.to(form.weights)).flatten().tolist()
        assert found == pytest.approx([961, 961, 0.5, 0, 0.5, 1, 961], abs=1e-2)


def test_rising_functions_have_slopes_from_0_to_1():
    influence = Influence(4, "rising").double()
    with torch.no_grad():
        influence.weights.mul_(0).add_(
            5 * torch.randn(4, 63, generator=torch.Generator().manual_seed(0))
        )
    r = torch.linspace(-400, 400, 2001).double().expand(1, 4, 1, -1)
    slopes = influence(r).diff(dim=-1) / 0.4
    assert slopes.min() >= -1e-12 and slopes.max() <= 1 + 1e-9 and slopes.max() > 0.9
    assert influence(torch.zeros(1, 4, 1, 1).double()).abs().max() == 0


@pytest.mark.parametrize("reaction", ["none", "noise"])
def test_a_stage_of_rising_functions_brings_no_two_images_farther_apart(reaction):
    torch.manual_seed(0)
    stage = Stage(5, 24, "rising", reaction).double()
    with torch.no_grad():
        stage.amplitudes.add_(9)
        stage.mixture.add_(0.3 * torch.randn_like(stage.mixture))
        stage.influence.weights.add_(9)
    f, apart = noise(1, 1, 24, 24), torch.zeros(1, 1, 24, 24).double()
    apart[..., 9:15, 9:15] = torch.randn(6, 6).double()
    for _ in range(30):  # to the difference that grows most, away from the border
        change = stage(f + apart, f) - stage(f, f)
        apart = change[..., 4:-4, 4:-4] / change.norm() * 0.1
        apart = torch.nn.functional.pad(apart, (4,) * 4)
    ratio = (stage(f + apart, f) - stage(f, f)).norm() / apart.norm()
    assert 0.5 < ratio <= 1 + 1e-9, "steep enough that the bound is at work"
    stage.scales = lambda kernels: torch.full((24, 1, 1), 9.0)
    assert (stage(f + apart, f) - stage(f, f)).norm() / apart.norm() > 2, "which it keeps"


def test_the_reaction_to_counts_is_the_minimiser_of_its_energy():
    stage = Stage(3, 8, reaction="counts").double()
    with torch.no_grad():
        stage.influence.weights.zero_()
        stage.log_reaction.fill_(np.log(7.0))
    for v, f in ((50.0, 90.0), (3.0, 0.0), (20.0, 0.0), (0.5, 3.0)):
        tried = torch.linspace(1e-3, 200, 400_001).double()
        likelihood = 7 * (tried - (f * tried.log() if f else 0))
        best = tried[((tried - v) ** 2 / 2 + likelihood).argmin()]
        found = stage(torch.full((1, 1, 3, 3), v).double(), torch.full((1, 1, 3, 3), f).double())
        assert found[0, 0, 1, 1].item() == pytest.approx(best.item(), abs=2e-3)


def test_a_pixel_without_counts_has_a_gradient_where_the_root_is_zero():
    stage = Stage(3, 8, reaction="counts").double()
    with torch.no_grad():
        stage.influence.weights.zero_()
        stage.log_reaction.zero_()
    stage(torch.ones(1, 1, 3, 3).double(), torch.zeros(1, 1, 3, 3).double()).sum().backward()
    assert all(p.grad.isfinite().all() for p in stage.parameters())


def test_stages_that_are_tied_are_one():
    tied, apart = TNRD(3, 3, tied=True), TNRD(1, 3)
    assert sum(p.numel() for p in tied.parameters()) == sum(p.numel() for p in apart.parameters())
    u = f = noise(1, 1, 9, 9).float()
    for _ in range(3):
        u = tied.stages[0](u, f)
    assert torch.equal(tied(f), u)


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
    stage, tau = as_if_trained(1, differences=True, reaction="none").stages[0], 0.2
    with torch.no_grad():
        odd = stage.influence.weights[0] - stage.influence.weights[0].flip(0)
        stage.influence.weights[:] = odd  # one g for both directions, and no flux where it is flat
    stage = stage.double()
    phi, u = stage.influence, 0.3 * noise(1, 1, 12, 11)

    def g(difference):
        """The kernels have length one: a difference over the root of two."""
        response = (difference / 2**0.5).expand(-1, 2, -1, -1)
        return phi(response)[:, :1] / (2**0.5 * tau * difference)

    found, wanted = stage(u, u), explicit_step(u, tuple(map(g, gradient(u))), tau)
    assert (found - wanted).abs().max() < 1e-4 and (wanted - u).abs().max() > 0.1


@pytest.mark.parametrize("arguments", [(0, 5), (5, 4), (5, 1)])
def test_what_makes_no_network_is_refused(arguments):
    with pytest.raises(ValueError, match=f"got {arguments[0]} and {arguments[1]}"):
        TNRD(*arguments)
    with pytest.raises(
        ValueError, match="unknown functions 'cubic'; there are: bumps, splines, rising"
    ):
        TNRD(functions="cubic")
    with pytest.raises(
        ValueError, match="unknown reaction 'poisson'; there are: noise, counts, none"
    ):
        TNRD(reaction="poisson")
