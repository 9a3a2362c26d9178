"""Thresholds in the discrete cosine transform of all patches: one for all frequencies, one each, or learned.

Source: G. Yu, G. Sapiro, IPOL 1 (2011), 292-296; weights after O. Guleryuz, IEEE TIP 16 (2007), 3020-3034.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.fft import dct
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, fold, pad, relu, unfold
from torch.nn.utils.parametrizations import orthogonal

from ..base import Denoiser

ROWS = 64  # of patches at once, where no gradient is asked for
WARM, COLD = 1.0, 0.02  # temperatures of a training, first and last, in deviations of the noise


def hard(x: Tensor, threshold: Tensor, temperature: float = 0.0) -> Tensor:
    """x where |x| is above the threshold, else 0."""
    return torch.where(x.abs() > threshold, x, torch.zeros_like(x))


def soft(x: Tensor, threshold: Tensor, temperature: float = 0.0) -> Tensor:
    """x, closer to 0 by the threshold: the most probable value for a Laplace prior."""
    return relu(x - threshold) - relu(-x - threshold)


def smooth(x: Tensor, threshold: Tensor, temperature: float) -> Tensor:
    """``r(x) - r(-x)``, ``r(x) = ReLU(x - T + T tanh((x - T) / temperature))``: soft when warm, hard when cold."""

    def right(x: Tensor) -> Tensor:
        above = x - threshold
        return relu(above + threshold * torch.tanh(above / temperature))

    return right(x) - right(-x)


def straight(x: Tensor, threshold: Tensor, temperature: float = 0.0) -> Tensor:
    """The values of :func:`hard`, the gradients of :func:`soft`."""
    gentle = soft(x, threshold)
    return gentle + (hard(x, threshold) - gentle).detach()


LEARNED_BY: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "smooth": smooth,
    "straight": straight,
    "soft": soft,
}


class DCT(Denoiser):
    """The mean of all patches of ``size`` x ``size``, without the coefficients below ``T_k = r_k sigma``.

    (B, 1, H, W) of any size to the same. Of each patch that lies within the image the orthonormal DCT-II is taken, and
    the means are over all patches that hold a pixel: ``uniform`` ones, or, with ``adaptive``, weighted by one over the
    number of coefficients kept. An image smaller than a patch goes on by its border.

    ``ratios`` "one" or "each": one r for all frequencies or one for each, the mean too, which begin as ``strength /
    noise``. Trained, the threshold is replaced by a function with gradients, ``learned_by`` (a key of LEARNED_BY); what
    restores is the hard threshold, but where that is "soft". ``transform``: rows and columns of a patch go through an
    orthonormal matrix that is learned as well, at first the DCT's.
    Raises ValueError for a size outside 2 to 32, a strength below 0, a noise not above 0, and unknown words.
    """

    reads_sigma = True

    def __init__(
        self,
        size: int = 8,
        ratios: str = "one",
        adaptive: bool = False,
        learned_by: str = "smooth",
        transform: bool = False,
        strength: float = 2.7,
        noise: float = 1.0,
    ):
        super().__init__()
        if not 2 <= size <= 32:
            raise ValueError(f"size: patches of 2 to 32 pixels a side, got {size!r}")
        if not strength >= 0 or not noise > 0:
            raise ValueError(f"strength at least 0 and noise above 0, got {strength!r}, {noise!r}")
        if ratios not in ("one", "each"):
            raise ValueError(f"unknown ratios {ratios!r}; there are: one, each")
        if learned_by not in LEARNED_BY:
            raise ValueError(f"unknown {learned_by!r}; there are: {', '.join(LEARNED_BY)}")
        self.size, self.adaptive, self.learned_by = size, adaptive, learned_by
        self.temperature = COLD
        shape = (1, 1) if ratios == "one" else (size, size)
        self.ratios = nn.Parameter(torch.full(shape, float(strength / noise)))
        cosines = torch.from_numpy(dct(np.eye(size), axis=0, norm="ortho")).float()  # a row each
        self.transform = nn.Module()
        if transform:
            self.transform.weight = nn.Parameter(cosines)
            orthogonal(self.transform)
        else:
            self.transform.register_buffer("weight", cosines, persistent=False)

    @property
    def atoms(self) -> Tensor:
        """The two-dimensional transform as a matrix, a frequency each row, (size^2, size^2)."""
        return torch.kron(self.transform.weight, self.transform.weight)

    def anneal(self, done: float) -> None:
        """Cool down: ``done`` is the part of a training that is over, 0 to 1."""
        self.temperature = WARM * (COLD / WARM) ** done

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        levels, (rows, columns), size = self.levels(x, sigma)[:, 0], x.shape[-2:], self.size
        x = pad(x, (0, max(0, size - columns), 0, max(0, size - rows)), mode="replicate")
        if torch.is_grad_enabled():
            total, weights = self._sums(x, levels)
        else:
            total, weights = torch.zeros_like(x), torch.zeros_like(x)
            for top in range(0, x.shape[-2] - size + 1, ROWS):
                part = slice(top, top + ROWS + size - 1)
                for onto, more in zip(
                    (total, weights), self._sums(x[:, :, part], levels), strict=True
                ):
                    onto[:, :, part] += more
        return (total / weights)[..., :rows, :columns]

    def _sums(self, x: Tensor, levels: Tensor) -> tuple[Tensor, Tensor]:
        """At the pixels of a part of the image the weighted sum of all patches restored, and the sum of the weights."""
        shape, size, atoms = x.shape[-2:], self.size, self.atoms
        found = atoms @ unfold(x, size)
        thresholds = self.ratios.abs().flatten()[:, None] * levels
        patches = atoms.mT @ self._threshold(found, thresholds, levels)
        weight = torch.ones_like(found[:, :1])
        if self.adaptive:
            weight = 1 / self._kept(found, thresholds, levels).sum(1, keepdim=True).clamp_min(1)
            patches = patches * weight
        places = weight.unflatten(2, (shape[0] - size + 1, shape[1] - size + 1))
        return (
            fold(patches, shape, size),
            size**2 * avg_pool2d(pad(places, (size - 1,) * 4), size, stride=1),
        )

    def _threshold(self, x: Tensor, thresholds: Tensor, levels: Tensor) -> Tensor:
        if self.training or self.learned_by == "soft":
            return LEARNED_BY[self.learned_by](x, thresholds, self.temperature * levels)
        return hard(x, thresholds)

    def _kept(self, x: Tensor, thresholds: Tensor, levels: Tensor) -> Tensor:
        """1 where a coefficient is kept, in training about that."""
        above = x.abs() - thresholds
        kept = (above > 0).to(x.dtype)
        if not self.training:
            return kept
        gentle = torch.sigmoid(2 * above / (self.temperature * levels))
        return gentle if self.learned_by == "smooth" else gentle + (kept - gentle).detach()
