"""Quality as the eye may see it: LPIPS, by a network that was trained to tell objects, and Q, which asks for no clean
image; images are (H, W) floats on 0..255."""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, max_pool2d, normalize, relu

from ..data import collections

# AlexNet's convolutions (torchvision) and the heads of LPIPS 0.1
WEIGHTS = "lpips/lpips_alex_v0.1.npz"
LAYERS = (
    (0, 4, 2),
    (3, 1, 2),
    (6, 1, 1),
    (8, 1, 1),
    (10, 1, 1),
)  # the layer's number, stride and padding
MEAN, DEVIATION = (
    (-0.030, -0.088, -0.188),
    (0.458, 0.448, 0.450),
)  # of the channels, for gray levels on [-1, 1]
SMALLEST = 31  # pixels a side, for which the last features are one pixel

PATCH, DELTA = 8, 0.001  # pixels a side, and how often white noise passes for structure, of Q


def lpips(restored: np.ndarray, clean: np.ndarray) -> float:
    """Learned perceptual distance, 0 for equal images: the gray channel three times, through AlexNet.

    ``sum_l mean_x sum_c w_lc (a_lc(x) - b_lc(x))^2``, a and b the five layers' features, of unit length over the
    channels. Raises ValueError for images of less than 31 pixels a side, and MissingCollection without the weights.
    Source: Zhang et al., CVPR 2018, version 0.1.
    """
    if min(restored.shape) < SMALLEST:
        raise ValueError(f"LPIPS needs at least {SMALLEST} pixels a side, got {restored.shape}")
    weights = _weights()
    pair = torch.from_numpy(np.stack([restored, clean]).astype(np.float32))[:, None].expand(
        -1, 3, -1, -1
    )
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


def q(image: np.ndarray) -> float:
    """Content by the local gradients, more for sharp edges, less for noise and for blur: ``sum s1 R / patches``.

    ``s1 >= s2`` are the singular values of a patch's gradient, 64 by 2 numbers, ``R = (s1 - s2) / (s1 + s2)`` its
    coherence; the sum runs over the patches of 8 x 8 where R is above what white noise passes once in a thousand. In
    gray levels, at least 0. Raises ValueError for images of less than 8 pixels a side. Source: Zhu and Milanfar, IEEE
    TIP 2010, as their MATLAB code has it.
    """
    s1, s2 = singular_values(image)
    coherence = (s1 - s2) / np.maximum(s1 + s2, 1e-12)
    return float((s1 * coherence * (coherence > least_coherence())).mean())


def shown(restored: np.ndarray, clean: np.ndarray) -> float:
    """The CLEAN image's content where the restored one looks structured: ``sum s1 / patches``.

    As for :func:`q`, but ``s1`` is the clean image's, and patches of the restored image are taken where
    ``(s1^2 - s2^2) / (s1^2 + s2^2)``, the coherence of the structure tensor, is above the same threshold. Not a measure
    of quality: what comes close to the numbers of Valdivia Ortega et al. 2024, Table 2, but for a constant factor.
    """
    s1, s2 = singular_values(restored)
    coherence = (s1**2 - s2**2) / np.maximum(s1**2 + s2**2, 1e-12)
    return float((singular_values(clean)[0] * (coherence > least_coherence())).mean())


MEASURES = {"lpips": lpips, "q": lambda restored, clean: q(restored), "q-shown": shown}


def least_coherence() -> float:
    """The coherence, between 0 and 1, that a patch of white noise exceeds once in a thousand (DELTA)."""
    passed = DELTA ** (1 / (PATCH**2 - 1))
    return ((1 - passed) / (1 + passed)) ** 0.5


def singular_values(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Larger and smaller singular value of the gradient of each patch, from the eigenvalues of its 2 by 2 products."""
    rows, columns = (extent // PATCH for extent in image.shape)
    if not rows * columns:
        raise ValueError(f"Q needs at least {PATCH} pixels a side, got {image.shape}")
    patches = (
        image[: rows * PATCH, : columns * PATCH]
        .astype(np.float64)
        .reshape(rows, PATCH, columns, PATCH)
    )
    y, x = np.gradient(patches, axis=(1, 3))
    a, b, c = ((first * second).sum((1, 3)) for first, second in ((x, x), (x, y), (y, y)))
    middle, spread = (a + c) / 2, np.hypot((a - c) / 2, b)
    return np.sqrt(middle + spread), np.sqrt(np.maximum(middle - spread, 0))


@cache
def _weights() -> dict[str, Tensor]:
    with np.load(collections.file(WEIGHTS), allow_pickle=False) as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}
