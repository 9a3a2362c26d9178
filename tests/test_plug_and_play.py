"""Plug-and-play and RED: their fixed points in closed form, any denoiser at any level, what a stranger adds."""

import sys

import numpy as np
import pytest
import torch
from family import DENOISERS, longest, photograph
from scipy import ndimage

from anisodiff.cli import main
from anisodiff.methods import solvers
from anisodiff.methods.base import Denoiser
from anisodiff.methods.denoisers.any_level import AnyLevel
from anisodiff.methods.denoisers.rescaled import Rescaled
from anisodiff.methods.gaussian_prior import GaussianPrior
from anisodiff.methods.solvers.plug_and_play import (
    ADMM,
    HQS,
    PlugAndPlay,
    ProximalGradient,
    REDFixedPoint,
    REDGradient,
)
from anisodiff.methods.solvers.tikhonov import Tikhonov
from anisodiff.metrics.distortion import psnr
from anisodiff.problems import parse
from anisodiff.study import restorers

SHAPE, SIGMA = (6, 5), 4.0
PLACES = torch.cartesian_prod(*(torch.arange(n, dtype=torch.float64) for n in SHAPE))
COVARIANCE = 900 * torch.exp(-torch.cdist(PLACES, PLACES, p=1) / 3) + torch.eye(len(PLACES))
UNIT = torch.eye(len(PLACES), dtype=torch.float64)
PRIOR = GaussianPrior(torch.full(SHAPE, 120.0), COVARIANCE)


def shrinking(level):
    """The matrix of the denoiser, around its mean."""
    return torch.linalg.solve(COVARIANCE + level**2 * UNIT, COVARIANCE)


def measured(text):
    x = PRIOR.draw(np.random.default_rng(0))
    found = parse(text).measure(x, np.random.default_rng(1))
    return found.y.double(), found.problem


def expected(y, operator, penalty):
    """``argmin |A x - y|^2 / (2 SIGMA^2) + (x - m)' penalty (x - m) / 2`` by the normal equations."""
    columns = UNIT.reshape(-1, *SHAPE)
    matrix = operator.A(columns).flatten(1).T
    left = matrix.T @ matrix / SIGMA**2 + penalty
    right = matrix.T @ y.flatten() / SIGMA**2 + penalty @ torch.full((len(PLACES),), 120.0).double()
    return torch.linalg.solve(left, right).reshape(1, *SHAPE)


STRENGTH, LEVEL = 0.7, 5.0
MAP = STRENGTH * torch.linalg.inv(COVARIANCE)
RED = STRENGTH * (UNIT - shrinking(LEVEL))
# For penalty over s^2 = SIGMA^2, what half-quadratic splitting stays at, of both images the denoised one.
CASES = {
    "pnp-admm": (lambda d: ADMM(d, 3000, LEVEL, STRENGTH), MAP),
    "red-fixed-point": (lambda d: REDFixedPoint(d, 4000, LEVEL, STRENGTH), RED),
    "red-gradient": (lambda d: REDGradient(d, 8000, LEVEL, STRENGTH), RED),
}
PROBLEMS = [f"periodic-gaussian,0.8,side=3,sigma={SIGMA}", f"missing-pixels,0.5,sigma={SIGMA}"]


@pytest.mark.parametrize("text", PROBLEMS)
@pytest.mark.parametrize("name", CASES)
def test_a_scheme_ends_at_its_closed_form(name, text):
    (make, penalty), (y, problem) = CASES[name], measured(text)
    found = make(PRIOR).restore(y, problem)
    wanted = expected(y, problem.operator, penalty)
    torch.testing.assert_close(found.image, wanted, rtol=0, atol=1e-6)
    other = expected(y, problem.operator, 2 * penalty)
    assert (found.image - other).abs().max() > 0.01  # the strength is the one that was asked for


@pytest.mark.parametrize("text", PROBLEMS)
def test_proximal_gradient_ends_where_its_strength_says(text):
    y, problem = measured(text)
    step = 1 / float(problem.operator.singular_values.max()) ** 2
    strength = LEVEL**2 / (step * SIGMA**2)
    found = ProximalGradient(PRIOR, 4000, LEVEL).restore(y, problem).image
    wanted = expected(y, problem.operator, strength * torch.linalg.inv(COVARIANCE))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)


