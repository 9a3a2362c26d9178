"""Diffusivities that treat borders and smooth regions differently, mixed by each pixel's probability of a border."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ...borders.classifier import labels
from .classic import perona_malik
from .learned_lambda import LambdaNetwork, TunedSettings
from .p1 import P1
from .scheme import gradient, on_edges

SOURCES = ("classifier", "true", "half")


class Probability:
    """Each pixel's probability of a border, (B, 1, H, W): by a frozen classifier of degraded images; by the clean image
    ("true"), an oracle which must be shown it (``reveal``) before each batch; or 1/2 everywhere ("half").

    Not a module, so that the classifier is neither trained nor stored with what uses it.
    """

    def __init__(
        self, source: str, threshold: float, classifier: Callable[[Tensor], Tensor] | None = None
    ):
        if source not in SOURCES:
            raise ValueError(
                f"unknown source of borders {source!r}; there are: {', '.join(SOURCES)}"
            )
        self.source, self.threshold, self.classifier, self.revealed = (
            source,
            threshold,
            classifier,
            None,
        )

    def reveal(self, clean: Tensor) -> None:
        """Show the clean batch, (B, 1, H, W), to what may look at it."""
        if self.source == "true":
            self.revealed = labels(clean, self.threshold)

    def __call__(self, f: Tensor) -> Tensor:
        if self.source == "half":
            return torch.full_like(f, 0.5)
        if self.source == "classifier":
            return self.classifier(f)
        if self.revealed is None or self.revealed.shape != f.shape:
            raise ValueError(
                "true borders are known of a clean image only: reveal(clean) comes before each batch"
            )
        return self.revealed.to(f.dtype)


class BorderLambdas(nn.Module):
    """``g`` of each edge by option 1 or 2 with ``lambda = p lambda_b + (1 - p) lambda_s``; range (0, 1], bound 1.

    A network reads corrections of the tuned classic off the degraded image as in
    :class:`~.learned_lambda.LearnedLambdaTime`: of its lambda one for borders, ``lambda_b``, and
    one for smooth regions, ``lambda_s``, and of its share of the time; p is the probability of a border, on an edge the
    mean of its two pixels.
    Source: slides "Performance while learning lambdas" (14.12.22), lambdas with border classification.
    """

    bound, blind = 1.0, False

    def __init__(
        self,
        probability: Probability,
        tuned: Sequence[Sequence[float]],
        horizon: float,
        option: int = 2,
    ):
        super().__init__()
        self.probability, self.option, self.level = probability, option, torch.ones(1, 1, 1, 1)
        self.tuned, self.network = (
            TunedSettings(tuned, horizon),
            LambdaNetwork([0.0, 0.0, 0.0], told=True),
        )
        self.lambdas = self.share = self.mixed = None

    def prepare(self, f: Tensor) -> None:
        numbers, p = (
            self.tuned(self.level)[:, [0, 0, 1]] + self.network(f, self.level),
            self.probability(f),
        )
        self.lambdas, self.share = torch.exp(numbers[:, :2]), torch.sigmoid(numbers[:, 2:])
        self.mixed = on_edges(p * self.lambdas[:, :1] + (1 - p) * self.lambdas[:, 1:])

    @property
    def chosen(self) -> dict[str, Tensor]:
        """What the network chose for each image of the batch."""
        return {
            "lambda-borders": self.lambdas[:, :1],
            "lambda-smooth": self.lambdas[:, 1:],
            "share": self.share,
        }

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        pairs = zip(gradient(u), self.mixed, strict=True)
        return tuple(self.share * perona_malik(d, lambda_, self.option) for d, lambda_ in pairs)


class BorderP1(P1):
    """Two P1 functions for each pixel, ``g = p g_b + (1 - p) g_s``; range (-1, 1), bound 1.

    As :class:`~.p1.P1` with twice the nodal values; p is the pixel's probability of a border.
    Source: slides "Performance while learning lambdas" (14.12.22), P1 functions with border classification.
    """

    functions = 2

    def __init__(self, probability: Probability, intervals: int = 8):
        super().__init__(intervals)
        self.probability = probability

    def prepare(self, f: Tensor) -> None:
        super().prepare(f)
        border, smooth = self.nodal.chunk(2, 1)
        p = self.probability(f)
        self.nodal = p * border + (1 - p) * smooth
