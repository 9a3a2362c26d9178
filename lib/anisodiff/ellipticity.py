"""Ellipticity of a diffusivity as a function of one number, and whether it is anisotropic in the paper's sense.

For ``a(s)``, ``s = x^2``, the ellipticity is ``b(s) = a(s) + 2 s a'(s)``, the derivative of the flux ``x a(x^2)``:
where it is below 0 the diffusion sharpens along the gradient. A function is anisotropic where the set of b > 0 is an
interval that begins at 0. Source: Valdivia Ortega et al. 2024, section 2.
"""

import numpy as np


def ellipticity(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """``d(x g(x)) / dx`` by central differences: b at ``s = x^2``; x ascending, g of the same shape (n) or (k, n)."""
    return np.gradient(x * g, x, axis=-1)


def turning_point(x: np.ndarray, g: np.ndarray) -> tuple[bool, float]:
    """Whether ``g(x)``, x >= 0 ascending, is anisotropic on that range, and where b is first below 0 (else infinity).

    What is smaller than a millionth of the largest b is rounding. Raises ValueError where x does not begin at 0 or does
    not ascend.
    """
    x = np.asarray(x, float)
    if x[0] != 0 or not (np.diff(x) > 0).all():
        raise ValueError(f"x must begin at 0 and ascend, got {x[0]:g} to {x[-1]:g}")
    b = ellipticity(x, g)
    noise = 1e-6 * np.abs(b).max()
    fallen = np.flatnonzero(b <= -noise)
    if not fallen.size:
        return True, float("inf")
    return bool((b[fallen[0] :] <= noise).all()), float(x[fallen[0]])
