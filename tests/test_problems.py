"""Problems, their linear operators, and the solvers that need no training."""

import sys
from textwrap import dedent

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import convolve, gaussian_filter

from anisodiff import problems
from anisodiff.data import collections
from anisodiff.methods.base import Denoising, Method
from anisodiff.methods.denoisers.median import Median
from anisodiff.methods.solvers.bicubic import Bicubic
from anisodiff.methods.solvers.biharmonic import Biharmonic
from anisodiff.methods.solvers.wiener import Wiener
from anisodiff.metrics.distortion import psnr
from anisodiff.problems import PROBLEMS, parse, problem, seeded
from anisodiff.problems.operators import (
    BicubicDownsample,
    Compressed,
    Fourier,
    GaussianBlur,
    Identity,
    Mask,
    PeriodicBlur,
    gaussian_kernel,
)

SHAPE = (11, 8)  # odd and even, not square, smaller than the widest kernel


def normal(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def drawn(kind, level, shape=SHAPE):
    return kind(level).draw_operator(shape, np.random.default_rng(0))


def dense(operator):
    """The operator as a matrix, (m, n)."""
    images = torch.eye(np.prod(operator.in_shape), dtype=torch.float64)
    return operator.A(images.reshape(-1, *operator.in_shape)).flatten(1).T


# What every linear operator promises, in float64.


def is_linear_with_its_adjoint(operator):
    x, other = normal(2, *operator.in_shape), normal(2, *operator.in_shape, seed=1)
    y = normal(2, *operator.out_shape, seed=2)
    combined = operator.A(2 * x - 3 * other)
    torch.testing.assert_close(combined, 2 * operator.A(x) - 3 * operator.A(other))
    assert operator.A(x).shape == y.shape
    assert torch.sum(operator.A(x) * y).item() == pytest.approx(
        torch.sum(x * operator.A_adjoint(y)).item(), abs=1e-10
    )


def is_undone_by_its_pseudo_inverse(operator):
    y = operator.A(normal(*operator.in_shape))
    torch.testing.assert_close(operator.A(operator.A_dagger(y)), y, rtol=0, atol=1e-10)


def has_orthonormal_singular_vectors(operator):
    x, y = normal(2, *operator.in_shape), normal(2, *operator.out_shape)
    for there_and_back in (
        operator.V(operator.V_adjoint(x)) - x,
        operator.V_adjoint(operator.V(x)) - x,
        operator.U(operator.U_adjoint(y)) - y,
    ):
        assert there_and_back.abs().max() < 1e-10
    assert torch.sum(operator.U_adjoint(y) * x).item() == pytest.approx(
        torch.sum(y * operator.U(x)).item(), abs=1e-10
    )


def is_its_decomposition(operator):
    x, values = normal(*operator.in_shape), operator.singular_values
    torch.testing.assert_close(
        operator.A(x), operator.U(values * operator.V_adjoint(x)), rtol=0, atol=1e-10
    )
    assert values.shape == operator.in_shape
    found = values.flatten().sort(descending=True).values
    expected = torch.zeros_like(found)
    singular = torch.linalg.svdvals(dense(operator))
    expected[: len(singular)] = singular
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


def has_the_proximal_point(operator):
    z, y, gamma = normal(*operator.in_shape), normal(*operator.out_shape, seed=1), 0.7
    matrix = dense(operator)
    normal_matrix = torch.eye(z.numel(), dtype=torch.float64) + gamma * matrix.T @ matrix
    expected = torch.linalg.solve(normal_matrix, z.flatten() + gamma * matrix.T @ y.flatten())
    proximal = operator.prox_l2(z, y, gamma)
    torch.testing.assert_close(proximal, expected.reshape(z.shape), rtol=0, atol=1e-10)


def has_its_largest_singular_value_for_norm(operator):
    matrix = dense(operator)
    steps = matrix.T @ matrix
    for _ in range(20):  # the power iteration, twice as many steps each time
        steps = steps @ steps
        steps = steps / steps.norm()
    x = steps @ normal(len(steps))
    found = (matrix @ x).norm() / x.norm()
    assert found.item() == pytest.approx(operator.singular_values.max().item(), rel=1e-10)


PROMISES = [
    is_linear_with_its_adjoint,
    is_undone_by_its_pseudo_inverse,
    has_orthonormal_singular_vectors,
    is_its_decomposition,
    has_the_proximal_point,
    has_its_largest_singular_value_for_norm,
]
LINEAR = [
    (kind, level)
    for kind in PROBLEMS.values()
    for level in sorted({kind.levels[0], kind.levels[-1]})
    if drawn(kind, level) is not None
]


@pytest.mark.parametrize("promise", PROMISES)
@pytest.mark.parametrize(
    ("kind", "level"), LINEAR, ids=[f"{kind.name}-{level}" for kind, level in LINEAR]
)
def test_a_linear_operator_keeps_its_promises(kind, level, promise):
    promise(drawn(kind, level))


def test_the_suite_meets_every_operator():
    assert {type(drawn(*case)) for case in LINEAR} >= {
        Identity,
        Mask,
        GaussianBlur,
        BicubicDownsample,
        PeriodicBlur,
        Fourier,
    }


@pytest.mark.parametrize("variance", [1, 16])
def test_the_operator_of_the_blur_is_scipys(variance):
    x = 255 * normal(3, *SHAPE).abs()
    blurred = gaussian_filter(x.numpy(), variance**0.5, mode="reflect", axes=(-2, -1))
    np.testing.assert_allclose(GaussianBlur(SHAPE, variance).A(x), blurred, rtol=0, atol=1e-9)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_downsampling_is_pillows_away_from_the_borders(factor):
    x = (255 * normal(12 * factor, 14 * factor).abs()).float()
    expected = Image.fromarray(x.numpy()).resize((14, 12), Image.Resampling.BICUBIC)
    found = BicubicDownsample(x.shape, factor).A(x)
    np.testing.assert_allclose(found[2:-2, 2:-2], np.asarray(expected)[2:-2, 2:-2], atol=1e-3)


def test_downsampling_keeps_a_constant_and_rounds_the_sides_up():
    ones = torch.ones(1, 13, 8, dtype=torch.float64)
    assert BicubicDownsample((13, 8), 3).A(ones).sub(1).abs().max() < 1e-12
    assert BicubicDownsample((13, 8), 3).A(ones).shape == (1, 5, 3)


@pytest.mark.parametrize("factor", [2, 3])
def test_downsampling_continues_the_image_by_reflection(factor):
    x, room = normal(6 * factor - 1, 5 * factor), 4 * factor
    larger = torch.from_numpy(np.pad(x, room, mode="symmetric"))
    expected = BicubicDownsample(larger.shape, factor).A(larger)[4:10, 4:9]
    found = BicubicDownsample(x.shape, factor).A(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_the_pseudo_inverse_of_the_blur_drops_what_is_below_the_cutoff():
    operator = GaussianBlur((32, 32), 4)
    y = normal(32, 32)
    assert operator.A_dagger(y, cutoff=1e-2).norm() < 100 * y.norm() < operator.A_dagger(y).norm()
    assert operator.A_dagger(y.float()).dtype == torch.float32


@pytest.mark.parametrize(("kind", "level"), LINEAR[::2])
def test_gradients_pass_through_an_operator_first_used_without(kind, level):
    shape = (9, 10)  # of no other test: the matrices are made here
    operator = drawn(kind, level, shape)
    with torch.inference_mode():
        operator.prox_l2(
            operator.A_dagger(operator.A(normal(*shape))), operator.A(normal(*shape)), 1
        )
    x = normal(*shape).requires_grad_()
    operator.prox_l2(x, operator.A(x), 1.0).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_the_periodic_blur_is_scipys_at_the_pixels_kept(factor):
    x, kernel = normal(3, 12, 18), gaussian_kernel(1.6, 7)
    blurred = convolve(x.numpy(), np.outer(kernel, kernel)[None], mode="wrap")
    found = PeriodicBlur((12, 18), kernel, factor).A(x)
    np.testing.assert_allclose(found, blurred[:, ::factor, ::factor], rtol=0, atol=1e-12)
    assert sum(kernel) == pytest.approx(1) and kernel[3] == max(kernel)


def test_the_real_fourier_transform_keeps_what_the_complex_one_keeps():
    operator = drawn(PROBLEMS["fourier"], 0.5, (10, 13))
    mask, x = operator.mask, normal(10, 13)
    kept = torch.fft.ifft2(mask * torch.fft.fft2(x, norm="ortho"), norm="ortho")
    torch.testing.assert_close(operator.A_adjoint(operator.A(x)), kept.real)
    assert kept.imag.abs().max() < 1e-12 and mask.double().mean().item() == pytest.approx(
        0.5, abs=0.1
    )
    assert mask[:, 0].all()  # the mean is measured
    with pytest.raises(ValueError, match="symmetric along axis 0"):
        Fourier(torch.arange(12).reshape(4, 3) > 5)


def test_compressed_sensing_mixes_all_pixels_and_keeps_the_mean():
    operator = drawn(PROBLEMS["compressed"], 0.25, (16, 12))
    assert operator.mask.sum() == 48 and operator.mask[0, 0]
    one = torch.zeros(16, 12, dtype=torch.float64)
    one[3, 5] = 1
    assert (operator.A(one)[operator.mask].abs() > 1e-9).double().mean() > 0.9
    flat = operator.A_dagger(operator.A(torch.full((16, 12), 7.0)))
    torch.testing.assert_close(flat, torch.full((16, 12), 7.0))
    for order in (torch.arange(5), torch.zeros(192, dtype=torch.long)):
        with pytest.raises(ValueError, match="an order of 192 pixels"):
            Compressed(operator.mask, order)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("periodic-gaussian,1.6,side=8", "odd number, got 8"),
        ("periodic-uniform,4", "odd number, got 4"),
        ("blur-downsample,2.5", "whole number of at least 2, got 2.5"),
        ("blur-downsample,2,deviation=0", "above 0, got 0"),
        ("missing-pixels,1.5", "at most 1, got 1.5"),
    ],
)
def test_a_kernel_that_is_none_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


