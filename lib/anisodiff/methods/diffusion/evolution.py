"""A diffusion step by step: its states, and the diffusivity maps between them; images are (H, W) on 0..255."""

import numpy as np
import torch

from ..restorer import Restorer
from .scheme import Diffusion, on_edges, on_pixels
from .untied import Untied


def states(
    restorer: Restorer,
    degraded: np.ndarray,
    steps: int | None = None,
    truth: np.ndarray | None = None,
) -> list[np.ndarray]:
    """The image after 0, 1, ... steps of a model's diffusion from the degraded one, each (H, W) float32.

    ``steps`` is another number of steps than the model's own; ``truth``, the clean image, is for oracles.
    Raises ValueError for other ``steps`` where each step has parameters of its own.
    """
    diffusion = restorer.module
    if steps is not None:
        if diffusion.data is not None or isinstance(diffusion.diffusivity, Untied):
            raise ValueError(f"{restorer.name} has parameters for {diffusion.steps} steps alone")
        diffusion = Diffusion(diffusion.diffusivity, steps, diffusion.tau)
    f, clean = (None if of is None else _batch(of) for of in (degraded, truth))
    with torch.inference_mode():
        found = diffusion.trajectory(f, restorer.problem.level, clean)
    return [u[0, 0].numpy() for u in found]


def edge_maps(restorer: Restorer, degraded: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """g at each step: between columns, (H, W-1), and between rows, (H-1, W).

    Of a model with one g a pixel, an edge has the mean of its two pixels.
    """
    diffusion, level = restorer.module, restorer.problem.level
    f = _batch(degraded)
    maps, state = [], None
    with torch.inference_mode():
        context = diffusion.condition(f, level)
        for step, u in enumerate(diffusion.trajectory(f, level)[:-1]):
            g, state = diffusion.diffusivity(u, context, step, state)
            maps.append(tuple(of[0, 0].numpy() for of in on_edges(g)))
    return maps


def pixel_maps(restorer: Restorer, degraded: np.ndarray) -> list[np.ndarray]:
    """g at each step as one number a pixel, (H, W): the mean over its edges."""
    pairs = edge_maps(restorer, degraded)
    return [on_pixels(tuple(map(_batch, pair)))[0, 0].numpy() for pair in pairs]


def _batch(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(image, np.float32))[None, None]
