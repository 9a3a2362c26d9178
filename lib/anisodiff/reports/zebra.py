"""The lab report's photograph, recorded for who does not have it: what each denoiser makes of it."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from ..data import collections, provenance
from ..metrics.distortion import clipped_psnr, psnr
from ..problems import problem
from ..study import catalogue, evaluation, restorers, runs, store
from . import dct, invented, records

NAMES = {"zebra": False, "zebra, enlarged": True}  # whether it is enlarged
LEVELS = (25, 50)
RATIOS = {"hard": np.arange(1.8, 3.7, 0.2), "soft": np.arange(0.8, 2.1, 0.3)}
MODELS = ("ffdnet-narrow", "drunet-lite", "bm3d")
GRASS, STRIPES = np.s_[250:314, 292:436], np.s_[130:210, 35:130]  # the first beside the legs


def curve(name: str, level: float, kind: str = "hard", column: str = "psnr") -> pd.Series:
    """What is recorded by ratio, 7 x 7 and uniform weights; of a model, a kind of its own, in one row.

    ``psnr`` (dB, clipped) and ``deviation`` of the residual. Of the photograph as it is, what changes with the noise
    alone: in the ``grass`` and in ``stripes`` as a share (:func:`~.invented.share`), ``changing`` in the grass in gray
    levels (:func:`~.invented.level`).
    """
    found = read()
    found = found[(found.image == name) & (found.level == level) & (found.kind == kind)]
    return found.set_index("ratio")[column]


def at_best(name: str, level: float, kind: str = "hard", column: str = "psnr") -> float:
    """What is recorded (:func:`curve`) at the ratio of the highest PSNR; of a model in its one row."""
    quality = curve(name, level, kind)
    ratio, highest = dct.best(quality)
    found = curve(name, level, kind, column)
    return highest if column == "psnr" else float(np.interp(ratio, found.index, found))


def read() -> pd.DataFrame:
    """The recorded table; of the kind ``input`` is the noisy image, not clipped."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path())


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/zebra.csv"


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    asked = [runs.Run(model, "gaussian", level) for model in MODELS for level in LEVELS]
    asked = {run.name: run for run in asked}

    def recipe() -> dict:
        return {
            "photograph": dct.ZEBRA,
            "enlarged": list(dct.ENLARGED),
            "levels": list(LEVELS),
            "ratios": {kind: [round(float(one), 3) for one in of] for kind, of in RATIOS.items()},
            "parts": [[[of.start, of.stop] for of in part] for part in (GRASS, STRIPES)],
            "seed": catalogue.protocol()["seed"],
            "starts from": {name: store.content(run.weights) for name, run in asked.items()},
        }

    return store.Artefact(
        name="scores/zebra",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.rows",),
        starts_from=tuple(run.artefact() for run in asked.values()),
        make=record,
        probe=probe,
    )


def rows(name: str, clean: np.ndarray, level: float, parts: tuple = ()) -> list[tuple]:
    """Of an image (H, W) at a level: its name, the level, kind, ratio, PSNR, deviation of the residual, and what
    changes with the noise alone in two ``parts`` of it, as :func:`curve` has it; NaN without them."""
    noise, seed = problem("gaussian", level), catalogue.protocol()["seed"]
    noisy, nothing = records.degraded(clean, name, noise, seed), (np.nan,) * 3
    start = psnr(noisy, clean), float(np.std(noisy - clean))
    found = [(name, level, "input", 0.0, *start, *nothing)]
    for (kind, ratio), restore in denoisers(level).items():
        u = np.clip(restore(noisy), 0, 255)
        made = [invented.draws(restore, clean[part], name, level, seed=seed) for part in parts]
        shares = [invented.share(of) for of in made]
        changes = [*shares, invented.level(invented.changing(made[0]))] if parts else nothing
        found.append(
            (name, level, kind, ratio, clipped_psnr(u, clean), np.std(u - clean), *changes)
        )
    return found


def denoisers(level: float) -> dict[tuple[str, float], Callable[[np.ndarray], np.ndarray]]:
    """By kind and ratio what restores an image (H, W): the thresholds, and the models of MODELS with ratio 0."""
    found = {
        (kind, ratio): partial(dct.restore, dct.denoiser(7, ratio, kind=kind), sigma=level)
        for kind, ratios in RATIOS.items()
        for ratio in ratios
    }
    return found | {(one, 0.0): restorers.load(one, level=level).restore for one in MODELS}


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: the same on a photograph that everybody has."""
    clean = np.array(collections.centre_crop(collections.load("shipped/test")[0].pixels, 32))
    found = {}
    for *_, kind, ratio, value, _, _, _, changing in rows("probe", clean, 25, (np.s_[:, :],) * 2)[
        1:
    ]:
        found |= {f"{kind} {ratio:.1f}": value, f"changing {kind} {ratio:.1f}": changing}
    return found


def record() -> None:
    """Restore the photograph by all denoisers and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    found = [
        row
        for name, enlarged in NAMES.items()
        for level in LEVELS
        for row in rows(name, dct.zebra(enlarged), level, () if enlarged else (GRASS, STRIPES))
    ]
    columns = [
        "image",
        "level",
        "kind",
        "ratio",
        "psnr",
        "deviation",
        "grass",
        "stripes",
        "changing",
    ]
    evaluation.write_scores(pd.DataFrame(found, columns=columns), artefact(), start, stamp)
