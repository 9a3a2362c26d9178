"""Finding the clean image's borders in the degraded one: gradient thresholds, Sobel, Canny, and scores for all of them.

A detector gives a score map, (H, W) of (H, W): the higher, the more likely a border. A threshold on it gives a
detection; all thresholds together a precision-recall curve.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy import ndimage
from skimage import feature, filters, morphology

from ..data import collections
from ..methods.diffusion.borders import labels, steepness
from ..problems import problem, seeded
from ..study import catalogue, tables
from ..training import tuning

CLASSIFIERS = ("border-classifier", "border-classifier-universal")
THRESHOLD = catalogue.entry(CLASSIFIERS[0]).fixed["threshold"]  # of the study's labels, gray levels
SIGMAS = (0, 0.5, 0.7, 1, 1.4, 2, 2.8, 4, 5.6)  # of the smoothing, pixels: what tuning tries
CROPS = 20  # training images to tune on
HYSTERESIS = 0.4  # Canny's lower threshold is this part of the upper one


def smoothed(u: np.ndarray, sigma: float) -> np.ndarray:
    """Convolution with a Gaussian of standard deviation ``sigma`` pixels, the image continued by its border."""
    return ndimage.gaussian_filter(u.astype(np.float64), sigma, mode="nearest")


def gradient(u: np.ndarray, sigma: float = 0) -> np.ndarray:
    """The infinity norm of the forward differences, after smoothing: what the labels threshold, gray levels."""
    return steepness(torch.from_numpy(smoothed(u, sigma))[None, None])[0, 0].numpy()


def sobel(u: np.ndarray, sigma: float = 0) -> np.ndarray:
    """The norm of Sobel's central differences, after smoothing, gray levels."""
    return filters.sobel(smoothed(u, sigma))


def canny(u: np.ndarray, sigma: float = 1) -> np.ndarray:
    """The highest upper threshold at which Canny's detector still finds the pixel, 0 where it does at none.

    Hysteresis keeps the ridge pixels (local maxima across the edge) that reach ``HYSTERESIS`` times the threshold and
    hang together with one that reaches the threshold itself. So the highest is ``max min(m(q), min m / HYSTERESIS)``
    over the ridges' pixels q and the paths to them, m the norm of the gradient: a morphological reconstruction.
    Source: Canny 1986; the ridges are those of scikit-image.
    """
    u = u.astype(np.float64)
    ridges = feature.canny(u, sigma, low_threshold=0, high_threshold=0, mode="nearest")
    blurred = filters.gaussian(u, sigma, mode="nearest")
    norm = ridges * np.hypot(ndimage.sobel(blurred, 0), ndimage.sobel(blurred, 1))
    return morphology.reconstruction(norm, norm / HYSTERESIS, footprint=np.ones((3, 3)))


def labelled(clean: np.ndarray, threshold: float) -> np.ndarray:
    """Which pixels of a clean image, (H, W), are borders: :func:`~.borders.labels` as a bool array."""
    return labels(torch.tensor(clean)[None, None], threshold)[0, 0].numpy() > 0


OPERATORS = {  # each with the sigmas to choose from
    "gradient": (gradient, SIGMAS[:1]),
    "gradient-smoothed": (gradient, SIGMAS),
    "sobel": (sobel, SIGMAS),
    "canny": (canny, SIGMAS),
}


@dataclass(frozen=True)
class Detector:
    """A score map and the threshold (detected: at least that) whose F-score is the best on training crops."""

    name: str
    score: Callable[[np.ndarray], np.ndarray]
    cut: float
    sigma: float | None = None  # of the smoothing, where there is one


