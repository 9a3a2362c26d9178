"""The page that goes from the heat equation to samplers."""

import pytest
from family import FAMILY, HAVE_ENERGY

from anisodiff.methods.diffusion.classic import Constant, PeronaMalik
from anisodiff.methods.gaussian_prior import GaussianPrior
from anisodiff.reports import costs, from_diffusion
from anisodiff.study import restorers


def test_the_heat_equation_is_the_slope_of_smooth_images_and_of_no_others():
    assert from_diffusion.drift(from_diffusion.smooth()) < 1e-3
    assert from_diffusion.drift(GaussianPrior.reference()) > 0.5


def test_held_it_ends_at_the_mean_of_the_posterior_and_with_noise_draws_from_it():
    ends = {
        label: from_diffusion.course(label, 0.01, 800, 400).iloc[-1]
        for label in ("held to the noisy image", "held, with noise", "held, half of the noise")
    }
    climbed, drew, half = ends.values()
    assert climbed.error < 1e-3 and climbed.ratio == 0
    assert drew.error < 2 * 400**-0.5 and drew.ratio == pytest.approx(1, abs=0.05)
    assert half.ratio == pytest.approx(0.5, abs=0.05)
    assert from_diffusion.course("heat equation", 0.01, 800, 2).error.min() > 0.1


def test_what_each_step_keeps():
    keeps = {name: from_diffusion.kept(name) for name in from_diffusion.STEPS}
    everything = ("mean", "range", "energy")
    assert keeps["heat"] == keeps["perona-malik"] == everything
    assert keeps["foe-s"] == keeps["network-long"] == keeps["foe-s-told"] == everything[:2]
    assert not any(keeps[name] for name in ("tnrd-7x7", "drunet-lite", "plug-and-play", "snips"))


def test_an_energy_is_said_of_what_the_suite_tests():
    tested = {type(FAMILY[name]()) for name in HAVE_ENERGY}
    assert {Constant, PeronaMalik} <= tested
    said = {name for name, step in from_diffusion.STEPS.items() if step.energy}
    assert said == {"heat", "perona-malik"}


def test_the_networks_of_the_samplers_cost_what_drunet_lite_does():
    sizes = {restorers.load(name).parameters for name in (from_diffusion.ENGINE, "drunet-wide")}
    assert len(sizes) == 1
    step = from_diffusion.STEPS["stochastic"]
    single = costs.read().seconds[from_diffusion.ENGINE, 25]
    assert from_diffusion.seconds("stochastic", 25) == pytest.approx(step.calls * single)


def test_a_sample_is_below_the_classic_and_the_best_diffusion_has_no_weights_at_50():
    found = {sigma: from_diffusion.recorded(sigma) for sigma in (25, 50)}
    assert found[25].psnr["the\nclassic"] == 0 > found[25].psnr["one\nsample"]
    assert (found[25]["psnr low"] <= found[25].psnr).all()
    assert set(found[25].index) - set(found[50].index) == {"best\ndiffusion"}
