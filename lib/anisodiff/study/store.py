"""The one store of artefacts: what was made, of what, and whether that still holds.

An artefact (weights, scores, costs, detections) is a file with a record beside it, as JSON. The record holds the recipe
(plain values: arguments, settings, protocol, the content of what it starts from), the fingerprint of the code that took
part, a probe (numbers that this code gives on something small), the SHA-256 of the file, and where it was made.

=========  =============================================================================================
current    recipe, content and code are what was recorded
changed    the code has changed since: the probe, run again, decides whether it still does the same
stale      the recipe has changed since, the probe gives other numbers, or what it starts from is stale
damaged    the file's content is not what was recorded
missing    there is no file, or no record
=========  =============================================================================================

Where a probe comes out the same, the artefact is confirmed for the new code, in ``data/confirmed.json``.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..data import provenance
from . import code

CONFIRMED = provenance.ROOT / "data/confirmed.json"
NEAR = 1e-3  # relative: how far from the recorded numbers a probe may come out on another machine


@dataclass(frozen=True)
class Artefact:
    """What is made: its file, its recipe, the code that takes part by dotted names, and how to make and to probe it."""

    name: str
    path: Path
    recipe: Callable[[], dict[str, Any]]
    roots: tuple[str, ...]
    make: Callable[[], None]
    probe: Callable[[], dict[str, float]]
    starts_from: tuple["Artefact", ...] = field(default=())


@dataclass(frozen=True)
class State:
    """One of the words above, and why."""

    word: str
    why: str = ""

    @property
    def usable(self) -> bool:
        """Whether it was made by today's recipe; the code may wait for its probe."""
        return self.word in ("current", "changed")


def record_path(path: Path) -> Path:
    """Where the record of an artefact's file is."""
    return path.with_suffix(".json")


def read_record(path: Path) -> dict | None:
    """The record of an artefact's file, or None where there is none that can be read."""
    try:
        return json.loads(record_path(path).read_text())
    except (OSError, ValueError):
        return None


def content(path: Path) -> str:
    """The first digits of the recorded SHA-256 of a file, ``none`` where there is no record."""
    return (read_record(path) or {}).get("sha256", "none")[:12]


def check(path: Path) -> None:
    """OSError for a file whose content is not what was recorded; a file without a record passes."""
    found = read_record(path) or {}
    if "sha256" in found and provenance.sha256(path) != found["sha256"]:
        raise OSError(
            f"{path} is damaged: its content is not what was recorded; restore it with git, or make it anew"
        )


def record(artefact: Artefact, facts: dict) -> None:
    """Write the record of a file that was just made: its recipe, code, probe and content, and the facts."""
    found = {
        "recipe": _plain(artefact.recipe()),
        "code": code.fingerprint(*artefact.roots),
        "probe": _rounded(artefact.probe()),
        "sha256": provenance.sha256(artefact.path),
    }
    text = json.dumps(facts | found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    provenance.write_atomically(record_path(artefact.path), text.encode())
    _confirm({artefact.name: None})


def is_current(artefact: Artefact) -> bool:
    """Whether an artefact is current, its code probed anew where it has changed."""
    return settle(artefact).word == "current"


def state(artefact: Artefact) -> State:
    """Whether an artefact is current, without making or probing anything."""
    found = read_record(artefact.path)
    if found is None or "recipe" not in found:
        return State("missing", "it was never recorded")
    if artefact.path.is_file():
        if provenance.sha256(artefact.path) != found["sha256"]:
            return State("damaged", "its content is not what was recorded")
    elif "header" not in found:  # of weights too large to be shipped the record holds the header
        return State("missing", "there is no file")
    for ancestor in artefact.starts_from:
        if (of := state(ancestor).word) not in ("current", "changed"):
            return State("stale", f"it starts from {ancestor.name}, which is {of}")
    if differences := _differences(found["recipe"], _plain(artefact.recipe())):
        return State("stale", "; ".join(differences))
    if code.fingerprint(*artefact.roots) not in (found["code"], _confirmed().get(artefact.name)):
        return State("changed", "the code that takes part has changed")
    return State("current")


def settle(artefact: Artefact) -> State:
    """As :func:`state`; where the code has changed, the probe decides, and what comes out the same is confirmed."""
    found = state(artefact)
    if found.word != "changed":
        return found
    before, now = read_record(artefact.path)["probe"], artefact.probe()
    for name in before.keys() | now.keys():
        if not np.isclose(before.get(name, np.nan), now.get(name, np.nan), rtol=NEAR, atol=NEAR):
            was, comes = before.get(name, float("nan")), now.get(name, float("nan"))
            return State(
                "stale", f"its code has changed: {name} was {was:g} and comes out as {comes:g}"
            )
    _confirm({artefact.name: code.fingerprint(*artefact.roots)})
    return State("current", "confirmed by its probe")


def token(artefact: Artefact) -> str:
    """Twelve hexadecimal digits that change with the recipe and with the code."""
    text = json.dumps(
        [_plain(artefact.recipe()), code.fingerprint(*artefact.roots)], sort_keys=True
    )
    return provenance.sha256(text.encode())[:12]


def _confirmed() -> dict[str, str]:
    return json.loads(CONFIRMED.read_text()) if CONFIRMED.is_file() else {}


def _confirm(new: dict[str, str | None]) -> None:
    """Enter fingerprints by artefact; None takes one out."""
    found = {name: of for name, of in (_confirmed() | new).items() if of is not None}
    if found != _confirmed():
        text = json.dumps(found, indent=0, sort_keys=True) + "\n"
        provenance.write_atomically(CONFIRMED, text.encode())


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    """What differs between two trees of plain values, in words."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        found = (
            _differences(before.get(k), now.get(k), f"{where}{', ' if where else ''}{k}")
            for k in keys
        )
        return [line for lines in found for line in lines]
    return [] if before == now else [f"{where} was {before!r} and is {now!r}"]


def _plain(value: Any) -> Any:
    """The value as JSON gives it back."""
    return json.loads(json.dumps(value))


def _rounded(numbers: dict[str, float]) -> dict[str, float]:
    return {name: float(f"{value:.6g}") for name, value in numbers.items()}
