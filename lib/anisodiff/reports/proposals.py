"""What came of the proposals for future work, recorded: digits by DDIM in few steps, on a circle and without one."""

import time
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.samplers.ddim import DDIM
from ..methods.samplers.langevin import MIDDLE
from ..metrics import generative
from ..study import classes, evaluation, restorers, runs, store
from ..training.classes import told as told_by
from . import langevin

SUBJECT = "digits"
NETWORK, SIDE, DRAWN, FAMILY = langevin.SUBJECTS[SUBJECT]
STEPS, ETAS = (5, 10, 20, 50, 100), (0.0, 0.5, 1.0)
LOWEST = (1.0, 4.0, 16.0)  # gray levels, where the steps end, tried on training images
TRIED_BY = 64  # images drawn
UNIT = 127.5  # gray levels, the signal's half range


class OnACircle(DDIM):
    """The same steps for ``cos(a) signal + sin(a) noise``, as the slides' source takes them: levels are angles."""

    def states(self, x, normal):
        angles = [*np.arctan(self.sigmas / UNIT), 0.0]
        x = float(np.sin(angles[0])) * x  # of the mean there is hardly anything left
        for angle, after in pairwise(angles):
            signal, noise = float(np.cos(angle)), float(np.sin(angle))
            clean = self.denoiser(MIDDLE + UNIT * x / signal, UNIT * noise / signal)
            clean = (clean - MIDDLE) / UNIT
            said = (x - signal * clean) / noise
            x = float(np.cos(after)) * clean + float(np.sin(after)) * said
            yield UNIT * float(np.tan(after)), MIDDLE + UNIT * x / float(np.cos(after))


def sampler(steps: int, eta: float, lowest: float, kind: type[DDIM] = DDIM) -> DDIM:
    """DDIM with the network of the digits, from the strongest noise that it was trained on."""
    denoiser = restorers.at_any_level(NETWORK)
    return kind(denoiser, steps, eta, denoiser.between[1], lowest)


def drawn(drawing: DDIM, count: int, seed: int = 0, at_once: int = 100) -> np.ndarray:
    """Digits, (count, side, side), clipped to 0..255."""
    rng, parts = np.random.default_rng(seed), []
    for start in range(0, count, at_once):
        images = drawing.sample((SIDE, SIDE), rng, min(at_once, count - start))
        parts.append(images[:, 0].clamp(0, 255).numpy())
    return np.concatenate(parts)


def between(first: Tensor, last: Tensor, count: int, arc: bool = True) -> Tensor:
    """Noise from one to another, (count, 1, H, W): along the arc on which its length stays, or along the chord."""
    shares = torch.linspace(0, 1, count)[:, None, None, None]
    if not arc:
        return (1 - shares) * first + shares * last
    angle = torch.arccos((first * last).sum() / first.norm() / last.norm())
    return (
        torch.sin((1 - shares) * angle) * first + torch.sin(shares * angle) * last
    ) / angle.sin()


def from_noise(drawing: DDIM, z: Tensor) -> Tensor:
    """The images that numbers (S, 1, H, W) lead to with eta 0."""
    with torch.inference_mode():
        for _, images in drawing.states(z, None):
            last = images
    return last


def tried() -> pd.DataFrame:
    """By steps, eta and where they end: ``frechet``, how far some digits are from training images."""
    seen, found = langevin.real(SUBJECT, "train")[:10_000], []
    project = generative.components(seen, langevin.TRIED_ON)
    known = project(seen)
    for steps, eta, lowest in product(STEPS, ETAS, LOWEST):
        images = drawn(sampler(steps, eta, lowest), TRIED_BY)
        row = {"steps": steps, "eta": eta, "lowest": lowest}
        found.append(row | {"frechet": generative.frechet(project(images), known)})
    return pd.DataFrame(found)


def best(tried: pd.DataFrame, steps: int, eta: float) -> float:
    """Where steps end whose digits are nearest to training images."""
    rows = tried[(tried.steps == steps) & (tried.eta == eta)]
    return float(rows.lowest[rows.frechet.idxmin()])


def judged(images: np.ndarray, features: np.ndarray) -> dict[str, float]:
    """Of digits: ``features``, Frechet's distance from test images, whose features are given; ``variety``, the sum of
    the variances of theirs over that of the test; ``sure`` and ``entropy`` as :func:`.langevin.judged`."""
    own, odds = told_by(classes.load(FAMILY), images)
    return {
        "features": generative.frechet(own, features),
        "variety": float(own.var(0).sum() / features.var(0).sum()),
        "sure": float((odds.max(1) > langevin.SURE).mean()),
        "entropy": generative.entropy(odds.argmax(1)),
    }


def apart(first: DDIM, second: DDIM, count: int = 50) -> float:
    """The root mean square difference of what two draw from the same noise, gray levels."""
    images = [
        drawing.sample((SIDE, SIDE), np.random.default_rng(0), count) for drawing in (first, second)
    ]
    return float((images[0] - images[1]).square().mean().sqrt())


def rows(tried: pd.DataFrame, count: int = DRAWN) -> list[dict]:
    """:func:`judged` by steps and eta, and of as many training images; and how far the circle leads :func:`apart`."""
    features, _ = told_by(classes.load(FAMILY), langevin.real(SUBJECT, "test", count))
    found = []
    for steps, eta in tqdm(list(product(STEPS, ETAS)), desc="digits", unit="setting"):
        lowest = best(tried, steps, eta)
        row = {"use": "drawn", "steps": steps, "eta": eta, "lowest": lowest}
        found.append(row | judged(drawn(sampler(steps, eta, lowest), count), features))
    train = langevin.real(SUBJECT, "train")
    chosen = np.random.default_rng(0).permutation(len(train))[:count]
    found.append({"use": "training", **judged(train[chosen], features)})
    plain, circle, fewer = (
        sampler(steps, 0.0, 1.0, kind) for steps, kind in ((20, DDIM), (20, OnACircle), (10, DDIM))
    )
    found.append({"use": "circle", "apart": apart(plain, circle), "fewer": apart(plain, fewer)})
    return found


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    network, judge = runs.Run(NETWORK, "gaussian", 25).artefact(), classes.artefact(FAMILY)

    def recipe() -> dict:
        return {
            "drawn": [DRAWN, list(STEPS), list(ETAS)],
            "tried": [TRIED_BY, list(LOWEST)],
            "collections": {
                name: collections.fingerprint(name)
                for name in (f"{FAMILY}/train", f"{FAMILY}/test")
            },
            "starts from": {one.name: store.content(one.path) for one in (network, judge)},
        }

    return store.Artefact(
        name="scores/ddim",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.rows", f"{__name__}.tried"),
        starts_from=(network, judge),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: a few digits."""
    found = {}
    for eta in ETAS:
        images = drawn(sampler(4, eta, 4.0), 3)
        found[f"eta {eta:g} mean"], found[f"eta {eta:g} spread"] = map(
            float, (images.mean(), images.std())
        )
    return found | {"circle": apart(sampler(3, 0.0, 4.0), sampler(3, 0.0, 4.0, OnACircle), 2)}


def record() -> None:
    """Draw all digits, judge them, and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    settings = tried()
    table = pd.concat([settings.assign(use="tried"), pd.DataFrame(rows(settings))])
    evaluation.write_scores(table, artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/ddim.csv"


def read(use: str) -> pd.DataFrame:
    """The recorded rows of a use: ``tried``, ``drawn``, ``training`` or ``circle``."""
    return evaluation.read_rows(path(), use)
