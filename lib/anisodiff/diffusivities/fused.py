"""All steps of a classic diffusion in one compiled loop: the fast form of ``classic.PeronaMalik``.

Each flux is computed once, a row at a time, so that an image streams through the cache once a step and two images
(the current and the next) are all the memory it takes. Equal to the eager form to rounding (a test says so).
"""

import numba
import numpy as np
import torch

_jit = numba.njit(error_model="numpy", fastmath={"contract", "nsz", "arcp"}, cache=True, nogil=True)


@numba.njit(inline="always")
def _exp(x):
    """``exp(x)`` for ``x <= 0`` to 2e-7, in operations that vectorise, which the C library's does not here."""
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


@_jit
def _flux_exponential(low, high, scale, flux):
    for j in range(low.size):
        d = high[j] - low[j]
        flux[j] = d * _exp(-scale * d * d)


@_jit
def _flux_rational(low, high, scale, flux):
    for j in range(low.size):
        d = high[j] - low[j]
        flux[j] = d / (np.float32(1) + scale * d * d)


@_jit
def _step(u, after, scale, tau, exponential):
    rows, columns = u.shape
    across = np.zeros(columns + 1, np.float32)  # fluxes within the row; none through either end
    above = np.zeros(columns, np.float32)
    below = np.zeros(columns, np.float32)
    for i in range(rows):
        row = u[i]
        if exponential:
            _flux_exponential(row[:-1], row[1:], scale, across[1:-1])
        else:
            _flux_rational(row[:-1], row[1:], scale, across[1:-1])
        if i == rows - 1:
            below[:] = 0
        elif exponential:
            _flux_exponential(row, u[i + 1], scale, below)
        else:
            _flux_rational(row, u[i + 1], scale, below)
        for j in range(columns):
            after[i, j] = row[j] + tau * (across[j + 1] - across[j] + below[j] - above[j])
        above, below = below, above


def diffuse(u: torch.Tensor, lambdas: np.ndarray, option: int, steps: int, tau: float) -> torch.Tensor:
    """``steps`` explicit steps on each image of a (B, 1, H, W) float32 batch, with one lambda an image."""
    result = torch.empty_like(u, memory_format=torch.contiguous_format)
    scratch = np.empty(u.shape[-2:], np.float32)
    for image, target, lambda_ in zip(u.detach().numpy(), result.numpy(), lambdas, strict=True):
        # the last step must land in the target, so the first one starts in whichever buffer makes the count come out
        current, following = (target[0], scratch) if steps % 2 == 0 else (scratch, target[0])
        current[:] = image[0]
        for _ in range(steps):
            _step(current, following, np.float32(1 / lambda_**2), np.float32(tau), option == 1)
            current, following = following, current
    return result
