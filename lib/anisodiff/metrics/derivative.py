"""What solvers ask of a denoiser near an image: a symmetric derivative J, no longer than one, and D(c x) = c D(x).

By central differences, so that a denoiser of any library will do. Images are (H, W) in gray levels; draws are fixed.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..methods.base import Denoiser

SIZE = 1.0  # gray levels, over all pixels: the length of a change


def along(denoiser: Denoiser, image: np.ndarray, sigma: float) -> Callable[[Tensor], Tensor]:
    """``d -> J d`` at an image: ``|d| (D(f + s d / |d|) - D(f - s d / |d|)) / (2 s)`` with s of SIZE."""
    f = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]

    def product(d: Tensor) -> Tensor:
        length = d.norm()
        change = SIZE * d / length
        with torch.inference_mode():
            apart = denoiser(f + change, sigma) - denoiser(f - change, sigma)
        return length * apart / (2 * SIZE)

    return product


def asymmetry(denoiser: Denoiser, image: np.ndarray, sigma: float, draws: int = 8) -> float:
    """``E (a'Jb - b'Ja)^2 / (E (a'Jb)^2 + E (b'Ja)^2)`` for independent normal a and b: 0 where J is symmetric, 1 where
    what is above and below its diagonal have nothing in common.

    Source: Reehorst, Schniter, IEEE TCI 5 (2019), section IV-E.
    """
    times, generator = along(denoiser, image, sigma), torch.Generator().manual_seed(0)
    pairs = torch.randn(draws, 2, 1, 1, *image.shape, generator=generator)
    both = np.array([[float((a * times(b)).sum()), float((b * times(a)).sum())] for a, b in pairs])
    return float((both[:, 0] - both[:, 1]) @ (both[:, 0] - both[:, 1]) / np.square(both).sum())


def inhomogeneity(denoiser: Denoiser, image: np.ndarray, sigma: float) -> float:
    """``|J x - D(x)| / |D(x)|``: 0 where D follows small scalings of the image.

    Source: Romano, Elad, Milanfar, SIAM J. Imaging Sci. 10 (2017), condition 1.
    """
    f = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None, None]
    with torch.inference_mode():
        restored = denoiser(f, sigma)
    return float((along(denoiser, image, sigma)(f) - restored).norm() / restored.norm())


def radius(denoiser: Denoiser, image: np.ndarray, sigma: float, rounds: int = 20) -> float:
    """The largest eigenvalue of J, in absolute value, by a power iteration; passive is what has at most 1."""
    times, generator = along(denoiser, image, sigma), torch.Generator().manual_seed(0)
    d, found = torch.randn(1, 1, *image.shape, generator=generator), 0.0
    for _ in range(rounds):
        d = times(d / d.norm())
        found = float(d.norm())
    return found
