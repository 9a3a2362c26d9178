"""Trainable nonlinear reaction diffusion: few stages, each with filters, influence functions and a reaction of its own.

Source: Y. Chen and T. Pock, IEEE TPAMI 39 (2017), 1256-1272; for Poisson noise W. Feng and Y. Chen, arXiv:1510.02930.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from scipy.fft import idctn
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..base import Denoiser
from ..diffusion.kernels.explicit import compiled
from ..diffusion.kernels.filters import respond, spread
from ..diffusion.kernels.lookup import Table, look_up
from ..diffusion.scheme import check

END, NODES, WIDTH = (
    310.0,
    63,
    10.0,
)  # gray levels: of the first and last node; of a bump and a piece
START, SCALE = (
    0.4,
    30.0,
)  # of the untrained functions: how much they take away, and below which response most
TINY = 1e-12  # where a root is zero it has no gradient
REACTION = {"noise": 0.1, "counts": 10.0}  # untrained: a share, and gray levels
FREQUENCIES = 32  # a side, at which the norm of the filters is taken


def basis(size: int) -> Tensor:
    """The atoms of the DCT of ``size`` x ``size`` pixels but for the mean, orthonormal: (size^2 - 1, size, size)."""
    unit = np.eye(size**2).reshape(-1, size, size)[1:]
    return torch.from_numpy(idctn(unit, axes=(1, 2), norm="ortho")).float()


class Influence(nn.Module):
    """``phi_i(r)``: (B, N, H, W) to the same, from 63 numbers each, at or about nodes from -310 to 310 gray levels.

    ======== ====================================================================================================
    bumps    ``sum_j w_ij exp(-(r - mu_j)^2 / (2 gamma^2))``, gamma 10 gray levels
    splines  linear between the values w_ij at the nodes, constant beyond
    rising   such a spline with slopes between 0 and 1, so that it is the slope of a convex function
    ======== ====================================================================================================

    Untrained functions take a small part of a response, as a diffusion does, and less of a strong one (rising ones do
    not fall). Raises ValueError for another kind.
    """

    def __init__(self, count: int, kind: str = "bumps"):
        super().__init__()
        if kind not in KINDS:
            raise ValueError(f"unknown functions {kind!r}; there are: {', '.join(KINDS)}")
        self.kind, nodes = kind, torch.linspace(-END, END, NODES, dtype=torch.float64)
        wanted = START / count * nodes / (1 + (nodes / SCALE) ** 2)
        if kind == "bumps":
            wanted = torch.linalg.solve(_bumps(nodes), wanted)
        elif kind == "rising":
            wanted = torch.logit(1 / (1 + (nodes / SCALE) ** 2) * 0.9 + 0.05)
        self.weights = nn.Parameter(wanted.float().expand(count, -1).clone())
        functions, straight = KINDS[kind], kind != "bumps"
        self.table = Table(
            functions, END + (0 if straight else 6 * WIDTH), WIDTH if straight else 1, straight
        )

    @property
    def values(self) -> Tensor:
        """What multiplies the functions of the kind, (N, 63)."""
        if self.kind != "rising":
            return self.weights
        slopes = torch.sigmoid(self.weights)
        risen = torch.cumsum(WIDTH * (slopes[:, 1:] + slopes[:, :-1]) / 2, 1)
        values = torch.cat([torch.zeros_like(risen[:, :1]), risen], 1)
        return values - values[:, NODES // 2, None]

    def forward(self, responses: Tensor) -> Tensor:
        if self.kind != "bumps":
            responses = responses.clamp(-END, END * (1 - 1e-6))
        if compiled(responses, self.weights):
            return look_up(responses, self.table.pieces(self.values), self.table.end)
        return torch.einsum("nj,bnhwj->bnhw", self.values, KINDS[self.kind](responses))


def _nodes(x: Tensor) -> Tensor:
    return torch.linspace(-END, END, NODES, dtype=x.dtype, device=x.device)


def _bumps(x: Tensor) -> Tensor:
    """(...) to (..., 63)."""
    return torch.exp(-((x[..., None] - _nodes(x)) ** 2) / (2 * WIDTH**2))


def _hats(x: Tensor) -> Tensor:
    """(...) to (..., 63)."""
    return (1 - (x[..., None] - _nodes(x)).abs() / WIDTH).clamp_min(0)


KINDS = {"bumps": _bumps, "splines": _hats, "rising": _hats}


class Stage(nn.Module):
    """``v - lambda (u - f)``, ``v = u - sum_i K_i^T phi_i(K_i u)``: u and f (B, 1, H, W) to the same.

    ``K_i`` is a combination of the atoms of :func:`basis`, of length one; with ``differences`` there are two, which
    stay those to the right and to below. lambda > 0; the image goes on as its mirror beyond the border.
    ``reaction`` "none" leaves the second term out, "counts" takes the proximal step of the Poisson likelihood for it,
    ``(v - lambda + sqrt((v - lambda)^2 + 4 lambda f)) / 2``.

    Functions that are "rising" have amplitudes ``a_i`` besides, and what they take away is scaled down where
    ``lambda + max sum_i a_i |k_i|^2``, the maximum over all frequencies, is above 2: away from the border a stage then
    is a step down a convex energy that brings no two images farther apart.
    """

    def __init__(
        self,
        size: int,
        filters: int,
        functions: str = "bumps",
        reaction: str = "noise",
        differences: bool = False,
    ):
        super().__init__()
        atoms = basis(size)
        self.register_buffer("atoms", atoms, persistent=False)
        if differences:
            self.register_buffer("mixture", _differences(atoms), persistent=False)
        else:
            own = torch.eye(len(atoms))[torch.arange(filters) % len(atoms)]
            more = torch.randn_like(own) * 0.1 if filters > len(atoms) else 0
            self.mixture = nn.Parameter(own + more)
        count = len(self.mixture)
        self.influence, self.reaction = Influence(count, functions), reaction
        if reaction != "none":
            start = torch.tensor(np.log(REACTION[reaction]), dtype=torch.float32)
            self.log_reaction = nn.Parameter(start)
        if functions == "rising":
            self.amplitudes = nn.Parameter(
                torch.full((count,), float(np.log(np.expm1(START / count))))
            )

    @property
    def kernels(self) -> Tensor:
        """(N, size, size)."""
        mixture = self.mixture / self.mixture.norm(dim=1, keepdim=True)
        return torch.einsum("na,aij->nij", mixture, self.atoms)

    def lambda_(self) -> Tensor | float:
        """The weight of the reaction, 0 where there is none."""
        return 0.0 if self.reaction == "none" else self.log_reaction.exp()

    def scales(self, kernels: Tensor) -> Tensor | float:
        """What the functions are multiplied by, (N, 1, 1) where they are rising."""
        if self.influence.kind != "rising":
            return 1.0
        amplitudes = softplus(self.amplitudes)
        spectrum = torch.fft.rfft2(kernels, (FREQUENCIES, FREQUENCIES)).abs().square()
        norm = torch.einsum("n,nij->ij", amplitudes, spectrum).max()
        room = 2 - (self.lambda_() if self.reaction == "noise" else 0.0)
        return (amplitudes * (room / norm).clamp(max=1))[:, None, None]

    def forward(self, u: Tensor, f: Tensor) -> Tensor:
        kernels = self.kernels
        taken = self.influence(respond(mirrored(u, kernels.shape[1] - 1), kernels))
        v = u - spread(taken, kernels * self.scales(kernels))
        if self.reaction == "counts":
            rest = v - self.lambda_()
            under = rest.square() + 4 * self.lambda_() * f
            return (rest + under.clamp_min(TINY).sqrt()) / 2
        return v - self.lambda_() * (u - f)


def _differences(atoms: Tensor) -> Tensor:
    """The differences to the right and to below as combinations of atoms, (2, A)."""
    middle = atoms.shape[1] // 2
    kernels = torch.zeros(2, *atoms.shape[1:])
    kernels[:, middle, middle] = -1
    kernels[0, middle, middle + 1] = kernels[1, middle + 1, middle] = 1
    return torch.einsum("nij,aij->na", kernels, atoms)


class TNRD(Denoiser):
    """``stages`` of :class:`Stage`, with ``size^2 - 1`` filters of ``size`` x ``size`` each: (B, 1, H, W) to the same.

    ``tied``: all stages are one. Raises ValueError for an input of another shape or with a NaN, for no stage, for a
    size below 3 or even, and for unknown ``functions`` or ``reaction``.
    """

    def __init__(
        self,
        stages: int = 5,
        size: int = 5,
        functions: str = "bumps",
        reaction: str = "noise",
        differences: bool = False,
        tied: bool = False,
    ):
        super().__init__()
        if stages < 1 or size < 3 or size % 2 == 0:
            raise ValueError(
                f"at least one stage and an odd size of at least 3, got {stages!r} and {size!r}"
            )
        if reaction not in (*REACTION, "none"):
            raise ValueError(
                f"unknown reaction {reaction!r}; there are: {', '.join(REACTION)}, none"
            )
        own = [
            Stage(size, size**2 - 1, functions, reaction, differences)
            for _ in range(1 if tied else stages)
        ]
        self.stages = nn.ModuleList(own * (stages if tied else 1))

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        check(x)
        return deque(self.states(x), maxlen=1).pop()

    def states(self, f: Tensor) -> Iterator[Tensor]:
        """The batch after 0, 1, ..., ``stages`` stages."""
        u = f
        yield u
        for stage in self.stages:
            u = stage(u, f)
            yield u


def mirrored(u: Tensor, more: int) -> Tensor:
    """(B, C, H, W) with ``more`` pixels on each side, which mirror those within, the border's pixels too."""
    for axis in (-2, -1):
        places = np.pad(np.arange(u.shape[axis]), more, mode="symmetric")
        u = u.index_select(axis, torch.from_numpy(places).to(u.device))
    return u
