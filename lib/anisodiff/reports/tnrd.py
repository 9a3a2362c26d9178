"""What a stage of reaction diffusion does: its formula by hand, as a step of a diffusion, which filters sharpen."""

import numpy as np
import pandas as pd
import torch
from scipy.signal import convolve2d, correlate2d
from torch import Tensor

from ..methods.denoisers.tnrd import END, NODES, TNRD, WIDTH, Stage, mirrored
from ..methods.diffusion.kernels.filters import respond, spread
from ..methods.diffusion.scheme import explicit_step, gradient


def after(stage: Stage, u: np.ndarray, f: np.ndarray) -> np.ndarray:
    """An image after a stage: u and the degraded f, (H, W), to the same."""
    with torch.inference_mode():
        return stage(*(torch.from_numpy(one)[None, None] for one in (u, f)))[0, 0].numpy()


def by_hand(stage: Stage, u: np.ndarray, f: np.ndarray, rotated: bool = True) -> np.ndarray:
    """A stage with Gaussian bumps as its formula has it, by SciPy: u and f (H, W) to the same, in double precision.

    ``u - (sum_i rot180(k_i) * phi_i(k_i * u) + lambda (u - f))``; without ``rotated`` the second kernels are the first.
    """
    kernels, weights = stage.kernels.double().numpy(), stage.influence.values.double().numpy()
    nodes, total = np.linspace(-END, END, NODES), np.zeros(u.shape)
    wide = np.pad(u.astype(float), kernels.shape[1] - 1, mode="symmetric")
    for kernel, weight in zip(kernels, weights, strict=True):
        r = correlate2d(wide, kernel, "valid")
        phi = sum(
            w * np.exp(-((r - mu) ** 2) / (2 * WIDTH**2))
            for w, mu in zip(weight, nodes, strict=True)
        )
        total += (convolve2d if rotated else correlate2d)(phi, kernel, "valid")
    return u - total - float(stage.lambda_()) * (u - f)


def diffusion_gap(u: np.ndarray, tau: float = 0.2, told: float = 1.0) -> float:
    """How far a stage of two differences is from the explicit step of a diffusion, at most, in gray levels.

    The stage has one odd function ``phi(r) = tau g(r) r`` for both; the diffusion's step is ``told`` tau. (H, W).
    """
    torch.manual_seed(0)
    stage = Stage(3, 8, reaction="none", differences=True).double()
    with torch.no_grad():
        drawn = stage.influence.weights[0] + 0.5 * torch.randn(NODES).double()
        stage.influence.weights.copy_((drawn - drawn.flip(0)) / 2)  # odd: no flux where it is flat
        given = torch.from_numpy(u.astype(float))[None, None]

        def g(difference: Tensor) -> Tensor:  # the kernels have length one
            response = (difference / 2**0.5).expand(-1, 2, -1, -1)
            return stage.influence(response)[:, :1] / (2**0.5 * tau * _off_zero(difference))

        step = explicit_step(given, tuple(map(g, gradient(given))), told * tau)
        return float((stage(given, given) - step).abs().max())


def _off_zero(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 1e-9, torch.full_like(x, 1e-9), x)


def gradient_error(stages: int = 3, alone: bool = False) -> float:
    """The relative difference of a loss's gradient along a random direction from central differences.

    Of a small network, in double precision. ``alone``: with the gradient of a training stage by stage in its place, in
    which the loss is that of the state after the first stage.
    """
    torch.manual_seed(0)
    tnrd = TNRD(stages, 3).double()
    clean = 255 * torch.rand(1, 1, 12, 12).double()
    f = clean + 25 * torch.randn_like(clean)
    first = list(tnrd.stages[0].parameters())
    along = [torch.randn_like(p) * p.detach().abs().mean() for p in first]

    def loss(last: bool = True) -> Tensor:
        states = list(tnrd.states(f))
        return (states[-1 if last else 1] - clean).square().mean()

    def moved(by: float) -> float:
        with torch.no_grad():
            for p, d in zip(first, along, strict=True):
                p.add_(by * d)
            return loss().item()

    grads = torch.autograd.grad(loss(not alone), first)
    slope = sum(float((g * d).sum()) for g, d in zip(grads, along, strict=True))
    step = 1e-5
    ahead, behind = moved(step), moved(-2 * step)
    moved(step)
    wanted = (ahead - behind) / (2 * step)
    return abs(slope - wanted) / abs(wanted)


