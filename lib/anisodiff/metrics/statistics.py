"""Every interval of the study."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from ..data import collections

FEW = 20  # clusters: with fewer the bootstrap is too narrow, and Student's t takes its place


def mean_interval(values, clusters=None, draws: int = 2000) -> tuple[float, float, float]:
    """Mean and its 95 % interval, of values of which those of one cluster belong together.

    ``clusters`` names the cluster of each value (:func:`~anisodiff.data.collections.cluster`: squares of one
    photograph, slices of one person); by default each value is its own. The interval is that of the bootstrap over the
    clusters (percentiles, a fixed seed), with fewer than FEW clusters that of Student's t. One cluster has none.
    """
    values = np.asarray(values, float)
    sums, counts = _by_cluster(values, clusters)
    mean = float(values.mean())
    if len(sums) < FEW:
        error, freedom = standard_error(values, clusters)
        half = half_width(error, freedom)
        return mean, mean - half, mean + half
    picked = np.random.default_rng(0).integers(len(sums), size=(draws, len(sums)))
    low, high = np.percentile(sums[picked].sum(1) / counts[picked].sum(1), (2.5, 97.5))
    return mean, float(low), float(high)


def standard_error(values, clusters=None) -> tuple[float, int]:
    """The standard error of a mean, and its degrees of freedom: one less than there are clusters.

    ``sqrt(k / (k - 1) sum_c r_c^2) / n``, with ``r_c`` the sum of the deviations from the mean in cluster c of k.
    """
    values = np.asarray(values, float)
    sums, counts = _by_cluster(values, clusters)
    count = len(sums)
    if count == 1:
        return 0.0, 0
    deviations = sums - values.mean() * counts
    return float(np.sqrt(count / (count - 1) * (deviations**2).sum()) / len(values)), count - 1


def half_width(error: float, freedom: int) -> float:
    """Half of Student's 95 % interval of a mean by its standard error; 0 without a degree of freedom."""
    return float(stats.t.ppf(0.975, freedom) * error) if freedom else 0.0


def _by_cluster(values: np.ndarray, clusters) -> tuple[np.ndarray, np.ndarray]:
    """The sum and the number of the values in each cluster."""
    if clusters is None:
        return values, np.ones(len(values))
    codes = pd.factorize(np.asarray(clusters))[0]
    if len(codes) != len(values):
        raise ValueError(f"{len(codes)} clusters are given for {len(values)} values")
    return np.bincount(codes, values), np.bincount(codes)


def p_value(mean, error, freedom) -> np.ndarray:
    """Of the hypothesis that a mean is 0, two-sided, by Student's t; 1 where the standard error is 0 and so is the
    mean, 0 where only the error is."""
    mean, error = np.abs(np.asarray(mean, float)), np.asarray(error, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(mean == 0, 0.0, mean / error)
    return 2 * stats.t.sf(ratio, np.maximum(freedom, 1))


def holm(p_values) -> np.ndarray:
    """The p-values of many comparisons, corrected so that 5 % is the chance of even one false difference.

    Source: Holm, Scandinavian Journal of Statistics 6 (1979), 65-70.
    """
    p_values = np.asarray(p_values, float)
    order = np.argsort(p_values)
    steps = (len(p_values) - np.arange(len(p_values))) * p_values[order]
    corrected = np.empty_like(p_values)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return corrected


def paired_interval(first: pd.DataFrame, second: pd.DataFrame) -> tuple[float, float, float]:
    """Mean difference first - second with its 95 % interval, paired image by image; both of one metric and level."""
    keys = ["degradation", "level", "collection", "image", "crop", "seed", "metric"]
    both = first.merge(second, on=keys, suffixes=("_first", "_second"), validate="one_to_one")
    if not len(both) == len(first) == len(second):
        raise ValueError(
            f"the tables score different images: {len(first)} and {len(second)} rows, {len(both)} in common"
        )
    return mean_interval(both.value_first - both.value_second, clusters(both))


def clusters(table: pd.DataFrame) -> list[str]:
    """The cluster of each row of a table of scores, by its collection and image."""
    return [collections.cluster(*row) for row in zip(table.collection, table.image, strict=True)]


class Regression(NamedTuple):
    """Slope and correlation of a line through points, each as (value, low, high) with its 95 % interval."""

    slope: tuple[float, float, float]
    correlation: tuple[float, float, float]


def regression(x: np.ndarray, y: np.ndarray, within: bool = False) -> Regression:
    """Least squares of y on x, both (images, levels), with 95 % intervals by bootstrap over the images.

    An image is drawn with all of its levels. ``within`` subtracts from both variables their mean over the images at
    each level, so that only differences between images count.
    """

    def fit(drawn, axis):
        parts = x[drawn], y[drawn]
        about = -2 if within else (-2, -1)
        dx, dy = (part - part.mean(about, keepdims=True) for part in parts)
        xx, xy, yy = (np.sum(product, (-2, -1)) for product in (dx * dx, dx * dy, dy * dy))
        return np.array([xy / xx, xy / np.sqrt(xx * yy)])

    images = np.arange(len(y))
    found = stats.bootstrap(
        (images,), fit, n_resamples=2000, method="percentile", vectorized=True, rng=0
    )
    low, high = found.confidence_interval
    rows = np.transpose([fit(images, -1), low, high])
    return Regression(*(tuple(map(float, row)) for row in rows))


def quartiles(values: pd.Series, by: pd.Series) -> pd.DataFrame:
    """The first, second and third quartile of each group: a row for each value of ``by``, columns 0.25, 0.5, 0.75."""
    return values.groupby(by).quantile([0.25, 0.5, 0.75]).unstack()


def log_correlation(first: pd.Series, second: pd.Series) -> float:
    """Pearson's correlation of the logarithms of two positive numbers an image, paired by the image.

    Raises ValueError where the two are of different images or not above 0.
    """
    if not first.sort_index().index.equals(second.sort_index().index):
        raise ValueError(
            f"the two are of different images: {len(first)} and {len(second)}, "
            f"{len(first.index.intersection(second.index))} in common"
        )
    lowest = min(first.min(), second.min())
    if not lowest > 0:
        raise ValueError(f"a logarithm is taken of numbers above 0, got {lowest:g}")
    return float(np.corrcoef(np.log(first), np.log(second.loc[first.index]))[0, 1])
