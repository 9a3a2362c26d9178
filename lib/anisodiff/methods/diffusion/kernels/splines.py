"""The hot spots of Fields of Experts: responses to kernels, and the sum of splines of order 1 of their sigmoid.

A spline with kinks at 0, 1, ..., N - 1 is ``const + sum_k c_k max(x, k)``: a sum without branches or look-ups, which
vectorises, and whose derivatives are sums of the same kind. Nothing but the responses is kept for the way back. The
compiled forms serve float32 on the CPU, plain PyTorch all else; both are equal to rounding (tests say so).
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from .explicit import compiled, exp, jit, summing

BLOCK = 1024  # pixels at once: what a block needs stays in the cache


def respond(z: Tensor, kernels: Tensor) -> Tensor:
    """``K_i * z`` where the kernel lies within the image: (B, 1, H, W), (E, K, L) to (B, E, H - K + 1, W - L + 1)."""
    if compiled(z, kernels) and torch.is_grad_enabled():
        return _Respond.apply(z, kernels)
    return conv2d(z, kernels[:, None])


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
    lower = x.detach().nan_to_num().long().clamp(0, intervals - 1)
    index = lower + (intervals + 1) * torch.arange(len(nodal), device=x.device)[:, None, None]
    left, right = nodal.flatten()[index], nodal.flatten()[index + 1]
    return (left + (x - lower) * (right - left)).sum(1, keepdim=True)


def sum_experts(z: Tensor, kernels: Tensor, nodal: Tensor, onto: Tensor) -> None:
    """``spline_sum(respond(z, kernels), nodal)``, onto ``onto`` (B, 1, H, W): no gradient, no response kept.

    Float32 on the CPU; z is (B, 1, H + K - 1, W + L - 1), kernels (E, K, L).
    """
    const, kinks = hinges(nodal.detach())
    experts, _, taps = kernels.shape
    weights = pad(kernels.detach(), (0, -taps % 3, 0, 0, 0, -experts % 3)).contiguous().numpy()
    coefficients = pad(kinks, (0, -kinks.shape[1] % 5, 0, -experts % 3)).numpy()
    z = pad(z, (0, -taps % 3))
    for image, total in zip(z.numpy(), onto.numpy(), strict=True):
        _sum_experts(image[0], weights, coefficients, kinks.shape[1], total[0])
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
        for image, total in zip(responses.detach().numpy(), result.numpy(), strict=True):
            _sum_hinges(
                image.reshape(len(image), -1), _in_fives(kinks), kinks.shape[1], total.reshape(-1)
            )
        return result.add_(const)

    @staticmethod
    def backward(ctx, given):
        responses, nodal = ctx.saved_tensors
        onto, kinks = torch.empty_like(responses), hinges(nodal)[1]
        coefficients = _in_fives(kinks)
        sums = np.zeros(coefficients.shape)
        for image, grad, result in zip(
            responses.numpy(), given.contiguous().numpy(), onto.numpy(), strict=True
        ):
            pixels = image.reshape(len(image), -1), grad.reshape(-1), result.reshape(len(image), -1)
            _hinges_back(*pixels, coefficients, kinks.shape[1], sums)
        # A hat function of the nodes is a second difference of max(x, k), k = 0 ... N: at N a constant, as beyond 0.
        total, ends = given.double().sum().item(), kinks.shape[1] + np.arange(2.0)
        columns = [sums[:, : kinks.shape[1]], np.tile(total * ends, (len(sums), 1))]
        slopes = np.diff(np.concatenate(columns, 1))
        return onto, torch.from_numpy(np.diff(slopes, prepend=0)).float()


class _Respond(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, kernels):
        ctx.save_for_backward(z, kernels)
        return conv2d(z, kernels[:, None])

    @staticmethod
    def backward(ctx, given):
        z, kernels = ctx.saved_tensors
        onto, sums = (
            torch.empty_like(z, memory_format=torch.contiguous_format),
            np.zeros(kernels.shape),
        )
        for image, grad, result in zip(
            z.numpy(), given.contiguous().numpy(), onto.numpy(), strict=True
        ):
            _respond_back(grad, kernels.numpy(), result[0])
            _kernels_back(grad, image[0], sums)
        return onto, torch.from_numpy(sums.astype(np.float32))


def _in_fives(kinks: Tensor) -> np.ndarray:
    """The coefficients with as many zeros behind them as make their number a multiple of five."""
    return pad(kinks, (0, -kinks.shape[1] % 5)).numpy()


@jit
def _sum_hinges(responses, kinks, intervals, total):
    """``sum_i sum_k c_ik max(N sigmoid(r_i), k)`` of responses (E, pixels), written to ``total``, (pixels)."""
    x = np.empty(BLOCK, np.float32)
    for start in range(0, total.size, BLOCK):
        size = min(BLOCK, total.size - start)
        block = total[start : start + size]
        block[:] = 0
        for expert in range(len(responses)):
            _add_hinges(responses[expert, start : start + size], kinks[expert], intervals, x, block)


@jit
def _sum_experts(z, kernels, kinks, intervals, total):
    """The same of the responses of an image, (h + K - 1, w + taps - 1), to kernels (E, K, taps), row by row.

    E and the taps are multiples of three, so that nine products share three pixels; the rest of them are zeros.
    """
    experts, size, taps = kernels.shape
    rows, columns = total.shape
    responses, x = np.empty((3, columns), np.float32), np.empty(columns, np.float32)
    r_0, r_1, r_2 = responses[0], responses[1], responses[2]
    for i in range(rows):
        total[i] = 0
        for e in range(0, experts, 3):
            responses[:] = 0
            for a in range(size):
                for b in range(0, taps, 3):
                    z_0, z_1, z_2 = z[i + a, b:], z[i + a, b + 1 :], z[i + a, b + 2 :]
                    u_0, u_1, u_2 = kernels[e, a, b], kernels[e, a, b + 1], kernels[e, a, b + 2]
                    v_0, v_1, v_2 = (
                        kernels[e + 1, a, b],
                        kernels[e + 1, a, b + 1],
                        kernels[e + 1, a, b + 2],
                    )
                    w_0, w_1, w_2 = (
                        kernels[e + 2, a, b],
                        kernels[e + 2, a, b + 1],
                        kernels[e + 2, a, b + 2],
                    )
                    for j in range(columns):
                        p, q, s = z_0[j], z_1[j], z_2[j]
                        r_0[j] = r_0[j] + u_0 * p + u_1 * q + u_2 * s
                        r_1[j] = r_1[j] + v_0 * p + v_1 * q + v_2 * s
                        r_2[j] = r_2[j] + w_0 * p + w_1 * q + w_2 * s
            for one in range(3):
                _add_hinges(responses[one], kinks[e + one], intervals, x, total[i])


@jit
def _add_hinges(response, c, intervals, x, total):
    """One expert's sum, added to ``total``, (pixels); x is room for as many."""
    _scaled_sigmoid(response, np.float32(intervals), x)
    for k in range(0, c.size, 5):
        k_0, k_1, k_2, k_3, k_4 = _five(np.float32(k))
        c_0, c_1, c_2, c_3, c_4 = c[k], c[k + 1], c[k + 2], c[k + 3], c[k + 4]
        for at in range(response.size):
            y = x[at]
            so_far = total[at] + c_0 * max(y, k_0) + c_1 * max(y, k_1)
            total[at] = so_far + c_2 * max(y, k_2) + c_3 * max(y, k_3) + c_4 * max(y, k_4)


