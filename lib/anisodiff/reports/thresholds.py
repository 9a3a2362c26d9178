"""Thresholds of one number: the posterior of a Laplace prior on a grid, thresholds as functions, and one learned.

``Y = X + B``: X has the density ``exp(-|x|) / 2``, B is Gaussian of deviation sigma. All is in units of that prior.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from ..methods.denoisers.dct import hard, smooth, soft, straight

GRID = np.linspace(-12, 12, 4801)  # of x
DEVIATION, TRUE = 8.0, 2.4  # the toy: a Gaussian, and the threshold to be found
WARM, COLD = 2.0, 0.02  # temperatures of the toy, first and last

FUNCTIONS: dict[str, Callable[[Tensor, Tensor, float], Tensor]] = {
    "hard": hard,
    "smooth": smooth,
    "straight": straight,
    "soft": soft,
}


def posteriors(y: np.ndarray, sigma: float) -> dict[str, np.ndarray]:
    """The posterior on GRID for each y (n), by name, (n, m), up to a factor: by Bayes' rule, and as misprinted.

    ``without the prior``: ``P(Y|X) P(X) / P(X)``; ``divided by the prior``: ``P(Y|X) P(Y) / P(X)``.
    """
    likelihood = -((GRID - y[:, None]) ** 2) / (2 * sigma**2)
    logs = {
        "Bayes' rule": likelihood - np.abs(GRID),
        "without the prior": likelihood,
        "divided by the prior": likelihood + np.abs(GRID),
    }
    return {name: np.exp(one - one.max(1, keepdims=True)) for name, one in logs.items()}


def mean(posterior: np.ndarray) -> np.ndarray:
    """The mean of x under each of some posteriors, (n, m) to (n)."""
    return posterior @ GRID / posterior.sum(1)


def drawn_mean(y: np.ndarray, sigma: float, seed: int = 0, count: int = 2_000_000) -> np.ndarray:
    """The mean of X among ``count`` draws whose Y is within 0.05 of y, for each y (n): no rule is used."""
    rng = np.random.default_rng(seed)
    x = rng.laplace(size=count)
    near = x + sigma * rng.standard_normal(count)
    return np.array([x[np.abs(near - one) < 0.05].mean() for one in y])


def costs(y: np.ndarray, sigma: float) -> dict[str, np.ndarray]:
    """Costs of each x of GRID for each y (n), by name, (n, m).

    ``corrected``: ``(y - x)^2 / 2 sigma^2 + |x|``; ``as printed``: its first term negative; ``without sigma``:
    ``(x - y)^2 + |x|``.
    """
    square = (GRID - y[:, None]) ** 2
    return {
        "corrected": square / (2 * sigma**2) + np.abs(GRID),
        "as printed": -square / (2 * sigma**2) + np.abs(GRID),
        "without sigma": square + np.abs(GRID),
    }


def lowest(cost: np.ndarray) -> np.ndarray:
    """Where on GRID each of some costs is least, (n, m) to (n)."""
    return GRID[cost.argmin(1)]


def soft_of(y: np.ndarray, threshold: float) -> np.ndarray:
    """:func:`~anisodiff.methods.denoisers.dct.soft` of an array."""
    return soft(torch.from_numpy(y), torch.tensor(threshold)).numpy()


def slope_error(cost: str, y: np.ndarray, sigma: float) -> dict[int, float]:
    """How far ``(x - y) / sigma^2 + sign`` is from a cost's slope by differences, at most, on each side of 0."""
    slopes = np.gradient(costs(y, sigma)[cost], GRID, axis=1)
    found = {}
    for sign in (1, -1):
        side = sign * GRID > 0.01
        side[[0, -1]] = False  # where differences are one-sided
        formula = (GRID[side] - y[:, None]) / sigma**2 + sign
        found[sign] = float(np.abs(slopes[:, side] - formula).max())
    return found


def descent(y: np.ndarray, sigma: float, steps: int, rate: float = 0.1) -> np.ndarray:
    """The corrected cost minimised step by step from x = y: down its square, then a soft threshold of rate, (n)."""
    x = y.copy()
    for _ in range(steps):
        x = soft_of(x - rate * (x - y) / sigma**2, rate)
    return x


