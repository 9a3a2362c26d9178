"""Tuning by trying: the setting with the best mean PSNR on training crops."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from ..data import collections
from ..methods.denoisers.released import ReleasedPeronaMalik
from ..methods.diffusion.search import Scheme, best_setting, correct_scheme, lambdas
from ..metrics.distortion import psnr
from ..problems import Problem, seeded


def degraded_crops(
    collection: str, problem: Problem, count: int, side: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Centred crops of ``count`` images spread evenly over a collection, clean and degraded, (count, side, side)."""
    chosen = collections.load(collection)
    places = np.linspace(0, len(chosen) - 1, min(count, len(chosen))).round().astype(int)
    chosen = [chosen[at] for at in places]
    clean = [collections.centre_crop(image.pixels, side) for image in chosen]
    side = min(extent for crop in clean for extent in crop.shape)
    clean = [collections.centre_crop(crop, side) for crop in clean]
    degraded = [
        problem.measure(crop, seeded(seed, collection, image.name, problem)).y.numpy()
        for crop, image in zip(clean, chosen, strict=True)
    ]
    return np.stack(clean), np.stack(degraded)


def released_scheme(option: int, tau: float) -> Scheme:
    """The states of the released code's scheme; its count of steps is one more than it makes."""

    def states(start, lambda_, most_steps):
        return ReleasedPeronaMalik(lambda_, option, most_steps + 1, tau).trajectory(start)

    return states


def tune_scheme(
    clean: np.ndarray, degraded: np.ndarray, settings: dict, option: int, released: bool
) -> tuple[dict, float]:
    """Lambda and number of steps of a classic scheme, and their PSNR."""
    scheme = (released_scheme if released else correct_scheme)(option, settings["tau"])
    tried = lambdas(*settings["lambdas"], settings["tries"])
    steps = range(settings["most_steps"] + 1)
    lambda_, count, score = best_setting(clean, degraded, scheme, tried, steps)
    return {"lambda_": lambda_, "steps": count + released}, score


def tune_strength(
    clean: np.ndarray,
    degraded: np.ndarray,
    settings: dict,
    noise: float,
    build: Callable[[float], nn.Module],
) -> tuple[dict, float]:
    """The strength of a denoiser, tried in units of the noise's deviation, and its PSNR."""
    tried = noise * np.geomspace(*settings["strengths"], settings["tries"])
    scores = [_mean_psnr(build(float(strength)), noise, clean, degraded) for strength in tried]
    return {"strength": float(tried[np.argmax(scores)])}, max(scores)


def _mean_psnr(module: nn.Module, noise: float, clean: np.ndarray, degraded: np.ndarray) -> float:
    with torch.inference_mode():
        restored = module.eval()(torch.from_numpy(degraded)[:, None].float(), noise)
    restored = restored[:, 0].numpy().clip(0, 255)
    return float(np.mean([psnr(one, true) for one, true in zip(restored, clean, strict=True)]))
