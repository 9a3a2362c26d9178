"""One loop that trains every model: the best state by held-out images kept, checkpoints, a way back from a fall."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from . import checkpoints
from .adversarial import Adversarial, Against, Drawn
from .batches import Batches
from .objectives import Batch, Coded, Detection, Objective, Search, Staged, Supervised

FALL = 1.0  # dB below its best on held-out images, from where some trainings do not come back


class TrainingFailed(RuntimeError):
    """The loss is no longer a number; the message says when, and what to try."""


def begin(build: Callable[[], nn.Module], settings: dict, seed: int) -> Objective:
    """The objective of the module that ``build`` makes, its random weights drawn from a seed."""
    torch.manual_seed(seed)
    module = build().to(memory_format=torch.channels_last)  # a quarter faster
    return objective_for(module, settings)


def objective_for(module: nn.Module, settings: dict) -> Objective:
    """The objective that suits a module: what the settings say, else what the module has."""
    if settings.get("optimiser") == "search":
        return Search(module, settings)
    if "greedy" in settings:
        return Staged(module, settings)
    if "against" in settings:
        return Against(module, settings)
    if hasattr(module, "discriminator"):
        return (Drawn if getattr(module, "samples", False) else Adversarial)(module, settings)
    if hasattr(module, "coded"):
        return Coded(module, settings)
    return (Detection if hasattr(module, "loss") else Supervised)(module, settings)


def train(
    objective: Objective,
    batches: Batches,
    checkpoint: Path,
    name: str,
    device: torch.device | str = "cpu",
) -> dict:
    """Train the objective's module, leave it in its best state, and return the facts of the training.

    ``objective.settings`` say how many ``steps`` are taken and how many crops make a ``batch``.
    ``batches`` gives the batch of each step, and the held-out crops, ``validation`` of them, on
    which the module is scored: before the first step, after every ``every`` steps and after the
    last. The state with the best score is kept. Where an objective ``falls_back``, a module that
    scores more than 1 dB below its best returns to that state and continues with the next batch.
    Where an objective ``starts`` something else, it does so from the best state so far.

    After each score but the first, everything is saved to the file ``checkpoint``. An interrupted
    training continues from there as if it had not been interrupted. The file stays at the end: who has written the
    weights removes it. A damaged one is set aside, with a warning, and the training begins anew.

    The facts, by name: ``validation_psnr``, the best score (named after the objective's
    ``measure``); ``curve``, rows of step, loss (None before the first step) and score;
    ``left_out``, the number of steps that were not taken because the gradient surged; ``falls``,
    how often the module returned to its best state; ``evaluations``, how often the loss was
    computed; and ``seconds``, those of all parts of an
    interrupted training together.

    Raises TrainingFailed where the loss is not finite.
    """
    settings, module = objective.settings, objective.module
    objective.learning.to(device)
    validation = batches.validation(settings["validation"]).to(device)
    done = {"step": 0, "best": -np.inf, "state": None, "curve": [], "seconds": 0.0, "falls": 0}
    if saved := checkpoints.read(checkpoint):
        objective.load_state_dict(saved["objective"])
        done |= saved["done"]
    else:  # the untrained model is the one to beat
        _keep_if_best(objective, 0, None, validation, done)

    bar = tqdm(total=settings["steps"], initial=done["step"], desc=name, unit="step", mininterval=1)
    start = time.monotonic() - done["seconds"]
    for step in range(done["step"], settings["steps"]):
        if objective.starts(step):
            objective.return_to(done["state"])
            done["best"] = -np.inf
            _keep_if_best(objective, step, None, validation, done)
        torch.manual_seed(step)  # of what a module draws itself
        batch = batches.training(0 if objective.fixed else step, settings["batch"]).to(device)
        loss = objective.step(batch)["loss"]
        if not np.isfinite(loss):
            raise TrainingFailed(
                f"{name}: the loss is {loss} at step {step}; try a learning rate below {settings['rate']:g}"
            )
        bar.update()
        if (step + 1) % settings["every"] and step + 1 < settings["steps"]:
            continue
        score = _keep_if_best(objective, step + 1, loss, validation, done)
        if objective.falls_back and score < done["best"] - FALL:
            objective.return_to(done["state"])
            done["falls"] += 1
        done |= {"step": step + 1, "seconds": time.monotonic() - start}
        bar.set_postfix_str(f"loss {loss:.4g}, validation {score:.4g}")
        checkpoints.write(checkpoint, {"objective": objective.state_dict(), "done": done})
    bar.close()

    module.load_state_dict(done["state"])
    return {
        f"validation_{objective.measure}": done["best"],
        "curve": done["curve"],
        "left_out": objective.left_out,
        "falls": done["falls"],
        "evaluations": objective.evaluations,
        "seconds": round(done["seconds"], 1),
    }


def _keep_if_best(
    objective: Objective, step: int, loss: float | None, validation: Batch, done: dict
) -> float:
    score = objective.score(validation)
    done["curve"].append([step, loss and round(loss, 2), round(score, 4)])
    if score > done["best"]:
        state = {name: value.clone() for name, value in objective.module.state_dict().items()}
        done |= {"best": score, "state": state}
    return score
