"""What pages read of the recorded scores: tables by model, gains with their intervals, and examples to show."""

import numpy as np
import pandas as pd

from ..data import collections
from ..methods.restorer import Restorer
from ..metrics.statistics import mean_interval
from ..problems import Measurement, Problem, seeded
from ..study import catalogue, evaluation

Interval = tuple[float, float, float]


def recorded(kind: str, *models: str, collection: str | None = None) -> pd.DataFrame:
    """The recorded scores of models for a problem, tidy, by the study's protocol or on a further collection."""
    where = collection or catalogue.protocol()["collection"]
    return pd.concat([evaluation.read_scores(where, model, kind) for model in models])


def by_image(
    model: str,
    metric: str = "psnr",
    kind: str = "gaussian",
    level: float | None = None,
    collection: str | None = None,
) -> pd.Series:
    """A number of a model for each image: at a level, or the mean over all of its levels."""
    table = recorded(kind, model, collection=collection)
    table = table[table.metric == metric]
    if level is not None:
        table = table[table.level == level]
    return table.groupby("image").value.mean()


def mean(
    model: str,
    metric: str = "psnr",
    kind: str = "gaussian",
    level: float | None = None,
    collection: str | None = None,
) -> Interval:
    """Mean of :func:`by_image` with its 95 % interval over the images."""
    values = by_image(model, metric, kind, level, collection)
    return mean_interval(values, clusters(values.index, collection))


def gain(
    first: str,
    second: str,
    metric: str = "psnr",
    kind: str = "gaussian",
    level: float | None = None,
    collection: str | None = None,
) -> Interval:
    """Mean of first - second with its 95 % interval, paired image by image; as :func:`by_image`.

    Raises ValueError where the two were scored on different images or at different levels.
    """
    tables = [recorded(kind, model, collection=collection) for model in (first, second)]
    tables = [table[table.metric == metric] for table in tables]
    if level is not None:
        tables = [table[table.level == level] for table in tables]
    one, other = (table.set_index(["image", "level"]).value for table in tables)
    if not one.index.sort_values().equals(other.index.sort_values()):
        raise ValueError(
            f"{first} and {second} were scored on different images or at different levels"
        )
    apart = (one - other).groupby("image").mean()
    return mean_interval(apart, clusters(apart.index, collection))


def clusters(images, collection: str | None = None) -> list[str]:
    """What each image of a collection, the protocol's by default, is a sample of."""
    where = collection or catalogue.protocol()["collection"]
    return [collections.cluster(where, image) for image in images]


def photograph(name: str, collection: str = "shipped/test", side: int | None = None) -> np.ndarray:
    """An image of a collection by its name, (H, W), or its centred square of ``side`` pixels.

    Raises ValueError for a name that the collection does not have.
    """
    found = {image.name: image.pixels for image in collections.load(collection)}
    if name not in found:
        raise ValueError(f"{collection} has no image {name!r}; there are: {', '.join(found)}")
    return np.array(collections.centre_crop(found[name], side) if side else found[name])


def measured(
    clean: np.ndarray,
    name: str,
    problem: Problem,
    seed: int | None = None,
    collection: str = "shipped/test",
) -> Measurement:
    """The measurement of a clean image, (..., H, W), by the study's generator for that image; its seed for None."""
    seed = catalogue.protocol()["seed"] if seed is None else seed
    return problem.measure(clean, seeded(seed, collection, name, problem))


def degraded(
    clean: np.ndarray,
    name: str,
    problem: Problem,
    seed: int | None = None,
    collection: str = "shipped/test",
) -> np.ndarray:
    """What a problem makes of a clean image, as :func:`measured`."""
    return measured(clean, name, problem, seed, collection).y.numpy()


def settings(restorer: Restorer) -> dict:
    """The settings of the tuning or training that made a model's weights, by name, as their header has them."""
    found = restorer.header["settings"]
    return found.get("train") or found.get("tune") or found  # older headers name the way


def seeds(model: str) -> list[str]:
    """A model and its variations by the seed of the training, in the study's order."""
    found = catalogue.names()
    return [name for name in found if name == model or name.startswith(f"{model}-seed-")]
