"""The last word on a release beside what was looked at before: models on McMaster18 and on the validation images."""

import pandas as pd

from ..metrics import statistics
from ..metrics.distortion import BETTER
from ..study import last_word, store, tables
from . import comparison, orders, records

SEEN = "bsds500/val-500"  # the squares that all these models were looked at on
Scores = tuple[pd.DataFrame, list[str]]  # by image and model; what each image is a sample of


def scores(release: str, metric: str, level: float) -> tuple[Scores, Scores]:
    """The models that were scored on both, without the input: on the validation squares, and in the last word.

    Raises FileNotFoundError for a release without one, and OSError for a table that is not what was recorded.
    """
    path = last_word.path(release)
    if not path.is_file():
        there = sorted(other.stem for other in path.parent.glob("*.csv"))
        raise FileNotFoundError(
            f"no last word on {release!r}; there are: {', '.join(there) or 'none'}"
        )
    store.check(path)
    table = tables.read(path)
    table = table[(table.level == level) & (table.metric == metric)]
    sealed = table.pivot(index="image", columns="model", values="value").drop(columns="input")
    models = [name for name in comparison.candidates(SEEN, level) if name in sealed]
    seen = comparison.together(models, metric, level, SEEN)
    return (
        (seen, records.clusters(seen.index, SEEN)),
        (sealed[models], records.clusters(sealed.index, last_word.COLLECTION)),
    )


def order(release: str, metric: str, level: float) -> orders.Order:
    """The order of the models on the images of the last word beside that on the validation squares."""
    return orders.between(*scores(release, metric, level), comparison.deviations(level, metric))


def drawn(release: str, metric: str, level: float) -> tuple[float, float, float]:
    """What :func:`order`'s ``tau`` is between as many photographs, drawn from the validation ones, and the others."""
    seen, (sealed, _) = scores(release, metric, level)
    return orders.drawn(*seen, len(sealed))


def gains(release: str, metric: str, level: float, baseline: str) -> pd.DataFrame:
    """Each model less the baseline, where it was looked at (``seen``) and in the last word (``sealed``).

    Indexed by the model, the best where it was looked at first; the columns are (images, ``mean``, ``low``, ``high``,
    ``rank``), the rank 1 for the best.
    """
    parts = {}
    for name, (values, clusters) in zip(
        ("seen", "sealed"), scores(release, metric, level), strict=True
    ):
        found = [
            statistics.mean_interval(values[model] - values[baseline], clusters) for model in values
        ]
        part = pd.DataFrame(found, values.columns, ["mean", "low", "high"])
        part["rank"] = (-BETTER[metric] * values.mean()).rank(method="min").astype(int)
        parts[name] = part
    return pd.concat(parts, axis=1).sort_values(("seen", "rank"), kind="stable")
