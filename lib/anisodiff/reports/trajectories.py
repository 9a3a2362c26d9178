"""The states that a diffusion passes through, as arrays."""

import numpy as np
import torch

from ..methods.diffusion.scheme import Diffusion
from ..methods.restorer import Restorer


def trajectory(
    restorer: Restorer,
    degraded: np.ndarray,
    steps: int | None = None,
    truth: np.ndarray | None = None,
) -> list[np.ndarray]:
    """The states after 0, 1, ... steps of a model's diffusion from a degraded image, all (H, W).

    ``steps`` is another number of steps than the model's own; ``truth``, the clean image, is for oracles.
    Raises ValueError for other ``steps`` where each step has parameters of its own.
    """
    diffusion = restorer.module
    if steps is not None:
        if diffusion.data is not None:
            raise ValueError(f"{restorer.name} has parameters for {diffusion.steps} steps alone")
        diffusion = Diffusion(diffusion.diffusivity, steps, diffusion.tau)
    start, clean = (
        None if image is None else torch.from_numpy(np.array(image, np.float32))[None, None]
        for image in (degraded, truth)
    )
    with torch.inference_mode():
        states = diffusion.trajectory(start, restorer.problem.level, clean)
    return [state[0, 0].numpy() for state in states]
