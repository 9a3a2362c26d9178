"""What a data term has learned."""

import numpy as np
import torch
from torch.nn.functional import softplus

from ..methods.restorer import Restorer


def pull(restorer: Restorer) -> np.ndarray:
    """``tau mu_k / (1 + tau mu_k)`` of each step k: how far it goes back to the degraded image, (K) in [0, 1).

    Raises ValueError for a diffusion without a data term.
    """
    diffusion = restorer.module
    if diffusion.data is None:
        raise ValueError(f"{restorer.name} has no data term")
    with torch.inference_mode():
        weight = diffusion.tau * softplus(diffusion.data)
    return (weight / (1 + weight)).numpy()