def distance(
    first: str, second: str, x: np.ndarray, threshold: float, temperatures: tuple[float, float]
) -> float:
    """The largest difference of two thresholds, in thresholds; x within a hundredth of the threshold are left out."""
    x = torch.from_numpy(x[np.abs(np.abs(x) - threshold) > 0.01 * threshold])
    limit = torch.tensor(threshold, dtype=x.dtype)
    one, other = (
        FUNCTIONS[name](x, limit, temperature)
        for name, temperature in zip((first, second), temperatures, strict=True)
    )
    return float((one - other).abs().max()) / threshold


def gradient(name: str, of: str, x: np.ndarray, threshold: float, temperature: float) -> np.ndarray:
    """The derivative of each value of a threshold by its ``input`` or by the ``threshold``, as autograd has it, (n)."""
    given = torch.from_numpy(x).requires_grad_(of == "input")
    limits = torch.full_like(given, threshold, requires_grad=of == "threshold")
    total = (FUNCTIONS[name](given, limits, temperature) + 0 * limits + 0 * given).sum()
    return torch.autograd.grad(total, given if of == "input" else limits)[0].numpy()


def differences(
    name: str, of: str, x: np.ndarray, threshold: float, temperature: float, step: float = 1e-5
) -> np.ndarray:
    """The same by central differences, (n)."""

    def value(shift: float) -> Tensor:
        given = torch.from_numpy(x + shift * (of == "input"))
        limit = torch.tensor(threshold + shift * (of == "threshold"), dtype=given.dtype)
        return FUNCTIONS[name](given, limit, temperature)

    return ((value(step) - value(-step)) / (2 * step)).numpy()


def learn(
    name: str,
    start: float,
    last: float = COLD,
    steps: int = 400,
    seed: int = 0,
) -> np.ndarray:
    """The threshold at each step of Adam, ``steps`` + 1, on the squared distance to a hard threshold of TRUE.

    1000 new numbers of deviation DEVIATION a step; the temperature goes from WARM to ``last``.
    """
    rng = torch.Generator().manual_seed(seed)
    limit = torch.tensor(float(start), requires_grad=True)
    optimiser, found = torch.optim.Adam([limit], 0.05), [start]
    for step in range(steps):
        x = DEVIATION * torch.randn(1000, generator=rng)
        temperature = WARM * (last / WARM) ** (step / steps)
        guess = FUNCTIONS[name](x, limit, temperature) + 0 * limit
        optimiser.zero_grad()
        (guess - hard(x, torch.tensor(TRUE))).square().mean().backward()
        optimiser.step()
        found.append(limit.item())
    return np.array(found)


def expected_error(limits: np.ndarray, seed: int = 0, count: int = 200_000) -> np.ndarray:
    """The toy's mean squared error of hard thresholds, (n): it has a minimum that a hard threshold's gradient, zero,
    does not show."""
    x = torch.from_numpy(DEVIATION * np.random.default_rng(seed).standard_normal(count))
    wanted = hard(x, torch.tensor(TRUE))
    return np.array([(hard(x, torch.tensor(one)) - wanted).square().mean() for one in limits])


def units_error(units: int, seed: int = 0, steps: int = 700) -> float:
    """The share of a soft threshold's variance that a chain learns not to explain: linear with bias, ReLU, linear.

    ``units`` 0: a straight line.
    """
    rng = torch.Generator().manual_seed(seed)
    x = DEVIATION / 2 * torch.randn(4000, 1, generator=rng)
    wanted = soft(x, torch.tensor(TRUE))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers = (
            [nn.Linear(1, units), nn.ReLU(), nn.Linear(units, 1)] if units else [nn.Linear(1, 1)]
        )
        chain = nn.Sequential(*layers)
    optimiser = torch.optim.Adam(chain.parameters(), 0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        loss = (chain(x) - wanted).square().mean()
        loss.backward()
        optimiser.step()
    return loss.item() / wanted.var().item()
