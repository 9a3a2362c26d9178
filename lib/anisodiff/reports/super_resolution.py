"""What a super-resolver reaches on its own degradation and on others, recorded: by degradation, image and method."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter, map_coordinates
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.restorer import Restorer
from ..methods.solvers.rdn import RDN, enlarged
from ..metrics.distortion import clipped_psnr
from ..metrics.statistics import mean_interval
from ..problems import parse
from ..study import evaluation, restorers, runs, store
from . import records

MODEL, FACTOR = "sr-lite", 2
DEGRADATIONS = {  # each by its problem, for a factor
    "antialiased bicubic": "downsample,{}",
    "means": "block-means,{}",
    "blur, every second pixel": "blur-downsample,{}",
    "every second pixel": "blur-downsample,{},side=1",
}
BESIDE = ("every second pixel", "blur, every second pixel")  # half a pixel beside the middle of two
TRAINED = (
    "downsample",
    "block-means",
    "blur-downsample",
)  # problems that the study has weights for
COLLECTIONS = ("set5", "set14", "bsd68")
BORDER = 4  # pixels left out of a score
WIDE = 8.0  # gray levels that are lower in frequency than a Gaussian of this deviation, in pixels


def network(factor: int = FACTOR, problem: str = "downsample", profile: str = "quick") -> Restorer:
    """The study's network for a degradation: its shipped weights, else some made now on a profile's budget."""
    return restorers.fitted(MODEL, problem, factor, profile)


def interpolated(y: np.ndarray, factor: int) -> np.ndarray:
    """Bicubic interpolation, (h, w) to (factor h, factor w)."""
    return enlarged(torch.from_numpy(y)[None, None].float(), factor)[0, 0].numpy()


def moved(image: np.ndarray, pixels: float) -> np.ndarray:
    """An image (H, W) moved down and to the right, between its pixels by cubic splines."""
    rows, columns = np.indices(image.shape)
    return map_coordinates(image, (rows - pixels, columns - pixels), order=3, mode="nearest")


def answers(
    networks: dict[str, Restorer], clean: np.ndarray, degradation: str, factor: int
) -> dict[str, np.ndarray]:
    """What is made of a degraded image, by method, each (H, W): bicubic interpolation, that ``sharpened`` by half of
    what a Gaussian of one pixel takes away, and each of the networks.

    Where the degradation keeps the first pixel of a square, each also ``..., in place``: moved from the middle of the
    square, where these methods take it to be.
    """
    measured = parse(DEGRADATIONS[degradation].format(factor)).measure(clean, None)
    y = measured.y.numpy()
    rows, columns = clean.shape
    plain = interpolated(y, factor)[:rows, :columns]
    found = {"bicubic": plain, "sharpened": 1.5 * plain - 0.5 * gaussian_filter(plain, 1.0)}
    found |= {name: one.restore(y, measured.problem) for name, one in networks.items()}
    if degradation in BESIDE:
        back = (1 - factor) / 2
        found |= {f"{name}, in place": moved(one, back) for name, one in found.items()}
    return found


def rows(
    networks: dict[str, Restorer], clean: np.ndarray, degradation: str, factor: int = FACTOR
) -> pd.DataFrame:
    """The scores of :func:`answers`, a row each, BORDER pixels left out.

    ``psnr`` (dB, clipped), ``offset``, the mean of the error, ``low``, the share of the squared error that a Gaussian
    of WIDE pixels lets pass, and ``sharpness``, the mean size of the gradient over that of the clean image.
    """
    inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    found = []
    for name, image in answers(networks, clean, degradation, factor).items():
        error = (image - clean)[inside]
        smooth = gaussian_filter(error, WIDE, mode="nearest")
        found.append(
            {
                "degradation": degradation,
                "method": name,
                "psnr": clipped_psnr(image[inside], clean[inside]),
                "offset": float(error.mean()),
                "low": float((smooth**2).mean() / (error**2).mean()),
                "sharpness": _steepness(image[inside]) / _steepness(clean[inside]),
            }
        )
    return pd.DataFrame(found)


def _steepness(image: np.ndarray) -> float:
    return float(np.hypot(*np.gradient(image.astype(float))).mean())


def alias(factor: int = FACTOR, side: int = 96, period: float = 2.5) -> np.ndarray:
    """Stripes finer than a grid of every ``factor``-th pixel can hold, (side, side): of ``period`` pixels along a row,
    of 64 gray levels about 128."""
    at = np.arange(side)
    return np.broadcast_to(128 + 64 * np.cos(2 * np.pi * at / period), (side, side)).astype(
        np.float32
    )


def amplification(
    network: Restorer, degradation: str, factor: int = FACTOR, period: float = 2.5
) -> float:
    """The contrast of fine stripes (:func:`alias`) after the network, over that after bicubic interpolation."""
    found = answers({"network": network}, alias(factor, period=period), degradation, factor)
    inside = np.s_[2 * BORDER : -2 * BORDER, 2 * BORDER : -2 * BORDER]
    return float(found["network"][inside].std() / found["bicubic"][inside].std())


# What is recorded


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    made = {problem: runs.Run(MODEL, problem, FACTOR) for problem in TRAINED}

    def recipe() -> dict:
        return {
            "degradations": DEGRADATIONS,
            "factor": FACTOR,
            "border": BORDER,
            "wide": WIDE,
            "collections": {name: collections.fingerprint(name) for name in COLLECTIONS},
            "starts from": {run.name: store.content(run.weights) for run in made.values()},
        }

    return store.Artefact(
        name="scores/super-resolution",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.rows", f"{RDN.__module__}.RDN"),
        starts_from=tuple(run.artefact() for run in made.values()),
        make=record,
        probe=probe,
    )


def probe() -> dict[str, float]:
    """What tells whether changed code still scores alike: a part of a photograph."""
    clean = np.array(collections.centre_crop(collections.load("shipped/test")[0].pixels, 64))
    networks = {problem: shipped(problem) for problem in TRAINED}
    table = pd.concat([rows(networks, clean, one) for one in DEGRADATIONS])
    return {f"{of.degradation} {of.method}": of.psnr for of in table.itertuples()}


def record() -> None:
    """Score the networks on all collections and write the table with its record."""
    provenance.used.clear()
    stamp, start, found = provenance.stamp(), time.monotonic(), []
    networks = {problem: shipped(problem) for problem in TRAINED}
    for where in COLLECTIONS:
        for image in tqdm(collections.load(where), desc=where, unit="image"):
            clean = np.array(image.pixels)
            for degradation in DEGRADATIONS:
                table = rows(networks, clean, degradation)
                found.append(table.assign(collection=where, image=image.name))
    evaluation.write_scores(pd.concat(found), artefact(), start, stamp)


def shipped(problem: str) -> Restorer:
    """The network with its shipped weights."""
    return restorers.open_weights(runs.Run(MODEL, problem, FACTOR))


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/super-resolution.csv"


def read() -> pd.DataFrame:
    """The recorded table."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path(), dtype={"image": str})


