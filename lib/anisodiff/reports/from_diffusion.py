"""From the heat equation to samplers: the steps of the last page, and what joins its two ends where all is known."""

import html
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from ..methods.diffusion.scheme import explicit_step
from ..methods.gaussian_prior import GaussianPrior
from ..methods.restorer import Restorer
from ..methods.samplers.langevin import MIDDLE, AnnealedLangevin
from ..metrics import posterior
from ..metrics.statistics import mean_interval
from ..problems import problem
from ..study import catalogue, evaluation, restorers
from . import comparison, costs, five_pictures, langevin, stochastic_denoiser, svd_samplers
from .pages.tables import Head, Html, count, duration, number, sortable

ENGINE = "drunet-lite"  # of plug-and-play; the networks of the samplers are of its form
COLLECTION = "bsd68"


@dataclass(frozen=True)
class Step:
    """A step of the axis: what it ``adds``, the ``page`` that explains it, and its ``model``, where it is one.

    ``network``: the denoiser that it calls, ``calls`` times for an image. ``energy``: it goes down one energy, the same
    at every step (tests/test_promises.py). ``answers``: one, or many.
    """

    label: str
    page: str
    adds: str
    model: str = ""
    network: str = ""
    calls: int = 1
    energy: bool = False
    answers: str = "one"


STEPS = {
    "heat": Step("heat equation", "five_pictures", "smoothing", energy=True),
    "perona-malik": Step(
        "the classic", "perona_malik", "edges that stop it", "perona-malik", energy=True
    ),
    "foe-s": Step("FoE-S", "fields_of_experts", "a learned diffusivity", "foe-s"),
    "network-long": Step(
        "best diffusion", "freedoms", "one for each step and edge", "network-long"
    ),
    "tnrd-7x7": Step("TNRD", "tnrd", "free filters and functions", "tnrd-7x7"),
    "foe-s-told": Step("FoE-S, told", "all_levels", "the level, told", "foe-s-told"),
    "ffdnet-narrow": Step("narrow FFDNet", "ffdnet", "a network in one step", "ffdnet-narrow"),
    "drunet-lite": Step("DRUNet-lite", "ffdnet", "a larger one", "drunet-lite"),
    "plug-and-play": Step(
        "plug-and-play", "plug_and_play", "any linear measurement", network=ENGINE, calls=8
    ),
    "stochastic": Step(
        "stochastic denoiser",
        "stochastic_denoiser",
        "noise in each step",
        network=stochastic_denoiser.ENGINE,
        calls=stochastic_denoiser.SAMPLER["levels"] * stochastic_denoiser.SAMPLER["each"] + 1,
        answers="many",
    ),
    "snips": Step(
        "SNIPS",
        "svd_samplers",
        "both of these",
        network=svd_samplers.ENGINE,
        calls=svd_samplers.SAMPLERS["snips"]["levels"] * svd_samplers.SAMPLERS["snips"]["each"] + 1,
        answers="many",
    ),
    "langevin": Step(
        "annealed Langevin",
        "langevin",
        "no measurement at all",
        network=langevin.SUBJECTS["patches"][0],
        calls=langevin.WAYS["annealed"][1]["levels"] * langevin.WAYS["annealed"][1]["each"] + 1,
        answers="many",
    ),
}
RECORDED = {  # on the same crops: by method and number of samples, what a reader calls it
    ("perona-malik", 1): "the\nclassic",
    ("foe-s", 1): "FoE-S",
    ("network-long", 1): "best\ndiffusion",
    ("tnrd-7x7", 1): "TNRD",
    (stochastic_denoiser.ENGINE, 1): "told\nnetwork",
    ("stochastic", 1): "one\nsample",
    ("stochastic", 16): "mean of\nsixteen",
}

# What joins the ends --------------------------------------------------------------------------------------------------

SIDE, NOISE = 8, 25.5  # pixels, gray levels
ROUGH, MEANS = 20.0, 64.0  # gray levels: s of the prior, and the deviation of an image's mean
SMALL = 0.1  # gray levels of noise at which a denoiser gives the score of clean images
KNOWN = {  # by what a reader calls it: whether it is held to y, its share of Langevin's noise, and of the step
    "heat equation": (False, 0.0, 1),
    "held to the noisy image": (True, 0.0, 1),
    "held, with noise": (True, 1.0, 1),
    "held, half of the noise": (True, 0.5, 1),
    "held, with noise, long steps": (True, 1.0, 20),
    "with noise, not held": (False, 1.0, 1),
}


