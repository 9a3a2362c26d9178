"""Tikhonov's least squares with a penalty on gradients, for any linear operator."""

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, cg
from torch.nn.functional import pad

from ...problems.base import LinearOperator as Operator
from ..base import Method

LEAST = 0.255  # gray levels: the noise that a measurement without noise is given


class Tikhonov(Method):
    """``argmin_x |A x - y|^2 + strength sigma^2 |grad x|^2``, by conjugate gradients.

    ``strength``, above 0 and in gray levels^-2, as that of ``wiener``; sigma is the problem's standard deviation of
    the noise, at least 0.255. ``steps`` at most, until what is left is a millionth of the penalty's part.
    Raises ValueError for a strength or steps not above 0. Source: Tikhonov (1963), by SciPy.
    """

    name, needs = "tikhonov", frozenset({"operator"})

    def __init__(self, strength: float = 2e-3, steps: int = 1000):
        if not (0 < strength < np.inf and steps > 0):
            raise ValueError(
                f"tikhonov: strength and steps must be above 0, got {strength!r} and {steps!r}"
            )
        self.strength, self.steps = strength, steps

    def answer(self, y, problem, truth, rng, samples):
        weight = self.strength * max(getattr(problem, "sigma", 0.0), LEAST) ** 2
        found = [self._channel(problem.operator, one.double(), weight) for one in y]
        return torch.stack(found).to(y)[None], {}

    def _channel(self, operator: Operator, y: torch.Tensor, weight: float) -> torch.Tensor:
        shape = operator.in_shape

        def both(flat: np.ndarray) -> np.ndarray:
            x = torch.from_numpy(flat).reshape(shape)
            return (operator.A_adjoint(operator.A(x)) + weight * _laplacian(x)).flatten().numpy()

        count = shape[0] * shape[1]
        given = operator.A_adjoint(y.cpu()).flatten().numpy()
        system = LinearOperator((count, count), both, dtype=np.float64)
        # Where nothing is measured the penalty alone decides, and its equations are as small as its weight.
        found, _ = cg(system, given, rtol=1e-6 * min(weight, 1), maxiter=self.steps)
        return torch.from_numpy(found).reshape(shape)


def _laplacian(x: torch.Tensor) -> torch.Tensor:
    """``grad' grad x``, reflecting boundary: (H, W) to the same."""
    rows, columns = x.diff(dim=0), x.diff(dim=1)
    return -pad(rows, (0, 0, 1, 1)).diff(dim=0) - pad(columns, (1, 1)).diff(dim=1)
