"""The one list of models, and how to load one that is ready to restore."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from ..borders.classifier import BorderClassifier
from ..data import provenance
from ..methods.denoisers.classical import Classical
from ..methods.denoisers.cncl import CNCL
from ..methods.denoisers.dncnn import DnCNN
from ..methods.denoisers.released import ReleasedPeronaMalik
from ..methods.denoisers.unet import ResidualUNet
from ..methods.diffusion.borders import BorderLambdas, BorderP1, Probability
from ..methods.diffusion.classic import PeronaMalik
from ..methods.diffusion.experts import Experts
from ..methods.diffusion.learned_lambda import LearnedLambda, LearnedLambdaTime
from ..methods.diffusion.network import Network
from ..methods.diffusion.p1 import P1
from ..methods.diffusion.scheme import Diffusion
from ..methods.diffusion.unet import UNet
from ..methods.diffusion.untied import Untied
from ..methods.restorer import Restorer, tell
from ..problems.degradations import DEGRADATIONS
from . import experiments, weights


class UntrainedLevel(UserWarning):
    """A level that no weights were made for."""


@dataclass(frozen=True)
class Entry:
    """A model: what it is, how its arguments (stored with its weights) build it, which of them are its own to fix."""

    summary: str
    build: Callable[..., nn.Module]
    fixed: dict = field(default_factory=dict)
    like: str | None = None  # the tuned model whose settings it starts from
    sizes: dict = field(
        default_factory=dict
    )  # level to arguments, for a published size that depends on the level

    def arguments(self, level: float) -> dict:
        """The arguments that are its own at a level, whose size is that of the nearest published one."""
        nearest = min(self.sizes, key=lambda other: abs(np.log(other / level)), default=None)
        return self.sizes.get(nearest, {}) | self.fixed


def _perona_malik(option, lambda_, steps, tau):
    return Diffusion(PeronaMalik(lambda_, option), steps, tau)


def _learned_lambda(option, lambda_, steps, tau):
    return Diffusion(LearnedLambda(option, lambda_), steps, tau)


def _learned_lambda_time(tuned, steps, tau, **how):
    return Diffusion(LearnedLambdaTime(tuned, steps * tau, **how), steps, tau)


def _p1(intervals, steps, tau, **how):
    return Diffusion(P1(intervals, **how), steps, tau)


def _border_lambdas(source, classifier, tuned, option, steps, tau):
    return Diffusion(
        BorderLambdas(_probability(source, classifier), tuned, steps * tau, option), steps, tau
    )


def _border_p1(source, classifier, intervals, steps, tau):
    return Diffusion(BorderP1(_probability(source, classifier), intervals), steps, tau)


def _experts(steps, tau, data=False, untied=False, **how):
    return Diffusion(
        Untied(lambda: Experts(**how), steps) if untied else Experts(**how), steps, tau, data
    )


def _unet(steps, tau, **how):
    return Diffusion(UNet(**how), steps, tau)


def _network(steps, tau, each=1, **how):
    return Diffusion(Network(-(-steps // each), each=each, **how), steps, tau)


def _probability(source: str, classifier: str) -> Probability:
    """From the path below ROOT of a border classifier's weights."""
    tensors, header = weights.read(provenance.ROOT / classifier)
    module = BorderClassifier(**header["build"])
    module.load_state_dict(tensors)
    return Probability(source, module.threshold, module.float().eval().requires_grad_(False))


LONG = {"steps": 48, "tau": 0.25}  # where a network shares out the time
SHORT = {"steps": 14, "tau": 0.25}
TEN = {"steps": 10, "tau": 0.25}


def _sizes(*sizes: tuple[int, int]) -> dict:
    """Kernel size and number of experts at sigma 15, 25 and 50, as published."""
    return {
        level: {"size": size, "experts": experts}
        for level, (size, experts) in zip((15, 25, 50), sizes, strict=True)
    }


SPLINES = TEN | {"functions": "splines"}
FOE_S = _sizes((6, 35), (5, 30), (9, 30))
FOE_25 = SPLINES | FOE_S[25]

