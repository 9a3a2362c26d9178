"""What the page on the classic diffusion reports: its tuning, its settings, and what was published of it."""

import numpy as np
import pandas as pd

from ..methods.diffusion.search import correct_scheme, psnr_table
from ..problems import problem
from ..study import catalogue, restorers, runs
from ..training.tuning import degraded_crops
from . import claims, records


def tuning_surface(run: runs.Run, tries: int = 24, most_steps: int = 24) -> pd.DataFrame:
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
    """The tuned lambda, in gray levels, and number of steps as a cell of a table; ``nothing`` without a step."""
    tuned = restorers.open_weights(runs.Run(model, kind, level)).header["tuned"]
    return f"{tuned['lambda_']:.0f}, {tuned['steps']}" if tuned["steps"] else "nothing"


def settings_and_scores(tuned: dict[str, str], scored: dict[str, str]) -> pd.DataFrame:
    """A row for each problem and level of the study: tuned settings of models, and mean PSNR (dB) of models.

    ``tuned`` and ``scored`` are labels by model; PSNR on the validation crops of the protocol.
    """
    rows = []
    for kind, how in catalogue.problems().items():
        for level in how.levels:
            row = {"degradation": kind, "level": level}
            for model, label in tuned.items():
                row[f"{label}: lambda, steps"] = setting(model, kind, level)
            for model, label in scored.items():
                row[label] = records.by_image(model, "psnr", kind, level).mean()
            rows.append(row)
    return pd.DataFrame(rows)


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
