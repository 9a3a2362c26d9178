"""Every interval of the study."""

import numpy as np
import pandas as pd


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
