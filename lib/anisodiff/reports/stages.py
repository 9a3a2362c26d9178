"""What trainings make of the stages of reaction diffusion: the states between them, and what a training spent."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import torch

from ..methods.restorer import Restorer
from ..metrics.distortion import psnr
from . import records


def states(restorer: Restorer, degraded: np.ndarray) -> list[np.ndarray]:
    """The image (H, W) after 0, 1, ... stages."""
    with torch.inference_mode():
        found = restorer.module.states(torch.from_numpy(degraded)[None, None])
        return [state[0, 0].numpy() for state in found]


def by_stage(restorer: Restorer, pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """PSNR (dB) of each of some pairs of a clean and a degraded image after 0, 1, ... stages, (pairs, stages + 1).

    Not clipped, as a state between two stages is used as it is; so it may be below 0.
    """
    return np.array(
        [[psnr(one, clean) for one in states(restorer, noisy)] for clean, noisy in pairs]
    )


def root_error(decibels: float) -> float:
    """The root of the mean squared error, in gray levels, that a PSNR stands for."""
    return 255 * 10 ** (-decibels / 20)


def shifted(
    restorer: Restorer, degraded: np.ndarray, offset: float, taken_off: bool = True
) -> list[np.ndarray]:
    """:func:`states` where a constant is added after the first stage and what is left of it taken off after the last.

    Filters without a mean do not see it; the reaction of a stage leaves ``1 - lambda`` of it. In gray levels.
    """
    u = f = torch.from_numpy(degraded)[None, None]
    found, stages = [u], list(restorer.module.stages)
    with torch.inference_mode():
        for number, stage in enumerate(stages):
            u = stage(u, f)
            if number == 0:
                u = u + offset
            else:
                offset = offset * (1 - float(stage.lambda_()))
            if number == len(stages) - 1 and taken_off:
                u = u - offset
            found.append(u)
    return [state[0, 0].numpy() for state in found]


def evaluations(restorer: Restorer) -> float:
    """How many times a training sent its batch through a stage.

    A joint training of T stages T times a loss; stage by stage, stage t takes t of them, for those before it are run.
    """
    settings, stages = records.settings(restorer), len(restorer.module.stages)
    losses, share = restorer.header["evaluations"], settings.get("greedy", 0)
    return losses * (share * (stages + 1) / 2 + (1 - share) * stages)


def spent(restorer: Restorer) -> dict[str, float]:
    """A training's evaluations of ``stages`` and the ``megapixels`` sent through them."""
    settings, passed = records.settings(restorer), evaluations(restorer)
    return {
        "stages": passed,
        "megapixels": passed * settings["batch"] * settings["crop"] ** 2 / 1e6,
    }


def curve(restorer: Restorer) -> pd.DataFrame:
    """A training by its steps: held-out ``psnr`` in dB, and the ``share`` of all its steps."""
    steps, _, score = zip(*restorer.header["curve"], strict=True)
    share = np.array(steps) / records.settings(restorer)["steps"]
    return pd.DataFrame({"psnr": score, "share": share}, list(steps))
