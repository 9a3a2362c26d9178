"""The diffusion equation ``u_t = div(g grad u)`` with no flux across the border, in explicit steps.

Forward differences live on the edges between neighbouring pixels; the divergence is their negative adjoint, so what
leaves a pixel enters its neighbour. With ``0 <= g <= g_max`` and ``tau g_max <= 1/4`` each step is a weighted mean
of a pixel and its four neighbours, from which follow the guarantees that the tests check (Weickert 1998, chapter 4):
the mean is kept, no new extremes appear, constants stay.
"""

import warnings
from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from ..base import Denoiser
from .base import Diffusivity
from .kernels import explicit

STABLE = 0.25  # the bound on tau g_max in two dimensions


class UnstableStep(UserWarning):
    """A step size beyond the bound under which the scheme's guarantees hold."""


def gradient(u: Tensor) -> tuple[Tensor, Tensor]:
    """Forward differences, ``(u[i, j+1] - u[i, j], u[i+1, j] - u[i, j])``.

    ``u`` is (..., H, W); the differences live on the edges: (..., H, W-1) and (..., H-1, W).
    """
    return u[..., :, 1:] - u[..., :, :-1], u[..., 1:, :] - u[..., :-1, :]


def divergence(flux_x: Tensor, flux_y: Tensor) -> Tensor:
    """The negative adjoint of :func:`gradient`: ``sum(grad u . flux) = -sum(u div flux)``.

    From fluxes (..., H, W-1) and (..., H-1, W) on the edges to (..., H, W); nothing crosses the border.
    """
    flux_x, flux_y = pad(flux_x, (1, 1)), pad(flux_y, (0, 0, 1, 1))
    return flux_x[..., :, 1:] - flux_x[..., :, :-1] + flux_y[..., 1:, :] - flux_y[..., :-1, :]