@pytest.mark.parametrize("name", ["missing-pixels", "fourier", "compressed"])
def test_what_was_lost_must_come_with_the_measurement(name):
    with pytest.raises(ValueError, match=f"{name}: which .* give the problem of the measurement"):
        problem(name, 0.5).placed((8, 8))


# What the problems measure.

# Recorded from the code with which the study's first scores were made: three pixels, the mean, and the mean weighted by
# the place in the image, rising from 0 to 1.
RECORDED = {
    "gaussian,25": (142.540833, 228.254395, 73.4959946, 129.168293, 64.8622739),
    "poisson,5.5": (93.5, 214.5, 55.0, 129.181393, 64.77064),
    "salt-pepper,0.2": (0.0, 0.0, 67.0, 132.006237, 66.3157846),
    "blur,4": (98.5046082, 133.655197, 126.730377, 129.290021, 64.8924084),
    "inpainting,0.2": (97.0, 0.0, 67.0, 102.897089, 55.4463671),
}


@pytest.fixture(scope="module")
def pattern():
    i, j = np.mgrid[:37, :52]
    return ((7 * i * i + 13 * j + 5 * i * j) % 256).astype(np.float32)


@pytest.fixture(scope="module")
def photograph():
    camera = next(image for image in collections.load("shipped/test") if image.name == "camera")
    return camera.pixels[100:228, 180:308]


