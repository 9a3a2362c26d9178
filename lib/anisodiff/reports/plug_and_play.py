"""What denoisers reach as engines of plug-and-play and RED, recorded: by problem, method, engine and step."""

import time
from itertools import pairwise, product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.restorer import Restorer
from ..metrics.distortion import clipped_psnr
from ..problems import Measurement, parse
from ..study import evaluation, restorers, runs, store
from . import records

SIX = (
    "01",
    "02",
    "03",
    "05",
    "06",
    "07",
)  # those of Set12 with 256 x 256 pixels, without the one seen in training
RED_NOISE = 2**0.5


class Case(NamedTuple):
    """A problem with what a reader calls it, and the images that it is recorded on; None: all of the collection."""

    label: str
    problem: str
    collection: str = "set12"
    images: tuple[str, ...] | None = SIX


CASES = {
    "gaussian-blur": Case("Gaussian blur", f"periodic-gaussian,1.6,sigma={RED_NOISE:.4f}"),
    "uniform-blur": Case("uniform blur", f"periodic-uniform,9,sigma={RED_NOISE:.4f}"),
    "every-second": Case("every second pixel, blurred", "blur-downsample,2,sigma=2"),
    "every-third": Case("every third pixel, blurred", "blur-downsample,3,sigma=5"),
    "half-lost": Case("half of the pixels lost", "missing-pixels,0.5"),
    "four-of-five-lost": Case("four of five pixels lost", "missing-pixels,0.8"),
    "rectangle-lost": Case("a rectangle lost", "inpainting,0.1"),
    "text": Case("text over it", "text,16"),
    "fourier": Case("a third of Fourier's columns", "fourier,0.33,sigma=2", "mri", None),
}
ENGINES = (
    "drunet-lite",
    "ffdnet-narrow",
    "tnrd",
    "dct-8-learned",
    "foe-s-told",
    "network-long",
    "tnrd-rising-pure",
    "tv",
)
STUDIED = ("gaussian-blur", "four-of-five-lost")  # by all methods, step by step
STUDIED_ENGINES, STUDIED_IMAGES = ("drunet-lite", "foe-s-told", "tnrd-rising-pure"), 3
BASELINES = {"tikhonov": {"strength": (1e-4, 1e-3, 1e-2, 1e-1)}, "biharmonic": {}}
NOISY = {  # what is tuned, on training photographs
    "pnp-hqs": {"strength": (0.03, 0.06, 0.12, 0.23, 0.46, 0.92)},
    "pnp-admm": {"level": (5, 10, 20), "strength": (0.23, 0.92, 3.7)},
    "pnp-pgm": {"level": (0.5, 1, 2, 4)},
    "red-fixed-point": {"strength": (0.01, 0.02, 0.04, 0.08)},
}
WITHOUT_NOISE = {  # the same where the strength hardly matters, as what was measured is kept
    "pnp-hqs": {"last": (0.5, 1, 2, 4), "steps": (20,)},
    "pnp-admm": {"level": (5, 10, 20, 40)},
    "pnp-pgm": {"level": (1, 2, 4, 8)},
    "red-fixed-point": {"level": (3.25, 6.5, 13, 26), "strength": (1.0,)},
}
METHODS = (
    *NOISY,
    "red-gradient",
)  # which takes the settings of the fixed point: that is where it leads
GRADIENT_STEPS = 150
TUNED_ON, TUNED_BY, TUNING_SIDE = "shipped/train", 4, 96  # its first photographs
HELD_ON = ("gaussian-blur", "uniform-blur")  # where penalty and multipliers are compared
HELD = {"steps": 30, "level": 5.0}
STRENGTHS = (0.03, 0.1, 0.3, 1, 3)
KEPT = (1, 2, 3, 5, 8, 12, 20, 30, 40, 60, 100, 150)  # steps of the courses


def measured(case: str) -> list[tuple[str, np.ndarray, Measurement]]:
    """The images of a case of CASES, by name, and what is measured of each."""
    _, text, collection, names = CASES[case]
    images = [one for one in collections.load(collection) if names is None or one.name in names]
    return [_measured(text, collection, one) for one in images]


def _measured(text: str, collection: str, image: collections.Image, side: int = 0):
    pixels = collections.centre_crop(image.pixels, side) if side else image.pixels
    clean = np.array(pixels, np.float32)
    given = records.measured(clean[None], image.name, parse(text), collection=collection)
    return image.name, clean, given


def course(solver: Restorer, clean: np.ndarray, given: Measurement) -> pd.DataFrame:
    """PSNR, clipped, and ``change``, the root mean square of the last step, after each step: a row each, from 0 on."""
    with torch.inference_mode():
        images = [one[0].numpy() for one in solver.method.trajectory(given.y, given.problem)]
    quality = [clipped_psnr(one, clean) for one in images]
    steps = pairwise(images)
    change = [np.nan, *(float(np.sqrt(np.mean((b - a) ** 2))) for a, b in steps)]
    return pd.DataFrame({"psnr": quality, "change": change}).rename_axis("step")


def asked(case: str, method: str) -> dict[str, tuple[float, ...]]:
    """The settings that are tried for a method on a case."""
    if method in BASELINES:
        return BASELINES[method]
    settings = NOISY if "sigma" in CASES[case].problem else WITHOUT_NOISE
    return settings["red-fixed-point" if method == "red-gradient" else method]


