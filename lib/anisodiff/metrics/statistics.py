"""Every interval of the study."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats


def mean_interval(values, draws: int = 2000) -> tuple[float, float, float]:
    """Mean and its 95 % interval by bootstrap over the images (percentiles, a fixed seed)."""
    values = np.asarray(values, float)
    picked = np.random.default_rng(0).integers(len(values), size=(draws, len(values)))
    low, high = np.percentile(values[picked].mean(1), (2.5, 97.5))
    return float(values.mean()), float(low), float(high)


def paired_interval(first: pd.DataFrame, second: pd.DataFrame) -> tuple[float, float, float]:
    """Mean difference first - second with its 95 % interval, paired image by image; both of one metric and level."""
    keys = ["degradation", "level", "collection", "image", "crop", "seed", "metric"]
    both = first.merge(second, on=keys, suffixes=("_first", "_second"), validate="one_to_one")
    if not len(both) == len(first) == len(second):
        raise ValueError(
            f"the tables score different images: {len(first)} and {len(second)} rows, {len(both)} in common"
        )
    return mean_interval(both.value_first - both.value_second)


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