@pytest.mark.parametrize("text", RECORDED)
def test_a_measurement_is_the_one_recorded(text, pattern):
    kind = parse(text)
    y = kind.measure(pattern, seeded(3, "shipped/test", "camera", kind)).y
    place = torch.arange(y.numel(), dtype=torch.float64).reshape(y.shape) / y.numel()
    found = (y[2, 3], y[18, 20], y[30, 45], y.double().mean(), (place * y).mean())
    assert y.dtype == torch.float32
    np.testing.assert_allclose(found, RECORDED[text], rtol=1e-6)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_measurement_is_fixed_by_the_generator_and_leaves_the_image(name, pattern):
    kind, before = problem(name, PROBLEMS[name].levels[1]), pattern.copy()
    first, again, other = (kind.measure(pattern, np.random.default_rng(s)).y for s in (1, 1, 2))
    assert torch.equal(first, again)
    used, fresh = np.random.default_rng(1), np.random.default_rng(1)
    kind.measure(pattern, used)
    assert torch.equal(first, other) == (used.random() == fresh.random())  # where nothing is drawn
    assert np.array_equal(pattern, before)
    colours = kind.measure(np.stack([pattern] * 3), np.random.default_rng(1))
    assert colours.y.shape == (3, *first.shape) and colours.y.dtype == torch.float32
    assert colours.problem == kind


