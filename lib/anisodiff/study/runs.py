"""A run makes a model's weights for one problem: what it is built of, how it is made, which runs it starts from."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..data import collections, provenance
from ..problems import PROBLEMS, problem
from . import catalogue, store, weights
from .catalogue import Entry

MAKING = {  # the code that takes part beside the model and the problem
    "tune": (
        "anisodiff.training.tuning.tune_scheme",
        "anisodiff.training.tuning.tune_strength",
        "anisodiff.training.tuning.degraded_crops",
    ),
    "train": (
        "anisodiff.training.loop.begin",
        "anisodiff.training.loop.train",
        "anisodiff.training.batches.Batches",
        "anisodiff.study.weights.stored",
    ),
}


@dataclass(frozen=True)
class Run:
    """One model made for one problem at one level, on the budget of a profile, from a seed.

    A model may be made for all levels of a problem at once (``levels: all`` among its settings), or for all problems of
    the study (``problems: all``): then runs that differ in nothing else are the same one.
    Raises ValueError for an unknown model, problem or profile and for a level out of range.
    """

    model: str
    problem: str
    level: float
    profile: str = "paper"
    seed: int = 0

    def __post_init__(self):
        catalogue.profile(self.profile)
        problem(self.problem, self.level)
        catalogue.variation(self.model)

    @property
    def name(self) -> str:
        made_for = "all" if self.universal else self.problem
        made_for += "" if self.all_levels else f"-{self.level:g}"
        return f"{self.model}/{made_for}" + (f"-seed-{self.seed}" if self.seed else "")

    @cached_property
    def entry(self) -> Entry:
        return catalogue.entry(self.model)

    @property
    def makes(self) -> str | None:
        """How weights come about, ``tune`` or ``train``; None for a model that has none."""
        return "tune" if self.entry.tune else "train" if self.entry.train else None

    @property
    def settings(self) -> dict:
        """The settings of the tuning or training, cut down by the budget; empty for a model without weights."""
        if self.makes is None:
            return {}
        given, budget = getattr(self.entry, self.makes), catalogue.profile(self.profile)["budget"]
        return given | {key: value for key, value in budget.items() if key in given}

    @property
    def collection(self) -> str:
        """The images that it is made on: in the full protocol those of its own settings, where these name some."""
        own = self.settings.get("collection") if self.profile == "paper" else None
        return own or catalogue.profile(self.profile)["train"]

    @property
    def drawn_from(self) -> int:
        """The seed of the training: the run's own, or that of a model's variation (``foe-s-seed-1``)."""
        return catalogue.variation(self.model)[1].get("seed", self.seed)

    @property
    def all_levels(self) -> bool:
        """Whether one set of weights serves all levels."""
        return self._asks("levels")

    @property
    def universal(self) -> bool:
        """Whether one set of weights serves all problems of the study."""
        return self._asks("problems")

    def _asks(self, what: str) -> bool:
        return self.makes is not None and getattr(self.entry, self.makes).get(what) == "all"

    @property
    def weights(self) -> Path:
        """Where the weights are: shipped for the paper profile, else in the build folder."""
        folder = "data/weights" if self.profile == "paper" else f"_build/weights/{self.profile}"
        return provenance.ROOT / folder / f"{self.name}.safetensors"

    def in_profile(self, name: str) -> "Run":
        return replace(self, profile=name)

    # What it starts from

    @cached_property
    def tuned(self) -> list["Run"]:
        """The runs of the tuned model that it starts from: one, or one for each level where it serves all."""
        if not self.entry.init_from:
            return []
        levels = PROBLEMS[self.problem].levels if self.all_levels else [self.level]
        found = [replace(self, model=self.entry.init_from, level=level) for level in levels]
        return [_shipped_or_own(run) for run in found]

    @cached_property
    def continued(self) -> "Run | None":
        """The run whose weights it starts from, where it continues one."""
        name = self.entry.continues
        return _shipped_or_own(replace(self, model=name)) if name else None

    @cached_property
    def used(self) -> dict[str, "Run"]:
        """The trained models that it works with, by argument."""
        asked = {
            argument: replace(self, model=name, seed=0)
            for argument, name in self.entry.uses.items()
        }
        return {argument: _shipped_or_own(run) for argument, run in asked.items()}

    @property
    def ancestors(self) -> list["Run"]:
        """All runs that it starts from or works with, each once."""
        continued = [self.continued] if self.continued else []
        found = (*self.tuned, *continued, *self.used.values())
        return list({run.name: run for run in found}.values())

    def arguments(self) -> dict:
        """What builds it untrained, as plain values: its own arguments, and what it starts from and works with."""
        found = {
            name: str(run.weights.relative_to(provenance.ROOT)) for name, run in self.used.items()
        }
        builds = [weights.read(run.weights)[1]["build"] for run in self.tuned]
        if builds and self.all_levels:
            rows = zip(PROBLEMS[self.problem].levels, builds, strict=True)
            found["tuned"] = [[level, of["lambda_"], of["steps"] * of["tau"]] for level, of in rows]
        elif builds:
            found |= builds[0]
            if self.makes:
                found["steps"] = max(1, found["steps"])  # without a step there is nothing to learn
        return found | self.entry.arguments(self.level)

    # What it is called current by

    def recipe(self) -> dict:
        """What determines the weights beside the code, as plain values."""
        several = PROBLEMS[self.problem].levels if self.all_levels else [self.level]
        levels = list(map(float, several))
        if self.universal:
            levels = {
                name: list(map(float, kind.levels)) for name, kind in catalogue.problems().items()
            }
        return {
            "made of": self.entry.made_of,
            "arguments": self.entry.arguments(self.level),
            "settings": self.settings,
            "problems": list(catalogue.problems()) if self.universal else [self.problem],
            "levels": levels,
            "seed": self.drawn_from,
            "collection": {self.collection: collections.fingerprint(self.collection)},
            "starts from": {run.name: store.content(run.weights) for run in self.ancestors},
        }

    @property
    def roots(self) -> tuple[str, ...]:
        """The definitions whose code takes part in making the weights."""
        asked = catalogue.problems().values() if self.universal else [PROBLEMS[self.problem]]
        problems = [f"{kind.__module__}.{kind.__qualname__}" for kind in asked]
        return (*self.entry.roots, *problems, *MAKING[self.makes or "tune"])

    def artefact(self) -> store.Artefact:
        """Its weights in the store."""
        from . import fitting  # late: what makes weights starts from runs

        folder = "weights" if self.profile == "paper" else f"weights-{self.profile}"
        return store.Artefact(
            name=f"{folder}/{self.name}",
            path=self.weights,
            recipe=self.recipe,
            roots=self.roots,
            starts_from=tuple(run.artefact() for run in self.ancestors),
            make=lambda: fitting.fit(self),
            probe=lambda: fitting.probe(self),
        )


def grid(profile: str = "paper") -> list[Run]:
    """All runs of the study whose model has weights to make, each once."""
    asked = [
        Run(model, name, level, profile)
        for model in catalogue.names()
        for name in catalogue.entry(model).grid
        for level in catalogue.levels(model, name)
    ]
    return list({run.name: run for run in asked if run.makes}.values())


def _shipped_or_own(run: Run) -> Run:
    """The run on the full budget where its weights are there and of today's recipe, else on its own."""
    shipped = run.in_profile("paper")
    if run == shipped:
        return run
    there = shipped.weights.is_file() and store.state(shipped.artefact()).usable
    return shipped if there else run
