"""One loop that trains every model: the best state by held-out images kept, checkpoints, a way back from a fall."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from .batches import Batches
from .objectives import Batch, Objective, objective

FALL = 1.0  # dB below its best on held-out images, from where some trainings do not come back


class TrainingFailed(RuntimeError):
    """The loss is no longer a number; the message says when, and what to try."""


def begin(build: Callable[[], nn.Module], settings: dict, seed: int) -> Objective:
    """The objective of a module that is built from a seed."""
    torch.manual_seed(seed)
    return objective(build().to(memory_format=torch.channels_last), settings)  # a quarter faster


def train(
    aim: Objective,
    batches: Batches,
    checkpoint: Path,
    name: str,
    device: torch.device | str = "cpu",
) -> dict:
    """Take the steps of the objective's settings and leave its module in the best state; what there is to say of it.

    Every ``every`` steps the module is scored on ``validation``; one that has
    fallen 1 dB below its best goes back there, and on with the next batch. What was interrupted goes on from its
    ``checkpoint``, a file that is removed at the end. Raises TrainingFailed where the loss is not finite.
    """
    settings, module = aim.settings, aim.module
    aim.learning.to(device)
    validation = batches.validation(settings["validation"]).to(device)
    done = {"step": 0, "best": -np.inf, "state": None, "curve": [], "seconds": 0.0, "falls": 0}
    if checkpoint.is_file():
        saved = torch.load(checkpoint, map_location=device, weights_only=False)  # our own file
        aim.load_state_dict(saved["objective"])
        done |= saved["done"]
    else:  # the untrained model is the one to beat
        _keep_if_best(aim, 0, None, validation, done)

    bar = tqdm(total=settings["steps"], initial=done["step"], desc=name, unit="step", mininterval=1)
    start = time.monotonic() - done["seconds"]
    for step in range(done["step"], settings["steps"]):
        batch = batches.training(step, settings["batch"]).to(device)
        loss = aim.step(batch)["loss"]
        if not np.isfinite(loss):
            raise TrainingFailed(
                f"{name}: the loss is {loss} at step {step}; try a learning rate below {settings['rate']:g}"
            )
        bar.update()
        if (step + 1) % settings["every"] and step + 1 < settings["steps"]:
            continue
        score = _keep_if_best(aim, step + 1, loss, validation, done)
        if aim.falls_back and score < done["best"] - FALL:
            aim.return_to(done["state"])
            done["falls"] += 1
        done |= {"step": step + 1, "seconds": time.monotonic() - start}
        bar.set_postfix_str(f"loss {loss:.4g}, validation {score:.4g}")
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"objective": aim.state_dict(), "done": done}, checkpoint)
    bar.close()

    module.load_state_dict(done["state"])
    checkpoint.unlink(missing_ok=True)
    return {
        f"validation_{aim.measure}": done["best"],
        "curve": done["curve"],
        "left_out": aim.left_out,
        "falls": done["falls"],
        "seconds": round(done["seconds"], 1),
    }


def _keep_if_best(
    aim: Objective, step: int, loss: float | None, validation: Batch, done: dict
) -> float:
    score = aim.score(validation)
    done["curve"].append([step, loss and round(loss, 2), round(score, 4)])
    if score > done["best"]:
        state = {name: value.clone() for name, value in aim.module.state_dict().items()}
        done |= {"best": score, "state": state}
    return score
