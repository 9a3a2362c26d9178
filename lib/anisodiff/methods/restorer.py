"""A method with its weights, as who restores images uses it: arrays in, arrays out."""

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import nn

from ..problems.base import Problem
from .base import Denoising, Estimate, Method


@dataclass(frozen=True)
class Restorer:
    """A method with its weights, for a problem: restores arrays of any size, gray or colour, on the 0..255 scale."""

    name: str
    method: Method
    problem: Problem
    header: dict = field(default_factory=dict)  # what made the weights; empty where there are none
    restores: bool = True  # whether it gives images; a detector gives probabilities
    device: str = "cpu"

    @property
    def module(self) -> nn.Module:
        """The denoiser behind the method, or the network that it is; AttributeError where it is neither."""
        if isinstance(self.method, nn.Module):
            return self.method
        if not isinstance(self.method, Denoising):
            raise AttributeError(f"{self.name} is no denoiser")
        return self.method.denoiser

    @property
    def parameters(self) -> int:
        """How many numbers were learned or tuned."""
        network = isinstance(self.method, Denoising | nn.Module)
        learned = self.module.parameters() if network else ()
        return sum(p.numel() for p in learned) or len(self.header.get("tuned", {}))

    def restore(
        self,
        degraded: np.ndarray,
        problem: Problem | None = None,
        rng: np.random.Generator | None = None,
    ) -> np.ndarray:
        """(H, W) or (H, W, C) numbers on 0..255 to float32 of the same shape, neither clipped nor rounded.

        ``problem`` is that of the image, if not the one that the model was loaded for. The size differs where the
        problem's does; a sampler draws one image from ``rng``. Raises ValueError for another shape, NaN or infinite
        values, a range that looks like 0..1 or 0..65535, and where the method needs what the problem does not give.
        """
        restored = self.estimate(degraded, problem, rng=rng).image.permute(1, 2, 0).numpy()
        return restored if np.ndim(degraded) == 3 else restored[..., 0]

    def estimate(
        self,
        degraded: np.ndarray,
        problem: Problem | None = None,
        *,
        truth: np.ndarray | None = None,
        rng: np.random.Generator | None = None,
        samples: int = 1,
    ) -> Estimate:
        """As an :class:`.Estimate`, with what the method chose; ``truth`` is for oracles, ``rng`` for samplers."""
        y, clean = (
            None if of is None else _channels(of).to(self.device) for of in (degraded, truth)
        )
        problem = problem or self.problem
        if "operator" in self.method.needs and problem.operator is None:
            problem = problem.placed(tuple(y.shape[-2:]))
        found = self.method.restore(y, problem, truth=clean, rng=rng, samples=samples)
        return replace(found, images=found.images.cpu())

    def coefficient(
        self, state: np.ndarray, degraded: np.ndarray | None = None, truth: np.ndarray | None = None
    ) -> np.ndarray:
        """g of each pixel of a state, (H, W), of the diffusion that began at ``degraded``, or at the state itself."""
        given = [state, state if degraded is None else degraded, truth]
        u, f, clean = (None if of is None else _channels(of)[None].to(self.device) for of in given)
        with torch.inference_mode():
            return self.module.coefficient(u, f, self.problem.level, clean)[0, 0].cpu().numpy()


def _channels(image: np.ndarray) -> torch.Tensor:
    """(H, W) or (H, W, C) numbers as a float32 tensor (C, H, W); ValueError for what is no image on 0..255."""
    pixels = np.asarray(image)
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f"expected an image of shape (H, W) or (H, W, C), got {pixels.shape}")
    if not np.issubdtype(pixels.dtype, np.number) or np.iscomplexobj(pixels):
        raise ValueError(f"expected an image of numbers on 0..255, got dtype {pixels.dtype}")
    _check_range(pixels)
    return torch.from_numpy(np.atleast_3d(pixels).astype(np.float32)).permute(2, 0, 1)


def _check_range(pixels):
    largest = max(abs(float(pixels.max())), abs(float(pixels.min())))
    if not np.isfinite(largest):
        raise ValueError(
            f"the image holds {np.count_nonzero(~np.isfinite(pixels))} values that are NaN or infinite"
        )
    if pixels.dtype.kind == "f" and 0 < largest <= 1:
        raise ValueError(
            f"the image's largest value is {largest:g}: it seems to be on 0..1; multiply it by 255"
        )
    if largest > 5000:
        raise ValueError(
            f"the image's largest value is {largest:g}: it seems to be on 0..65535; divide it by 257"
        )
