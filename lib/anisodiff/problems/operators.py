"""The linear operators of the problems, each with its singular value decomposition; on any device, with gradients.

What acts along the rows and along the columns alike is held as one matrix an axis, in float64, made once for each
length: a 256 x 256 image is transformed in a few milliseconds. They are kept as arrays of NumPy: tensors first made in
``torch.inference_mode`` could not take part in gradients later.
"""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from scipy import fft
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn.functional import pad

from .base import LinearOperator


class Identity(LinearOperator):
    """``A x = x``."""

    def __init__(self, shape: tuple[int, int]):
        self.in_shape = self.out_shape = tuple(shape)
        self.singular_values = torch.ones(self.in_shape, dtype=torch.float64)

    def A(self, x: Tensor) -> Tensor:
        return x

    U = U_adjoint = V = V_adjoint = A


class Kept(LinearOperator):
    """``A x = M V' x``: of the orthonormal coefficients ``V' x`` those that a mask keeps, 0 for the others.

    ``mask`` is (H, W) bool, True for what is kept; a subclass says what V is. Raises ValueError for another kind of
    mask.
    """

    def __init__(self, mask: Tensor):
        if mask.ndim != 2 or mask.dtype != torch.bool:
            raise ValueError(
                f"expected an (H, W) mask of bool, got {mask.dtype} {tuple(mask.shape)}"
            )
        self.mask = mask
        self.in_shape = self.out_shape = tuple(mask.shape)
        self.singular_values = mask.double()

    def A(self, x: Tensor) -> Tensor:
        return torch.where(self.mask.to(x.device), self.V_adjoint(x), 0)

    def U(self, spectrum: Tensor) -> Tensor:
        return spectrum

    U_adjoint = U


class Mask(Kept):
    """``A x = x`` where the mask is True, 0 elsewhere."""

    V = V_adjoint = Kept.U


class GaussianBlur(LinearOperator):
    """Convolution with a Gaussian of ``variance`` (pixels^2), reflecting boundary ``(d c b a | a b c d | d c b a)``.

    The kernel is that of ``scipy.ndimage.gaussian_filter``, cut at four standard deviations. Symmetric kernels with
    this boundary are diagonal in the orthonormal DCT-II, ``A = C' diag(l) C``, so that ``V = C'``, ``S = |l|`` and
    ``U = C' diag(sign l)``. Along an axis of n pixels, with the kernel h,
    ``l_k = h_0 + 2 sum_j h_j cos(pi j k / n)``.

    Source: Strang, SIAM Review 41 (1999), 135-147; Hansen, Nagy, O'Leary, Deblurring Images (2006), section 4.3.
    """

    def __init__(self, shape: tuple[int, int], variance: float):
        self.in_shape = self.out_shape = tuple(shape)
        self.variance = variance

    @property
    def eigenvalues(self) -> Tensor:
        """``l``, (H, W) float64, of the cosine modes; those cut off from the kernel make some of them negative."""
        rows, columns = (_blur_eigenvalues(length, self.variance) for length in self.in_shape)
        return torch.from_numpy(np.outer(rows, columns))

    @property
    def singular_values(self) -> Tensor:
        return self.eigenvalues.abs()

    def A(self, x: Tensor) -> Tensor:
        return _along_both(x, *(_blur(length, self.variance) for length in self.in_shape))

    def V(self, spectrum: Tensor) -> Tensor:
        return _along_both(spectrum, *(_cosines(length).T for length in self.in_shape))

    def V_adjoint(self, x: Tensor) -> Tensor:
        return _along_both(x, *(_cosines(length) for length in self.in_shape))

    def U(self, spectrum: Tensor) -> Tensor:
        return self.V(self._signs(spectrum) * spectrum)

    def U_adjoint(self, y: Tensor) -> Tensor:
        return self._signs(y) * self.V_adjoint(y)

    def _signs(self, like: Tensor) -> Tensor:
        return torch.where(self.eigenvalues < 0, -1, 1).to(like)


