"""Images drawn given a measurement, in the singular vectors of its operator: SNIPS and DDRM, with any denoiser.

With ``A = U S V'`` a problem falls into one number each: ``U'y = s (V'x) + noise``. ``x`` below is a spectrum ``V'x``,
``y`` is ``U'y`` and ``s`` the singular value of a coordinate; sigma_0 is the noise of the measurement, 0 or above, and
``score = (D(x, sigma) - x) / sigma^2``.
"""

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from ...problems.base import LinearOperator
from ..base import Denoiser, Method

MIDDLE = 127.5  # gray levels: the mean of what nothing is known of


class SVDSampler(Method):
    """``samples`` images at once, from noise of ``highest`` gray levels down to ``lowest`` in ``levels`` levels, which
    are even in the logarithm; a subclass says what happens at a level.

    The denoiser is told ``told`` times the level: 1 is right for an exact one. Raises ValueError for levels or noise
    that are not above 0, or do not fall, and for ``told`` not above 0.
    """

    needs, samples = frozenset({"operator"}), True

    def __init__(self, denoiser: Denoiser, levels: int, highest: float, lowest: float, told: float):
        if not 0 < told < np.inf:
            raise ValueError(f"{self.name}: told must be above 0, got {told!r}")
        if levels < 2 or not 0 < lowest < highest < np.inf:
            raise ValueError(
                f"{self.name}: at least two levels, falling to above 0, got {levels!r} from {highest!r} to {lowest!r}"
            )
        self.denoiser, self.told = denoiser, told
        self.sigmas = np.geomspace(highest, lowest, levels)

    @abstractmethod
    def walk(self, y: Tensor, s: Tensor, sigma_0: float, middle: Tensor, clean, normal) -> Tensor:
        """A spectrum (S, C, H, W) for the measurement's y (C, H, W) and s (H, W); ``middle``: that of a gray image.

        ``clean(x, sigma)`` denoises a spectrum, ``normal()`` draws one of independent normal numbers.
        """

    def answer(self, y, problem, truth, rng, samples):
        operator: LinearOperator = problem.operator
        generator = torch.Generator(y.device).manual_seed(int(rng.integers(2**62)))
        shape = (samples, *y.shape[:-2], *operator.in_shape)

        def clean(x: Tensor, sigma: float) -> Tensor:
            images = operator.V(x).flatten(0, 1)[:, None]
            return operator.V_adjoint(
                self.denoiser(images, self.told * float(sigma)).reshape(shape)
            )

        def normal() -> Tensor:
            return torch.randn(shape, generator=generator, device=y.device, dtype=y.dtype)

        sigma_0 = float(getattr(problem, "sigma", 0.0))
        s = operator.singular_values.to(y)
        s = torch.where(s > 1e-6 * s.max(), s, 0)
        middle = operator.V_adjoint(torch.full(shape[1:], MIDDLE).to(y))
        x = operator.V(self.walk(operator.U_adjoint(y), s, sigma_0, middle, clean, normal))
        residual = (operator.A(x) - y).square().mean().sqrt().item()
        return x, {"residual": residual}


