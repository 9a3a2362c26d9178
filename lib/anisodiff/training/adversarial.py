"""What a training minimises against a critic, which learns beside the module and is left behind."""

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from ..metrics.generative import sliced_wasserstein
from .critics import CRITICS
from .objectives import Batch, Objective, Supervised, clipped_psnr, products, restored


class Adversarial(Objective):
    """A module's own losses against a discriminator, which learns beside it and is left behind.

    ``module.losses(discriminator, f, clean)`` gives that of the generator and that of the discriminator, each with a
    gradient for its own parameters alone. ``half`` as in :class:`Supervised`.
    """

    def __init__(self, module: nn.Module, settings: dict):
        self.discriminator = module.discriminator()
        super().__init__(module, settings, beside=self.discriminator)

    def loss(self, batch: Batch) -> Tensor:
        with products(batch, self.settings):
            return sum(self.module.losses(self.discriminator, batch.degraded, batch.clean))

    def score(self, batch: Batch) -> float:
        return clipped_psnr(self.module, batch)


class Drawn(Adversarial):
    """The same for a module that draws its answers, scored by :func:`likeness`."""

    measure = "likeness"
    falls_back = False

    def score(self, batch: Batch) -> float:
        return likeness(self.module, batch)


class Against(Supervised):
    """``mean |u - x|^2 + weight`` times a critic's loss, on 0..1, of any denoiser, scored by :func:`likeness`.

    ``against`` of the settings names the critic (a key of CRITICS), ``weight`` is its weight. Raises ValueError for an
    unknown critic.
    """

    measure = "likeness"
    falls_back = False

    def __init__(self, module: nn.Module, settings: dict):
        name = settings["against"]
        if name not in CRITICS:
            raise ValueError(f"unknown critic {name!r}; there are: {', '.join(CRITICS)}")
        self.critic = CRITICS[name]()
        super().__init__(module, settings, beside=self.critic)

    def loss(self, batch: Batch) -> Tensor:
        with products(batch, self.settings):
            u, clean, f = (
                of / 255 for of in (restored(self.module, batch), batch.clean, batch.degraded)
            )
            of_module, of_critic = self.critic.losses(u, clean, f)
        return mse_loss(u, clean) + self.settings["weight"] * of_module + of_critic

    def score(self, batch: Batch) -> float:
        return likeness(self.module, batch)


def likeness(module: nn.Module, batch: Batch) -> float:
    """Minus the distance of the patches of what a module makes from those of the clean crops
    (:func:`~anisodiff.metrics.generative.sliced_wasserstein`), which a mean of many answers is far from."""
    with torch.inference_mode():
        made = restored(module.eval(), batch).clamp(0, 255)
    return -sliced_wasserstein(*(of[:, 0].cpu().numpy() for of in (made, batch.clean)))
