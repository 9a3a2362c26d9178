"""Adaptation to one image, recorded: PSNR by denoiser, image and step."""

import time
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import skimage
from skimage import io
from tqdm import tqdm

from ..data import collections, provenance
from ..methods.base import Denoising
from ..methods.restorer import Restorer
from ..metrics.distortion import clipped_psnr
from ..problems import problem
from ..study import evaluation, restorers, runs, store
from ..training import adaptation
from . import records

SIGMA = 50.0
SIDE = 256  # of the centred squares that are scored
MODELS = ("drunet-lite", "ffdnet-narrow", "tnrd", "network-long")
UNFOLDED = ("tnrd", "network-long")
WHEEL = {"hubble_deep_field": ".jpg", "page": ".png", "brick": ".png", "gravel": ".png"}
WHEEL |= {"text": ".png"}
SHARES = (0.03, 0.1, 0.3, 1.0)  # of the rate of a training, that are tried


class Source(NamedTuple):
    """What a reader calls some images, one to learn from, and others to score on: their addresses, :func:`pixels`."""

    label: str
    train: str
    tests: tuple[str, ...]


def _halves(name: str, label: str) -> Source:
    return Source(label, f"wheel/{name}/first", (f"wheel/{name}/second",))


def _of(collection: str, *images: str) -> tuple[str, ...]:
    return tuple(f"{collection}/{image}" for image in images)


SOURCES = {  # of each collection one image a cluster; what is learned from is of another one
    "hubble_deep_field": _halves("hubble_deep_field", "galaxies"),
    "page": _halves("page", "printed text"),
    "brick": _halves("brick", "bricks"),
    "ct": Source(
        "CT",
        "ct-subjects/aliza_head_z012",
        _of("ct", "invesalius_cranium_z058", "pydicom_CT_small", "pydicom_J2K_pixelrep_mismatch"),
    ),
    "mri": Source(
        "MRI",
        "mri-subjects/studyforrest_t1_z250",
        _of("mri", "colin27_t1_z095", "dipy_t1_coronal_slice", "matplotlib_s1045"),
    ),
    "cryoem": Source(
        "cryo-EM",
        "cryoem/May08_05-35-20_b",
        _of("cryoem", "May08_03-05-02_a", "May08_03-43-44_a", "May08_04-33-57_a"),
    ),
    "photographs": Source(
        "photographs",
        "shipped/train/rocket",
        _of("bsd68", "test005", "test022", "test039", "test056"),
    ),
}
FOREIGN = tuple(source for source in SOURCES if source != "photographs")
TRIED = {  # what the shares are chosen by, none of it reported
    "external": (_halves("text", "text"), _halves("gravel", "gravel")),
    "internal": ("shipped/train/coffee", "bsds500/train/100080", "wheel/gravel/second"),
}
TRIED_STEPS = {"external": 150, "internal": 60}
KEPT = {"external": (0, 10, 30, 100, 200, 300), "internal": (0, 10, 20, 30, 45, 60)}
LONG = ("page", ("drunet-lite", "tnrd"), (500, 800, 1200))  # to see overfitting
BRIEF = "drunet-brief"  # the first of MODELS, trained for some minutes
STARTED = {"external": ("hubble_deep_field", "page"), "internal": ("brick",)}
EVERY, ADAPTED = 2, ("drunet-lite", "tnrd")  # images of BSD68, and by whom


# Images


