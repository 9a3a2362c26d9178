"""Models of the study with their weights, ready to restore."""

import inspect
import re
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..data import provenance
from ..methods import solvers
from ..methods.base import Denoising
from ..methods.denoisers.any_level import AnyLevel
from ..methods.device import chosen
from ..methods.restorer import Restorer
from ..problems import PROBLEMS, Problem, problem
from . import catalogue, store, weights
from .catalogue import Entry
from .runs import Run


class UntrainedLevel(UserWarning):
    """A level that no weights were made for."""


def fitted(
    model: str, problem: str, level: float, profile: str = "quick", seed: int = 0
) -> Restorer:
    """A model for exactly this problem and level: the shipped weights, else some made now on a profile's budget."""
    from . import fitting  # late: it builds models

    run = Run(model, problem, level, profile, seed)
    shipped = run.in_profile("paper")
    if shipped.weights.is_file() and store.state(shipped.artefact()).usable:
        return open_weights(shipped)
    fitting.fit(run)
    return open_weights(run)


def build(entry: Entry, arguments: dict):
    """An entry's method or module of arguments; paths to weights of what it uses become the trained modules."""
    loaded = {name: _used(provenance.ROOT / arguments[name]) for name in entry.uses}
    return entry.build(arguments | loaded)


def _read(path: Path) -> tuple[dict, dict]:
    """Tensors and header of weights; OSError for damaged ones, for others than those recorded, and for those of another
    model than the folder's."""
    store.check(path)
    tensors, header = weights.read(path)
    facts = header.get("run") or header.get("experiment") or {}  # the latter in older headers
    made = facts.get("model", "no model")
    if made != path.parent.name:
        raise OSError(f"{path} holds the weights of {made}: {weights.WAY_OUT}")
    return tensors, header


def _used(path: Path) -> nn.Module:
    tensors, header = _read(path)
    module = catalogue.entry(path.parent.name).build(header["build"])
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


def at_any_level(name: str, device: str | None = None) -> AnyLevel:
    """A model of the study as a denoiser for Gaussian noise of any level: told it, or with weights for several.

    Raises FileNotFoundError where it has no weights for Gaussian noise, and ValueError for a model that is no denoiser
    or needs the clean image.
    """
    made = levels_with_weights(name, "gaussian") or [load(name).problem.level]
    told = Run(name, "gaussian", made[0]).all_levels
    loaded = {
        level: load(name, level=level, device=device) for level in made[: 1 if told else None]
    }
    if not all(one.restores and isinstance(one.method, Denoising) for one in loaded.values()):
        raise ValueError(f"{name} is no denoiser")
    modules = {level: one.module for level, one in loaded.items()}
    return AnyLevel(modules, (made[0], made[-1]) if told else None)


def solver(
    method: str,
    denoiser: str | None,
    problem: Problem,
    device: str | None = None,
    **settings: float,
) -> Restorer:
    """A method of ``methods.solvers`` by name, with a denoiser of the study by name where it takes one,
    else None.

    ``settings`` are the method's own: steps, level and strength of plug-and-play, for instance. Raises ValueError for
    an unknown method or setting, for a denoiser that is missing or too many, and as :func:`at_any_level`.
    """
    kinds = solvers.found()
    if method not in kinds:
        raise ValueError(f"unknown method {method!r}; there are: {', '.join(kinds)}")
    kind = kinds[method]
    known = list(inspect.signature(kind).parameters)
    if ("denoiser" in known) != (denoiser is not None):
        wants = "needs a denoiser of the study" if "denoiser" in known else "takes no denoiser"
        raise ValueError(f"{method} {wants}, got {denoiser!r}")
    for setting in settings:
        if setting not in known or setting == "denoiser":
            own = [one for one in known if one != "denoiser"]
            raise ValueError(
                f"{method}: unknown setting {setting!r}; there are: {', '.join(own) or 'none'}"
            )
    given = {} if denoiser is None else {"denoiser": at_any_level(denoiser, device)}
    name = method if denoiser is None else f"{method} with {denoiser}"
    return Restorer(name, kind(**given, **settings), problem, device=chosen(device))


def levels_with_weights(name: str, problem: str, seed: int = 0) -> list[float]:
    """The levels of a problem for which shipped weights are on disk, all where one set serves them."""
    levels = PROBLEMS[problem].levels
    first = Run(name, problem, levels[0], seed=seed)
    if first.all_levels:
        known = {*levels, *first.settings.get("between", ())}
        return sorted(known) if first.weights.is_file() else []
    ending = f"-seed-{seed}" if seed else ""
    there = (provenance.ROOT / "data/weights" / name).glob("*.safetensors")
    found = (re.fullmatch(rf"{problem}-([\d.e+-]+?){ending}", path.stem) for path in there)
    return sorted(float(match[1]) for match in found if match)


def open_weights(run: Run, given: Problem | None = None, device: str | None = None) -> Restorer:
    """The model of a run with the weights it has on disk, or built of those of the model it starts from."""
    if run.makes:
        tensors, header = _read(run.weights)
        made = build(run.entry, header["build"])
        made.load_state_dict(tensors)
        made = made.float()
    else:
        made, header = (
            build(run.entry, run.arguments()),
            weights.read(run.tuned[0].weights)[1] if run.tuned else {},
        )
    at = problem(run.problem, run.level)
    if given is not None and given.level == at.level:
        at = given
    return _restorer(run, made, header, at, chosen(device))


def untrained(run: Run) -> Restorer:
    """The model of a run as it is before its training."""
    torch.manual_seed(run.drawn_from)
    at = problem(run.problem, run.level)
    return _restorer(run, build(run.entry, run.arguments()), {}, at, "cpu")


def _restorer(run: Run, made, header: dict, at: Problem, device: str) -> Restorer:
    if isinstance(made, nn.Module):
        made = made.eval().requires_grad_(False).to(device)
    return Restorer(run.model, run.entry.lift(made), at, header, run.entry.restores, device)
