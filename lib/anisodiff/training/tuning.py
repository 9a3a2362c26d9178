"""Tuning by trying: scores of a scheme for every lambda and every number of steps, on training crops or, as an oracle,
on the very image to be restored."""

from dataclasses import dataclass

import numba
import numpy as np
import torch
from torch import nn

from ..data import collections
from ..methods.diffusion.classic import PeronaMalik
from ..methods.diffusion.kernels.explicit import diffuse
from ..methods.diffusion.scheme import Diffusion
from ..metrics import distortion
from ..problems.degradations import DEGRADATIONS, degradation, seeded
from ..study import models
from ..study.experiments import Experiment


def lambdas(settings: dict) -> np.ndarray:
    """The lambdas to try, evenly spaced in the logarithm."""
    return np.geomspace(*settings["lambdas"], settings["tries"]).astype(np.float32)


def psnr_table(
    clean: np.ndarray, degraded: np.ndarray, scheme, tried: np.ndarray, most_steps: int
) -> np.ndarray:
    """PSNR after every number of steps 0..``most_steps`` with every lambda, (images, lambdas, steps + 1).

    ``scheme(start, lambda, most_steps)`` gives the states of a (1, 1, H, W) image; images are (B, H, W), clipped for
    scoring.
    """
    table = np.empty((len(clean), len(tried), most_steps + 1))
    for image in range(len(clean)):  # one at a time: a single image stays in the cache
        start = torch.from_numpy(degraded[image : image + 1, None])
        for column, lambda_ in enumerate(tried):
            for step, state in enumerate(scheme(start, float(lambda_), most_steps)):
                table[image, column, step] = _clipped_mse(state[0, 0].numpy(), clean[image])
    return 10 * np.log10(255**2 / table)


def best_setting(
    clean, degraded, scheme, tried: np.ndarray, steps: range
) -> tuple[float, int, float]:
    """The lambda and the number of steps of the best mean PSNR, and that PSNR.

    First over all of ``tried``, then, at the steps found, seventeen lambdas between the best one's neighbours.
    """
    mean = psnr_table(clean, degraded, scheme, tried, steps[-1]).mean(0)[:, steps]
    best, count = np.unravel_index(mean.argmax(), mean.shape)
    count = steps[count]
    between = np.geomspace(tried[max(best - 1, 0)], tried[min(best + 1, len(tried) - 1)], 17)
    fine = np.append(between, tried[best]).astype(np.float32)
    mean = psnr_table(clean, degraded, scheme, fine, count).mean(0)[:, count]
    return float(fine[mean.argmax()]), int(count), float(mean.max())


@numba.njit(error_model="numpy", fastmath=True, cache=True)
def _clipped_mse(restored, clean):
    total = 0.0
    for i in range(clean.shape[0]):
        row = np.float32(0)
        for j in range(clean.shape[1]):
            d = min(max(restored[i, j], np.float32(0)), np.float32(255)) - clean[i, j]
            row += d * d
        total += row
    return total / clean.size


def correct_scheme(option: int, tau: float):
    """The states of the classic diffusion, step by step, for :func:`psnr_table`."""

    def states(start, lambda_, most_steps):
        yield start
        state = start
        for _ in range(most_steps):
            state = diffuse(state, [lambda_], option, 1, tau)
            yield state

    return states


def released_scheme(option: int, tau: float):
    """The same for the released code's scheme; its count of steps is one more than it makes."""

    def states(start, lambda_, most_steps):
        return models.ReleasedPeronaMalik(lambda_, option, most_steps + 1, tau).trajectory(start)

    return states