class Separable(LinearOperator):
    """``A x = R x C'``: a matrix along each axis, ``R = matrix(H, *parameters)`` and ``C = matrix(W, *parameters)``.

    ``matrix`` gives float64 of at most as many rows as columns and is called once for each length. The SVD is that of
    the two matrices: singular values ``s_i t_j``.
    """

    def __init__(self, shape: tuple[int, int], matrix: Callable[..., np.ndarray], *parameters):
        self.in_shape = tuple(shape)
        self._axes = [_decomposed(length, matrix, parameters) for length in self.in_shape]
        self.out_shape = tuple(len(axis.matrix) for axis in self._axes)

    @property
    def singular_values(self) -> Tensor:
        rows, columns = (axis.values for axis in self._axes)
        return torch.from_numpy(np.outer(rows, columns))

    def A(self, x: Tensor) -> Tensor:
        return _along_both(x, *(axis.matrix for axis in self._axes))

    def A_adjoint(self, y: Tensor) -> Tensor:
        return _along_both(y, *(axis.matrix.T for axis in self._axes))

    def U(self, spectrum: Tensor) -> Tensor:
        rows, columns = self.out_shape
        return _along_both(spectrum[..., :rows, :columns], *(axis.left for axis in self._axes))

    def U_adjoint(self, y: Tensor) -> Tensor:
        (rows, columns), (fewer_rows, fewer_columns) = self.in_shape, self.out_shape
        spectrum = _along_both(y, *(axis.left.T for axis in self._axes))
        return pad(spectrum, (0, columns - fewer_columns, 0, rows - fewer_rows))

    def V(self, spectrum: Tensor) -> Tensor:
        return _along_both(spectrum, *(axis.right for axis in self._axes))

    def V_adjoint(self, x: Tensor) -> Tensor:
        return _along_both(x, *(axis.right.T for axis in self._axes))


class BicubicDownsample(Separable):
    """Antialiased bicubic downsampling by a whole ``factor``, as by Pillow and MATLAB's ``imresize``.

    Along each axis, ``y_i = sum_j k((j + 1/2 - c_i) / factor) x_j`` with ``c_i = (i + 1/2) factor``, weights of sum 1,
    and Keys' cubic ``k`` with a = -1/2 (8 taps at factor 2). The image continues by reflection
    ``(d c b a | a b c d | d c b a)``, as MATLAB's; Pillow leaves out what lies outside. A side of n pixels becomes
    ``ceil(n / factor)``.

    Source: Keys, IEEE TASSP 29 (1981), 1153-1160, equation 15.
    """

    def __init__(self, shape: tuple[int, int], factor: int):
        self.factor = int(factor)
        super().__init__(shape, _bicubic, self.factor)


class PeriodicBlur(Separable):
    """Convolution with ``k k'``, periodic boundary, of which every ``factor``-th pixel is kept, from the first on.

    ``kernel``: the numbers of ``k``, an odd count, of sum 1. A side of n pixels becomes ``ceil(n / factor)``; where
    the factor does not divide it, the last pixels kept are nearer to the first ones than the others to each other.
    """

    def __init__(self, shape: tuple[int, int], kernel: Sequence[float], factor: int = 1):
        self.kernel, self.factor = tuple(map(float, kernel)), int(factor)
        super().__init__(shape, _periodic, self.kernel, self.factor)


class BlockAverage(Separable):
    """The mean of each square of ``factor`` x ``factor`` pixels, from the first on.

    A side of n pixels becomes ``ceil(n / factor)``; the last means are over the pixels that there are.
    """

    def __init__(self, shape: tuple[int, int], factor: int):
        self.factor = int(factor)
        super().__init__(shape, _means, self.factor)


class Fourier(Kept):
    """The coefficients of a real Fourier transform that a mask keeps, 0 for the others; periodic.

    ``A x = M H x`` with the orthonormal Hartley transform H along each axis, ``H_jk = cas(2 pi j k / n) / sqrt(n)``,
    ``cas t = cos t + sin t``. It holds the same as the complex Fourier transform: where the mask is symmetric,
    ``m[-j, -k] = m[j, -k] = m[-j, k] = m[j, k]``, the coefficients kept are those of that with the same mask.
    Raises ValueError for a mask that is not symmetric.
    """

    def __init__(self, mask: Tensor):
        super().__init__(mask)
        for axis in (0, 1):
            if not torch.equal(mask, mask.flip(axis).roll(1, axis)):
                raise ValueError(f"expected a mask that is symmetric along axis {axis}")

    def V(self, spectrum: Tensor) -> Tensor:
        return _along_both(spectrum, *map(_hartley, self.in_shape))

    V_adjoint = V  # it is symmetric and its own inverse


class Compressed(Kept):
    """The cosine coefficients of shuffled pixels that a mask keeps, 0 for the others.

    ``A x = M C P x``: P puts pixel ``order[i]`` at place i, C is the orthonormal DCT-II along both axes. ``order``: a
    permutation of the H W pixels. Raises ValueError for another order.
    """

    def __init__(self, mask: Tensor, order: Tensor):
        super().__init__(mask)
        self.order = order
        if order.shape != (mask.numel(),) or not torch.equal(
            order.sort().values, torch.arange(mask.numel())
        ):
            raise ValueError(
                f"expected an order of {mask.numel()} pixels, got {tuple(order.shape)}"
            )

    def V(self, spectrum: Tensor) -> Tensor:
        shuffled = _along_both(spectrum, *(_cosines(length).T for length in self.in_shape))
        return self._reordered(shuffled, self.order.argsort())

    def V_adjoint(self, x: Tensor) -> Tensor:
        shuffled = self._reordered(x, self.order)
        return _along_both(shuffled, *(_cosines(length) for length in self.in_shape))

    def _reordered(self, x: Tensor, order: Tensor) -> Tensor:
        return x.flatten(-2)[..., order.to(x.device)].reshape(x.shape)


