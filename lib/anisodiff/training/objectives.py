"""What a training minimises, with its optimisers: ``step(batch) -> logs``.

The loop owns the data, the checkpoints and the choice of the best state; costs time the same ``step``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

ITERATIONS = 10  # of L-BFGS, at most, in one step

OPTIMISERS = {
    "adam": torch.optim.Adam,
    "critic": partial(torch.optim.Adam, betas=(0.0, 0.99)),  # for two that learn from each other
    "sgd": torch.optim.SGD,  # without momentum
    "lbfgs": partial(
        torch.optim.LBFGS, max_iter=ITERATIONS, history_size=20, line_search_fn="strong_wolfe"
    ),
}


class Batch(NamedTuple):
    """Crops: ``clean`` and ``degraded``, (B, 1, H, W), and ``sigma``, the level of each, (B, 1, 1, 1)."""

    clean: Tensor
    degraded: Tensor
    sigma: Tensor

    def to(self, device) -> "Batch":
        return Batch(*(part.to(device) for part in self))


def restored(module: nn.Module, batch: Batch) -> Tensor:
    """What a denoiser makes of a batch; an oracle is given the clean crops."""
    given = (batch.degraded, batch.sigma)
    return module(*given, batch.clean) if module.needs_truth else module(*given)


def mean_psnr(errors: Tensor) -> Tensor:
    """From the mean squared error of each image, in decibel; a perfect one (a flat crop, blurred) counts as 78 dB."""
    return -(10 * torch.log10(errors.clamp_min(1e-3) / 255**2)).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": mse_loss,
    "l1": l1_loss,
    "psnr": lambda u, x: (
        -mean_psnr((u - x).square().mean((1, 2, 3)))
    ),  # which weighs all levels alike
}


class Objective(ABC):
    """One optimiser and its one-cycle learning rate for all of ``learning``; a subclass says what the loss is.

    Settings: ``rate``, ``steps``, and optionally ``optimiser`` (a key of OPTIMISERS), ``clip`` (the longest gradient)
    and ``surge``: a step whose gradient is more than that many times as long as the median of the last hundred is left
    out. A step of L-BFGS is up to ten iterations on its batch, which is always the first (``fixed``), at a constant
    rate, with neither. ``measure`` names what the loop keeps the best state by, and ``score`` gives it: the higher the
    better. ``evaluations`` counts how often the loss was computed. Raises ValueError for an unknown optimiser.
    """

    measure = "psnr"
    falls_back = True  # whether a state far below the best is left for it

    def __init__(self, module: nn.Module, settings: dict, beside: nn.Module | None = None):
        name = settings.get("optimiser", "adam")
        if name not in OPTIMISERS:
            raise ValueError(f"unknown optimiser {name!r}; there are: {', '.join(OPTIMISERS)}")
        self.module, self.settings = module, settings
        self.learning = nn.ModuleList([module] if beside is None else [module, beside])
        self.fixed = name == "lbfgs"
        self.norms, self.left_out, self.evaluations = [], 0, 0
        self.learn(self.learning.parameters(), settings["steps"])

    def learn(self, parameters: Iterable[nn.Parameter], steps: int) -> None:
        """An optimiser of its own for ``steps`` steps of these parameters."""
        name, rate = self.settings.get("optimiser", "adam"), self.settings["rate"]
        self.optimiser = OPTIMISERS[name](parameters, rate)
        self.schedule = (
            torch.optim.lr_scheduler.ConstantLR(self.optimiser, 1, steps)
            if self.fixed
            else torch.optim.lr_scheduler.OneCycleLR(
                self.optimiser, rate, steps, cycle_momentum=name == "adam"
            )
        )

    def starts(self, step: int) -> bool:
        """Whether something else is learned from this step on, which goes on from the best state so far."""
        return False

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """What one step makes smaller."""

    @abstractmethod
    def score(self, batch: Batch) -> float:
        """The measure of the module in evaluation mode."""

    def step(self, batch: Batch) -> dict[str, float]:
        """One step of the optimiser; the loss, after which nothing has changed where it is not finite."""
        self.learning.train()
        if hasattr(self.module, "anneal"):
            self.module.anneal(self.schedule.last_epoch / self.settings["steps"])
        if self.fixed:
            loss = self.optimiser.step(lambda: self._with_gradient(batch))
            return {"loss": loss.item()}
        loss = self._with_gradient(batch)
        if not torch.isfinite(loss):
            return {"loss": loss.item()}
        clip = self.settings.get("clip", 1e4)
        norm = float(nn.utils.clip_grad_norm_(self.learning.parameters(), clip))
        self.norms = [*self.norms, norm][-100:]
        if norm > self.settings.get("surge", np.inf) * np.median(self.norms):
            self.left_out += 1  # clipped, it would be as long as any other and lead nowhere
        else:
            self.optimiser.step()
        self.schedule.step()
        return {"loss": loss.item()}

    def _with_gradient(self, batch: Batch) -> Tensor:
        self.evaluations += 1
        self.optimiser.zero_grad()
        loss = self.loss(batch)
        if torch.isfinite(loss):
            loss.backward()
        return loss

    def return_to(self, state: dict) -> None:
        """Go back to a state of the module."""
        self.module.load_state_dict(state)
        self.optimiser.state.clear()  # its means of gradients are those of the fall

    def state_dict(self) -> dict:
        parts = (self.learning, self.optimiser, self.schedule)
        return {
            "parts": [part.state_dict() for part in parts],
            "norms": self.norms,
            "left_out": self.left_out,
            "evaluations": self.evaluations,
        }

    def load_state_dict(self, state: dict) -> None:
        parts = (self.learning, self.optimiser, self.schedule)
        for part, saved in zip(parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        self.norms, self.left_out = state["norms"], state["left_out"]
        self.evaluations = state["evaluations"]


class Supervised(Objective):
    """The distance of the restored crops from the clean ones, by the ``loss`` of the settings (a key of LOSSES).

    With ``half`` in the settings the module computes a step's products in bfloat16, which takes a half of the time on
    processors that have it; its parameters, its sums and its score stay in single precision.

    Raises ValueError for an unknown loss.
    """

    def __init__(self, module: nn.Module, settings: dict, beside: nn.Module | None = None):
        name = settings.get("loss", "mse")
        if name not in LOSSES:
            raise ValueError(f"unknown loss {name!r}; there are: {', '.join(LOSSES)}")
        self.distance = LOSSES[name]
        super().__init__(module, settings, beside)

    def loss(self, batch: Batch) -> Tensor:
        with products(batch, self.settings):
            u = restored(self.module, batch)
        return self.distance(u, batch.clean)

    def score(self, batch: Batch) -> float:
        return clipped_psnr(self.module, batch)


class Staged(Supervised):
    """Stage by stage first: each of ``module.stages`` alone, by the state after it; then all, by the last state.

    ``greedy`` of the settings is the share of the steps for the former, the same number for each stage, which begins
    where the best one before it has led. An optimiser and a cycle of its own for each stage, and for all of them.
    """

    def __init__(self, module: nn.Module, settings: dict):
        super().__init__(module, settings)
        self.each = settings["greedy"] * settings["steps"] / len(module.stages)
        self.reached = len(module.stages)
        self._begin(0)

    def starts(self, step: int) -> bool:
        phase = min(int(step / self.each), len(self.module.stages))
        if phase == self.phase:
            return False
        self._begin(phase)
        return True

    def _begin(self, phase: int) -> None:
        """Learn stage number ``phase``, or, after the last, all of them."""
        stages, self.phase = self.module.stages, phase
        alone = phase < len(stages)
        self.reached = phase + 1 if alone else len(stages)
        part = stages[phase] if alone else stages
        stages.requires_grad_(False).zero_grad()
        steps = self.each if alone else self.settings["steps"] - len(stages) * self.each
        self.learn(part.requires_grad_().parameters(), max(1, -int(-steps // 1)))

    def loss(self, batch: Batch) -> Tensor:
        return self.distance(self._state(batch), batch.clean)

    def score(self, batch: Batch) -> float:
        with torch.inference_mode():
            self.module.eval()
            return _mean_clipped(self._state(batch), batch.clean)

    def _state(self, batch: Batch) -> Tensor:
        return next(islice(self.module.states(batch.degraded), self.reached, None))

    def state_dict(self) -> dict:
        return super().state_dict() | {"phase": self.phase}

    def load_state_dict(self, state: dict) -> None:
        self._begin(state["phase"])
        super().load_state_dict(state)


class Search(Supervised):
    """No gradients: a step tries ``tries`` values for one parameter, even in the logarithm over ``strengths``, on the
    batch, which is always the first, and keeps the best or what was there; parameters follow each other."""

    falls_back = False

    def __init__(self, module: nn.Module, settings: dict):
        super().__init__(module, settings | {"optimiser": "sgd", "rate": 1.0})
        self.fixed, self.tried = True, np.geomspace(*settings["strengths"], settings["tries"])

    def step(self, batch: Batch) -> dict[str, float]:
        self.module.eval()
        *_, values = [p for p in self.module.parameters() if p.requires_grad]
        with torch.inference_mode():
            flat = values.view(-1)
            at = self.evaluations // (len(self.tried) + 1) % len(flat)
            losses, tried = [], [flat[at].item(), *self.tried]
            for value in tried:
                flat[at] = value
                losses.append(self.loss(batch).item())
            flat[at] = tried[int(np.argmin(losses))]
        self.evaluations += len(tried)
        return {"loss": min(losses)}


class Coded(Supervised):
    """The same on codes, where a module works on these: ``module.coded(clean, degraded)`` gives both for a batch."""

    def loss(self, batch: Batch) -> Tensor:
        return super().loss(self._coded(batch))

    def score(self, batch: Batch) -> float:
        return super().score(self._coded(batch))

    def _coded(self, batch: Batch) -> Batch:
        with products(batch, self.settings):
            code, noisy = self.module.coded(batch.clean, batch.degraded)
        return Batch(code, noisy, batch.sigma)


class Detection(Objective):
    """A detector's own loss, ``module.loss(degraded, clean)``; scored by minus it."""

    measure = "score"
    falls_back = False

    def loss(self, batch: Batch) -> Tensor:
        return self.module.loss(batch.degraded, batch.clean)

    def score(self, batch: Batch) -> float:
        with torch.inference_mode():
            return -float(self.module.eval().loss(batch.degraded, batch.clean))


def products(batch: Batch, settings: dict) -> torch.autocast:
    """Within it products are in bfloat16, where the settings ask for ``half``."""
    half = settings.get("half", False)
    return torch.autocast(batch.clean.device.type, torch.bfloat16, enabled=half)


def clipped_psnr(module: nn.Module, batch: Batch) -> float:
    """Mean PSNR of the clipped restorations; ValueError where they are not of the size of the clean crops."""
    with torch.inference_mode():
        return _mean_clipped(restored(module.eval(), batch), batch.clean)


def _mean_clipped(u: Tensor, clean: Tensor) -> float:
    if u.shape != clean.shape:
        made, wanted = (" x ".join(map(str, of.shape[-2:])) for of in (u, clean))
        raise ValueError(
            f"the model makes {made} pixels of crops of {wanted}: it does not fit the problem and its level"
        )
    errors = (u.clamp(0, 255) - clean).square().mean((1, 2, 3), dtype=torch.float64)
    return float(mean_psnr(errors))
