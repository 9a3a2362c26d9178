"""The one list of models, and how to load one that is ready to restore."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from . import experiments, provenance, weights
from .degradations import DEGRADATIONS
from .denoisers.released import ReleasedPeronaMalik
from .diffusion import Diffusion
from .diffusivities.classic import PeronaMalik
from .diffusivities.learned_lambda import LearnedLambda


class UntrainedLevel(UserWarning):
    """A level that no weights were made for."""


@dataclass(frozen=True)
class Entry:
    """A model: what it is, how its arguments (stored with its weights) build it, which of them are its own to fix."""

    summary: str
    build: Callable[..., nn.Module]
    fixed: dict = field(default_factory=dict)
    like: str | None = None  # the tuned model whose tau, steps and first lambda it takes over


def _perona_malik(option, lambda_, steps, tau):
    return Diffusion(PeronaMalik(lambda_, option), steps, tau)


def _learned_lambda(option, lambda_, steps, tau):
    return Diffusion(LearnedLambda(option, start=lambda_), steps, tau)


MODELS = {
    "input": Entry("the degraded image itself", nn.Identity),
    "perona-malik": Entry("the classic, option 2, tuned", _perona_malik, {"option": 2}),
    "perona-malik-option-1": Entry("the classic, option 1, tuned", _perona_malik, {"option": 1}),
    "perona-malik-released": Entry("the released code's scheme at its defaults", ReleasedPeronaMalik),
    "perona-malik-released-tuned": Entry(
        "the released code's scheme, option 1, tuned", ReleasedPeronaMalik, {"option": 1}
    ),
    "learned-lambda": Entry(
        "one lambda an image by a network, option 2", _learned_lambda, {"option": 2}, "perona-malik"
    ),
    "learned-lambda-option-1": Entry(
        "one lambda an image by a network, option 1", _learned_lambda, {"option": 1}, "perona-malik-option-1"
    ),
}


@dataclass(frozen=True)
class Restorer:
    """A model with its weights: restores arrays of any height and width, gray or colour, on the 0..255 scale."""

    name: str
    module: nn.Module
    header: dict  # what made the weights; empty for a model that has none

    @property
    def parameters(self) -> int:
        """How many numbers were learned or tuned."""
        return sum(p.numel() for p in self.module.parameters()) or len(self.header.get("tuned", {}))

    @property
    def lambda_(self) -> float | None:
        """The lambda that a learned lambda chose for the image (or channel) restored last."""
        chosen = getattr(getattr(self.module, "diffusivity", None), "lambda_", None)
        return float(chosen) if "train" in self.header.get("settings", {}) and chosen is not None else None

    def restore(self, degraded: np.ndarray) -> np.ndarray:
        """(H, W) or (H, W, C) numbers on 0..255 to float32 of the same shape, neither clipped nor rounded.

        Channels are restored one by one. Raises ValueError for another shape, NaN or infinite values, or
        a range that looks like 0..1 or 0..65535.
        """
        pixels = np.asarray(degraded)
        if pixels.ndim not in (2, 3) or 0 in pixels.shape:
            raise ValueError(f"expected an image of shape (H, W) or (H, W, C), got {pixels.shape}")
        if not np.issubdtype(pixels.dtype, np.number) or np.iscomplexobj(pixels):
            raise ValueError(f"expected an image of numbers on 0..255, got dtype {pixels.dtype}")
        _check_range(pixels)
        channels = torch.from_numpy(np.atleast_3d(pixels).astype(np.float32)).permute(2, 0, 1)[:, None]
        restored = torch.empty_like(channels)
        with torch.inference_mode():
            for channel, target in zip(channels, restored, strict=True):  # one at a time: memory of one channel
                target[:] = self.module(channel.contiguous()[None])[0]
        return restored[:, 0].permute(1, 2, 0).numpy().reshape(pixels.shape)


def load(name: str, degradation: str = "gaussian", level: float = 25, seed: int = 0) -> Restorer:
    """A model of the list with its shipped weights for a degradation and level, ready to restore.

    Where no weights were made for the level, those of the nearest level are taken, with an UntrainedLevel warning.
    Raises ValueError for an unknown model, degradation or a level out of range, FileNotFoundError where the degradation
    has no weights at all, and OSError for damaged ones.
    """
    if name not in MODELS:
        raise ValueError(f"unknown model {name!r}; there are: {', '.join(MODELS)}")
    wanted = experiments.Experiment(name, degradation, level, seed=seed)
    if not wanted.settings:
        return Restorer(name, MODELS[name].build().eval(), {})
    made = levels_with_weights(name, degradation, seed)
    if not made:
        has = [kind for kind in DEGRADATIONS if levels_with_weights(name, kind, seed)]
        raise FileNotFoundError(
            f"{name} has no weights for {degradation} (it has them for: {', '.join(has) or 'nothing'}); "
            f"`anisodiff fit {name} --degradation {degradation} --level {level:g}` makes them"
        )
    nearest = min(made, key=lambda other: abs(np.log(other / level)))
    if nearest != level:
        warnings.warn(
            f"{name} was not made for {degradation} at {level:g}, only at {', '.join(f'{at:g}' for at in made)}: "
            f"the weights for {nearest:g} are used",
            UntrainedLevel,
            stacklevel=2,
        )
    return open_weights(replace(wanted, level=nearest))


def levels_with_weights(name: str, degradation: str, seed: int = 0) -> list[float]:
    """The levels of a degradation for which a model's shipped weights are on disk."""
    ending = f"-seed-{seed}" if seed else ""
    there = (provenance.ROOT / "data/weights" / name).glob("*.safetensors")
    found = (re.fullmatch(rf"{degradation}-([\d.e+-]+?){ending}", path.stem) for path in there)
    return sorted(float(match[1]) for match in found if match)


def open_weights(experiment: experiments.Experiment) -> Restorer:
    """The model of an experiment with the weights it has on disk."""
    tensors, header = weights.read(experiment.weights)
    module = MODELS[experiment.model].build(**header["build"])
    module.load_state_dict(tensors)
    return Restorer(experiment.model, module.float().eval().requires_grad_(False), header)


def _check_range(pixels):
    largest = max(abs(float(pixels.max())), abs(float(pixels.min())))
    if not np.isfinite(largest):
        raise ValueError(f"the image holds {np.count_nonzero(~np.isfinite(pixels))} values that are NaN or infinite")
    if pixels.dtype.kind == "f" and 0 < largest <= 1:
        raise ValueError(f"the image's largest value is {largest:g}: it seems to be on 0..1; multiply it by 255")
    if largest > 5000:
        raise ValueError(f"the image's largest value is {largest:g}: it seems to be on 0..65535; divide it by 257")
