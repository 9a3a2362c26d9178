"""Samplers in singular vectors, held to a posterior in closed form, and what they refuse."""

import numpy as np
import pytest
import torch
from family import photograph

from anisodiff.methods.base import Denoiser
from anisodiff.methods.solvers.svd_samplers import DDRM, SNIPS
from anisodiff.metrics.distortion import psnr
from anisodiff.problems import parse
from anisodiff.study import restorers

SIDE, NOISE, MEAN = 8, 25.5, 127.5
AT = torch.arange(SIDE, dtype=torch.float64)
ALONG = torch.exp(-(AT[:, None] - AT[None]).abs() / 3)
COVARIANCE = 255**2 * (0.09 * torch.kron(ALONG, ALONG) + 1e-4 * torch.eye(SIDE**2))
VALUES, VECTORS = torch.linalg.eigh(COVARIANCE)


class GaussianPrior(Denoiser):
    """The mean of a Gaussian image given it with noise: exact, so that samplers can be checked."""

    reads_sigma = True

    def forward(self, x, sigma=None):
        apart = (x.double() - MEAN).flatten(1) @ VECTORS
        shrunk = apart * VALUES / (VALUES + float(sigma) ** 2)
        return (MEAN + shrunk @ VECTORS.T).reshape(x.shape).to(x)


def measured(text):
    draw = torch.from_numpy(np.random.default_rng(3).standard_normal(SIDE**2))
    x = MEAN + VECTORS @ (VALUES.sqrt() * draw)
    return parse(text).measure(x.reshape(1, SIDE, SIDE), np.random.default_rng(1))


def posterior(given):
    """Its mean (n) and covariance (n, n)."""
    columns = torch.eye(SIDE**2, dtype=torch.float64).reshape(-1, SIDE, SIDE)
    matrix = given.problem.operator.A(columns).flatten(1).T
    gain = COVARIANCE @ matrix.T
    gain = gain @ torch.linalg.pinv(matrix @ gain + NOISE**2 * matrix @ torch.linalg.pinv(matrix))
    apart = given.y.double().flatten() - MEAN * matrix.sum(1)
    return MEAN + gain @ apart, COVARIANCE - gain @ matrix @ COVARIANCE


def drawn(sampler, given, samples=800):
    """The error of the mean, in deviations of the posterior, and the ratio of the variances."""
    found = sampler.restore(given.y, given.problem, rng=np.random.default_rng(0), samples=samples)
    mean, covariance = posterior(given)
    images = found.images.double().flatten(1)
    deviation = covariance.diagonal().sqrt()
    error = ((images.mean(0) - mean) / deviation).square().mean().sqrt()
    return float(error), float(images.var(0).sum() / covariance.trace())


PROBLEMS = [
    f"gaussian,{NOISE}",
    f"periodic-uniform,3,sigma={NOISE}",
    f"missing-pixels,0.5,sigma={NOISE}",
]


@pytest.mark.parametrize("text", PROBLEMS)
def test_snips_draws_from_the_posterior(text):
    sampler = SNIPS(GaussianPrior(), 150, 4, 0.3, highest=1275.0, lowest=2.5)
    error, ratio = drawn(sampler, measured(text))
    assert error < 0.08 and ratio == pytest.approx(1, abs=0.08)


def test_a_sampler_of_too_few_steps_does_not():
    sampler = SNIPS(GaussianPrior(), 20, 1, 0.05, highest=1275.0, lowest=2.5)
    error, ratio = drawn(sampler, measured(PROBLEMS[2]))
    assert error > 0.15 or abs(ratio - 1) > 0.15


def test_ddrm_is_surer_than_the_posterior():
    for text in PROBLEMS[1:]:
        _, ratio = drawn(DDRM(GaussianPrior(), highest=1275.0, lowest=2.5), measured(text))
        assert 0.1 < ratio < 0.9


def test_with_the_truth_for_its_denoiser_ddrm_keeps_the_noise_of_each_level():
    given = measured(PROBLEMS[1])
    x = MEAN + VECTORS @ (
        VALUES.sqrt() * torch.from_numpy(np.random.default_rng(3).standard_normal(SIDE**2))
    )
    truth, seen = x.reshape(1, 1, SIDE, SIDE).float(), []

    class Truth(Denoiser):
        reads_sigma = True

        def forward(self, y, sigma=None):
            seen.append((float(sigma), (y - truth).square().mean().sqrt().item()))
            return truth.expand_as(y)

    DDRM(Truth(), highest=500.0).restore(
        given.y, given.problem, rng=np.random.default_rng(0), samples=200
    )
    for sigma, deviation in seen[2:]:
        assert deviation == pytest.approx(sigma, rel=0.1)


def test_a_network_samples_images_that_fit_their_measurement():
    clean = 255 - photograph(32)
    given = parse("missing-pixels,0.5,sigma=10").measure(clean[None], np.random.default_rng(0))
    for name, levels in {"snips": 30, "ddrm": 10}.items():
        solver = restorers.solver(name, "drunet-lite", given.problem, levels=levels)
        found = solver.estimate(given.y[0].numpy(), rng=np.random.default_rng(0), samples=3)
        assert found.images.shape == (3, 1, 32, 32)
        assert (found.images[0] - found.images[1]).abs().mean() > 0.5
        single, mean = found.images[0, 0].numpy(), found.image[0].numpy()
        assert psnr(mean, clean) > psnr(single, clean) > psnr(given.y[0].numpy(), clean) + 5


def test_the_same_generator_draws_the_same_images_and_none_is_refused():
    given = measured(PROBLEMS[0])
    sampler = DDRM(GaussianPrior(), 5)
    first, again = (
        sampler.restore(given.y, given.problem, rng=np.random.default_rng(7), samples=2).images
        for _ in range(2)
    )
    assert torch.equal(first, again) and not torch.equal(first[0], first[1])
    with pytest.raises(ValueError, match="ddrm draws its images: it needs a generator"):
        sampler.restore(given.y, given.problem)
    for make, message in (
        (lambda: SNIPS(None, 1), "at least two levels"),
        (lambda: SNIPS(None, highest=1, lowest=2), r"from 1 to 2"),
        (lambda: SNIPS(None, step=0), "each and step must be above 0, got 3 and 0"),
        (lambda: DDRM(None, eta=1.5), "got 1.5 and 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
