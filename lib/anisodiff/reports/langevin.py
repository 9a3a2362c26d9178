"""Images that denoisers draw out of nothing, recorded: where the distribution is known, and of four kinds."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.base import Denoiser
from ..methods.gaussian_mixture import GaussianMixture
from ..methods.gaussian_prior import GaussianPrior
from ..methods.samplers.langevin import MIDDLE, AnnealedLangevin, CoarseToFine, Synthesiser
from ..metrics import generative, posterior
from ..study import classes, evaluation, restorers, runs, store
from ..training.classes import told as told_by

SUBJECTS = {  # network, side, how many are drawn, training and test images
    "digits": ("drunet-digits", 32, 500, "mnist"),
    "clothes": ("drunet-clothes", 32, 500, "fashion-mnist"),
    "faces": ("drunet-faces", 64, 100, "olivetti"),
    "patches": ("drunet-wide", 64, 100, "bsds500"),
}
CLASSIFIED = ("mnist", "fashion-mnist")
WAYS: dict[str, tuple[type[Synthesiser], dict]] = {  # by what a reader calls them
    "annealed": (AnnealedLangevin, {"levels": 100, "each": 5, "step": 0.2}),
    "coarse to fine": (CoarseToFine, {"h_0": 0.01}),
}
TRIED = {"annealed": ("told", (1.0, 1.03, 1.06)), "coarse to fine": ("beta", (0.3, 0.1, 0.03))}
TRIED_BY, TRIED_ON = 32, 16  # images drawn, principal components
GAUSSIAN = "Gaussian"  # images with the mean and the covariance of the real ones, the control
SURE = 0.9  # of a class

SMALL = {"levels": 1, "highest": 4.0, "lowest": 4.0}
KNOWN = {  # on the mixture and on the Gaussian prior
    "annealed": (AnnealedLangevin, {}),
    "coarse to fine": (CoarseToFine, {}),
    "one small level": (AnnealedLangevin, SMALL | {"each": 1000}),
    "one small level, ten times the steps": (AnnealedLangevin, SMALL | {"each": 10_000}),
}
DRAWS, CLEAN = 4000, 1e-3  # as good as no noise
NEAR = (4.0, 16.0, 64.0)  # noise of which the denoiser is told, for the score


class AsPrinted(AnnealedLangevin):
    """With the score as the lecture prints it, ``x - D(x, sigma)``, divided by the variance."""

    def score(self, x, sigma):
        return -super().score(x, sigma)


def of_known(label: str, denoiser: Denoiser, **settings) -> Synthesiser:
    """A way of KNOWN with the best denoiser of a known density."""
    kind, own = KNOWN[label]
    return kind(denoiser, **settings | own)


def of_the_mixture(label: str, draws: int = DRAWS) -> dict[str, float]:
    """Of a way of KNOWN: how far the ``share`` of the second cloud is from its weight, and the greatest error of a
    variance, as a share of it."""
    mixture = GaussianMixture.reference()
    images = of_known(label, mixture).sample((1, 2), np.random.default_rng(0), draws)
    which = mixture.clouds(images, CLEAN).argmax(1).numpy()
    pixels, found = images.double().flatten(1).numpy(), []
    for k, deviation in enumerate(mixture.deviations.numpy()):
        if (which == k).sum() > 2:
            spread = np.cov(pixels[which == k].T)
            found.append(np.abs(spread / deviation**2 - np.eye(2)).max())
    share = float((which == 1).mean() - mixture.weights[1])
    return {"share": abs(share), "spread": float(max(found))}


def of_the_prior(label: str, draws: int = DRAWS) -> dict[str, float]:
    """Of a way of KNOWN: ``error`` and ``ratio`` of the variances on the Gaussian prior."""
    prior = GaussianPrior.reference()
    wide = {"highest": 1275.0, "lowest": 2.55}  # its deviations are larger
    images = of_known(label, prior, **wide).sample((8, 8), np.random.default_rng(0), draws)
    variance = prior.covariance.diagonal().reshape(8, 8).numpy()
    images = images[:, 0].double().numpy()
    return {
        "error": posterior.error_of_mean(images, prior.mean.numpy(), variance),
        "ratio": posterior.ratio_of_variances(images, variance),
    }


def along(sigma: float, draws: int = DRAWS) -> float:
    """The mean cosine of ``D(x, sigma) - x`` and the gradient of the logarithm of the density of the mixture, at points
    drawn from it."""
    mixture = GaussianMixture.reference()
    x = mixture.draw(np.random.default_rng(0), draws).requires_grad_()
    (score,) = torch.autograd.grad(mixture.log_density(x, CLEAN).sum(), x)
    step = (mixture(x, sigma) - x).detach()
    return float(torch.cosine_similarity(step.flatten(1), score.flatten(1)).mean())


def climbing(noise: float, steps: int = 100, draws: int = 1000) -> float:
    """The share of steps ``x += (D(x, 4) - x) / 5``, with ``noise`` times Langevin's noise, that make points more
    probable in the mixture with noise of 4; they begin at noise of 255."""
    mixture, rng = GaussianMixture.reference(), np.random.default_rng(0)
    x, rises = MIDDLE + 255 * torch.from_numpy(rng.standard_normal((draws, 1, 1, 2))), []
    for _ in range(steps):
        z = torch.from_numpy(rng.standard_normal(x.shape))
        after = x + 0.2 * (mixture(x, 4.0) - x) + noise * (2 * 0.2) ** 0.5 * 4.0 * z
        rises.append(mixture.log_density(after, 4.0) > mixture.log_density(x, 4.0))
        x = after
    return float(torch.stack(rises).double().mean())


def course(subject: str, steps: int, printed: bool = False) -> list[float]:
    """The root mean square of an image of a subject's network, gray levels, after each of some Langevin steps along
    falling levels, with the right sign of the score or the printed one."""
    network, side, *_ = SUBJECTS[subject]
    denoiser = restorers.at_any_level(network)
    kind = AsPrinted if printed else AnnealedLangevin
    drawing = kind(denoiser, levels=steps, each=1, highest=denoiser.between[1])
    path = list(drawing.path((side, side), np.random.default_rng(0)))[:-1]
    return [float(x.square().mean().sqrt()) for _, x in path]


def sampler(subject: str, way: str, **settings) -> Synthesiser:
    """A way of WAYS with the network of a subject, from the strongest noise that it was trained on."""
    kind, own = WAYS[way]
    denoiser = restorers.at_any_level(SUBJECTS[subject][0])
    return kind(denoiser, **own | {"highest": denoiser.between[1]} | settings)


def real(subject: str, split: str, count: int | None = None) -> np.ndarray:
    """Real images of a subject, (N, side, side): those of MNIST's kind and faces as they are, of photographs random
    squares."""
    _, side, _, family = SUBJECTS[subject]
    if family != "bsds500":
        return np.stack([one.pixels for one in collections.load(f"{family}/{split}")[:count]])
    images = collections.load("bsds500/train+test" if split == "train" else "bsds500/val")
    rng = np.random.default_rng(0)
    return collections.random_crops(images, side, count or 2000, rng)


def at_hand(subject: str) -> bool:
    """Whether the training images of a subject are on this machine."""
    return collections.available(f"{SUBJECTS[subject][3]}/train")


def neighbours(subject: str, images: np.ndarray) -> np.ndarray:
    """The nearest training image of each image, (N, side, side)."""
    train = real(subject, "train")
    return train[generative.nearest(images, train)[0]]


def accuracy(family: str) -> float:
    """The share of the test images that the classifier of a family tells right."""
    return float(store.read_record(classes.path(family))["accuracy"])


def gaussian(train: np.ndarray, count: int) -> np.ndarray:
    """Images from the Gaussian distribution with the mean and the covariance of others, (count, H, W) in 0..255."""
    flat, rng = train.reshape(len(train), -1).astype(np.float64), np.random.default_rng(0)
    mean, factor = flat.mean(0), (flat - flat.mean(0)) / np.sqrt(len(flat) - 1)
    images = mean + rng.standard_normal((count, len(flat))) @ factor
    return images.clip(0, 255).reshape(count, *train.shape[1:]).astype(np.float32)


def tried(subject: str, seen: np.ndarray) -> pd.DataFrame:
    """By way and setting of TRIED: ``frechet``, how far some drawn images are from those that are ``seen`` in
    training."""
    found, project = [], generative.components(seen, TRIED_ON)
    for way, (setting, values) in TRIED.items():
        for value in values:
            images = drawn(subject, way, TRIED_BY, **{setting: value})
            distance = generative.frechet(project(images), project(seen))
            found.append({"subject": subject, "way": way, "value": value, "frechet": distance})
    return pd.DataFrame(found)


def best(tried: pd.DataFrame, subject: str, way: str) -> dict[str, float]:
    """The setting of a way whose images of a subject are nearest."""
    rows = tried[(tried.way == way) & (tried.subject == subject)]
    return {TRIED[way][0]: float(rows.value[rows.frechet.idxmin()])}


def judged(subject: str, drawn: np.ndarray, project) -> dict[str, float]:
    """How far drawn images, (N, side, side), are from real ones of the test, beside as many real ones of the training.

    ``frechet`` on principal components, ``project``, and, where there are classes, ``features`` on those of the
    classifier; ``sure``, the share of a class of more than SURE; ``entropy`` of the classes; ``nearest``, the mean
    distance to the nearest image of the training; ``slope`` and ``kurtosis``. Each but for the distance with that of
    the real ones of the training, ``real ...``; the distance with that of the test.
    """
    train, test = real(subject, "train"), real(subject, "test", len(drawn))
    family, count = SUBJECTS[subject][3], min(len(drawn), len(test))
    chosen = np.random.default_rng(0).permutation(len(train))[:count]
    several, found = {"": drawn[:count], "real ": train[chosen]}, {}
    for whose, images in several.items():
        found[f"{whose}frechet"] = generative.frechet(project(images), project(test[:count]))
        found[f"{whose}slope"] = generative.slope(images)
        found[f"{whose}kurtosis"] = generative.kurtosis(images)
    found["nearest"] = float(generative.nearest(drawn, train)[1].mean())
    found["real nearest"] = float(generative.nearest(test, train)[1].mean())
    if family in CLASSIFIED:
        classifier = classes.load(family)
        of_test, _ = told_by(classifier, test[:count])
        for whose, images in several.items():
            features, odds = told_by(classifier, images)
            found[f"{whose}features"] = generative.frechet(features, of_test)
            found[f"{whose}sure"] = float((odds.max(1) > SURE).mean())
            found[f"{whose}entropy"] = generative.entropy(odds.argmax(1))
    return found


def drawn(
    subject: str, way: str, count: int, seed: int = 0, at_once: int = 100, **settings
) -> np.ndarray:
    """Images of a subject, (count, side, side), clipped to 0..255."""
    drawing, side = sampler(subject, way, **settings), SUBJECTS[subject][1]
    parts, rng = [], np.random.default_rng(seed)
    for start in range(0, count, at_once):
        images = drawing.sample((side, side), rng, min(at_once, count - start))
        parts.append(images[:, 0].clamp(0, 255).numpy())
    return np.concatenate(parts)


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    made = [runs.Run(network, "gaussian", 25) for network, *_ in SUBJECTS.values()]
    judges = [classes.artefact(family) for family in CLASSIFIED]

    def recipe() -> dict:
        families = [f"{of[3]}/{split}" for of in SUBJECTS.values() for split in ("train", "test")]
        return {
            "subjects": {name: list(of) for name, of in SUBJECTS.items()},
            "ways": {name: settings for name, (_, settings) in WAYS.items()},
            "known": {name: settings for name, (_, settings) in KNOWN.items()},
            "draws": [DRAWS, *NEAR],
            "tried": [TRIED, TRIED_BY, TRIED_ON],
            "collections": {name: collections.fingerprint(name) for name in families},
            "starts from": {run.name: store.content(run.weights) for run in made}
            | {judge.name: store.content(judge.path) for judge in judges},
        }

    return store.Artefact(
        name="scores/langevin",
        path=path(),
        recipe=recipe,
        roots=(
            f"{__name__}.of_subject",
            f"{__name__}.along",
            f"{__name__}.climbing",
            f"{__name__}.of_the_mixture",
            f"{__name__}.of_the_prior",
        ),
        starts_from=(*(run.artefact() for run in made), *judges),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: a few samples, and what is measured of photographs."""
    found = {"along": along(4.0, 50), "rises": climbing(1, 5, 50)}
    for label in list(KNOWN)[:2]:
        found |= {f"{label} {name}": value for name, value in of_the_mixture(label, 50).items()}
    for subject in SUBJECTS:
        for way in WAYS:
            own = {"levels": 4} if way == "annealed" else {"steps": 4}
            images = sampler(subject, way, **own).sample((16, 16), np.random.default_rng(0), 2)
            found[f"{subject} {way}"] = float(images.std())
    image = collections.load("shipped/test")[0]
    crops = collections.random_crops([image], 32, 40, np.random.default_rng(0))
    project = generative.components(crops, 5)
    found["frechet"] = generative.frechet(project(crops[:20]), project(crops[20:]))
    return found | {"slope": generative.slope(crops), "kurtosis": generative.kurtosis(crops)}


