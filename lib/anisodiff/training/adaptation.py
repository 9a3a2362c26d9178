"""Adaptation to one image: a trained denoiser goes on learning, on a copy, from a related image or its own result."""

import copy
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from torch import nn
from torch.optim.lr_scheduler import LinearLR

from ..data.collections import Image
from ..methods.base import Denoising
from ..methods.restorer import Restorer
from ..problems import Problem
from .batches import Batches, Problems
from .loop import TrainingFailed
from .objectives import OPTIMISERS, Batch, Supervised

BLOCK, BATCH = 64, 4  # pixels a side of a block, and how many make a step
WARM = 20  # steps in which the rate rises: Adam's first are long for every weight, and a large network falls by them
STEPS = {"external": 300, "internal": 60}
# Of the rate that a denoiser was trained at: of those that the study tried, the best for its denoisers on average.
SHARES = {"external": 0.3, "internal": 0.1}


class Continued(Supervised):
    """:class:`.Supervised` at a rate that rises for WARM steps and then stays, so that any step may be the last one."""

    def learn(self, parameters: Iterable[nn.Parameter], steps: int) -> None:
        self.optimiser = OPTIMISERS["adam"](parameters, self.settings["rate"])
        self.schedule = LinearLR(self.optimiser, 1 / WARM, 1, WARM - 1)

    def loss(self, batch: Batch):
        if hasattr(self.module, "anneal"):
            self.module.anneal(1)  # as at the end of its training
        return super().loss(batch)


class Adaptation:
    """``min_theta mean_b 10 log10 mean (D_theta(y_b, level) - x_b)^2`` from the trained theta on, ``x_b`` blocks of one
    image and ``y_b`` what is measured of them.

    ``restorer`` is what was given with a copy of its denoiser, which :meth:`reach` changes; what was given stays as it
    is. A step is one of Adam at ``rate``, to which it rises in WARM steps, on BATCH blocks of BLOCK x BLOCK pixels,
    flipped and turned at random, each measured anew by the restorer's problem. ``image`` is (H, W) or (H, W, C) on
    0..255; its channels count as images. It is a clean image like the one to be restored (external), or that one's own
    restoration (:func:`own_result`; internal). All draws are functions of ``seed``.

    Raises ValueError for a method that is no denoiser, needs the clean image or has nothing to learn, for an image of
    another shape or range or smaller than a block, and for a rate that is not above 0.
    Source: Vaksman, Elad, Milanfar, CVPR workshops 2020.
    """

    def __init__(self, restorer: Restorer, image: np.ndarray, rate: float, seed: int = 0):
        _check(restorer)
        if not 0 < rate < np.inf:
            raise ValueError(f"rate must be a number above 0, got {rate!r}")
        module = copy.deepcopy(restorer.module).requires_grad_(True)
        method = Denoising(module, restorer.method.name)
        self.restorer = replace(restorer, method=method)
        settings = {"loss": "psnr", "rate": rate, "steps": 1}
        self.objective = Continued(module, settings)
        # The first is what Batches holds out; nothing is scored on it here.
        channels = _channels(image)
        images = [Image("held out", channels[0]), *(Image("channel", one) for one in channels)]
        self.batches = Batches(images, _repeated(restorer.problem), BLOCK, seed)
        self.steps, self.seconds = 0, 0.0

    def reach(self, steps: int, seconds: float = np.inf) -> None:
        """Go on to ``steps`` steps in all, or until learning has taken ``seconds`` in all.

        Raises TrainingFailed where the loss is not finite.
        """
        while self.steps < steps and self.seconds < seconds:
            start = time.monotonic()
            batch = self.batches.training(self.steps, BATCH).to(self.restorer.device)
            loss = self.objective.step(batch)["loss"]
            self.objective.learning.eval()
            if not np.isfinite(loss):
                raise TrainingFailed(
                    f"{self.restorer.name}: the loss is {loss} at step {self.steps} of the adaptation; try a rate"
                    f" below {self.objective.settings['rate']:g}"
                )
            self.steps += 1
            self.seconds += time.monotonic() - start


def trained_rate(restorer: Restorer) -> float:
    """The rate that a denoiser was trained at, as its header has it; ValueError where it has none, and for what
    cannot be adapted."""
    _check(restorer)
    settings = restorer.header.get("settings", {})
    settings = settings.get("train", settings)  # older headers name the way
    if "rate" not in settings:
        raise ValueError(f"the rate that {restorer.name} was trained at is not known: give a rate")
    return float(settings["rate"])


def own_result(restorer: Restorer, degraded: np.ndarray) -> np.ndarray:
    """What a denoiser makes of a degraded image, clipped to 0..255, for it to learn from; the same shape."""
    return np.clip(restorer.restore(degraded), 0, 255)


def course(
    adaptation: Adaptation,
    scores: Callable[[Restorer], Mapping[str, float]],
    at: Iterable[int],
    seconds: float = np.inf,
) -> pd.DataFrame:
    """What the denoiser scores while it adapts: a row for each of the steps ``at``, which rise, and 0 is before.

    Columns are ``step``, ``seconds`` of learning, without those of scoring, and the scores by their names. Where the
    ``seconds`` are over, the row of the step that was reached is the last one.
    """
    rows = []
    for step in at:
        adaptation.reach(step, seconds)
        reached = {"step": adaptation.steps, "seconds": adaptation.seconds}
        rows.append(reached | dict(scores(adaptation.restorer)))
        if adaptation.steps < step:
            break
    return pd.DataFrame(rows)


def _check(restorer: Restorer) -> None:
    name = restorer.name
    if not (restorer.restores and isinstance(restorer.method, Denoising)):
        raise ValueError(f"{name} is no denoiser: it cannot be adapted to an image")
    if restorer.module.needs_truth:
        raise ValueError(f"{name} is an oracle: it cannot be adapted to an image")
    if not any(True for _ in restorer.module.parameters()):
        raise ValueError(
            f"{name} has nothing to learn: adapt a trained denoiser, such as drunet-lite or tnrd"
        )


def _channels(image: np.ndarray) -> list[np.ndarray]:
    pixels = np.asarray(image, np.float32)
    if pixels.ndim not in (2, 3) or min(pixels.shape[:2]) < BLOCK:
        raise ValueError(
            f"an image to adapt to has the shape (H, W) or (H, W, C) and at least {BLOCK} x {BLOCK} pixels, got"
            f" {pixels.shape}"
        )
    low, high = float(pixels.min()), float(pixels.max())
    if not (np.isfinite(low) and np.isfinite(high)) or 0 < max(high, -low) <= 1 or high > 5000:
        raise ValueError(f"an image to adapt to is on 0..255, got values from {low:g} to {high:g}")
    return list(np.moveaxis(np.atleast_3d(pixels), -1, 0))


def _repeated(problem: Problem) -> Problems:
    """The problem for every block; ValueError where it is more than its level."""
    if type(problem)(problem.level) != problem:
        raise ValueError(
            f"blocks are measured by {problem.name} at a level alone, not with further parameters: {problem}"
        )
    return Problems((type(problem),), problem.level)
