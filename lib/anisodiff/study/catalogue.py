"""What the study holds: reads ``study/*.yml``, and builds what an entry names.

=================  ============================================================================================
``summary``        what a model is
``diffusivity``,   the class it is made of: one of the four, a name below the folder of that kind or a full dotted
``denoiser``,      one
``method``,
``detector``
``arguments``      of that class; ``sizes``: those that depend on the level
``init_from``      the tuned model whose settings it starts from; ``continues``: the trained one whose weights it starts
                   from; ``uses``: trained models that it works with
``tune``,          how its weights are made
``train``
``grid``           the problems and levels it is made for and scored on
``collections``    where it is scored beside the protocol
``vary``           what may vary, at the problems and levels of ``vary_at`` alone where it is given; ``unshipped``: what
                   varies without its weights being shipped
=================  ============================================================================================

``study/schema.json`` is the format.
"""

import importlib
import importlib.util
import inspect
import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import yaml
from torch import nn

from ..data.provenance import ROOT
from ..methods.base import Denoising, Method
from ..methods.diffusion.base import Diffusivity
from ..methods.diffusion.scheme import Diffusion
from ..methods.diffusion.untied import Untied
from ..problems import PROBLEMS

KINDS = {  # what an entry is made of, and where such a class lives
    "diffusivity": "anisodiff.methods.diffusion",
    "denoiser": "anisodiff.methods.denoisers",
    "method": "anisodiff.methods",
    "detector": "anisodiff.borders",
}
PROFILES = ("smoke", "quick", "paper")


@dataclass(frozen=True)
class Entry:
    """A model of the study as ``study/*.yml`` has it."""

    name: str
    summary: str
    kind: str  # a key of KINDS
    made_of: str  # the dotted name of the class
    fixed: dict = field(default_factory=dict)
    sizes: dict = field(
        default_factory=dict
    )  # level to arguments, for a published size that depends on the level
    init_from: str | None = None
    continues: str | None = None
    uses: dict[str, str] = field(default_factory=dict)
    tune: dict | None = None
    train: dict | None = None
    grid: dict[str, list[float]] = field(default_factory=dict)
    collections: list[str] = field(default_factory=list)
    vary: dict[str, list[int]] = field(default_factory=dict)
    unshipped: list[str] = field(
        default_factory=list
    )  # what varies without its weights being shipped
    shipped: bool = True  # whether small weights are

    def arguments(self, level: float) -> dict:
        """The arguments that are its own at a level, whose size is that of the nearest published one."""
        nearest = min(self.sizes, key=lambda other: abs(np.log(other / level)), default=None)
        return self.sizes.get(nearest, {}) | self.fixed

    @property
    def restores(self) -> bool:
        """Whether it gives images; a detector gives probabilities."""
        return self.kind != "detector"

    @property
    def roots(self) -> tuple[str, ...]:
        """The definitions whose code takes part whenever it works, by dotted name."""
        schemes = (f"{Diffusion.__module__}.Diffusion", f"{Untied.__module__}.Untied")
        used = (entry(name).made_of for name in self.uses.values())
        return (self.made_of, *used, *(schemes if self.kind == "diffusivity" else ()))

    def lift(self, made: nn.Module | Method) -> Method:
        """What was built as a method."""
        return made if isinstance(made, Method) else Denoising(made, self.name)

    def build(self, arguments: dict[str, Any]) -> nn.Module | Method:
        """The model with these arguments, untrained. Of a diffusivity the whole diffusion, whose ``steps``, ``tau`` and
        ``data`` stand among the arguments; a diffusivity that names the first two is given them as well."""
        made_of = resolve(self.made_of)
        if not issubclass(made_of, Diffusivity):
            return made_of(**arguments)
        own = dict(arguments)
        scheme = {name: own.pop(name) for name in ("steps", "tau", "data") if name in own}
        untied = own.pop("untied", False)
        own |= {
            name: scheme[name] for name in inspect.signature(made_of).parameters if name in scheme
        }
        g = Untied(lambda: made_of(**own), scheme["steps"]) if untied else made_of(**own)
        return Diffusion(g, **scheme)


def resolve(name: str) -> type:
    """A class by its dotted name; ValueError where there is none."""
    module, _, attribute = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the study names {name!r}, which is not there ({error})") from error


@cache
def study() -> dict[str, Any]:
    """All of ``study/*.yml``: what ``protocol.yml`` says, and under ``models`` the entries of all families."""
    files = {
        path.stem: yaml.load(path.read_text(), yaml.CSafeLoader)
        for path in sorted((ROOT / "study").glob("*.yml"))
    }
    found = files.pop("protocol") | {"models": {}}
    for family in dict.fromkeys([*found["families"], *files]):
        found["models"] |= files[family]
    return found


