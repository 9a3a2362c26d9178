"""What a model costs: parameters, operations, time to restore and to train; for images of 256 x 256 on one core."""

import time
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..data import collections, provenance
from ..study import evaluation, experiments, models
from ..training import loop

SIDE = 256  # pixels
COLUMNS = ["model", "level", "parameters", "operations", "seconds", "training", "step"]


def operations(module: nn.Module) -> int:
    """Multiplications, each with an addition, in the convolutions and matrix products that restore one image.

    What is not PyTorch's, a library's denoiser, counts none.
    """
    learned = any(True for _ in module.parameters())  # with a gradient none takes its compiled way
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(learned):
        module(torch.zeros(1, 1, SIDE, SIDE, requires_grad=learned))
    return counter.get_total_flops() // 2


def seconds(restorer: models.Restorer, rounds: int = 5) -> float:
    """The median time that a model takes for one image; the first round, which may compile, is left out."""
    clean = collections.centre_crop(
        next(one.pixels for one in collections.load("shipped/test") if one.name == "camera"), SIDE
    )
    degraded = (clean + np.random.default_rng(0).normal(0, 25, clean.shape)).astype(np.float32)
    took = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        restorer.restore(degraded)
        took.append(time.perf_counter() - start)
    return float(np.median(took[1:]))


def measure(name: str, level: float) -> tuple:
    """A row of the table: COLUMNS, times in seconds. A training takes its steps times the time of one, measured now,
    for the weights may have been made on a busy machine; a tuning what it took. Without weights a model is built
    untrained."""
    experiment, entry = experiments.Experiment(name, "gaussian", level), models.entry(name)
    if experiment.settings and not experiment.weights.is_file():
        restorer = models.Restorer(name, entry.build(**entry.arguments(level)).eval(), {})
    else:
        restorer = models.load(name, "gaussian", level)
    restoring, counted = seconds(restorer), operations(restorer.module)
    one, took = None, restorer.header.get("seconds")
    if "train" in experiment.settings:
        one = step(experiment, restorer.module)
        took = one * experiment.settings["train"]["steps"]
    return name, level, restorer.parameters, counted, restoring, took, one


def step(experiment: experiments.Experiment, module: nn.Module, rounds: int = 3) -> float:
    """The median time of a training's step, without drawing its batch; the first is left out."""
    settings, discriminator = (
        experiment.settings["train"],
        module.discriminator() if hasattr(module, "discriminator") else None,
    )
    learning = nn.ModuleList([module] if discriminator is None else [module, discriminator]).to(
        memory_format=torch.channels_last
    )
    optimiser = torch.optim.Adam(learning.requires_grad_(True).parameters(), settings["rate"])
    clean = 255 * torch.rand(settings["batch"], 1, settings["crop"], settings["crop"])
    batch, took = (clean, clean + 25 * torch.randn_like(clean), None), []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        loss = loop.loss_of(module.train(), batch, settings.get("loss", "mse"), discriminator)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        took.append(time.perf_counter() - start)
    return float(np.median(took[1:]))


def record() -> None:
    """Measure the models that are scored beside the protocol, and those that are made on demand only, and write the
    table; a quiet machine is asked for."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    provenance.used.clear()
    start, levels = time.monotonic(), experiments.study()["further"]
    named = dict.fromkeys(name for name, *_ in experiments.further())
    rows = [
        measure(name, level)
        for name in named
        for level in experiments.levels(name, "gaussian", "bsd68")
    ]
    rows += [
        measure(name, level)
        for name in experiments.names()
        if not experiments.entry(name)["grid"]
        for level in levels
    ]
    table = pd.DataFrame(rows, columns=COLUMNS)
    evaluation.write_scores(path(), table, {"seconds": round(time.monotonic() - start)})


def path() -> Path:
    """Where the table is."""
    return provenance.ROOT / "data/scores/costs.csv"


def read() -> pd.DataFrame:
    """The table, by model and level."""
    provenance.note(path())
    return pd.read_csv(path()).set_index(["model", "level"])


if __name__ == "__main__":
    record()