def counts(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct scores, ascending, and the numbers of border and of other pixels that have each."""
    order = np.argsort(scores, axis=None, kind="stable")  # the quickest where many are equal
    scores, labels = scores.ravel()[order], labels.ravel()[order]
    last = np.append(
        np.flatnonzero(np.diff(scores)), len(scores) - 1
    )  # of each group of equal scores
    below = np.cumsum(labels)[last]
    positives = np.diff(below, prepend=0)
    return scores[last], positives, np.diff(last, prepend=-1) - positives


def precision_recall(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall of detecting all from each score on; both numbers of pixels by ascending score."""
    right, wrong = (np.cumsum(many[::-1])[::-1] for many in (positives, negatives))
    return right / np.maximum(right + wrong, 1), right / right[0]


def average_precision(positives: np.ndarray, negatives: np.ndarray) -> float:
    """The area under the precision-recall curve as steps, ``sum (R_k - R_(k-1)) P_k``, without interpolation.

    Equal scores enter together, so that their order does not matter. NaN where there is no border.
    """
    if not np.sum(positives):
        return np.nan
    precision, recall = precision_recall(positives, negatives)
    return float(-np.diff(recall, append=0) @ precision)


def f_score(precision, recall):
    """The harmonic mean ``2 P R / (P + R)``, 0 where both are."""
    return 2 * precision * recall / np.maximum(precision + recall, 1e-12)


def best_f(positives: np.ndarray, negatives: np.ndarray) -> tuple[float, int]:
    """The best F-score of all thresholds, and at which score, by its place."""
    f = f_score(*precision_recall(positives, negatives))
    return float(f.max()), int(f.argmax())


def calibration(
    probabilities: np.ndarray, positives: np.ndarray, negatives: np.ndarray, bins: int = 10
) -> tuple[pd.DataFrame, float]:
    """How often what is given a probability is a border: a row for each of ``bins`` equal bins, and the expected error.

    The columns are the mean ``probability``, the ``frequency`` of borders and the number of ``pixels``; the expected
    calibration error is the mean of their distance over the pixels. Empty bins have no row.
    """
    pixels = positives + negatives
    bin_ = np.minimum((np.asarray(probabilities) * bins).astype(int), bins - 1)
    summed = pd.DataFrame(
        {"probability": probabilities * pixels, "frequency": positives, "pixels": pixels}
    )
    table = summed.groupby(bin_).sum().query("pixels > 0")
    table = table.assign(
        probability=table.probability / table.pixels, frequency=table.frequency / table.pixels
    )
    return table, float(
        np.average(np.abs(table.probability - table.frequency), weights=table.pixels)
    )


def tune(
    kind: str, level: float, collection: str, threshold: float, learned=(), seed: int = 0
) -> list[Detector]:
    """All operators, and the classifiers that are given as Restorers, made ready on crops of a training collection.

    The smoothing is the one with the best average precision, all crops pooled; every detector, also a classifier,
    is cut where its F-score is best on them.
    """
    clean, degraded = tuning.degraded_crops(collection, problem(kind, level), CROPS, 256, seed)
    truth = np.stack([labelled(crop, threshold) for crop in clean])
    if not truth.any():
        raise ValueError(
            f"no pixel of {collection} is a border at threshold {threshold:g}: choose a lower one"
        )
    candidates = {
        name: [(sigma, lambda u, of=operator, sigma=sigma: of(u, sigma)) for sigma in sigmas]
        for name, (operator, sigmas) in OPERATORS.items()
    } | {one.name: [(None, one.restore)] for one in learned}
    detectors = []
    for name, ways in candidates.items():
        tried = []
        for sigma, score in ways:
            values, *many = counts(np.stack([score(crop) for crop in degraded]), truth)
            cut = float(values[best_f(*many)[1]])
            tried.append((average_precision(*many), Detector(name, score, cut, sigma)))
        detectors.append(max(tried, key=lambda pair: pair[0])[1])
    return detectors


def evaluate(
    detectors,
    kind: str,
    level: float,
    collection: str,
    threshold: float,
    crop=256,
    seed: int = 0,
    limit=None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Average precision (``ap``) and F-score at the cut (``f``), a tidy row for each image, and the curves.

    Images without a border at that threshold have no rows. The curves pool all images: for each detector the
    rows of :func:`merged`.
    """
    how, rows, pooled, truths = (
        problem(kind, level),
        [],
        {one.name: [] for one in detectors},
        [],
    )
    for image in collections.load(collection)[:limit]:
        clean = np.ascontiguousarray(
            collections.centre_crop(image.pixels, crop) if crop else image.pixels
        )
        truth = labelled(clean, threshold)
        truths.append(truth.ravel())
        degraded = how.measure(clean, seeded(seed, collection, image.name, how)).y.numpy()
        for detector in detectors:
            scores = detector.score(degraded)
            pooled[detector.name].append(scores.ravel().astype(np.float32))
            if not truth.any():
                continue
            found = scores >= detector.cut
            ap = average_precision(*counts(scores, truth)[1:])
            f = 2 * (found & truth).sum() / (found.sum() + truth.sum())
            given = (detector.name, kind, level, collection, image.name, crop or 0, seed)
            rows += [(*given, "ap", ap), (*given, "f", f)]
    curves = [
        merged(
            *counts(np.concatenate(scores), np.concatenate(truths)), name.startswith(CLASSIFIERS[0])
        ).assign(model=name, level=level)
        for name, scores in pooled.items()
    ]
    order = ["model", "level", "score", "borders", "others"]
    return pd.DataFrame(rows, columns=tables.COLUMNS), pd.concat(curves)[order]


def merged(
    values: np.ndarray, positives: np.ndarray, negatives: np.ndarray, probabilities: bool
) -> pd.DataFrame:
    """Counts by score with neighbours merged, so that a row holds about a hundredth of the borders.

    The score of a row is the mean of its pixels. Probabilities of different tenths stay apart, for calibration.
    """
    rows = [np.ceil(100 * np.cumsum(positives) / max(1, positives.sum()))]
    rows += [np.minimum((10 * values).astype(int), 9)] if probabilities else []
    pixels = positives + negatives
    table = (
        pd.DataFrame({"score": values * pixels, "borders": positives, "others": negatives})
        .groupby(rows)
        .sum()
    )
    return table.assign(score=table.score / (table.borders + table.others)).reset_index(drop=True)


def summary(curves: pd.DataFrame) -> pd.Series:
    """Of one detector and level, all images pooled: average precision, best F-score, and precision and recall there."""
    many = curves.borders.to_numpy(), curves.others.to_numpy()
    f, at = best_f(*many)
    precision, recall = precision_recall(*many)
    return pd.Series(
        {"ap": average_precision(*many), "f": f, "precision": precision[at], "recall": recall[at]}
    )
