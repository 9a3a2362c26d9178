"""Classical denoisers of well-kept libraries, each with one strength to tune, in gray levels."""

import warnings
from importlib import import_module

import numpy as np
import torch
from skimage import restoration
from torch import Tensor

from ..base import Denoiser

SYMLET = "sym8"
BLOCK = 16  # pixels: less than BM3D has for its blocks is continued by its border


def bm3d(image: np.ndarray, strength: float, noise: float) -> np.ndarray:
    """Block matching and filtering in three dimensions, for noise of the deviation ``strength``.

    Raises ImportError without the authors' package ``bm3d``, which is free for non-commercial use only. Source:
    Dabov et al., IEEE TIP 2007.
    """
    rows, columns = image.shape
    room = np.pad(image, ((0, max(0, BLOCK - rows)), (0, max(0, BLOCK - columns))), mode="edge")
    return _package("bm3d").bm3d(room, strength)[:rows, :columns]


def non_local_means(image: np.ndarray, strength: float, noise: float) -> np.ndarray:
    """Means over the pixels whose patches of 5 x 5 look alike, up to 6 pixels away: weights
    ``exp(-max(d^2 - 2 noise^2, 0) / strength^2)``, d^2 the mean squared difference of patches.

    Source: Buades et al., CVPR 2005, by scikit-image (fast form).
    """
    return restoration.denoise_nl_means(
        image, 5, 6, strength, fast_mode=True, sigma=noise, preserve_range=True
    )


def total_variation(image: np.ndarray, strength: float, noise: float) -> np.ndarray:
    """The minimiser of ``|u - f|^2 / (2 strength) + TV(u)``.

    Source: Chambolle, JMIV 2004, by scikit-image.
    """
    return restoration.denoise_tv_chambolle(image, strength)


def wavelets(image: np.ndarray, strength: float, noise: float) -> np.ndarray:
    """Soft thresholds for the coefficients of symlets (eight vanishing moments, at all scales with room), band
    by band (BayesShrink), for noise of the deviation ``strength``.

    Raises ImportError without PyWavelets. Source: Chang et al., IEEE TIP 2000, by scikit-image.
    """
    scales = max(1, _package("pywt", "pywavelets").dwt_max_level(min(image.shape), SYMLET))
    with warnings.catch_warnings():  # an image smaller than two symlets has no room for one scale
        warnings.simplefilter("ignore")
        return restoration.denoise_wavelet(
            image, strength, SYMLET, wavelet_levels=scales, rescale_sigma=False
        )


METHODS = {"bm3d": bm3d, "nlm": non_local_means, "tv": total_variation, "wavelet": wavelets}


class Classical(Denoiser):
    """A method of METHODS with its strength, given the deviation of the noise: (B, 1, H, W) to the same shape."""

    def __init__(self, method: str, strength: float, noise: float):
        super().__init__()
        self.method, self.strength, self.noise = METHODS[method], strength, noise

    def forward(self, x: Tensor, sigma=None) -> Tensor:
        restored = [
            self.method(image.numpy(force=True).astype(np.float64), self.strength, self.noise)
            for image in x[:, 0]
        ]
        return torch.from_numpy(np.stack(restored)).to(x).reshape(x.shape)


def _package(module: str, name: str | None = None):
    """A package that only one method needs, by its module and its name in the registry."""
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(
            f"this method needs a package that is not installed: pip install {name or module}"
        ) from error
