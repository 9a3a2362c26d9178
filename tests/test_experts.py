"""Fields of Experts and the U-Net: compiled forms equal plain ones, families are what they say, sizes the published."""

import warnings

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d
from torch.utils.flop_counter import FlopCounterMode

from anisodiff.methods.diffusion import experts as experts_file
from anisodiff.methods.diffusion import unet
from anisodiff.methods.diffusion.experts import FUNCTIONS, Experts, Monomials, Splines, noise_level
from anisodiff.methods.diffusion.kernels.filters import respond, spread
from anisodiff.methods.diffusion.kernels.splines import (
    hinges,
    indexed_spline_sum,
    spline_sum,
)
from anisodiff.methods.diffusion.scheme import Diffusion, UnstableStep
from anisodiff.methods.diffusion.unet import UNet
from anisodiff.study import catalogue


def random(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).float()


def with_gradients(function, *arguments):
    """The value and, of a random multiple of it, the gradients for all arguments."""
    arguments = [argument.detach().clone().requires_grad_() for argument in arguments]
    value = function(*arguments)
    (value * random(*value.shape, seed=9).to(value)).sum().backward()
    return [value.detach(), *(argument.grad for argument in arguments)]


def assert_alike(compiled, plain):
    for one, other in zip(compiled, plain, strict=True):
        torch.testing.assert_close(
            one.double(), other, rtol=0, atol=1e-4 * other.abs().max().item()
        )


@pytest.mark.parametrize(("size", "wider"), [(1, 0), (2, 1), (3, 0), (4, 1), (5, 0), (12, 1)])
def test_compiled_responses_and_their_gradients_are_those_of_a_convolution(size, wider):
    given = random(2, 1, 20, 17), random(5, size, size + wider)
    plain = with_gradients(
        lambda z, k: conv2d(z, k[:, None]), *(tensor.double() for tensor in given)
    )
    assert_alike(with_gradients(respond, *given), plain)
    back = (random(2, 5, 20, 17), given[1])
    plain = with_gradients(
        lambda r, k: conv2d(r, k.flip(1, 2)[None]), *(tensor.double() for tensor in back)
    )
    assert_alike(with_gradients(spread, *back), plain)


@pytest.mark.parametrize(("intervals", "shape"), [(1, (40, 37)), (4, (3, 2)), (20, (1, 1))])
def test_compiled_splines_and_their_gradients_are_those_of_the_plain_form(intervals, shape):
    given = 3 * random(2, 6, *shape), random(6, intervals + 1, seed=1)
    plain = with_gradients(indexed_spline_sum, *(tensor.double() for tensor in given))
    assert_alike(with_gradients(spline_sum, *given), plain)


def test_splines_take_any_response_and_gradients_of_any_layout():
    nodal = random(3, 21)
    far = (
        torch.tensor([-1e30, -200.0, -88.0, 0.0, 88.0, 200.0, 1e30])
        .reshape(1, 1, 1, 7)
        .expand(1, 3, 1, 7)
    )
    ends = [nodal[:, at].sum() for at in (0, 0, 0, 10, 20, 20, 20)]
    torch.testing.assert_close(
        spline_sum(far, nodal)[0, 0, 0], torch.stack(ends), rtol=0, atol=2e-4
    )
    for value in (torch.nan, torch.inf):
        indexed_spline_sum(
            torch.full((1, 3, 2, 2), value, dtype=torch.float64), nodal.double()
        )  # no index beyond
    assert (
        spline_sum(torch.full((1, 3, 2, 2), torch.nan), nodal).isnan().all()
    )  # and none made a number
    responses, given = random(2, 3, 8, 9).requires_grad_(), random(2, 1, 9, 8).mT
    spline_sum(responses, nodal).backward(given)
    before, responses.grad = responses.grad, None
    spline_sum(responses, nodal).backward(given.contiguous())
    assert torch.equal(before, responses.grad)


