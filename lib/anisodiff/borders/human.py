"""Detections against what humans drew: the boundaries of BSDS500's annotators, matched pixel by pixel.

The protocol is that of Arbelaez et al. 2011. A thresholded score map is thinned and matched one to one to each
annotator's boundary within 0.0075 of the image's diagonal. A detected pixel is right if it matches any annotator's; the
recall is over the boundary pixels of all annotators. Here the matching is a largest one, where the benchmark's own also
keeps distances short and may leave pixels unmatched for that: scores can be a little above those of the benchmark.
"""

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import loadmat
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_flow
from scipy.spatial import cKDTree
from skimage.morphology import thin
from tqdm import tqdm

from ..data import collections, provenance, registry
from ..problems import problem, seeded
from ..study import catalogue, evaluation, restorers, store
from . import detection, recorded

TOLERANCE = 0.0075  # of the image's diagonal
SHARES = (0.01, 0.02, 0.03, 0.045, 0.065, 0.09, 0.13, 0.18)  # of all pixels, beyond each threshold
FOLDER = "bsds500/groundTruth/val"
COUNTS = ["detected", "right", "boundary", "found"]


def annotations(name: str) -> list[np.ndarray]:
    """The boundaries of an image of ``bsds500/val``, bool (H, W), by annotator; MissingCollection says what to do."""
    root = os.environ.get("ANISODIFF_DATA")
    path = Path(root or "").expanduser() / FOLDER / f"{name}.mat"
    if not root or not path.is_file():
        raise registry.MissingCollection(
            f"the human boundaries {FOLDER}/{name}.mat are not below ANISODIFF_DATA={root or ''}: point it at a folder "
            "that holds them (data/README.md gives the layout); they come with BSDS500, github.com/BIDS/BSDS500"
        )
    return [annotator["Boundaries"][0, 0] > 0 for annotator in loadmat(path)["groundTruth"][0]]


