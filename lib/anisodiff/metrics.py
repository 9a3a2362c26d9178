"""Measures of quality and of edginess; images are (H, W) float arrays on 0..255."""

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from .diffusion import gradient


def psnr(restored: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal-to-noise ratio, ``10 log10(255^2 / mean((restored - clean)^2))``, in decibel."""
    return float(peak_signal_noise_ratio(clean.astype(np.float64), restored.astype(np.float64), data_range=255))


def ssim(restored: np.ndarray, clean: np.ndarray) -> float:
    """Structural similarity, in [-1, 1]: Gaussian window of sigma 1.5, population covariances (Wang et al. 2004)."""
    return float(
        structural_similarity(
            clean, restored, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


def edginess(image: np.ndarray) -> float:
    """Sum over the pixels of the absolute forward differences along both axes, divided by the number of pixels."""
    return float(sum(d.abs().sum() for d in gradient(torch.from_numpy(image).double())) / image.size)


METRICS = {"psnr": psnr, "ssim": ssim}
