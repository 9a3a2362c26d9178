"""What the page on the classic diffusion reports: its tuning, its settings, and what was published of it."""

import numpy as np
import pandas as pd

from ..data import collections
from ..methods.diffusion.search import correct_scheme, psnr_table
from ..metrics.distortion import clipped_psnr
from ..metrics.statistics import mean_interval
from ..problems import problem
from ..study import catalogue, restorers, runs
from ..training.tuning import degraded_crops
from . import claims, records
from .pages.tables import number

EVERYWHERE = 1e6  # a lambda in gray levels beside which no difference counts: g = 1


def tuning_surface(run: runs.Run, tries: int = 24, most_steps: int = 60) -> pd.DataFrame:
    """Mean PSNR (dB) on the training crops of a run of the classic, for each number of steps and each lambda.

    A row for each number of steps, 0 to ``most_steps``, and a column for each lambda in gray levels, evenly spaced in
    the logarithm from a fifth of the run's level to eight times the level.
    """
    settings, option = run.settings, run.entry.arguments(run.level)["option"]
    at = problem(run.problem, run.level)
    crops = degraded_crops(run.collection, at, settings["crops"], 256, run.seed)
    tried = np.geomspace(run.level / 5, run.level * 8, min(tries, settings["tries"]))
    scheme = correct_scheme(option, settings["tau"])
    means = psnr_table(*crops, scheme, tried, most_steps).mean(0)
    steps = pd.Index(range(most_steps + 1), name="steps")
    lambdas = pd.Index([float(f"{one:.3g}") for one in tried], name="lambda, gray levels")
    return pd.DataFrame(means.T, steps, lambdas)


def setting(model: str, kind: str, level: float) -> str:
    """The tuned lambda, in gray levels, and number of steps in words; ``nothing`` without a step."""
    tuned = restorers.open_weights(runs.Run(model, kind, level)).header["tuned"]
    if not tuned["steps"]:
        return "nothing"
    unit = "step" if tuned["steps"] == 1 else "steps"
    return f"λ\N{NO-BREAK SPACE}{tuned['lambda_']:.0f}, {tuned['steps']}\N{NO-BREAK SPACE}{unit}"


def settings_and_scores(tuned: dict[str, str], scored: dict[str, str]) -> dict[str, pd.DataFrame]:
    """A table for each problem of the study, a row for each level: the mean PSNR (dB) of models as text.

    ``scored`` are labels by model, ``tuned`` those of them below whose PSNR stands their tuned setting; PSNR on the
    validation crops of the protocol.
    """
    found = {}
    for kind, how in catalogue.problems().items():
        rows = []
        for level in how.levels:
            row = {how.unit: f"{level:g}"}
            for model, label in scored.items():
                row[label] = number(records.by_image(model, "psnr", kind, level).mean())
                if model in tuned:
                    row[label] += f"<br><small>{setting(model, kind, level)}</small>"
            rows.append(row)
        found[kind] = pd.DataFrame(rows)
    return found


def beside_published(models: dict[str, str], levels=(15, 25, 50)) -> pd.DataFrame:
    """PSNR (dB) and SSIM under Gaussian noise as text: a row for the published baseline and one for each model.

    ``models`` are labels by model; a column for each of the ``levels``, in gray levels.
    """
    columns = {}
    for level in levels:
        printed = [
            claims.published("paper-table-1", "PM", level, metric) for metric in ("psnr", "ssim")
        ]
        column = {"published": "{:g} / {:g}".format(*printed)}
        for model, label in models.items():
            psnr, ssim = (
                records.by_image(model, metric, "gaussian", level).mean()
                for metric in ("psnr", "ssim")
            )
            column[label] = f"{psnr:.2f} / {ssim:.3f}"
        columns[f"sigma {level:g}"] = column
    return pd.DataFrame(columns)


def over_constant(level: float, limit: int | None = None) -> tuple[int, records.Interval]:
    """PSNR of the tuned classic less that of the heat equation, ``g = 1``, in dB, over the photographs at hand.

    The number of steps of the heat equation is tuned on those of them that are for training, and given too.
    """
    at, scheme = problem("gaussian", level), correct_scheme(2, 0.2)
    training = degraded_crops("shipped/train", at, limit or 20, 256, 0)
    steps = int(psnr_table(*training, scheme, [EVERYWHERE], 40).mean(0)[0].argmax())
    classic, gaps = restorers.load("perona-malik", "gaussian", level), []
    for photograph in collections.load("shipped/test")[:limit]:
        clean = records.photograph(photograph.name, side=256)
        degraded = records.degraded(clean, photograph.name, at)
        (heat,) = psnr_table(clean[None], degraded[None], scheme, [EVERYWHERE], steps)[..., -1]
        gaps.append(clipped_psnr(classic.restore(degraded), clean) - heat.item())
    return steps, mean_interval(gaps)


def at_hand(first: str, second: str, level: float, limit: int | None = None) -> float:
    """PSNR of first - second under Gaussian noise, in dB, mean over the photographs at hand."""
    at, gaps = problem("gaussian", level), []
    models = [restorers.load(name, "gaussian", level) for name in (first, second)]
    for photograph in collections.load("shipped/test")[:limit]:
        clean = records.photograph(photograph.name, side=256)
        degraded = records.degraded(clean, photograph.name, at)
        better, worse = (clipped_psnr(model.restore(degraded), clean) for model in models)
        gaps.append(better - worse)
    return float(np.mean(gaps))
