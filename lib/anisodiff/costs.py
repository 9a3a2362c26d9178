"""What a model costs: parameters, operations, time to restore and to train; for images of 256 x 256 on one core."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from . import evaluation, experiments, images, models, provenance

SIDE = 256  # pixels
COLUMNS = ["model", "level", "parameters", "operations", "seconds", "training"]


def operations(module: nn.Module) -> int:
    """Multiplications, each with an addition, in the convolutions and matrix products that restore one image.

    What is not PyTorch's, a library's denoiser, counts none.
    """
    learned = any(True for _ in module.parameters())  # with a gradient none takes its compiled way
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(learned):
        module(torch.zeros(1, 1, SIDE, SIDE, requires_grad=learned))
    return counter.get_total_flops() // 2


def seconds(restorer: models.Restorer, rounds: int = 5) -> float:
    """The median time that a model takes for one image on one core; the first round, which may compile, is left out."""
    clean = images.centre_crop(next(one.pixels for one in images.load("shipped/test") if one.name == "camera"), SIDE)
    degraded = (clean + np.random.default_rng(0).normal(0, 25, clean.shape)).astype(np.float32)
    threads, took = torch.get_num_threads(), []
    torch.set_num_threads(1)
    try:
        for _ in range(rounds + 1):
            start = time.perf_counter()
            restorer.restore(degraded)
            took.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    return float(np.median(took[1:]))


def measure(name: str, level: float) -> tuple:
    """A row of the table: COLUMNS, times in seconds, the training's where the weights were trained or tuned."""
    restorer = models.load(name, "gaussian", level)
    return (
        name,
        level,
        restorer.parameters,
        operations(restorer.module),
        seconds(restorer),
        restorer.header.get("seconds"),
    )


def record() -> None:
    """Measure the models that are scored beside the protocol and write the table; a quiet machine is asked for."""
    provenance.used.clear()
    start, named = (
        time.monotonic(),
        dict.fromkeys(name for name, kind, _ in experiments.further() if kind == "gaussian"),
    )
    rows = [measure(name, level) for name in named for level in experiments.levels(name, "gaussian")]
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
