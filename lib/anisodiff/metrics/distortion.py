"""How far a restored image is from the clean one; images are (H, W) float arrays on 0..255."""

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def psnr(restored: np.ndarray, clean: np.ndarray) -> float:
    """Peak signal-to-noise ratio, ``10 log10(255^2 / mean((restored - clean)^2))``, in decibel."""
    return float(
        peak_signal_noise_ratio(
            clean.astype(np.float64), restored.astype(np.float64), data_range=255
        )
    )


def ssim(restored: np.ndarray, clean: np.ndarray) -> float:
    """Structural similarity, in [-1, 1]: Gaussian window of sigma 1.5, population covariances (Wang et al. 2004)."""
    return float(
        structural_similarity(
            clean,
            restored,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


METRICS = {"psnr": psnr, "ssim": ssim}
BETTER = {"psnr": 1, "ssim": 1, "lpips": -1}  # the sign of an improvement


def clipped_psnr(restored: np.ndarray, clean: np.ndarray) -> float:
    """:func:`psnr` after clipping to 0..255, as the study scores: in decibel."""
    return psnr(np.clip(restored, 0, 255), clean)