def test_a_measurement_carries_the_mask_that_was_drawn(pattern):
    named = problem("inpainting", 0.2)
    measured = named.measure(np.stack([pattern + 1] * 3), np.random.default_rng(1))
    known = measured.problem.operator.mask
    assert named.operator is None
    assert 0.15 < 1 - known.double().mean() < 0.25
    for channel in measured.y:
        assert torch.equal(channel != 0, known)


def test_noise_comes_after_the_operator(pattern):
    plain, noisy = (
        problem("blur", 4, sigma=s).measure(pattern, np.random.default_rng(1)).y for s in (0, 5)
    )
    assert (noisy - plain).std().item() == pytest.approx(5, rel=0.05)
    noisy = problem("downsample", 2, sigma=5).measure(pattern, np.random.default_rng(1))
    residual = noisy.y - noisy.problem.operator.A(torch.from_numpy(pattern))
    assert residual.std().item() == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize(
    ("image", "message"), [(np.ones(5), r"\(5,\)"), (np.ones((0, 4)), r"\(0, 4\)")]
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(ValueError, match=message):
        problem("blur", 4).measure(image, None)


# Problems by name.


def test_the_problems_have_an_order():
    assert list(PROBLEMS)[:6] == [
        "gaussian",
        "poisson",
        "salt-pepper",
        "blur",
        "inpainting",
        "downsample",
    ]


def test_a_problem_is_made_by_name_and_from_the_command_line():
    assert parse("gaussian,25") == parse("gaussian, sigma=25") == problem("gaussian", 25)
    assert (
        parse("blur,variance=4,sigma=2") == parse("blur,4,sigma=2") == problem("blur", 4, sigma=2)
    )
    assert parse("salt-pepper,.1").level == 0.1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("haze,1", "'haze'.*gaussian, poisson"),
        ("blur", "variance is missing"),
        ("blur,sigma=2", "variance is missing"),
        ("blur,4,width=2", "'width'.*variance, sigma"),
        ("blur,4,operator=2", "'operator'"),
        ("blur,4,variance=5", "twice.*4.*5"),
        ("blur,4,5", "'5'"),
        ("blur,sigma=1,sigma=2", "'sigma=2'"),
        ("blur,four", "'four' is not a number"),
        ("blur,4,sigma=-1", "sigma.*-1"),
        ("blur,4,sigma=inf", "sigma.*inf"),
        ("gaussian,0", "above 0.*got 0"),
        ("gaussian,nan", "got nan"),
        ("inpainting,1.5", "at most 1, got 1.5"),
        ("downsample,2.5", "whole number.*2.5"),
        ("downsample,1", "at least 2, got 1"),
        ("", "unknown problem ''"),
    ],
)
def test_a_wrong_problem_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse(text)


