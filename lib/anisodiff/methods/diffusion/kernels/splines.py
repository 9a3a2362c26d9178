"""The hot spot of Fields of Experts: the sum of splines of order 1 of the sigmoid of responses to kernels.

A spline with kinks at 0, 1, ..., N - 1 is ``const + sum_k c_k max(x, k)``: a sum without branches or look-ups, which
vectorises, and whose derivatives are sums of the same kind. Nothing but the responses is kept for the way back. The
compiled forms serve float32 on the CPU, plain PyTorch all else; both are equal to rounding (tests say so).
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding, pad

from .explicit import compiled, exp, jit, summing

BLOCK = 1024  # pixels at once: what a block needs stays in the cache


def spline_sum(responses: Tensor, nodal: Tensor) -> Tensor:
    """``sum_i phi_i(sigmoid(r_i))``, (B, 1, H, W), of responses r (B, E, H, W).

    ``phi_i`` is affine on each of N equal parts of [0, 1] and has the values ``nodal[i]``, (E, N + 1), at their ends.
    """
    if compiled(responses, nodal):
        return _SplineSum.apply(responses, nodal)
    return indexed_spline_sum(responses, nodal)


def indexed_spline_sum(responses: Tensor, nodal: Tensor) -> Tensor:
    """The same in plain PyTorch, with look-ups."""
    intervals = nodal.shape[1] - 1
    x = torch.sigmoid(responses) * intervals
    part = x.detach().long().clamp(0, intervals - 1)  # whatever NaN becomes, it is a part
    part = part + intervals * torch.arange(len(nodal), device=x.device)[:, None, None]
    rise = nodal.diff()
    start = nodal[:, :-1] - rise * torch.arange(intervals).to(nodal)
    # One look-up for both numbers of a part: half as long.
    lines = embedding(part, torch.stack([start, rise], -1).flatten(0, 1))
    return (lines[..., 0] + x * lines[..., 1]).sum(1, keepdim=True)


def sum_experts(z: Tensor, kernels: Tensor, nodal: Tensor, onto: Tensor) -> None:
    """``spline_sum(respond(z, kernels), nodal)``, onto ``onto`` (B, 1, H, W): no gradient, no response kept.

    Float32 on the CPU; z is (B, 1, H + K - 1, W + L - 1), kernels (E, K, L).
    """
    const, kinks = hinges(nodal.detach())
    experts, _, taps = kernels.shape
    z, coefficients = pad(z, (0, -taps % 3)), pad(_in_fives(kinks), (0, 0, 0, -experts % 3))
    weights = pad(kernels.detach(), (0, -taps % 3, 0, 0, 0, -experts % 3)).contiguous()
    for image, total in zip(z.numpy(), onto.numpy(), strict=True):
        _sum_experts(image[0], weights.numpy(), coefficients.numpy(), kinks.shape[1], total[0])
    onto.add_(const)


def hinges(nodal: Tensor) -> tuple[Tensor, Tensor]:
    """Nodal values (E, N + 1) as the constant of all functions together, and ``c_k`` of each, (E, N)."""
    slopes = nodal.diff()
    kinks = torch.cat([slopes[:, :1], slopes.diff()], 1)
    return (nodal[:, 0] - kinks @ torch.arange(slopes.shape[1]).to(nodal)).sum(), kinks


class _SplineSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx, responses, nodal):
        responses = responses.contiguous()
        ctx.save_for_backward(responses, nodal)
        const, kinks = hinges(nodal)
        result = responses.new_empty(len(responses), 1, *responses.shape[2:])
        pixels = responses.detach().flatten(2).numpy(), result.flatten(1).numpy()
        for image, total in zip(*pixels, strict=True):
            _sum_hinges(image, _in_fives(kinks).numpy(), kinks.shape[1], total)
        return result.add_(const)

    @staticmethod
    def backward(ctx, given):
        responses, nodal = ctx.saved_tensors
        onto, kinks = torch.empty_like(responses), hinges(nodal)[1]
        coefficients = _in_fives(kinks).numpy()
        sums = np.zeros(coefficients.shape)
        pixels = (tensor.flatten(2).numpy() for tensor in (responses, given.contiguous(), onto))
        for image, grad, result in zip(*pixels, strict=True):
            _hinges_back(image, grad[0], result, coefficients, kinks.shape[1], sums)
        # A hat function of the nodes is a second difference of max(x, k), k = 0 ... N: at N a constant, as beyond 0.
        total, ends = given.double().sum().item(), kinks.shape[1] + np.arange(2.0)
        columns = [sums[:, : kinks.shape[1]], np.tile(total * ends, (len(sums), 1))]
        slopes = np.diff(np.concatenate(columns, 1))
        return onto, torch.from_numpy(np.diff(slopes, prepend=0)).float()


def _in_fives(kinks: Tensor) -> Tensor:
    """Zeros behind the coefficients (E, N) that make their number a multiple of five."""
    return pad(kinks, (0, -kinks.shape[1] % 5))


@jit
def _scaled_sigmoid(r, scale, x):
    """``x = scale sigmoid(r)``, both (n)."""
    for at in range(r.size):
        x[at] = scale / (np.float32(1) + exp(-max(r[at], np.float32(-87))))


@jit
def _add_hinges(response, c, intervals, x, total):
    """``total += sum_k c_k max(N sigmoid(r), k)``, r and total (n), c (N); x is room for n numbers."""
    _scaled_sigmoid(response, np.float32(intervals), x)
    for k in range(0, c.size, 5):
        for at in range(response.size):
            so_far, y = total[at], x[at]
            for more in range(5):  # a fixed number, so that LLVM vectorises the loop around it
                so_far += c[k + more] * max(y, np.float32(k + more))
            total[at] = so_far


@jit
def _sum_hinges(responses, kinks, intervals, total):
    """``sum_i sum_k c_ik max(N sigmoid(r_i), k)``, (n), of responses (E, n) and c (E, N)."""
    x = np.empty(BLOCK, np.float32)
    for start in range(0, total.size, BLOCK):
        block = total[start : start + BLOCK]
        block[:] = 0
        for e in range(len(responses)):
            _add_hinges(responses[e, start : start + BLOCK], kinks[e], intervals, x, block)


@jit
def _sum_experts(z, kernels, kinks, intervals, total):
    """``_sum_hinges`` of ``K_i * z``, (H, W), of z (H + K - 1, W + L - 1) and kernels (E, K, L), row by row.

    E and L are multiples of three: nine products share three loads of pixels, which else would cost more than they.
    They are written out, as with loops over them LLVM makes code of half the speed.
    """
    experts, size, taps = kernels.shape
    rows, columns = total.shape
    responses, x = np.empty((3, columns), np.float32), np.empty(columns, np.float32)
    r_0, r_1, r_2 = responses
    for i in range(rows):
        total[i] = 0
        for e in range(0, experts, 3):
            responses[:] = 0
            for a in range(size):
                u, v, w = kernels[e, a], kernels[e + 1, a], kernels[e + 2, a]
                for b in range(0, taps, 3):
                    row = z[i + a, b:]
                    u_0, u_1, u_2 = u[b], u[b + 1], u[b + 2]
                    v_0, v_1, v_2 = v[b], v[b + 1], v[b + 2]
                    w_0, w_1, w_2 = w[b], w[b + 1], w[b + 2]
                    for j in range(columns):
                        p, q, s = row[j], row[j + 1], row[j + 2]
                        r_0[j] = r_0[j] + u_0 * p + u_1 * q + u_2 * s
                        r_1[j] = r_1[j] + v_0 * p + v_1 * q + v_2 * s
                        r_2[j] = r_2[j] + w_0 * p + w_1 * q + w_2 * s
            for one in range(3):
                _add_hinges(responses[one], kinks[e + one], intervals, x, total[i])


@summing
def _hinges_back(responses, given, onto, kinks, intervals, sums):
    """From the gradient for ``_sum_hinges``, (n), that for r, (E, n), and, added to ``sums``, that for c, (E, N)."""
    x, count, zero = np.empty(BLOCK, np.float32), np.float32(intervals), np.float32(0)
    for start in range(0, given.size, BLOCK):
        grad = given[start : start + BLOCK]
        for e in range(len(responses)):
            result = onto[e, start : start + BLOCK]
            _scaled_sigmoid(responses[e, start : start + BLOCK], count, x)
            result[:] = 0
            for k in range(0, kinks.shape[1], 5):
                s = zero, zero, zero, zero, zero
                for at in range(grad.size):
                    slope, y, d = result[at], x[at], grad[at]
                    for more in range(5):
                        c = kinks[e, k + more]
                        slope += c if y >= np.float32(k + more) else zero
                    result[at] = slope
                    s = _add_five(s, d, y, k)
                for more in range(5):
                    sums[e, k + more] += s[more]
            for at in range(grad.size):
                result[at] *= grad[at] * x[at] * (np.float32(1) - x[at] / count)


@summing
def _add_five(s, d, y, k):
    """``s_l + d max(y, k + l)`` for l = 0, ..., 4: a tuple stays in registers, an array would not."""
    return (
        s[0] + d * max(y, np.float32(k)),
        s[1] + d * max(y, np.float32(k + 1)),
        s[2] + d * max(y, np.float32(k + 2)),
        s[3] + d * max(y, np.float32(k + 3)),
        s[4] + d * max(y, np.float32(k + 4)),
    )