def tuned(case: str, method: str, engine: str | None = None) -> dict[str, float]:
    """Of the settings that are :func:`asked` those with the best mean PSNR on training photographs."""
    if method == "red-gradient":
        return tuned(case, "red-fixed-point", engine) | {"steps": GRADIENT_STEPS}
    settings = asked(case, method)
    images = collections.load(TUNED_ON)[:TUNED_BY]
    given = [_measured(CASES[case].problem, TUNED_ON, one, TUNING_SIDE) for one in images]
    scores = {}
    for values in product(*settings.values()):
        solver = restorers.solver(
            method, engine, given[0][2].problem, **dict(zip(settings, values, strict=True))
        )
        scores[values] = np.mean([_final(solver, clean, of) for _, clean, of in given])
    return dict(zip(settings, max(scores, key=scores.get), strict=True))


def _final(solver: Restorer, clean: np.ndarray, given: Measurement) -> float:
    return clipped_psnr(solver.method.restore(given.y, given.problem).image[0].numpy(), clean)


def cases() -> list[tuple[str, str, str]]:
    """What is recorded: problem, method and engine; all engines by half-quadratic splitting, some by all methods."""
    found = [(case, "pnp-hqs", engine) for case in CASES for engine in ENGINES]
    found += product(STUDIED, [one for one in METHODS if one != "pnp-hqs"], STUDIED_ENGINES)
    found += [(case, "tikhonov", "") for case in CASES]
    return found + [(case, "biharmonic", "") for case in CASES if "lost" in case or case == "text"]


def rows(
    case: str, method: str, engine: str, first: int | None = None, **settings: float
) -> pd.DataFrame:
    """Of each image of a case: its PSNR and the change by step, some of the steps and the last one; the settings.

    ``first``: how many of the images, all of them by default.
    """
    found = []
    for name, clean, given in measured(case)[:first]:
        solver = restorers.solver(method, engine or None, given.problem, **settings)
        if engine:
            table = course(solver, clean, given)
            table = table[[at in (0, *KEPT, len(table) - 1) for at in table.index]]
        else:
            table = pd.DataFrame({"psnr": [_final(solver, clean, given)]}).rename_axis("step")
        found.append(table.reset_index().assign(image=name))
    keys = {"problem": case, "method": method, "engine": engine}
    return pd.concat(found).assign(**keys, **settings)


def held(case: str, engine: str) -> pd.DataFrame:
    """The last step with a penalty (splitting at one level) and with multipliers (ADMM), at each of STRENGTHS."""
    found = []
    for method, more in {"pnp-hqs": {"last": HELD["level"]}, "pnp-admm": {}}.items():
        for strength in STRENGTHS:
            table = rows(case, method, engine, strength=strength, **HELD, **more)
            found.append(table[table.step == table.step.max()])
    return pd.concat(found)


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    used = {engine: runs.Run(engine, "gaussian", 25) for engine in ENGINES}
    weights = {
        run.name: run
        for engine in ENGINES
        for level in restorers.levels_with_weights(engine, "gaussian")
        if (run := runs.Run(engine, "gaussian", level)).makes
    }

    def recipe() -> dict:
        return {
            "problems": {case: list(map(str, of[1:])) for case, of in CASES.items()},
            "cases": [list(one) for one in cases()],
            "settings": [NOISY, WITHOUT_NOISE, BASELINES, GRADIENT_STEPS],
            "held": [HELD_ON, HELD, STRENGTHS],
            "tuned on": [TUNED_ON, TUNED_BY, TUNING_SIDE],
            "studied images": STUDIED_IMAGES,
            "engines": {name: run.entry.made_of for name, run in used.items()},
            "starts from": {name: store.content(run.weights) for name, run in weights.items()},
        }

    return store.Artefact(
        name="scores/plug-and-play",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.rows", f"{__name__}.tuned"),
        starts_from=tuple(run.artefact() for run in weights.values()),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: two engines on a part of a photograph."""
    image, found = collections.load("shipped/test")[0], {}
    for case, engine in zip(STUDIED, STUDIED_ENGINES, strict=False):
        _, clean, given = _measured(CASES[case].problem, "shipped/test", image, 48)
        for method in METHODS:
            solver = restorers.solver(method, engine, given.problem, steps=3)
            found[f"{method} {engine}"] = _final(solver, clean, given)
    return found


def record() -> None:
    """Solve all cases and write the table with its record."""
    provenance.used.clear()
    stamp, start, found = provenance.stamp(), time.monotonic(), []
    for case, method, engine in tqdm(cases(), desc="plug-and-play", unit="case"):
        settings = tuned(case, method, engine or None)
        first = STUDIED_IMAGES if method in METHODS[1:] else None
        found.append(rows(case, method, engine, first, **settings).assign(use="course"))
    found += [held(case, STUDIED_ENGINES[0]).assign(use="strength") for case in HELD_ON]
    evaluation.write_scores(pd.concat(found), artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/plug-and-play.csv"


def read() -> pd.DataFrame:
    """The recorded table."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path(), dtype={"image": str}).fillna({"engine": ""})
