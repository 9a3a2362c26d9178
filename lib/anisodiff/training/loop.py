"""One loop that trains every model: the best state by held-out images kept, checkpoints, a way back from a fall."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from .objectives import Batch, Objective

FALL = 1.0  # dB below its best on held-out images, from where some trainings do not come back


class TrainingFailed(RuntimeError):
    """The loss is no longer a number; the message says when, and what to try."""


def train(
    objective: Objective,
    draw: Callable[[int], Batch],
    validation: Batch,
    checkpoint: Path,
    name: str,
    device: torch.device | str = "cpu",
) -> dict:
    """Take the steps of the objective's settings and leave its module in the best state; what there is to say of it.

    ``draw(step)`` gives the batch of a step. Every ``every`` steps the module is scored on ``validation``; one that has
    fallen 1 dB below its best goes back there, and on with the next batch. What was interrupted goes on from its
    ``checkpoint``, a file that is removed at the end. Raises TrainingFailed where the loss is not finite.
    """
    settings, module = objective.settings, objective.module
    objective.learning.to(device)
    validation = validation.to(device)
    done = {"step": 0, "best": -np.inf, "state": None, "curve": [], "seconds": 0.0, "falls": 0}
    if checkpoint.is_file():
        saved = torch.load(checkpoint, map_location=device, weights_only=False)  # our own file
        objective.load_state_dict(saved["objective"])
        done |= saved["done"]
    else:  # the untrained model is the one to beat
        _keep_if_best(objective, 0, None, validation, done)

    bar = tqdm(total=settings["steps"], initial=done["step"], desc=name, unit="step", mininterval=1)
    start = time.monotonic() - done["seconds"]
    for step in range(done["step"], settings["steps"]):
        loss = objective.step(draw(step).to(device))["loss"]
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
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"objective": objective.state_dict(), "done": done}, checkpoint)
    bar.close()

    module.load_state_dict(done["state"])
    checkpoint.unlink(missing_ok=True)
    return {
        f"validation_{objective.measure}": done["best"],
        "curve": done["curve"],
        "left_out": objective.left_out,
        "falls": done["falls"],
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
