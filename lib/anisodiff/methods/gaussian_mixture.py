"""The best denoiser for points that come from a few Gaussian clouds: exact, and its prior has more than one peak."""

import numpy as np
import torch
from torch import Tensor

from .base import Denoiser


class GaussianMixture(Denoiser):
    """The mean of x given x with white noise, where x is from cloud k with probability ``weights[k]`` and then
    ``N(means[k], deviations[k]^2 I)``; (B, 1, H, W) to the same.

    ``D(y, sigma) = sum_k r_k(y) (m_k + d_k^2 / (d_k^2 + sigma^2) (y - m_k))``, r_k the probability of cloud k given y.
    ``means``: (K, H, W) gray levels; ``deviations`` and ``weights``: K numbers above 0, of which the weights are
    divided by their sum. Raises ValueError for others.
    """

    reads_sigma = True

    def __init__(self, means: Tensor, deviations: Tensor, weights: Tensor):
        super().__init__()
        given = [torch.as_tensor(of, dtype=torch.float64) for of in (deviations, weights)]
        if any(of.shape != (len(means),) or not (of > 0).all() for of in given):
            raise ValueError(
                f"expected {len(means)} deviations and weights above 0, got {deviations} and {weights}"
            )
        self.means = means.double()
        self.deviations, self.weights = given[0], given[1] / given[1].sum()

    @classmethod
    def reference(cls) -> "GaussianMixture":
        """Images of 1 x 2 pixels: a third at (60, 70) with deviation 8, the others at (190, 170) with deviation 16."""
        means = torch.tensor([[[60.0, 70.0]], [[190.0, 170.0]]])
        return cls(means, torch.tensor([8.0, 16.0]), torch.tensor([1.0, 2.0]))

    def log_density(self, y: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        """The logarithm of the density of x with noise of sigma, (B,), per gray level to the number of pixels."""
        return torch.logsumexp(self._joint(y, sigma), 1)

    def clouds(self, y: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        """The probability of each cloud given x with noise of sigma, (B, K)."""
        return torch.softmax(self._joint(y, sigma), 1)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        return self.posterior(x, sigma)[0].to(x)

    def posterior(self, x: Tensor, sigma: Tensor | float) -> tuple[Tensor, Tensor]:
        """The mean and the variance of each pixel given x with noise of sigma, (B, 1, H, W) float64.

        ``sum_k r_k (v_k + m_k^2) - (sum_k r_k m_k)^2`` with the mean ``m_k`` and the variance ``v_k = d_k^2 sigma^2 /
        (d_k^2 + sigma^2)`` of each cloud.
        """
        noise = self.levels(x, sigma).double() ** 2  # (B, 1, 1, 1)
        own = self.deviations[:, None, None] ** 2
        share = own / (own + noise)
        of_each = self.means + share * (x.double() - self.means)
        odds = self.clouds(x, sigma)[..., None, None]
        mean = (odds * of_each).sum(1, keepdim=True)
        second = (odds * (share * noise + of_each**2)).sum(1, keepdim=True)
        return mean, second - mean**2

    def draw(self, rng: np.random.Generator, count: int = 1) -> Tensor:
        """Images from the prior, (count, 1, H, W) float64."""
        which = rng.choice(len(self.means), size=count, p=self.weights.numpy())
        normal = torch.from_numpy(rng.standard_normal((count, *self.means.shape[1:])))
        return (self.means[which] + self.deviations[which, None, None] * normal)[:, None]

    def _joint(self, y: Tensor, sigma) -> Tensor:
        """The logarithm of weight times density, (B, K)."""
        variance = self.deviations**2 + self.levels(y, sigma).double()[:, :, 0, 0] ** 2  # (B, K)
        squares = ((y.double() - self.means) ** 2).sum((-2, -1))
        pixels = self.means[0].numel()
        normal = -(squares / variance + pixels * torch.log(2 * torch.pi * variance)) / 2
        return normal + self.weights.log()
