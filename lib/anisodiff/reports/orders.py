"""Whether a published table's rows stand in the same order here, which is what a table claims."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from ..data import collections
from . import claims, comparison

DRAWS = 500  # of the bootstrap


class Order(NamedTuple):
    """A column of a published table beside ours, the row of inputs left out.

    ``tau`` is Kendall's rank correlation of the two, with its 95 % interval by bootstrap over the clusters of images.
    Of the pairs of rows that differ as printed, ``same`` differ significantly in the same direction here, ``opposite``
    in the other one; the others are ``open``.
    """

    tau: tuple[float, float, float]
    same: int
    opposite: int
    open: int


def order(table: str, column, metric: str, without: tuple[str, ...] = ()) -> Order:
    """The order of the rows, some left out, by one metric in one column of a table whose crops were scored here."""
    content = claims.tables()[table]
    collection, level = content["scored"][column]
    rows = [row for row in content["ours"] if row not in ("input", *without)]
    models = [content["ours"][row][0] for row in rows]
    printed = np.array([claims.published(table, row, column, metric) for row in rows])
    scores = pd.DataFrame(
        {name: comparison.scores(name, metric, level, collection) for name in models}
    )
    clusters = [collections.cluster(collection, image) for image in scores.index]
    grouped = scores.groupby(np.array(clusters))
    sums, counts = grouped.sum().to_numpy(), grouped.size().to_numpy()
    picked = np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))
    means = sums[picked].sum(1) / counts[picked].sum(1)[:, None]
    drawn = [kendalltau(printed, one).statistic for one in means]
    tau = float(kendalltau(printed, scores.mean()).statistic)
    low, high = np.percentile(drawn, (2.5, 97.5))
    interval = tau, min(tau, float(low)), max(tau, float(high))
    return Order(
        interval, *_pairs(printed, models, metric, level, collection, content["unit"]["all"])
    )


def _pairs(printed, models, metric, level, collection, unit) -> tuple[int, int, int]:
    """How many pairs of rows stand in the same order, in the opposite one, and how many are open."""
    pairs = comparison.differences(models, metric, level, collection)
    means, significant = comparison.matrix(pairs, models, comparison.deviations(level, metric))
    upper = np.triu_indices(len(models), 1)
    apart = (printed[:, None] - printed)[upper]
    ours = np.where(significant, np.sign(means), 0)[upper]
    printed_apart = np.abs(apart) > unit[metric] / 2
    agreement = (np.sign(apart) * ours)[printed_apart]
    return int((agreement > 0).sum()), int((agreement < 0).sum()), int((agreement == 0).sum())
