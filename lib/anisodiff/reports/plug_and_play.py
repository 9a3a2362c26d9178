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
from ..problems import Measurement, parse, seeded
from ..study import catalogue, evaluation, restorers, runs, store

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
STUDIED_ENGINES = ("drunet-lite", "foe-s-told", "tnrd-rising-pure")
BASELINES = {"tikhonov": {"strength": (1e-4, 1e-3, 1e-2, 1e-1)}, "biharmonic": {}}
SETTINGS = {  # what is tuned, on training photographs
    "pnp-hqs": {"strength": (0.03, 0.06, 0.12, 0.23, 0.46, 0.92)},
    "pnp-admm": {"level": (2.5, 5, 10), "strength": (0.06, 0.23, 0.92)},
    "pnp-pgm": {"level": (1, 2, 4, 8, 16)},
    "red-fixed-point": {"strength": (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)},
    "red-gradient": {"strength": (0.005, 0.01, 0.02, 0.04, 0.08, 0.16)},
}
TUNED_ON, TUNING_SIDE = "shipped/train", 96
SPREAD = (0.1, 0.3, 1, 3, 10)  # times the tuned strength, to see how much depends on it
HELD = {"steps": 60, "level": 5.0}  # of the comparison of penalty and multipliers
KEPT = (1, 2, 3, 5, 8, 12, 20, 30, 40, 60, 100, 150, 200, 300)  # steps of the courses


def measured(case: str) -> list[tuple[str, np.ndarray, Measurement]]:
    """The images of a case of CASES, by name, and what is measured of each."""
    _, text, collection, names = CASES[case]
    images = [one for one in collections.load(collection) if names is None or one.name in names]
    return [_measured(text, collection, one) for one in images]


def _measured(text: str, collection: str, image: collections.Image, side: int = 0):
    pixels = collections.centre_crop(image.pixels, side) if side else image.pixels
    clean, how = np.array(pixels, np.float32), parse(text)
    seed = catalogue.protocol()["seed"]
    return image.name, clean, how.measure(clean[None], seeded(seed, collection, image.name, how))


def course(solver: Restorer, clean: np.ndarray, given: Measurement) -> pd.DataFrame:
    """PSNR, clipped, and ``change``, the root mean square of the last step, after each step: a row each, from 0 on."""
    with torch.inference_mode():
        images = [one[0].numpy() for one in solver.method.trajectory(given.y, given.problem)]
    quality = [clipped_psnr(one, clean) for one in images]
    steps = pairwise(images)
    change = [np.nan, *(float(np.sqrt(np.mean((b - a) ** 2))) for a, b in steps)]
    return pd.DataFrame({"psnr": quality, "change": change}).rename_axis("step")


def tuned(case: str, method: str, engine: str | None = None) -> dict[str, float]:
    """The settings of SETTINGS or BASELINES with the best mean PSNR on training photographs."""
    asked = (SETTINGS | BASELINES)[method]
    images = collections.load(TUNED_ON)
    given = [_measured(CASES[case].problem, TUNED_ON, one, TUNING_SIDE) for one in images]
    scores = {}
    for values in product(*asked.values()):
        solver = restorers.solver(
            method, engine, given[0][2].problem, **dict(zip(asked, values, strict=True))
        )
        scores[values] = np.mean([_final(solver, clean, of) for _, clean, of in given])
    return dict(zip(asked, max(scores, key=scores.get), strict=True))


def _final(solver: Restorer, clean: np.ndarray, given: Measurement) -> float:
    return clipped_psnr(solver.method.restore(given.y, given.problem).image[0].numpy(), clean)


def cases() -> list[tuple[str, str, str]]:
    """What is recorded: problem, method and engine; all engines by half-quadratic splitting, some by all methods."""
    found = [(case, "pnp-hqs", engine) for case in CASES for engine in ENGINES]
    found += product(STUDIED, [one for one in SETTINGS if one != "pnp-hqs"], STUDIED_ENGINES)
    found += [(case, "tikhonov", "") for case in CASES]
    return found + [(case, "biharmonic", "") for case in CASES if "lost" in case or case == "text"]


def rows(case: str, method: str, engine: str, **settings: float) -> pd.DataFrame:
    """Of each image of a case: its PSNR and the change by step, some of the steps and the last one; the settings."""
    found = []
    for name, clean, given in measured(case):
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
    """The last step with a penalty (half-quadratic splitting at one level) and with multipliers (ADMM), each at the
    strengths of SPREAD times the best one of ADMM."""
    best = tuned(case, "pnp-admm", engine)["strength"]
    found = []
    for method, more in {"pnp-hqs": {"last": HELD["level"]}, "pnp-admm": {}}.items():
        for factor in SPREAD:
            table = rows(case, method, engine, strength=factor * best, **HELD, **more)
            found.append(table[table.step == table.step.max()].assign(factor=factor))
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
            "settings": SETTINGS | BASELINES | {"held": HELD, "spread": SPREAD},
            "tuned on": [TUNED_ON, TUNING_SIDE],
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
        for method in SETTINGS:
            solver = restorers.solver(method, engine, given.problem, steps=3)
            found[f"{method} {engine}"] = _final(solver, clean, given)
    return found


def record() -> None:
    """Solve all cases and write the table with its record."""
    provenance.used.clear()
    stamp, start, found = provenance.stamp(), time.monotonic(), []
    for case, method, engine in tqdm(cases(), desc="plug-and-play", unit="case"):
        settings = tuned(case, method, engine or None)
        found.append(rows(case, method, engine, **settings).assign(use="course"))
    found += [held(case, STUDIED_ENGINES[0]).assign(use="strength") for case in STUDIED]
    evaluation.write_scores(pd.concat(found), artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/plug-and-play.csv"


def read() -> pd.DataFrame:
    """The recorded table."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path(), dtype={"image": str}).fillna({"engine": ""})
