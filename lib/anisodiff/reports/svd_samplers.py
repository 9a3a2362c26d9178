"""Samplers in singular vectors, recorded: where the posterior is known, and on photographs with a network."""

import time
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.base import Denoiser, Method
from ..methods.gaussian_prior import GaussianPrior
from ..methods.solvers.svd_samplers import DDRM, SNIPS
from ..metrics import posterior
from ..metrics.distortion import clipped_psnr
from ..metrics.perceptual import lpips
from ..problems import Measurement, parse
from ..study import catalogue, evaluation, restorers, runs, store
from . import records

ENGINE, COLLECTION, EVERY, SIDE = "drunet-wide", "bsd68", 8, 64  # centred crops of every eighth
CASES = {  # what is measured of a photograph
    "noise": "gaussian,25",
    "half-lost": "missing-pixels,0.5,sigma=25",
    "every-fourth": "downsample,4,sigma=25",
    "every-fourth-less-noise": "downsample,4,sigma=12",
    "uniform-blur": "periodic-uniform,5,sigma=25",
    "mixtures": "compressed,0.125,sigma=25",
}
LABELS = {  # what a reader calls it
    "noise": "noise",
    "half-lost": "half of the pixels lost",
    "every-fourth": "a quarter of the side, noise 25",
    "every-fourth-less-noise": "a quarter of the side, noise 12",
    "uniform-blur": "uniform blur",
    "mixtures": "one mixture for eight pixels",
}
SAMPLERS = {
    "snips": {"levels": 200, "each": 3, "step": 0.1},
    "ddrm": {"levels": 20},
}
TOLD = (1.0, 1.02, 1.04, 1.06, 1.08, 1.1)  # times the level, tried on training photographs
STRENGTHS = (0.003, 0.01, 0.03, 0.06, 0.12, 0.23, 0.46)  # of splitting's prior, tried likewise
TUNED_ON, TUNED_BY, TUNING_SAMPLES = "shipped/train", 2, 4  # its first photographs
COUNTS = (1, 2, 4, 8, 16)  # of samples, that are averaged

KNOWN = {  # measured of the Gaussian prior
    "noise": "gaussian,25.5",
    "every second pixel": "downsample,2,sigma=25.5",
    "half of the pixels": "missing-pixels,0.5,sigma=25.5",
    "blur": "periodic-uniform,3,sigma=25.5",
}
FROM, TO = 1275.0, 2.55  # gray levels: 5 and 0.01 of the range
EXACT, DRAWS = "exact draws", 1500
SETTINGS = {  # by what a reader calls them
    "SNIPS": (SNIPS, {"levels": 200, "each": 5, "step": 0.3}),
    "SNIPS, short steps": (SNIPS, {"levels": 150, "each": 3, "step": 0.05}),
    "DDRM, 20 levels": (DDRM, {"levels": 20}),
    "DDRM, 200 levels": (DDRM, {"levels": 200}),
}


def known(label: str, text: str, draws: int = DRAWS) -> tuple[dict, pd.DataFrame]:
    """Of a sampler of SETTINGS, or of exact draws: ``error`` and ``ratio`` on the prior, and by coordinate.

    The table has a row for each right singular vector: its singular value and the variance of the samples along it
    over the posterior's.
    """
    prior, rng = GaussianPrior.reference(), np.random.default_rng(0)
    given = parse(text).measure(prior.draw(np.random.default_rng(3)), np.random.default_rng(1))
    mean, covariance = prior.posterior(given)
    if label == EXACT:
        factor = torch.linalg.cholesky(covariance)
        normal = torch.from_numpy(rng.standard_normal((draws, len(mean))))
        images = (mean + normal @ factor.T).reshape(-1, 1, *prior.mean.shape)
    else:
        kind, settings = SETTINGS[label]
        sampler = kind(prior, **settings, highest=FROM, lowest=TO)
        images = sampler.restore(given.y, given.problem, rng=rng, samples=draws).images.double()
    shape = tuple(prior.mean.shape)
    variance = covariance.diagonal().reshape(shape).numpy()
    found = {
        "error": posterior.error_of_mean(
            images[:, 0].numpy(), mean.reshape(shape).numpy(), variance
        ),
        "ratio": posterior.ratio_of_variances(images[:, 0].numpy(), variance),
    }
    operator = given.problem.operator
    vectors = operator.V_adjoint(torch.eye(len(mean), dtype=torch.float64).reshape(-1, *shape))
    rotation = vectors.flatten(1).T  # (coordinates, pixels)
    expected = (rotation @ covariance @ rotation.T).diagonal()
    along = operator.V_adjoint(images).flatten(1).var(0)
    values = operator.singular_values.flatten()
    return found, pd.DataFrame({"value": values.numpy(), "ratio": (along / expected).numpy()})


