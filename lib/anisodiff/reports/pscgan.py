"""What a generator trained against a critic draws, recorded: of one number, with a known posterior, and of clothes."""

import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.base import Denoising, Method
from ..methods.gaussian_mixture import GaussianMixture
from ..methods.samplers.pscgan import PSCGAN, Generator
from ..methods.samplers.stochastic import StochasticDenoiser
from ..metrics import generative, posterior
from ..metrics.distortion import psnr
from ..problems import Measurement, problem
from ..study import catalogue, classes, evaluation, restorers, runs, store
from ..training import loop
from ..training.classes import told as told_by
from ..training.objectives import Batch
from . import langevin, records
from .stochastic_denoiser import SAMPLER, best, residual

FAMILY, IMAGES, SIGMAS = "fashion-mnist", 200, (50.0,)
FIRST, STOCHASTIC, ENGINE = "pscgan", "stochastic denoiser", "drunet-clothes"
SCALES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)  # deviations of the generator's noise
AVERAGED = (1, 2, 4, 8, 16, 64)  # draws of the generator
ITERATED, TOLD = (1, 2), (1.0, 1.02, 1.04, 1.06)  # samples of the stochastic denoiser, its settings
TUNED_ON = 16  # training images
AT_ONCE, ENOUGH = 8, 9  # draws of each image: for memory, and for an interval of 80 %

SIGMA = 50.0  # on one number
KNOWN = {  # by what a reader calls them
    "weighted as on images": {"weight": 1e-3},
    "critic weighted more": {"weight": 3.0},
    "critic alone": {"weight": 1e3},
    "critic weighted more, each draw penalised": {"weight": 3.0, "of_mean": False},
}
TRAINED = {"steps": 8000, "batch": 256, "rate": 0.002, "optimiser": "critic"}
AT = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles of the measurements


class OneNumber(PSCGAN):
    """The generator, and its critic, for images of one pixel: two hidden layers of 64 instead of convolutions."""

    def __init__(self, **arguments):
        super().__init__((2, 2), **arguments)
        self.net = _layers(2)

    def draw(self, x, count, generator=None):
        y = x.expand(count, *x.shape)
        z = torch.randn(y.shape, generator=generator)
        return 255 * self.net(torch.stack([2 * y / 255 - 1, z], -1))[..., 0]

    def discriminator(self):
        return nn.Sequential(nn.Flatten(), _layers(1 + self.seen))


def _layers(inputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(inputs, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 64),
        nn.LeakyReLU(0.2),
        nn.Linear(64, 1),
    )


def mixture() -> GaussianMixture:
    """A third of the numbers about 80, with a deviation of 12, the others about 180, with one of 24."""
    means = torch.tensor([[[80.0]], [[180.0]]])
    return GaussianMixture(means, torch.tensor([12.0, 24.0]), torch.tensor([1.0, 2.0]))


def known(label: str, steps: int = TRAINED["steps"], draws: int = 20_000) -> list[dict]:
    """How a generator of KNOWN, trained on one number, draws: ``mean`` and ``variance`` beside the true ones.

    Of all its draws, and given the measurement ``y`` at each of the quantiles AT.
    """
    prior, rng = mixture(), np.random.default_rng(0)
    settings = TRAINED | {"steps": steps}
    objective = loop.begin(lambda: OneNumber(**KNOWN[label]), settings, 0)
    for _ in range(steps):
        objective.step(_numbers(prior, rng, settings["batch"]))
    many = _numbers(prior, rng, draws)
    found = [
        {
            "y": np.nan,
            "true mean": float(many.clean.mean()),
            "true variance": float(many.clean.var()),
        }
    ]
    given = [many.degraded]
    for y in np.quantile(many.degraded, AT):
        given.append(torch.full((draws, 1, 1, 1), float(y)))
        mean, variance = (float(of) for of in prior.posterior(given[-1][:1], SIGMA))
        found.append({"y": float(y), "true mean": mean, "true variance": variance})
    for row, y in zip(found, given, strict=True):
        with torch.inference_mode():
            drawn = objective.module(y)
        row |= {"label": label, "mean": float(drawn.mean()), "variance": float(drawn.var())}
    return found


