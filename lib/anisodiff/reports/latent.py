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
STEPS = (5, 10, 20, 50)
LOWEST = (1.0, 4.0, 16.0)  # gray levels, where the steps end, tried on training images
TRIED_BY = 64  # images drawn
GROUP, GROUPS = 40, 4  # as many as there are test images; for intervals
TRAINING, TEST, GAUSSIAN = "training images", "test images", langevin.GAUSSIAN  # beside them


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


def judged(images: np.ndarray, others: np.ndarray, project) -> dict[str, float]:
    """How far GROUP faces are from other ones, of the training: ``frechet`` on principal components, ``project``;
    ``patches``, from as many of them; and ``nearest``, the mean distance to the nearest one, gray levels."""
    return {
        "frechet": generative.frechet(project(images), project(others)),
        "patches": generative.sliced_wasserstein(images, others[: len(images)]),
        "nearest": float(generative.nearest(images, others)[1].mean()),
    }


def rows(tried: pd.DataFrame) -> list[dict]:
    """:func:`judged` by way, steps and group, beside training images that are not among the others, images with their
    mean and covariance, and test images; and the latter and training images by way of their codes."""
    train, test = (langevin.real(SUBJECT, split) for split in ("train", "test"))
    count = GROUP * GROUPS
    some, others = np.split(np.random.default_rng(0).permutation(train), [count])
    project = generative.components(train, langevin.TRIED_ON)
    several = {(TRAINING, 0): some, (GAUSSIAN, 0): langevin.gaussian(train, count), (TEST, 0): test}
    for way, steps in tqdm(list(product(WAYS, STEPS)), desc="faces", unit="setting"):
        several[way, steps] = drawn(way, steps, best(tried, way, steps), count)
    found = []
    for (way, steps), all_images in several.items():
        for group, images in enumerate(np.split(all_images, len(all_images) // GROUP)):
            row = {"use": "drawn", "way": way, "steps": steps, "group": group}
            found.append(row | judged(images, others, project))
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


def seconds(rounds: int = 5) -> list[dict]:
    """What each way takes, medians of turns: ``training`` in all, of which ``before`` for the autoencoder, and
    ``step``, one step of drawing a face."""
    trained = {way: [network] for way, (network, _) in WAYS.items()}
    trained["codes"] = [AUTOENCODER, *trained["codes"]]
    turns = [
        {way: [_training(name) for name in names] for way, names in trained.items()}
        for _ in range(rounds)
    ]
    found = []
    for way in WAYS:
        took = np.median([turn[way] for turn in turns], axis=0)
        draw = partial(drawn, way, 20, 4.0, 10)  # steps, where they end, faces
        one = np.median([costs.clocked(draw) for _ in range(rounds)]) / (20 * 10)
        row = {"way": way, "training": sum(took), "before": sum(took[:-1]), "step": one}
        found.append({"use": "seconds"} | row)
    return found


def _training(name: str) -> float:
    run = runs.Run(name, "gaussian", 25)
    return costs.step(run, restorers.load(name).module, 9) * run.settings["steps"]


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
    apart = judged(crops[:20], crops[20:], generative.components(crops, 5))
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