def test_hinges_are_the_same_function():
    nodal, x = random(2, 8).double(), torch.linspace(0, 7, 50).double()
    const, kinks = hinges(nodal)
    ours = const + (kinks[..., None] * torch.maximum(x, torch.arange(7)[:, None])).sum((0, 1))
    plain = sum(np.interp(x, np.arange(8), values) for values in nodal)
    np.testing.assert_allclose(ours, plain, atol=1e-12)


def test_no_tensor_of_many_times_the_responses_is_kept_for_the_way_back():
    diffusivity, u = Experts("splines", 5, 30), 255 * torch.rand(1, 1, 64, 64)
    kept = {}

    def keep(tensor):
        kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        diffusivity(u)
    assert 30 * 64 * 64 <= sum(kept.values()) < 1.3 * 30 * 64 * 64


@pytest.mark.parametrize("family", FUNCTIONS)
def test_the_functions_that_are_drawn_are_those_that_are_summed(family):
    torch.manual_seed(0)
    functions = FUNCTIONS[family](7)
    for parameter in functions.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    x = torch.linspace(0.01, 0.99, 30)
    constant = getattr(functions, "constant", 0)
    summed = functions(torch.logit(x).expand(1, 7, 1, 30))[0, 0, 0]
    torch.testing.assert_close(functions.functions(x).sum(0) + constant, summed, rtol=0, atol=1e-4)


def test_falling_splines_never_rise_whatever_they_have_learned():
    functions = Splines(4, falling=True)
    for seed in range(3):
        functions.slopes.data = 10 * random(4, 20, seed=seed)
        assert (functions.nodal.diff() <= 0).all()
    assert (Splines(4).nodal.diff() > 0).any()


def test_the_level_of_noise_is_read_off_the_image():
    clean = torch.linspace(50, 200, 128).expand(1, 1, 128, 128)
    noisy = torch.cat([clean + level * random(1, 1, 128, 128) for level in (5, 50)])
    np.testing.assert_allclose(noise_level(noisy).flatten(), [5, 50], rtol=0.05)
    assert noise_level(clean).item() == noise_level(clean[..., :1]).item() == 1
    diffusivity = Experts("splines", 3, 4, told=25, estimating=True)
    assert diffusivity.reads_image and not diffusivity.reads_sigma, "nobody tells it"
    context = Diffusion(diffusivity, 1, 0.25).condition(noisy, 99.0)
    assert torch.equal(context, torch.log(noise_level(noisy) / 25))


def test_each_monomial_has_its_own_power():
    functions = Monomials(4)
    functions.coefficients.data = torch.tensor([1.0, -2, 3, -4])
    x = torch.tensor([0.0, 0.5, 1.0])
    expected = torch.stack([x, -2 * x**2, 3 * x**3, -4 * x**4])
    torch.testing.assert_close(functions.functions(x), expected)


def test_g_of_roth_and_black_is_their_product():
    diffusivity, u = Experts("roth-black", 3, 5), 255 * torch.rand(1, 1, 9, 8)
    x = torch.sigmoid(diffusivity.responses(u))
    product = ((1 + x**2 / 2) ** -diffusivity.functions.alpha[:, None, None]).prod(1, keepdim=True)
    torch.testing.assert_close(diffusivity(u)[0], product, rtol=1e-5, atol=1e-6)
    diffusivity.functions.numbers.data[:] = -30
    assert (diffusivity.functions.alpha > 0).all()
    assert diffusivity.bound == 1 and not diffusivity.bounded


def test_without_a_bound_g_is_the_exponential_and_no_step_is_safe():
    torch.manual_seed(0)
    free = Experts("splines", 3, 5, bounded=False)
    torch.manual_seed(0)
    safe, u = Experts("splines", 3, 5), 255 * torch.rand(1, 1, 9, 8)
    g = free(u)[0]
    torch.testing.assert_close(g / (1 + g), safe(u)[0])
    assert (safe.bound, free.bound) == (1, np.inf)
    with pytest.warns(UnstableStep, match="with g up to inf it must be at most 0 for"):
        Diffusion(free, 10, 0.25)


