"""Clean images drawn given a noisy one, recorded: where the posterior is known, and on photographs with a network."""

import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.base import Denoiser, Denoising
from ..methods.gaussian_prior import GaussianPrior
from ..methods.samplers.stochastic import StochasticDenoiser
from ..metrics import posterior
from ..metrics.distortion import clipped_psnr
from ..metrics.perceptual import lpips
from ..problems import Measurement, problem
from ..study import catalogue, evaluation, restorers, runs, store
from . import records

ENGINE, COLLECTION, EVERY, SIDE = "drunet-wide", "bsd68", 8, 128  # centred crops of every eighth
SIGMAS = (25.0, 50.0, 75.0)
SAMPLER = {"levels": 120, "each": 3}
TOLD = (1.0, 1.04, 1.05, 1.06, 1.07, 1.08)  # times the level, tried on training photographs
TUNED_ON, TUNED_EVERY, TUNED_SIDE, TUNING_SAMPLES = "bsds500/train", 20, 64, 4
COUNTS = (1, 2, 4, 8, 16)  # of samples, that are averaged
SQUARE = 8  # pixels a side, whose mean is ranked
BESIDE = (  # denoisers on the same crops, at levels that they have
    "perona-malik",
    "foe-s",
    "network-long",
    "tnrd-7x7",
    "dct-8-learned",
    "bm3d",
    "cncl-30k",
    "dncnn-30k",
)

KNOWN, EXACT, DRAWS = 25.5, "exact draws", 1500  # gray levels of noise on the Gaussian prior


class AsPrinted(StochasticDenoiser):
    """With the score of the lecture, ``x - D(x, sigma)``, on the range 0 to 1."""

    def score(self, x, sigma):
        return -super().score(x, sigma) * (sigma / 255) ** 2


class WrongSign(StochasticDenoiser):
    """With the score of the lecture, divided by the variance that is missing there."""

    def score(self, x, sigma):
        return -super().score(x, sigma)


SETTINGS = {  # on the Gaussian prior, by what a reader calls them
    "steps of 0.3": (StochasticDenoiser, {}),
    "steps of 0.05": (StochasticDenoiser, {"step": 0.05}),
    "as printed": (AsPrinted, {}),
    "as printed, divided by the variance": (WrongSign, {}),
}


def known(label: str, draws: int = DRAWS) -> dict[str, float]:
    """Of a way of SETTINGS, or of exact draws: ``error`` of the mean and ``ratio`` of the variances on the prior."""
    prior, rng = GaussianPrior.reference(), np.random.default_rng(0)
    clean = prior.draw(np.random.default_rng(3))
    given = problem("gaussian", KNOWN).measure(clean, np.random.default_rng(1))
    mean, covariance = prior.posterior(given)
    if label == EXACT:
        factor = torch.linalg.cholesky(covariance)
        normal = torch.from_numpy(rng.standard_normal((draws, len(mean))))
        images = (mean + normal @ factor.T).reshape(-1, 8, 8).numpy()
    else:
        kind, settings = SETTINGS[label]
        images = kind(prior, **settings).restore(given.y, given.problem, rng=rng, samples=draws)
        images = images.images[:, 0].double().numpy()
    variance, mean = covariance.diagonal().reshape(8, 8).numpy(), mean.reshape(8, 8).numpy()
    return {
        "error": posterior.error_of_mean(images, mean, variance),
        "ratio": posterior.ratio_of_variances(images, variance),
    }


def photographs() -> list[collections.Image]:
    """Those of COLLECTION that are recorded."""
    return collections.load(COLLECTION)[::EVERY]


def trained_on() -> list[collections.Image]:
    """The photographs by which the sampler is tuned."""
    return collections.load(TUNED_ON)[::TUNED_EVERY]


def measured(
    sigma: float, clean: np.ndarray, name: str, collection: str = COLLECTION
) -> Measurement:
    """An image, (H, W), with noise."""
    return records.measured(clean[None], name, problem("gaussian", sigma), collection=collection)


def drawn(
    given: Measurement, samples: int, denoiser: Denoiser, seed: int = 0, **settings
) -> np.ndarray:
    """Samples, (S, H, W)."""
    method = StochasticDenoiser(denoiser, **SAMPLER | settings)
    rng = np.random.default_rng(seed)
    return method.restore(given.y, given.problem, rng=rng, samples=samples).images[:, 0].numpy()


def residual(samples: np.ndarray, y: np.ndarray, sigma: float) -> dict[str, float]:
    """Of ``y - x``, over the samples: ``noise``, its deviation over sigma, and ``neighbours``, its correlation with the
    next pixel of the row, 0 for white noise."""
    left = y - samples
    left = left - left.mean((1, 2), keepdims=True)
    beside = (left[:, :, 1:] * left[:, :, :-1]).mean() / left.var()
    return {"noise": float(left.std() / sigma), "neighbours": float(beside)}