def parts(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Two parts of an image of the scikit-image wheel, one of WHEEL, that share no pixel: the first and the second half
    along its longer side, (H, W) each. Raises ValueError for another name."""
    if name not in WHEEL:
        raise ValueError(f"unknown image {name!r}; there are: {', '.join(WHEEL)}")
    path = Path(skimage.__file__).parent / "data" / (name + WHEEL[name])
    whole = collections.to_gray(io.imread(path))
    axis = int(whole.shape[1] >= whole.shape[0])
    middle = whole.shape[axis] // 2
    first, second = np.split(whole, [middle], axis)
    return first, second


def pixels(address: str) -> np.ndarray:
    """An image by its address: COLLECTION/NAME, or a half of one of the wheel, ``wheel/page/first``; (H, W)."""
    where, _, name = address.rpartition("/")
    if where.startswith("wheel/"):
        return parts(where.removeprefix("wheel/"))[("first", "second").index(name)]
    return records.photograph(name, where)


class Given(NamedTuple):
    """A clean image and what is given to restore, (H, W) both."""

    clean: np.ndarray
    noisy: np.ndarray


def given(
    address: str, sigma: float = SIGMA, seed: int | None = None, side: int | None = None
) -> Given:
    """An image, or its centred square of ``side`` pixels, and the same with noise, by the study's generator."""
    clean = pixels(address)
    clean = np.array(collections.centre_crop(clean, side) if side else clean)
    how, (where, _, name) = problem("gaussian", sigma), address.rpartition("/")
    return Given(clean, records.degraded(clean, name, how, seed, where))


def side_of(address: str) -> int | None:
    """The side of the square of an image that is scored; None for halves and for BSD68, which are scored whole."""
    return None if address.startswith(("wheel/", "bsd68/")) else SIDE


def denoiser(model: str, sigma: float = SIGMA) -> Restorer:
    """A model of the study for Gaussian noise of any level, with the header of its weights for one."""
    made = Denoising(restorers.at_any_level(model), model)
    return Restorer(model, made, problem("gaussian", sigma), _at_its_level(model).header)


def parameters(model: str) -> int:
    """How many numbers a model learned: those for one level, where it has weights for several."""
    return _at_its_level(model).parameters


def _at_its_level(model: str) -> Restorer:
    return restorers.load(model, level=restorers.levels_with_weights(model, "gaussian")[0])


# Courses


def external(model: str, source: Source, share: float, at: Iterable[int], also=()) -> pd.DataFrame:
    """The course of an adaptation to the source's image, a row for each step and image: those of the source, the one
    learned from too, and ``also`` others. PSNR in dB; the rate is a share of that of the training."""
    adapting = begun(denoiser(model), pixels(source.train), share)
    asked = (*source.tests, source.train, *also)
    return _course(adapting, {one: given(one, side=side_of(one)) for one in asked}, at)


def internal(model: str, address: str, share: float, at: Iterable[int]) -> pd.DataFrame:
    """The course of an adaptation to the restored image itself: a row for each step."""
    trained, image = denoiser(model), given(address, side=side_of(address))
    own = adaptation.own_result(trained, image.noisy)
    return _course(begun(trained, own, share), {address: image}, at)


def begun(
    trained: Restorer, image: np.ndarray, share: float, seed: int = 0
) -> adaptation.Adaptation:
    """An adaptation at a share of the rate of the training."""
    return adaptation.Adaptation(trained, image, share * adaptation.trained_rate(trained), seed)


def _course(adapting: adaptation.Adaptation, images: dict[str, Given], at) -> pd.DataFrame:
    def scores(restorer: Restorer) -> dict[str, float]:
        return {
            name: clipped_psnr(restorer.restore(one.noisy), one.clean)
            for name, one in images.items()
        }

    wide = adaptation.course(adapting, scores, at)
    return wide.melt(["step", "seconds"], var_name="image", value_name="psnr")


def trials(model: str, kind: str) -> pd.DataFrame:
    """The first and the last step on TRIED, at each of SHARES."""
    at, found = (0, TRIED_STEPS[kind]), []
    for share, one in product(SHARES, TRIED[kind]):
        if kind == "external":
            table = external(model, one, share, at)
            table = table[table.image != one.train]
        else:
            table = internal(model, one, share, at)
        found.append(table.assign(share=share, kind=kind, model=model, use="trial", source=""))
    return pd.concat(found)


def share_of(table: pd.DataFrame, model: str, kind: str) -> float:
    """The share with the highest mean PSNR at the end of the trials."""
    tried = table[(table.use == "trial") & (table.model == model) & (table.kind == kind)]
    return float(tried[tried.step > 0].groupby("share").psnr.mean().idxmax())


def of_model(model: str) -> pd.DataFrame:
    """All rows of a model: the trials, and the courses at the shares that they choose."""
    found = [trials(model, kind) for kind in TRIED]
    tried = pd.concat(found)
    outer, inner = (share_of(tried, model, kind) for kind in ("external", "internal"))
    every = [one for source in FOREIGN for one in SOURCES[source].tests]
    for name, source in tqdm(SOURCES.items(), desc=f"{model} external", unit="source"):
        more = LONG[2] if name == LONG[0] and model in LONG[1] else ()
        also = every if name == "photographs" else SOURCES["photographs"].tests
        table = external(model, source, outer, (*KEPT["external"], *more), also)
        found.append(table.assign(share=outer, kind="external", use="course", source=name))
    for name in tqdm(FOREIGN, desc=f"{model} internal", unit="source"):
        for image in SOURCES[name].tests:
            table = internal(model, image, inner, KEPT["internal"])
            found.append(table.assign(share=inner, kind="internal", use="course", source=name))
    photographs = collections.load("bsd68")[::EVERY] if model in ADAPTED else ()
    for image in tqdm(photographs, desc=f"{model} BSD68", unit="image"):
        table = internal(model, f"bsd68/{image.name}", inner, KEPT["internal"])
        found.append(table.assign(share=inner, kind="internal", use="course", source="bsd68"))
    return pd.concat(found).assign(model=model)


def of_start(model: str = BRIEF) -> pd.DataFrame:
    """The trials of a model, and its courses on STARTED at the shares that they choose, as use ``start``."""
    found = [trials(model, kind) for kind in TRIED]
    tried = pd.concat(found)
    for kind, name in ((kind, name) for kind, names in STARTED.items() for name in names):
        share, source, ends = share_of(tried, model, kind), SOURCES[name], (0, KEPT[kind][-1])
        (image,) = source.tests
        table = (
            external(model, source, share, ends)
            if kind == "external"
            else internal(model, image, share, ends)
        )
        table = table[table.image == image]
        found.append(table.assign(share=share, kind=kind, use="start", source=name))
    return pd.concat(found).assign(model=model)


# The recorded table


def artefact() -> store.Artefact:
    """The recorded table in the store."""
    used = {
        run.name: run
        for model in MODELS
        for level in restorers.levels_with_weights(model, "gaussian")
        if (run := runs.Run(model, "gaussian", level)).makes
    }
    brief = runs.Run(BRIEF, "gaussian", SIGMA)
    used[brief.name] = brief

    def recipe() -> dict:
        names = {one.rpartition("/")[0] for one in _addresses() if not one.startswith("wheel/")}
        return {
            "sigma": SIGMA,
            "sources": {name: list(source) for name, source in SOURCES.items()},
            "tried": {kind: list(map(str, ones)) for kind, ones in TRIED.items()},
            "steps": [KEPT, TRIED_STEPS, LONG],
            "shares": list(SHARES),
            "photographs": [EVERY, list(ADAPTED)],
            "started": STARTED,
            "models": {model: runs.Run(model, "gaussian", 25).entry.made_of for model in MODELS},
            "collections": {name: collections.fingerprint(name) for name in sorted(names)},
            "starts from": {name: store.content(run.weights) for name, run in used.items()},
        }

    return store.Artefact(
        name="scores/adaptation",
        path=path(),
        recipe=recipe,
        roots=(f"{__name__}.of_model", f"{__name__}.of_start"),
        starts_from=tuple(run.artefact() for run in used.values()),
        make=record,
        probe=probe,
    )


def _addresses() -> list[str]:
    found = [one for source in SOURCES.values() for one in (source.train, *source.tests)]
    return [*found, *TRIED["internal"], "bsd68/"]


def probe() -> dict[str, float]:
    """What tells whether changed code still adapts alike: two steps of each model, on a part of a printed page."""
    first, second = parts("page")
    clean = np.array(collections.centre_crop(second, 48))
    noisy = problem("gaussian", SIGMA).measure(clean, np.random.default_rng(0)).y.numpy()
    found = {}
    for model in MODELS:
        adapting = begun(denoiser(model), first, SHARES[1])
        table = _course(adapting, {model: Given(clean, noisy)}, (0, 2))
        found |= {f"{model} {row.step}": row.psnr for row in table.itertuples()}
    return found


def record() -> None:
    """Adapt all models and write the table with its record."""
    provenance.used.clear()
    stamp, start = provenance.stamp(), time.monotonic()
    table = pd.concat([*map(of_model, MODELS), of_start()])
    evaluation.write_scores(table[COLUMNS], artefact(), start, stamp)


COLUMNS = ["use", "kind", "model", "source", "image", "share", "step", "seconds", "psnr"]


def path() -> Path:
    """Where it is."""
    return provenance.ROOT / "data/scores/adaptation.csv"


def read() -> pd.DataFrame:
    """The recorded table."""
    store.check(path())
    provenance.note(path())
    return pd.read_csv(path()).fillna({"source": ""})
