"""The diffusions of the page for newcomers."""

import warnings

import numpy as np

from ..methods.base import Denoising
from ..methods.diffusion import evolution
from ..methods.diffusion.base import Diffusivity
from ..methods.diffusion.classic import Constant, PeronaMalik
from ..methods.diffusion.scheme import STABLE, Diffusion, UnstableStep
from ..methods.restorer import Restorer
from ..problems import Problem, problem
from ..study import restorers
from . import eye, records

TAU = 0.2
FILMED = [*range(7), 8, 10, 15, 20, 30, 40, 60]  # steps
WHOLE = 256  # side of what is shown of a photograph, pixels
SIDE = 96  # of what is filmed


def heat(at: Problem, steps: int = 1) -> Restorer:
    """The heat equation, in steps of TAU."""
    return _diffusion(Constant(), at, steps, TAU)


def classic(at: Problem, lambda_: float, steps: int = 1, tau: float = TAU) -> Restorer:
    """The classic with a lambda in gray levels."""
    return _diffusion(PeronaMalik(lambda_), at, steps, tau)


def part(image: str, rows: int = SIDE, columns: int = SIDE) -> np.ndarray:
    """What is filmed of a photograph: of its centred square the middle of the top, (rows, columns)."""
    left = (WHOLE - columns) // 2
    return records.photograph(image, side=WHOLE)[:rows, left : left + columns]


def films(image: str, sigma: float, seed: int) -> list[tuple[str, list[tuple[str, str]], int]]:
    """The bundles of the classic with other lambdas, time steps and noise, on a part of a photograph; what
    :func:`eye.film` takes."""
    tuned = {at: _lambda(at) for at in (15, 25, 50)}
    settings = {
        "λ": [
            (f"{of * tuned[sigma]:.1f}", sigma, of * tuned[sigma], TAU)
            for of in (1 / 4, 1 / 2, 1, 2, 4)
        ],
        "τ": [
            (f"{tau:g}{', beyond the bound' if tau > STABLE else ''}", sigma, tuned[sigma], tau)
            for tau in (0.1, TAU, STABLE, 0.4, 0.6)
        ],
        "σ": [(f"{at}, λ = {tuned[at]:.1f}", at, tuned[at], TAU) for at in tuned],
    }
    first = {"λ": 2, "τ": 1, "σ": list(tuned).index(sigma)}
    found, names = [], {}  # what is shown first is the same whatever changes
    for what, values in settings.items():
        shown = []
        for said, *how in values:
            if tuple(how) not in names:
                names[tuple(how)] = f"film-{len(names)}"
                eye.bundle(names[tuple(how)], _film(image, seed, *how))
            shown.append((said, names[tuple(how)]))
        found.append((what, shown, first[what]))
    return found


def _film(image: str, seed: int, sigma: float, lambda_: float, tau: float) -> list[dict]:
    noise, clean = problem("gaussian", sigma), part(image)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnstableStep)  # which is what some of them show
        diffusion = classic(noise, lambda_, tau=tau)
        states = evolution.states(
            diffusion, records.degraded(clean, image, noise, seed), FILMED[-1]
        )
    maps = {step: diffusion.coefficient(states[step]) for step in FILMED}
    return eye.frames(states, maps, clean, FILMED)


def _lambda(sigma: float) -> float:
    return restorers.load("perona-malik", "gaussian", sigma).header["build"]["lambda_"]


def _diffusion(g: Diffusivity, at: Problem, steps: int, tau: float) -> Restorer:
    return Restorer("classic", Denoising(Diffusion(g, steps, tau)), at)