def test_a_level_that_is_no_number_is_named():
    with pytest.raises(ValueError, match="got '25'"):
        problem("gaussian", "25")


def test_the_generator_knows_the_parameters_that_are_not_the_default():
    texts = ("blur,4", "blur,4,sigma=0", "blur,4,sigma=2")
    first, same, other = (seeded(0, "set12", "01", parse(text)).random() for text in texts)
    assert first == same == 0.9516143636401866  # as before there was a sigma
    assert first != other


# Solvers.


def restored(method, text, x):
    """PSNR of the measurement (None where it is smaller) and of the estimate."""
    measured = parse(text).measure(x[None], np.random.default_rng(0))
    estimate = method.restore(measured.y, measured.problem)
    assert estimate.images.shape == (1, 1, *x.shape)
    before = psnr(measured.y[0].numpy(), x) if measured.y.shape[1:] == x.shape else None
    return before, psnr(estimate.image[0].numpy(), x), measured, estimate


@pytest.mark.parametrize(
    ("method", "text", "gain"),
    [
        (Wiener(), "blur,4", 8),
        (Wiener(), "blur,4,sigma=2", 1.5),
        (Wiener(), "blur,16,sigma=10", 1),
        (Denoising(Median(), "median"), "salt-pepper,0.2", 10),
        (Biharmonic(), "inpainting,0.1", 8),
    ],
)
def test_a_solver_gains(method, text, gain, photograph):
    before, after, *_ = restored(method, text, photograph)
    assert after > before + gain


def test_wiener_keeps_the_mean_and_its_strength_smooths(photograph):
    roughness = []
    for strength in (1e-3, 1e-1):
        *_, measured, estimate = restored(Wiener(strength), "blur,4,sigma=5", photograph)
        assert estimate.image.mean().item() == pytest.approx(measured.y.mean().item(), rel=1e-5)
        roughness.append(estimate.image.diff().abs().mean())
    assert roughness[0] > roughness[1]
    with pytest.raises(ValueError, match="above 0, got 0"):
        Wiener(strength=0)


def test_biharmonic_inpainting_leaves_what_is_known(photograph):
    colours = np.stack([photograph, 255 - photograph])
    measured = problem("inpainting", 0.2).measure(colours, np.random.default_rng(0))
    image = Biharmonic().restore(measured.y, measured.problem).image
    known = measured.problem.operator.mask
    assert torch.equal(image[:, known], measured.y[:, known])
    torch.testing.assert_close(image[1], 255 - image[0], rtol=0, atol=1e-3)  # the channels alike


@pytest.mark.parametrize("side", [128, 127])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_bicubic_interpolation_returns_the_shape(side, factor, photograph):
    x = photograph[:side]
    *_, after, measured, _ = restored(Bicubic(), f"downsample,{factor}", x)
    repeated = np.kron(measured.y[0], np.ones((factor, factor)))[: x.shape[0], : x.shape[1]]
    assert after > psnr(repeated, x) + 0.5


def test_the_median_is_that_of_nine_pixels(pattern):
    x = torch.from_numpy(pattern)[None, None]
    windows = x.unfold(2, 3, 1).unfold(3, 3, 1).flatten(4)
    assert torch.equal(Median()(x)[..., 1:-1, 1:-1], windows.median(-1).values)
    assert not Median.reads_sigma


