"""The classic at its best: its setting chosen for each image by looking at the clean one."""

from collections.abc import Sequence

import torch

from ..base import Method
from .classic import PeronaMalik
from .scheme import Diffusion
from .search import best_setting, correct_scheme, lambdas


class PeronaMalikOracle(Method):
    """The classic with the lambda, and with ``free_steps`` the number of steps, that suit each image best.

    A bound that no model of that form can pass, since it is given the clean image. Lambdas are searched among ``tries``
    between the two of ``lambdas``, steps up to ``most_steps`` or, not free, as tuned; the tuned lambda is not used.
    """

    name, needs = "the oracle of the classic", frozenset({"truth"})

    def __init__(
        self,
        option: int,
        lambda_: float,
        steps: int,
        tau: float,
        free_steps: bool,
        lambdas: Sequence[float],
        tries: int,
        most_steps: int,
    ):
        self.option, self.tau, self.span, self.tries = option, tau, lambdas, tries
        self.steps = range(most_steps + 1) if free_steps else range(steps, steps + 1)

    def answer(self, y, problem, truth, rng, samples):
        tried, scheme = lambdas(*self.span, self.tries), correct_scheme(self.option, self.tau)
        restored, info = torch.empty_like(y), {}
        for at in range(len(y)):
            clean, degraded = (image[at : at + 1].numpy(force=True) for image in (truth, y))
            lambda_, steps, _ = best_setting(clean, degraded, scheme, tried, self.steps)
            restored[at] = Diffusion(PeronaMalik(lambda_, self.option), steps, self.tau)(
                y[at][None, None]
            )[0, 0]
            info = {"lambda": lambda_, "steps": float(steps)}
        return restored[None], info