MODELS = {
    "input": Entry("the degraded image itself", nn.Identity),
    "perona-malik": Entry("the classic, tuned", _perona_malik, {"option": 2}),
    "perona-malik-blind": Entry(
        "the classic, tuned for all levels at once", _perona_malik, {"option": 2}
    ),
    "perona-malik-released": Entry(
        "the released code's scheme at its defaults", ReleasedPeronaMalik
    ),
    "perona-malik-released-tuned": Entry(
        "the released code's scheme, tuned", ReleasedPeronaMalik, {"option": 1}
    ),
    "learned-lambda": Entry(
        "one lambda an image by a network", _learned_lambda, {"option": 2}, "perona-malik"
    ),
    "learned-lambda-time": Entry(
        "lambda and time by one network for all levels",
        _learned_lambda_time,
        {"option": 2} | LONG,
        "perona-malik",
    ),
    "learned-lambda-blind-time": Entry(
        "the same, not told the level",
        _learned_lambda_time,
        {"option": 2, "blind": True} | LONG,
        "perona-malik-blind",
    ),
    "p1": Entry("g by a P1 function a pixel, for all levels", _p1, {"intervals": 8} | SHORT),
    "p1-blind": Entry("the same, not told the level", _p1, {"intervals": 8, "blind": True} | SHORT),
    "p1-nonnegative": Entry(
        "the same with g at least 0", _p1, {"intervals": 8, "nonnegative": True} | SHORT
    ),
    "p1-pointwise": Entry(
        "the same, seeing single pixels", _p1, {"intervals": 8, "context": False} | SHORT
    ),
    "foe-s": Entry("g by experts, whose functions are splines", _experts, SPLINES, sizes=FOE_S),
    "foe-s-free": Entry(
        "the same without a bound on g, from flatter functions",
        _experts,
        SPLINES | {"bounded": False, "curvature": 1},
        sizes=FOE_S,
    ),
    "foe-s-flat": Entry(
        "with the bound, trained as foe-s-free", _experts, SPLINES | {"curvature": 1}, sizes=FOE_S
    ),
    "foe-s-sgd": Entry("FoE-S trained by plain gradient descent", _experts, FOE_25),
    "foe-s-sgd-published": Entry("the same at the published learning rate", _experts, FOE_25),
    "foe-d": Entry(
        "g by experts, whose functions are falling splines",
        _experts,
        SPLINES | {"falling": True},
        sizes=_sizes((8, 30), (10, 25), (7, 25)),
    ),
    "foe-m": Entry(
        "g by experts, whose functions are monomials",
        _experts,
        TEN | {"functions": "monomials"},
        sizes=_sizes((7, 10), (8, 10), (6, 15)),
    ),
    "foe-rb": Entry(
        "g by experts, whose functions are those of Roth and Black",
        _experts,
        TEN | {"functions": "roth-black"},
        sizes=_sizes((11, 30), (12, 25), (5, 20)),
    ),
    "foe-s-told": Entry("g by experts that are told the level", _experts, FOE_25 | {"told": 25}),
    "foe-s-blind": Entry("g by experts for all levels, not told which", _experts, FOE_25),
    "foe-s-estimating": Entry(
        "the same, told its own estimate of the level",
        _experts,
        FOE_25 | {"told": 25, "estimating": True},
    ),
    "foe-s-signed": Entry(
        "FoE-S with g of either sign, from flatter functions",
        _experts,
        FOE_25 | {"signed": True, "curvature": 1},
    ),
    "foe-s-signed-told": Entry(
        "the same, told the level", _experts, FOE_25 | {"signed": True, "told": 25, "curvature": 1}
    ),
    "foe-s-data": Entry("FoE-S with a data term", _experts, FOE_25 | {"data": True}),
    "foe-s-edges": Entry("FoE-S with a g of each edge", _experts, FOE_25 | {"edges": True}),
    "foe-s-untied": Entry(
        "FoE-S with parameters of each step's own", _experts, FOE_25 | {"untied": True}
    ),
    "foe-s-untied-edges": Entry(
        "the same with a g of each edge", _experts, FOE_25 | {"untied": True, "edges": True}
    ),
    "network": Entry("g of each edge by a network of each step's own", _network, TEN),
    "network-memory": Entry("the same, handing on what it saw", _network, TEN | {"memory": True}),
    "network-long": Entry(
        "the same over twice the time", _network, TEN | {"steps": 20, "each": 2, "memory": True}
    ),
    "foe-small": Entry(
        "FoE-S of fifteen kernels of 5x5", _experts, SPLINES | {"size": 5, "experts": 15}
    ),
    "unet-diffusivity": Entry("g by a U-Net", _unet, TEN),
    "bm3d": Entry("BM3D, its strength tuned", Classical, {"method": "bm3d"}),
    "nlm": Entry("non-local means, their strength tuned", Classical, {"method": "nlm"}),
    "tv": Entry("total variation, its strength tuned", Classical, {"method": "tv"}),
    "wavelet": Entry(
        "soft thresholds of wavelets, their strength tuned", Classical, {"method": "wavelet"}
    ),
    "cncl": Entry("content and noise by two networks, as published", CNCL),
    "cncl-30k": Entry(
        "the same with some 30 thousand parameters", CNCL, {"filters": 7, "scales": 3}
    ),
    "cncl-200k": Entry(
        "the same with some 200 thousand parameters", CNCL, {"filters": 9, "scales": 4}
    ),
    "cncl-1m": Entry("the same with some million parameters", CNCL, {"filters": 10, "scales": 5}),
    "residual-unet-30k": Entry(
        "the noise by a U-Net of some 30 thousand parameters",
        ResidualUNet,
        {"filters": 10, "scales": 3},
    ),
    "residual-unet-200k": Entry(
        "the same with some 200 thousand parameters", ResidualUNet, {"filters": 12, "scales": 4}
    ),
    "residual-unet-1m": Entry(
        "the same with some million parameters", ResidualUNet, {"filters": 14, "scales": 5}
    ),
    "dncnn-30k": Entry(
        "the noise by convolutions, some 30 thousand parameters", DnCNN, {"depth": 8, "filters": 24}
    ),
    "dncnn-200k": Entry(
        "the same with some 200 thousand parameters", DnCNN, {"depth": 12, "filters": 48}
    ),
    "border-classifier": Entry(
        "each pixel's probability of a border", BorderClassifier, {"threshold": 30}
    ),
    "border-classifier-universal": Entry(
        "the same for any degradation", BorderClassifier, {"threshold": 30}
    ),
} | {
    f"{name}-borders{suffix}": Entry(
        f"{summary}, mixed by {what}", build, fixed | {"source": source}, like
    )
    for name, summary, build, fixed, like in (
        (
            "learned-lambda",
            "two lambdas an image and the time",
            _border_lambdas,
            {"option": 2} | LONG,
            "perona-malik",
        ),
        ("p1", "two P1 functions a pixel", _border_p1, {"intervals": 8} | SHORT, None),
    )
    for suffix, source, what in (
        ("", "classifier", "the classifier of borders"),
        ("-true", "true", "the clean image's borders (an oracle)"),
        ("-half", "half", "halves"),
    )
}


