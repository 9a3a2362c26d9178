"""The classic diffusivities of Perona and Malik, evaluated edge by edge, and the constant one of the heat equation."""

import numpy as np
import torch
from torch import Tensor

from .base import Diffusivity
from .kernels.explicit import diffuse
from .scheme import gradient

OPTIONS = (1, 2)


def perona_malik(d: Tensor, lambda_: Tensor | float, option: int) -> Tensor:
    """``g(d) = exp(-(d / lambda)^2)`` (option 1) or ``1 / (1 + (d / lambda)^2)`` (option 2), in (0, 1].

    ``d`` is a difference across an edge in gray levels, ``lambda_`` its contrast parameter, positive.
    Source: P. Perona and J. Malik, IEEE PAMI 12(7), 1990, section V.
    """
    ratio = (d / lambda_) ** 2
    return torch.exp(-ratio) if option == 1 else 1 / (1 + ratio)


class PeronaMalik(Diffusivity):
    """``g`` of each edge from the difference across it: :func:`perona_malik`; range (0, 1], bound 1.

    ``lambda_`` (gray levels, above 0) is a number, or one number an image of the batch as (B, 1, 1, 1).
    """

    def __init__(self, lambda_: float = 25.0, option: int = 2):
        super().__init__()
        if option not in OPTIONS:
            raise ValueError(f"option must be 1 (exponential) or 2 (rational), got {option!r}")
        self.option = option
        self.register_buffer("lambda_", torch.as_tensor(lambda_, dtype=torch.float32))
        if not (self.lambda_ > 0).all():
            raise ValueError(f"lambda must be above 0, got {lambda_!r}")

    def forward(self, u, context=None, step=0, state=None):
        lambda_ = self.lambda_.to(u.dtype)
        return tuple(perona_malik(d, lambda_, self.option) for d in gradient(u)), None

    def fast(self, f: Tensor, context: None, steps: int, tau: float) -> Tensor:
        lambdas = np.broadcast_to(self.lambda_.detach().numpy().ravel(), len(f))
        return diffuse(f, lambdas, self.option, steps, tau)


class Constant(Diffusivity):
    """``g = value`` everywhere: the heat equation; bound ``value``."""

    def __init__(self, value: float = 1.0):
        super().__init__()
        if not value >= 0:
            raise ValueError(f"a constant diffusivity must be at least 0, got {value!r}")
        self.bound = float(value)

    def forward(self, u, context=None, step=0, state=None):
        return torch.full_like(u, self.bound), None
