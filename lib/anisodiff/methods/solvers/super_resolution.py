"""Networks that enlarge images: what a super-resolver is, and what it asks of a problem."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from ..base import Method


class SuperResolver(nn.Module, Method):
    """A network that enlarges images by a whole ``factor``, as a method for a problem that makes them smaller by it.

    A subclass gives ``forward(x, sigma)``: (B, 1, h, w) float32 on 0..255 to (B, 1, factor h, factor w); sigma, the
    level of the problem, is ignored. Each channel is enlarged on its own. Which degradation it was trained on says the
    header of its weights; it takes every other one with the same factor.
    Raises ValueError for a problem that does not make images smaller by the factor, and for a factor below 2.
    """

    needs = frozenset({"operator"})
    needs_truth = False

    def __init__(self, factor: int):
        super().__init__()
        if factor < 2 or factor != int(factor):
            raise ValueError(f"expected a whole factor of at least 2, got {factor!r}")
        self.factor, self.name = int(factor), type(self).__name__

    @abstractmethod
    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        """The enlarged batch."""

    def answer(self, y, problem, truth, rng, samples):
        rows, columns = problem.operator.in_shape
        if tuple(y.shape[-2:]) != (-(-rows // self.factor), -(-columns // self.factor)):
            raise ValueError(
                f"this {self.name} enlarges by {self.factor}; {problem.name} measured {tuple(y.shape[-2:])} of"
                f" {(rows, columns)} pixels"
            )
        enlarged = torch.cat([self(channel[None, None]) for channel in y.contiguous()], 1)
        return enlarged[..., :rows, :columns], {}
