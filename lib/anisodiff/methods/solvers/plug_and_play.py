"""Plug-and-play and RED: any denoiser in the place of what is known about images, for any linear operator.

All look for an image that fits the measurement and that the denoiser leaves, in the sense of
``|A x - y|^2 / (2 sigma^2) + strength R(x)``. Plug-and-play takes ``D(x, s)`` for the proximal point
``argmin_u |u - x|^2 / (2 s^2) + R(u)``, RED takes ``R(x) = x' (x - D(x, s)) / 2``. sigma is the problem's noise, at
least 0.255 gray levels.
"""

from abc import abstractmethod
from collections.abc import Iterator

import numpy as np
from torch import Tensor

from ...problems.base import LinearOperator, Problem
from ..base import Denoiser, Method
from .tikhonov import LEAST, Tikhonov


class PlugAndPlay(Method):
    """``steps`` of an iteration with a denoiser, from Tikhonov's estimate; a subclass says what a step is.

    ``level``: the noise that the denoiser is told to take away, gray levels; ``strength`` of the prior.
    The estimate's info: ``residual``, the root mean square of ``A x - y``, and ``change``, that of the last step.
    Raises ValueError for what is not above 0.
    """

    needs = frozenset({"operator"})

    def __init__(self, denoiser: Denoiser, steps: int, level: float, strength: float):
        for what, value in {"steps": steps, "level": level, "strength": strength}.items():
            if not 0 < value < np.inf:
                raise ValueError(f"{self.name}: {what} must be above 0, got {value!r}")
        self.denoiser, self.steps, self.level, self.strength = denoiser, steps, level, strength

    @abstractmethod
    def iterates(
        self, x: Tensor, y: Tensor, operator: LinearOperator, sigma: float
    ) -> Iterator[Tensor]:
        """The image after each step from x, (C, H, W), for the measurement y of an operator, with noise sigma > 0."""

    def trajectory(
        self, y: Tensor, problem: Problem, start: Tensor | None = None
    ) -> Iterator[Tensor]:
        """The start, (C, H, W), and the image after each step."""
        x = Tikhonov().restore(y, problem).image if start is None else start
        yield x
        yield from self.iterates(x, y, problem.operator, max(getattr(problem, "sigma", 0.0), LEAST))

    def answer(self, y, problem, truth, rng, samples):
        last = x = None
        for image in self.trajectory(y, problem):
            last, x = x, image
        residual = problem.operator.A(x) - y
        found = {"residual": residual, "change": x - last}
        return x[None], {name: of.square().mean().sqrt().item() for name, of in found.items()}

    def denoise(self, x: Tensor, level: float) -> Tensor:
        """Each channel of (C, H, W) on its own."""
        return self.denoiser(x[:, None].contiguous(), float(level))[:, 0]


class HQS(PlugAndPlay):
    """Half-quadratic splitting: ``x = D(argmin_v |A v - y|^2 / (2 sigma^2) + strength |v - x|^2 / (2 s^2), s)``.

    ``s`` goes from ``level`` to ``last``, by default the noise of the measurement, evenly in its logarithm.
    Source: K. Zhang et al., IEEE TPAMI 44 (2022), equations 5 to 7.
    """

    name = "pnp-hqs"

    def __init__(
        self,
        denoiser: Denoiser,
        steps: int = 8,
        level: float = 49.0,
        strength: float = 0.23,
        last: float | None = None,
    ):
        super().__init__(denoiser, steps, level, strength)
        self.last = last

    def iterates(self, x, y, operator, sigma):
        last = sigma if self.last is None else self.last
        for level in np.geomspace(max(self.level, last), last, self.steps):
            x = operator.prox_l2(x, y, level**2 / (self.strength * sigma**2))
            x = self.denoise(x, level)
            yield x


class ADMM(PlugAndPlay):
    """``x = argmin_v |A v - y|^2 / (2 sigma^2) + strength |v - u + d|^2 / (2 s^2)``, then ``u = D(x + d, s)``, the
    image after a step, and ``d += x - u``.

    Source: Venkatakrishnan et al., GlobalSIP 2013, 945-948.
    """

    name = "pnp-admm"

    def __init__(
        self, denoiser: Denoiser, steps: int = 30, level: float = 5.0, strength: float = 0.23
    ):
        super().__init__(denoiser, steps, level, strength)

    def iterates(self, x, y, operator, sigma):
        u, dual = x, 0 * x
        gamma = self.level**2 / (self.strength * sigma**2)
        for _ in range(self.steps):
            x = operator.prox_l2(u - dual, y, gamma)
            u = self.denoise(x + dual, self.level)
            dual = dual + x - u
            yield u


class ProximalGradient(PlugAndPlay):
    """``x = D(x - step A'(A x - y), s)`` with ``step = 1 / |A|^2``; the strength is ``s^2 / (step sigma^2)``, not free.

    Source: Kamilov, Mansour, Wohlberg, IEEE SPL 24 (2017), 1872-1876.
    """

    name = "pnp-pgm"

    def __init__(self, denoiser: Denoiser, steps: int = 60, level: float = 5.0):
        super().__init__(denoiser, steps, level, 1.0)

    def iterates(self, x, y, operator, sigma):
        step = 1 / float(operator.singular_values.max()) ** 2
        for _ in range(self.steps):
            x = self.denoise(x - step * operator.A_adjoint(operator.A(x) - y), self.level)
            yield x


class REDFixedPoint(PlugAndPlay):
    """``x = argmin_v |A v - y|^2 / (2 sigma^2) + strength |v - D(x, s)|^2 / 2``: the gradient of RED is zero where
    this stays. Source: Romano, Elad, Milanfar, SIAM J. Imaging Sci. 10 (2017), equation 37.
    """

    name = "red-fixed-point"

    def __init__(
        self, denoiser: Denoiser, steps: int = 60, level: float = 3.25, strength: float = 0.02
    ):
        super().__init__(denoiser, steps, level, strength)

    def iterates(self, x, y, operator, sigma):
        for _ in range(self.steps):
            x = operator.prox_l2(self.denoise(x, self.level), y, 1 / (self.strength * sigma**2))
            yield x


class REDGradient(PlugAndPlay):
    """``x -= step (A'(A x - y) / sigma^2 + strength (x - D(x, s)))`` with ``step = 2 / (|A|^2 / sigma^2 + strength)``.

    Source: Romano, Elad, Milanfar, SIAM J. Imaging Sci. 10 (2017), equation 33.
    """

    name = "red-gradient"

    def __init__(
        self, denoiser: Denoiser, steps: int = 300, level: float = 3.25, strength: float = 0.02
    ):
        super().__init__(denoiser, steps, level, strength)

    def iterates(self, x, y, operator, sigma):
        step = 2 / (float(operator.singular_values.max()) ** 2 / sigma**2 + self.strength)
        for _ in range(self.steps):
            data = operator.A_adjoint(operator.A(x) - y) / sigma**2
            x = x - step * (data + self.strength * (x - self.denoise(x, self.level)))
            yield x
