"""What a problem is: how a clean image becomes a measurement, and, where there is one, the linear operator behind it.

Images are (..., H, W), of which (C, H, W) is usual: one image, whose channels share what is drawn. Values are on 0..255,
measurements float32, neither clipped nor rounded.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor


class LinearOperator(ABC):
    """A linear map ``A`` from images of ``in_shape`` to those of ``out_shape``, each (H, W); it acts on (..., H, W).

    Where the singular value decomposition is known, ``singular_values`` is not None and ``U``, ``V`` and their adjoints
    are there (deepinv's names).
    """

    in_shape: tuple[int, int]
    out_shape: tuple[int, int]
    singular_values: Tensor | None = None

    @abstractmethod
    def A(self, x: Tensor) -> Tensor:
        """The operator itself."""

    @abstractmethod
    def A_adjoint(self, y: Tensor) -> Tensor:
        """Its adjoint: ``<A x, y> = <x, A_adjoint y>``."""

    @abstractmethod
    def A_dagger(self, y: Tensor) -> Tensor:
        """Its pseudo-inverse: ``A A_dagger A = A``."""


@dataclass(frozen=True)
class Measurement:
    """What was measured, and of which problem: that of the study with what was drawn for it (a mask, a shape)."""

    y: Tensor
    problem: "Problem"


@dataclass(frozen=True)
class Problem(ABC):
    """How a clean image becomes a measurement: a frozen dataclass with named parameters, the first being its level.

    A problem as the study names it leaves open what a measurement draws; ``measure`` hands on the same problem with
    that filled in: its ``operator``, where there is a linear one, else None.
    Raises ValueError for a level outside ``(0, highest]``.
    """

    name: ClassVar[str]
    unit: ClassVar[str]  # of the level
    levels: ClassVar[tuple[float, ...]]  # those of the study's curves
    highest: ClassVar[float]

    operator: LinearOperator | None = field(default=None, kw_only=True, repr=False, compare=False)

    def __post_init__(self):
        if not 0 < self.level <= self.highest:
            raise ValueError(
                f"{self.name}: the level ({self.unit}) must be above 0 and at most {self.highest:g}, got {self.level!r}"
            )

    @property
    def level(self) -> float:
        """The first parameter: the axis of the study's curves, no more."""
        return getattr(self, next(f.name for f in fields(self) if f.name != "operator"))

    def measure(self, x: np.ndarray | Tensor, rng: np.random.Generator | None) -> Measurement:
        """The measurement of a clean image, (..., H, W); all that is drawn comes from ``rng``."""
        x = torch.as_tensor(np.asarray(x))
        drawn = replace(self, operator=self.draw_operator(tuple(x.shape[-2:]), rng))
        y = drawn.operator.A(x) if drawn.operator is not None else x
        return Measurement(drawn.add_noise(y, rng).float(), drawn)

    def draw_operator(self, shape: tuple[int, int], rng) -> LinearOperator | None:
        """The linear operator for images of (H, W), drawn where it is random; None where the problem is not linear."""
        return None

    def add_noise(self, y: Tensor, rng) -> Tensor:
        """What befalls the operator's output; nothing unless a problem says so."""
        return y