def degraded_crops(
    collection: str, kind, count: int, side: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Centred crops of ``count`` images spread evenly over a collection, clean and degraded, (count, side, side)."""
    chosen = collections.load(collection)
    chosen = [
        chosen[i]
        for i in np.linspace(0, len(chosen) - 1, min(count, len(chosen))).round().astype(int)
    ]
    clean = [collections.centre_crop(image.pixels, side) for image in chosen]
    side = min(extent for crop in clean for extent in crop.shape)
    clean = [collections.centre_crop(crop, side) for crop in clean]
    degraded = [
        kind(crop, seeded(seed, collection, image.name, kind))
        for crop, image in zip(clean, chosen, strict=True)
    ]
    return np.stack(clean), np.stack(degraded)


def tune(experiment: Experiment) -> tuple[nn.Module, dict]:
    """The setting with the best mean PSNR on training crops, as a module and its arguments.

    It is the lambda and the number of steps of the classic, or, with ``strengths`` among the study's settings (in units
    of the noise's deviation), the strength of a denoiser.
    """
    entry, settings = models.entry(experiment.model), experiment.settings["tune"]
    levels = (
        DEGRADATIONS[experiment.degradation].levels if experiment.all_levels else [experiment.level]
    )
    pairs = [
        degraded_crops(
            experiment.settings["collection"], kind, settings["crops"], 256, experiment.seed
        )
        for kind in (degradation(experiment.degradation, level) for level in levels)
    ]
    crops = [np.concatenate(part) for part in zip(*pairs, strict=True)]
    if "strengths" in settings:
        tried = experiment.level * np.geomspace(*settings["strengths"], settings["tries"])
        fixed = entry.fixed | {"noise": experiment.level}
        scores = [
            _restored_psnr(entry.build(strength=strength, **fixed), *crops) for strength in tried
        ]
        tuned, psnr = {"strength": float(tried[np.argmax(scores)])}, max(scores)
    else:
        option, tau = entry.fixed["option"], settings["tau"]
        released = "released" in experiment.model
        scheme = (released_scheme if released else correct_scheme)(option, tau)
        lambda_, steps, psnr = best_setting(
            *crops, scheme, lambdas(settings), range(settings["most_steps"] + 1)
        )
        tuned, fixed = (
            {"lambda_": lambda_, "steps": steps + released},
            {"option": option, "tau": tau},
        )
    arguments = tuned | fixed
    return entry.build(**arguments), {"build": arguments, "tuned": tuned, "training_psnr": psnr}


def _restored_psnr(module: nn.Module, clean: np.ndarray, degraded: np.ndarray) -> float:
    restored = module(torch.from_numpy(degraded)[:, None])[:, 0].numpy()
    return float(
        np.mean(
            [
                distortion.psnr(np.clip(one, 0, 255), true)
                for one, true in zip(restored, clean, strict=True)
            ]
        )
    )


@dataclass(frozen=True)
class Oracle:
    """The classic with the lambda, and with ``free_steps`` the number of steps, that suit each image best.

    A bound that no model of that form can pass, since it is chosen by looking at the clean image.
    """

    name: str
    option: int
    free_steps: bool

    def choose(self, degraded: np.ndarray, clean: np.ndarray, kind) -> tuple[float, int, float]:
        """The best lambda, steps and the tau of one (H, W) image; the step count is the tuned one unless it is free."""
        suffix = "" if self.option == 2 else f"-option-{self.option}"
        experiment = Experiment(f"perona-malik{suffix}", kind.name, kind.level)
        settings = experiment.settings["tune"]
        tuned = models.open_weights(experiment).header["build"]
        steps = (
            range(settings["most_steps"] + 1)
            if self.free_steps
            else range(tuned["steps"], tuned["steps"] + 1)
        )
        scheme = correct_scheme(self.option, tuned["tau"])
        lambda_, count, _ = best_setting(
            clean[None], degraded[None], scheme, lambdas(settings), steps
        )
        return lambda_, count, tuned["tau"]

    def restore(self, degraded: np.ndarray, lambda_: float, steps: int, tau: float) -> np.ndarray:
        """An (H, W) image restored with what :meth:`choose` found."""
        with torch.inference_mode():
            diffusion = Diffusion(PeronaMalik(lambda_, self.option), steps, tau)
            return diffusion(torch.from_numpy(degraded)[None, None])[0, 0].numpy()


ORACLES = {
    oracle.name: oracle
    for oracle in (
        Oracle("perona-malik-oracle-lambda", 2, free_steps=False),
        Oracle("perona-malik-oracle-lambda-option-1", 1, free_steps=False),
        Oracle("perona-malik-oracle", 2, free_steps=True),
    )
}
