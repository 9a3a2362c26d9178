"""The best denoiser for images that are Gaussian: exact, so that what is built on denoisers can be checked with it."""

import numpy as np
import torch
from torch import Tensor

from ..problems.base import Measurement
from .base import Denoiser


class GaussianPrior(Denoiser):
    """The mean of ``x ~ N(mean, covariance)`` given x with white noise, (B, 1, H, W) to the same.

    ``D(y, sigma) = m + C (C + sigma^2 I)^-1 (y - m)``. ``mean``: (H, W) gray levels; ``covariance``: (H W, H W),
    symmetric and positive definite. Raises ValueError for another.
    """

    reads_sigma = True

    def __init__(self, mean: Tensor, covariance: Tensor):
        super().__init__()
        pixels = mean.numel()
        if covariance.shape != (pixels, pixels) or not torch.allclose(covariance, covariance.T):
            raise ValueError(
                f"expected a symmetric covariance of {pixels} pixels, got {tuple(covariance.shape)}"
            )
        self.mean, self.covariance = mean.double(), covariance.double()
        self.values, self.vectors = torch.linalg.eigh(self.covariance)
        if self.values[0] <= 0:
            raise ValueError(
                f"expected a positive definite covariance, got an eigenvalue of {float(self.values[0]):g}"
            )

    @classmethod
    def reference(cls) -> "GaussianPrior":
        """8 x 8 pixels of mean 127.5, deviation 76.5 and a correlation of ``exp(-|i - j| / 3)`` along each axis, and
        independent parts of deviation 2.55."""
        at = torch.arange(8, dtype=torch.float64)
        along = torch.exp(-(at[:, None] - at[None]).abs() / 3)
        own = 0.01**2 * torch.eye(64, dtype=torch.float64)
        covariance = 255**2 * (0.3**2 * torch.kron(along, along) + own)
        return cls(torch.full((8, 8), 127.5), covariance)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        variance = self.levels(x, sigma).double().reshape(-1, 1) ** 2
        apart = (x.double() - self.mean).flatten(1) @ self.vectors
        shrunk = apart * self.values / (self.values + variance)
        return (self.mean + (shrunk @ self.vectors.T).reshape(x.shape)).to(x)

    def draw(self, rng: np.random.Generator, count: int = 1) -> Tensor:
        """Images from the prior, (count, H, W) float64."""
        normal = torch.from_numpy(rng.standard_normal((count, len(self.values))))
        apart = (normal * self.values.sqrt()) @ self.vectors.T
        return self.mean + apart.reshape(count, *self.mean.shape)

    def posterior(self, given: Measurement) -> tuple[Tensor, Tensor]:
        """Mean (H W) and covariance (H W, H W) of the image given a linear measurement with white noise ``sigma``.

        ``m + K (y - A m)`` and ``C - K A C`` with ``K = C A' (A C A' + sigma^2 I)^-1``. Where A gives 0 whatever the
        image, a measurement has no noise either.
        """
        operator, noise = given.problem.operator, given.problem.sigma
        pixels = torch.eye(len(self.values), dtype=torch.float64)
        matrix = operator.A(pixels.reshape(-1, *self.mean.shape)).flatten(1).T
        seen = matrix.abs().sum(1) > 0
        matrix, y = matrix[seen], given.y.double().flatten()[seen]
        inverse = torch.linalg.inv(
            matrix @ self.covariance @ matrix.T
            + noise**2 * torch.eye(len(matrix), dtype=torch.float64)
        )
        gain = self.covariance @ matrix.T @ inverse
        mean = self.mean.flatten()
        return mean + gain @ (y - matrix @ mean), self.covariance - gain @ matrix @ self.covariance