@pytest.mark.parametrize(
    ("method", "text", "message"),
    [
        (Wiener(), "salt-pepper,0.1", "wiener needs a linear operator.*salt-pepper"),
        (Wiener(), "inpainting,0.1", "wiener needs.*GaussianBlur.*inpainting is Mask"),
        (Biharmonic(), "blur,4", "biharmonic needs.*Mask.*blur is GaussianBlur"),
        (Biharmonic(), "inpainting,1", "no pixel"),
        (Bicubic(), "gaussian,25", "bicubic needs.*BicubicDownsample.*gaussian is Identity"),
        (Denoising(Median()), "downsample,2", "Median keeps the shape"),
    ],
)
def test_a_method_refuses_what_it_cannot_solve(method, text, message, pattern):
    measured = parse(text).measure(pattern[None], np.random.default_rng(0))
    with pytest.raises(ValueError, match=message):
        method.restore(measured.y, measured.problem)


def test_a_method_wants_the_problem_as_it_was_measured(pattern):
    measured = problem("blur", 4).measure(pattern[None], None)
    with pytest.raises(ValueError, match="in the problem of the measurement"):
        Wiener().restore(measured.y, problem("blur", 4))
    with pytest.raises(ValueError, match=r"gives \(37, 52\), not a measurement of \(36, 52\)"):
        Wiener().restore(measured.y[:, 1:], measured.problem)


# One file each.

VIGNETTE = '''
"""Light that falls off towards the corners."""

from dataclasses import dataclass
import torch
from anisodiff.problems.base import LinearOperator, Problem

class Falloff(LinearOperator):
    """``A x = w x``."""

    def __init__(self, weights):
        self.in_shape = self.out_shape = tuple(weights.shape)
        self.singular_values = weights

    def A(self, x):
        return self.singular_values.to(x) * x

    U = U_adjoint = V = V_adjoint = lambda self, spectrum: spectrum

@dataclass(frozen=True)
class Vignette(Problem):
    """``w = 1 / (1 + falloff r^2)``, r from 0 in the centre to 1 in the middle of the sides."""

    falloff: float

    name, unit, levels, highest = "vignette", "falloff at the sides", (0.5, 2), 100

    def draw_operator(self, shape, rng):
        rows, columns = (torch.linspace(-1, 1, n, dtype=torch.float64) ** 2 for n in shape)
        return Falloff(1 / (1 + self.falloff * (rows[:, None] + columns)))
'''

LANDWEBER = '''
"""Landweber's iteration, for any linear operator."""

from anisodiff.methods.base import Method


class Landweber(Method):
    """``x <- x + A'(y - A x)`` from ``x = A'y``, for ``|A| <= 1``."""

    name, needs = "landweber", frozenset({"operator"})

    def __init__(self, steps: int = 50):
        self.steps = steps

    def answer(self, y, problem, truth, rng, samples):
        operator = problem.operator
        x = operator.A_adjoint(y)
        for _ in range(self.steps):
            x = x + operator.A_adjoint(y - operator.A(x))
        return x[None], {"residual": (y - operator.A(x)).norm().item()}
'''


@pytest.fixture
def vignette(tmp_path, monkeypatch):
    """The problem found in a file that was put beside the others."""
    (tmp_path / "vignette.py").write_text(dedent(VIGNETTE).lstrip())
    monkeypatch.setattr(problems, "__path__", [*problems.__path__, str(tmp_path)])
    monkeypatch.setattr(problems, "PROBLEMS", problems.found())
    yield problem("vignette", 2)
    del sys.modules["anisodiff.problems.vignette"], problems.vignette


def test_a_problem_takes_one_file(vignette):
    assert len(VIGNETTE.strip().splitlines()) < 30
    assert list(problems.PROBLEMS)[-1] == "vignette" and parse("vignette,2") == vignette
    for promise in PROMISES:
        promise(drawn(type(vignette), 2))


def test_a_solver_takes_one_file(vignette, photograph):
    assert len(LANDWEBER.strip().splitlines()) < 30
    namespace = {}
    exec(LANDWEBER, namespace)
    method: Method = namespace["Landweber"](steps=100)
    before, after, _, estimate = restored(method, "vignette,2", photograph)
    assert after > before + 10 and estimate.info["residual"] < 10
    before, after, *_ = restored(method, "blur,4", photograph)
    assert after > before + 2