def test_the_border_continues_the_image():
    """A kernel sees a column that goes on above and below as it sees a taller one."""
    torch.manual_seed(0)
    diffusivity, column = Experts("splines", 4, 3), 255 * torch.rand(1, 1, 1, 12)
    low, high = (diffusivity(column.expand(1, 1, rows, 12))[0] for rows in (3, 9))
    torch.testing.assert_close(low[0, 0, 1], high[0, 0, 4], rtol=0, atol=1e-6)


def test_what_is_summed_in_one_go_is_the_same():
    for experts, size in ((1, 1), (3, 3), (35, 6), (4, 5), (5, 4)):
        torch.manual_seed(0)
        diffusivity, u = Experts("splines", size, experts), 255 * torch.rand(2, 1, 23, 31)
        with torch.inference_mode():
            summed = diffusivity.exponent(u)
            plain = diffusivity.functions(diffusivity.responses(u))
        torch.testing.assert_close(summed, plain, rtol=0, atol=1e-5)


def test_strips_change_nothing(monkeypatch):
    torch.manual_seed(0)
    diffusion = Diffusion(Experts("monomials", 6, 3), 3, 0.25)
    batches = [255 * torch.rand(2, 1, rows, 9) for rows in (1, 95, 96, 97, 200)]
    with torch.inference_mode():
        strips = [diffusion(f) for f in batches]
        monkeypatch.setattr(experts_file, "STRIP", 10_000)
        for found, f in zip(strips, batches, strict=True):
            torch.testing.assert_close(found, diffusion(f), rtol=0, atol=1e-4)


# Sizes and names -----------------------------------------------------------------------------------------------------


def built(name, level):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnstableStep)
        listed = catalogue.entry(name)
        return listed.build(listed.arguments(level))


def count(name, level):
    return sum(parameter.numel() for parameter in built(name, level).parameters())


RELEASED = {"foe-s": (2030, 1410, 3090), "foe-d": (2580, 3050, 1775), "foe-m": (520, 670, 585)}


def test_parameters_are_those_of_the_release_but_for_what_does_nothing_there():
    """The release stores for each expert a weight that multiplies zero; for monomials, another and a constant each."""
    for name, counted in RELEASED.items():
        for level, released in zip((15, 25, 50), counted, strict=True):
            experts = len(built(name, level).diffusivity.kernels)
            useless = 2 * experts - 1 if name == "foe-m" else experts
            assert count(name, level) == released - useless, (name, level)


def test_parameters_of_roth_black_and_of_the_u_net_are_those_of_the_release():
    assert [count("foe-rb", level) for level in (15, 25, 50)] == [3660, 3625, 520]
    assert count("unet-diffusivity", 25) == 27_581


def test_no_freedom_takes_more_than_thirty_thousand_parameters():
    named = [name for name in catalogue.names() if name.startswith(("foe-s-", "network"))]
    freedoms = [name for name in named if not name.startswith("network-200k")]
    assert len(freedoms) > 10
    for name in freedoms:
        assert 1000 < count(name, 25) <= 30_000, name


def test_pytorch_counts_the_operations_of_all_responses():
    """The page prints them; the compiled form of a whole diffusion hides them from the counter."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        Experts("splines", 5, 30).responses(torch.zeros(1, 1, 256, 256))
    assert counter.get_total_flops() == 2 * 30 * 5**2 * 256**2


def test_between_the_published_levels_the_nearest_size_is_taken():
    sizes = {level: catalogue.entry("foe-s").arguments(level)["size"] for level in (5, 15, 40, 50)}
    assert sizes == {5: 6, 15: 6, 40: 9, 50: 9}


def test_a_seed_is_a_variation_of_the_training_not_of_the_model():
    listed = catalogue.entry("foe-s-seed-2")
    assert listed.summary.endswith("seed 2")
    assert listed.arguments(25) == catalogue.entry("foe-s").arguments(25)


def test_the_u_net_as_written_is_deeper_and_takes_any_size():
    torch.manual_seed(0)
    deep, f = Diffusion(UNet(**unet.AS_WRITTEN), 2, 0.25).eval(), 255 * torch.rand(1, 1, 19, 33)
    assert sum(parameter.numel() for parameter in deep.parameters()) > 200_000
    with torch.inference_mode():
        assert deep(f).shape == f.shape
