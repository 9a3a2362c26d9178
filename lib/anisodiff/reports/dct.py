"""What the DCT denoiser does and costs: blocks and shifts, ratios, errors of patches, coefficients, counts."""

import time
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import dctn, idctn
from scipy.stats import kurtosis
from skimage import io
from skimage.transform import resize
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, unfold
from torch.utils._python_dispatch import TorchDispatchMode

from ..data import collections
from ..methods.denoisers.dct import DCT, hard
from ..metrics.distortion import clipped_psnr
from . import records

ZEBRA = "bsds500/val/253027.jpg"  # BSD68's test051, in colour
ENLARGED = (385, 580)  # the size of the report's photograph


def zebra(enlarged: bool = False) -> np.ndarray:
    """The photograph of a zebra, (H, W): the mean of its colours, as it is in BSDS500 or enlarged to ENLARGED."""
    gray = io.imread(collections.file(ZEBRA)).astype(np.float32).mean(2)
    return resize(gray, ENLARGED, order=3).astype(np.float32) if enlarged else gray


def photograph(name: str, side: int | None) -> np.ndarray:
    """One of ``shipped/test``, or ``zebra``, (H, W); its centred square of ``side`` pixels."""
    if name != "zebra":
        return records.photograph(name, side=side)
    return np.array(collections.centre_crop(zebra(), side) if side else zebra())


def denoiser(size: int, ratio: float, adaptive: bool = False, kind: str = "hard") -> DCT:
    """The denoiser with one ratio; ``kind`` hard or soft."""
    made = DCT(size, "one", adaptive, "soft" if kind == "soft" else "smooth", strength=ratio)
    return made.eval().requires_grad_(False)


def restore(module: DCT, degraded: np.ndarray, sigma: float) -> np.ndarray:
    """A degraded image restored, (H, W) to (H, W)."""
    with torch.inference_mode():
        return module(torch.from_numpy(degraded)[None, None].float(), sigma)[0, 0].numpy()


def by_ratio(
    clean: np.ndarray,
    degraded: np.ndarray,
    sigma: float,
    ratios: Sequence[float],
    size: int = 7,
    adaptive: bool = False,
    kind: str = "hard",
) -> pd.Series:
    """PSNR (dB) after clipping at each ratio."""
    found = [
        clipped_psnr(restore(denoiser(size, ratio, adaptive, kind), degraded, sigma), clean)
        for ratio in ratios
    ]
    return pd.Series(found, list(ratios))


def best(curve: pd.Series) -> tuple[float, float]:
    """Where a curve is highest and how high it is there, by the parabola through its highest point and the two beside.

    The index is in equal steps. At an end it is that point.
    """
    at, value = int(np.argmax(curve)), curve.to_numpy(float)
    if at in (0, len(curve) - 1):
        return float(curve.index[at]), float(value[at])
    before, top, after = value[at - 1 : at + 2]
    bend = before - 2 * top + after
    shift = 0.5 * (before - after) / bend if bend else 0.0
    step = curve.index[1] - curve.index[0]
    return float(curve.index[at] + shift * step), float(top - 0.25 * (before - after) * shift)


