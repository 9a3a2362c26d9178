"""The Perona-Malik scheme of the code released with Valdivia Ortega et al. 2024, written down to be measured."""

import torch
from torch import Tensor

from ..base import Denoiser
from ..diffusion.classic import perona_malik
from ..diffusion.scheme import check


class ReleasedPeronaMalik(Denoiser):
    """``u <- u + tau D-(g(d) d)`` with central differences ``d`` and backward differences ``D-``, ``steps - 1`` times.

    The central difference (one-sided on the border) and the backward divergence are not adjoint to each other, so the
    mean is not kept, and a flux sees only every second pixel. (B, 1, H, W) to the same, on 0..255.

    Raises ValueError for a side of less than two pixels. Source: ``pm_algorithm.py`` of
    github.com/JoelVO/anisotropic_diffusion, with its defaults.
    """

    def __init__(self, lambda_: float = 50.0, option: int = 1, steps: int = 10, tau: float = 0.1):
        super().__init__()
        self.lambda_, self.option, self.steps, self.tau = float(lambda_), option, steps, tau

    def forward(self, x: Tensor, sigma=None) -> Tensor:
        return self.trajectory(x)[-1]

    def trajectory(self, f: Tensor) -> list[Tensor]:
        """The image after 0, 1, ..., ``steps - 1`` steps."""
        check(f)
        if min(f.shape[2:]) < 2:
            raise ValueError(
                f"central differences want at least two pixels a side, got {tuple(f.shape[2:])}"
            )
        states = [f]
        for _ in range(self.steps - 1):
            flux_y, flux_x = (
                d * perona_malik(d, self.lambda_, self.option)
                for d in torch.gradient(states[-1], dim=(2, 3))
            )
            change = flux_x + flux_y
            change[..., 1:] -= flux_x[..., :-1]
            change[..., 1:, :] -= flux_y[..., :-1, :]
            states.append(states[-1] + self.tau * change)
        return states
