"""Compiled forms for the time no gradient is asked for: an explicit step, and all steps of a classic diffusion at once.

The steps of the latter follow each other down the image as a wave: as soon as step ``s`` has changed row ``i``, step
``s + 1`` changes row ``i - 1``, in place. Each flux is computed once, and the rows on the way stay in the cache, so
that the image passes through memory once for all steps. Equal to the eager forms to rounding (a test says so).
"""

import numba
import numpy as np
import torch

_LEAVE = {"contract", "nsz", "arcp"}
jit = numba.njit(error_model="numpy", fastmath=_LEAVE, cache=True, nogil=True)
summing = numba.njit(
    error_model="numpy", fastmath=_LEAVE | {"reassoc"}, cache=True, nogil=True
)  # in any order


@numba.njit(inline="always")
def exp(x):
    """``exp(x)`` for ``x <= 87`` to 2e-7, in operations that vectorise, which the C library's does not here."""
    x = max(x, np.float32(-87))
    power = x * np.float32(1.4426950408889634)
    whole = np.floor(power)
    part = power - whole
    # 2^part on [0, 1): minimax polynomial, exact to float32's last digits
    value = np.float32(1.8775767e-3)
    value = value * part + np.float32(8.9893397e-3)
    value = value * part + np.float32(5.5826318e-2)
    value = value * part + np.float32(2.4015361e-1)
    value = value * part + np.float32(6.9315308e-1)
    value = value * part + np.float32(9.9999994e-1)
    exponent = np.int32((np.int32(whole) + np.int32(127)) << np.int32(23))
    return value * exponent.view(np.float32)


@jit
def _flux(low, high, scale, exponential, flux):
    """``g(d) d`` of ``d = high - low``, (W): ``g = exp(-scale d^2)`` or ``1 / (1 + scale d^2)``."""
    for j in range(flux.size):
        d = high[j] - low[j]
        flux[j] = d * exp(-scale * d * d) if exponential else d / (np.float32(1) + scale * d * d)


@jit
def _sweep(u, scale, tau, exponential, steps):
    """``steps`` steps ``u + tau div(g(grad u) grad u)`` on an image (H, W), in place; see the top."""
    rows, columns = u.shape
    across = np.zeros(columns + 1, np.float32)  # none through either end
    above = np.zeros((steps, columns), np.float32)  # what the row before left each step
    below = np.zeros(columns, np.float32)
    for front in range(rows + steps - 1):
        for step in range(max(0, front - rows + 1), min(steps, front + 1)):
            i = front - step
            row, into = u[i], above[step]
            _flux(row[:-1], row[1:], scale, exponential, across[1:-1])
            if i == rows - 1:
                below[:] = 0
            else:
                _flux(row, u[i + 1], scale, exponential, below)
            for j in range(columns):
                row[j] += tau * (across[j + 1] - across[j] + below[j] - into[j])
                into[j] = below[j]


@jit
def _step(u, g_x, g_y, tau):
    """``u + tau div(g grad u)`` on an image (H, W), in place, g on the edges: (H, W - 1) and (H - 1, W)."""
    rows, columns = u.shape
    across = np.zeros(columns + 1, np.float32)  # none through either end
    above, below = np.zeros(columns, np.float32), np.zeros(columns, np.float32)
    for i in range(rows):
        row = u[i]
        for j in range(columns - 1):
            across[j + 1] = g_x[i, j] * (row[j + 1] - row[j])
        if i == rows - 1:
            below[:] = 0
        else:
            for j in range(columns):
                below[j] = g_y[i, j] * (u[i + 1, j] - row[j])
        for j in range(columns):
            row[j] += tau * (across[j + 1] - across[j] + below[j] - above[j])
        above, below = below, above


def diffuse(
    u: torch.Tensor, lambdas: np.ndarray, option: int, steps: int, tau: float | np.ndarray
) -> torch.Tensor:
    """``steps`` explicit steps on each image of a (B, 1, H, W) float32 batch, one lambda an image, one tau or also."""
    result = u.detach().clone(memory_format=torch.contiguous_format)
    taus = np.broadcast_to(tau, len(result))
    for image, lambda_, size in zip(result.numpy(), lambdas, taus, strict=True):
        _sweep(image[0], np.float32(1 / lambda_**2), np.float32(size), option == 1, steps)
    return result


def compiled(*tensors: torch.Tensor) -> bool:
    """Whether the compiled forms serve these tensors: float32 on the CPU, but not while a model is exported."""
    if torch.compiler.is_exporting():
        return False
    return all(tensor.device.type == "cpu" and tensor.dtype == torch.float32 for tensor in tensors)


def explicit_step(
    u: torch.Tensor, g: torch.Tensor | tuple[torch.Tensor, torch.Tensor], tau: float
) -> torch.Tensor:
    """``diffusion.explicit_step`` for a float32 batch on the CPU, without a gradient."""
    if not isinstance(g, tuple):  # on pixels: an edge has the mean of its two, here halved in tau
        g, tau = (g[..., 1:] + g[..., :-1], g[..., 1:, :] + g[..., :-1, :]), tau / 2
    result = u.detach().clone(memory_format=torch.contiguous_format)
    arrays = (tensor.detach().numpy()[:, 0] for tensor in (result, *g))
    for image, g_x, g_y in zip(*arrays, strict=True):
        _step(image, g_x, g_y, np.float32(tau))
    return result
