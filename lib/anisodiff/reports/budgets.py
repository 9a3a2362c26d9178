"""Diffusions beside plain networks of their size at equal cost: what a step of training takes, what a training reached.

A rival is trained twice: on as many pixels as the diffusion, and for as many seconds of one core.
"""

import time
from pathlib import Path

import numba
import pandas as pd
import torch

from ..data import provenance
from ..metrics import statistics
from ..study import catalogue, evaluation, restorers, runs, store
from . import comparison, costs, records

LEVEL = 25
RIVALS = {  # of each diffusion
    "network-long": {"DnCNN": "dncnn-30k", "residual U-Net": "residual-unet-30k"},
    "network-200k": {"DnCNN": "dncnn-200k", "residual U-Net": "residual-unet-200k"},
}
BUDGETS = ("pixels", "seconds")
ROUNDS = 30


def compared(budget: str) -> dict[str, dict[str, str]]:
    """By diffusion, the trainings on one of BUDGETS by label: its own and its rivals', as far as the study has them."""
    known, found = catalogue.names(), {}
    for diffusion in (name for name in RIVALS if name in known):
        named = {label: f"{rival}-{budget}" for label, rival in RIVALS[diffusion].items()}
        there = {label: name for label, name in named.items() if name in known}
        found[diffusion] = {"diffusion": diffusion} | there
    return found


def curve(model: str) -> pd.DataFrame:
    """A training by its steps: held-out ``psnr`` in dB, ``megapixels`` seen, ``minutes`` of one core as timed."""
    run = runs.Run(model, "gaussian", LEVEL)
    steps, _, psnr = zip(*restorers.load(model, "gaussian", LEVEL).header["curve"], strict=True)
    table = pd.DataFrame({"psnr": psnr}, pd.Index(steps, name="step"))
    seen = run.settings["batch"] * run.settings["crop"] ** 2
    step = read().seconds[model.replace("-seconds", "-pixels")]
    return table.assign(megapixels=table.index * seen / 1e6, minutes=table.index * step / 60)


def by_seed(model: str) -> pd.DataFrame:
    """The PSNR of every training of a model: a row an image, a column a seed."""
    return pd.DataFrame(
        {name: records.by_image(name, level=LEVEL) for name in records.seeds(model)}
    )


def gain(first: str, second: str) -> records.Interval:
    """The mean of first - second over images and seeds, in dB, with its 95 % interval.

    Its error is that of other images and, over the root of the number of seeds, that of another training of each: the
    model's own deviation or the pooled one (:func:`comparison.deviations`), whichever is larger.
    """
    pooled, errors, means = comparison.deviations(LEVEL), {}, {}
    for model in (first, second):
        scores = by_seed(model)
        means[model], trainings = scores.mean(axis=1), scores.mean()
        deviation = max(pooled[model], trainings.std() if len(trainings) > 1 else 0.0)
        errors[model] = deviation / len(trainings) ** 0.5
    apart = means[first] - means[second]
    error, freedom = statistics.standard_error(apart)
    half = statistics.half_width(comparison.retrained(error, first, second, errors), freedom)
    return apart.mean(), apart.mean() - half, apart.mean() + half


def measure(rounds: int = ROUNDS) -> pd.DataFrame:
    """The median ``seconds`` of a step, and the quartiles of its ``ratio`` to the diffusion's step of the same round.

    The models of a size take their steps in turn, so that what slows the machine down slows all of them.
    """
    rows = []
    for diffusion, models in compared("pixels").items():
        made = [runs.Run(model, "gaussian", LEVEL) for model in models.values()]
        steps = {
            run.model: costs.training_step(run, restorers.untrained(run).module) for run in made
        }
        took = [
            {name: costs.clocked(step) for name, step in steps.items()} for _ in range(rounds + 1)
        ]
        took = pd.DataFrame(took[1:])  # the first round may compile
        for model, seconds in took.items():
            ratio = (seconds / took[diffusion]).quantile([0.5, 0.25, 0.75])
            rows.append((model, seconds.median(), *ratio))
    return pd.DataFrame(rows, columns=["model", "seconds", "ratio", "low", "high"])


def artefact() -> store.Artefact:
    """The table of :func:`measure` in the store. What it depends on is what is built and how it is trained."""

    def recipe() -> dict:
        found = {"rounds": ROUNDS}
        for model in (model for models in compared("pixels").values() for model in models.values()):
            run = runs.Run(model, "gaussian", LEVEL)
            sizes = {key: run.settings[key] for key in ("batch", "crop")}
            found[model] = {"made of": run.entry.made_of, "arguments": run.arguments(), **sizes}
        return found

    return store.Artefact(
        name="scores/training-steps",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.compared",),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still times the same models: how many beside each diffusion."""
    return {diffusion: float(len(models)) for diffusion, models in compared("pixels").items()}


def record() -> None:
    """Time the steps and write the table; a quiet machine is asked for."""
    torch.set_num_threads(1)
    numba.set_num_threads(1)
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    evaluation.write_scores(measure(), artefact(), start, stamp)


def path() -> Path:
    """Where the table is."""
    return provenance.ROOT / "data/scores/training-steps.csv"


def read() -> pd.DataFrame:
    """The table by model."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path(), index_col="model")
