"""Diffusivities that treat borders and smooth regions differently, mixed by each pixel's probability of a border."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .base import Diffusivity
from .classic import perona_malik
from .learned_lambda import LambdaNetwork, TunedSettings
from .p1 import P1, Nodes
from .scheme import gradient, on_edges

SOURCES = ("classifier", "true", "half")


def labels(clean: Tensor, threshold: float) -> Tensor:
    """1 where a pixel is a border, else 0: ``max(|u[i, j+1] - u[i, j]|, |u[i+1, j] - u[i, j]|) > threshold``.

    ``clean`` and the result are (B, 1, H, W); there is no difference across the image's own border.
    Source: slides "Performance while learning lambdas" (14.12.22), border classification.
    """
    return (steepness(clean) > threshold).to(clean.dtype)


def steepness(u: Tensor) -> Tensor:
    """The infinity norm of the forward differences of each pixel, (B, 1, H, W)."""
    d_x, d_y = gradient(u)
    return torch.maximum(pad(d_x.abs(), (0, 1)), pad(d_y.abs(), (0, 0, 0, 1)))


class Probability:
    """Each pixel's probability of a border, (B, 1, H, W): by a frozen ``classifier`` of degraded images; by the clean
    batch ("true"), which only an oracle is given; or 1/2 everywhere ("half").

    What a border is says the classifier's ``threshold``. Not a module, so that the classifier is neither trained nor
    stored with what uses it. Raises ValueError for an unknown source.
    """

    def __init__(self, source: str, classifier: nn.Module):
        if source not in SOURCES:
            raise ValueError(
                f"unknown source of borders {source!r}; there are: {', '.join(SOURCES)}"
            )
        self.source, self.classifier = source, classifier

    def __call__(self, f: Tensor, truth: Tensor | None = None) -> Tensor:
        if self.source == "half":
            return torch.full_like(f, 0.5)
        if self.source == "classifier":
            return self.classifier.to(f.device)(f)
        return labels(truth, self.classifier.threshold).to(f.dtype)


class BorderContext(NamedTuple):
    """What :class:`BorderLambdas` reads off a degraded batch: lambdas for borders and smooth regions, (B, 2, 1, 1), the
    share of the time, (B, 1, 1, 1), and the lambda of each edge, a pair."""

    lambdas: Tensor
    share: Tensor
    mixed: tuple[Tensor, Tensor]


class BorderLambdas(Diffusivity):
    """``g`` of each edge by option 1 or 2 with ``lambda = p lambda_b + (1 - p) lambda_s``; range (0, 1], bound 1.

    A network reads corrections of the tuned classic off the degraded image as in
    :class:`~.learned_lambda.LearnedLambdaTime`: of its lambda one for borders, ``lambda_b``, and one for smooth
    regions, ``lambda_s``, and of its share of the time; p is the probability of a border, on an edge the mean of its
    two pixels.
    Source: slides "Performance while learning lambdas" (14.12.22), lambdas with border classification.
    """

    reads_sigma = reads_image = True

    def __init__(
        self,
        source: str,
        classifier: nn.Module,
        tuned: Sequence[Sequence[float]],
        steps: int,
        tau: float,
        option: int = 2,
    ):
        super().__init__()
        self.probability, self.option = Probability(source, classifier), option
        self.needs_truth = source == "true"
        self.tuned = TunedSettings(tuned, steps * tau)
        self.network = LambdaNetwork([0.0, 0.0, 0.0], noise_aware=True)

    def condition(self, f, sigma=None, truth=None) -> BorderContext:
        numbers = self.tuned(sigma)[:, [0, 0, 1]] + self.network(f, sigma)
        p = self.probability(f, truth)
        lambdas, share = torch.exp(numbers[:, :2]), torch.sigmoid(numbers[:, 2:])
        return BorderContext(
            lambdas, share, on_edges(p * lambdas[:, :1] + (1 - p) * lambdas[:, 1:])
        )

    def chosen(self, context: BorderContext) -> dict[str, Tensor]:
        border, smooth = context.lambdas.split(1, 1)
        return {"lambda-borders": border, "lambda-smooth": smooth, "share": context.share}

    def forward(self, u, context, step=0, state=None):
        pairs = zip(gradient(u), context.mixed, strict=True)
        return tuple(
            context.share * perona_malik(d, lambda_, self.option) for d, lambda_ in pairs
        ), None


class BorderP1(P1):
    """Two P1 functions for each pixel, ``g = p g_b + (1 - p) g_s``; range (-1, 1), bound 1.

    As :class:`~.p1.P1` with twice the nodal values; p is the pixel's probability of a border.
    Source: slides "Performance while learning lambdas" (14.12.22), P1 functions with border classification.
    """

    functions = 2

    def __init__(self, source: str, classifier: nn.Module, intervals: int = 8):
        super().__init__(intervals)
        self.probability, self.needs_truth = Probability(source, classifier), source == "true"

    def condition(self, f, sigma=None, truth=None) -> Nodes:
        top, values = super().condition(f, sigma, truth)
        border, smooth = values.chunk(2, 1)
        p = self.probability(f, truth)
        return Nodes(top, p * border + (1 - p) * smooth)
