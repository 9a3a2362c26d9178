"""What a model costs: parameters, operations, time to restore and to train; for images of 256 x 256 on one core."""

import time
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from . import evaluation, experiments, images, models, provenance, training

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
    clean = images.centre_crop(next(one.pixels for one in images.load("shipped/test") if one.name == "camera"), SIDE)
    degraded = (clean + np.random.default_rng(0).normal(0, 25, clean.shape)).astype(np.float32)
    took = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        restorer.restore(degraded)
        took.append(time.perf_counter() - start)
    return float(np.median(took[1:]))


def measure(name: str, level: float) -> tuple:
    """A row of the table: COLUMNS, times in seconds; the training's and that of one of its steps where there is one.

    A model without weights is built untrained, and one step of its training measured.
    """
    experiment = experiments.Experiment(name, "gaussian", level)
    if experiment.settings and not experiment.weights.is_file():
        entry = models.entry(name)
        module = entry.build(**entry.arguments(level))
        took, one = None, step(experiment, module)
        restorer = models.Restorer(name, module.eval(), {})
    else:
        restorer = models.load(name, "gaussian", level)
        took = restorer.header.get("seconds")
        one = took / experiment.settings["train"]["steps"] if "train" in experiment.settings else None
    return name, level, restorer.parameters, operations(restorer.module), seconds(restorer), took, one


def step(experiment: experiments.Experiment, module: nn.Module) -> float:
    """Seconds of a training's second step, without drawing its batch."""
    settings, rival = experiment.settings["train"], module.rival() if hasattr(module, "rival") else None
    learning = nn.ModuleList([module] if rival is None else [module, rival]).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(learning.parameters(), settings["rate"])
    clean = 255 * torch.rand(settings["batch"], 1, settings["crop"], settings["crop"])
    degraded = clean + 25 * torch.randn_like(clean)
    for _ in range(2):
        start = time.perf_counter()
        loss = training.loss_of(module.train(), (clean, degraded, None), settings.get("loss", "mse"), rival)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return time.perf_counter() - start


def record() -> None:
    """Measure the models that are scored beside the protocol, and those that are made on demand only, and write the
    table; a quiet machine is asked for."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    provenance.used.clear()
    start, levels = time.monotonic(), experiments.study()["protocol"]["further"]
    named = dict.fromkeys(name for name, *_ in experiments.further())
    rows = [measure(name, level) for name in named for level in experiments.levels(name, "gaussian", "bsd68")]
    rows += [
        measure(name, level) for name in experiments.names() if not experiments.entry(name)["grid"] for level in levels
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
