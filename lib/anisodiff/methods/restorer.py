"""A model with its weights, as who restores images uses it."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..borders.classifier import BorderClassifier
from .diffusion.scheme import on_pixels


@dataclass(frozen=True)
class Restorer:
    """A model with its weights: restores arrays of any height and width, gray or colour, on the 0..255 scale."""

    name: str
    module: nn.Module
    header: dict  # what made the weights; empty for a model that has none

    @property
    def parameters(self) -> int:
        """How many numbers were learned or tuned."""
        return sum(p.numel() for p in self.module.parameters()) or len(self.header.get("tuned", {}))

    @property
    def chosen(self) -> dict[str, float]:
        """What a network chose for the image (or channel) restored last: its lambda, for instance."""
        chosen = getattr(getattr(self.module, "diffusivity", None), "chosen", {})
        return {name: float(value) for name, value in chosen.items()}

    @property
    def restores(self) -> bool:
        """Whether it gives images; a classifier gives probabilities."""
        return not isinstance(self.module, BorderClassifier)

    def reveal(self, clean: np.ndarray) -> None:
        """Show the clean image, (H, W), to a model that is an oracle; no other looks at it."""
        reveal(self.module, torch.from_numpy(np.array(clean))[None, None])

    def coefficient(self, image: np.ndarray) -> np.ndarray:
        """The coefficient function g at each pixel of an (H, W) image, (H, W), by what the diffusion read off the image
        (or channel) restored last, whose states alone it fits."""
        with torch.inference_mode():
            return on_pixels(self.module.diffusivity(torch.from_numpy(image)[None, None]))[
                0, 0
            ].numpy()

    def restore(self, degraded: np.ndarray) -> np.ndarray:
        """(H, W) or (H, W, C) numbers on 0..255 to float32 of the same shape, neither clipped nor rounded.

        Channels are restored one by one. Raises ValueError for another shape, NaN or infinite values, or
        a range that looks like 0..1 or 0..65535.
        """
        pixels = np.asarray(degraded)
        if pixels.ndim not in (2, 3) or 0 in pixels.shape:
            raise ValueError(f"expected an image of shape (H, W) or (H, W, C), got {pixels.shape}")
        if not np.issubdtype(pixels.dtype, np.number) or np.iscomplexobj(pixels):
            raise ValueError(f"expected an image of numbers on 0..255, got dtype {pixels.dtype}")
        _check_range(pixels)
        channels = torch.from_numpy(np.atleast_3d(pixels).astype(np.float32)).permute(2, 0, 1)[
            :, None
        ]
        restored = torch.empty_like(channels)
        with torch.inference_mode():
            for channel, target in zip(
                channels, restored, strict=True
            ):  # one at a time: memory of one channel
                target[:] = self.module(channel.contiguous()[None])[0]
        return restored[:, 0].permute(1, 2, 0).numpy().reshape(pixels.shape)


def reveal(module: nn.Module, clean: torch.Tensor) -> None:
    """Show a clean batch (B, 1, H, W) to a module that is an oracle, before the degraded one."""
    probability = getattr(getattr(module, "diffusivity", None), "probability", None)
    if probability is not None:
        probability.reveal(clean)


def tell(module: nn.Module, level: torch.Tensor) -> None:
    """Tell a module that is not blind the degradation's levels, (B, 1, 1, 1), of the next batch."""
    diffusivity = getattr(module, "diffusivity", None)
    if not getattr(diffusivity, "blind", True):
        diffusivity.level = level


def _check_range(pixels):
    largest = max(abs(float(pixels.max())), abs(float(pixels.min())))
    if not np.isfinite(largest):
        raise ValueError(
            f"the image holds {np.count_nonzero(~np.isfinite(pixels))} values that are NaN or infinite"
        )
    if pixels.dtype.kind == "f" and 0 < largest <= 1:
        raise ValueError(
            f"the image's largest value is {largest:g}: it seems to be on 0..1; multiply it by 255"
        )
    if largest > 5000:
        raise ValueError(
            f"the image's largest value is {largest:g}: it seems to be on 0..65535; divide it by 257"
        )
