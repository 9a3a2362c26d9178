"""Parameters of each step's own."""

from collections.abc import Callable

from torch import Tensor, nn


class Untied(nn.Module):
    """At each of ``steps`` steps the g of another diffusivity, all built by ``build``; the largest of their bounds.

    Raises ValueError for diffusivities that read off the degraded image or are told its level: each sees states alone.
    """

    step = 0

    def __init__(self, build: Callable[[], nn.Module], steps: int):
        super().__init__()
        self.each = nn.ModuleList(build() for _ in range(steps))
        if any(
            not getattr(one, "blind", True) or getattr(one, "estimating", False)
            for one in self.each
        ):
            raise ValueError(
                "diffusivities of each step's own cannot be told a level, nor estimate it"
            )
        self.bound = max((one.bound for one in self.each), default=0.0)
        self.signed = any(getattr(one, "signed", False) for one in self.each)

    def forward(self, u: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        return self.each[self.step](u)