@summing
def _hinges_back(responses, given, onto, kinks, intervals, sums):
    """From the gradient for the sum, (pixels), those for the responses, (E, pixels), and, added, for the kinks."""
    x, zero, count = np.empty(BLOCK, np.float32), np.float32(0), np.float32(intervals)
    for start in range(0, given.size, BLOCK):
        size = min(BLOCK, given.size - start)
        grad = given[start : start + size]
        for expert in range(len(responses)):
            c, result = kinks[expert], onto[expert, start : start + size]
            _scaled_sigmoid(responses[expert, start : start + size], count, x)
            result[:] = 0
            for k in range(0, c.size, 5):
                k_0, k_1, k_2, k_3, k_4 = _five(np.float32(k))
                c_0, c_1, c_2, c_3, c_4 = c[k], c[k + 1], c[k + 2], c[k + 3], c[k + 4]
                s_0 = s_1 = s_2 = s_3 = s_4 = zero
                for at in range(size):
                    y, d = x[at], grad[at]
                    s_0 += d * max(y, k_0)
                    s_1 += d * max(y, k_1)
                    s_2 += d * max(y, k_2)
                    s_3 += d * max(y, k_3)
                    s_4 += d * max(y, k_4)
                    first = (c_0 if y >= k_0 else zero) + (c_1 if y >= k_1 else zero)
                    more = (c_2 if y >= k_2 else zero) + (c_3 if y >= k_3 else zero)
                    result[at] += first + more + (c_4 if y >= k_4 else zero)
                sums[expert, k] += s_0
                sums[expert, k + 1] += s_1
                sums[expert, k + 2] += s_2
                sums[expert, k + 3] += s_3
                sums[expert, k + 4] += s_4
            for at in range(size):
                result[at] *= grad[at] * x[at] * (np.float32(1) - x[at] / count)