def match(
    detected: np.ndarray, boundary: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels of two masks, (H, W), find partners in a largest one-to-one matching within ``tolerance`` pixels."""
    ours, theirs = np.argwhere(detected), np.argwhere(boundary)
    matched = np.zeros(detected.shape, bool), np.zeros(boundary.shape, bool)
    if not len(ours) or not len(theirs):
        return matched
    near = cKDTree(ours).sparse_distance_matrix(cKDTree(theirs), tolerance, output_type="ndarray")
    # A largest flow of one unit a pixel, from node 0 through ours and theirs to the last: where two lines run side by
    # side, scipy finds it a thousand times as quickly as by maximum_bipartite_matching.
    first, second = 1 + np.arange(len(ours)), 1 + len(ours) + np.arange(len(theirs))
    last = len(ours) + len(theirs) + 1
    tails = np.concatenate([np.zeros(len(ours), int), first[near["i"]], second])
    heads = np.concatenate([first, second[near["j"]], np.full(len(theirs), last)])
    graph = coo_array(
        (np.ones(len(tails), np.int32), (tails, heads)), shape=(last + 1, last + 1)
    ).tocsr()
    flow = maximum_flow(graph, 0, last, method="dinic").flow
    matched[0][tuple(ours[flow[[0]].toarray()[0, first] > 0].T)] = True
    matched[1][tuple(theirs[flow[:, [last]].toarray()[second, 0] > 0].T)] = True
    return matched


def compare(detected: np.ndarray, annotators: list[np.ndarray]) -> tuple[int, int, int, int]:
    """Numbers of pixels: of the thinned detection, the right ones; of all annotators' boundaries, the found ones."""
    lines, tolerance = thin(detected), TOLERANCE * np.hypot(*detected.shape)
    pairs = [match(lines, boundary, tolerance) for boundary in annotators]
    right = np.any([ours for ours, _ in pairs], axis=0)
    found = sum(theirs.sum() for _, theirs in pairs)
    return (
        int(lines.sum()),
        int(right.sum()),
        int(sum(boundary.sum() for boundary in annotators)),
        int(found),
    )


def curve(table: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall and F-score of one detector at each threshold, the counts of all images added up."""
    return _scores(table.groupby("threshold")[COUNTS].sum())


def best(table: pd.DataFrame, draws: int = 2000) -> pd.Series:
    """Of one detector: F-score at the one threshold that suits the data set (``ods``), with ``low`` and ``high`` of its
    95 % bootstrap interval over the images, ``precision`` and ``recall`` there, and F where each image has its own
    best threshold (``ois``)."""
    scores = curve(table)
    at = scores.f.idxmax()
    many = table[table.threshold == at][COUNTS].to_numpy()
    picked = np.random.default_rng(0).integers(len(many), size=(draws, len(many)))
    drawn = _scores(pd.DataFrame(many[picked].sum(1), columns=COUNTS)).f
    own = table.loc[table.assign(f=_scores(table).f).groupby("image").f.idxmax(), COUNTS].sum()
    facts = {"ods": scores.f[at], "low": drawn.quantile(0.025), "high": drawn.quantile(0.975)}
    facts |= {"precision": scores.precision[at], "recall": scores.recall[at]}
    return pd.Series(facts | {"ois": _scores(own.to_frame().T).f.iloc[0]})


def best_of_each(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`best` of every detector: a row for each, indexed by (model, degradation)."""
    parts = table.groupby(["model", "degradation"])
    return pd.DataFrame({which: best(part) for which, part in parts}).T.rename_axis(parts.keys)


def evaluate(maps: dict[str, np.ndarray], drawn: dict[str, list], thresholds) -> pd.DataFrame:
    """Counts of one detector, a row for each image and threshold, from its score maps and the annotations by image."""
    rows = [
        (name, threshold, *compare(scores >= threshold, drawn[name]))
        for name, scores in maps.items()
        for threshold in thresholds
    ]
    return pd.DataFrame(rows, columns=["image", "threshold", *COUNTS])


def record_human(kind: str = "gaussian", level: float = 25, limit: int | None = None) -> None:
    """Compare all detectors on the degraded, whole validation images, and some on the clean ones, with the annotators.

    Beside them stand the labels, ``true-borders``, and ``annotator``: each image's first one against the others.
    """
    protocol, training_images = catalogue.protocol(), catalogue.profile("paper")["train"]
    provenance.used.clear()
    stamp, start, how = provenance.stamp(), time.monotonic(), problem(kind, level)
    photographs = collections.load(protocol["collection"])[:limit]
    drawn = {image.name: annotations(image.name) for image in photographs}
    provenance.used[FOLDER] = provenance.sha256(
        b"".join(a.tobytes() for of in drawn.values() for a in of)
    )[:12]
    clean = {image.name: image.pixels for image in photographs}
    degraded = {
        name: how.measure(
            pixels, seeded(protocol["seed"], protocol["collection"], name, how)
        ).y.numpy()
        for name, pixels in clean.items()
    }
    classifiers = [restorers.fitted(name, kind, level, "paper") for name in detection.CLASSIFIERS]
    detectors = detection.tune(kind, level, training_images, detection.THRESHOLD, classifiers)
    jobs = [(one.name, kind, level, one.score, degraded) for one in detectors]
    # Canny at scikit-image's own sigma: there are no annotations to tune on but those of the validation images.
    plain = {"gradient": detection.gradient, "sobel": detection.sobel, "canny": detection.canny}
    jobs += [(name, "none", 0, operator, clean) for name, operator in plain.items()]
    tables = []
    for name, *given, score, pixels in tqdm(jobs, desc="human boundaries", unit="detector"):
        maps = {image: score(of).astype(np.float32) for image, of in pixels.items()}
        pooled = np.concatenate([of.ravel() for of in maps.values()])
        thresholds = np.unique(np.quantile(pooled, 1 - np.array(SHARES)))
        tables.append((name, *given, evaluate(maps, drawn, thresholds[thresholds > 0])))
    truth = {image: detection.labelled(of, detection.THRESHOLD) for image, of in clean.items()}
    tables.append(("true-borders", "none", 0, evaluate(truth, drawn, [True])))
    first, others = (
        {image: of[part] for image, of in drawn.items()} for part in (0, slice(1, None))
    )
    tables.append(("annotator", "none", 0, evaluate(first, others, [True])))
    table = pd.concat(
        part.assign(model=name, degradation=of, level=at, threshold=part.threshold.astype(float))
        for name, of, at, part in tables
    )
    tuned = {one.name: {"sigma": one.sigma} for one in detectors}
    order = ["model", "degradation", "level", "image", "threshold", *COUNTS]
    evaluation.write_scores(table[order], artefact(kind), start, stamp, tuned=tuned, level=level)


def recipe(kind: str) -> dict:
    """What determines the recorded counts: that of :func:`recorded.recipe`, the tolerance, the thresholds."""
    return recorded.recipe(kind) | {"tolerance": TOLERANCE, "shares": list(SHARES)}


def artefact(kind: str = "gaussian") -> store.Artefact:
    """The counts against human boundaries, in the store."""
    made = recorded.artefacts(kind)[0]
    return store.Artefact(
        name=f"scores/borders-human-{kind}",
        path=_path(kind),
        recipe=lambda: recipe(kind),
        roots=(*made.roots, f"{__name__}.evaluate"),
        starts_from=made.starts_from,
        make=lambda: record_human(kind),
        probe=lambda: recorded.probe(kind) | probe(),
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still counts alike: lines of an image that everybody has against its labels."""
    pixels = collections.centre_crop(collections.load("shipped/test")[0].pixels, 128)
    drawn = [detection.labelled(pixels, threshold) for threshold in (20, 40)]
    return dict(
        zip(COUNTS, map(float, compare(detection.sobel(pixels, 1) > 20, drawn)), strict=True)
    )


def read_human(kind: str = "gaussian") -> pd.DataFrame:
    """The recorded counts; FileNotFoundError where there are none."""
    return evaluation.read_scores(catalogue.protocol()["collection"], "borders-human", kind)


def _path(kind: str) -> Path:
    return evaluation.scores_path(catalogue.protocol()["collection"], "borders-human", kind)


def _scores(many: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall and F-score from the counts; 0 where nothing was detected."""
    precision = many.right / np.maximum(many.detected, 1)
    recall = many.found / np.maximum(many.boundary, 1)
    return pd.DataFrame(
        {"precision": precision, "recall": recall, "f": detection.f_score(precision, recall)}
    )
