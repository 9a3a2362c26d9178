"""Faces drawn by way of codes and pixel by pixel, recorded: networks alike, trained for as long, the same steps."""

import time
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.samplers.ddim import DDIM
from ..metrics import generative
from ..metrics.distortion import psnr
from ..study import evaluation, restorers, runs, store
from . import costs, langevin

SUBJECT = "faces"
AUTOENCODER, FAMILY = "autoencoder-faces", langevin.SUBJECTS[SUBJECT][3]
WAYS = {"pixels": (langevin.SUBJECTS[SUBJECT][0], 64), "codes": ("latent-faces", 32)}
STEPS = (5, 10, 20, 50, 100)
LOWEST = (1.0, 4.0, 16.0)  # gray levels, where the steps end, tried on training images
TRIED_BY = 64  # images drawn
GROUP, GROUPS = 40, 5  # as many as there are test images; for intervals
CONTROLS = ("training images", langevin.GAUSSIAN)


def sampler(way: str, steps: int, lowest: float) -> DDIM:
    """DDIM with the network of a way, from the strongest noise that it was trained on."""
    denoiser = restorers.at_any_level(WAYS[way][0])
    return DDIM(denoiser, steps, 0.0, denoiser.between[1], lowest)


def autoencoder():
    """The one whose codes are drawn."""
    return restorers.load(AUTOENCODER).module


def drawn(way: str, steps: int, lowest: float, count: int, seed: int = 0) -> np.ndarray:
    """Faces, (count, 64, 64), clipped to 0..255."""
    side, rng, parts = WAYS[way][1], np.random.default_rng(seed), []
    for start in range(0, count, GROUP):
        many = min(GROUP, count - start)
        images = sampler(way, steps, lowest).sample((side, side), rng, many)
        if way == "codes":
            with torch.inference_mode():
                images = autoencoder().decode(images)
        parts.append(images[:, 0].clamp(0, 255).numpy())
    return np.concatenate(parts)


def tried() -> pd.DataFrame:
    """By way, steps and where they end: ``frechet``, how far some faces are from training images."""
    seen, found = langevin.real(SUBJECT, "train"), []
    project = generative.components(seen, langevin.TRIED_ON)
    for way, steps, lowest in product(WAYS, STEPS, LOWEST):
        images = drawn(way, steps, lowest, TRIED_BY)
        row = {"way": way, "steps": steps, "lowest": lowest}
        found.append(row | {"frechet": generative.frechet(project(images), project(seen))})
    return pd.DataFrame(found)


def best(tried: pd.DataFrame, way: str, steps: int) -> float:
    """Where steps end whose faces are nearest to training images."""
    rows = tried[(tried.way == way) & (tried.steps == steps)]
    return float(rows.lowest[rows.frechet.idxmin()])


def judged(images: np.ndarray, test: np.ndarray, train: np.ndarray, project) -> dict[str, float]:
    """How far GROUP faces are from as many test images: ``frechet`` on principal components, ``project``, and
    ``patches``; and ``nearest``, their mean distance to the nearest training image, gray levels."""
    return {
        "frechet": generative.frechet(project(images), project(test)),
        "patches": generative.sliced_wasserstein(images, test),
        "nearest": float(generative.nearest(images, train)[1].mean()),
    }


def rows(tried: pd.DataFrame) -> list[dict]:
    """:func:`judged` by way, steps and group; of other images beside them; of the test faces by way of their codes."""
    train, test = (langevin.real(SUBJECT, split) for split in ("train", "test"))
    project, count = generative.components(train), GROUP * GROUPS
    several = {
        (way, steps): lambda way=way, steps=steps: drawn(way, steps, best(tried, way, steps), count)
        for way, steps in product(WAYS, STEPS)
    }
    chosen = train[np.random.default_rng(0).permutation(len(train))[:count]]
    several[CONTROLS[0], 0] = lambda: chosen
    several[CONTROLS[1], 0] = lambda: langevin.gaussian(train, count)
    found = []
    for (way, steps), make in tqdm(several.items(), desc="faces", unit="setting"):
        for group, images in enumerate(np.split(make(), GROUPS)):
            row = {"use": "drawn", "way": way, "steps": steps, "group": group}
            found.append(row | judged(images, test, train, project))
    for name, clean in {"train": train, "test": test}.items():
        restored = coded(clean)
        scores = [psnr(*pair) for pair in zip(restored, clean, strict=True)]
        row = {"use": "autoencoder", "split": name, "psnr": float(np.mean(scores))}
        found.append(row | {"patches": generative.sliced_wasserstein(restored, clean)})
    return found


def coded(images: np.ndarray) -> np.ndarray:
    """Faces, (N, 64, 64), by way of their codes."""
    with torch.inference_mode():
        restored = autoencoder()(torch.from_numpy(images)[:, None])
    return restored[:, 0].clamp(0, 255).numpy()


def seconds() -> list[dict]:
    """What each way takes, measured now: ``training`` in all, of which ``before`` for the autoencoder, and ``step``,
    one step for one face."""
    found = []
    for way, (network, _) in WAYS.items():
        several = [network] if way == "pixels" else [AUTOENCODER, network]
        took = [_training(name) for name in several]
        draw = partial(drawn, way, 20, 4.0, 10)  # steps, where they end, faces
        one = np.median([costs.clocked(draw) for _ in range(5)]) / (20 * 10)
        row = {"way": way, "training": sum(took), "before": sum(took[:-1]), "step": one}
        found.append({"use": "seconds"} | row)
    return found


def _training(name: str) -> float:
    run = runs.Run(name, "gaussian", 25)
    return costs.step(run, restorers.load(name).module) * run.settings["steps"]


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    names = [AUTOENCODER, *(network for network, _ in WAYS.values())]
    made = [runs.Run(name, "gaussian", 25) for name in names]

    def recipe() -> dict:
        return {
            "drawn": [GROUP, GROUPS, list(STEPS)],
            "tried": [TRIED_BY, list(LOWEST)],
            "collections": {
                name: collections.fingerprint(name)
                for name in (f"{FAMILY}/train", f"{FAMILY}/test")
            },
            "starts from": {run.name: store.content(run.weights) for run in made},
        }

    return store.Artefact(
        name="scores/latent",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.rows", f"{__name__}.tried"),
        starts_from=tuple(run.artefact() for run in made),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: a few faces, and a photograph by way of its codes."""
    found = {way: float(drawn(way, 3, 4.0, 2).std()) for way in WAYS}
    image = collections.load("shipped/test")[0]
    crops = collections.random_crops([image], 64, 40, np.random.default_rng(0))
    apart = judged(crops[:20], crops[20:], crops[20:], generative.components(crops, 5))
    return found | {"coded": float(coded(crops).std())} | apart


def record() -> None:
    """Draw all faces, judge them, and write the table with its record; a quiet machine is asked for."""
    torch.set_num_threads(1)
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    times, settings = seconds(), tried()
    table = pd.concat([settings.assign(use="tried"), pd.DataFrame(rows(settings) + times)])
    evaluation.write_scores(table, artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/latent.csv"


def read(use: str) -> pd.DataFrame:
    """The recorded rows of a use: ``tried``, ``drawn``, ``autoencoder`` or ``seconds``."""
    return evaluation.read_rows(path(), use)
