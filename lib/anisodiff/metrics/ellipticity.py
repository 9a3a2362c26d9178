"""Ellipticity of a diffusivity as a function of one number, and whether it is anisotropic in the paper's sense.

For ``a(s)``, ``s = x^2``, the ellipticity is ``b(s) = a(s) + 2 s a'(s)``, the derivative of the flux ``x a(x^2)``:
where it is below 0 the diffusion sharpens along the gradient. A function is anisotropic where the set of b > 0 is an
interval that begins at 0. Source: Valdivia Ortega et al. 2024, section 2.
"""

import numpy as np


def ellipticity(x: np.ndarray, g: np.ndarray) -> np.ndarray:
    """``d(x g(x)) / dx`` by central differences: b at ``s = x^2``; x ascending, g of the same shape (n) or (k, n)."""
    return np.gradient(x * g, x, axis=-1)


def turning_point(x: np.ndarray, g: np.ndarray, negligible: float = 0.01) -> tuple[bool, float]:
    """Whether ``g(x)``, x >= 0 ascending, is anisotropic on that range, and where b is first below 0 (else infinity).

    What is smaller than ``negligible`` times the largest b counts as 0, so that the tail of a g that has all but ended
    says nothing. Raises ValueError where x does not begin at 0 or does not ascend.
    """
    x = np.asarray(x, float)
    if x[0] != 0 or not (np.diff(x) > 0).all():
        raise ValueError(f"x must begin at 0 and ascend, got {x[0]:g} to {x[-1]:g}")
    b = ellipticity(x, g)
    least = negligible * np.abs(b).max()
    fallen = np.flatnonzero(b < -least)
    if not fallen.size:
        return True, float("inf")
    return bool((b[fallen[0] :] <= least).all()), float(x[fallen[0]])
