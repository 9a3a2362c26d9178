"""The degradation that a super-resolver was trained on, found through it: its kernel learned, the network frozen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ..problems.base import Problem
from .objectives import OPTIMISERS

BORDER = 8  # pixels of a result that depend on what a network puts around the image


@dataclass(frozen=True)
class Found:
    """A kernel, (side, side) float64, and the ``loss`` after each evaluation of it, in squared gray levels."""

    kernel: np.ndarray
    loss: list[float]


class Kernel(nn.Module):
    """A linear kernel as convolutions in a row, without biases or anything between them.

    ``sides`` of their kernels, of which one of ``sum(sides) - len(sides) + 1`` pixels comes; ``channels`` between them.
    They begin as Gaussians of a sixth of their side or as a ``box``; where there are several, each weight is up to a
    half larger or smaller at random, for equal channels would stay equal.
    """

    def __init__(self, sides: Sequence[int], channels: int = 8, box: bool = False, seed: int = 0):
        super().__init__()
        rng, widths = np.random.default_rng(seed), [1, *[channels] * (len(sides) - 1), 1]
        self.layers = nn.ParameterList()
        for side, into, out in zip(sides, widths[:-1], widths[1:], strict=True):
            at = np.arange(side) - (side - 1) / 2
            line = np.ones(side) if box else np.exp(-0.5 * (6 * at / side) ** 2)
            weight = np.broadcast_to(np.outer(line, line), (out, into, side, side))
            weight = weight / (into * line.sum() ** 2)
            if len(sides) > 1:
                weight = weight * rng.uniform(0.5, 1.5, weight.shape)
            self.layers.append(nn.Parameter(torch.from_numpy(weight.astype(np.float32))))

    def forward(self) -> Tensor:
        """The one kernel, (side, side)."""
        side = sum(layer.shape[-1] - 1 for layer in self.layers) + 1
        u = torch.zeros(1, 1, 2 * side - 1, 2 * side - 1)
        u[..., side - 1, side - 1] = 1
        for layer in self.layers:
            u = conv2d(u, layer)
        return u[0, 0].flip(0, 1)


def degraded(clean: Tensor, kernel: Tensor, factor: int) -> Tensor:
    """(B, 1, H, W) weighted by a kernel (side, side) around every factor-th place, where all of it is inside."""
    return conv2d(clean, kernel[None, None].to(clean), stride=factor)


def mismatch(
    network: Callable[[Tensor], Tensor], clean: Tensor, kernel: Tensor, factor: int
) -> Tensor:
    """The mean squared error of what a network makes of the degraded crops, BORDER pixels left out."""
    margin = (len(kernel) - factor) // 2 + BORDER
    u = network(degraded(clean, kernel, factor))[..., BORDER:-BORDER, BORDER:-BORDER]
    rows, columns = u.shape[-2:]
    return (u - clean[..., margin : margin + rows, margin : margin + columns]).square().mean()


def recover(
    network: Callable[[Tensor], Tensor],
    clean: Tensor,
    factor: int,
    start: Kernel,
    optimiser: str = "lbfgs",
    evaluations: int = 250,
    rate: float = 1.0,
) -> Found:
    """The kernel k with the least ``|N(k applied to x, every factor-th pixel kept) - x|^2``, from a ``start``, which
    is changed.

    ``network``: (B, 1, h, w) to (B, 1, factor h, factor w), its parameters frozen; ``clean``: crops, (B, 1, H, W) on
    0..255. The ``optimiser`` (a key of OPTIMISERS) goes on at its ``rate`` until the loss was computed as often as
    ``evaluations`` say, or no longer changes. The result lies as :func:`true_kernel` does.
    Raises ValueError for a kernel whose side is not as even or odd as the factor, and for crops too small for it.
    """
    side = len(start())
    if (side - factor) % 2:
        raise ValueError(f"a kernel of {side} pixels has no middle among those of factor {factor}")
    if min(clean.shape[-2:]) < side + 2 * BORDER + 2 * factor:
        raise ValueError(
            f"crops of {tuple(clean.shape[-2:])} pixels are too small for a kernel of {side}"
        )
    losses, steps = [], OPTIMISERS[optimiser](start.parameters(), rate)

    def loss() -> Tensor:
        steps.zero_grad()
        found = mismatch(network, clean, start(), factor)
        found.backward()
        losses.append(found.item())
        return found

    while len(losses) < evaluations:
        before = start().detach()
        steps.step(loss)
        if torch.equal(start().detach(), before):
            break
    return Found(start().detach().double().numpy(), losses)


def true_kernel(problem: Problem, side: int) -> np.ndarray:
    """The weights of the pixels around a pixel of a linear problem's measurement, (side, side), from its operator."""
    factor = round(problem.level)
    around = problem.placed((4 * side, 4 * side)).operator
    y = torch.zeros(around.out_shape, dtype=torch.float64)
    y[2 * side, 2 * side] = 1
    first = 2 * side * factor - (side - factor) // 2
    return around.A_adjoint(y)[first : first + side, first : first + side].numpy()


def apart(kernel: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """The ``correlation`` of two kernels, the relative ``error`` ``|k - t| / |t|``, and the ``sum`` of the first."""
    return {
        "correlation": float(np.corrcoef(kernel.ravel(), truth.ravel())[0, 1]),
        "error": float(np.linalg.norm(kernel - truth) / np.linalg.norm(truth)),
        "sum": float(kernel.sum()),
    }