def smooth() -> GaussianPrior:
    """Images with the density ``exp(-|grad x|^2 / (2 s^2))``, s of ROUGH, but for their mean, which has the deviation
    MEANS around the middle: ``div grad x / s^2`` is the slope of its logarithm."""
    pixels = torch.eye(SIDE**2, dtype=torch.float64).reshape(-1, 1, SIDE, SIDE)
    heat = explicit_step(pixels, torch.ones_like(pixels), 1.0) - pixels
    constant = torch.full((SIDE**2, SIDE**2), 1 / SIDE**2, dtype=torch.float64)
    apart = torch.linalg.inv(constant - heat.flatten(1)) - constant
    covariance = ROUGH**2 * apart + (MEANS * SIDE) ** 2 * constant
    mean = torch.full((SIDE, SIDE), MIDDLE)
    return GaussianPrior(mean, (covariance + covariance.T) / 2)


class Held(AnnealedLangevin):
    """Langevin steps at one small level, each a step ``tau`` of the heat equation where the prior is :func:`smooth`;
    given a noisy image y too, (H, W), where it is ``held``."""

    def __init__(self, prior: GaussianPrior, y: torch.Tensor, held: bool, tau: float, steps: int):
        step = tau * (ROUGH / SMALL) ** 2
        super().__init__(prior, levels=steps, each=1, step=step, highest=SMALL, lowest=SMALL)
        self.y, self.held = y, held

    def score(self, x, sigma):
        return super().score(x, sigma) + self.held * (self.y - x) / NOISE**2


def drift(prior: GaussianPrior, tau: float = 0.2) -> float:
    """How far ``tau s^2`` times a prior's score is from a step of the heat equation, as a share of it, for images with
    noise."""
    rng = np.random.default_rng(0)
    x = MIDDLE + NOISE * torch.from_numpy(rng.standard_normal((100, 1, SIDE, SIDE)))
    step = explicit_step(x, torch.ones_like(x), tau) - x
    score = AnnealedLangevin(prior, step=1.0).score(x, SMALL)
    return float((tau * ROUGH**2 * score - step).norm() / step.norm())


def course(label: str, tau: float, steps: int, draws: int) -> pd.DataFrame:
    """Of a way of KNOWN, from the noisy image on, at some of its steps: ``error`` of the mean and ``ratio`` of the
    variances of the images to those of the posterior."""
    held, share, longer = KNOWN[label]
    prior, rng = smooth(), np.random.default_rng(0)
    given = problem("gaussian", NOISE).measure(
        prior.draw(np.random.default_rng(3)), np.random.default_rng(1)
    )
    y = given.y[0].double()
    mean, covariance = prior.posterior(given)
    mean, variance = (of.reshape(SIDE, SIDE).numpy() for of in (mean, covariance.diagonal()))
    shape = (draws if share else 2, 1, SIDE, SIDE)  # without noise all are alike

    def normal() -> torch.Tensor:
        return share**0.5 * torch.from_numpy(rng.standard_normal(shape))

    start = ((y - MIDDLE) / SMALL).expand(shape)
    kept, found = set(np.geomspace(1, steps, 60).round().astype(int)), []
    sampler = Held(prior, y, held, longer * tau, steps)
    for at, (level, x) in enumerate(sampler.states(start, normal), 1):
        if level and at in kept:
            images = x[:, 0].numpy()
            error = posterior.error_of_mean(images, mean, variance)
            ratio = posterior.ratio_of_variances(images, variance)
            found.append({"step": at, "error": error, "ratio": ratio})
    return pd.DataFrame(found).set_index("step")


# The steps ------------------------------------------------------------------------------------------------------------


def restorer(name: str, sigma: float, heat_steps: int) -> Restorer:
    """A step that gives one answer to a noisy image, with its weights for the level."""
    if name == "heat":
        return five_pictures.heat(problem("gaussian", sigma), heat_steps)
    return restorers.load(STEPS[name].model, "gaussian", sigma)


def restored(noisy: np.ndarray, sigma: float, heat_steps: int) -> dict[str, np.ndarray]:
    """A noisy image, (H, W), by each :func:`restorer` that there is for the level."""
    there = [
        name
        for name, step in STEPS.items()
        if name == "heat" or (step.model and sigma in catalogue.levels(step.model, "gaussian"))
    ]
    return {name: restorer(name, sigma, heat_steps).restore(noisy) for name in there}