def record() -> None:
    """Draw all images, judge them, and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    found = [
        {"use": "known", "way": label, **of_the_mixture(label), **of_the_prior(label)}
        for label in KNOWN
    ]
    found += [{"use": "score", "sigma": sigma, "cosine": along(sigma)} for sigma in NEAR]
    found += [{"use": "climb", "noise": noise, "rises": climbing(noise)} for noise in (0, 1)]
    for subject in tqdm(SUBJECTS, desc="images", unit="subject"):
        found += of_subject(subject)
    evaluation.write_scores(pd.DataFrame(found), artefact(), start, stamp)


def of_subject(subject: str) -> list[dict]:
    """What is tried and drawn of a subject, and the Gaussian images beside it."""
    seen, count = real(subject, "train")[:10_000], SUBJECTS[subject][2]
    settings, project = tried(subject, seen), generative.components(seen)
    images = {way: drawn(subject, way, count, **best(settings, subject, way)) for way in WAYS}
    images[GAUSSIAN] = gaussian(seen, count)
    found = [{"use": "tried", **row} for row in settings.to_dict("records")]
    return found + [
        {"use": "drawn", "subject": subject, "way": way, **judged(subject, of, project)}
        for way, of in images.items()
    ]


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/langevin.csv"


def read(use: str) -> pd.DataFrame:
    """The recorded rows of a use: ``known``, ``score``, ``climb``, ``tried`` or ``drawn``."""
    return evaluation.read_rows(path(), use)