def recorded(
    degradation: str, method: str, collection: str = "bsd68", column: str = "psnr"
) -> pd.Series:
    """A number of :func:`rows` by image; the ``method`` bicubic or the problem that a network is trained on."""
    table = read()
    chosen = (table.degradation == degradation) & (table.method == method)
    return table[chosen & (table.collection == collection)].set_index("image")[column]


def mean(
    degradation: str, method: str, column: str = "psnr", collection: str = "bsd68"
) -> records.Interval:
    """The mean of :func:`recorded` with its interval over the images; of offsets that of their size."""
    values = recorded(degradation, method, collection, column)
    values = values.abs() if column == "offset" else values
    return mean_interval(values, records.clusters(values.index, collection))


def gain(
    degradation: str,
    method: str = "downsample",
    beside: str = "bicubic",
    collection: str = "bsd68",
) -> records.Interval:
    """By how many dB a method is better than another one, image by image, with its interval."""
    apart = recorded(degradation, method, collection) - recorded(degradation, beside, collection)
    return mean_interval(apart, records.clusters(apart.index, collection))


def taken_away(method: str, collection: str = "bsd68") -> records.Interval:
    """The share of bicubic interpolation's squared error that a method takes away, on antialiased bicubic."""
    best, plain = (recorded("antialiased bicubic", one, collection) for one in (method, "bicubic"))
    share = 1 - 10 ** ((plain - best) / 10)
    return mean_interval(share, records.clusters(share.index, collection))


def sharper(method: str, collection: str = "bsd68") -> records.Interval:
    """The sharpness of a method over that of bicubic interpolation, on antialiased bicubic."""
    one, plain = (
        recorded("antialiased bicubic", of, collection, "sharpness") for of in (method, "bicubic")
    )
    return mean_interval(one / plain, records.clusters(plain.index, collection))
