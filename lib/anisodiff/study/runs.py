"""A run makes a model's weights for one problem: what it is built of, how it is trained, which runs it starts from."""

import re
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..data import collections, provenance
from ..methods.device import chosen
from ..methods.restorer import Restorer
from ..problems import PROBLEMS, Problem, problem
from ..training import loop, tuning
from ..training.objectives import Batch, Objective, objective
from . import catalogue, store, weights
from .catalogue import Entry


class UntrainedLevel(UserWarning):
    """A level that no weights were made for."""


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
        """The settings of the tuning or training, cut down by the profile's budget; empty for a model without weights."""
        if self.makes is None:
            return {}
        given, budget = getattr(self.entry, self.makes), catalogue.profile(self.profile)["budget"]
        return given | {key: value for key, value in budget.items() if key in given}

    @property
    def collection(self) -> str:
        """The images that it is made on."""
        return catalogue.profile(self.profile)["train"]

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

    @property
    def tuned(self) -> list["Run"]:
        """The runs of the tuned model that it starts from: of one level, or of each where it serves all."""
        if not self.entry.init_from:
            return []
        levels = PROBLEMS[self.problem].levels if self.all_levels else [self.level]
        found = [replace(self, model=self.entry.init_from, level=level) for level in levels]
        return (
            list({run.name: run for run in map(_shipped_or_own, found)}.values()) if found else []
        )

    @property
    def used(self) -> dict[str, "Run"]:
        """The trained models that it works with: the shipped ones, else some on the same budget."""
        return {
            argument: _shipped_or_own(replace(self, model=name, seed=0))
            for argument, name in self.entry.uses.items()
        }

    def arguments(self) -> dict:
        """What builds it untrained: its own arguments, and what it starts from and works with, as plain values."""
        found = {
            argument: str(run.weights.relative_to(provenance.ROOT))
            for argument, run in self.used.items()
        }
        if self.entry.init_from and self.all_levels:
            levels = PROBLEMS[self.problem].levels
            builds = [_header(_shipped_or_own(replace(self, model=self.entry.init_from, level=level)))["build"]
                      for level in levels]  # fmt: skip
            found["tuned"] = [
                [level, build["lambda_"], build["steps"] * build["tau"]]
                for level, build in zip(levels, builds, strict=True)
            ]
        elif self.entry.init_from:
            found |= _header(self.tuned[0])["build"]
            if self.makes:
                found["steps"] = max(1, found["steps"])  # without a step there is nothing to learn
        return found | self.entry.arguments(self.level)

    # What it is called current by

    def recipe(self) -> dict:
        """What determines the weights beside the code, as plain values."""
        several = PROBLEMS[self.problem].levels if self.all_levels else [self.level]
        levels = [float(level) for level in several]
        if self.universal:
            levels = {
                name: list(map(float, how.levels)) for name, how in catalogue.problems().items()
            }
        return {
            "made of": self.entry.made_of,
            "arguments": self.entry.arguments(self.level),
            "settings": self.settings,
            "problems": list(catalogue.problems()) if self.universal else [self.problem],
            "levels": levels,
            "seed": self.drawn_from,
            "collection": {self.collection: collections.fingerprint(self.collection)},
            "starts from": {
                run.name: store.content(run.weights) for run in (*self.tuned, *self.used.values())
            },
        }

    def artefact(self) -> store.Artefact:
        """Its weights in the store."""
        asked = catalogue.problems() if self.universal else [self.problem]
        how = [f"{PROBLEMS[name].__module__}.{PROBLEMS[name].__qualname__}" for name in asked]
        roots = [
            self.entry.made_of,
            *(catalogue.entry(name).made_of for name in self.entry.uses.values()),
            f"{Entry.__module__}.{Entry.__qualname__}",  # which builds it
            *how,
            f"{__name__}.{self.makes}",
            "anisodiff.data.collections.load",
        ]
        ancestors = (*self.tuned, *self.used.values())
        return store.Artefact(
            name=f"weights/{self.name}"
            if self.profile == "paper"
            else f"weights-{self.profile}/{self.name}",
            path=self.weights,
            recipe=self.recipe,
            roots=tuple(roots),
            starts_from=tuple(run.artefact() for run in ancestors),
            make=lambda: fit(self),
            probe=lambda: probe(self),
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


def fitted(
    model: str, problem: str, level: float, profile: str = "quick", seed: int = 0
) -> Restorer:
    """A model for exactly this problem and level: the shipped weights, else some made now on a profile's budget."""
    own = Run(model, problem, level, profile, seed)
    shipped = own.in_profile("paper")
    as_shipped = shipped.weights.is_file() and store.is_current(shipped.artefact())
    run = shipped if as_shipped else own
    fit(run)
    return open_weights(run)


def fit(run: Run, device: str = "cpu") -> None:
    """Tune or train a model and write its weights; nothing to do where they are there and current.

    A training that was interrupted goes on from its last checkpoint. Raises ValueError for a model without weights, and
    TrainingFailed when the loss is not finite.
    """
    if not run.makes:
        raise ValueError(f"{run.model} has nothing to fit")
    for ancestor in (*run.tuned, *run.used.values()):
        fit(ancestor)
    if run.weights.is_file() and store.is_current(run.artefact()):
        return  # what is too large to be shipped may be current without being here
    stamp, start = provenance.stamp(device), time.monotonic()
    file = f"{run.name.replace('/', '-')}-{store.token(run.artefact())}.pt"
    checkpoint = provenance.ROOT / "_build/checkpoints" / file
    module, facts = tune(run) if run.makes == "tune" else train(run, checkpoint, device)
    header = {
        "run": asdict(run),
        "settings": run.settings,
        "seconds": round(time.monotonic() - start, 1),
    }
    header |= facts | stamp  # a resumed training counts its own seconds
    weights.write(run.weights, module, header)
    large = run.weights.stat().st_size > weights.SHIPPED or not run.entry.shipped
    found = {"seconds": header["seconds"]} | stamp | ({"header": header} if large else {})
    store.record(run.artefact(), found)


def tune(run: Run, collection: str = "", side: int = 256, **other) -> tuple[nn.Module, dict]:
    """The setting with the best mean PSNR on training crops, as a module and what there is to say of it."""
    settings, own = run.settings | other, run.entry.arguments(run.level)
    levels = PROBLEMS[run.problem].levels if run.all_levels else [run.level]
    collection = collection or run.collection
    pairs = [
        tuning.degraded_crops(
            collection, problem(run.problem, level), settings["crops"], side, run.seed
        )
        for level in levels
    ]
    crops = [np.concatenate(part) for part in zip(*pairs, strict=True)]
    if "strengths" in settings:
        fixed = own | {"noise": run.level}
        build = lambda strength: run.entry.build({"strength": strength} | fixed)  # noqa: E731
        tuned, score = tuning.tune_strength(*crops, settings, run.level, build)
    else:
        fixed = own | {"tau": settings["tau"]}
        tuned, score = tuning.tune_scheme(*crops, settings, own["option"], "released" in run.model)
    arguments = tuned | fixed
    return run.entry.build(arguments), {"build": arguments, "tuned": tuned, "training_psnr": score}


def train(run: Run, checkpoint: Path, device: str = "cpu") -> tuple[nn.Module, dict]:
    """Minimise the run's objective over random degraded crops; the module and what there is to say of it."""
    arguments = run.arguments()
    draw, validation = _batches(run, collections.load(run.collection), run.settings)
    objective = _objective(run, arguments, run.settings)
    facts = loop.train(objective, draw, validation, checkpoint, run.name, device)
    module = objective.module.cpu()
    module.load_state_dict(
        weights.stored(module)
    )  # what is kept, in half precision, is what is scored
    scored = {f"validation_{objective.measure}_stored": objective.score(validation)}
    return module, {"build": arguments} | facts | scored


def probe(run: Run) -> dict[str, float]:
    """What tells whether changed code still makes these weights: the first steps of the training on tiny crops of images
    that everybody has, or a tiny tuning on them."""
    if run.makes == "tune":
        _, facts = tune(run, "shipped/train", 64, crops=1, tries=3)
        return {"psnr": facts["training_psnr"]} | facts["tuned"]
    settings = run.settings | {"batch": 2, "crop": 32, "validation": 2}
    images = collections.load("shipped/train")
    draw, validation = _batches(run, images, settings)
    objective = _objective(run, run.arguments(), settings)
    losses = {f"loss {step}": objective.step(draw(step))["loss"] for step in range(3)}
    # An untrained network may hardly see what befell the crops: it is looked at as well, on enough for all problems.
    many = _batch(run, images, settings, 32, np.random.default_rng(0))
    drawn = {"clean": many.clean.mean(), "error": (many.degraded - many.clean).abs().mean()}
    drawn = {name: float(value) for name, value in drawn.items()}
    return losses | drawn | {objective.measure: objective.score(validation)}


def _objective(run: Run, arguments: dict, settings: dict) -> Objective:
    torch.manual_seed(run.drawn_from)
    module = build(run, arguments).to(memory_format=torch.channels_last)  # a quarter faster
    return objective(module, settings)


def _batches(run: Run, images: list, settings: dict) -> tuple[Callable[[int], Batch], Batch]:
    """What draws the batch of a step, and the validation batch, of every tenth image."""
    held_out, kept = images[::10], [image for at, image in enumerate(images) if at % 10]
    seed = run.drawn_from
    validation = _batch(
        run, held_out, settings, settings["validation"], np.random.default_rng([seed, 1])
    )

    def draw(step: int) -> Batch:
        return _batch(
            run, kept, settings, settings["batch"], np.random.default_rng([seed, 2, step])
        )

    return draw, validation


def _batch(run: Run, images: list, settings: dict, count: int, rng: np.random.Generator) -> Batch:
    clean = collections.random_crops(images, settings["crop"], count, rng)
    drawn = [_drawn(run, rng) for _ in clean]
    degraded = [how.measure(crop, rng).y for how, crop in zip(drawn, clean, strict=True)]
    levels = torch.tensor([float(how.level) for how in drawn])
    return Batch(
        torch.from_numpy(clean)[:, None],
        torch.stack(degraded)[:, None],
        levels[:, None, None, None],
    )


def _drawn(run: Run, rng: np.random.Generator) -> Problem:
    """The problem of one crop; where the model is made for several, drawn, the level evenly in its logarithm."""
    if not run.all_levels:
        return problem(run.problem, run.level)
    name = str(rng.choice(list(catalogue.problems()))) if run.universal else run.problem
    ends = np.log([PROBLEMS[name].levels[at] for at in (0, -1)])
    return problem(name, float(np.exp(rng.uniform(*ends))))


# Loading --------------------------------------------------------------------------------------------------------------


def build(run: Run, arguments: dict):
    """A run's method or module of arguments; paths to weights of what it uses become the trained modules."""
    loaded = {name: _used(run, provenance.ROOT / arguments[name]) for name in run.entry.uses}
    return run.entry.build(arguments | loaded)


def _used(run: Run, path: Path) -> nn.Module:
    tensors, header = weights.read(path)
    name = header.get("run", header.get("experiment"))["model"]
    module = replace(run, model=name).entry.build(header["build"])
    module.load_state_dict(tensors)
    return module.float().eval().requires_grad_(False)


def load(
    name: str,
    degradation: str = "gaussian",
    level: float = 25,
    seed: int = 0,
    *,
    problem: Problem | None = None,
    device: str | None = None,
) -> Restorer:
    """A model of the study with its shipped weights for a problem, ready to restore.

    The problem is given by its name and level (``degradation``, ``level``), or as such; ``device`` as in
    :func:`~anisodiff.methods.device.chosen`. Where no weights were made for
    the level, those of the nearest level are taken, with an UntrainedLevel warning.
    Raises ValueError for an unknown model, problem or a level out of range, FileNotFoundError where the problem has no
    weights at all, and OSError for damaged ones.
    """
    if problem is not None:
        degradation, level = problem.name, problem.level
    wanted = Run(name, degradation, level, seed=seed)
    if not wanted.makes and not wanted.entry.init_from:
        return open_weights(wanted, problem, device)
    made = levels_with_weights(name if wanted.makes else wanted.entry.init_from, degradation, seed)
    if not made:
        has = [kind for kind in PROBLEMS if levels_with_weights(name, kind, seed)]
        raise FileNotFoundError(
            f"{name} has no weights for {degradation} (it has them for: {', '.join(has) or 'nothing'}); "
            f"`anisodiff fit {name} --degradation {degradation} --level {level:g}` makes them"
        )
    nearest = min(made, key=lambda other: abs(np.log(other / level)))
    if wanted.all_levels and made[0] <= level <= made[-1]:
        nearest = level
    if nearest != level:
        warnings.warn(
            f"{name} was not made for {degradation} at {level:g}, only at {', '.join(f'{at:g}' for at in made)}: "
            f"the weights for {nearest:g} are used",
            UntrainedLevel,
            stacklevel=2,
        )
    return open_weights(replace(wanted, level=nearest), problem, device)


def levels_with_weights(name: str, problem: str, seed: int = 0) -> list[float]:
    """The levels of a problem for which shipped weights are on disk, all where one set serves them."""
    levels = PROBLEMS[problem].levels
    first = Run(name, problem, levels[0], seed=seed)
    if first.all_levels:
        return list(levels) if first.weights.is_file() else []
    ending = f"-seed-{seed}" if seed else ""
    there = (provenance.ROOT / "data/weights" / name).glob("*.safetensors")
    found = (re.fullmatch(rf"{problem}-([\d.e+-]+?){ending}", path.stem) for path in there)
    return sorted(float(match[1]) for match in found if match)


def open_weights(run: Run, given: Problem | None = None, device: str | None = None) -> Restorer:
    """The model of a run with the weights it has on disk, or built of those of the model it starts from."""
    if run.makes:
        tensors, header = weights.read(run.weights)
        made = build(run, header["build"])
        made.load_state_dict(tensors)
        made = made.float()
    else:
        made, header = build(run, run.arguments()), _header(run.tuned[0]) if run.tuned else {}
    at = problem(run.problem, run.level)
    if given is not None and given.level == at.level:
        at = given
    return _restorer(run, made, header, at, chosen(device))


def untrained(run: Run) -> Restorer:
    """The model of a run as it is before its training."""
    return _restorer(run, build(run, run.arguments()), {}, problem(run.problem, run.level), "cpu")


def _restorer(run: Run, made, header: dict, at: Problem, device: str) -> Restorer:
    if isinstance(made, nn.Module):
        made = made.eval().requires_grad_(False).to(device)
    return Restorer(run.model, run.entry.lift(made), at, header, run.entry.restores, device)


def _header(run: Run) -> dict:
    return weights.read(run.weights)[1]


def _shipped_or_own(run: Run) -> Run:
    """The run on the full budget where its weights are there and current, else on its own."""
    shipped = run.in_profile("paper")
    if run == shipped:
        return run
    there = shipped.weights.is_file() and store.state(shipped.artefact()).usable
    return shipped if there else run
