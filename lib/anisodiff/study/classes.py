"""The classifiers of small images, recorded: what judges drawn digits and clothes."""

import time
from functools import cache
from pathlib import Path

import numpy as np

from ..data import collections, provenance
from ..training import classes
from . import store, weights

EPOCHS = {"mnist": 2, "fashion-mnist": 4}


def pixels(collection: str, count: int | None = None) -> np.ndarray:
    """The first images of a collection of small ones, (N, H, W) uint8."""
    return np.stack([one.pixels for one in collections.load(collection)[:count]]).astype(np.uint8)


@cache
def load(name: str) -> classes.Classifier:
    """The classifier of ``mnist`` or ``fashion-mnist``; FileNotFoundError or OSError where it is missing or damaged."""
    network = classes.Classifier()
    network.load_state_dict(weights.read(path(name))[0])
    return network.eval().requires_grad_(False)


def artefact(name: str) -> store.Artefact:
    """Its weights in the store."""
    return store.Artefact(
        name=f"weights/classes/{name}",
        path=path(name),
        recipe=lambda: {
            "collection": collections.fingerprint(f"{name}/train"),
            "epochs": EPOCHS[name],
        },
        roots=(f"{classes.__name__}.train",),
        make=lambda: record(name),
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still trains alike: odds after a few steps on parts of a photograph."""
    image = collections.load("shipped/test")[0].pixels
    crops = collections.random_crops(
        [collections.Image("", image)], 32, 64, np.random.default_rng(0)
    )
    network = classes.train(crops, np.arange(64) % 10, epochs=2, batch=16)
    features, odds = classes.told(network, crops)
    return {"features": float(features.mean()), "odds": float(odds[:, 0].std())}


def record(name: str) -> None:
    """Train on all images and write the weights, with the share of the test images that are told right."""
    stamp, start = provenance.stamp(), time.monotonic()
    network = classes.train(
        pixels(f"{name}/train"), collections.labels(f"{name}/train"), EPOCHS[name]
    )
    _, odds = classes.told(network, pixels(f"{name}/test"))
    right = float((odds.argmax(1) == collections.labels(f"{name}/test")).mean())
    facts = {"accuracy": round(right, 4), "seconds": round(time.monotonic() - start, 1)} | stamp
    weights.write(path(name), network, facts)
    store.record(artefact(name), facts)


def path(name: str) -> Path:
    """Where they are."""
    return provenance.ROOT / f"data/weights/classes/{name}.safetensors"
