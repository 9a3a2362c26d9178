"""What a diffusivity is: the coefficient ``g`` of a diffusion, step by step, without memory of its own."""

from typing import Any

from torch import Tensor, nn


class Diffusivity(nn.Module):
    """``context = condition(f, sigma)``, once for a degraded batch; then ``g, state = self(u, context, step, state)``.

    ``u`` is the batch after ``step`` steps, (B, 1, H, W); g one value a pixel, (B, 1, H, W), or a pair on the edges,
    (B, 1, H, W-1) and (B, 1, H-1, W). ``context`` is what was read off the degraded batch f and its level sigma,
    (B, 1, 1, 1); ``state`` what the step before handed on, None at first. Nothing is written on the module while it
    works, so that two images never meet.

    A subclass declares its ``bound``, a number that ``|g|`` never exceeds (infinite where there is none), and whether

    - it is ``signed``: g may be negative, and of all guarantees only the mean's holds;
    - it ``reads_sigma``, the level;
    - it ``reads_image``: :meth:`condition` reads the degraded batch;
    - it ``needs_truth``, the clean batch, which only an oracle is given.

    It may offer ``fast(f, context, steps, tau)``: all steps in one compiled form, for float32 on the CPU.
    """

    bound: float = 1.0
    signed = False
    reads_sigma = False
    reads_image = False
    needs_truth = False

    def condition(self, f: Tensor, sigma: Tensor | None = None, truth: Tensor | None = None) -> Any:
        """What the steps need to know of the degraded batch."""
        return None

    def chosen(self, context: Any) -> dict[str, Tensor]:
        """Numbers chosen for each image of the batch, (B, 1, 1, 1), by name: a lambda, for instance."""
        return {}

    def forward(
        self, u: Tensor, context: Any = None, step: int = 0, state: Any = None
    ) -> tuple[Tensor | tuple[Tensor, Tensor], Any]:
        raise NotImplementedError