def gaussian_kernel(deviation: float, side: int) -> tuple[float, ...]:
    """``exp(-j^2 / (2 deviation^2))`` for ``side`` pixels around 0, an odd number, of sum 1."""
    weights = np.exp(-0.5 * (np.arange(side) - side // 2) ** 2 / deviation**2)
    return tuple((weights / weights.sum()).tolist())


class _Axis(NamedTuple):
    """``matrix = left diag(values) right'``, with zeros up to the number of columns."""

    matrix: np.ndarray
    left: np.ndarray
    values: np.ndarray
    right: np.ndarray


@lru_cache(maxsize=32)
def _decomposed(length: int, matrix: Callable[..., np.ndarray], parameters: tuple) -> _Axis:
    made = matrix(length, *parameters)
    left, values, right = np.linalg.svd(made, full_matrices=True)
    return _Axis(made, left, np.pad(values, (0, length - len(values))), right.T)


def _along_both(x: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
    """``rows x columns'``: a matrix along each of the last two axes."""
    return torch.from_numpy(rows).to(x) @ x @ torch.from_numpy(columns).to(x).T


@lru_cache(maxsize=16)
def _cosines(length: int) -> np.ndarray:
    """The orthonormal DCT-II as a matrix, (length, length)."""
    return fft.dct(np.eye(length), axis=0, norm="ortho")


@lru_cache(maxsize=16)
def _blur(length: int, variance: float) -> np.ndarray:
    """The blur of an axis, (length, length), symmetric."""
    return gaussian_filter1d(np.eye(length), variance**0.5, axis=0, mode="reflect")


@lru_cache(maxsize=16)
def _blur_eigenvalues(length: int, variance: float) -> np.ndarray:
    """The factors of the cosine modes, (length,): the cosine transform of the kernel as SciPy samples it."""
    radius = int(4 * variance**0.5 + 0.5)
    impulse = np.zeros(2 * radius + 1)
    impulse[radius] = 1
    kernel = gaussian_filter1d(impulse, variance**0.5, mode="constant")[radius:]
    angles = np.pi / length * np.outer(np.arange(length), np.arange(1, radius + 1))
    return kernel[0] + 2 * np.cos(angles) @ kernel[1:]


def _bicubic(length: int, factor: int) -> np.ndarray:
    """The downsampling of an axis, (ceil(length / factor), length)."""
    matrix = np.zeros((-(-length // factor), length))
    for i, row in enumerate(matrix):
        centre = (i + 0.5) * factor
        taps = np.arange(math.floor(centre - 2 * factor), math.ceil(centre + 2 * factor))
        weights = _keys((taps + 0.5 - centre) / factor)
        inside = taps % (2 * length)  # reflection continues the image with period 2 length
        inside = np.minimum(inside, 2 * length - 1 - inside)
        np.add.at(row, inside, weights / weights.sum())
    return matrix


def _means(length: int, factor: int) -> np.ndarray:
    """The means of an axis, (ceil(length / factor), length)."""
    matrix = np.zeros((-(-length // factor), length))
    matrix[np.arange(length) // factor, np.arange(length)] = 1
    return matrix / matrix.sum(1, keepdims=True)


def _periodic(length: int, kernel: tuple[float, ...], factor: int) -> np.ndarray:
    """The convolution of an axis and what is kept of it, (ceil(length / factor), length)."""
    matrix = np.zeros((-(-length // factor), length))
    for i, row in enumerate(matrix):
        taps = i * factor + np.arange(len(kernel)) - len(kernel) // 2
        np.add.at(row, taps % length, kernel)
    return matrix


@lru_cache(maxsize=16)
def _hartley(length: int) -> np.ndarray:
    """The orthonormal Hartley transform as a matrix, (length, length), symmetric."""
    angles = 2 * np.pi / length * np.outer(np.arange(length), np.arange(length))
    return (np.cos(angles) + np.sin(angles)) / length**0.5


def _keys(t: np.ndarray) -> np.ndarray:
    """Keys' cubic convolution kernel with a = -1/2, of support (-2, 2)."""
    t = np.abs(t)
    near = 1.5 * t**3 - 2.5 * t**2 + 1
    far = -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))
