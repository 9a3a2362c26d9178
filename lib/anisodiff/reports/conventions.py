"""The search for the convention of the paper's Table 2: ways to compute Q, and how near each comes to its numbers."""

import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from ..data import collections, provenance
from ..metrics import perceptual
from ..problems import problem, seeded
from ..study import catalogue, evaluation, restorers, runs, store
from . import claims

TABLE, LEVELS = "paper-table-2", (15, 25, 50)
COLLECTION, EVERY = "bsds500/val-500", 10  # one of so many crops
GRADIENTS = ("central in each patch", "central", "forward")
CHOSEN_BY = ("restored", "clean", "noisy")  # the image whose patches are looked at
COHERENCES = ("singular values", "their squares")
MEANS = ("all patches", "chosen patches")
CONTENTS = ("s1 R", "s1", "s1 of the clean image")
FIELDS = ["gradient", "patches chosen by", "coherence of", "mean over", "content"]


def models() -> dict[str, str]:
    """What the paper proposes, by its rows, each with our model."""
    ours = claims.tables()[TABLE]["ours"]
    return {row: names[0] for row, names in ours.items() if row not in ("input", "PM", "CNCL")}


def values(restored: np.ndarray, clean: np.ndarray, noisy: np.ndarray) -> dict[tuple, float]:
    """Q of a restored image, (H, W), by each convention: their names in the order of FIELDS."""
    images = dict(zip(CHOSEN_BY, (restored, clean, noisy), strict=True))
    found, least = {}, perceptual.least_coherence()
    for gradient in GRADIENTS:
        singular = {name: _singular_values(image, gradient) for name, image in images.items()}
        for coherence in COHERENCES:
            of = {name: _coherence(*pair, coherence) for name, pair in singular.items()}
            contents = dict(
                zip(
                    CONTENTS,
                    (
                        singular["restored"][0] * of["restored"],
                        singular["restored"][0],
                        singular["clean"][0],
                    ),
                    strict=True,
                )
            )
            for chosen_by, mean, content in product(CHOSEN_BY, MEANS, CONTENTS):
                chosen = of[chosen_by] > least
                number = chosen.size if mean == "all patches" else max(1, chosen.sum())
                total = (contents[content] * chosen).sum()
                found[gradient, chosen_by, coherence, mean, content] = float(total / number)
    return found


def best(table: pd.DataFrame) -> pd.DataFrame:
    """The conventions, those that come nearest to the paper first.

    ``off by`` is the mean relative deviation from the printed numbers of all models and levels, after the one factor
    that suits the convention best; ``rank correlation`` Spearman's among the models, mean over the levels, 0 where the
    convention does not look at the restored image at all.
    """
    rows = list(models())
    printed = np.array([[claims.published(TABLE, row, at) for row in rows] for at in LEVELS])
    found = {}
    for convention, part in table.groupby(FIELDS, sort=False):
        ours = part.set_index("level").loc[list(LEVELS), rows].to_numpy()
        ranks = [_ranks(*pair) for pair in zip(printed, ours, strict=True)]
        found[convention] = np.mean(ranks), _off(ours, printed)
    index = pd.MultiIndex.from_tuples(found, names=FIELDS)
    frame = pd.DataFrame(found.values(), index, ["rank correlation", "off by"])
    return frame.sort_values("off by", kind="stable")


def off_of_a_constant() -> float:
    """The mean relative deviation of one constant from the same printed numbers."""
    printed = np.array([[claims.published(TABLE, row, at) for row in models()] for at in LEVELS])
    return _off(np.ones_like(printed), printed)


def read() -> pd.DataFrame:
    """The recorded values: a row for each convention and level, a column for each row of the paper's table."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path())


def path() -> Path:
    """Where the recorded values are."""
    return provenance.ROOT / "data/scores/q-conventions.csv"


def artefact() -> store.Artefact:
    """The recorded values in the store."""
    behind = [runs.Run(name, "gaussian", level) for name in models().values() for level in LEVELS]

    def recipe() -> dict:
        return {
            "collection": {COLLECTION: collections.fingerprint(COLLECTION)},
            "every": EVERY,
            "levels": list(LEVELS),
            "starts from": {run.name: store.content(run.weights) for run in behind},
        }

    return store.Artefact(
        name="scores/q-conventions",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.values",),
        starts_from=tuple(run.artefact() for run in behind),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: all conventions on an image that everybody has."""
    clean = np.array(collections.centre_crop(collections.load("shipped/test")[0].pixels, 64))
    noisy = problem("gaussian", 25).measure(clean, np.random.default_rng(0)).y.numpy()
    found = values((clean + noisy) / 2, clean, noisy)
    return {" / ".join(names): value for names, value in found.items()}


def record() -> None:
    """Compute Q by all conventions on some of the paper's crops and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    images, rows = collections.load(COLLECTION)[::EVERY], []
    for level in LEVELS:
        how, by_model = problem("gaussian", level), {}
        for row, name in models().items():
            restorer, each = restorers.load(name, "gaussian", level), []
            for image in images:
                rng = seeded(catalogue.protocol()["seed"], COLLECTION, image.name, how)
                noisy = how.measure(image.pixels, rng).y.numpy()
                restored = np.clip(restorer.restore(noisy), 0, 255)
                each.append(values(restored, image.pixels, np.clip(noisy, 0, 255)))
            by_model[row] = np.mean([list(one.values()) for one in each], 0)
        index = pd.MultiIndex.from_tuples(each[0], names=FIELDS)
        part = pd.DataFrame(by_model, index).reset_index()
        rows.append(part.assign(level=level))
    table = pd.concat(rows)[[*FIELDS, "level", *models()]]
    evaluation.write_scores(table, artefact(), start, stamp)


def _ranks(printed: np.ndarray, ours: np.ndarray) -> float:
    return float(spearmanr(printed, ours).statistic) if np.ptp(ours) > 1e-9 else 0.0


def _off(ours: np.ndarray, printed: np.ndarray) -> float:
    factor = np.exp(np.log(printed / np.maximum(ours, 1e-9)).mean())
    return float(np.abs(factor * ours / printed - 1).mean())


def _coherence(s1: np.ndarray, s2: np.ndarray, of: str) -> np.ndarray:
    if of == "their squares":
        s1, s2 = s1**2, s2**2
    return (s1 - s2) / np.maximum(s1 + s2, 1e-12)


def _singular_values(image: np.ndarray, gradient: str) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`perceptual.singular_values`, by one of GRADIENTS."""
    if gradient == "central in each patch":
        return perceptual.singular_values(image)
    side = perceptual.PATCH
    rows, columns = (extent // side * side for extent in image.shape)
    u = image.astype(np.float64)
    if gradient == "central":
        y, x = np.gradient(u)
    else:
        y, x = np.diff(u, axis=0, append=u[-1:]), np.diff(u, axis=1, append=u[:, -1:])
    parts = [
        part[:rows, :columns].reshape(rows // side, side, columns // side, side) for part in (y, x)
    ]
    y, x = parts
    a, b, c = ((first * second).sum((1, 3)) for first, second in ((x, x), (x, y), (y, y)))
    middle, spread = (a + c) / 2, np.hypot((a - c) / 2, b)
    return np.sqrt(middle + spread), np.sqrt(np.maximum(middle - spread, 0))
