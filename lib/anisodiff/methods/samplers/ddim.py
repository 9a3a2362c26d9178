"""Images out of noise in few steps: denoising diffusion implicit models; images are on 0..255."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..base import Denoiser
from .langevin import MIDDLE, Synthesiser


class DDIM(Synthesiser):
    """From each of ``steps`` noise levels, which fall from ``highest`` to ``lowest`` gray levels evenly in the
    logarithm, to the next, and from the last one to none.

    ``x' = D + sqrt(sigma'^2 - s^2) (x - D) / sigma + s z`` with ``D = D(x, sigma)`` and ``s = eta sigma' sqrt(1 -
    sigma'^2 / sigma^2)``: what the denoiser takes for noise is made weaker, and for eta above 0 a part of it is drawn
    anew. With eta 0 the image is a function of the first noise alone. Raises ValueError for eta outside [0, 1], no
    step, and levels that do not fall. Source: Song, Meng, Ermon, ICLR 2021, equations 12 and 16, for images whose
    signal is not scaled.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        steps: int = 20,
        eta: float = 0.0,
        highest: float = 255.0,
        lowest: float = 1.0,
    ):
        super().__init__(denoiser)
        if not 0 <= eta <= 1:
            raise ValueError(f"eta lies in [0, 1], got {eta!r}")
        if steps < 1 or not 0 < lowest <= highest < np.inf:
            raise ValueError(
                f"levels fall to above 0 in at least a step, got {highest!r} to {lowest!r} in {steps!r}"
            )
        self.eta, self.sigmas = eta, np.geomspace(highest, lowest, steps)

    def states(self, x, normal):
        x = MIDDLE + self.sigmas[0] * x
        for sigma, after in pairwise([*map(float, self.sigmas), 0.0]):
            clean = self.denoiser(x, sigma)
            anew = self.eta * after * (1 - (after / sigma) ** 2) ** 0.5
            x = clean + (after**2 - anew**2) ** 0.5 / sigma * (x - clean)
            if anew:
                x = x + anew * normal()
            yield after, x

    def noise(self, images: Tensor) -> Tensor:
        """The standard normal numbers, (S, 1, H, W), that lead to images with eta 0, the steps taken backwards."""
        x = images
        with torch.inference_mode():
            for sigma, higher in pairwise(map(float, self.sigmas[::-1])):
                clean = self.denoiser(x, sigma)
                x = clean + higher / sigma * (x - clean)
        return (x - MIDDLE) / float(self.sigmas[0])
