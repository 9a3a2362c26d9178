"""Samplers from a denoiser: held to priors and posteriors that are known, and what they refuse."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from anisodiff.methods.gaussian_mixture import GaussianMixture
from anisodiff.methods.gaussian_prior import GaussianPrior
from anisodiff.methods.samplers.ddim import DDIM
from anisodiff.methods.samplers.langevin import AnnealedLangevin, CoarseToFine
from anisodiff.methods.samplers.stochastic import StochasticDenoiser
from anisodiff.methods.solvers.svd_samplers import SNIPS
from anisodiff.metrics import posterior
from anisodiff.problems import parse

PRIOR, MIXTURE = GaussianPrior.reference(), GaussianMixture.reference()
GIVEN = parse("gaussian,25.5").measure(
    PRIOR.draw(np.random.default_rng(3)), np.random.default_rng(1)
)


def rng():
    return np.random.default_rng(0)


def of_the_posterior(sampler, samples):
    """The error of the mean, in deviations of the posterior, and the ratio of the variances."""
    mean, covariance = (one.numpy() for one in PRIOR.posterior(GIVEN))
    images = sampler.restore(GIVEN.y, GIVEN.problem, rng=rng(), samples=samples).images[:, 0]
    mean, variance = mean.reshape(8, 8), np.diag(covariance).reshape(8, 8)
    images = images.double().numpy()
    return (
        posterior.error_of_mean(images, mean, variance),
        posterior.ratio_of_variances(images, variance),
    )


def clouds(images):
    """The share of each cloud of the mixture among the samples, and the covariance of those of each."""
    which = MIXTURE.clouds(images, 1e-3).argmax(1).numpy()
    pixels = images.double().flatten(1).numpy()
    shares = np.bincount(which, minlength=2) / len(which)
    return shares, [np.cov(pixels[which == k].T) for k in (0, 1) if shares[k]]


def test_the_stochastic_denoiser_draws_from_the_posterior():
    error, ratio = of_the_posterior(StochasticDenoiser(PRIOR), 1500)
    assert error < 0.05 and ratio == pytest.approx(1, abs=0.05)


def test_with_short_steps_it_does_not():
    error, ratio = of_the_posterior(StochasticDenoiser(PRIOR, step=0.05), 1500)
    assert error > 0.1 and ratio < 0.95


def test_a_score_of_the_wrong_sign_leads_away():
    class Printed(StochasticDenoiser):
        def score(self, x, sigma):
            return -super().score(x, sigma)

    error, ratio = of_the_posterior(Printed(PRIOR), 300)
    assert error > 20 and ratio > 100


def test_noise_alone_is_a_problem_of_snips_whose_posterior_is_the_same():
    error, ratio = of_the_posterior(SNIPS(PRIOR, 150, 4, highest=1275.0, lowest=2.5), 800)
    assert error < 0.08 and ratio == pytest.approx(1, abs=0.08)


def test_each_channel_is_drawn_on_its_own_and_the_same_generator_draws_the_same():
    y = GIVEN.y.expand(3, 8, 8)
    problem = parse("gaussian,25.5").placed((8, 8))
    sampler = StochasticDenoiser(PRIOR, levels=5)
    first, again = (
        sampler.restore(y, problem, rng=np.random.default_rng(7), samples=2).images
        for _ in range(2)
    )
    assert first.shape == (2, 3, 8, 8) and torch.equal(first, again)
    assert not torch.allclose(first[0, 0], first[0, 1])


def test_annealed_langevin_finds_both_clouds_and_their_spread():
    shares, spreads = clouds(AnnealedLangevin(MIXTURE, step=0.1).sample((1, 2), rng(), 6000))
    assert shares == pytest.approx(MIXTURE.weights.numpy(), abs=0.05)
    for spread, deviation in zip(spreads, MIXTURE.deviations.numpy(), strict=True):
        assert np.diag(spread) == pytest.approx(deviation**2, rel=0.1)
        assert abs(spread[0, 1]) < 0.1 * deviation**2


def test_langevin_at_one_small_level_stays_where_it_began():
    plain = AnnealedLangevin(MIXTURE, levels=1, each=1000, highest=4.0, lowest=4.0)
    shares, _ = clouds(plain.sample((1, 2), rng(), 300))
    assert shares.max() > 0.95


def test_annealed_langevin_draws_from_a_gaussian_prior():
    images = AnnealedLangevin(PRIOR, highest=1275.0, lowest=2.55).sample((8, 8), rng(), 1500)
    variance = PRIOR.covariance.diagonal().reshape(8, 8).numpy()
    images = images[:, 0].double().numpy()
    assert posterior.error_of_mean(images, PRIOR.mean.numpy(), variance) < 0.05
    assert posterior.ratio_of_variances(images, variance) == pytest.approx(1, abs=0.05)


def test_coarse_to_fine_ends_when_little_noise_is_left():
    drawing = CoarseToFine(PRIOR, highest=1275.0, lowest=10.0)
    levels = [sigma for sigma, _ in drawing.path((8, 8), rng(), 4)]
    assert levels[-1] == 0 and levels[-2] <= 10 < levels[-3] and levels[0] > 500
    assert drawing.sample((8, 8), rng(), 4).shape == (4, 1, 8, 8)


def ddim(steps, **settings):
    return DDIM(PRIOR, steps, highest=1275.0, lowest=2.55, **settings)


def test_ddim_of_a_gaussian_prior_is_the_linear_map_that_its_variances_say():
    drawing, z = ddim(7), torch.from_numpy(rng().standard_normal((5, 1, 8, 8)))
    for _, x in drawing.states(z, None):
        last = x
    own, vectors = torch.linalg.eigh(PRIOR.covariance)
    mean = PRIOR.mean.flatten()
    along = (127.5 + 1275.0 * z.flatten(1) - mean) @ vectors
    for sigma, after in pairwise([*drawing.sigmas, 0.0]):
        along = along * (own + sigma * after) / (own + sigma**2)
    torch.testing.assert_close(last.flatten(1), mean + along @ vectors.T, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_ddim_draws_from_a_gaussian_prior_in_many_steps_and_too_little_in_few(eta):
    variance = PRIOR.covariance.diagonal().reshape(8, 8).numpy()
    ratios = {}
    for steps in (20, 200):
        images = ddim(steps, eta=eta).sample((8, 8), rng(), 1500)[:, 0].double().numpy()
        ratios[steps] = posterior.ratio_of_variances(images, variance)
    assert posterior.error_of_mean(images, PRIOR.mean.numpy(), variance) < 0.05
    assert ratios[200] == pytest.approx(1, abs=0.05) and ratios[20] < 0.9


def test_ddim_finds_the_noise_that_an_image_came_from():
    z = torch.from_numpy(rng().standard_normal((3, 1, 8, 8)))
    off = {}
    for steps in (20, 400):
        *_, (_, images) = ddim(steps).states(z, None)
        off[steps] = ((ddim(steps).noise(images) - z).norm() / z.norm()).item()
    assert off[400] < 0.03 < 0.1 < off[20]


@pytest.mark.parametrize("sigma", [3.0, 40.0])
def test_the_denoiser_of_the_mixture_is_the_score_of_its_density(sigma):
    """Miyasawa: ``D(y) = y + sigma^2 grad log p(y)``."""
    y = MIXTURE.draw(rng(), 5) + sigma * torch.from_numpy(rng().standard_normal((5, 1, 1, 2)))
    y.requires_grad_()
    (score,) = torch.autograd.grad(MIXTURE.log_density(y, sigma).sum(), y)
    assert torch.allclose(MIXTURE(y, sigma), y + sigma**2 * score, atol=1e-8)


@pytest.mark.parametrize("y", [60.0, 125.0, 190.0])
def test_the_posterior_of_the_mixture_is_that_of_its_density(y):
    one = GaussianMixture(torch.tensor([[[80.0]], [[180.0]]]), [12.0, 24.0], [1.0, 2.0])
    x = torch.arange(-100.0, 400.0, 0.02, dtype=torch.float64)
    odds = torch.softmax(
        one.log_density(x.reshape(-1, 1, 1, 1), 1e-9) - (x - y) ** 2 / (2 * 50**2), 0
    )
    mean, variance = one.posterior(torch.full((1, 1, 1, 1), y), 50.0)
    assert mean.item() == pytest.approx((odds * x).sum().item(), rel=1e-5)
    assert variance.item() == pytest.approx((odds * (x - mean.item()) ** 2).sum().item(), rel=1e-4)


def test_the_density_of_the_mixture_sums_to_one():
    at = torch.arange(-40.0, 300.0, 1.0, dtype=torch.float64)
    grid = torch.cartesian_prod(at, at).reshape(-1, 1, 1, 2)
    assert MIXTURE.log_density(grid, 2.0).exp().sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StochasticDenoiser(None, levels=1), "at least two levels"),
        (lambda: DDIM(None, eta=1.5), r"eta lies in \[0, 1\], got 1.5"),
        (lambda: DDIM(None, steps=0), "at least a step, got 255.0 to 1.0 in 0"),
        (lambda: StochasticDenoiser(None, start=1.0), r"from 1\.0 of it"),
        (lambda: StochasticDenoiser(None, step=0), "step must be above 0, got 0"),
        (lambda: AnnealedLangevin(None, each=0), "each must be above 0, got 0"),
        (lambda: AnnealedLangevin(None, highest=1.0, lowest=2.0), r"got 1\.0 to 2\.0"),
        (lambda: CoarseToFine(None, beta=2), r"beta lies in \(0, 1\], got 2"),
        (lambda: CoarseToFine(None, steps=0), "in at least a step"),
        (lambda: GaussianMixture(torch.zeros(2, 1, 2), [1, 2], [1, -1]), "weights above 0"),
    ],
)
def test_what_cannot_be_drawn_from_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_noise_below_the_lowest_level_is_refused():
    weak = parse("gaussian,1").measure(PRIOR.draw(rng()), rng())
    with pytest.raises(ValueError, match=r"stochastic: the noise, 1, must be above 1\.02"):
        StochasticDenoiser(PRIOR).restore(weak.y, weak.problem, rng=rng())
