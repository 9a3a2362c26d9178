"""The recorded scores of all detectors: what determines them, how they are made and read."""

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from ..data import collections, provenance
from ..problems import PROBLEMS, problem, seeded
from ..study import catalogue, evaluation, restorers, runs, store
from . import detection

ROOTS = (f"{detection.__name__}.tune", f"{detection.__name__}.evaluate")


def curves_path(kind: str) -> Path:
    """Where the pooled curves that belong to the recorded scores are."""
    return _path(kind).with_name(f"borders-curves-{kind}.csv")


def classifiers(kind: str, level: float) -> list[runs.Run]:
    """The runs of the classifiers for a problem."""
    return [runs.Run(name, kind, level) for name in detection.CLASSIFIERS]


def recipe(kind: str) -> dict:
    """What determines the recorded scores: the protocol, the content of the classifiers' weights, what tuning tries."""
    protocol, made = catalogue.protocol(), classifiers(kind, PROBLEMS[kind].levels[0])
    return {
        "protocol": protocol,
        "collection": collections.fingerprint(protocol["collection"]),
        "starts from": {run.name: store.content(run.weights) for run in made},
        "threshold": detection.THRESHOLD,
        "tuning": {
            "crops": detection.CROPS,
            "hysteresis": detection.HYSTERESIS,
            "sigmas": list(detection.SIGMAS),
        },
    }


def artefacts(kind: str) -> list[store.Artefact]:
    """The scores of all detectors for a problem and their curves, in the store; one recording makes both."""
    how = PROBLEMS[kind]
    roots = (*ROOTS, f"{how.__module__}.{how.__qualname__}")
    behind = classifiers(kind, how.levels[0])
    scores = store.Artefact(
        name=f"scores/{_path(kind).stem}",
        path=_path(kind),
        recipe=lambda: recipe(kind),
        roots=(*roots, behind[0].entry.made_of),
        starts_from=tuple(run.artefact() for run in behind),
        make=lambda: record(kind),
        probe=lambda: probe(kind),
    )
    curves = curves_path(kind)
    return [
        scores,
        replace(scores, name=f"scores/{curves.stem}", path=curves, starts_from=(scores,)),
    ]


def probe(kind: str) -> dict[str, float]:
    """What tells whether changed code still gives these scores: average precision on a crop that everybody has."""
    level, found = PROBLEMS[kind].levels[1], {}
    image = collections.load("shipped/test")[0]
    clean, how = (
        np.ascontiguousarray(collections.centre_crop(image.pixels, 96)),
        problem(kind, level),
    )
    degraded = how.measure(clean, seeded(0, "shipped/test", image.name, how)).y.numpy()
    truth = detection.labelled(clean, detection.THRESHOLD)
    scores = {name: operator(degraded, 1) for name, (operator, _) in detection.OPERATORS.items()}
    scores |= {
        run.model: restorers.open_weights(run).restore(degraded) for run in classifiers(kind, level)
    }
    for name, score in scores.items():
        many = detection.counts(score, truth)
        found |= {
            f"ap {name}": detection.average_precision(*many[1:]),
            f"rows {name}": len(detection.merged(*many, True)),
        }
    return found


def record(kind: str) -> None:
    """Score all detectors at all levels of a problem by the study's protocol; write scores, curves and records."""
    protocol, training_images = catalogue.protocol(), catalogue.profile("paper")["train"]
    provenance.used.clear()
    stamp, start, parts, tuned = provenance.stamp(), time.monotonic(), [], {}
    for level in tqdm(PROBLEMS[kind].levels, desc=f"borders {kind}", unit="level"):
        learned = [restorers.fitted(name, kind, level, "paper") for name in detection.CLASSIFIERS]
        detectors = detection.tune(kind, level, training_images, detection.THRESHOLD, learned)
        at = (
            kind,
            level,
            protocol["collection"],
            detection.THRESHOLD,
            protocol["crop"],
            protocol["seed"],
        )
        parts.append(detection.evaluate(detectors, *at))
        tuned[f"{level:g}"] = {
            one.name: {"sigma": one.sigma, "cut": round(one.cut, 4)} for one in detectors
        }
    for made, part in zip(artefacts(kind), zip(*parts, strict=True), strict=True):
        evaluation.write_scores(pd.concat(part), made, start, stamp, tuned=tuned)


def read(kind: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The recorded scores and curves; FileNotFoundError where there are none."""
    collection = catalogue.protocol()["collection"]
    return tuple(
        evaluation.read_scores(collection, name, kind) for name in ("borders", "borders-curves")
    )


def _path(kind: str) -> Path:
    return evaluation.scores_path(catalogue.protocol()["collection"], "borders", kind)