def test_tikhonov_fills_a_hole_by_what_is_around_it():
    clean = torch.tensor(photograph(48)[None], dtype=torch.float64)
    given = parse("inpainting,0.3").measure(clean, np.random.default_rng(0))
    filled = Tikhonov().restore(given.y, given.problem).image[0].numpy()
    lost = ~given.problem.operator.mask.numpy()
    inside = ndimage.binary_erosion(lost)
    assert inside.sum() > 100 and np.abs(ndimage.laplace(filled))[inside].max() < 0.1
    assert np.abs(filled - clean[0].numpy())[~lost].max() < 1


def test_half_quadratic_splitting_lowers_the_level_to_that_of_the_noise():
    y, problem = measured(PROBLEMS[0])
    told = []

    class Recording(Denoiser):
        def forward(self, x, sigma=None):
            told.append(float(sigma))
            return PRIOR(x, sigma)

    list(HQS(Recording(), 2, 5, last=5).trajectory(y, problem))
    assert told == [5, 5]
    told.clear()
    states = list(HQS(Recording(), 3, 36).trajectory(y, problem))
    assert told == pytest.approx([36, 12, 4]) and len(states) == 4
    level, gamma = 4.0, 1 / 0.23
    inner = problem.operator.prox_l2(states[-2], y, gamma)
    wanted = PRIOR(inner[:, None], level)[:, 0]
    torch.testing.assert_close(states[-1], wanted)


def test_tikhonov_solves_its_equations():
    y, problem = measured(PROBLEMS[1])
    x = Tikhonov(1e-2, 1000).restore(y, problem).image
    rows, columns = (
        torch.func.jacrev(lambda u, axis=axis: u.reshape(SHAPE).diff(dim=axis).flatten())(
            torch.zeros(len(PLACES), dtype=torch.float64)
        )
        for axis in (0, 1)
    )
    penalty = 1e-2 * (rows.T @ rows + columns.T @ columns)
    matrix = problem.operator.A(UNIT.reshape(-1, *SHAPE)).flatten(1).T
    left = matrix.T @ matrix + SIGMA**2 * penalty
    wanted = torch.linalg.solve(left, matrix.T @ y.flatten()).reshape(1, *SHAPE)
    torch.testing.assert_close(x, wanted, rtol=0, atol=1e-3)


HARD = {
    "periodic-gaussian,1.6,sigma=1.41": 3.0,
    "periodic-uniform,9,sigma=1.41": 4.0,
    "blur-downsample,2,sigma=2": None,
    "downsample,3": None,
    "missing-pixels,0.5": 10.0,
    "inpainting,0.1": 1.0,
    "text,12": 5.0,
    "fourier,0.5,sigma=2": None,
}


@pytest.mark.parametrize("text", HARD)
def test_a_network_of_the_study_solves_every_linear_problem(text):
    clean, scores = photograph(64), []
    for draw in range(5):  # where a rectangle is lost decides much
        found = parse(text).measure(clean[None], np.random.default_rng(draw))
        solver = restorers.solver("pnp-hqs", "drunet-lite", found.problem)
        estimate = solver.estimate(found.y[0].numpy())
        assert np.isfinite(estimate.info["change"])
        least_squares = Tikhonov().restore(found.y, found.problem).image
        given = found.y if HARD[text] else least_squares
        scores.append([psnr(of[0].numpy(), clean) for of in (estimate.image, least_squares, given)])
    after, plain, before = np.mean(scores, 0)
    assert after > plain + 0.3 and after > before + (HARD[text] or 0)


def test_a_denoiser_for_some_levels_serves_all_by_the_scale_of_its_images():
    x = torch.from_numpy(photograph(24).copy())[None, None]
    told = restorers.at_any_level("drunet-lite")
    below, inside = told(x, 0.1), told(x, 3.0)
    module = restorers.load("drunet-lite").module
    torch.testing.assert_close(inside, module(x, 3.0))
    torch.testing.assert_close(below, module(5 * x, 0.5) / 5, rtol=0, atol=1e-3)
    several = restorers.at_any_level("tnrd")
    assert several.at == [15, 25, 50]
    nearest = restorers.load("tnrd", level=50).module
    torch.testing.assert_close(several(x, 100.0), Rescaled(nearest, 0.5)(x, 100.0))
    assert (several(x, 25.0) == restorers.load("tnrd").module(x, 25.0)).all()
    with pytest.raises(ValueError, match="expected one denoiser, or one a level, got 0"):
        AnyLevel({})


def test_a_diffusion_and_a_classical_denoiser_are_engines_too():
    found = parse("periodic-gaussian,1.6,side=9,sigma=2").measure(
        photograph(32)[None], np.random.default_rng(0)
    )
    for denoiser in (longest("perona-malik-2", 3, torch.float32), DENOISERS["tv"]()):
        at = AnyLevel({25.0: denoiser})
        image = ADMM(at, 3).restore(found.y, found.problem).image
        assert image.shape == found.y.shape and torch.isfinite(image).all()