def _numbers(prior: GaussianMixture, rng: np.random.Generator, count: int) -> Batch:
    clean = prior.draw(rng, count)
    degraded = clean + SIGMA * torch.from_numpy(rng.standard_normal(clean.shape))
    return Batch(clean.float(), degraded.float(), torch.full((count, 1, 1, 1), SIGMA))


def models() -> list[tuple[str, float]]:
    """The generators of the study, each at its levels."""
    family = [name for name in catalogue.names() if name.startswith("pscgan")]
    return [(name, sigma) for name in family for sigma in catalogue.entry(name).grid["gaussian"]]


def clothes(split: str = "test", count: int = IMAGES) -> np.ndarray:
    """The first images of a split, (N, 32, 32)."""
    found = [image.pixels for image in collections.load(f"{FAMILY}/{split}")[:count]]
    return np.stack(found).astype(np.float32)


def examples(count: int = 3) -> tuple[np.ndarray, bool]:
    """Clean images for pictures, and whether they are of the test: where it is not at hand a network draws some."""
    if collections.available(f"{FAMILY}/test"):
        return clothes(count=IMAGES + count)[IMAGES:], True
    return langevin.drawn("clothes", "annealed", count), False


def measured(clean: np.ndarray, sigma: float, split: str = "test") -> Measurement:
    """Images, (N, H, W), each with noise of its own, as channels of one measurement."""
    return records.measured(clean, FAMILY, problem("gaussian", sigma), 0, f"{FAMILY}/{split}")


def generator(model: str, sigma: float, scale: float = 1.0) -> Generator:
    """A generator of the study, its noise scaled."""
    trained = restorers.load(model, "gaussian", sigma).method
    scaled = Generator(noise_scale=scale)
    scaled.load_state_dict(trained.state_dict())
    return scaled.eval()


def drawn(method: Method, given: Measurement, count: int, seed: int = 0) -> np.ndarray:
    """Draws for each image, (count, N, H, W), not clipped; a few at a time, for memory."""
    rng, found = np.random.default_rng(seed), []
    for start in range(0, count, AT_ONCE):
        many = min(AT_ONCE, count - start)
        found.append(method.restore(given.y, given.problem, rng=rng, samples=many).images.numpy())
    return np.concatenate(found)


def judged(images: np.ndarray, clean: np.ndarray, features: np.ndarray) -> dict[str, float]:
    """Of images, (N, H, W): mean PSNR, ``patches``, how far their patches are from those of the clean ones, and
    ``features``, Frechet's distance from the clean ones' features of the classifier."""
    images = images.clip(0, 255)
    own, _ = told_by(classes.load(FAMILY), images)
    return {
        "psnr": float(np.mean([psnr(*pair) for pair in zip(images, clean, strict=True)])),
        "patches": generative.sliced_wasserstein(images, clean),
        "features": generative.frechet(own, features),
    }


def about(draws: np.ndarray, given: Measurement, clean: np.ndarray) -> dict[str, float]:
    """Of draws: their ``deviation``; ``noise`` and ``neighbours`` of what the first ones leave; where there are enough,
    the ``coverage`` of an interval of 80 % for the mean of a square."""
    left = residual(draws[0], given.y.numpy(), float(given.problem.level))
    found = {"deviation": float(np.sqrt(draws.var(0, ddof=1).mean()))} | left
    if len(draws) >= ENOUGH:
        covered = [posterior.coverage(draws[:, at], clean[at]) for at in range(len(clean))]
        found["coverage"] = float(np.mean(covered))
    return found


def rows(method: Method, given: Measurement, clean: np.ndarray, counts: tuple) -> list[dict]:
    """:func:`judged` of the mean of the first draws by ``counts``; with one draw :func:`about` all of
    them."""
    features, _ = told_by(classes.load(FAMILY), clean)
    draws = drawn(method, given, counts[-1])
    means = {count: draws[:count].mean(0) for count in counts}
    found = [{"average": count, **judged(mean, clean, features)} for count, mean in means.items()]
    found[0] |= about(draws, given, clean)
    return found


def courses() -> pd.DataFrame:
    """By what the stochastic denoiser is told and by level: ``noise``, what it takes away over the noise."""
    clean, found = clothes("train", TUNED_ON), []
    for told, sigma in product(TOLD, SIGMAS):
        given = measured(clean, sigma, "train")
        draws = drawn(iterated(told), given, 1)
        noise = residual(draws[0], given.y.numpy(), sigma)["noise"]
        found.append({"told": told, "sigma": sigma, "noise": noise})
    return pd.DataFrame(found)


