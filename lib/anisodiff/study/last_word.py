"""The last word on a release: scores on McMaster18, which is sealed until then and which nothing is chosen by.

A set that is looked at again and again is in the end chosen on, if only by which idea is kept. So this one is opened
once a release, when all else is settled, for all models at once. What it says is written down and changes nothing.
"""

import json
import re
import time
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from ..data import collections, provenance, registry
from ..methods.device import chosen
from ..metrics import distortion, perceptual
from ..problems import problem
from . import catalogue, evaluation, restorers, runs, store, tables

COLLECTION = "mcm18"


def path(release: str) -> Path:
    """Where the scores of a release are, their record beside them; ValueError for what is no name of one."""
    if not re.fullmatch(r"[A-Za-z0-9]+([.-][A-Za-z0-9]+)*", release):
        raise ValueError(
            f"a release is named like 1.0.0, in letters, digits, dots and dashes, not {release!r}"
        )
    return provenance.ROOT / "data/scores" / COLLECTION / f"{release}.csv"


def asked() -> list[runs.Run]:
    """The models that are scored on further collections, each at the levels of these."""
    named = {name: kind for name, kind, _ in catalogue.further()}
    return [
        runs.Run(name, kind, level)
        for name, kind in named.items()
        for level in catalogue.levels(name, kind, COLLECTION)
    ]


def record(release: str, states: dict[str, store.State]) -> Path:
    """Score all models on the sealed images, whole and in gray; write the table (PSNR in dB, SSIM, and LPIPS where its
    weights are at hand; a row for each model, level and image) and its record. Gives the table's path.

    ``states`` are those of all artefacts of the study. Raises ValueError, before an image is opened, for a release that
    has its scores, a checkout that is not clean, artefacts that are not current and weights that are not here.
    """
    target, wanted = path(release), asked()
    _check(target, wanted, states)
    provenance.used.clear()
    stamp, start = provenance.stamp(chosen()), time.monotonic()
    measures = [*distortion.METRICS, *(["lpips"] if _lpips_at_hand() else [])]
    images = collections.load(COLLECTION, last_word=True)
    seed = catalogue.protocol()["seed"]
    parts = [
        evaluation.evaluate(
            restorers.open_weights(run),
            problem(run.problem, run.level),
            COLLECTION,
            crop=None,
            seed=seed,
            further="lpips" in measures,
            images=images,
        )
        for run in tqdm(wanted, desc=release, unit="model and level")
    ]
    table = pd.concat(parts)
    tables.write(target, table[table.metric.isin(measures)])
    facts = {
        "release": release,
        "models": list(dict.fromkeys(run.model for run in wanted)),
        "metrics": measures,
        "used": dict(sorted(provenance.used.items())),  # weights and images, by their content
        "seconds": round(time.monotonic() - start),
        "sha256": provenance.sha256(target),
    }
    text = json.dumps(facts | stamp, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    provenance.write_atomically(store.record_path(target), text.encode())
    return target


def _check(target: Path, wanted: list[runs.Run], states: dict[str, store.State]) -> None:
    if target.exists() or store.record_path(target).exists():
        raise ValueError(f"{target.stem} has had its last word: {target}")
    if not provenance.is_clean():
        raise ValueError("the last word is on what was committed: `git status` is to show nothing")
    if rest := [name for name, state in states.items() if state.word != "current"]:
        raise ValueError(
            f"{len(rest)} of {len(states)} artefacts are not current, such as {rest[0]}: `anisodiff status` says why"
        )
    behind = {one.weights: one for run in wanted for one in _weights_of(run)}
    if missing := [one for file, one in behind.items() if not file.is_file()]:
        raise ValueError(
            f"of {len(missing)} models and levels the weights are not here, such as {missing[0].name}: "
            "`anisodiff fit` makes them"
        )


def _weights_of(run: runs.Run) -> list[runs.Run]:
    return [*([run] if run.makes else run.tuned), *run.used.values()]


def _lpips_at_hand() -> bool:
    try:
        provenance.note(collections.file(perceptual.WEIGHTS))
    except registry.MissingCollection:
        return False
    return True
