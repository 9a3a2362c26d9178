"""How a diffusion evolves: the range and the mean of its states; the first one, u_0, is the start.

States are tensors or arrays of one shape, (..., H, W), in gray levels.
"""

from collections.abc import Sequence

import numpy as np
from torch import Tensor


def extremes(states: Sequence[Tensor | np.ndarray]) -> np.ndarray:
    """The darkest and the brightest pixel of each state, in gray levels: (2, states)."""
    return np.array([[float(state.min()), float(state.max())] for state in states]).T


def mean_drift(states: Sequence[Tensor | np.ndarray]) -> np.ndarray:
    """``|mean(u_k) - mean(u_0)|`` of each state, in gray levels: (states,), the first one 0."""
    start = states[0].mean()
    return np.array([abs(float(state.mean() - start)) for state in states])
