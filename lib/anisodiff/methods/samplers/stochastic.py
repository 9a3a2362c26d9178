"""Clean images that may lie behind a noisy one, drawn with any denoiser."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..base import Denoiser, Method


class StochasticDenoiser(Method):
    """``each`` Langevin steps at each of ``levels`` noise levels, which fall from ``start`` times the noise sigma_0 to
    ``lowest`` gray levels evenly in the logarithm, from y on; then a last denoising.

    ``x += a g + sqrt(2 a) z`` with ``g = (D(x, sigma) - x) / sigma^2 + (y - x) / (sigma_0^2 - sigma^2)`` and
    ``a = step sigma^2 (1 - sigma^2 / sigma_0^2)``: what is left of the noise is a part of that in y. The denoiser is
    told ``told`` times the level. Raises ValueError for settings that are not above 0, a start not below 1, and noise
    that is not above the lowest level. Source: Kawar, Vaksman, Elad, ICCV Workshops 2021, algorithm 1, with steps that
    get short near sigma_0.
    """

    name, needs, samples = "stochastic", frozenset({"level"}), True

    def __init__(
        self,
        denoiser: Denoiser,
        levels: int = 120,
        each: int = 3,
        step: float = 0.3,
        start: float = 0.98,
        lowest: float = 1.0,
        told: float = 1.0,
    ):
        given = {"each": each, "step": step, "lowest": lowest, "told": told}
        for what, value in given.items():
            if not 0 < value < np.inf:
                raise ValueError(f"{self.name}: {what} must be above 0, got {value!r}")
        if levels < 2 or not 0 < start < 1:
            raise ValueError(
                f"{self.name}: at least two levels from below the noise, got {levels!r} from {start!r} of it"
            )
        self.denoiser, self.levels, self.each, self.step = denoiser, levels, each, step
        self.start, self.lowest, self.told = start, lowest, told

    def denoise(self, x: Tensor, sigma: float) -> Tensor:
        """Each channel of (S, C, H, W) on its own, of the noise of a level."""
        return self.denoiser(x.flatten(0, 1)[:, None], self.told * sigma).reshape(x.shape)

    def score(self, x: Tensor, sigma: float) -> Tensor:
        """``(D(x, sigma) - x) / sigma^2``, the gradient of the logarithm of the density of noisy images."""
        return (self.denoise(x, sigma) - x) / sigma**2

    def path(
        self, y: Tensor, noise: float, rng: np.random.Generator, samples: int
    ) -> Iterator[tuple[float, Tensor]]:
        """(level, images (S, C, H, W)) after the steps at each level, from a noisy image y, (C, H, W); the last ones,
        of level 0, denoised."""
        if self.start * noise <= self.lowest:
            raise ValueError(
                f"{self.name}: the noise, {noise:g}, must be above {self.lowest / self.start:g} gray levels"
            )
        generator = torch.Generator(y.device).manual_seed(int(rng.integers(2**62)))
        x = y.expand(samples, *y.shape)
        for sigma in map(float, np.geomspace(self.start * noise, self.lowest, self.levels)):
            a = self.step * sigma**2 * (1 - (sigma / noise) ** 2)
            for _ in range(self.each):
                pull = (y - x) / (noise**2 - sigma**2)
                z = torch.randn(x.shape, generator=generator, device=y.device, dtype=y.dtype)
                x = x + a * (self.score(x, sigma) + pull) + (2 * a) ** 0.5 * z
            yield sigma, x
        yield 0.0, self.denoise(x, sigma)

    def answer(self, y, problem, truth, rng, samples):
        for _, images in self.path(y, float(problem.level), rng, samples):
            last = images
        return last, {}
