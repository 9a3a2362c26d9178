"""What solvers ask of a denoiser's derivative, on denoisers whose derivative is known."""

import numpy as np
import pytest
import torch
from family import photograph

from anisodiff.methods.base import Denoiser
from anisodiff.metrics import derivative
from anisodiff.study import restorers

IMAGE = photograph(12)


class Linear(Denoiser):
    """``D(x) = M x + shift``, over all pixels."""

    def __init__(self, matrix, shift=0.0):
        super().__init__()
        self.matrix, self.shift = torch.as_tensor(matrix, dtype=torch.float32), shift

    def forward(self, x, sigma=None):
        return (x.flatten(1) @ self.matrix.T).reshape(x.shape) + self.shift


def test_the_measures_are_those_of_a_known_matrix():
    drawn = np.random.default_rng(0).standard_normal((144, 144)) / 24
    values = np.linspace(0, 0.9, 144)
    turned = np.linalg.qr(drawn)[0]
    symmetric = Linear(turned @ np.diag(values) @ turned.T)
    assert derivative.asymmetry(symmetric, IMAGE, 25) < 1e-6
    assert derivative.radius(symmetric, IMAGE, 25, rounds=200) == pytest.approx(0.9, rel=1e-2)
    assert derivative.inhomogeneity(symmetric, IMAGE, 25) < 1e-3
    any_matrix = Linear(drawn)
    assert derivative.asymmetry(any_matrix, IMAGE, 25, draws=100) == pytest.approx(1, abs=0.3)
    lower = Linear(np.tril(drawn, -1) - np.tril(drawn, -1).T)
    assert derivative.asymmetry(lower, IMAGE, 25) == pytest.approx(2, rel=1e-3)
    assert derivative.inhomogeneity(Linear(np.eye(144), 50.0), IMAGE, 25) > 0.2


def test_a_product_with_the_derivative_is_linear():
    times = derivative.along(restorers.load("foe-s").module, IMAGE, 25.0)
    a, b = torch.randn(2, 1, 1, *IMAGE.shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(times(2 * a - b), 2 * times(a) - times(b), rtol=0, atol=2e-2)


def test_convex_energies_make_a_passive_denoiser_and_free_functions_do_not():
    noisy = IMAGE + np.random.default_rng(0).normal(0, 25, IMAGE.shape)
    rising, free = (restorers.load(name).module for name in ("tnrd-rising-pure", "tnrd"))
    assert derivative.radius(rising, noisy, 25.0) < 1 < derivative.radius(free, noisy, 25.0)
    assert derivative.asymmetry(rising, noisy, 25.0) < derivative.asymmetry(free, noisy, 25.0)
