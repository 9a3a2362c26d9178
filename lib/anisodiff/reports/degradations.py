"""What the page on the degradations reports: the protocol card, and solvers that know how an image was degraded."""

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from ..methods.base import Denoising, Method
from ..methods.denoisers.median import Median
from ..methods.diffusion.classic import PeronaMalik
from ..methods.diffusion.scheme import Diffusion
from ..methods.restorer import Restorer
from ..methods.solvers.bicubic import Bicubic
from ..methods.solvers.biharmonic import Biharmonic
from ..methods.solvers.wiener import Wiener
from ..metrics.distortion import psnr
from ..metrics.statistics import paired_interval
from ..problems import Problem, problem, seeded
from ..study import catalogue, evaluation, protocol, restorers, runs
from ..training.tuning import degraded_crops, tune_scheme
from . import names, records
from .pages.tables import number


class Solver(NamedTuple):
    """A method that needs no training, for a problem; how a table calls both, and what the method is given."""

    problem: Problem
    method: Method
    shown: str
    by: str
    given: str


SOLVERS = {
    "blur": Solver(
        problem("blur", 4),
        Wiener(),
        "blur, variance 4 pixels²",
        "Wiener deconvolution",
        "given the kernel",
    ),
    "blur-noise": Solver(
        problem("blur", 4, sigma=2),
        Wiener(),
        "the same blur, with noise of σ = 2",
        "Wiener deconvolution",
        "given the kernel and σ",
    ),
    "salt-pepper": Solver(
        problem("salt-pepper", 0.1),
        Denoising(Median(), "median"),
        "salt and pepper, 10 % of the pixels",
        "median of 3 × 3 pixels",
        "given nothing",
    ),
    "inpainting": Solver(
        problem("inpainting", 0.1),
        Biharmonic(),
        "inpainting, 10 % of the area",
        "biharmonic",
        "given the hole",
    ),
    "downsample": Solver(
        problem("downsample", 2),
        Bicubic(),
        "downsampling by 2",
        "bicubic",
        "given the factor",
    ),
}


def protocol_card(card: pd.DataFrame) -> pd.DataFrame:
    """A protocol card (:func:`anisodiff.study.protocol.card`) as a table, a row for each variation of the protocol.

    PSNR (dB) and SSIM are means over the images; ``difference`` (dB) is (mean, low, high) of the paired difference in
    PSNR to the protocol itself, None for that one.
    """
    parts = {name: part for name, part in card[card.metric == "psnr"].groupby("model")}
    ssim = card[card.metric == "ssim"].groupby("model").value.mean()
    rows = []
    for variation, meaning in protocol.VARIATIONS.items():
        same = variation == "the protocol"
        difference = None if same else paired_interval(parts[variation], parts["the protocol"])
        mean = parts[variation].value.mean()
        rows.append((variation, meaning, mean, difference, ssim[variation]))
    return pd.DataFrame(rows, columns=["changed", "what it means", "PSNR", "difference", "SSIM"])


def solved(images: list[str], side: int = 128, seed: int = 0) -> pd.DataFrame:
    """PSNR (dB) on centred crops of the shipped test photographs, a row for each of SOLVERS and each image.

    ``input`` is the measurement, its pixels repeated where there are fewer; ``classic`` the tuned diffusion
    (:func:`tuned_classic`), ``study`` the first model of the study (:func:`strongest`), of the name ``model``, both NaN
    where there is none; ``solver`` the method of SOLVERS. Everything is clipped to 0..255.
    """
    rows = []
    for name, one in SOLVERS.items():
        models = {"classic": tuned_classic(one.problem), "study": strongest(one.problem)}
        models = {label: model for label, model in models.items() if model}
        best = models["study"].name if "study" in models else None
        for image in images:
            clean = records.photograph(image, side=side)
            rng = seeded(seed, "shipped/test", image, one.problem)
            measurement = one.problem.measure(clean[None], rng)
            measured = measurement.y[0].numpy()
            answers = {"input": enlarged(measured, clean.shape)}
            answers |= {label: model.restore(measured) for label, model in models.items()}
            estimate = one.method.restore(measurement.y, measurement.problem)
            answers["solver"] = estimate.image[0].numpy()
            scores = {
                label: psnr(np.clip(pixels, 0, 255), clean) for label, pixels in answers.items()
            }
            rows.append({"problem": name, "image": image, "model": best} | scores)
    columns = ["problem", "image", "model", "input", "classic", "study", "solver"]
    return pd.DataFrame(rows, columns=columns)


def solved_means(table: pd.DataFrame) -> pd.DataFrame:
    """Means of :func:`solved` over the images as cells of a table (HTML), a row for each of SOLVERS."""
    rows = []
    for name, part in table.groupby("problem", sort=False):
        one, means = SOLVERS[name], part[["input", "classic", "study", "solver"]].mean()
        asides = {"solver": f"{one.by}, {one.given}"}
        if not np.isnan(means["study"]):
            asides["study"] = names.link(part.model.iloc[0])
        heads = {"input": "input", "classic": "tuned diffusion", "study": "best of the study"}
        cells = {
            head: _score(means[label], asides.get(label, ""))
            for label, head in (heads | {"solver": "simple method"}).items()
        }
        rows.append({"problem": one.shown} | cells)
    return pd.DataFrame(rows)


def _score(psnr: float, aside: str) -> str:
    """A mean PSNR and, under it, small, whose it is; a dash where there is none."""
    if np.isnan(psnr):
        return "–"
    return number(psnr) + (f"<br><small>{aside}</small>" if aside else "")


def strongest(at: Problem) -> Restorer | None:
    """The trained model with the highest recorded mean PSNR for a problem, oracles left out; None without any."""
    if at != problem(at.name, at.level):
        return None
    where = catalogue.protocol()["collection"]
    means = {
        name: records.by_image(name, "psnr", at.name, at.level).mean()
        for name, kind in catalogue.scored()
        if kind == at.name
        and catalogue.entry(name).train
        and at.level in catalogue.levels(name, kind)
        and evaluation.scores_path(where, name, kind).is_file()
    }
    for name in sorted(means, key=means.get, reverse=True):
        model = restorers.load(name, at.name, at.level)
        if "truth" not in model.method.needs:
            return model
    return None


def tuned_classic(at: Problem, side: int = 128) -> Restorer | None:
    """The classic diffusion, tuned for a problem; None where the measurement is smaller than the image.

    It has the shipped weights, or, for a problem that is not in the study, is tuned now: 30 lambdas and up to 20 steps
    on centred crops of ``side`` pixels of the shipped training photographs.
    """
    if at.name not in catalogue.problems():
        return None
    if at == problem(at.name, at.level):
        return restorers.load("perona-malik", at.name, at.level)
    run = runs.Run("perona-malik", at.name, at.level)
    option = run.entry.arguments(at.level)["option"]
    crops = degraded_crops("shipped/train", at, run.settings["crops"], side, run.seed)
    settings = run.settings | {"tries": 30, "most_steps": 20}
    tuned, _ = tune_scheme(*crops, settings, option, released=False)
    diffusivity = PeronaMalik(tuned["lambda_"], option)
    diffusion = Diffusion(diffusivity, tuned["steps"], run.settings["tau"])
    return Restorer(run.model, Denoising(diffusion, run.model), at, {"tuned": tuned})


def enlarged(measured: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A smaller measurement, (h, w), at the size of the image, ``shape``, by repeating pixels; others as they are."""
    picture = torch.from_numpy(measured)[None, None]
    return torch.nn.functional.interpolate(picture, shape, mode="nearest-exact")[0, 0].numpy()
