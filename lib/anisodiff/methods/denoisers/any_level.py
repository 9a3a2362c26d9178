"""A denoiser for every level of the noise, from some that were each made for one."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from ..base import Denoiser
from .rescaled import Rescaled


class AnyLevel(Denoiser):
    """``D(x, sigma) = D_s((s / sigma) x, s) sigma / s`` with s the level nearest to sigma: in the logarithm, of those
    of ``denoisers``, or, where one denoiser is told the level, ``between`` two.

    Exact where the denoisers follow the scale of images and noise. (B, 1, H, W) to the same.
    Raises ValueError for an oracle, for no denoiser, and for several between two levels.
    """

    reads_sigma = True

    def __init__(
        self,
        denoisers: Mapping[float, nn.Module],
        between: tuple[float, float] | None = None,
    ):
        super().__init__()
        if not denoisers or (between and len(denoisers) > 1):
            raise ValueError(f"expected one denoiser, or one a level, got {len(denoisers)}")
        self.at, self.between = sorted(denoisers), between
        self.denoisers = nn.ModuleList(denoisers[level] for level in self.at)
        if any(getattr(one, "needs_truth", False) for one in self.denoisers):
            raise ValueError("an oracle needs the clean image")

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        levels = self.levels(x, sigma).flatten()
        if (levels == levels[0]).all():
            return self._at(x, float(levels[0]))
        pairs = zip(x, levels, strict=True)
        return torch.cat([self._at(image[None], float(level)) for image, level in pairs])

    def _at(self, x: Tensor, sigma: float) -> Tensor:
        if self.between:
            which, level = 0, float(np.clip(sigma, *self.between))
        else:
            which = int(np.argmin(np.abs(np.log(np.array(self.at) / sigma))))
            level = self.at[which]
        denoiser = self.denoisers[which]
        return denoiser(x, sigma) if level == sigma else Rescaled(denoiser, level / sigma)(x, sigma)
