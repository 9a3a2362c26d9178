"""Whether models stand in the same order elsewhere: in a published table, or on other images."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from . import claims, comparison, records

DRAWS = 500  # of the bootstrap


class Order(NamedTuple):
    """An order of models beside a reference, the inputs left out.

    ``tau`` is Kendall's rank correlation of the two, with its 95 % interval by bootstrap over the clusters of images.
    Of the pairs of models that differ in the reference, ``same`` differ significantly in the same direction,
    ``opposite`` in the other one; the others are ``open``.
    """

    tau: tuple[float, float, float]
    same: int
    opposite: int
    open: int


def order(table: str, column, metric: str, without: tuple[str, ...] = ()) -> Order:
    """The rows of a published table, some left out, by one metric in one column whose crops were scored here.

    The reference are the printed values, two of which differ by more than half a unit of their last digit.
    """
    content = claims.tables()[table]
    collection, level = content["scored"][column]
    rows = [row for row in content["ours"] if row not in ("input", *without)]
    models = [content["ours"][row][0] for row in rows]
    printed = np.array([claims.published(table, row, column, metric) for row in rows])
    apart = printed[:, None] - printed
    apart[np.abs(apart) <= content["unit"]["all"][metric] / 2] = 0
    values = comparison.together(models, metric, level, collection)
    clusters = records.clusters(values.index, collection)
    return _beside(printed, apart, values, clusters, comparison.deviations(level, metric))


def between(
    first: tuple[pd.DataFrame, list[str]],
    second: tuple[pd.DataFrame, list[str]],
    seeds: dict[str, float],
) -> Order:
    """The models on second images beside those on first ones, the reference, where two differ significantly.

    Each is a table of scores and the clusters of its images, as :func:`comparison.differences` takes them; both have
    the same models. ``seeds`` as :func:`comparison.matrix`.
    """
    values = first[0]
    means, significant = comparison.matrix(
        comparison.differences(*first), list(values.columns), seeds
    )
    return _beside(values.mean().to_numpy(), np.where(significant, means, 0), *second, seeds)


def drawn(values: pd.DataFrame, clusters: list[str], count: int) -> tuple[float, float, float]:
    """Kendall's rank correlation of the models on ``count`` clusters of images, drawn without repetition, with those
    on the clusters left: its mean over many draws, and between which values 95 % of the draws lie."""
    sums, counts = _by_cluster(values, clusters)
    rng, means = np.random.default_rng(0), []
    for _ in range(DRAWS):
        parts = np.split(rng.permutation(len(sums)), [count])
        means.append([sums[part].sum(0) / counts[part].sum() for part in parts])
    own, others = np.moveaxis(means, 1, 0)
    found = kendall(own, others)
    low, high = np.percentile(found, (2.5, 97.5))
    return float(np.mean(found)), float(low), float(high)


def _beside(reference, apart, values, clusters, seeds) -> Order:
    """``apart`` are the differences of the reference, (n, n), 0 where two models do not differ in it."""
    sums, counts = _by_cluster(values, clusters)
    picked = np.random.default_rng(0).integers(len(sums), size=(DRAWS, len(sums)))
    means = sums[picked].sum(1) / counts[picked].sum(1)[:, None]
    redrawn, tau = kendall(reference, means), float(kendall(reference, values.mean().to_numpy()))
    low, high = np.percentile(redrawn, (2.5, 97.5))
    pairs = comparison.differences(values, clusters)
    ours, significant = comparison.matrix(pairs, list(values.columns), seeds)
    upper = np.triu_indices(len(reference), 1)
    directions = np.sign(apart[upper])
    agreement = (directions * np.where(significant, np.sign(ours), 0)[upper])[directions != 0]
    counted = (int(np.sum(agreement == sign)) for sign in (1, -1, 0))
    return Order((tau, min(tau, float(low)), max(tau, float(high))), *counted)


def kendall(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Kendall's rank correlation tau-b along the last axis, of many at once: scipy.stats has it of one."""
    one, other = np.triu_indices(first.shape[-1], 1)
    signs = [np.sign(of[..., one] - of[..., other]) for of in (first, second)]
    apart = [np.abs(of).sum(-1) for of in signs]
    return (signs[0] * signs[1]).sum(-1) / np.sqrt(apart[0] * apart[1])


def _by_cluster(values: pd.DataFrame, clusters: list[str]) -> tuple[np.ndarray, np.ndarray]:
    grouped = values.groupby(np.array(clusters))
    return grouped.sum().to_numpy(), grouped.size().to_numpy()
