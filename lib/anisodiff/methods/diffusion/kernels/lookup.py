"""Functions of one number by a table of cubic or straight pieces: the compiled form of influence functions.

Float32 on the CPU. Cubic pieces of length h equal the functions to ``h^4 / 384 max|phi''''|``; straight ones are exact
for linear splines.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .explicit import jit, summing

STEP = 1.0  # gray levels, of a cubic piece


class Table:
    """Linear combinations of some functions in pieces on [-end, end], by their values and slopes at the ends of each.

    ``functions`` maps x (n) in double precision to (n, J). ``step``: a piece's length;
    ``straight``: by the values alone.
    """

    def __init__(
        self,
        functions: Callable[[Tensor], Tensor],
        end: float,
        step: float = STEP,
        straight: bool = False,
    ):
        self.end = end
        x = torch.linspace(-end, end, round(2 * end / step) + 1, dtype=torch.float64)
        value = functions(x)
        v, w = value[:-1], value[1:]
        if straight:
            pieces = [v, w - v, torch.zeros_like(v), torch.zeros_like(v)]
        else:
            slope = step * torch.autograd.functional.jvp(functions, x, torch.ones_like(x))[1]
            s, t = slope[:-1], slope[1:]
            pieces = [v, s, 3 * (w - v) - 2 * s - t, 2 * (v - w) + s + t]
        self.matrix = torch.stack(pieces, 1).permute(2, 0, 1).flatten(1).float()  # (J, P * 4)

    def pieces(self, weights: Tensor) -> Tensor:
        """Of ``sum_j w_ij phi_j`` the coefficients of all pieces, (N, P, 4), from weights (N, J)."""
        return (weights @ self.matrix).unflatten(1, (-1, 4))


def look_up(responses: Tensor, pieces: Tensor, end: float) -> Tensor:
    """``phi_i(r_i)``, (B, N, H, W), of responses of that shape and pieces (N, P, 4) on [-end, end]; 0 beyond."""
    return _LookUp.apply(responses, pieces, end)


class _LookUp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, responses, pieces, end):
        responses, pieces = responses.contiguous(), pieces.contiguous()
        ctx.save_for_backward(responses, pieces, torch.tensor(end, dtype=torch.float64))
        found = torch.empty_like(responses)
        given = (tensor.detach().flatten(2).numpy() for tensor in (responses, found))
        for image, onto in zip(*given, strict=True):
            _look_up(image, pieces.detach().numpy(), end, onto)
        return found

    @staticmethod
    def backward(ctx, given):
        responses, pieces, end = ctx.saved_tensors
        onto, sums = torch.empty_like(responses), torch.zeros_like(pieces)
        parts = (tensor.flatten(2).numpy() for tensor in (responses, given.contiguous(), onto))
        for image, grad, result in zip(*parts, strict=True):
            _look_up_back(image, grad, pieces.numpy(), end.item(), result, sums.numpy())
        return onto, sums, None


@jit
def _look_up(responses, pieces, end, onto):
    """``c_0 + t (c_1 + t (c_2 + t c_3))`` of the piece of each r and its place t in it, both (N, n)."""
    last, end = np.float32(pieces.shape[1]), np.float32(end)
    scale = last / (np.float32(2) * end)
    for i in range(len(responses)):
        own = pieces[i]
        for at in range(responses.shape[1]):
            x = (responses[i, at] + end) * scale
            if x >= np.float32(0) and x < last:  # of NaN neither holds
                k = np.int32(x)
                t = x - np.float32(k)
                c = own[k]
                onto[i, at] = c[0] + t * (c[1] + t * (c[2] + t * c[3]))
            else:
                onto[i, at] = x * np.float32(0)  # NaN stays what it is


@summing
def _look_up_back(responses, given, pieces, end, onto, sums):
    """From the gradient for ``_look_up`` that for r, both (N, n), and, added to ``sums``, that for the pieces."""
    last, end = np.float32(pieces.shape[1]), np.float32(end)
    scale = last / (np.float32(2) * end)
    for i in range(len(responses)):
        own, into = pieces[i], sums[i]
        for at in range(responses.shape[1]):
            x = (responses[i, at] + end) * scale
            if x >= np.float32(0) and x < last:
                k = np.int32(x)
                t = x - np.float32(k)
                c, s, d = own[k], into[k], given[i, at]
                onto[i, at] = (
                    d * scale * (c[1] + t * (np.float32(2) * c[2] + np.float32(3) * t * c[3]))
                )
                s[0] += d
                d *= t
                s[1] += d
                d *= t
                s[2] += d
                s[3] += d * t
            else:
                onto[i, at] = 0
