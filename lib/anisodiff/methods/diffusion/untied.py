"""Parameters of each step's own."""

from collections.abc import Callable

from torch import nn

from .base import Diffusivity


class Untied(Diffusivity):
    """At each of ``steps`` steps the g of another diffusivity, all built by ``build``; the largest of their bounds.

    Raises ValueError for diffusivities that read the degraded image or its level: each sees states alone.
    """

    def __init__(self, build: Callable[[], Diffusivity], steps: int):
        super().__init__()
        self.each = nn.ModuleList(build() for _ in range(steps))
        for one in self.each:
            if one.reads_image or one.reads_sigma:
                raise ValueError(
                    f"diffusivities of each step's own see states alone, but {type(one).__name__} reads "
                    f"the degraded {'image' if one.reads_image else 'level'}"
                )
        self.bound = max((one.bound for one in self.each), default=0.0)
        self.signed = any(one.signed for one in self.each)

    def forward(self, u, context=None, step=0, state=None):
        return self.each[step](u)