class SNIPS(SVDSampler):
    """Langevin steps at each level, ``each`` of them, with the score given the measurement, then a last denoising.

    ``x += a g + sqrt(2 a) z``. Where ``s sigma > sigma_0``: ``g = s (y - s x) / (s^2 sigma^2 - sigma_0^2)`` and
    ``a = step (sigma^2 - sigma_0^2 / s^2)``. Where ``0 < s sigma < sigma_0``:
    ``g = score + s (y - s x) / (sigma_0^2 - s^2 sigma^2)`` and ``a = step sigma^2 (1 - s^2 sigma^2 / sigma_0^2)``.
    Where s is 0: ``g = score``, ``a = step sigma^2``.
    Source: Kawar, Vaksman, Elad, NeurIPS 2021, algorithm 1.
    """

    name = "snips"

    def __init__(
        self,
        denoiser: Denoiser,
        levels: int = 200,
        each: int = 3,
        step: float = 0.3,
        highest: float = 255.0,
        lowest: float = 1.0,
        told: float = 1.0,
    ):
        super().__init__(denoiser, levels, highest, lowest, told)
        if each < 1 or not 0 < step < np.inf:
            raise ValueError(f"snips: each and step must be above 0, got {each!r} and {step!r}")
        self.each, self.step = each, step

    def walk(self, y, s, sigma_0, middle, clean, normal):
        x = middle + self.sigmas[0] * normal()
        for sigma in self.sigmas:
            far = s * sigma > sigma_0
            apart = (s**2 * sigma**2 - sigma_0**2).abs().clamp_min(1e-9 * max(sigma, 1) ** 2)
            share = torch.where(far, apart / (s * sigma).clamp_min(1e-12) ** 2, 1.0)
            if sigma_0 > 0:
                share = torch.where(far, share, 1 - s**2 * sigma**2 / sigma_0**2)
            a = self.step * sigma**2 * share
            for _ in range(self.each):
                score = (clean(x, sigma) - x) / sigma**2
                pull = s * (y - s * x) / apart
                gradient = torch.where(far, pull, score + pull)
                x = x + a * gradient + (2 * a).sqrt() * normal()
        return clean(x, self.sigmas[-1])


class DDRM(SVDSampler):
    """From level to level: the denoised spectrum, the measurement and new noise, weighted by s.

    To the next, lower sigma, with ``x_0 = D(x, sigma before)`` and ``e = (x - x_0) / (sigma before)``. Where s is 0:
    ``x_0 + sqrt(1 - eta^2) sigma e + eta sigma z``. Where ``s sigma < sigma_0``:
    ``x_0 + sqrt(1 - eta^2) sigma (y - s x_0) / sigma_0 + eta sigma z``. Elsewhere:
    ``(1 - eta_b) x_0 + eta_b y / s + sqrt(sigma^2 - eta_b^2 sigma_0^2 / s^2) z``. The last level is followed by 0.
    Raises ValueError for eta or eta_b outside [0, 1]. Source: Kawar et al., NeurIPS 2022, equations 7 and 8.
    """

    name = "ddrm"

    def __init__(
        self,
        denoiser: Denoiser,
        levels: int = 20,
        eta: float = 0.85,
        eta_b: float = 1.0,
        highest: float = 255.0,
        lowest: float = 1.0,
        told: float = 1.0,
    ):
        super().__init__(denoiser, levels, highest, lowest, told)
        if not (0 <= eta <= 1 and 0 <= eta_b <= 1):
            raise ValueError(f"ddrm: eta and eta_b lie in [0, 1], got {eta!r} and {eta_b!r}")
        self.eta, self.eta_b = eta, eta_b

    def walk(self, y, s, sigma_0, middle, clean, normal):
        known, whole = s > 0, s.clamp_min(1e-12)
        seen, noise = y / whole, sigma_0 / whole  # of the image's own size
        first = self.sigmas[0]
        rest = (first**2 - noise**2).clamp_min(0).sqrt()
        near = known & (noise <= first)
        x = torch.where(near, seen + rest * normal(), middle + first * normal())
        for before, sigma in zip(self.sigmas, [*self.sigmas[1:], 0.0], strict=True):
            mean = clean(x, before)
            kept, z = (1 - self.eta**2) ** 0.5 * sigma, normal()
            free = mean + kept * (x - mean) / before + self.eta * sigma * z
            pulled = mean + kept * (seen - mean) / noise.clamp_min(1e-12) + self.eta * sigma * z
            spread = (sigma**2 - self.eta_b**2 * noise**2).clamp_min(0).sqrt()
            joined = (1 - self.eta_b) * mean + self.eta_b * seen + spread * z
            x = torch.where(known, torch.where(noise > sigma, pulled, joined), free)
        return x
