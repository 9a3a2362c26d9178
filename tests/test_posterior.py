"""A posterior in closed form, and the measures of how well samples stand for one."""

import numpy as np
import pytest
import torch

from anisodiff.methods.gaussian_prior import GaussianPrior
from anisodiff.metrics import posterior
from anisodiff.problems import parse

PRIOR = GaussianPrior.reference()


def test_the_draws_of_the_prior_have_its_mean_and_covariance():
    drawn = PRIOR.draw(np.random.default_rng(0), 20_000).flatten(1)
    assert (drawn.mean(0) - 127.5).abs().max() < 3
    apart = torch.cov(drawn.T) - PRIOR.covariance
    assert apart.norm() / PRIOR.covariance.norm() < 0.05


def test_the_denoiser_is_the_mean_of_the_posterior_of_denoising():
    given = parse("gaussian,30").measure(
        PRIOR.draw(np.random.default_rng(1)), np.random.default_rng(2)
    )
    mean, covariance = PRIOR.posterior(given)
    denoised = PRIOR(given.y[None].double(), 30.0)[0].flatten()
    torch.testing.assert_close(denoised, mean)
    # Miyasawa: the derivative of the denoiser is the covariance over the variance of the noise
    one = torch.zeros(1, 1, 8, 8, dtype=torch.float64)
    one[0, 0, 2, 5] = 1
    apart = (PRIOR(given.y[None].double() + one, 30.0) - denoised.reshape(1, 1, 8, 8)).flatten()
    torch.testing.assert_close(apart, covariance[2 * 8 + 5] / 30**2)


@pytest.mark.parametrize(
    "text",
    ["missing-pixels,0.5,sigma=20", "periodic-uniform,3,sigma=20", "compressed,0.25,sigma=20"],
)
def test_the_posterior_is_right_on_average_over_images_and_noise(text):
    rng, errors, expected = np.random.default_rng(0), [], []
    for x in PRIOR.draw(rng, 300):
        given = parse(text).measure(x[None], rng)
        mean, covariance = PRIOR.posterior(given)
        errors.append((x.flatten() - mean).square().sum())
        expected.append(covariance.trace())
    assert float(torch.stack(errors).mean()) == pytest.approx(
        float(torch.stack(expected).mean()), rel=0.1
    )


def test_exact_draws_cover_and_too_sure_ones_do_not():
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 30, (100, 16, 16))
    found, sure = [], []
    for centre in centres:
        clean, *samples = centre + rng.normal(0, 9, (17, 16, 16))
        samples = np.array(samples)
        found.append(posterior.coverage(samples, clean))
        sure.append(posterior.coverage(samples.mean(0) + (samples - samples.mean(0)) / 3, clean))
    assert np.mean(found) == pytest.approx(0.8, abs=0.05) and np.mean(sure) < 0.5
    draws = rng.normal(5, 3, (4000, 2, 2))
    mean, variance = np.full((2, 2), 5.0), np.full((2, 2), 9.0)
    assert posterior.error_of_mean(draws, mean, variance) < 0.05
    assert posterior.error_of_mean(draws, mean + 3, variance) == pytest.approx(1, abs=0.05)
    assert posterior.ratio_of_variances(draws, variance) == pytest.approx(1, abs=0.05)


def test_what_cannot_be_said_is_refused():
    samples = np.zeros((3, 16, 16))
    with pytest.raises(ValueError, match=r"3 samples are too few for an interval of 0\.8"):
        posterior.coverage(samples, samples[0])
    with pytest.raises(ValueError, match=r"at least 32 pixels a side, got \(16, 16\)"):
        posterior.coverage(samples, samples[0], side=32)
    with pytest.raises(ValueError, match=r"symmetric covariance of 4 pixels, got \(3, 3\)"):
        GaussianPrior(torch.zeros(2, 2), torch.eye(3))
    with pytest.raises(ValueError, match="an eigenvalue of -1"):
        GaussianPrior(torch.zeros(1, 2), torch.diag(torch.tensor([1.0, -1.0])))
