"""P1 functions: g continuous, piecewise affine in the gradient's norm, its nodal values per pixel by convolutions."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .base import Diffusivity
from .scheme import gradient

DILATIONS = (1, 2, 4, 1)  # of the layers of 3x3, of which a pixel sees 17 x 17


class NodalNetwork(nn.Module):
    """A degraded batch (B, 1, H, W) on 0..255 to ``outputs`` numbers a pixel, (B, outputs, H, W); zero when untrained.

    From the pixel's value and gradient norm, the partition's end ``top`` and the degradation's level, both
    (B, 1, 1, 1) or broadcast to it, by four convolutions of 24 filters and one of 1x1. With ``context`` the four are
    3x3, dilated by 1, 2, 4 and 1, the image continued by its border; without, 1x1: a pixel sees nothing but itself.
    """

    def __init__(self, outputs: int, context: bool = True, filters: int = 24):
        super().__init__()
        self.convolutions = nn.ModuleList()
        for inputs, dilation in zip((4, filters, filters, filters), DILATIONS, strict=True):
            size, reach = (3, dilation) if context else (1, 0)
            convolution = nn.Conv2d(inputs, filters, size, dilation=dilation)
            self.convolutions.append(
                nn.Sequential(nn.ReplicationPad2d(reach), convolution, nn.ReLU())
            )
        self.last = nn.Conv2d(filters, outputs, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, f: Tensor, top: Tensor, level: Tensor) -> Tensor:
        given = (top / 255).expand_as(f), torch.log10(level).to(f).expand_as(f)
        x = torch.cat([f / 255 - 0.5, gradient_norm(f) / 64, *given], 1)
        for convolution in self.convolutions:
            x = convolution(x)
        return self.last(x)


class Nodes(NamedTuple):
    """The context of :class:`P1`: the partition's end, (B, 1, 1, 1), and the nodal values, (B, N + 1, H, W)."""

    top: Tensor
    values: Tensor


class P1(Diffusivity):
    """``g(|grad u|)`` of each pixel, affine on each of ``intervals`` equal parts of ``[0, max |grad f|]``.

    The values at the ``intervals + 1`` nodes are read off the degraded image f once, for each pixel its own, by
    :func:`nodal_values` of waves (:func:`cosines`) whose amplitudes a network gives: range (-1, 1), so that g may be
    NEGATIVE, which sharpens and knows no minimum-maximum principle, or (0, 1) with ``nonnegative``; bound 1. Gradients
    beyond the last node get its value. ``context`` as in :class:`NodalNetwork`; a noise-``blind`` one does not see the
    level, which counts as 1 then.
    Source: slides "Performance while learning lambdas" (14.12.22), P1 functions.
    """

    reads_image = True
    functions = 1  # of which a pixel has its nodal values

    def __init__(
        self,
        intervals: int = 8,
        nonnegative: bool = False,
        context: bool = True,
        blind: bool = False,
    ):
        super().__init__()
        if intervals < 1:
            raise ValueError(f"a partition has at least one interval, got {intervals!r}")
        self.intervals, self.signed, self.reads_sigma = intervals, not nonnegative, not blind
        self.network = NodalNetwork(self.functions * (intervals + 1), context)
        self.register_buffer("waves", cosines(intervals + 1), persistent=False)

    def condition(self, f, sigma=None, truth=None) -> Nodes:
        top = gradient_norm(f).amax((2, 3), keepdim=True).clamp_min(1e-3)
        level = f.new_ones(1, 1, 1, 1) if sigma is None else sigma
        numbers = self.network(f, top, level).unflatten(1, (self.functions, -1))
        numbers = torch.einsum("nk,bfkhw->bfnhw", self.waves, numbers).flatten(1, 2)
        return Nodes(top, nodal_values(numbers, self.signed))

    def forward(self, u, context, step=0, state=None):
        x = gradient_norm(u) * (self.intervals / context.top)
        return piecewise_affine(x, context.values), None


def cosines(count: int) -> Tensor:
    """The cosine of frequency k at node n, divided by k + 1, as (n, k) of a square matrix.

    The network's numbers are amplitudes of these waves. Were they the nodal values themselves, training would fail on
    fine partitions, where neighbours drift apart and g becomes so steep that the derivatives through the steps explode.
    """
    n, k = torch.arange(count)[:, None], torch.arange(count)
    return torch.cos(torch.pi * (n + 0.5) * k / count) / (k + 1)


def nodal_values(numbers: Tensor, signed: bool = True) -> Tensor:
    """``tanh`` of the numbers, in (-1, 1), or ``sigmoid(number - 4)``, in (0, 1): (nearly) no diffusion at zero."""
    return torch.tanh(numbers) if signed else torch.sigmoid(numbers - 4)


def gradient_norm(u: Tensor) -> Tensor:
    """``|grad u|`` of each pixel, (B, 1, H, W): along each axis the mean square of the differences to both sides."""
    squares_x, squares_y = (d**2 for d in gradient(u))
    squares_x, squares_y = pad(squares_x, (1, 1)), pad(squares_y, (0, 0, 1, 1))
    both = squares_x[..., 1:] + squares_x[..., :-1] + squares_y[..., 1:, :] + squares_y[..., :-1, :]
    return torch.sqrt(both / 2 + 1e-12)  # the root of zero has no derivative


def piecewise_affine(x: Tensor, nodal: Tensor) -> Tensor:
    """The function with the values ``nodal`` (B, N + 1, H, W) at 0, 1, ..., N, at x (B, 1, H, W), constant beyond N."""
    x = x.clamp(0, nodal.shape[1] - 1)
    lower = x.detach().long().clamp_max(nodal.shape[1] - 2)
    left, right = nodal.gather(1, lower), nodal.gather(1, lower + 1)
    return left + (x - lower) * (right - left)
