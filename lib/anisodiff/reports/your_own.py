"""What the page on a diffusivity of one's own reports: where a new model stands on the scoreboard."""

import numpy as np
import pandas as pd

from ..data import collections
from ..methods.restorer import Restorer
from ..metrics.statistics import mean_interval
from ..problems import Problem
from ..study import catalogue, evaluation, restorers
from . import figures, records

NEIGHBOURS = {"perona-malik": "the classic, tuned", "foe-s": "FoE-S", "bm3d": "BM3D"}


def images(profile: str) -> dict:
    """What a new model is scored on: ``collection``, the side of the ``crop``, and how many (``limit``; None: all).

    The protocol's crops in the profile paper, else photographs that come with the packages, which everybody has.
    """
    protocol = catalogue.protocol()
    if profile == "paper":
        return {"collection": protocol["collection"], "crop": protocol["crop"], "limit": None}
    crop = protocol["crop"] if profile != "smoke" else 64
    return {
        "collection": "shipped/test",
        "crop": crop,
        "limit": catalogue.profile(profile).get("limit"),
    }


def scores(restorer: Restorer, noise: Problem, profile: str) -> pd.DataFrame:
    """PSNR (dB) and SSIM of a model, scored now: a row for each of :func:`images`."""
    return _wide(evaluation.evaluate(restorer, noise, **images(profile)))


def scoreboard(
    own: dict[str, Restorer], noise: Problem, profile: str
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """Models by their labels beside NEIGHBOURS, as text, the best first; and the scores behind it, by label.

    Of a neighbour the recorded scores are read where :func:`images` are those of the protocol; else it is scored now.
    The gain over the classic is paired image by image, with its 95 % interval.
    """
    asked = images(profile)
    known = {
        label: restorers.load(name, noise.name, noise.level) for name, label in NEIGHBOURS.items()
    }
    found = {label: scores(restorer, noise, profile) for label, restorer in own.items()}
    for label, restorer in known.items():
        if asked["collection"] == catalogue.protocol()["collection"]:
            table = records.recorded(noise.name, restorer.name)
            found[label] = _wide(table[table.level == noise.level])
        else:
            found[label] = scores(restorer, noise, profile)
    classic, rows = NEIGHBOURS["perona-malik"], []
    for label, table in sorted(found.items(), key=lambda pair: -pair[1].psnr.mean()):
        apart = mean_interval(table.psnr - found[classic].psnr)
        rows.append(
            {
                "model": f"<b>{label}</b>" if label in own else label,
                "PSNR, dB": f"{table.psnr.mean():.2f}",
                "SSIM": f"{table.ssim.mean():.3f}",
                "over the classic, dB": "–" if label == classic else figures.interval(apart),
                "numbers": f"{(own | known)[label].parameters:,}",
            }
        )
    return pd.DataFrame(rows), found


def described(profile: str) -> str:
    """The :func:`images` in words."""
    asked = images(profile)
    count = len(collections.load(asked["collection"])[: asked["limit"]])
    of = {"shipped/test": "photographs that come with scikit-image"}.get(
        asked["collection"], "validation images of BSDS500"
    )
    return f"centred squares of {count} {of}, {asked['crop']} pixels a side"


def learned(settings: list[tuple[float, float]]):
    """A figure of what was learned for each step: the contrast in gray levels and the width in pixels."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(figures.WIDTH, 3.2))
    steps = np.arange(1, len(settings) + 1)
    labels = ("λ, gray levels", "width w, pixels")
    for ax, values, label in zip(axes, np.transpose(settings), labels, strict=True):
        ax.plot(steps, values, **figures.look("yours"))
        ax.set(xlabel="step", ylabel=label, ylim=(0, None))
    return fig


def _wide(table: pd.DataFrame) -> pd.DataFrame:
    chosen = table[table.metric.isin(("psnr", "ssim"))]
    return chosen.pivot(index="image", columns="metric", values="value")
