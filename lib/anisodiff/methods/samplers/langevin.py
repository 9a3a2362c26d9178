"""Images out of nothing but a denoiser: annealed Langevin steps, and coarse to fine with the level estimated.

A denoiser that is the mean of the clean image gives the score of noisy ones, ``grad log p = (D(x, sigma) - x) /
sigma^2``. Images are on 0..255.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..base import Denoiser

MIDDLE = 127.5  # gray levels: the mean of what nothing is known of


class Synthesiser(ABC):
    """Draws images with a denoiser; a subclass says how."""

    def __init__(self, denoiser: Denoiser):
        self.denoiser = denoiser

    @abstractmethod
    def states(self, x: Tensor, normal) -> Iterator[tuple[float, Tensor]]:
        """From ``x``, standard normal numbers (S, 1, H, W): (level in gray levels, images) after each level, the last
        ones denoised. ``normal()`` draws more numbers."""

    def path(
        self, shape: tuple[int, int], rng: np.random.Generator, samples: int = 1
    ) -> Iterator[tuple[float, Tensor]]:
        """As :meth:`states`, for ``samples`` images of ``shape`` (H, W) that are drawn from ``rng``."""
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))

        def normal() -> Tensor:
            return torch.randn((samples, 1, *shape), generator=generator)

        with torch.inference_mode():
            yield from self.states(normal(), normal)

    def sample(self, shape: tuple[int, int], rng: np.random.Generator, samples: int = 1) -> Tensor:
        """``samples`` images of ``shape`` (H, W), (S, 1, H, W) float32."""
        for _, images in self.path(shape, rng, samples):
            last = images
        return last


class AnnealedLangevin(Synthesiser):
    """``each`` steps ``x += a score + sqrt(2 a) z``, ``a = step sigma^2``, at each of ``levels`` noise levels, which
    fall from ``highest`` to ``lowest`` gray levels evenly in the logarithm; then a last denoising.

    The denoiser is told ``told`` times the level. Raises ValueError for what is not above 0, and for levels that do
    not fall. Source: Song, Ermon, NeurIPS 2019, algorithm 1.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        levels: int = 200,
        each: int = 5,
        step: float = 0.2,
        highest: float = 255.0,
        lowest: float = 1.0,
        told: float = 1.0,
    ):
        super().__init__(denoiser)
        above = {"levels": levels, "each": each, "step": step, "told": told}
        for what, value in above.items():
            if not 0 < value < np.inf:
                raise ValueError(f"{what} must be above 0, got {value!r}")
        if not 0 < lowest <= highest < np.inf:
            raise ValueError(f"levels fall to above 0, got {highest!r} to {lowest!r}")
        self.each, self.step, self.told = each, step, told
        self.sigmas = np.geomspace(highest, lowest, levels)

    def score(self, x: Tensor, sigma: float) -> Tensor:
        """``(D(x, sigma) - x) / sigma^2``, the gradient of the logarithm of the density of noisy images."""
        return (self.denoiser(x, self.told * sigma) - x) / sigma**2

    def states(self, x, normal):
        x = MIDDLE + self.sigmas[0] * x
        for sigma in map(float, self.sigmas):
            a = self.step * sigma**2
            for _ in range(self.each):
                x = x + a * self.score(x, sigma) + (2 * a) ** 0.5 * normal()
            yield sigma, x
        yield 0.0, self.denoiser(x, self.told * sigma)


class CoarseToFine(Synthesiser):
    """``x += h d + gamma z`` with ``d = D(x, sigma) - x``, until the level that is left, ``sigma = |d| / sqrt(N)``, is
    ``lowest``; the denoiser is told the level estimated before.

    ``h = h_0 t / (1 + h_0 (t - 1))`` at step t, and ``gamma^2 = ((1 - beta h)^2 - (1 - h)^2) sigma^2``; where beta is
    1, no noise is added. At most ``steps``. Raises ValueError for h_0 or beta outside (0, 1], and for levels that do
    not fall. Source: Kadkhodaie, Simoncelli, NeurIPS 2021, algorithm 1.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        h_0: float = 0.01,
        beta: float = 0.01,
        highest: float = 255.0,
        lowest: float = 2.55,
        steps: int = 2000,
    ):
        super().__init__(denoiser)
        for what, value in {"h_0": h_0, "beta": beta}.items():
            if not 0 < value <= 1:
                raise ValueError(f"{what} lies in (0, 1], got {value!r}")
        if not 0 < lowest < highest < np.inf or steps < 1:
            raise ValueError(
                f"levels fall to above 0 in at least a step, got {highest!r} to {lowest!r} in {steps!r}"
            )
        self.h_0, self.beta, self.highest, self.lowest = h_0, beta, highest, lowest
        self.steps = steps

    def states(self, x, normal):
        x = MIDDLE + self.highest * x
        sigma = torch.full((len(x), 1, 1, 1), self.highest)
        for t in range(1, self.steps + 1):
            h = self.h_0 * t / (1 + self.h_0 * (t - 1))
            d = self.denoiser(x, sigma) - x
            sigma = d.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-3)
            gamma = ((1 - self.beta * h) ** 2 - (1 - h) ** 2) ** 0.5 * sigma
            done = sigma <= self.lowest  # an image that is ready is left as it is
            x = torch.where(done, x, x + h * d + gamma * normal())
            yield float(sigma.max()), x
            if done.all():
                break
        yield 0.0, self.denoiser(x, sigma)