def on_edges(g: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """A diffusivity as one value an edge: a pair stays, an image (B, 1, H, W) gives the mean of an edge's pixels."""
    if isinstance(g, tuple):
        return g
    return (g[..., :, 1:] + g[..., :, :-1]) / 2, (g[..., 1:, :] + g[..., :-1, :]) / 2


def on_pixels(g: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """A diffusivity as one value a pixel: an image stays, of a pair on edges each pixel has the mean over its edges."""
    if not isinstance(g, tuple):
        return g
    return _gathered(*g) / _gathered(*map(torch.ones_like, g)).clamp_min(1)


def _gathered(g_x: Tensor, g_y: Tensor) -> Tensor:
    """The sum over each pixel's edges."""
    g_x, g_y = pad(g_x, (1, 1)), pad(g_y, (0, 0, 1, 1))
    return g_x[..., :, 1:] + g_x[..., :, :-1] + g_y[..., 1:, :] + g_y[..., :-1, :]


def explicit_step(u: Tensor, g: Tensor | tuple[Tensor, Tensor], tau: float) -> Tensor:
    """``u + tau div(g grad u)`` for ``u`` (B, 1, H, W) and g on pixels or on edges."""
    if not torch.is_grad_enabled() and explicit.compiled(u, *(g if isinstance(g, tuple) else [g])):
        return explicit.explicit_step(u, g, tau)
    (du_x, du_y), (g_x, g_y) = gradient(u), on_edges(g)
    return u + tau * divergence(g_x * du_x, g_y * du_y)


class Diffusion(Denoiser):
    """``steps`` explicit steps of size ``tau`` of ``u_t = div(g(u) grad u)``, from (B, 1, H, W) to the same.

    With ``data`` the equation is ``u_t = div(g(u) grad u) + mu (f - u)``, f the degraded batch, mu learned for each
    step, which is followed by ``(u + tau mu f) / (1 + tau mu)``, a mean of the two, so that all guarantees stay.
    g comes from a :class:`.Diffusivity`, which says what it reads and by what it is bounded.
    Warns (UnstableStep) where ``tau bound > 1/4``. Raises ValueError for an input of another shape or with a NaN, and
    for a level (sigma) or a clean batch (truth) that is needed and missing.
    """

    def __init__(
        self, diffusivity: Diffusivity, steps: int = 10, tau: float = 0.2, data: bool = False
    ):
        super().__init__()
        if int(steps) != steps or steps < 0:
            raise ValueError(f"steps must be a whole number of at least 0, got {steps!r}")
        if not tau > 0:
            raise ValueError(f"tau must be above 0, got {tau!r}")
        self.diffusivity, self.steps, self.tau = diffusivity, int(steps), float(tau)
        self.reads_sigma, self.needs_truth = diffusivity.reads_sigma, diffusivity.needs_truth
        self.data = (
            nn.Parameter(torch.full((self.steps,), -3.0)) if data else None
        )  # of which mu is the softplus
        if self.tau * diffusivity.bound > STABLE:
            warnings.warn(
                f"unstable time step {tau:g}: with g up to {diffusivity.bound:g} it must be at most "
                f"{STABLE / diffusivity.bound:g} for the minimum-maximum principle to hold",
                UnstableStep,
                stacklevel=2,
            )

    def forward(
        self, f: Tensor, sigma: Tensor | float | None = None, truth: Tensor | None = None
    ) -> Tensor:
        return self.explained(f, sigma, truth)[0]

    def explained(
        self, f: Tensor, sigma: Tensor | float | None = None, truth: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The restored batch, and what was chosen for each of its images, by name."""
        context = self.condition(f, sigma, truth)
        fast = getattr(self.diffusivity, "fast", None) if self.data is None else None
        if fast and explicit.compiled(f) and not _learning(self, f):
            u = fast(f, context, self.steps, self.tau)
        else:
            u = deque(self.states(f, context, self.steps), maxlen=1).pop()
        return u, self.diffusivity.chosen(context)

    def trajectory(
        self, f: Tensor, sigma: Tensor | float | None = None, truth: Tensor | None = None
    ) -> list[Tensor]:
        """The batch after 0, 1, ..., ``steps`` steps."""
        return list(self.states(f, self.condition(f, sigma, truth), self.steps))

    def coefficient(
        self, u: Tensor, f: Tensor, sigma: Tensor | float | None = None, truth: Tensor | None = None
    ) -> Tensor:
        """g on the pixels, (B, 1, H, W), at the first step from the state u of the degraded batch f."""
        return on_pixels(self.diffusivity(u, self.condition(f, sigma, truth))[0])

    def condition(
        self, f: Tensor, sigma: Tensor | float | None = None, truth: Tensor | None = None
    ) -> Any:
        """The diffusivity's context for a degraded batch, whose shape, level and clean batch are checked."""
        check(f)
        if self.needs_truth and (truth is None or truth.shape != f.shape):
            raise ValueError(
                "an oracle is given the clean batch, of the degraded one's shape: truth=..."
            )
        return self.diffusivity.condition(f, self.levels(f, sigma), truth)

    def states(self, f: Tensor, context: Any, steps: int) -> Iterator[Tensor]:
        """The batch after 0, 1, ..., ``steps`` steps in the context that :meth:`condition` gave, unchecked."""
        u, state = f, None
        yield u
        for step in range(steps):
            g, state = self.diffusivity(u, context, step, state)
            u = explicit_step(u, g, self.tau)
            if self.data is not None:
                weight = self.tau * softplus(self.data[step])
                u = u + weight / (1 + weight) * (f - u)
            yield u


def check(u: Tensor) -> None:
    """ValueError unless ``u`` is a (B, 1, H, W) batch of finite floats of at least one pixel."""
    if u.ndim != 4 or u.shape[1] != 1 or u.numel() == 0 or not u.is_floating_point():
        raise ValueError(
            f"expected a (B, 1, H, W) batch of floats on 0..255, got {u.dtype} of shape {tuple(u.shape)}"
        )
    if not torch.isfinite(u).all():
        raise ValueError(
            f"the image holds {int((~torch.isfinite(u)).sum())} values that are NaN or infinite"
        )


def _learning(module: nn.Module, u: Tensor) -> bool:
    return torch.is_grad_enabled() and (
        u.requires_grad or any(p.requires_grad for p in module.parameters())
    )
