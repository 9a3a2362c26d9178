"""Problems by name: how a clean image becomes a measurement. Every module of this folder is searched for them."""

import zlib
from dataclasses import MISSING, fields
from importlib import import_module
from pkgutil import iter_modules

import numpy as np

from .base import LinearOperator, Measurement, Problem

__all__ = [
    "PROBLEMS",
    "LinearOperator",
    "Measurement",
    "Problem",
    "found",
    "parse",
    "problem",
    "seeded",
]

_FIRST = ("gaussian", "poisson", "salt-pepper", "blur", "inpainting", "downsample")


def found() -> dict[str, type[Problem]]:
    """The problems in the modules of this folder, by name: the study's first, then the others by the alphabet."""
    modules = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    kinds = {
        kind.name: kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Problem) and "name" in vars(kind)
    }
    order = [*(name for name in _FIRST if name in kinds), *sorted(set(kinds) - set(_FIRST))]
    return {name: kinds[name] for name in order}


def problem(name: str, level: float | None = None, **parameters: float) -> Problem:
    """A problem by name, its level given as such or by its own name: ``problem("blur", 4)``,
    ``problem("blur", variance=4, sigma=2)``.

    Raises ValueError, naming what was met and what there is, for an unknown name or parameter, for a level that is
    missing or given twice, and for a value out of range.
    """
    if name not in PROBLEMS:
        raise ValueError(f"unknown problem {name!r}; there are: {', '.join(PROBLEMS)}")
    kind = PROBLEMS[name]
    known = kind.parameters()
    for parameter in parameters:
        if parameter not in known:
            raise ValueError(
                f"{name}: unknown parameter {parameter!r}; there are: {', '.join(known)}"
            )
    if level is not None and known[0] in parameters:
        raise ValueError(
            f"{name}: its level is given twice, as {level!r} and as {known[0]}={parameters[known[0]]!r}"
        )
    if level is not None:
        parameters[known[0]] = level
    required = [f.name for f in fields(kind) if f.name in known and f.default is MISSING]
    for parameter in required:
        if parameter not in parameters:
            raise ValueError(f"{name}: {parameter} is missing ({kind.unit})")
    return kind(**parameters)


def parse(text: str) -> Problem:
    """A problem as a command line has it: ``gaussian,25`` or ``blur,variance=4,sigma=2``.

    Raises ValueError as :func:`problem` does, and for what is not a number.
    """
    name, *words = (word.strip() for word in text.split(","))
    level, parameters = None, {}
    for word in words:
        parameter, equals, value = word.rpartition("=")
        parameter = parameter.strip()
        if not equals and word is words[0]:
            level = _number(text, value)
        elif not equals or parameter in parameters:
            raise ValueError(f"{text!r}: {word!r} is not a further parameter=number")
        else:
            parameters[parameter] = _number(text, value)
    return problem(name, level, **parameters)


def seeded(seed: int, collection: str, image: str, problem: Problem) -> np.random.Generator:
    """The generator (PCG64) for one measurement of the study: a function of its arguments alone.

    Of the problem, its name and its level enter, and those further parameters that are not the default.
    """
    words = [collection, image, problem.name, f"{problem.level:g}"]
    for f in fields(problem):
        value = getattr(problem, f.name)
        if f.name in problem.parameters()[1:] and value != f.default:
            words.append(f"{f.name}={value:g}")
    return np.random.default_rng([seed, zlib.crc32("/".join(words).encode())])


def _number(text: str, value: str) -> float:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    raise ValueError(f"{text!r}: {value!r} is not a number")


PROBLEMS = found()
