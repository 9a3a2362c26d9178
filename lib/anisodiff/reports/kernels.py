"""Kernels found through frozen super-resolvers, recorded: by true kernel, optimiser, layers and number of crops."""

import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..data import collections, provenance
from ..problems import problem
from ..study import evaluation, runs, store
from ..training import degradation
from ..training.degradation import Found, Kernel, recover
from . import super_resolution
from .super_resolution import FACTOR, MODEL, TRAINED

SIDE = 12  # pixels of a kernel
CROP = 80  # pixels of a crop
LAYERS = {"one layer": (12,), "three layers": (7, 4, 3)}
OPTIMISERS = {"lbfgs": 1.0, "adam": 1e-3}  # and their rates
EVALUATIONS = 260
COUNTS = (1, 2, 5, 10, 20)  # of crops
FROM = "bsds500/val"  # clean images that no network was trained on


class Way(NamedTuple):
    """How a kernel is looked for."""

    optimiser: str = "lbfgs"
    layers: str = "one layer"
    box: bool = False  # where it starts, else from a Gaussian
    crops: int = 20
    draw: int = 0  # of the crops


WAYS = (
    *(Way(crops=count, draw=draw) for count in COUNTS for draw in range(3 if count < 20 else 1)),
    Way(box=True),
    Way("adam"),
    Way("lbfgs", "three layers"),
    Way("adam", "three layers"),
)


def crops(collection: str, count: int, draw: int = 0, side: int = CROP) -> Tensor:
    """Random squares of a collection, (count, 1, side, side)."""
    drawn = collections.random_crops(
        collections.load(collection), side, count, np.random.default_rng([draw, 5])
    )
    return torch.from_numpy(drawn)[:, None]


def find(
    network: Callable[[Tensor], Tensor],
    clean: Tensor,
    way: Way,
    factor: int = FACTOR,
    evaluations: int = EVALUATIONS,
) -> Found:
    """The kernel that suits a network best, found in one of the ways."""
    start = Kernel(LAYERS[way.layers], box=way.box)
    return recover(
        network, clean, factor, start, way.optimiser, evaluations, OPTIMISERS[way.optimiser]
    )


def begun() -> np.ndarray:
    """The Gaussian that a search begins at, (SIDE, SIDE)."""
    return Kernel(LAYERS["one layer"])().detach().double().numpy()


def truth(kind: str, factor: int = FACTOR) -> np.ndarray:
    """The kernel of a degradation, (SIDE, SIDE)."""
    return degradation.true_kernel(problem(kind, factor), SIDE)


def loss(network: Callable, clean: Tensor, kernel: np.ndarray, factor: int = FACTOR) -> float:
    """The mean squared error with a given kernel, in squared gray levels."""
    with torch.no_grad():
        return degradation.mismatch(network, clean, torch.from_numpy(kernel).float(), factor).item()


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    made = {kind: runs.Run(MODEL, kind, FACTOR) for kind in TRAINED}

    def recipe() -> dict:
        return {
            "kernels": list(TRAINED),
            "ways": [list(way) for way in WAYS],
            "layers": {name: list(sides) for name, sides in LAYERS.items()},
            "rates": OPTIMISERS,
            "evaluations": EVALUATIONS,
            "crops": [FROM, collections.fingerprint(FROM), CROP],
            "starts from": {run.name: store.content(run.weights) for run in made.values()},
        }

    return store.Artefact(
        name="scores/kernels",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.find", f"{__name__}.crops", f"{__name__}.truth"),
        starts_from=tuple(run.artefact() for run in made.values()),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still finds alike: a few evaluations on a crop that everybody has."""
    network, clean = _network(TRAINED[0]), crops("shipped/test", 1, side=64)
    found = {}
    for way in (Way(), Way("adam", "three layers")):
        one = find(network, clean, way, evaluations=8)
        found[f"{way.optimiser} {way.layers}"] = degradation.apart(one.kernel, truth(TRAINED[0]))[
            "error"
        ]
    return found


def rows(kind: str) -> pd.DataFrame:
    """All WAYS to find the kernel of one degradation through its network: a row each.

    ``correlation``, ``error`` and ``sum`` (:func:`.degradation.apart`), ``loss``, the true kernel's, ``true``, how
    often it was computed, ``evaluations``, and the ``values`` of the kernel, row by row.
    """
    network, found = _network(kind), []
    for way in tqdm(WAYS, desc=kind, unit="kernel"):
        clean = crops(FROM, way.crops, way.draw)
        one = find(network, clean, way)
        measured = degradation.apart(one.kernel, truth(kind))
        measured |= {"loss": one.loss[-1], "true": loss(network, clean, truth(kind))}
        values = " ".join(f"{value:.5f}" for value in one.kernel.ravel())
        found.append(way._asdict() | measured | {"evaluations": len(one.loss), "values": values})
    return pd.DataFrame(found)


def record() -> None:
    """Find all kernels and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    table = pd.concat([rows(kind).assign(kernel=kind) for kind in TRAINED])
    evaluation.write_scores(table, artefact(), start, stamp)


def _network(kind: str) -> nn.Module:
    return super_resolution.shipped(kind).module


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/kernels.csv"


def read() -> pd.DataFrame:
    """The recorded table."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path())


def found(kind: str, way: Way) -> np.ndarray:
    """A recorded kernel, (SIDE, SIDE)."""
    values = recorded(kind, way, "values")[0]
    return np.array(values.split(), float).reshape(SIDE, SIDE)


def recorded(kind: str, way: Way, column: str = "error") -> np.ndarray:
    """A number of :func:`rows`, one for each draw of the crops."""
    table = read()
    table = table[table.kernel == kind]
    for key in ("optimiser", "layers", "box", "crops"):
        table = table[table[key] == getattr(way, key)]
    return table[column].to_numpy()


def gradient_error(
    network: nn.Module, clean: Tensor, factor: int = FACTOR, step: float = 1e-4
) -> float:
    """The relative difference of the loss's slope along a random change of the kernel, by gradient, from that by
    differences; the network's own parameters take no part."""
    frozen, clean = deepcopy(network).double().requires_grad_(False), clean.double()
    kernel = Kernel((SIDE,))().detach().double().requires_grad_()
    along = torch.from_numpy(np.random.default_rng(0).standard_normal((SIDE, SIDE))) / SIDE
    (slope,) = torch.autograd.grad(degradation.mismatch(frozen, clean, kernel, factor), kernel)
    with torch.no_grad():
        up, down = (
            degradation.mismatch(frozen, clean, kernel + sign * step * along, factor)
            for sign in (1, -1)
        )
    wanted = float(up - down) / (2 * step)
    return abs(float((slope * along).sum()) - wanted) / abs(wanted)