@jit
def _scaled_sigmoid(r, scale, x):
    for at in range(r.size):
        x[at] = scale / (np.float32(1) + exp(-max(r[at], np.float32(-87))))


@jit
def _five(k):
    one = np.float32(1)
    return k, k + one, k + one + one, k + one + one + one, k + one + one + one + one


@jit
def _respond_back(given, kernels, onto):
    """The adjoint of the responses: from (E, h, w) to the image, (h + K - 1, w + L - 1)."""
    experts, rows, columns = given.shape
    size, width = kernels.shape[1:]
    taps = width + -width % 3  # three at once
    wide = np.zeros((experts, rows, columns + width - 1 + taps), np.float32)
    wide[:, :, taps - 1 : taps - 1 + columns] = given
    weights = np.zeros((experts, size, taps), np.float32)
    weights[:, :, :width] = kernels
    onto[:] = 0
    for i in range(rows + size - 1):
        row = onto[i]
        for expert in range(experts):
            for a in range(max(0, i - rows + 1), min(size, i + 1)):
                source, w = wide[expert, i - a], weights[expert, a]
                for b in range(0, taps, 3):
                    w_0, w_1, w_2, last = w[b], w[b + 1], w[b + 2], taps - 1 - b
                    s_0, s_1, s_2 = source[last:], source[last - 1 :], source[last - 2 :]
                    for j in range(row.size):
                        row[j] = row[j] + w_0 * s_0[j] + w_1 * s_1[j] + w_2 * s_2[j]


@summing
def _kernels_back(given, z, sums):
    """Added to the gradient for the kernels, (E, K, L): that of one image (h + K - 1, w + L - 1)."""
    experts, rows, columns = given.shape
    size, width = sums.shape[1:]
    for expert in range(experts):
        for a in range(size):
            for b in range(0, width, 3):
                next_, after = min(b + 1, width - 1), min(b + 2, width - 1)
                t_0 = t_1 = t_2 = 0.0
                for i in range(rows):
                    grad, row = given[expert, i], z[i + a]
                    s_0, s_1, s_2 = row[b:], row[next_:], row[after:]
                    r_0 = r_1 = r_2 = np.float32(0)
                    for j in range(columns):
                        r_0 += grad[j] * s_0[j]
                        r_1 += grad[j] * s_1[j]
                        r_2 += grad[j] * s_2[j]
                    t_0, t_1, t_2 = t_0 + r_0, t_1 + r_1, t_2 + r_2
                sums[expert, a, b] += t_0
                if b + 1 < width:
                    sums[expert, a, b + 1] += t_1
                if b + 2 < width:
                    sums[expert, a, b + 2] += t_2
