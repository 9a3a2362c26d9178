"""What a model costs: parameters, operations, time to restore and to train; for images of 256 x 256 on one core."""

import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from ..data import collections, provenance
from ..methods.restorer import Restorer
from ..study import catalogue, evaluation, restorers, runs, store
from ..training.loop import objective_for
from ..training.objectives import Batch

SIDE = 256  # pixels
COLUMNS = ["model", "level", "parameters", "operations", "seconds", "training", "step"]


def operations(module: nn.Module, side: int = SIDE) -> int:
    """Multiplications, each with an addition, in the convolutions and matrix products that restore one image.

    The image has ``side`` x ``side`` pixels. What is not PyTorch's, a library's denoiser, counts none.
    """
    learned = any(True for _ in module.parameters())  # with a gradient none takes its compiled way
    with FlopCounterMode(display=False) as counter, torch.set_grad_enabled(learned):
        module(torch.zeros(1, 1, side, side, requires_grad=learned), 25.0)
    return counter.get_total_flops() // 2


def seconds(restorer: Restorer, rounds: int = 5) -> float:
    """The median time that a model takes for one image; the first round, which may compile, is left out."""
    camera = next(one.pixels for one in collections.load("shipped/test") if one.name == "camera")
    clean = collections.centre_crop(camera, SIDE)
    degraded = (clean + np.random.default_rng(0).normal(0, 25, clean.shape)).astype(np.float32)
    return _median_time(lambda: restorer.restore(degraded), rounds)


def measure(name: str, level: float) -> tuple:
    """A row of the table: COLUMNS, times in seconds.

    A training takes its steps times the time of one, measured now, for the weights may have been made on a busy
    machine; a tuning what it took, and so a training whose steps differ: stage by stage, or by L-BFGS. Without weights
    a model is built untrained.
    """
    run = runs.Run(name, "gaussian", level)
    restorer = (
        restorers.load(name, "gaussian", level)
        if not run.makes or run.weights.is_file()
        else restorers.untrained(run)
    )
    restoring, counted = seconds(restorer), operations(restorer.module)
    one, took = None, restorer.header.get("seconds")
    uneven = "greedy" in run.settings or run.settings.get("optimiser") == "lbfgs"
    if run.makes == "train" and not uneven:
        one = step(run, restorer.module)
        took = one * run.settings["steps"]
        before = run
        while before := before.continued:
            took += step(before, restorer.module) * before.settings["steps"]
    return name, level, restorer.parameters, counted, restoring, took, one


def step(run: runs.Run, module: nn.Module, rounds: int = 3) -> float:
    """The median time of a step of the run's objective, without drawing its batch; the first is left out."""
    return _median_time(training_step(run, module), rounds)


def training_step(run: runs.Run, module: nn.Module) -> Callable[[], dict]:
    """What takes a step of the run's objective when it is called, always on the same batch of noise."""
    module = module.to(memory_format=torch.channels_last).requires_grad_(True)
    objective = objective_for(module, run.settings)
    count, side = run.settings["batch"], run.settings["crop"]
    clean = 255 * torch.rand(count, 1, side, side)
    batch = Batch(clean, clean + 25 * torch.randn_like(clean), torch.full((count, 1, 1, 1), 25.0))
    return lambda: objective.step(batch)


def clocked(does: Callable) -> float:
    """The seconds that a call takes."""
    start = time.perf_counter()
    does()
    return time.perf_counter() - start


def _median_time(does: Callable, rounds: int) -> float:
    return float(np.median([clocked(does) for _ in range(rounds + 1)][1:]))


def asked() -> list[tuple[str, float]]:
    """The models that are scored on further collections, at their levels, and those that are made on demand only."""
    named = dict.fromkeys(name for name, *_ in catalogue.further())
    found = [
        (name, level) for name in named for level in catalogue.levels(name, "gaussian", "bsd68")
    ]
    demanded = [name for name in catalogue.names() if not catalogue.entry(name).grid]
    return found + [
        (name, level) for name in demanded for level in catalogue.study()["further"]["levels"]
    ]


def artefact() -> store.Artefact:
    """The table in the store. What it depends on is what is built and how it is trained, not the trained numbers."""

    def recipe() -> dict:
        found = {}
        for name, level in asked():
            run = runs.Run(name, "gaussian", level)
            found[f"{name} {level:g}"] = {
                "made of": run.entry.made_of,
                "arguments": run.entry.arguments(level),
                "settings": run.settings,
            }
        return found

    return store.Artefact(
        name="scores/costs",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.operations",),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still counts alike."""
    return {"operations": float(operations(restorers.load("foe-s").module))}


def record() -> None:
    """Measure the models that are :func:`asked` for and write the table; a quiet machine is asked for."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    table = pd.DataFrame([measure(name, level) for name, level in asked()], columns=COLUMNS)
    evaluation.write_scores(table, artefact(), start, stamp)


def path() -> Path:
    """Where the table is."""
    return provenance.ROOT / "data/scores/costs.csv"


def read() -> pd.DataFrame:
    """The table, by model and level."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path()).set_index(["model", "level"])
