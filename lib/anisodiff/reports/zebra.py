"""The lab report's photograph, recorded for who does not have it: what each threshold makes of it."""

import time
from pathlib import Path

import numpy as np
import pandas as pd

from ..data import collections, provenance
from ..metrics.distortion import clipped_psnr, psnr
from ..problems import problem
from ..study import catalogue, evaluation, store
from . import dct, records

NAMES = {"zebra": False, "zebra, enlarged": True}  # whether it is enlarged
LEVELS = (25, 50)
RATIOS = {"hard": np.arange(1.8, 3.7, 0.2), "soft": np.arange(0.8, 2.1, 0.3)}


def curve(name: str, level: float, kind: str = "hard", column: str = "psnr") -> pd.Series:
    """The recorded ``psnr`` (dB, clipped), or ``deviation`` of the residual, by ratio, 7 x 7 and uniform weights."""
    found = read()
    found = found[(found.image == name) & (found.level == level) & (found.kind == kind)]
    return found.set_index("ratio")[column]


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

    def recipe() -> dict:
        return {
            "photograph": dct.ZEBRA,
            "enlarged": list(dct.ENLARGED),
            "levels": list(LEVELS),
            "ratios": {kind: [round(float(one), 3) for one in of] for kind, of in RATIOS.items()},
            "seed": catalogue.protocol()["seed"],
        }

    return store.Artefact(
        name="scores/zebra",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.rows",),
        make=record,
        probe=probe,
    )


def rows(name: str, clean: np.ndarray, level: float) -> list[tuple]:
    """Of an image (H, W) at a level: its name, the level, kind, ratio, PSNR and deviation of the residual."""
    noisy = records.degraded(clean, name, problem("gaussian", level), catalogue.protocol()["seed"])
    found = [(name, level, "input", 0.0, psnr(noisy, clean), float(np.std(noisy - clean)))]
    for kind, ratios in RATIOS.items():
        for ratio in ratios:
            made = dct.denoiser(7, ratio, kind=kind)
            u = np.clip(dct.restore(made, noisy, level), 0, 255)
            found.append((name, level, kind, ratio, clipped_psnr(u, clean), np.std(u - clean)))
    return found


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: the same on a photograph that everybody has."""
    clean = np.array(collections.centre_crop(collections.load("shipped/test")[0].pixels, 32))
    return {f"{kind} {ratio:.1f}": value for *_, kind, ratio, value, _ in rows("probe", clean, 25)}


def record() -> None:
    """Restore the photograph by all ratios and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    found = [
        row
        for name, enlarged in NAMES.items()
        for level in LEVELS
        for row in rows(name, dct.zebra(enlarged), level)
    ]
    columns = ["image", "level", "kind", "ratio", "psnr", "deviation"]
    evaluation.write_scores(pd.DataFrame(found, columns=columns), artefact(), start, stamp)