def kept(name: str) -> tuple[str, ...]:
    """What a step keeps of every image, whatever it has learned (:func:`comparison.promises`), and the ``energy``."""
    step = STEPS[name]
    if name == "heat":
        found = comparison.kept(restorer(name, 25, 1).module)
    else:
        found = comparison.promises(step.model) if step.model else ()
    return (*found, *["energy"] * step.energy)


def learned(name: str) -> int:
    """How many numbers a step, or its network, has learned or had tuned; of the heat equation its time."""
    step = STEPS[name]
    return 1 if name == "heat" else restorers.load(step.model or step.network).parameters


def quality(name: str, metric: str, sigma: float) -> float | None:
    """The recorded mean of a step on BSD68, where it is recorded."""
    model = STEPS[name].model
    there = model and evaluation.scores_path(COLLECTION, model, "gaussian").is_file()
    if not there or sigma not in catalogue.levels(model, "gaussian", COLLECTION):
        return None
    return float(comparison.scores(model, metric, sigma, COLLECTION).mean())


def seconds(name: str, sigma: float) -> float | None:
    """Of 256 x 256 pixels on one core: as recorded, or DRUNet-lite's times the calls of a network of its form."""
    step, table = STEPS[name], costs.read()
    at = (step.model or ENGINE, sigma)
    return step.calls * float(table.seconds[at]) if name != "heat" and at in table.index else None


def training(name: str, sigma: float) -> float | None:
    """Seconds of the training: as recorded, else what it took beside other work."""
    step, table = STEPS[name], costs.read()
    at = (step.model or step.network, sigma)
    if name == "heat":
        return None
    return float(
        table.training[at] if at in table.index else restorers.load(at[0]).header["seconds"]
    )


def table(sigma: float) -> Html:
    """The steps, what each adds, keeps and costs, and what it reaches on BSD68."""
    heads = (
        "Step",
        "adds",
        "keeps",
        "answers",
        Head("numbers", better=-1),
        Head("training", better=-1, more=True),
        Head("calls", better=-1, more=True),
        Head("time", better=-1),
        Head("PSNR", better=1),
        Head("LPIPS", better=-1),
    )
    rows = []
    for name, step in STEPS.items():
        psnr, lpips = (quality(name, metric, sigma) for metric in ("psnr", "lpips"))
        spent = [
            duration(of) if of else "–" for of in (training(name, sigma), seconds(name, sigma))
        ]
        numbers = learned(name)
        rows.append(
            [
                Html(f'<a href="{step.page}.html">{html.escape(step.label)}</a>'),
                step.adds,
                ", ".join(kept(name)) or "–",
                step.answers,
                (numbers, count(numbers)),
                (training(name, sigma) or 0, spent[0]),
                (step.calls, str(step.calls)) if step.network else "",
                (seconds(name, sigma) or 0, spent[1]),
                (psnr, number(psnr)) if psnr else "–",
                (lpips, number(lpips, 3)) if lpips else "–",
            ]
        )
    caption = (
        f"σ = {sigma:g}. keeps: of every image, whatever was learned. numbers: learned or tuned; K: thousands. calls of"
        " a network, time for 256 × 256 pixels and training on one core. PSNR in dB and LPIPS on BSD68, where they are"
        " recorded"
    )
    return Html(sortable(heads, rows, caption))


def recorded(sigma: float) -> pd.DataFrame:
    """By label of RECORDED: the ``method``, the gain over the classic in ``psnr`` and in ``lpips``, lower being better,
    each with its interval (``psnr low``, ``psnr high``), and the ``seconds`` of an image; paired on the crops of the
    stochastic denoiser."""
    photographs = stochastic_denoiser.read("photographs")
    at = photographs[photographs.sigma == sigma].set_index("image")
    by = {of: rows for of, rows in at.groupby(["method", "samples"]) if of in RECORDED}
    first, found = by[next(iter(RECORDED))], {}
    for of, label in RECORDED.items():
        if of in by:  # else not at this level
            method, samples = of
            row = {"method": method}
            for metric, better in {"psnr": 1, "lpips": -1}.items():
                interval = mean_interval(better * (by[of][metric] - first[metric]))
                columns = (metric, f"{metric} low", f"{metric} high")
                row |= dict(zip(columns, interval, strict=True))
            own = method if method in STEPS else ENGINE
            found[label] = row | {"seconds": samples * seconds(own, sigma)}
    return pd.DataFrame.from_dict(found, orient="index")
