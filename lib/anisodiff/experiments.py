"""What is trained and scored: the grid of ``study.yml`` as experiments with a digest and a place for their weights."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from .degradations import DEGRADATIONS, degradation
from .provenance import ROOT

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


@dataclass(frozen=True)
class Experiment:
    """One model made for one degradation at one level, on the budget of a profile, from a seed."""

    model: str
    degradation: str
    level: float
    profile: str = "paper"
    seed: int = 0

    def __post_init__(self):
        profile(self.profile)
        degradation(self.degradation, self.level)
        if self.model not in study()["models"]:
            raise ValueError(f"unknown model {self.model!r}; there are: {', '.join(study()['models'])}")

    @property
    def name(self) -> str:
        return f"{self.model}/{self.degradation}-{self.level:g}" + (f"-seed-{self.seed}" if self.seed else "")

    @property
    def settings(self) -> dict:
        """What makes the weights: the model's entry in ``study.yml``, cut down by the profile's budget."""
        entry, budget = study()["models"][self.model], profile(self.profile)["budget"]
        made = {
            kind: settings | {key: value for key, value in budget.items() if key in settings}
            for kind, settings in entry.items()
            if kind in ("tune", "train")
        }
        return made | {"collection": profile(self.profile)["train"]} if made else {}

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with anything that should make the weights anew."""
        recipe = json.dumps(asdict(self) | {"level": float(self.level), "settings": self.settings}, sort_keys=True)
        return hashlib.sha256(recipe.encode()).hexdigest()[:12]

    @property
    def weights(self) -> Path:
        """Where the weights are: shipped for the paper profile, else in the build folder."""
        folder = ROOT / "data/weights" if self.profile == "paper" else ROOT / "_build/weights" / self.profile
        return folder / f"{self.name}.safetensors"

    def in_profile(self, name: str) -> "Experiment":
        return replace(self, profile=name)


def levels(model: str, kind: str) -> list[float]:
    """The levels of a degradation that ``study.yml`` gives a model; empty where it has none."""
    asked = study()["models"][model]["grid"].get(kind, [])
    return list(DEGRADATIONS[kind].levels) if asked == "all" else list(asked)


def grid(name: str = "paper") -> list[Experiment]:
    """All experiments of the study whose model has weights to make."""
    return [
        Experiment(model, kind, level, name)
        for model, entry in study()["models"].items()
        if "tune" in entry or "train" in entry
        for kind in entry["grid"]
        for level in levels(model, kind)
    ]