def iterated(told: float, **settings) -> StochasticDenoiser:
    """The stochastic denoiser with the network for clothes."""
    return StochasticDenoiser(restorers.at_any_level(ENGINE), told=told, **SAMPLER | settings)


def of_generator(model: str, sigma: float) -> list[dict]:
    """:func:`rows` of a generator, the first at each of SCALES."""
    clean, found = clothes(), []
    given = measured(clean, sigma)
    for scale in SCALES if model == FIRST else (1.0,):
        made = rows(generator(model, sigma, scale), given, clean, AVERAGED)
        found += [{"sigma": sigma, "model": model, "scale": scale, **row} for row in made]
    return found


def of_others(sigma: float, told: float) -> list[dict]:
    """The stochastic denoiser and its network beside them, the noisy images, and other clean ones of the test."""
    clean = clothes()
    given = measured(clean, sigma)
    made = rows(iterated(told), given, clean, ITERATED)
    found = [{"model": STOCHASTIC, **row} for row in made]
    features, _ = told_by(classes.load(FAMILY), clean)
    single = Denoising(restorers.at_any_level(ENGINE)).restore(given.y, given.problem)
    beside = {ENGINE: single.images[0].numpy(), "noisy": given.y.numpy()}
    beside["other clothes"] = clothes(count=2 * IMAGES)[IMAGES:]
    for name, images in beside.items():
        found.append({"model": name, "average": 1, **judged(images, clean, features)})
    return [{"sigma": sigma, **row} for row in found]


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    made = [runs.Run(model, "gaussian", sigma) for model, sigma in models()]
    made.append(runs.Run(ENGINE, "gaussian", 25))
    judge = classes.artefact(FAMILY)

    def recipe() -> dict:
        splits = [f"{FAMILY}/{split}" for split in ("train", "test")]
        return {
            "images": [IMAGES, *SIGMAS],
            "scales": list(SCALES),
            "averaged": [*AVERAGED, *ITERATED],
            "sampler": SAMPLER,
            "told": [TUNED_ON, *TOLD],
            "known": [SIGMA, KNOWN, TRAINED, list(AT)],
            "collections": {name: collections.fingerprint(name) for name in splits},
            "starts from": {run.name: store.content(run.weights) for run in made}
            | {judge.name: store.content(judge.path)},
        }

    return store.Artefact(
        name="scores/pscgan",
        path=path(),
        recipe=recipe,
        roots=tuple(
            f"{__name__}.{name}" for name in ("of_generator", "of_others", "courses", "known")
        ),
        starts_from=(*(run.artefact() for run in made), judge),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: a few steps on one number, and a few draws."""
    found = {f"known {key}": value for key, value in known(next(iter(KNOWN)), 3, 50)[0].items()}
    image = collections.load("shipped/test")[0]
    clean = collections.random_crops([image], 32, 12, np.random.default_rng(0))
    given = measured(clean, 50.0)
    several = {name: generator(name, sigma) for name, sigma in models() if sigma == 50}
    for name, method in (several | {STOCHASTIC: iterated(1.0, levels=4)}).items():
        draws = drawn(method, given, 2)
        found[f"{name} deviation"] = float(draws.std(0).mean())
        found[f"{name} patches"] = generative.sliced_wasserstein(draws[0], clean)
    return {name: value for name, value in found.items() if not name.endswith(("y", "label"))}


def record() -> None:
    """Train on one number, draw all clothes, and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    found = [{"use": "known", **row} for label in KNOWN for row in known(label)]
    tried = courses()
    asked = tqdm(models(), desc="clothes", unit="generator")
    made = [row for model, sigma in asked for row in of_generator(model, sigma)]
    made += [row for sigma in SIGMAS for row in of_others(sigma, best(tried))]
    found += [{"use": "clothes", **row} for row in made]
    table = pd.concat([pd.DataFrame(found), tried.assign(use="told")])
    evaluation.write_scores(table, artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/pscgan.csv"


def read(use: str) -> pd.DataFrame:
    """The recorded rows of a use: ``known``, ``told`` or ``clothes``."""
    return evaluation.read_rows(path(), use)