def functions(stage: Stage, responses: np.ndarray) -> np.ndarray:
    """``phi_i`` with its amplitude at responses (n): (N, n)."""
    with torch.inference_mode():
        kernels = stage.kernels
        given = torch.from_numpy(responses).float().expand(1, len(kernels), 1, -1)
        return (stage.influence(given) * stage.scales(kernels))[0, :, 0].numpy()


def effects(stage: Stage, u: np.ndarray) -> pd.DataFrame:
    """What each filter does to an image (H, W), a row each.

    ``power``, the mean square of what its function gives, and ``sharpens``, the share of it where the function and the
    response have opposite signs: there the filter makes the response larger, and g = phi(r) / r is negative.
    """
    with torch.inference_mode():
        r, phi = _responses(stage, u)
        given = phi.square()
        power = given.mean((0, 2, 3))
        against = (given * (phi * r < 0)).mean((0, 2, 3))
    share = (against / power.clamp_min(1e-12)).numpy()
    return pd.DataFrame({"power": power.numpy(), "sharpens": share})


def sharpening(module: TNRD, states: list[np.ndarray]) -> np.ndarray:
    """The share of each stage's power with which functions make responses larger, at the states before it, (T)."""
    shares = []
    for stage, u in zip(module.stages, states, strict=False):
        found = effects(stage, u)
        shares.append(np.average(found.sharpens, weights=found.power))
    return np.array(shares)


def alone(stage: Stage, u: np.ndarray) -> np.ndarray:
    """How much the energy of a filter's responses changes by the filter alone, as a share of it, (N).

    ``|K_i v|^2 / |K_i u|^2 - 1`` with ``v = u - K_i^T phi_i(K_i u)``; above 0 the filter sharpens, below it smooths.
    """
    with torch.inference_mode():
        kernels = stage.kernels
        r, phi = _responses(stage, u)
        found = []
        for i, kernel in enumerate(kernels):
            v = torch.from_numpy(u)[None, None] - spread(phi[:, i : i + 1], kernel[None])
            after = respond(mirrored(v, kernel.shape[0] - 1), kernel[None])
            found.append(float(after.square().sum() / r[:, i].square().sum()) - 1)
    return np.array(found)


def read_off(
    module: TNRD, states: list[np.ndarray], others: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Of the filters that sharpen, and of those that smooth, by :func:`alone` on the states of one image, the shares of
    which :func:`effects` say so on another, (2).

    And the same with the function of the next filter in the place of each one's own.
    """
    does, says, neighbours = [], [], []
    for stage, u, other in zip(module.stages, states, others, strict=False):
        does.append(alone(stage, u) > 0)
        says.append(effects(stage, other).sharpens.to_numpy() > 0.5)
        neighbours.append(np.roll(says[-1], 1))
    does, says, neighbours = map(np.concatenate, (does, says, neighbours))
    return tuple(
        np.array([said[does].mean(), 1 - said[~does].mean()]) for said in (says, neighbours)
    )


def _responses(stage: Stage, u: np.ndarray) -> tuple[Tensor, Tensor]:
    """``K_i u`` and what the functions make of it, (1, N, H + k - 1, W + k - 1)."""
    kernels = stage.kernels
    r = respond(mirrored(torch.from_numpy(u)[None, None], kernels.shape[1] - 1), kernels)
    return r, stage.influence(r) * stage.scales(kernels)