def names() -> list[str]:
    """All models and their variations, in the order of ``study.yml``."""
    return [name for name in experiments.names() if experiments.variation(name)[0] in MODELS]


def entry(name: str) -> Entry:
    """The model of a name or, for a variation, the one it varies with that argument; ValueError for an unknown name."""
    try:
        base, varied = experiments.variation(name)
        listed = MODELS[base]
    except (ValueError, KeyError):
        raise ValueError(f"unknown model {name!r}; there are: {', '.join(names())}") from None
    if not varied:
        return listed
    how = ", ".join(f"{key} {value}" for key, value in varied.items())
    varied.pop("seed", None)  # of the training: no argument of the model
    like = listed.like and listed.like + name.removeprefix(base)
    return replace(
        listed, summary=f"{listed.summary}, {how}", fixed=listed.fixed | varied, like=like
    )


def load(name: str, degradation: str = "gaussian", level: float = 25, seed: int = 0) -> Restorer:
    """A model of the list with its shipped weights for a degradation and level, ready to restore.

    Where no weights were made for the level, those of the nearest level are taken, with an UntrainedLevel warning.
    Raises ValueError for an unknown model, degradation or a level out of range, FileNotFoundError where the degradation
    has no weights at all, and OSError for damaged ones.
    """
    build, wanted = entry(name).build, experiments.Experiment(name, degradation, level, seed=seed)
    if not wanted.settings:
        return Restorer(name, build().eval(), {})
    made = levels_with_weights(name, degradation, seed)
    if not made:
        has = [kind for kind in DEGRADATIONS if levels_with_weights(name, kind, seed)]
        raise FileNotFoundError(
            f"{name} has no weights for {degradation} (it has them for: {', '.join(has) or 'nothing'}); "
            f"`anisodiff fit {name} --degradation {degradation} --level {level:g}` makes them"
        )
    nearest = min(made, key=lambda other: abs(np.log(other / level)))
    if wanted.all_levels and made[0] <= level <= made[-1]:
        nearest = level
    if nearest != level:
        warnings.warn(
            f"{name} was not made for {degradation} at {level:g}, only at {', '.join(f'{at:g}' for at in made)}: "
            f"the weights for {nearest:g} are used",
            UntrainedLevel,
            stacklevel=2,
        )
    return open_weights(replace(wanted, level=nearest))


def levels_with_weights(name: str, degradation: str, seed: int = 0) -> list[float]:
    """The levels of a degradation for which shipped weights are on disk, all where one set serves them."""
    levels = DEGRADATIONS[degradation].levels
    first = experiments.Experiment(name, degradation, levels[0], seed=seed)
    if first.all_levels:
        return list(levels) if first.weights.is_file() else []
    ending = f"-seed-{seed}" if seed else ""
    there = (provenance.ROOT / "data/weights" / name).glob("*.safetensors")
    found = (re.fullmatch(rf"{degradation}-([\d.e+-]+?){ending}", path.stem) for path in there)
    return sorted(float(match[1]) for match in found if match)


def open_weights(experiment: experiments.Experiment) -> Restorer:
    """The model of an experiment with the weights it has on disk."""
    tensors, header = weights.read(experiment.weights)
    module = entry(experiment.model).build(**header["build"])
    module.load_state_dict(tensors)
    tell(module, torch.full((1, 1, 1, 1), float(experiment.level)))
    return Restorer(experiment.model, module.float().eval().requires_grad_(False), header)