def misfit(images: torch.Tensor, given: Measurement) -> float:
    """The root mean square of ``y - A x`` over what was measured, over the noise: about 1 for what explains y."""
    operator = given.problem.operator
    measured = operator.singular_values > 1e-6
    apart = operator.U_adjoint(given.y - operator.A(images))[..., measured]
    return float(apart.square().mean().sqrt() / given.problem.sigma)


def of_all(psnr: pd.DataFrame) -> pd.Series:
    """The PSNR (dB) that the mean of ever more samples would have, by image, from that of means of few: a column for
    each number n of them. Their squared error is taken for ``a + b / n``, by least squares."""
    design = np.stack([np.ones(psnr.shape[1]), 1 / psnr.columns.to_numpy(float)], 1)
    (remains, _), *_ = np.linalg.lstsq(design, 10 ** (-psnr.to_numpy().T / 10), rcond=None)
    return pd.Series(-10 * np.log10(remains), psnr.index)


def photographs() -> list[collections.Image]:
    """Those of COLLECTION that are recorded."""
    return collections.load(COLLECTION)[::EVERY]


def measured(case: str, clean: np.ndarray, name: str, collection: str = COLLECTION) -> Measurement:
    """What is measured of an image, (H, W), in a case of CASES."""
    return records.measured(clean[None], name, parse(CASES[case]), collection=collection)


def drawn(
    method: Method, given: Measurement, samples: int, seed: int = 0
) -> tuple[np.ndarray, dict]:
    """Samples (S, H, W) and what there is to say of all of them: ``misfit``, and ``deviation``, that of a pixel in gray
    levels."""
    rng = np.random.default_rng(seed)
    with torch.inference_mode():
        images = method.restore(given.y, given.problem, rng=rng, samples=samples).images
    found = images[:, 0].numpy()
    about = {
        "misfit": misfit(images, given),
        "deviation": float(np.sqrt(found.var(0, ddof=1).mean())),
    }
    return found, about


def courses(name: str) -> pd.DataFrame:
    """By what a sampler's denoiser is told, problem and training photograph: ``psnr`` of the mean of some samples, and
    their ``misfit``."""
    images = collections.load(TUNED_ON)[:TUNED_BY]
    found = []
    for told, case, image in product(TOLD, CASES, images):
        clean = np.array(collections.centre_crop(image.pixels, SIDE), np.float32)
        given = measured(case, clean, image.name, TUNED_ON)
        solver = restorers.solver(name, ENGINE, given.problem, **SAMPLERS[name], told=told)
        rng = np.random.default_rng(0)
        with torch.inference_mode():
            estimate = solver.method.restore(
                given.y, given.problem, rng=rng, samples=TUNING_SAMPLES
            )
        about = {
            "psnr": clipped_psnr(estimate.image[0].numpy(), clean),
            "misfit": misfit(estimate.images, given),
        }
        found.append({"method": name, "told": told, "problem": case, "image": image.name, **about})
    return pd.DataFrame(found)


def best(tried: pd.DataFrame) -> float:
    """What to tell a sampler's denoiser, by :func:`courses` of one: SNIPS' images should explain the measurement, no
    worse than to its noise and no better; DDRM, whose noise does not pile up, should have the highest PSNR."""
    if (tried.method == "snips").all():
        return float((tried.misfit - 1).abs().groupby(tried.told).mean().idxmin())
    return float(tried.groupby("told").psnr.mean().idxmax())


def solved(strength: float, given: Measurement) -> np.ndarray:
    """The single estimate of half-quadratic splitting, (H, W)."""
    solver = restorers.solver("pnp-hqs", ENGINE, given.problem, strength=strength)
    with torch.inference_mode():
        return solver.method.restore(given.y, given.problem).image[0].numpy()


def strengths() -> pd.DataFrame:
    """By splitting's strength, problem and training photograph: ``psnr``."""
    images, found = collections.load(TUNED_ON)[:TUNED_BY], []
    for strength, case, image in product(STRENGTHS, CASES, images):
        clean = np.array(collections.centre_crop(image.pixels, SIDE), np.float32)
        quality = clipped_psnr(solved(strength, measured(case, clean, image.name, TUNED_ON)), clean)
        about = {"problem": case, "image": image.name, "psnr": quality}
        found.append({"method": "pnp-hqs", "strength": strength, **about})
    return pd.DataFrame(found)


def strongest(tried: pd.DataFrame) -> dict[str, float]:
    """Of :func:`strengths` the best one for each problem."""
    means = tried.groupby(["problem", "strength"]).psnr.mean().unstack()
    return {case: float(of) for case, of in means.idxmax(axis=1).items()}


