"""What is trained and scored: the grid of ``study.yml`` as experiments with a digest and a place for their weights."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from ..data.provenance import ROOT
from ..problems.degradations import DEGRADATIONS, degradation
from . import weights

PROFILES = ("smoke", "quick", "paper")


@cache
def study() -> dict:
    """``study.yml`` as it stands."""
    return yaml.safe_load((ROOT / "study.yml").read_text())


def profile(name: str) -> dict:
    """A profile of ``study.yml``; ValueError for a name unknown there."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}; there are: {', '.join(PROFILES)}")
    return study()["profiles"][name]


def protocol(collection: str | None = None) -> dict:
    """How scores come about: the study's protocol, or that of a further collection, whose images are taken whole."""
    first = study()["protocol"]
    return first if collection is None else first | {"collection": collection, "crop": None}


def variation(name: str) -> tuple[str, dict]:
    """A model's name as the one of ``study.yml`` that it varies, and how: ``p1-intervals-4`` is p1 with intervals 4.

    ``vary`` lists what may vary, and the values that belong to the study; any other whole number makes a model as well.
    Raises ValueError for a name unknown there.
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
        for model, entry in study()["models"].items()
        for name in (
            model,
            *(
                f"{model}-{key}-{value}"
                for key, of in entry.get("vary", {}).items()
                for value in of
            ),
        )
    ]


def entry(name: str) -> dict:
    """The entry of a model in ``study.yml``, for a variation that of the model which it varies."""
    return study()["models"][variation(name)[0]]


@dataclass(frozen=True)
class Experiment:
    """One model made for one degradation at one level, on the budget of a profile, from a seed.

    A model may be made for all levels of a degradation at once (``levels: all`` among its settings), or for all
    degradations (``degradations: all``): then experiments that differ in nothing else are the same one.
    """

    model: str
    degradation: str
    level: float
    profile: str = "paper"
    seed: int = 0

    def __post_init__(self):
        profile(self.profile)
        degradation(self.degradation, self.level)
        variation(self.model)

    @property
    def name(self) -> str:
        made_for = ("all" if self.universal else self.degradation) + (
            "" if self.all_levels else f"-{self.level:g}"
        )
        return f"{self.model}/{made_for}" + (f"-seed-{self.seed}" if self.seed else "")

    @property
    def drawn_from(self) -> int:
        """The seed of the training: the experiment's own, or that of a model's variation (``foe-s-seed-1``)."""
        return variation(self.model)[1].get("seed", self.seed)

    @property
    def all_levels(self) -> bool:
        """Whether one set of weights serves all levels."""
        return self._asks("levels")

    @property
    def universal(self) -> bool:
        """Whether one set of weights serves all degradations."""
        return self._asks("degradations")

    def _asks(self, what: str) -> bool:
        return any(entry(self.model).get(kind, {}).get(what) == "all" for kind in ("tune", "train"))

    @property
    def settings(self) -> dict:
        """What makes the weights: the model's entry in ``study.yml``, cut down by the profile's budget."""
        budget = profile(self.profile)["budget"]
        made = {
            kind: settings | {key: value for key, value in budget.items() if key in settings}
            for kind, settings in entry(self.model).items()
            if kind in ("tune", "train")
        }
        if self.classifier:
            made["classifier"] = (weights.header(self.classifier.weights) or {}).get(
                "sha256", "none"
            )[:12]
        return made | {"collection": profile(self.profile)["train"]} if made else {}

    @property
    def classifier(self) -> "Experiment | None":
        """The classifier of borders that the model is trained with: the shipped one, else one on the same budget."""
        name = entry(self.model).get("train", {}).get("classifier")
        if name is None:
            return None
        shipped = replace(self, model=name, profile="paper", seed=0)
        return shipped if shipped.weights.is_file() else shipped.in_profile(self.profile)

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with anything that should make the weights anew."""
        made_for = {
            "level": None if self.all_levels else float(self.level),
            "degradation": None if self.universal else self.degradation,
        }
        recipe = json.dumps(asdict(self) | made_for | {"settings": self.settings}, sort_keys=True)
        return hashlib.sha256(recipe.encode()).hexdigest()[:12]

    @property
    def weights(self) -> Path:
        """Where the weights are: shipped for the paper profile, else in the build folder."""
        folder = (
            ROOT / "data/weights"
            if self.profile == "paper"
            else ROOT / "_build/weights" / self.profile
        )
        return folder / f"{self.name}.safetensors"

    def in_profile(self, name: str) -> "Experiment":
        return replace(self, profile=name)


def levels(model: str, kind: str, collection: str | None = None) -> list[float]:
    """The levels of a degradation that ``study.yml`` gives a model, on a further collection those of ``further`` alone;
    empty where it has none."""
    asked = entry(model)["grid"].get(kind, [])
    given = list(DEGRADATIONS[kind].levels) if asked == "all" else list(asked)
    return (
        given if collection is None else [level for level in given if level in study()["further"]]
    )


def scored() -> list[tuple[str, str]]:
    """All models of the study that restore, with each degradation that they are scored on."""
    return [
        (name, kind)
        for name in names()
        if "finds" not in entry(name)
        for kind in entry(name)["grid"]
    ]


def further() -> list[tuple[str, str, str]]:
    """All models that are scored on further collections (``also``; their variations are not), with each of these."""
    return [
        (name, kind, collection)
        for name, listed in study()["models"].items()
        for kind, collections in listed.get("also", {}).items()
        for collection in collections
    ]


def grid(name: str = "paper") -> list[Experiment]:
    """All experiments of the study whose model has weights to make, each once."""
    asked = [
        Experiment(model, kind, level, name)
        for model in names()
        for kind in entry(model)["grid"]
        for level in levels(model, kind)
    ]
    return list(
        {experiment.name: experiment for experiment in asked if experiment.settings}.values()
    )
