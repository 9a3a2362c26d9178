"""What Fields of Experts cost in the published sizes, compiled beside plain PyTorch: `make benchmark`.

On one core, or on the device that ANISODIFF_DEVICE names; ``extra_info`` holds it, and for a training the minutes that
the study's number of steps takes at the median step.
"""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from anisodiff.methods.diffusion import experts
from anisodiff.methods.diffusion.kernels import explicit, splines
from anisodiff.methods.diffusion.scheme import Diffusion, explicit_step
from anisodiff.study import restorers, runs
from anisodiff.training.loop import objective_for
from anisodiff.training.objectives import Batch

LEVELS = (15, 25, 50)


@pytest.fixture
def plain(monkeypatch):
    """The forms that serve other types and devices."""
    for module in (experts, explicit):
        monkeypatch.setattr(module, "compiled", lambda *tensors: False)
    monkeypatch.setattr(experts, "spline_sum", splines.indexed_spline_sum)
    monkeypatch.setattr(experts, "respond", lambda z, kernels: conv2d(z, kernels[:, None]))


def noisy(*shape):
    return torch.from_numpy(np.random.default_rng(0).uniform(0, 255, shape)).float()


def eager(diffusion: Diffusion, u):
    for _ in range(diffusion.steps):
        u = explicit_step(u, diffusion.diffusivity(u)[0], diffusion.tau)
    return u


@pytest.mark.parametrize("level", LEVELS)
def test_restoring(benchmark, level, device, place):
    restorer = restorers.load("foe-s", "gaussian", level, device=device)
    image = noisy(256, 256).numpy()
    benchmark.group = f"FoE-S at {level} restores 256 x 256, {place}"
    benchmark.pedantic(restorer.restore, (image,), warmup_rounds=3, rounds=25)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("level", LEVELS)
def test_restoring_in_plain_pytorch(benchmark, level, device, place, ended):
    module = restorers.load("foe-s", "gaussian", level, device=device).module
    image = noisy(1, 1, 256, 256).to(device)
    benchmark.group = f"FoE-S at {level} restores 256 x 256, {place}"
    with torch.inference_mode():
        benchmark.pedantic(ended(eager), (module, image), warmup_rounds=1, rounds=5)


def train_step(level, device):
    """One step of the run's own objective, as the loop takes it, on a batch that is there."""
    run = runs.Run("foe-s", "gaussian", level)
    module = restorers.untrained(run).module.requires_grad_(True)
    objective = objective_for(module, run.settings)
    objective.learning.to(device)
    clean = noisy(run.settings["batch"], 1, run.settings["crop"], run.settings["crop"])
    sigma = torch.full((len(clean), 1, 1, 1), float(level))
    batch = Batch(clean, clean + level * torch.randn_like(clean), sigma).to(device)
    return lambda: objective.step(batch), run.settings["steps"]


@pytest.mark.parametrize("level", LEVELS)
def test_training(benchmark, level, device, place, ended):
    step, count = train_step(level, device)
    benchmark.group = f"a training step of FoE-S at {level}, {place}"
    benchmark.pedantic(ended(step), warmup_rounds=2, rounds=12)
    if benchmark.enabled:
        minutes = benchmark.stats["median"] * count / 60
        benchmark.extra_info["minutes of training"] = round(minutes, 1)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("level", LEVELS)
def test_training_in_plain_pytorch(benchmark, level, device, place, ended):
    step, _ = train_step(level, device)
    benchmark.group = f"a training step of FoE-S at {level}, {place}"
    benchmark.pedantic(ended(step), warmup_rounds=1, rounds=5)
