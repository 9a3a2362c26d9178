"""A diffusion step by step: its states, and the diffusivity maps between them; images are (H, W) on 0..255."""

import numpy as np
import torch

from ..restorer import Restorer
from .scheme import on_edges


def states(restorer: Restorer, degraded: np.ndarray) -> list[np.ndarray]:
    """The image after 0, 1, ..., ``steps`` steps from the degraded one, each (H, W) float32."""
    f = torch.from_numpy(degraded)[None, None]
    with torch.inference_mode():
        found = restorer.module.trajectory(f, restorer.problem.level)
    return [u[0, 0].numpy() for u in found]


def edge_maps(restorer: Restorer, degraded: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """g at each step: between columns, (H, W-1), and between rows, (H-1, W).

    Of a model with one g a pixel, an edge has the mean of its two pixels.
    """
    diffusion, level = restorer.module, restorer.problem.level
    f = torch.from_numpy(degraded)[None, None]
    maps, state = [], None
    with torch.inference_mode():
        context = diffusion.condition(f, level)
        for step, u in enumerate(diffusion.trajectory(f, level)[:-1]):
            g, state = diffusion.diffusivity(u, context, step, state)
            maps.append(tuple(of[0, 0].numpy() for of in on_edges(g)))
    return maps
