"""Trainable nonlinear reaction diffusion: few stages, each with filters, influence functions and a reaction of its own.

Source: Y. Chen and T. Pock, IEEE TPAMI 39 (2017), 1256-1272.
"""

from collections import deque
from collections.abc import Iterator

import numpy as np
import torch
from scipy.fft import idctn
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ..base import Denoiser
from ..diffusion.kernels.explicit import compiled
from ..diffusion.kernels.lookup import Table, look_up
from ..diffusion.kernels.splines import respond
from ..diffusion.scheme import check

END, CENTRES, WIDTH = 310.0, 63, 10.0  # gray levels: of the first and the last centre; of each bump
START, SCALE = (
    0.4,
    30.0,
)  # of the untrained functions: how much they take away, and below which response most
REACTION = 0.1


def basis(size: int) -> Tensor:
    """The atoms of the DCT of ``size`` x ``size`` pixels but for the mean, orthonormal: (size^2 - 1, size, size)."""
    unit = np.eye(size**2).reshape(-1, size, size)[1:]
    return torch.from_numpy(idctn(unit, axes=(1, 2), norm="ortho")).float()


class Influence(nn.Module):
    """``phi_i(r) = sum_j w_ij exp(-(r - mu_j)^2 / (2 gamma^2))``: (B, N, H, W) to the same, w (N, 63).

    The mu are even from -310 to 310, gamma is 10 gray levels. Untrained functions take a small part of a response, as a
    diffusion does, and less of a strong one.
    """

    def __init__(self, count: int):
        super().__init__()
        centres = torch.linspace(-END, END, CENTRES, dtype=torch.float64)
        self.register_buffer("centres", centres.float(), persistent=False)
        wanted = START / count * centres / (1 + (centres / SCALE) ** 2)
        weights = torch.linalg.solve(_bumps(centres, centres), wanted)
        self.weights = nn.Parameter(weights.float().expand(count, -1).clone())
        self.table = Table(lambda x: _bumps(x, centres), END + 6 * WIDTH)

    def forward(self, responses: Tensor) -> Tensor:
        if compiled(responses, self.weights):
            return look_up(responses, self.table.pieces(self.weights), self.table.end)
        return torch.einsum("nj,bnhwj->bnhw", self.weights, _bumps(responses, self.centres))


def _bumps(x: Tensor, centres: Tensor) -> Tensor:
    """(...) to (..., 63)."""
    return torch.exp(-((x[..., None] - centres.to(x)) ** 2) / (2 * WIDTH**2))


class Stage(nn.Module):
    """``u - (sum_i K_i^T phi_i(K_i u) + lambda (u - f))``: u and f (B, 1, H, W) to the same.

    ``K_i`` is a combination of the atoms of :func:`basis`, of length one; lambda > 0. The image goes on as its mirror
    beyond the border. Without the reaction, and with differences for filters, it is a step of a diffusion.
    """

    def __init__(self, size: int, filters: int):
        super().__init__()
        atoms = basis(size)
        self.register_buffer("atoms", atoms, persistent=False)
        own = torch.eye(len(atoms))[torch.arange(filters) % len(atoms)]
        self.mixture = nn.Parameter(
            own + (torch.randn_like(own) * 0.1 if filters > len(atoms) else 0)
        )
        self.influence = Influence(filters)
        self.log_reaction = nn.Parameter(torch.tensor(np.log(REACTION), dtype=torch.float32))

    @property
    def kernels(self) -> Tensor:
        """(N, size, size)."""
        mixture = self.mixture / self.mixture.norm(dim=1, keepdim=True)
        return torch.einsum("na,aij->nij", mixture, self.atoms)

    def forward(self, u: Tensor, f: Tensor) -> Tensor:
        kernels = self.kernels
        taken = self.influence(respond(mirrored(u, kernels.shape[1] - 1), kernels))
        flow = conv2d(taken, kernels.flip(1, 2)[None])
        return u - flow - self.log_reaction.exp() * (u - f)


class TNRD(Denoiser):
    """``stages`` of :class:`Stage`, with ``size^2 - 1`` filters of ``size`` x ``size`` each: (B, 1, H, W) to the same.

    Raises ValueError for an input of another shape or with a NaN, for no stage, and for a size below 3 or even.
    """

    def __init__(self, stages: int = 5, size: int = 5):
        super().__init__()
        if stages < 1 or size < 3 or size % 2 == 0:
            raise ValueError(
                f"at least one stage and an odd size of at least 3, got {stages!r} and {size!r}"
            )
        self.stages = nn.ModuleList(Stage(size, size**2 - 1) for _ in range(stages))

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