def in_blocks(
    degraded: np.ndarray, ratio: float, sigma: float, size: int, shift: int = 0
) -> np.ndarray:
    """The same denoiser on patches that do not overlap, by SciPy; blocks begin ``shift`` pixels from the corner.

    The image (H, W) is continued by its border to whole blocks.
    """
    rows, columns = degraded.shape
    first = -shift % size
    ends = [(first, -(extent + first) % size) for extent in (rows, columns)]
    wide = np.pad(degraded, ends, mode="edge")
    blocks = wide.reshape(wide.shape[0] // size, size, wide.shape[1] // size, size)
    found = dctn(blocks, axes=(1, 3), norm="ortho")
    kept = np.where(np.abs(found) > ratio * sigma, found, 0)
    whole = idctn(kept, axes=(1, 3), norm="ortho").reshape(wide.shape)
    return whole[first : first + rows, first : first + columns]


def blockiness(restored: np.ndarray, clean: np.ndarray, size: int, shift: int = 0) -> float:
    """How much larger the jumps of the error are at the borders of blocks than elsewhere, as a ratio; 1: not at all.

    Blocks of ``size`` pixels begin ``shift`` pixels from the corner.
    """
    error, at, elsewhere = restored - clean, [], []
    for jumps in (np.abs(np.diff(error, axis=0)), np.abs(np.diff(error, axis=1)).T):
        border = (np.arange(len(jumps)) + 1 - shift) % size == 0
        at.append(jumps[border].ravel())
        elsewhere.append(jumps[~border].ravel())
    return float(np.concatenate(at).mean() / np.concatenate(elsewhere).mean())


def coefficients(image: np.ndarray, size: int, every: int = 1) -> np.ndarray:
    """The orthonormal DCT of patches of an image, each ``every`` pixels, by SciPy: (patches, size, size)."""
    patches = sliding_window_view(image, (size, size))[::every, ::every].reshape(-1, size, size)
    return dctn(patches, axes=(1, 2), norm="ortho")


def patch_errors(
    clean: np.ndarray, degraded: np.ndarray, ratio: float, sigma: float, size: int
) -> dict[str, float]:
    """Mean squared errors of hard thresholds: of all patches in ``pixels`` and in ``frequencies``, in ``unnormalised``
    frequencies (SciPy's default), and of the ``image``, the mean of the overlapping patches, where all of them are."""
    true, found = coefficients(clean, size), coefficients(degraded, size)
    kept = np.where(np.abs(found) > ratio * sigma, found, 0)
    patches = idctn(kept, axes=(1, 2), norm="ortho")
    wanted = idctn(true, axes=(1, 2), norm="ortho")
    inner = np.s_[size - 1 : 1 - size, size - 1 : 1 - size]
    whole = restore(denoiser(size, ratio), degraded, sigma)
    return {
        "pixels": float(((patches - wanted) ** 2).mean()),
        "frequencies": float(((kept - true) ** 2).mean()),
        "unnormalised": float((dctn(patches - wanted, axes=(1, 2)) ** 2).mean()),
        "image": float(((whole - clean)[inner] ** 2).mean()),
    }


def nats(values: np.ndarray) -> tuple[float, float]:
    """By how much a fitted Laplace density about 0 is more likely than a Gaussian about the mean, in nats a value.

    And the excess kurtosis: 0 for a Gaussian, 3 for a Laplace density.
    """
    values = values.ravel().astype(float)
    laplace = -np.log(2 * np.abs(values).mean()) - 1
    gaussian = -0.5 * np.log(2 * np.pi * values.var()) - 0.5
    return float(laplace - gaussian), float(kurtosis(values))


def statistics(image: np.ndarray, size: int, near: float = 10) -> pd.DataFrame:
    """What the gray levels of an image and the DCT coefficients of its patches are like: a row for each.

    ``nats`` and ``kurtosis`` (:func:`nats`), ``off``: the distance of the mean from 0, in deviations, and ``small``:
    the share within ``near`` gray levels of 0. Of coefficients the mean over all frequencies but the first.
    """
    found = coefficients(image, size, every=3).reshape(-1, size**2)[:, 1:].T
    rows = {
        name: np.mean(
            [
                (*nats(one), abs(one.mean()) / one.std(), (np.abs(one) < near).mean())
                for one in each
            ],
            axis=0,
        )
        for name, each in {"gray levels": [image.ravel()], "coefficients": found}.items()
    }
    return pd.DataFrame.from_dict(rows, "index", columns=["nats", "kurtosis", "off", "small"])


def energy_kept(degraded: np.ndarray, ratio: float, sigma: float, size: int) -> float:
    """The energy that a soft threshold leaves over that which a hard one leaves, of all frequencies but the first."""
    found = np.abs(coefficients(degraded, size, every=3).reshape(-1, size**2)[:, 1:])
    kept = found[found > ratio * sigma]
    return float(((kept - ratio * sigma) ** 2).sum() / (kept**2).sum())


def convolved(image: np.ndarray, size: int, flipped: bool = False) -> np.ndarray:
    """The DCT of all patches by torch's convolution with the atoms as kernels: (patches, size, size).

    ``flipped`` turns them about, as a convolution in the strict sense does.
    """
    kernels = DCT(size).atoms.view(-1, 1, size, size)
    kernels = kernels.flip(2, 3) if flipped else kernels
    found = conv2d(torch.from_numpy(image)[None, None].float(), kernels)
    return found[0].flatten(1).T.reshape(-1, size, size).detach().numpy()


def proposals(shape: tuple[int, int], size: int) -> np.ndarray:
    """How many patches hold each pixel of an image of a shape (H, W)."""
    places = torch.ones(1, 1, *(extent - size + 1 for extent in shape))
    return conv_transpose2d(places, torch.ones(1, 1, size, size))[0, 0].numpy()


def returned(
    image: np.ndarray, size: int, inverse: bool = True, kernels: int | None = None
) -> np.ndarray:
    """An image after the DCT of all patches, back by convolution and the mean over the patches that hold a pixel.

    Without ``inverse`` the transform is applied twice; ``kernels`` takes only that many, the lowest frequencies.
    """
    atoms = DCT(size).atoms.detach()
    x = torch.from_numpy(image)[None, None].float()
    back = (atoms if inverse else atoms.mT).reshape(-1, 1, size, size)
    found = conv2d(x, atoms.view(-1, 1, size, size))[:, :kernels]
    return conv_transpose2d(found, back[:kernels])[0, 0].numpy() / proposals(image.shape, size)


class Operations(TorchDispatchMode):
    """Counts while it is entered: the multiplications of each matrix product, and what other operations give out."""

    def __init__(self):
        super().__init__()
        self.products: list[int] = []
        self.elements: dict[str, int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out, name = func(*args, **(kwargs or {})), func.overloadpacket.__name__
        if name in ("mm", "bmm"):
            self.products.append(out.numel() * args[0].shape[-1])
        elif isinstance(out, Tensor):
            self.elements[name] = self.elements.get(name, 0) + out.numel()
        return out


def counted(size: int, side: int = 64) -> dict[str, float]:
    """What the denoiser computes, as it runs: multiplications a patch of the ``transform`` and of its ``inverse``, and
    of both with rows and columns ``apart``; ``thresholds`` a patch; ``divisions`` a pixel."""
    image, patches = torch.rand(1, 1, side, side), (side - size + 1) ** 2
    module = denoiser(size, 2.7)
    with Operations() as ran:
        module(image, 25.0)
    parts = unfold(image, size)[0].T.reshape(-1, size, size)
    rows = module.transform.weight.expand(patches, size, size)
    with Operations() as apart:
        found = rows @ parts @ rows.mT
        rows.mT @ hard(found, torch.tensor(0.5)) @ rows
    transform, inverse = ran.products
    return {
        "transform": transform / patches,
        "inverse": inverse / patches,
        "apart": sum(apart.products) / patches,
        "thresholds": ran.elements["where"] / patches,
        "divisions": ran.elements["div"] / image.numel(),
    }


def timed(size: int, side: int = 128, rounds: int = 3) -> dict[str, float]:
    """Median seconds to restore an image of ``side`` pixels by ``matrices``, as this study does, and by ``scipy``."""
    image = np.random.default_rng(0).uniform(0, 255, (side, side)).astype(np.float32)
    module = denoiser(size, 2.7)
    return {
        "matrices": _median(lambda: restore(module, image, 25.0), rounds),
        "scipy": _median(lambda: by_patches(image, 2.7, 25.0, size), rounds),
    }


def by_patches(degraded: np.ndarray, ratio: float, sigma: float, size: int) -> np.ndarray:
    """The same denoiser, uniform, with SciPy's fast transforms of all patches: (H, W) to (H, W)."""
    found = coefficients(degraded, size)
    patches = idctn(np.where(np.abs(found) > ratio * sigma, found, 0), axes=(1, 2), norm="ortho")
    high, wide = (extent - size + 1 for extent in degraded.shape)
    patches, total = patches.reshape(high, wide, size, size), np.zeros(degraded.shape)
    for row, column in np.ndindex(size, size):
        total[row : row + high, column : column + wide] += patches[:, :, row, column]
    return total / proposals(degraded.shape, size)


def _median(does: Callable, rounds: int) -> float:
    does()
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        does()
        found.append(time.perf_counter() - start)
    return float(np.median(found))
