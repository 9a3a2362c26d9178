"""Making the weights of a run: tuned or trained, written with what made them, recorded in the store."""

import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from torch import nn

from ..data import collections, provenance
from ..methods.device import chosen
from ..problems import PROBLEMS, problem
from ..training import loop, tuning
from ..training.batches import Batches, Problems
from . import catalogue, restorers, store, weights
from .runs import Run


def fit(run: Run, device: str | None = None) -> None:
    """Tune or train a model and write its weights; nothing to do where they are there and current.

    What it starts from is made first. A training that was interrupted goes on from its last checkpoint. Raises
    ValueError for a model without weights, and TrainingFailed when the loss is not finite.
    """
    if not run.makes:
        raise ValueError(f"{run.model} has nothing to fit")
    for ancestor in run.ancestors:
        if ancestor.profile == run.profile:  # else it is shipped, and never made on the side
            fit(ancestor, device)
    if run.weights.is_file() and store.is_current(run.artefact()):
        return  # what is too large to be shipped may be current without being here
    device = chosen(device)
    stamp, start = provenance.stamp(device), time.monotonic()
    module, facts = tune(run) if run.makes == "tune" else train(run, device)
    seconds = round(time.monotonic() - start, 1)  # a resumed training counts its own
    header = {"run": asdict(run), "settings": run.settings, "seconds": seconds} | facts | stamp
    weights.write(run.weights, module, header)
    large = run.weights.stat().st_size > weights.SHIPPED or not run.entry.shipped
    found = {"seconds": header["seconds"]} | stamp | ({"header": header} if large else {})
    store.record(run.artefact(), found)
    _checkpoint(run).unlink(missing_ok=True)  # last: nothing is lost where the disk is full


def tune(run: Run, collection: str = "", side: int = 256, **other) -> tuple[nn.Module, dict]:
    """The setting with the best mean PSNR on training crops, as a module and what there is to say of it."""
    settings, own = run.settings | other, run.entry.arguments(run.level)
    levels = PROBLEMS[run.problem].levels if run.all_levels else [run.level]
    pairs = [
        tuning.degraded_crops(
            collection or run.collection,
            problem(run.problem, level),
            settings["crops"],
            side,
            run.seed,
        )
        for level in levels
    ]
    crops = [np.concatenate(part) for part in zip(*pairs, strict=True)]
    if "strengths" in settings:
        fixed = own | {"noise": run.level}

        def build(strength: float) -> nn.Module:
            return run.entry.build({"strength": strength} | fixed)

        tuned, score = tuning.tune_strength(*crops, settings, run.level, build)
    else:
        fixed = own | {"tau": settings["tau"]}
        tuned, score = tuning.tune_scheme(*crops, settings, own["option"], "released" in run.model)
    arguments = tuned | fixed
    return run.entry.build(arguments), {"build": arguments, "tuned": tuned, "training_psnr": score}


def train(run: Run, device: str = "cpu") -> tuple[nn.Module, dict]:
    """Minimise the run's objective over random degraded crops; the module and what there is to say of it."""
    objective, arguments = _begin(run)
    batches = _batches(run, run.collection, run.settings["crop"])
    facts = loop.train(objective, batches, _checkpoint(run), run.name, device)
    module = objective.module.cpu()
    module.load_state_dict(
        weights.stored(module)
    )  # in half precision: what is kept is what is scored
    score = objective.score(batches.validation(run.settings["validation"]))
    return module, {"build": arguments} | facts | {f"validation_{objective.measure}_stored": score}


def _checkpoint(run: Run) -> Path:
    """Where the state of its training is while it is not complete: a file for each recipe and code."""
    name = f"{run.name.replace('/', '-')}-{store.token(run.artefact())}.checkpoint"
    return provenance.ROOT / "_build/checkpoints" / name


def probe(run: Run) -> dict[str, float]:
    """What tells whether changed code still makes these weights.

    The first steps of the training on tiny crops of images that everybody has, or a tiny tuning on them.
    """
    if run.makes == "tune":
        _, facts = tune(run, "shipped/train", 64, crops=1, tries=3)
        return {"psnr": facts["training_psnr"]} | facts["tuned"]
    objective, _ = _begin(run)
    batches = _batches(run, "shipped/train", crop=32)
    losses = {
        f"loss {step}": objective.step(batches.training(step, 2))["loss"] for step in range(3)
    }
    # An untrained network may hardly see how the crops were degraded, so that these are looked at as well.
    many = batches.training(0, 32)
    same = many.degraded.shape == many.clean.shape  # smaller ones are looked at for themselves
    error = many.degraded - (many.clean if same else many.degraded.mean())
    drawn = {"clean": many.clean.mean(), "error": error.abs().mean()}
    drawn = {name: float(value) for name, value in drawn.items()}
    return losses | drawn | {objective.measure: objective.score(batches.validation(2))}


def _begin(run: Run) -> tuple[loop.Objective, dict]:
    """The objective of the model as its training finds it, and what that is built of."""
    arguments = run.arguments()

    def build() -> nn.Module:
        module = restorers.build(run.entry, arguments)
        if run.continued:
            module.load_state_dict(weights.read(run.continued.weights)[0])
        return module

    return loop.begin(build, run.settings, run.drawn_from), arguments


def _batches(run: Run, collection: str, crop: int) -> Batches:
    kinds = tuple(catalogue.problems().values()) if run.universal else (PROBLEMS[run.problem],)
    level = None if run.all_levels else run.level
    between, logarithmic = run.settings.get("between"), run.settings.get("logarithmic", False)
    problems = Problems(kinds, level, between, logarithmic)
    upright = run.settings.get("upright", False)
    return Batches(collections.load(collection), problems, crop, run.drawn_from, upright)
