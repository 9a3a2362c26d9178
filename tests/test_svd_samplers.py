"""Samplers in singular vectors, held to a posterior in closed form, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
import torch
from family import photograph

from anisodiff.methods.base import Denoiser
from anisodiff.methods.gaussian_prior import GaussianPrior
from anisodiff.methods.solvers.svd_samplers import DDRM, SNIPS
from anisodiff.metrics import posterior
from anisodiff.metrics.distortion import psnr
from anisodiff.problems import parse
from anisodiff.reports import svd_samplers as recorded
from anisodiff.study import restorers

PRIOR, NOISE = GaussianPrior.reference(), 25.5


def measured(text):
    return parse(text).measure(PRIOR.draw(np.random.default_rng(3)), np.random.default_rng(1))


def drawn(sampler, given, samples=800):
    """The error of the mean, in deviations of the posterior, and the ratio of the variances."""
    found = sampler.restore(given.y, given.problem, rng=np.random.default_rng(0), samples=samples)
    mean, covariance = (one.numpy() for one in PRIOR.posterior(given))
    images, variance = found.images[:, 0].numpy(), np.diag(covariance).reshape(8, 8)
    return (
        posterior.error_of_mean(images, mean.reshape(8, 8), variance),
        posterior.ratio_of_variances(images, variance),
    )


PROBLEMS = [
    f"gaussian,{NOISE}",
    f"periodic-uniform,3,sigma={NOISE}",
    f"missing-pixels,0.5,sigma={NOISE}",
    f"compressed,0.25,sigma={NOISE}",
]


@pytest.mark.parametrize("text", PROBLEMS)
def test_snips_draws_from_the_posterior(text):
    sampler = SNIPS(PRIOR, 150, 4, 0.3, highest=1275.0, lowest=2.5)
    error, ratio = drawn(sampler, measured(text))
    assert error < 0.08 and ratio == pytest.approx(1, abs=0.08)


def test_a_sampler_of_too_few_steps_does_not():
    sampler = SNIPS(PRIOR, 20, 1, 0.05, highest=1275.0, lowest=2.5)
    error, ratio = drawn(sampler, measured(PROBLEMS[2]))
    assert error > 0.15 or abs(ratio - 1) > 0.15


def test_ddrm_is_surer_than_the_posterior():
    for text in PROBLEMS[1:]:
        _, ratio = drawn(DDRM(PRIOR, highest=1275.0, lowest=2.5), measured(text))
        assert 0.1 < ratio < 0.9


def test_with_the_truth_for_its_denoiser_ddrm_keeps_the_noise_of_each_level():
    given = measured(PROBLEMS[1])
    truth, seen = PRIOR.draw(np.random.default_rng(3))[None].float(), []

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


def test_the_denoiser_is_told_that_much_of_the_level():
    given, seen = measured(PROBLEMS[0]), []

    class Heard(Denoiser):
        reads_sigma = True

        def forward(self, y, sigma=None):
            seen.append(float(sigma))
            return y

    SNIPS(Heard(), 3, 1, highest=80.0, lowest=20.0, told=1.1).restore(
        given.y, given.problem, rng=np.random.default_rng(0)
    )
    assert seen == pytest.approx([88, 44, 22, 22])


def test_the_steps_leave_more_noise_than_the_level_though_the_denoiser_is_right():
    """A step of c keeps 1 / (1 - c / 2) of the variance where nothing was measured, and levels that fall leave more."""
    many = {"levels": 3, "each": 60, "highest": 40.0, "lowest": 39.0}
    long = recorded.kept(many | {"step": 0.4}, side=32)
    assert long.iloc[-1] == pytest.approx(1 / (1 - 0.2) ** 0.5, abs=0.06)
    short = recorded.kept(many | {"step": 0.05}, side=32)
    assert short.iloc[-1] == pytest.approx(1, abs=0.06) and short.iloc[-1] < long.iloc[-1] - 0.03
    fast = recorded.kept({"levels": 20, "each": 2, "step": 0.05, "highest": 80.0}, side=32)
    assert fast.median() > 1.2


def test_a_sampler_is_told_what_lets_it_explain_the_measurement():
    tried = pd.DataFrame(
        {"told": [1.0, 1.1, 1.2], "misfit": [0.8, 1.02, 1.3], "psnr": [20.0, 25.0, 26.0]}
    )
    assert recorded.best(tried.assign(method="snips")) == 1.1
    assert recorded.best(tried.assign(method="ddrm")) == 1.2


def test_the_same_generator_draws_the_same_images_and_none_is_refused():
    given = measured(PROBLEMS[0])
    sampler = DDRM(PRIOR, 5)
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
        (lambda: SNIPS(None, told=-1), "told must be above 0, got -1"),
        (lambda: DDRM(None, eta=1.5), "got 1.5 and 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_the_mean_of_ever_more_samples_by_those_of_few():
    error = {n: pd.Series({"a": 1e-3 + 2e-3 / n, "b": 4e-3 + 1e-3 / n}) for n in (1, 2, 8)}
    found = recorded.of_all(-10 * np.log10(pd.DataFrame(error)))
    assert found.to_dict() == pytest.approx({"a": 30, "b": -10 * np.log10(4e-3)})
