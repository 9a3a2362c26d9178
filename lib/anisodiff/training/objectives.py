"""What a training minimises, with its optimisers: ``step(batch) -> logs``.

The loop owns the data, the checkpoints and the choice of the best state; costs time the same ``step``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

OPTIMISERS = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}  # the latter without momentum


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
    out. ``measure`` names what the loop keeps the best state by, and ``score`` gives it: the higher the better.
    Raises ValueError for an unknown optimiser.
    """

    measure = "psnr"
    falls_back = True  # whether a state far below the best is left for it

    def __init__(self, module: nn.Module, settings: dict, beside: nn.Module | None = None):
        name = settings.get("optimiser", "adam")
        if name not in OPTIMISERS:
            raise ValueError(f"unknown optimiser {name!r}; there are: {', '.join(OPTIMISERS)}")
        self.module, self.settings = module, settings
        self.learning = nn.ModuleList([module] if beside is None else [module, beside])
        rate, steps = settings["rate"], settings["steps"]
        self.optimiser = OPTIMISERS[name](self.learning.parameters(), rate)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser, rate, steps, cycle_momentum=name == "adam"
        )
        self.norms, self.left_out = [], 0

    @abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """What one step makes smaller."""

    @abstractmethod
    def score(self, batch: Batch) -> float:
        """The measure of the module in evaluation mode."""

    def step(self, batch: Batch) -> dict[str, float]:
        """One step of the optimiser; the loss, after which nothing has changed where it is not finite."""
        self.learning.train()
        loss = self.loss(batch)
        if not torch.isfinite(loss):
            return {"loss": loss.item()}
        self.optimiser.zero_grad()
        loss.backward()
        clip = self.settings.get("clip", 1e4)
        norm = float(nn.utils.clip_grad_norm_(self.learning.parameters(), clip))
        self.norms = [*self.norms, norm][-100:]
        if norm > self.settings.get("surge", np.inf) * np.median(self.norms):
            self.left_out += 1  # clipped, it would be as long as any other and lead nowhere
        else:
            self.optimiser.step()
        self.schedule.step()
        return {"loss": loss.item()}

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
        }

    def load_state_dict(self, state: dict) -> None:
        parts = (self.learning, self.optimiser, self.schedule)
        for part, saved in zip(parts, state["parts"], strict=True):
            part.load_state_dict(saved)
        self.norms, self.left_out = state["norms"], state["left_out"]


class Supervised(Objective):
    """The distance of the restored crops from the clean ones, by the ``loss`` of the settings (a key of LOSSES).

    Raises ValueError for an unknown loss.
    """

    def __init__(self, module: nn.Module, settings: dict):
        name = settings.get("loss", "mse")
        if name not in LOSSES:
            raise ValueError(f"unknown loss {name!r}; there are: {', '.join(LOSSES)}")
        self.distance = LOSSES[name]
        super().__init__(module, settings)

    def loss(self, batch: Batch) -> Tensor:
        return self.distance(restored(self.module, batch), batch.clean)

    def score(self, batch: Batch) -> float:
        return clipped_psnr(self.module, batch)


class Adversarial(Objective):
    """A module's own losses against a discriminator, which learns beside it and is left behind.

    ``module.losses(discriminator, f, clean)`` gives that of the generator and that of the discriminator, each with a
    gradient for its own parameters alone.
    """

    def __init__(self, module: nn.Module, settings: dict):
        self.discriminator = module.discriminator()
        super().__init__(module, settings, beside=self.discriminator)

    def loss(self, batch: Batch) -> Tensor:
        return sum(self.module.losses(self.discriminator, batch.degraded, batch.clean))

    def score(self, batch: Batch) -> float:
        return clipped_psnr(self.module, batch)


class Detection(Objective):
    """A detector's own loss, ``module.loss(degraded, clean)``; scored by minus it."""

    measure = "score"
    falls_back = False

    def loss(self, batch: Batch) -> Tensor:
        return self.module.loss(batch.degraded, batch.clean)

    def score(self, batch: Batch) -> float:
        with torch.inference_mode():
            return -float(self.module.eval().loss(batch.degraded, batch.clean))


def objective_for(module: nn.Module, settings: dict) -> Objective:
    """The objective that suits a module: adversarial where it has a discriminator, its own where it has a loss."""
    suits = (
        Adversarial
        if hasattr(module, "discriminator")
        else Detection
        if hasattr(module, "loss")
        else Supervised
    )
    return suits(module, settings)


def clipped_psnr(module: nn.Module, batch: Batch) -> float:
    """Mean PSNR of the clipped restorations."""
    with torch.inference_mode():
        u = restored(module.eval(), batch).clamp(0, 255)
    return float(mean_psnr((u - batch.clean).square().mean((1, 2, 3), dtype=torch.float64)))
