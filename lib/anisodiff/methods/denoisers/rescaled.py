"""A denoiser whose values have another unit than its caller's: 0..255 here, 0..1 in deepinv."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..base import Denoiser


class Rescaled(Denoiser):
    """``D'(x, sigma) = D(unit x, unit sigma) / unit``, for any callable ``D(x, sigma)``.

    ``unit`` is how many units of D make one of the caller's: ``Rescaled(D, 255)`` takes a denoiser of the study
    to images on 0..1, ``Rescaled(D, 1 / 255)`` brings one for images on 0..1 here.

    ``x`` is (B, C, H, W). A denoiser of the study meets each channel as an image of its own, (B C, 1, H, W); any
    other callable gets ``x`` as it is. ``sigma`` is None, a number, or a tensor of one value or of one an image, of
    shape (), (1,), (B,) or (B, 1, 1, 1). A tensor reaches a denoiser of the study as (1, 1, 1, 1) or
    (B C, 1, 1, 1), any other callable as () or (B,). Gradients flow through both.

    Raises ValueError for a unit that is not above 0, an oracle, and a sigma of another size.
    """

    def __init__(self, denoiser: Callable[..., Tensor], unit: float):
        super().__init__()
        if not 0 < unit < float("inf"):
            raise ValueError(f"unit must be a number above 0, got {unit!r}")
        if getattr(denoiser, "needs_truth", False):
            raise ValueError(f"{type(denoiser).__name__} is an oracle: it needs the clean image")
        self.denoiser, self.unit = denoiser, float(unit)
        self.reads_sigma = getattr(denoiser, "reads_sigma", True)
        self.channelwise = getattr(denoiser, "channelwise", isinstance(denoiser, Denoiser))

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        images, sigma = self.unit * x, self._sigma(x, sigma)
        if self.channelwise:
            images = images.flatten(0, 1)[:, None]
            if isinstance(sigma, Tensor):
                each = sigma.repeat_interleave(x.shape[1]) if sigma.ndim else sigma
                sigma = each.view(-1, 1, 1, 1)
        return self.denoiser(images, sigma).reshape(x.shape) / self.unit

    def _sigma(self, x: Tensor, sigma: Tensor | float | None) -> Tensor | float | None:
        """sigma in the denoiser's unit: None, a number, or a tensor () or (B,)."""
        if sigma is None or isinstance(sigma, (int, float)):
            return None if sigma is None else self.unit * sigma
        values = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
        if values.numel() not in (1, len(x)):
            raise ValueError(
                f"expected one sigma or one for each of {len(x)} images, got shape {tuple(values.shape)}"
            )
        return self.unit * (values.reshape(()) if values.numel() == 1 else values.flatten())
