"""What a problem is: how a clean image becomes a measurement, and, where there is one, the linear operator behind it.

Images are (..., H, W), of which (C, H, W) is usual: one image, whose channels share the operator that is drawn. Values
are on 0..255, measurements float32, neither clipped nor rounded.
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from numbers import Real
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor


class LinearOperator(ABC):
    """A linear map ``A`` from images of ``in_shape`` to those of ``out_shape``, each (H, W); it acts on (..., H, W).

    Where the singular value decomposition ``A = U S V'`` is known, an operator gives ``singular_values``, ``U``, ``V``
    and their adjoints (deepinv's names), and has the rest from here. Spectra have the shape of the input: one number
    for each right singular vector, in no order. Where the output is smaller, ``U`` reads those that belong to a left
    singular vector, ``U_adjoint`` gives 0 for the others, and their singular values are 0.

    Where it is not known, ``singular_values`` is None, and the operator gives ``A_adjoint`` and ``A_dagger`` itself.
    """

    in_shape: tuple[int, int]
    out_shape: tuple[int, int]
    singular_values: Tensor | None = None  # (H, W) = in_shape, float64, zeros kept

    @abstractmethod
    def A(self, x: Tensor) -> Tensor:
        """The operator itself."""

    def A_adjoint(self, y: Tensor) -> Tensor:
        """Its adjoint: ``<A x, y> = <x, A_adjoint y>``."""
        return self.V(self._values(y) * self.U_adjoint(y))

    def A_dagger(self, y: Tensor, cutoff: float | None = None) -> Tensor:
        """Its pseudo-inverse: ``A A_dagger A = A``.

        Singular values at or below ``cutoff`` times the largest count as 0. By default it is the longer side of the
        input times the machine epsilon of ``y``, as in ``torch.linalg.pinv``: about 6e-14 for 256 pixels in float64,
        3e-5 in float32. Noise is amplified by up to 1 / cutoff.
        """
        values = self._values(y)
        if cutoff is None:
            cutoff = max(self.in_shape) * torch.finfo(values.dtype).eps
        kept = values > cutoff * values.max()
        return self.V(torch.where(kept, self.U_adjoint(y) / values.where(kept, 1), 0))

    def prox_l2(self, z: Tensor, y: Tensor, gamma: float) -> Tensor:
        """``argmin_x gamma/2 |A x - y|^2 + 1/2 |x - z|^2``, for ``z`` of in_shape, ``y`` of out_shape, gamma >= 0."""
        values = self._values(z)
        spectrum = self.V_adjoint(z) + gamma * values * self.U_adjoint(y)
        return self.V(spectrum / (1 + gamma * values**2))

    def U(self, spectrum: Tensor) -> Tensor:
        """The combination of the left singular vectors: a spectrum, (..., *in_shape), to (..., *out_shape)."""
        raise NotImplementedError(self._unknown())

    def U_adjoint(self, y: Tensor) -> Tensor:
        """The products with the left singular vectors: (..., *out_shape) to a spectrum."""
        raise NotImplementedError(self._unknown())

    def V(self, spectrum: Tensor) -> Tensor:
        """The combination of the right singular vectors: a spectrum to (..., *in_shape)."""
        raise NotImplementedError(self._unknown())

    def V_adjoint(self, x: Tensor) -> Tensor:
        """The products with the right singular vectors: (..., *in_shape) to a spectrum."""
        raise NotImplementedError(self._unknown())

    def _values(self, like: Tensor) -> Tensor:
        if self.singular_values is None:
            raise NotImplementedError(self._unknown())
        return self.singular_values.to(like)

    def _unknown(self) -> str:
        return f"the singular value decomposition of {type(self).__name__} is not known"


@dataclass(frozen=True)
class Measurement:
    """What was measured: ``y``, (..., H, W) float32, and its ``problem``, with what was drawn (a mask, a shape)."""

    y: Tensor
    problem: "Problem"


@dataclass(frozen=True)
class Problem(ABC):
    """How a clean image becomes a measurement: a frozen dataclass with named parameters, the first being its level.

    A problem as the study names it leaves open what a measurement draws; ``measure`` hands on the same problem with
    that filled in: its ``operator``, where there is a linear one, else None.
    Raises ValueError for a level outside ``(0, highest]`` and for a ``sigma`` that is negative or infinite.
    """

    name: ClassVar[str]
    unit: ClassVar[str]  # of the level
    levels: ClassVar[tuple[float, ...]]  # those of the study's curves
    highest: ClassVar[float]

    operator: LinearOperator | None = field(default=None, kw_only=True, repr=False, compare=False)

    def __post_init__(self):
        if not (isinstance(self.level, Real) and 0 < self.level <= self.highest):
            raise ValueError(
                f"{self.name}: the level ({self.unit}) must be above 0 and at most {self.highest:g}, got {self.level!r}"
            )
        sigma = getattr(self, "sigma", 0.0)
        if not (isinstance(sigma, Real) and 0 <= sigma < math.inf):
            raise ValueError(
                f"{self.name}: sigma (standard deviation, gray levels) must be at least 0, got {sigma!r}"
            )

    @classmethod
    def parameters(cls) -> list[str]:
        """The names of the parameters, the level's first."""
        return [f.name for f in fields(cls) if f.name != "operator"]

    @property
    def level(self) -> float:
        """The first parameter: the axis of the study's curves, no more."""
        return getattr(self, self.parameters()[0])

    def measure(self, x: np.ndarray | Tensor, rng: np.random.Generator | None) -> Measurement:
        """The measurement of a clean image, (..., H, W); all that is drawn comes from ``rng``.

        ``rng`` may be None where nothing is drawn. Raises ValueError for what is not an image.
        """
        x = torch.tensor(np.asarray(x))  # a copy: arrays of a collection are read-only
        if x.ndim < 2 or x.numel() == 0 or x.is_complex():
            raise ValueError(
                f"expected an image, (..., H, W) numbers, got {x.dtype} {tuple(x.shape)}"
            )
        x = x if x.is_floating_point() else x.float()
        drawn = replace(self, operator=self.draw_operator(tuple(x.shape[-2:]), rng))
        return Measurement(drawn.add_noise(drawn.signal(x), rng).float(), drawn)

    def placed(self, shape: tuple[int, int]) -> "Problem":
        """This problem with its operator for a measurement of (H, W) that was made elsewhere.

        Raises ValueError where the operator is drawn, for it cannot be known then.
        """
        return replace(self, operator=self.draw_operator(shape, None))

    def draw_operator(self, shape: tuple[int, int], rng) -> LinearOperator | None:
        """The linear operator for images of (H, W), drawn where it is random; None where the problem is not linear."""
        return None

    def signal(self, x: Tensor) -> Tensor:
        """What is measured without noise: the operator's output, or the image itself where there is none."""
        return x if self.operator is None else self.operator.A(x)

    def add_noise(self, y: Tensor, rng) -> Tensor:
        """The signal with the problem's noise; the signal itself unless a problem has noise of its own."""
        return y