def test_what_does_not_fit_is_named():
    problem = parse("periodic-gaussian,1.6,sigma=2")
    for method, denoiser, settings, message in (
        ("pnp-hsq", "tnrd", {}, "unknown method 'pnp-hsq'; there are:.*pnp-hqs"),
        ("pnp-hqs", None, {}, "pnp-hqs needs a denoiser of the study, got None"),
        ("tikhonov", "tnrd", {}, "tikhonov takes no denoiser, got 'tnrd'"),
        ("pnp-hqs", "tnrd", {"beta": 1}, "unknown setting 'beta'; there are: steps, level"),
        ("pnp-hqs", "tnrd", {"steps": 0}, "pnp-hqs: steps must be above 0, got 0"),
        ("pnp-hqs", "border-classifier", {}, "border-classifier is no denoiser"),
        ("pnp-hqs", "wiener", {}, "wiener is no denoiser"),
    ):
        with pytest.raises(ValueError, match=message):
            restorers.solver(method, denoiser, problem, **settings)
    y = torch.zeros(1, 8, 8)
    with pytest.raises(ValueError, match=r"pnp-hqs needs a linear operator.*salt-pepper"):
        HQS(AnyLevel({25.0: PRIOR})).restore(y, parse("salt-pepper,0.1"))


def test_the_command_line_solves_a_problem(tmp_path, capsys):
    clean = photograph(32)
    found = parse("periodic-gaussian,1.6,side=9,sigma=2").measure(
        clean[None], np.random.default_rng(0)
    )
    given, out = tmp_path / "in.npy", tmp_path / "out.npy"
    np.save(given, found.y[0].numpy())
    asked = [str(given), str(out), "--problem", "periodic-gaussian,1.6,side=9,sigma=2"]
    words = ["restore", *asked, "--method", "pnp-hqs", "--denoiser", "dct-8-learned"]
    assert main([*words, "--steps", "4"]) == 0
    solver = restorers.solver("pnp-hqs", "dct-8-learned", found.problem, steps=4)
    np.testing.assert_allclose(np.load(out), solver.restore(found.y[0].numpy()), atol=1e-3)
    assert main(["restore", *asked, "--method", "ddrm", "--denoiser", "dct-8-learned"]) == 0
    assert not np.allclose(np.load(out), solver.restore(found.y[0].numpy()), atol=1)
    assert main(["restore", *asked, "--denoiser", "dct-8-learned"]) == 2
    assert "belong to a --method" in capsys.readouterr().err
    assert main(["restore", *asked, "--method", "pnp-hqs"]) == 2
    assert "needs a denoiser" in capsys.readouterr().err


NESTEROV = '''
"""Plug-and-play with momentum."""

from anisodiff.methods.solvers.plug_and_play import PlugAndPlay


class Accelerated(PlugAndPlay):
    """``x = D(z - step A'(A z - y), s)``, z ahead of x by a part of the last step."""

    name = "pnp-accelerated"

    def __init__(self, denoiser, steps=40, level=5.0):
        super().__init__(denoiser, steps, level, 1.0)

    def iterates(self, x, y, operator, sigma):
        step, ahead = 1 / float(operator.singular_values.max()) ** 2, x
        for at in range(self.steps):
            last = x
            x = self.denoise(ahead - step * operator.A_adjoint(operator.A(ahead) - y), self.level)
            ahead = x + at / (at + 3) * (x - last)
            yield x
'''


def test_a_stranger_adds_a_solver_in_one_file(tmp_path, monkeypatch):
    assert len(NESTEROV.strip().splitlines()) < 60
    (tmp_path / "accelerated.py").write_text(NESTEROV.lstrip())
    monkeypatch.setattr(solvers, "__path__", [*solvers.__path__, str(tmp_path)])
    y, problem = measured(PROBLEMS[0])
    kind = solvers.found()["pnp-accelerated"]
    assert issubclass(kind, PlugAndPlay)
    far = ProximalGradient(PRIOR, 4000).restore(y, problem).image
    few, ahead = (
        (one(PRIOR, 12).restore(y, problem).image - far).norm() for one in (ProximalGradient, kind)
    )
    assert ahead < few
    found = restorers.solver("pnp-accelerated", "dct-8-learned", problem, steps=2)
    assert found.estimate(y[0].numpy()).image.shape == (1, *SHAPE)
    del sys.modules["anisodiff.methods.solvers.accelerated"], solvers.accelerated