def rows(
    case: str, image: collections.Image, told: dict[str, float], strength: float
) -> list[dict]:
    """PSNR, clipped, and LPIPS of the mean of the first samples of each sampler by COUNTS, and of the single estimate
    of half-quadratic splitting, a row each."""
    clean = np.array(collections.centre_crop(image.pixels, SIDE), np.float32)
    given, found = measured(case, clean, image.name), []
    for name, settings in SAMPLERS.items():
        method = restorers.solver(name, ENGINE, given.problem, **settings, told=told[name]).method
        samples, about = drawn(method, given, COUNTS[-1])
        about["coverage"] = posterior.coverage(samples, clean)
        found += [
            {"method": name, "samples": count, **quality(samples[:count].mean(0), clean), **about}
            for count in COUNTS
        ]
    single = solved(strength, given)
    fit = {"misfit": misfit(torch.from_numpy(single)[None, None], given)}
    found.append({"method": "pnp-hqs", "samples": 1, **quality(single, clean), **fit})
    return [row | {"problem": case, "image": image.name} for row in found]


def quality(restored: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    restored = np.clip(restored, 0, 255)
    return {"psnr": clipped_psnr(restored, clean), "lpips": lpips(restored, clean)}


def kept(settings: dict, case: str = "half-lost", side: int = SIDE) -> pd.Series:
    """How far SNIPS keeps an image from the clean one at each level, over the level, by it, though its denoiser knows
    the clean one: about 1 where the steps leave as much noise as the denoiser is told of."""
    clean, found = torch.full((1, side, side), 127.5), {}

    class Knowing(Denoiser):
        reads_sigma = True

        def forward(self, x, sigma=None):
            found[sigma] = (x - clean).square().mean().sqrt().item() / sigma  # the last of a level
            return clean.expand_as(x)

    given = records.measured(clean.numpy(), "gray", parse(CASES[case]), collection="known")
    SNIPS(Knowing(), **settings).restore(given.y, given.problem, rng=np.random.default_rng(0))
    return pd.Series(found)


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    run = runs.Run(ENGINE, "gaussian", 25)

    def recipe() -> dict:
        return {
            "photographs": [COLLECTION, EVERY, SIDE],
            "problems": CASES,
            "samplers": SAMPLERS,
            "told": [TUNED_ON, TUNED_BY, TUNING_SAMPLES, *TOLD],
            "strengths": list(STRENGTHS),
            "counts": list(COUNTS),
            "known": KNOWN,
            "levels": [FROM, TO],
            "draws": DRAWS,
            "settings": {name: settings for name, (_, settings) in SETTINGS.items()},
            "seed": catalogue.protocol()["seed"],
            "starts from": {run.name: store.content(run.weights)},
        }

    return store.Artefact(
        name="scores/svd-samplers",
        path=path(),
        recipe=recipe,
        roots=tuple(f"{__name__}.{of}" for of in ("rows", "courses", "strengths", "known")),
        starts_from=(run.artefact(),),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still computes alike: a few samples of the prior and of a part of an image."""
    found = {}
    for label, text in product((*SETTINGS, EXACT), list(KNOWN.values())[1:2]):
        error, _ = known(label, text, 20)
        found |= {f"{label} {name}": value for name, value in error.items()}
    image = collections.load("shipped/test")[0]
    clean = np.array(collections.centre_crop(image.pixels, 32), np.float32)
    given = measured("uniform-blur", clean, image.name, "shipped/test")
    for name in SAMPLERS:
        method: Method = restorers.solver(name, ENGINE, given.problem, levels=4).method
        samples, about = drawn(method, given, 9)
        found |= {
            f"{name} psnr": clipped_psnr(samples.mean(0), clean),
            f"{name} misfit": about["misfit"],
        }
    return found | {"splitting psnr": clipped_psnr(solved(STRENGTHS[0], given), clean)}


def record() -> None:
    """Draw all samples and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    found, spectra = [], []
    for label, (case, text) in product((*SETTINGS, EXACT), KNOWN.items()):
        about, spectrum = known(label, text)
        found.append({"use": "known", "method": label, "problem": case, **about})
        spectra.append(spectrum.assign(use="spectrum", method=label, problem=case))
    tried = {name: courses(name) for name in SAMPLERS}
    told = {name: best(of) for name, of in tried.items()}
    weighed = strengths()
    strength = strongest(weighed)
    asked = list(product(CASES, photographs()))
    for case, image in tqdm(asked, desc="samples", unit="image"):
        found += [{"use": "photographs", **row} for row in rows(case, image, told, strength[case])]
    courses_of = [of.assign(use="told") for of in tried.values()]
    courses_of.append(weighed.assign(use="strength"))
    table = pd.concat([pd.DataFrame(found), *courses_of, *spectra])
    evaluation.write_scores(table, artefact(), start, stamp)


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/svd-samplers.csv"


def read(use: str) -> pd.DataFrame:
    """The recorded rows of a use: ``known``, ``spectrum``, ``told``, ``strength`` or ``photographs``."""
    return evaluation.read_rows(path(), use)
