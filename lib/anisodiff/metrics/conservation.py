"""What a restoration keeps: the range and the mean of its states, the first of which is the start, and small changes.

States are tensors or arrays of one shape, (..., H, W), in gray levels.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..methods.base import Denoiser


def extremes(states: Sequence[Tensor | np.ndarray]) -> np.ndarray:
    """The darkest and the brightest pixel of each state, in gray levels: (2, states)."""
    return np.array([[float(state.min()), float(state.max())] for state in states]).T


def mean_drift(states: Sequence[Tensor | np.ndarray]) -> np.ndarray:
    """``|mean(u_k) - mean(u_0)|`` of each state, in gray levels: (states,), the first one 0."""
    start = states[0].mean()
    return np.array([abs(float(state.mean() - start)) for state in states])


def growth(
    denoiser: Denoiser, image: np.ndarray, sigma: float, size: float = 1.0, rounds: int = 15
) -> float:
    """The most that a change of an image, (H, W), was seen to grow: ``|D(f + d) - D(f - d)| / |2 d|``, Euclidean norms.

    The change d, of length ``size`` in gray levels over all pixels, is found by a power iteration on the derivative of
    the denoiser D, from a random start. At least 0; a lower bound of D's Lipschitz constant. Raises ValueError for a
    denoiser that has no derivative.
    """
    f = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
    d, found = torch.randn(f.shape, generator=torch.Generator().manual_seed(0)), 0.0
    for _ in range(rounds):
        d = size * d / d.norm()
        with torch.no_grad():
            apart = (denoiser(f + d, sigma) - denoiser(f - d, sigma)) / 2
        found = max(found, float(apart.norm()) / size)
        at = f.clone().requires_grad_(True)
        restored = denoiser(at, sigma)
        if not restored.requires_grad:
            raise ValueError(f"{type(denoiser).__name__} has no derivative by the image")
        (d,) = torch.autograd.grad(restored, at, apart)
    return found
