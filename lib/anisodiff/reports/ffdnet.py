"""What the page on FFDNet reports: what its layers hold and compute, what a level that is told is worth, trainings."""

from copy import deepcopy

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from ..methods.base import Denoiser
from ..methods.denoisers.ffdnet import FFDNet
from ..methods.diffusion.experts import noise_level
from ..methods.restorer import Restorer
from ..metrics.distortion import clipped_psnr
from ..problems import problem
from ..study import catalogue, restorers
from . import costs, dct, records


class AtFullSize(Denoiser):
    """FFDNet's layers on the image and a map of sigma, without the half-size images: (B, 1, H, W) to the same."""

    reads_sigma = True

    def __init__(self, depth: int = 15, filters: int = 64):
        super().__init__()
        self.layers = FFDNet(depth, filters).layers
        self.layers[0] = nn.Conv2d(2, filters, 3, padding=1)
        self.layers[-1] = nn.Conv2d(filters, 1, 3, padding=1)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        return 255 * self.layers(torch.cat([x, self.noise_map(x, sigma)], 1) / 255)


def layers(module: nn.Module) -> pd.DataFrame:
    """The convolutions of a network in their order, a row each: ``filters``, ``side`` of the kernels, ``weights`` and
    ``biases``."""
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    found = [one for one in module.modules() if isinstance(one, kinds)]
    rows = [
        (
            one.out_channels,
            one.kernel_size[0],
            one.weight.numel(),
            0 if one.bias is None else one.bias.numel(),
        )
        for one in found
    ]
    return pd.DataFrame(rows, columns=["filters", "side", "weights", "biases"])


def size(module: nn.Module) -> int:
    """How many parameters a network has."""
    return sum(one.numel() for one in module.parameters())


def operations(module: Denoiser) -> float:
    """Multiplications a pixel of the image."""
    return costs.operations(module, side=64) / 64**2


def outputs(module: Denoiser, side: int = 32) -> tuple[int, float]:
    """How often a convolution works while an image is restored, and how many numbers all of them give a pixel, which is
    what a training has to keep."""
    numbers = []
    hooks = [
        one.register_forward_hook(lambda _, __, out: numbers.append(out.numel()))
        for one in module.modules()
        if isinstance(one, nn.Conv2d)
    ]
    with torch.inference_mode():
        module(torch.zeros(1, 1, side, side), 25.0)
    for hook in hooks:
        hook.remove()
    return len(numbers) // len(hooks), sum(numbers) / side**2


def field(module: Denoiser, side: int = 96) -> int:
    """The side of the square of pixels that a pixel in the middle depends on.

    Found by its gradient, all weights made positive, so that no two ways cancel each other.
    """
    positive = deepcopy(module).eval().requires_grad_(False)
    for one in positive.parameters():
        one.abs_()
    x = torch.ones(1, 1, side, side, requires_grad=True)
    (slope,) = torch.autograd.grad(positive(x, 1.0)[0, 0, side // 2, side // 2], x)
    rows = slope[0, 0].abs().sum(1).nonzero()
    return int(rows.max() - rows.min()) + 1


def mismatch(
    restorer: Restorer,
    photographs: dict[str, np.ndarray],
    true: list[float],
    given: list[float],
    seed: int = 0,
) -> pd.DataFrame:
    """The ``psnr`` (dB), clipped, by ``image``, the ``true`` sigma and the one that the network is ``given``."""
    rows = []
    for sigma in true:
        for name, clean in photographs.items():
            degraded = records.degraded(clean, name, problem("gaussian", sigma), seed)
            for told in given:
                restored = restorer.restore(degraded, problem("gaussian", told))
                rows.append((name, sigma, told, clipped_psnr(restored, clean)))
    return pd.DataFrame(rows, columns=["image", "true", "given", "psnr"])


def estimate(degraded: np.ndarray) -> float:
    """Sigma of an image (H, W), by :func:`~anisodiff.methods.diffusion.experts.noise_level`."""
    return float(noise_level(torch.from_numpy(degraded)[None, None].float()))


def by_source(
    restorer: Restorer,
    photographs: dict[str, np.ndarray],
    sigmas: list[float],
    usual: float = 25,
    seed: int = 0,
) -> pd.DataFrame:
    """PSNR (dB), clipped, where the network is ``told`` sigma, gets an ``estimated`` one, or always the ``usual``.

    A row for each ``sigma`` and ``image``.
    """
    rows = []
    for sigma in sigmas:
        for name, clean in photographs.items():
            degraded = records.degraded(clean, name, problem("gaussian", sigma), seed)
            given = {"told": sigma, "estimated": estimate(degraded), "usual": usual}
            scores = {
                source: clipped_psnr(restorer.restore(degraded, problem("gaussian", of)), clean)
                for source, of in given.items()
            }
            rows.append({"sigma": sigma, "image": name} | scores)
    return pd.DataFrame(rows)


def ramp(shape: tuple[int, int], low: float, high: float) -> np.ndarray:
    """A map of sigma that grows from left to right, (H, W)."""
    return np.broadcast_to(np.linspace(low, high, shape[1], dtype=np.float32), shape)


def of_varying_noise(
    module: Denoiser, clean: np.ndarray, sigmas: np.ndarray, seed: int = 0
) -> dict[str, np.ndarray]:
    """An image (H, W) under noise of a map of sigma, restored with what the network is told, (H, W) each.

    The ``map``, one ``number`` with the same mean square, and the map ``mirrored``; and the ``noisy`` image.
    """
    noise = np.random.default_rng(seed).standard_normal(clean.shape)
    noisy = (clean + sigmas * noise).astype(np.float32)
    number = np.full_like(sigmas, np.sqrt(np.mean(sigmas**2)))
    given = {"map": sigmas, "number": number, "mirrored": sigmas[:, ::-1]}
    return {"noisy": noisy} | {
        name: dct.restore(module, noisy, torch.from_numpy(np.array(of))[None, None])
        for name, of in given.items()
    }


def scale_error(module: Denoiser, degraded: np.ndarray, sigma: float, factor: float) -> float:
    """The largest difference of ``D(a x, a sigma) / a`` from ``D(x, sigma)``, in gray levels, for a = ``factor``."""
    scaled = dct.restore(module, factor * degraded, factor * sigma) / factor
    return float(np.abs(scaled - dct.restore(module, degraded, sigma)).max())


def curve(model: str) -> pd.DataFrame:
    """A training by its ``steps``: held-out ``psnr`` (dB) and the ``hours`` that it took until there, with
    those of the one that it continues."""
    header = restorers.load(model).header
    steps, _, psnr = zip(*header["curve"], strict=True)
    hours = np.array(steps) / steps[-1] * header["seconds"] / 3600
    own = pd.DataFrame({"steps": steps, "psnr": psnr, "hours": hours})
    before = catalogue.entry(model).continues
    return own.assign(hours=own.hours + curve(before).hours.iloc[-1]) if before else own
