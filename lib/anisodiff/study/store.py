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

import fcntl
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..data import provenance
from . import code

NEAR = 1e-3  # relative: how far from the recorded numbers a probe may come out on another machine
ROUGH = 0.05  # the same for numbers that rounding decides, such as the better one of two nearly equal settings


@dataclass(frozen=True)
class Artefact:
    """A file that the study makes, and what says whether it is current.

    ``name``, and ``path`` of the file; ``recipe()``, its settings; ``roots``, the dotted names of the code that takes
    part; ``make()``, which writes the file; ``probe()``, numbers by name that tell whether changed code still makes the
    same; ``starts_from``, the artefacts that it needs. ``rough`` are the first words of the names of those numbers of
    its probe that may come out as far off as ROUGH.
    """

    name: str
    path: Path
    recipe: Callable[[], dict[str, Any]]
    roots: tuple[str, ...]
    make: Callable[[], None]
    probe: Callable[[], dict[str, float]]
    starts_from: tuple["Artefact", ...] = field(default=())
    rough: frozenset[str] = frozenset()


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
    edited = _sources() != _BEGAN
    found = {
        "recipe": _plain(artefact.recipe()),
        "code": "edited meanwhile" if edited else code.fingerprint(*artefact.roots),
        "probe": _rounded(artefact.probe()),
        "sha256": provenance.sha256(artefact.path),
    }
    text = json.dumps(facts | found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    provenance.write_atomically(record_path(artefact.path), text.encode())
    _confirm(artefact, None)


def is_current(artefact: Artefact) -> bool:
    """Whether an artefact is current, its code probed anew where it has changed."""
    return settle(artefact).word == "current"


def state(artefact: Artefact) -> State:
    """Whether an artefact is current, without making or probing anything."""
    return Look().at(artefact)


def settle(artefact: Artefact) -> State:
    """As :func:`state`; where code has changed, its own or that of what it starts from, the probe decides, and what
    comes out the same is confirmed."""
    return Look(probing=True).at(artefact)


class Look:
    """One look at the store: each artefact is examined once, and each fingerprint of code taken once.

    Raises RuntimeError where a probe is asked for and the library was edited since this process began.
    """

    def __init__(self, probing: bool = False):
        self.probing = probing
        self.states: dict[str, State] = {}
        self.codes: dict[tuple[str, ...], str] = {}

    def at(self, artefact: Artefact) -> State:
        """The state of an artefact, after those of all that it starts from."""
        if artefact.name not in self.states:
            self.states[artefact.name] = self._examined(artefact)
        return self.states[artefact.name]

    def _examined(self, artefact: Artefact) -> State:
        found = read_record(artefact.path)
        if found is None or "recipe" not in found:
            return State("missing", "it was never recorded")
        if artefact.path.is_file():
            if provenance.sha256(artefact.path) != found["sha256"]:
                return State("damaged", "its content is not what was recorded")
        elif "header" not in found:  # of weights too large to be shipped the record holds it
            return State("missing", "there is no file")
        for ancestor in artefact.starts_from:
            if not (of := self.at(ancestor)).usable:
                return State("stale", f"it starts from {ancestor.name}, which is {of.word}")
        if differences := _differences(found["recipe"], _plain(artefact.recipe())):
            return State("stale", "; ".join(differences))
        now = self._code(artefact)
        if now in (found["code"], _confirmed(artefact).get(artefact.name)):
            return State("current")
        if not self.probing:
            return State("changed", "the code that takes part has changed")
        if why := _probed(artefact, found["probe"]):
            return State("stale", f"its code has changed: {why}")
        _confirm(artefact, now)
        return State("current", "confirmed by its probe")

    def _code(self, artefact: Artefact) -> str:
        if artefact.roots not in self.codes:
            self.codes[artefact.roots] = code.fingerprint(*artefact.roots)
        return self.codes[artefact.roots]


def _probed(artefact: Artefact, before: dict[str, float]) -> str:
    """What speaks against the code as it is now, in words; nothing where the probe comes out as recorded."""
    if _sources() != _BEGAN:
        raise RuntimeError(
            f"the library was edited since this process began, so that {artefact.name} cannot be probed: start anew"
        )
    try:
        now = artefact.probe()
    except FileNotFoundError as error:  # of weights too large to be shipped
        return f"it cannot be probed here ({error})"
    for name in before.keys() | now.keys():
        was, comes = before.get(name, np.nan), now.get(name, np.nan)
        near = ROUGH if name.split()[0] in artefact.rough else NEAR
        known = name in before.keys() & now.keys()
        if not np.isclose(was, comes, rtol=near, atol=near, equal_nan=known):
            return f"{name} was {was:g} and comes out as {comes:g}"
    return ""


def token(artefact: Artefact) -> str:
    """Twelve hexadecimal digits that change with the recipe and with the code."""
    text = json.dumps(
        [_plain(artefact.recipe()), code.fingerprint(*artefact.roots)], sort_keys=True
    )
    return provenance.sha256(text.encode())[:12]


def _confirmed_path(artefact: Artefact) -> Path:
    """Where confirmations are kept: shipped for what is shipped, else in the build folder."""
    shipped = artefact.path.is_relative_to(provenance.ROOT / "data")
    return provenance.ROOT / ("data" if shipped else "_build") / "confirmed.json"


def _confirmed(artefact: Artefact) -> dict[str, str]:
    path = _confirmed_path(artefact)
    return json.loads(path.read_text()) if path.is_file() else {}


def _confirm(artefact: Artefact, fingerprint: str | None) -> None:
    """Enter the fingerprint of code that an artefact was confirmed for; None takes it out."""
    path = _confirmed_path(artefact)
    if _confirmed(artefact).get(artefact.name) == fingerprint:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # others may be at it: `make paper` runs on all cores
        found = _confirmed(artefact) | {artefact.name: fingerprint}
        found = {name: of for name, of in found.items() if of is not None}
        text = json.dumps(found, indent=0, sort_keys=True) + "\n"
        provenance.write_atomically(path, text.encode())
    finally:
        os.close(folder)


def _sources() -> str:
    """A digest of the library as it is on disk now, which may not be what this process runs."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return provenance.sha256(b"".join(path.read_bytes() for path in files))


_BEGAN = _sources()


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
