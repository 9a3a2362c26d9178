"""How far two images are apart to the eye, by a network that was trained to tell objects; (H, W) floats on 0..255."""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, normalize, relu

from . import images

WEIGHTS = "lpips/lpips_alex_v0.1.npz"  # AlexNet's convolutions (torchvision) and the heads of LPIPS 0.1
LAYERS = ((0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1))  # the layer's number, stride and padding
MEAN, DEVIATION = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)  # of the channels, for gray levels on [-1, 1]
SMALLEST = 31  # pixels a side, for which the last features are one pixel


def lpips(restored: np.ndarray, clean: np.ndarray) -> float:
    """Learned perceptual distance, 0 for equal images: the gray channel three times, through AlexNet.

    ``sum_l mean_x sum_c w_lc (a_lc(x) - b_lc(x))^2``, a and b the five layers' features, of unit length over the
    channels. Raises ValueError for images of less than 31 pixels a side, and MissingCollection without the weights.
    Source: Zhang et al., CVPR 2018, version 0.1.
    """
    if min(restored.shape) < SMALLEST:
        raise ValueError(f"LPIPS needs at least {SMALLEST} pixels a side, got {restored.shape}")
    weights = _weights()
    pair = torch.from_numpy(np.stack([restored, clean]).astype(np.float32))[:, None].expand(-1, 3, -1, -1)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    x, total = (pair / 127.5 - 1 - mean) / deviation, 0.0
    with torch.inference_mode():
        for number, (layer, stride, padding) in enumerate(LAYERS):
            if number in (1, 2):
                x = max_pool2d(x, 3, 2)
            convolution = (weights[f"features.{layer}.{part}"] for part in ("weight", "bias"))
            x = relu(conv2d(x, *convolution, stride, padding))
            a, b = normalize(x, dim=1, eps=1e-10)
            total += float(((a - b) ** 2 * weights[f"lin{number}.weight"][0]).sum(0).mean())
    return total


@cache
def _weights() -> dict[str, Tensor]:
    with np.load(images.file(WEIGHTS), allow_pickle=False) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}
