"""What the page on borders in a diffusion shows: an example, the pairs of lambdas, and how training went."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from ..methods.restorer import Restorer
from ..metrics.distortion import clipped_psnr
from ..metrics.statistics import mean_interval
from ..study import restorers
from . import names, records

FAMILIES = {"learned-lambda-borders": "two lambdas", "p1-borders": "two P1 functions"}
SOURCES = {"": "classifier", "-true": "true borders", "-half": "no classifier"}
KINDS = {  # the degradations, and what readers call them
    kind: names.degradation(kind)
    for kind in ("gaussian", "poisson", "salt-pepper", "blur", "inpainting")
}
ZERO = 0.0005  # of a mean difference, in dB and in SSIM, that every figure and table shows as zero


class Example(NamedTuple):
    """One image through a model with border probabilities; all maps are (H, W)."""

    probability: np.ndarray  # of a border, in [0, 1]
    diffusivity: np.ndarray  # of the first step, over its largest value
    restored: np.ndarray
    psnr: float  # decibel


def example(restorer: Restorer, degraded: np.ndarray, clean: np.ndarray) -> Example:
    """What a model makes of a degraded image, (H, W); an oracle reads the borders off the clean one."""
    batch, truth = (torch.from_numpy(image)[None, None] for image in (degraded, clean))
    with torch.inference_mode():
        probability = restorer.module.diffusivity.probability(batch, truth)[0, 0].numpy()
    g = restorer.coefficient(degraded, truth=clean)
    restored = restorer.estimate(degraded, truth=clean).image[0].numpy()
    return Example(probability, g / max(g.max(), 1e-6), restored, clipped_psnr(restored, clean))


class LambdaPair(NamedTuple):
    """The lambdas that a model chose, medians over all images and levels, in gray levels."""

    borders: float
    smooth: float
    ratio: (
        records.Interval
    )  # in octaves: the mean over the images of |mean of log2(smooth / borders)|


def lambda_pair(kind: str, model: str = "learned-lambda-borders", least: float = 1) -> LambdaPair:
    """The recorded lambdas of a problem, where those below ``least`` gray levels, with which nothing diffuses, count
    as ``least``."""
    table = records.recorded(kind, model)
    chosen = table.pivot_table("value", ["level", "image"], "metric")
    borders = chosen["lambda-borders"].clip(lower=least)
    smooth = chosen["lambda-smooth"].clip(lower=least)
    octaves = np.log2(smooth / borders).groupby("image").mean()
    return LambdaPair(borders.median(), smooth.median(), mean_interval(octaves.abs()))


def unchanged(table: pd.DataFrame, baseline: str) -> bool:
    """Whether the models of a tidy table have the baseline's mean PSNR and SSIM at every level, but for ZERO."""
    table = table[table.metric.isin(("psnr", "ssim"))]
    means = table.pivot_table("value", ["metric", "level"], "model")
    return bool((means.sub(means[baseline], axis=0).abs() < ZERO).all(axis=None))


def more_by_functions(kind: str) -> records.Interval:
    """The gain in SSIM by the classifier with two P1 functions less that with two lambdas, paired image by image."""
    gains = [
        records.by_image(family, "ssim", kind) - records.by_image(f"{family}-half", "ssim", kind)
        for family in ("p1-borders", "learned-lambda-borders")
    ]
    return mean_interval(gains[0] - gains[1])


def trainings(family: str, kind: str, level: float, profile: str, seed: int = 0) -> pd.DataFrame:
    """What happened in the trainings of a family, a row for each of SOURCES.

    ``psnr`` on held-out training images (dB), ``left_out``, the number of steps whose gradient was too long, and
    ``falls``, how often the training went back to its best state.
    """
    rows = {}
    for source in SOURCES:
        header = restorers.fitted(f"{family}{source}", kind, level, profile, seed).header
        facts = header["validation_psnr"], header["left_out"], header.get("falls", 0)
        rows[source] = dict(zip(("psnr", "left_out", "falls"), facts, strict=True))
    return pd.DataFrame(rows).T
