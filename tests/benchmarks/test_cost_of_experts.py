"""What Fields of Experts cost on one core, in the published sizes, compiled beside plain PyTorch: `make benchmark`.

``extra_info`` of a training holds the minutes that the study's number of steps takes at the median step.
"""

import numpy as np
import pytest
import torch
from torch.nn.functional import conv2d

from anisodiff.methods.diffusion import experts
from anisodiff.methods.diffusion.kernels import explicit, splines
from anisodiff.methods.diffusion.scheme import Diffusion, explicit_step
from anisodiff.study import restorers, runs
from anisodiff.training.objectives import Batch, objective

LEVELS = (15, 25, 50)


@pytest.fixture(scope="module", autouse=True)
def one_core():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


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
def test_restoring(benchmark, level):
    restorer, image = restorers.load("foe-s", "gaussian", level), noisy(256, 256).numpy()
    benchmark.group = f"FoE-S at {level} restores 256 x 256, one core"
    benchmark.pedantic(restorer.restore, (image,), warmup_rounds=3, rounds=25)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("level", LEVELS)
def test_restoring_in_plain_pytorch(benchmark, level):
    module, image = restorers.load("foe-s", "gaussian", level).module, noisy(1, 1, 256, 256)
    benchmark.group = f"FoE-S at {level} restores 256 x 256, one core"
    with torch.inference_mode():
        benchmark.pedantic(eager, (module, image), warmup_rounds=1, rounds=5)


def train_step(level):
    """One step of the run's own objective, as the loop takes it, on a batch that is there."""
    run = runs.Run("foe-s", "gaussian", level)
    aim = objective(restorers.untrained(run).module.requires_grad_(True), run.settings)
    clean = noisy(run.settings["batch"], 1, run.settings["crop"], run.settings["crop"])
    sigma = torch.full((len(clean), 1, 1, 1), float(level))
    batch = Batch(clean, clean + level * torch.randn_like(clean), sigma)
    return lambda: aim.step(batch), run.settings["steps"]


@pytest.mark.parametrize("level", LEVELS)
def test_training(benchmark, level):
    step, count = train_step(level)
    benchmark.group = f"a training step of FoE-S at {level}, one core"
    benchmark.pedantic(step, warmup_rounds=2, rounds=12)
    benchmark.extra_info["minutes of training"] = round(benchmark.stats["median"] * count / 60, 1)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("level", LEVELS)
def test_training_in_plain_pytorch(benchmark, level):
    step, _ = train_step(level)
    benchmark.group = f"a training step of FoE-S at {level}, one core"
    benchmark.pedantic(step, warmup_rounds=1, rounds=5)
