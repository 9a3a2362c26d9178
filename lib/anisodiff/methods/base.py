"""What answers a measurement: a denoiser for batches of tensors, a method for one measurement, and its estimate.

A :class:`Denoiser` maps (B, C, H, W) to the same shape and knows no problem. A :class:`Method` answers the measurement
of a problem with an :class:`Estimate`. :class:`Denoising` lifts any denoiser to a method. Values are on 0..255.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from ..problems.base import LinearOperator, Problem


class Denoiser(nn.Module):
    """``forward(x, sigma) -> x``: (B, 1, H, W) float32 on 0..255 to the same shape.

    ``sigma`` is a number or a tensor that broadcasts to (B, 1, 1, 1): the standard deviation of the noise in gray
    levels, or, for a denoiser made for another problem, that problem's level. Some take a map of it as well, (B, 1, H,
    W). Where ``reads_sigma`` is false it is ignored; where it is true, ValueError is raised without it.
    """

    reads_sigma = False
    # of an oracle the forward takes the clean batch too: forward(x, sigma, truth)
    needs_truth = False

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        raise NotImplementedError

    def levels(self, x: Tensor, sigma: Tensor | float | None) -> Tensor | None:
        """sigma as (B, 1, 1, 1), or None where it is not read; ValueError where it is, and missing, of
        another number of images, or not above 0."""
        if not self.reads_sigma:
            return None
        if sigma is None:
            raise ValueError(
                f"this {type(self).__name__} is noise-aware: give sigma, the level of the problem"
            )
        levels = torch.as_tensor(sigma, dtype=x.dtype, device=x.device)
        if not (levels > 0).all():
            raise ValueError(f"sigma must be above 0, got {float(levels.min()):g}")
        if levels.numel() not in (1, len(x)):
            raise ValueError(
                f"sigma is one number, or one for each of {len(x)} images, got {tuple(levels.shape)}"
            )
        return levels.reshape(-1, 1, 1, 1).expand(len(x), 1, 1, 1)

    def noise_map(self, x: Tensor, sigma: Tensor | float | None) -> Tensor:
        """sigma for every pixel, (B, 1, H, W), from what :meth:`levels` takes or from such a map, whose values are not
        below 0; ValueError for another."""
        if not isinstance(sigma, Tensor) or sigma.ndim != 4 or sigma.shape[-2:] == (1, 1):
            return self.levels(x, sigma).expand_as(x)
        fits = len(sigma) in (1, len(x)) and sigma.shape[1:] == (1, *x.shape[-2:])
        if not fits or not (sigma >= 0).all():
            raise ValueError(
                f"a map of sigma has the shape {(len(x), 1, *x.shape[-2:])} and no value below 0, got"
                f" {tuple(sigma.shape)} from {float(sigma.min()):g}"
            )
        return sigma.to(x).expand_as(x)


@dataclass(frozen=True)
class Estimate:
    """The answer to a measurement: ``samples`` images, (S, C, H, W), and numbers that the method chose, by name."""

    images: Tensor
    info: dict[str, float] = field(default_factory=dict)

    @property
    def image(self) -> Tensor:
        """The one image, (C, H, W), or the mean of several."""
        return self.images[0] if len(self.images) == 1 else self.images.mean(0)


class Method(ABC):
    """Answers measurements: ``restore(y, problem, truth=..., rng=..., samples=...) -> Estimate``.

    A method declares what it ``needs`` of the problem: "operator" (a linear one), "level", or "truth" (the clean image,
    an oracle), and whether it ``samples``, that is, can give more than one image.
    """

    name: str = ""
    needs: frozenset[str] = frozenset()
    samples: bool = False

    def restore(
        self,
        y: Tensor,
        problem: Problem,
        *,
        truth: Tensor | None = None,
        rng: np.random.Generator | None = None,
        samples: int = 1,
    ) -> Estimate:
        """The estimate for a measurement ``y``, (C, H, W), of ``problem``, as :meth:`.Problem.measure` gives both.

        ``rng`` is what a sampler draws from. Raises ValueError, naming what is missing, where the method needs what the
        problem or the call does not give.
        """
        if y.ndim != 3 or not y.is_floating_point() or y.numel() == 0:
            raise ValueError(
                f"expected a (C, H, W) tensor of floats, got {y.dtype} {tuple(y.shape)}"
            )
        if "operator" in self.needs and problem.operator is None:
            raise ValueError(
                f"{self.name} needs a linear operator, and this {problem.name} problem carries none; where there is"
                " one, it is in the problem of the measurement"
            )
        if problem.operator is not None and tuple(y.shape[-2:]) != problem.operator.out_shape:
            raise ValueError(
                f"the operator of {problem.name} gives {problem.operator.out_shape}, not a measurement of"
                f" {tuple(y.shape[-2:])}"
            )
        if "truth" in self.needs and truth is None:
            raise ValueError(f"{self.name} is an oracle: it needs the clean image (truth=...)")
        if samples < 1 or (samples > 1 and not self.samples):
            raise ValueError(
                f"{self.name} gives one image, not {samples}; for several take a sampler"
            )
        if self.samples and rng is None:
            raise ValueError(f"{self.name} draws its images: it needs a generator (rng=...)")
        with torch.inference_mode():
            images, info = self.answer(y, problem, truth, rng, samples)
        return Estimate(images, info)

    def expect(self, problem: Problem, kind: type[LinearOperator]) -> LinearOperator:
        """The problem's operator; ValueError unless it is of this kind."""
        if not isinstance(problem.operator, kind):
            raise ValueError(
                f"{self.name} needs the operator {kind.__name__}, but that of {problem.name} is"
                f" {type(problem.operator).__name__}"
            )
        return problem.operator

    @abstractmethod
    def answer(self, y, problem, truth, rng, samples) -> tuple[Tensor, dict[str, float]]:
        """What a subclass computes: the images, (samples, C, H, W), and the numbers it chose, by name.

        ``y`` is checked: (C, h, w) floats on 0..255. What ``needs`` names is there: ``problem.operator``, ``truth``
        of (C, H, W), which is None otherwise. So is ``rng`` where the method ``samples``. No gradients are recorded.
        """


class Denoising(Method):
    """Any denoiser as a method: each channel on its own, with the problem's level as sigma where it reads one."""

    def __init__(self, denoiser: Denoiser, name: str = ""):
        self.denoiser, self.name = denoiser, name or type(denoiser).__name__
        self.needs = frozenset({"level"} if denoiser.reads_sigma else ())
        self.needs |= {"truth"} if denoiser.needs_truth else set()

    def answer(self, y, problem, truth, rng, samples):
        if problem.operator is not None and problem.operator.in_shape != tuple(y.shape[-2:]):
            raise ValueError(
                f"{self.name} keeps the shape of an image; {problem.name} measured {tuple(y.shape[-2:])} of"
                f" {problem.operator.in_shape} pixels"
            )
        images, info = torch.empty_like(y), {}
        for at, channel in enumerate(y):  # one at a time: memory of one channel
            given = [channel.contiguous()[None, None], float(problem.level)]
            if self.denoiser.needs_truth:
                given.append(truth[at][None, None])
            if hasattr(self.denoiser, "explained"):  # beside the image, what was chosen for it
                restored, info = self.denoiser.explained(*given)
            else:
                restored = self.denoiser(*given)
            images[at] = restored[0, 0]
        return images[None], {name: float(value) for name, value in info.items()}
