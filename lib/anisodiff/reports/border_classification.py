"""What the page on border classification reads off detections: gains, calibration, and parts of an image."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from ..borders import detection
from ..borders.detection import Detector
from ..data import collections
from ..methods.restorer import Restorer
from ..metrics.statistics import paired_interval
from ..problems import PROBLEMS, Problem
from . import figures, names, records
from .pages import tables

CLASSIFIER, UNIVERSAL = detection.CLASSIFIERS


def classifier_for(threshold: float) -> str:
    """The name of the classifier of the borders that are steeper than a threshold, in gray levels."""
    own = threshold == detection.THRESHOLD
    return CLASSIFIER if own else f"{CLASSIFIER}-threshold-{threshold:g}"


def share_of_borders(curves: pd.DataFrame) -> float:
    """The share of borders among the pixels that one detector's curves count, in [0, 1]."""
    borders, others = curves.borders.sum(), curves.others.sum()
    return float(borders / (borders + others))


# Average precision


def prepare(
    kind: str,
    level: float,
    collection: str,
    threshold: float,
    learned: list[Restorer],
    seed: int = 0,
) -> list[Detector]:
    """:func:`detection.tune`, where the classifier of any threshold is called ``border-classifier``."""
    tuned = detection.tune(kind, level, collection, threshold, learned, seed)
    own = classifier_for(threshold)
    return [replace(one, name=CLASSIFIER) if one.name == own else one for one in tuned]


def summaries(curves: pd.DataFrame) -> pd.DataFrame:
    """:func:`detection.summary` of every detector of one level: a row for each."""
    parts = curves.groupby("model", sort=False)
    return pd.DataFrame({name: detection.summary(part) for name, part in parts}).T


def precisions(scores: pd.DataFrame, level: float, detector: str) -> pd.DataFrame:
    """The average precision of a detector at a level: the rows of the tidy scores, one an image."""
    asked = (scores.metric == "ap") & (scores.level == level) & (scores.model == detector)
    return scores[asked]


def gain(
    scores: pd.DataFrame, level: float, baseline: str, of: str = CLASSIFIER
) -> records.Interval:
    """By how much the classifier's average precision, or another detector's, exceeds that of a baseline.

    With its 95 % interval over images.
    """
    return paired_interval(precisions(scores, level, of), precisions(scores, level, baseline))


def overview(scores: dict[str, pd.DataFrame], asked: list[tuple[str, float]]) -> pd.DataFrame:
    """The classifier's mean average precision and its gains over three detectors as text: a row for each problem.

    ``scores`` are tidy, by problem; ``asked`` are problems with their levels.
    """
    baselines = {
        "over gradient": "gradient",
        "over gradient, smoothed": "gradient-smoothed",
        "over universal": UNIVERSAL,
    }
    rows = []
    for kind, level in asked:
        mean = precisions(scores[kind], level, CLASSIFIER).value.mean()
        gains = {
            label: figures.interval(gain(scores[kind], level, baseline), digits=3)
            for label, baseline in baselines.items()
        }
        rows.append(
            {
                "degradation": names.degradation(kind),
                "level": f"{level:g}",
                "classifier": f"{mean:.3f}",
            }
            | gains
        )
    return pd.DataFrame(rows)


# Calibration


def calibration(curves: pd.DataFrame) -> tuple[pd.DataFrame, float]:
    """:func:`detection.calibration` of one classifier, all levels of its curves pooled."""
    pooled = curves.groupby("score", as_index=False)[["borders", "others"]].sum()
    return detection.calibration(*(pooled[name].to_numpy() for name in pooled))


def calibration_errors(curves: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Expected calibration errors in [0, 1]: a row for each problem, whose curves are given by its name."""
    rows = {}
    for kind, of in curves.items():
        own, universal = (of[of.model == name] for name in (CLASSIFIER, UNIVERSAL))
        weakest, strongest = PROBLEMS[kind].levels[0], PROBLEMS[kind].levels[-1]
        parts = {
            "all levels": own,
            "weakest": own[own.level == weakest],
            "strongest": own[own.level == strongest],
            "universal, all levels": universal,
        }
        rows[kind] = {label: calibration(part)[1] for label, part in parts.items()}
    return pd.DataFrame(rows).T


# Human boundaries


def human_table(
    best: pd.DataFrame, asked: list[tuple[str, str]], called: dict[str, str], images: dict[str, str]
) -> pd.DataFrame:
    """Rows of :func:`human.best_of_each` as a table: the F-score for the data set with its 95 % interval (HTML).

    ``asked`` are pairs of a detector and a degradation, ``called`` and ``images`` their labels.
    """
    rows = []
    for detector, degradation in asked:
        of = best.loc[detector, degradation]
        rows.append(
            {
                "detector": called[detector],
                "image": images[degradation],
                "ODS F": tables.with_interval((of.ods, of.low, of.high)),
                "precision": of.precision,
                "recall": of.recall,
                "OIS F": of.ois,
            }
        )
    return pd.DataFrame(rows)


# Images of any size

SIZES = ((97, 133), (61, 83), (53, 49))  # rows and columns of the parts, pixels
ALIGNED, SHIFTED = (40, 60), (41, 62)  # where parts begin: at multiples of four pixels, and not


class SizeDependence(NamedTuple):
    """Differences of probabilities, in [0, 1], between parts of an image and the whole."""

    aligned: float  # the largest, where the part begins at multiples of four pixels
    shifted: float  # the mean, where it does not
    single: float  # no difference: the probability for the first pixel of the last image alone


def size_dependence(
    classifier: Restorer, at: Problem, collection: str, seed: int = 0, reach: int = 24
) -> SizeDependence:
    """How much the probabilities depend on what surrounds a part of the image, ``reach`` pixels inside its border.

    The whole degraded images of the collection are compared with parts of SIZES that begin at ALIGNED and at SHIFTED.
    """
    differences = {ALIGNED: [], SHIFTED: []}
    for image in collections.load(collection):
        degraded = records.degraded(image.pixels, image.name, at, seed, collection)
        whole = classifier.restore(degraded)
        for height, width in SIZES:
            for (top, left), found in differences.items():
                part = np.s_[top : top + height, left : left + width]
                difference = np.abs(classifier.restore(degraded[part]) - whole[part])
                found.append(difference[reach:-reach, reach:-reach])
    largest = max(float(difference.max()) for difference in differences[ALIGNED])
    mean = float(np.mean([difference.mean() for difference in differences[SHIFTED]]))
    return SizeDependence(largest, mean, float(classifier.restore(degraded[:1, :1])[0, 0]))
