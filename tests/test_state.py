"""Nothing is written on a module or a method while it works: two images through one model never meet."""

from inspect import isabstract
from types import FunctionType, MethodType, ModuleType

import numpy as np
import pytest
import torch
from family import (
    DENOISERS,
    FAMILY,
    SIGMA,
    SOLVERS,
    declared,
    given,
    longest,
    noise,
    restored,
    restorer,
)

from anisodiff import methods
from anisodiff.methods.base import Denoiser, Denoising, Method
from anisodiff.methods.diffusion.scheme import explicit_step
from anisodiff.problems import problem

UNTOUCHED = type | ModuleType | FunctionType | MethodType


def attributes(thing, path="", met=None):
    """All that is below an object, by its path: what attributes there are, tensors and arrays by their content."""
    met = set() if met is None else met
    if isinstance(thing, torch.Tensor):
        thing = thing.detach().numpy()
    if isinstance(thing, np.ndarray):
        return {path: (thing.dtype, thing.shape, thing.tobytes())}
    if isinstance(thing, UNTOUCHED) or id(thing) in met:
        return {path: id(thing)}
    if isinstance(thing, dict):
        below = thing
    elif isinstance(thing, list | tuple | set):
        below = dict(enumerate(thing))
    elif hasattr(thing, "__dict__"):
        below = vars(thing)
    else:
        return {path: repr(thing)}
    met.add(id(thing))
    found = {path: (type(thing), list(below))}
    for name, value in list(below.items()):
        found |= attributes(value, f"{path}.{name}", met)
    return found


def written(thing, work):
    """The paths at which something is other after the work than before."""
    before = attributes(thing)
    work()
    after = attributes(thing)
    return sorted(
        path for path in before.keys() | after.keys() if before.get(path) != after.get(path)
    )


class Writer(Denoiser):
    """Which writes, in each way that is looked for."""

    def __init__(self, way):
        super().__init__()
        self.way, self.seen = way, [0]
        self.register_buffer("count", torch.zeros(1))
        self.inner = torch.nn.Identity()

    def forward(self, x, sigma=None):
        if self.way == "buffer":
            self.count.add_(1)
        elif self.way == "list":
            self.seen.append(len(x))
        elif self.way == "attribute":
            self.level = sigma
        elif self.way == "below":
            self.inner.shown = x
        return x


@pytest.mark.parametrize("way", ["buffer", "list", "attribute", "below", "none"])
def test_what_is_written_is_seen(way):
    module, f = Writer(way), noise(1, 1, 3, 4).float()
    assert bool(written(module, lambda: module(f, 25.0))) == (way != "none")


def works(made, kind="gaussian", level=SIGMA):
    """A method, and all that it can be asked for."""
    one = restorer(made, kind, level)
    clean = noise(12, 17, seed=3, dtype=torch.float32).numpy()
    measured = problem(kind, level).measure(clean[None], np.random.default_rng(0))
    truth = clean[..., None] if "truth" in one.method.needs else None
    y = measured.y.permute(1, 2, 0).numpy()

    def work():
        one.estimate(y, measured.problem, truth=truth, rng=np.random.default_rng(0))
        if truth is None:
            one.restore(y, measured.problem, rng=np.random.default_rng(0))
        if hasattr(made, "trajectory") and not isinstance(made, Method):
            f = (
                given(made, measured.y[None])
                if hasattr(made, "diffusivity")
                else [measured.y[None]]
            )
            made.trajectory(*f)
            made(*f)
        if hasattr(made, "coefficient"):
            one.coefficient(y[..., 0], clean, truth[..., 0] if truth is not None else None)

    return one.method, work


def test_every_method_of_the_library_is_a_member():
    found = {kind for kind in declared(Method, methods) if not isabstract(kind)}
    assert found == {type(make()) for make, *_ in SOLVERS.values()} | {Denoising}


def test_no_module_or_method_of_the_library_is_written_on_while_it_works():
    asked = [(name, works(longest(name, 3, torch.float32))) for name in FAMILY]
    asked += [(name, works(make())) for name, make in DENOISERS.items()]
    asked += [(name, works(make(), *of)) for name, (make, *of) in SOLVERS.items()]
    assert {name: found for name, of in asked if (found := written(*of))} == {}


@pytest.mark.parametrize("name", FAMILY)
def test_two_images_through_one_model_never_meet(name):
    """Step by step in turns, and whatever was restored before."""
    diffusion = longest(name, 4)
    pair, sigmas = (noise(1, 1, 9, 11), 0.2 * noise(2, 1, 7, 8, seed=1)), (25.0, 5.0)
    asked = [given(diffusion, *one) for one in zip(pair, sigmas, strict=True)]
    with torch.inference_mode():
        alone = [diffusion.trajectory(*one)[-1] for one in asked]
        first = diffusion.coefficient(asked[0][0], *asked[0])
        contexts = [diffusion.condition(*one) for one in asked]
        states, hand_on = list(pair), [None, None]
        for step in range(diffusion.steps):
            for at in (0, 1):
                g, hand_on[at] = diffusion.diffusivity(states[at], contexts[at], step, hand_on[at])
                states[at] = explicit_step(states[at], g, diffusion.tau)
        for at in (0, 1):
            assert torch.equal(states[at], alone[at])
        restored(diffusion, *[pair[1], sigmas[1]])
        assert torch.equal(diffusion.coefficient(asked[0][0], *asked[0]), first)
