"""Fields of Experts: g from the sum of learned functions, each of the response to a learned kernel."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from .base import Diffusivity
from .kernels.explicit import compiled
from .kernels.filters import respond
from .kernels.splines import spline_sum, sum_experts

UNIT = 32.0  # gray levels; with kernels of length one, noise then gives responses of order one
# by how much the functions together fall, untrained, from no response to the strongest
CURVATURE = 15.0
OFFSET = 2.0  # the untrained sum where no kernel responds
STRIP = 96  # rows


class Splines(nn.Module):
    """``phi_i``: splines of order 1 on 20 equal parts of [0, 1], by their slopes and their values at zero.

    ``falling`` (FoE-D): slopes are ``-softplus(p)``, so that no function ever rises. ``curvature`` is how far the
    untrained functions together fall from no response (1/2) to the strongest (0 and 1; only 1 for falling ones).
    """

    highest = np.inf  # of the sum
    zero, rest = (
        127.5,
        0.0,
    )  # the gray level where z is zero; an untrained kernel's response to an even middle gray

    def __init__(
        self, experts: int, falling: bool = False, curvature: float = CURVATURE, intervals: int = 20
    ):
        super().__init__()
        self.falling = falling
        x = torch.linspace(-1, 1, intervals + 1)
        shape = -curvature / experts * (2 * x.clamp_min(0) ** 2 if falling else x**2)
        slopes = (intervals * shape.diff()).expand(experts, -1)
        self.slopes = nn.Parameter(
            _inverse_softplus((-slopes).clamp_min(0.02)) if falling else slopes.clone()
        )
        self.at_zero = nn.Parameter(OFFSET / experts + shape[0].expand(experts).clone())

    @property
    def nodal(self) -> Tensor:
        """The values at the ends of the parts, (E, 21)."""
        slopes = -softplus(self.slopes) if self.falling else self.slopes
        steps = slopes.cumsum(1) / slopes.shape[1]
        return self.at_zero[:, None] + torch.cat([torch.zeros_like(steps[:, :1]), steps], 1)

    def forward(self, responses: Tensor) -> Tensor:
        return spline_sum(responses, self.nodal)

    def functions(self, x: Tensor) -> Tensor:
        """``phi_i(x)``, (E, n), for x (n) in [0, 1]."""
        nodal = self.nodal
        x = x.to(nodal) * (nodal.shape[1] - 1)
        lower = x.long().clamp_max(nodal.shape[1] - 2)
        return nodal[:, lower] + (x - lower) * (nodal[:, lower + 1] - nodal[:, lower])


class Monomials(nn.Module):
    """``phi_i(x) = beta_i x^i`` for i = 1, ..., N, and a constant: the sum of the source, each expert its own power."""

    highest = np.inf
    zero, rest = 127.5, 0.0

    def __init__(self, experts: int):
        super().__init__()
        powers = torch.arange(1.0, experts + 1)
        self.register_buffer("powers", powers[:, None, None], persistent=False)
        self.coefficients = nn.Parameter(torch.full((experts,), -CURVATURE / experts))
        self.constant = nn.Parameter(OFFSET - (self.coefficients.detach() * 0.5**powers).sum())

    def forward(self, responses: Tensor) -> Tensor:
        terms = torch.exp(self.powers.to(responses) * nn.functional.logsigmoid(responses))
        return torch.einsum("e,behw->bhw", self.coefficients, terms)[:, None] + self.constant

    def functions(self, x: Tensor) -> Tensor:
        return self.coefficients[:, None] * x.to(self.coefficients) ** self.powers[:, :, 0]


class RothBlack(nn.Module):
    """``phi_i(x) = -alpha_i log(1 + x^2 / 2)``, ``alpha_i > 0``: ``exp`` of their sum is a product in (0, 1].

    The functions fall from x = 0, so that kernels must answer an even patch with something very negative: they see the
    image on 0..255. Source: S. Roth and M. J. Black, CVPR 2005; in it x is the response itself, here its sigmoid.
    """

    highest = 0.0
    zero, rest = 0.0, -3.0

    def __init__(self, experts: int):
        super().__init__()
        self.numbers = nn.Parameter(_inverse_softplus(torch.full((experts,), CURVATURE / experts)))

    @property
    def alpha(self) -> Tensor:
        return softplus(self.numbers)

    def forward(self, responses: Tensor) -> Tensor:
        return -torch.einsum(
            "e,behw->bhw", self.alpha, torch.log1p(torch.sigmoid(responses) ** 2 / 2)
        )[:, None]

    def functions(self, x: Tensor) -> Tensor:
        return -self.alpha[:, None] * torch.log1p(x.to(self.alpha) ** 2 / 2)


FUNCTIONS = {"splines": Splines, "monomials": Monomials, "roth-black": RothBlack}


class Experts(Diffusivity):
    """``g = sigmoid(s)`` of each pixel, ``s = sum_i phi_i(sigmoid(K_i * z))``, with ``z = (u - 127.5) / 32``, for Roth
    and Black's functions ``u / 32``; range (0, 1), bound 1.

    ``K_i`` are ``experts`` kernels of ``size`` pixels a side, the image continued by its border, ``phi_i`` of the
    family ``functions`` (a key of FUNCTIONS) with further arguments of its own. Variants, of which any may be joined:
    ``edges``: g of each edge. Kernels have a further column and are centred on the edges of rows; those of columns are
    the rows' of the transposed image. ``signed``: ``g = tanh(s)``, in (-1, 1). Not ``bounded``, or where s is never
    above 0: ``g = exp(s)`` as in the source, with the bound ``exp(max s)``, infinite unless s has one. ``told`` (a
    level to start from): the degradation's level scales responses by ``(level / told)^b_i`` and adds
    ``c log(level / told)`` to s. If ``estimating`` it is :func:`noise_level` of the degraded image instead. The
    context is ``log(level / told)``, (B, 1, 1, 1).
    Source: Valdivia Ortega et al. 2024, section 3.2, there of the standardised image.
    """

    def __init__(
        self,
        functions: str,
        size: int,
        experts: int,
        bounded: bool = True,
        signed: bool = False,
        edges: bool = False,
        told: float | None = None,
        estimating: bool = False,
        **more,
    ):
        super().__init__()
        if functions not in FUNCTIONS:
            raise ValueError(f"unknown functions {functions!r}; there are: {', '.join(FUNCTIONS)}")
        if size < 1 or experts < 1:
            raise ValueError(
                f"kernels have at least one pixel and there is at least one, got {size!r} and {experts!r}"
            )
        self.functions = FUNCTIONS[functions](experts, **more)
        highest = self.functions.highest
        self.bounded, self.signed, self.edges = bounded and highest > 0, signed, edges
        self.bound = 1.0 if self.bounded or signed else float(np.exp(highest))
        kernels = torch.randn(experts, size, size + edges)
        kernels -= kernels.mean((1, 2), keepdim=True)
        kernels /= kernels.flatten(1).norm(dim=1).clamp_min(1e-3)[:, None, None]
        even = kernels[0].numel() * (127.5 - self.functions.zero) / UNIT
        self.kernels = nn.Parameter(
            kernels + (self.functions.rest / even if self.functions.rest else 0.0)
        )
        self.told, self.estimating = told, estimating
        self.reads_sigma, self.reads_image = told is not None and not estimating, estimating
        if told is not None:
            self.powers = nn.Parameter(torch.full((experts,), -0.5))
            self.shift = nn.Parameter(torch.zeros(()))

    def condition(self, f, sigma=None, truth=None) -> Tensor | None:
        if self.told is None:
            return None
        return torch.log((noise_level(f) if self.estimating else sigma) / self.told)

    def responses(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        """``K_i * z``, (B, E, H, W), on the edges of rows (B, E, H, W - 1)."""
        r = respond(self._continued(u), self.kernels)
        return r if self.told is None else r * self._scales(context)

    def exponent(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        """The sum s, (B, 1, H, W), on the edges of rows (B, 1, H, W - 1)."""
        if compiled(u, self.kernels) and not torch.is_grad_enabled():
            return self._summed(u, context)
        s = self.functions(self.responses(u, context))
        return s if self.told is None else s + self.shift * context

    def forward(self, u, context=None, step=0, state=None):
        if self.edges:
            return (self._g(u, context), self._g(u.mT, context).mT), None
        return self._g(u, context), None

    def _g(self, u: Tensor, context: Tensor | None) -> Tensor:
        if u.shape[-1] == int(self.edges):  # a column has no edge within rows
            return u[..., :0]
        s = self.exponent(u, context)
        return torch.tanh(s) if self.signed else torch.sigmoid(s) if self.bounded else torch.exp(s)

    def _summed(self, u: Tensor, context: Tensor | None) -> Tensor:
        """s; of splines in one go, of other functions strip by strip, so that what is between stays in the cache."""
        z, (_, rows, columns) = self._continued(u), self.kernels.shape
        s = u.new_empty(len(u), 1, z.shape[2] - rows + 1, z.shape[3] - columns + 1)
        for at in range(len(u)):
            image, onto, kernels = z[at : at + 1], s[at : at + 1], self.kernels
            if self.told is not None:
                kernels = kernels * self._scales(context[at])
            if isinstance(self.functions, Splines):
                sum_experts(image, kernels, self.functions.nodal, onto)
            else:
                for top in range(0, u.shape[2], STRIP):
                    strip = image[:, :, top : top + STRIP + rows - 1]
                    onto[:, :, top : top + STRIP] = self.functions(respond(strip, kernels))
        return s if self.told is None else s.add_(self.shift * context)

    def _scales(self, louder: Tensor) -> Tensor:
        return torch.exp(self.powers[:, None, None] * louder)

    def _continued(self, u: Tensor) -> Tensor:
        """z, and what lies beyond its border as far as the kernels see."""
        more = self.kernels.shape[1] - 1
        return pad(
            (u - self.functions.zero) / UNIT, (more // 2, more - more // 2) * 2, mode="replicate"
        )


def noise_level(f: Tensor) -> Tensor:
    """The standard deviation of white noise, (B, 1, 1, 1), estimated from (B, 1, H, W), at least one gray level.

    ``median |d| / 0.6745`` of the finest diagonal Haar coefficients ``d = (a - b - c + e) / 2`` of 2 x 2 pixels, where
    there is hardly anything else. Source: Donoho and Johnstone, Biometrika 1994.
    """
    d = (f[..., 1:, 1:] - f[..., 1:, :-1] - f[..., :-1, 1:] + f[..., :-1, :-1]).flatten(1) / 2
    found = d.abs().median(1).values / 0.6745 if d.numel() else f.new_zeros(len(f))
    return found.clamp_min(1.0)[:, None, None, None]


def _inverse_softplus(y: Tensor) -> Tensor:
    return y + torch.log(-torch.expm1(-y))