def ranks(samples: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """How often the mean of a square of the clean image has each rank among those of the samples, S + 1 counts."""
    means = [posterior.means(one, SQUARE) for one in (clean, *samples)]
    place = (np.array(means[1:]) < means[0]).sum(0)
    return np.bincount(place, minlength=len(samples) + 1)


def courses() -> pd.DataFrame:
    """By what the denoiser is told, level and training photograph: of some samples the ``noise`` of :func:`residual`,
    and ``psnr`` of their mean."""
    denoiser, found = restorers.at_any_level(ENGINE), []
    for told, sigma, image in product(TOLD, SIGMAS, trained_on()):
        clean = np.array(collections.centre_crop(image.pixels, TUNED_SIDE), np.float32)
        given = measured(sigma, clean, image.name, TUNED_ON)
        samples = drawn(given, TUNING_SAMPLES, denoiser, told=told)
        noise = residual(samples, given.y[0].numpy(), sigma)["noise"]
        quality = clipped_psnr(samples.mean(0), clean)
        row = {"told": told, "sigma": sigma, "image": image.name, "noise": noise, "psnr": quality}
        found.append(row)
    return pd.DataFrame(found)


def best(tried: pd.DataFrame) -> float:
    """What to tell a denoiser: where what is taken away is nearest to the noise, which needs no clean image."""
    return float((tried.noise - 1).abs().groupby(tried.told).mean().idxmin())


def quality(restored: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """PSNR, and LPIPS of an image of at least 64 pixels a side."""
    restored = np.clip(restored, 0, 255)
    return {"psnr": clipped_psnr(restored, clean), "lpips": lpips(restored, clean)}


def rows(sigma: float, image: collections.Image, told: float) -> list[dict]:
    """Quality of the mean of the first samples by COUNTS, of the network's own estimate, and of the denoisers BESIDE.

    With all samples stand :func:`residual`, the ``coverage`` of an interval of 80 % and that of samples half as far
    from their mean, the ``deviation`` of a pixel, and :func:`ranks`, ``rank 0`` to ``rank 16``.
    """
    clean = np.array(collections.centre_crop(image.pixels, SIDE), np.float32)
    given, denoiser = measured(sigma, clean, image.name), restorers.at_any_level(ENGINE)
    samples = drawn(given, COUNTS[-1], denoiser, told=told)
    y, mean = given.y[0].numpy(), samples.mean(0)
    about = residual(samples, y, sigma) | {
        "coverage": posterior.coverage(samples, clean, side=SQUARE),
        "coverage of half": posterior.coverage((samples + mean) / 2, clean, side=SQUARE),
        "deviation": float(np.sqrt(samples.var(0, ddof=1).mean())),
    }
    about |= {f"rank {at}": int(count) for at, count in enumerate(ranks(samples, clean))}
    found = [
        {"method": "stochastic", "samples": count, **quality(samples[:count].mean(0), clean)}
        for count in COUNTS
    ]
    found[-1] |= about
    single = Denoising(denoiser).restore(given.y, given.problem).image[0].numpy()
    left = residual(single[None], y, sigma)
    found.append({"method": ENGINE, "samples": 1, **quality(single, clean), **left})
    for name in BESIDE:
        if sigma in catalogue.levels(name, "gaussian"):
            restored = restorers.load(name, "gaussian", sigma).restore(given.y[0].numpy())
            found.append({"method": name, "samples": 1, **quality(restored, clean)})
    return [row | {"sigma": sigma, "image": image.name} for row in found]


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    beside = [
        runs.Run(name, "gaussian", sigma)
        for name, sigma in product(BESIDE, SIGMAS)
        if sigma in catalogue.levels(name, "gaussian")
    ]
    made = [runs.Run(ENGINE, "gaussian", 25), *(run for run in beside if run.makes)]

    def recipe() -> dict:
        return {
            "photographs": [COLLECTION, EVERY, SIDE, SQUARE],
            "levels": list(SIGMAS),
            "sampler": SAMPLER,
            "told": [TUNED_ON, TUNED_EVERY, TUNED_SIDE, TUNING_SAMPLES, *TOLD],
            "counts": list(COUNTS),
            "known": [KNOWN, DRAWS],
            "settings": {name: settings for name, (_, settings) in SETTINGS.items()},
            "beside": list(BESIDE),
            "seed": catalogue.protocol()["seed"],
            "starts from": {run.name: store.content(run.weights) for run in made},
        }

    return store.Artefact(
        name="scores/stochastic-denoiser",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.rows", f"{__name__}.courses", f"{__name__}.known"),
        starts_from=tuple(run.artefact() for run in made),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: a few samples of the prior and of a part of an image."""
    found = {
        f"{label} {name}": value
        for label in (next(iter(SETTINGS)), EXACT)
        for name, value in known(label, 20).items()
    }
    image = collections.load("shipped/test")[0]
    clean = np.array(collections.centre_crop(image.pixels, 32), np.float32)
    given = measured(50.0, clean, image.name, "shipped/test")
    samples = drawn(given, 3, restorers.at_any_level(ENGINE), levels=4)
    return found | {
        "psnr": clipped_psnr(samples.mean(0), clean),
        "deviation": float(samples.std(0).mean()),
    }


def record() -> None:
    """Draw all samples and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    found = [{"use": "known", "method": label, **known(label)} for label in (*SETTINGS, EXACT)]
    tried = courses()
    asked = list(product(SIGMAS, photographs()))
    for sigma, image in tqdm(asked, desc="samples", unit="image"):
        found += [{"use": "photographs", **row} for row in rows(sigma, image, best(tried))]
    table = pd.concat([pd.DataFrame(found), tried.assign(use="told")])
    evaluation.write_scores(table, artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/stochastic-denoiser.csv"


def read(use: str) -> pd.DataFrame:
    """The recorded rows of a use: ``known``, ``told`` or ``photographs``."""
    return evaluation.read_rows(path(), use)