def profile(name: str) -> dict:
    """A profile of ``protocol.yml``; ValueError for a name unknown there."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}; there are: {', '.join(PROFILES)}")
    return study()["profiles"][name]


def problems() -> dict[str, type]:
    """The problems of the study's grid, by name."""
    return {name: PROBLEMS[name] for name in study()["problems"]}


def protocol(collection: str | None = None) -> dict:
    """How scores come about: the study's protocol, or that of a further collection, whose images are taken whole."""
    first = study()["protocol"]
    return first if collection is None else first | {"collection": collection, "crop": None}


def variation(name: str) -> tuple[str, dict[str, int]]:
    """A model's name as the one that it varies, and how: ``p1-intervals-4`` is p1 with intervals 4.

    ``vary`` lists what may vary, and the values that belong to the study; any other whole number makes a model as well.
    Raises ValueError for an unknown name.
    """
    listed = study()["models"]
    if name in listed:
        return name, {}
    match = re.fullmatch(r"(.+)-([a-z]+)-(\d+)", name)
    if match and match[2] in listed.get(match[1], {}).get("vary", {}):
        return match[1], {match[2]: int(match[3])}
    raise ValueError(f"unknown model {name!r}; there are: {', '.join(names())}")


def names() -> list[str]:
    """All models of the study, each followed by its variations."""
    return [
        name
        for model, listed in study()["models"].items()
        for name in (
            model,
            *(
                f"{model}-{key}-{value}"
                for key, of in listed.get("vary", {}).items()
                for value in of
            ),
        )
    ]


def entry(name: str) -> Entry:
    """The entry of a model or, for a variation, that of the model it varies, with that argument."""
    base, varied = variation(name)
    listed = dict(study()["models"][base])
    (kind,) = KINDS.keys() & listed.keys()
    made_of = _full(kind, listed.pop(kind))
    listed["fixed"] = listed.pop("arguments", {})
    listed["grid"] = _grid(listed.get("grid", {}))
    vary_at = _grid(listed.pop("vary_at", listed["grid"]))
    listed["collections"] = [
        collection
        for name in listed.get("collections", [])
        for collection in (study()["further"]["collections"] if name == "further" else [name])
    ]
    found = Entry(name, kind=kind, made_of=made_of, **listed)
    if not varied:
        return found
    how = ", ".join(f"{key} {value}" for key, value in varied.items())
    own = {key: value for key, value in varied.items() if key != "seed"}  # which is the training's
    start = found.init_from and found.init_from + name.removeprefix(base)
    return replace(
        found,
        summary=f"{found.summary}, {how}",
        fixed=found.fixed | own,
        init_from=start,
        grid=vary_at,
        collections=[],
        shipped=found.shipped and not varied.keys() & set(found.unshipped),
    )


def levels(model: str, problem: str, collection: str | None = None) -> list[float]:
    """The levels that the study gives a model for a problem, on a further collection those of ``further`` alone."""
    given = entry(model).grid.get(problem, [])
    if collection is None:
        return given
    further = study()["further"]
    return [
        level for level in given if problem == further["problem"] and level in further["levels"]
    ]


def scored() -> list[tuple[str, str]]:
    """All models of the study that restore photographs, with each problem that they are scored on."""
    return [
        (name, problem)
        for name in names()
        if (found := entry(name)).restores and "collection" not in (found.train or {})
        for problem in found.grid
    ]


def further() -> list[tuple[str, str, str]]:
    """All models that are scored on further collections (their variations are not), with each of these."""
    problem = study()["further"]["problem"]
    return [
        (name, problem, collection)
        for name in study()["models"]
        for collection in entry(name).collections
    ]


def retrained() -> list[tuple[str, str, str]]:
    """The other trainings of the models in :func:`further`, with the one further collection that they are scored on."""
    given = study()["further"]
    return [
        (name, given["problem"], given["seeds"])
        for name in names()
        if "seed" in variation(name)[1] and given["seeds"] in entry(variation(name)[0]).collections
    ]


@cache
def _full(kind: str, name: str) -> str:
    """``classic.PeronaMalik`` as ``anisodiff.methods.diffusion.classic.PeronaMalik``; a full name stays."""
    below = f"{KINDS[kind]}.{name}"
    module = below.rpartition(".")[0]
    try:
        return below if importlib.util.find_spec(module) else name
    except ModuleNotFoundError:
        return name


def _grid(given: dict | str) -> dict[str, list[float]]:
    if given == "all":
        given = dict.fromkeys(problems(), "all")
    return {
        name: list(PROBLEMS[name].levels) if of == "all" else list(of) for name, of in given.items()
    }
