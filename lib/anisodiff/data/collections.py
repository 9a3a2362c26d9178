"""Collections of clean gray images by name, found on disk, in installed packages, or fetched once and checked.

==================================  ======================================================================
``shipped/train|val|test``          photographs inside the scikit-image wheel, split once and for all
``bsds500/train|val|test``          Berkeley Segmentation Data Set, 200, 100 and 200 images (Arbelaez 2011)
``bsd68``, ``set12``                the field's test images; BSD68 is a subset of ``bsds500/val``
``bsds500/val-500``                 500 random squares of the validation images, the paper's protocol
``bsds500/test-200``                200 random squares of images that the models are trained on, for over-fitting
``set5``, ``set14``                 test images of super-resolution, which share photographs with each other and Set12
``ct``, ``mri``, ``cryoem``         foreign images, never trained on
``ct-subjects``, ``mri-subjects``   slices of nine and of four further subjects, never trained on
``mcm18``                           McMaster18, 18 crops of photographs: the last word on a release, no more
``mnist/train|test``                60,000 and 10,000 digits, 32 x 32 pixels, 28 x 28 of them with black around
``fashion-mnist/train|test``        clothes, likewise
``olivetti/train|test``             faces, 64 x 64: ten each of 36 and of four other persons
==================================  ======================================================================

Names join with a plus: ``bsds500/train+test`` is the customary training set. Pixels are float32 on 0..255.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from skimage import io

from . import packed, provenance, registry

SHIPPED = {
    "train": [
        "coffee.png",
        "rocket.jpg",
        "ihc.png",
        "hubble_deep_field.jpg",
        "gravel.png",
        "moon.png",
        "retina.jpg",
    ],
    "val": ["coins.png", "motorcycle_left.png"],
    "test": ["astronaut.png", "brick.png", "camera.png", "chelsea.png", "grass.png"],
}

FOLDERS = {
    "bsds500/train": "bsds500/train/",
    "bsds500/val": "bsds500/val/",
    "bsds500/val-500": "bsds500/val/",
    "bsds500/test": "bsds500/test/",
    "bsds500/test-200": "bsds500/test/",
    "bsd68": "bsd68/",
    "set12": "set12/",
    "set5": "set5/",
    "set14": "set14/",
    "ct": "ct/",
    "mri": "mri/",
    "cryoem": "cryoem/avg/",
    "ct-subjects": "ct-subjects/",
    "mri-subjects": "mri-subjects/",
    "mcm18": "mcm18/",
    "mnist/train": "mnist/train-images-idx3-ubyte.gz",
    "mnist/test": "mnist/t10k-images-idx3-ubyte.gz",
    "fashion-mnist/train": "fashion-mnist/train-images-idx3-ubyte.gz",
    "fashion-mnist/test": "fashion-mnist/t10k-images-idx3-ubyte.gz",
    "olivetti/train": "olivetti/olivettifaces.mat",
    "olivetti/test": "olivetti/olivettifaces.mat",
}

PACKED = (".gz", ".mat")  # files of many images, which are called by their number

# Breast MRI of two subjects, whose noise a good denoiser would take away and be marked down for: no clean images.
# And a part of a training image, enlarged.
LEFT_OUT = ("mri-subjects/ucsfbr06", "mri-subjects/ucsfbr08", "set5/woman")

# Side and number of random squares, from a fixed seed.
CROPPED = {"bsds500/val-500": (256, 500), "bsds500/test-200": (256, 200)}

NOISY = ("cryoem",)  # what stands for the clean image, a mean of frames, is far from clean

SEALED = ("mcm18",)  # no choice was ever made by what a model does on it, nor may one be

COLLECTIONS = [
    *(f"shipped/{split}" for split in SHIPPED),
    *(name for name in FOLDERS if name not in SEALED),
]


@dataclass(frozen=True)
class Image:
    """A clean gray image: its file's name without the suffix, and its pixels, (H, W) float32 on 0..255."""

    name: str
    pixels: np.ndarray


def load(collection: str, *, last_word: bool = False) -> list[Image]:
    """The images of a collection, sorted by name.

    ``last_word`` opens what is sealed, and is for ``anisodiff.study.last_word`` alone.
    Raises ValueError for an unknown name and for a sealed collection, MissingCollection for one that is not at hand
    and cannot be fetched, and OSError for a damaged file (SHA-256 against ``registry.csv``).
    """
    parts = expand(collection)
    if not last_word:
        _refuse_sealed(*parts)
    images = [image for part in parts for image in _load_one(part)]
    provenance.used[collection] = fingerprint(collection)
    return images


def expand(collection: str) -> list[str]:
    """``bsds500/train+test`` as ``["bsds500/train", "bsds500/test"]``; ValueError for a name unknown here."""
    first, *rest = collection.split("+")
    family = first.split("/")[0]
    known = (*COLLECTIONS, *SEALED)
    names = [first, *(part if part in known else f"{family}/{part}" for part in rest)]
    for name in names:
        if name not in known:
            raise ValueError(f"unknown collection {name!r}; there are: {', '.join(COLLECTIONS)}")
    return names


def available(collection: str) -> bool:
    """Whether a collection is at hand without fetching anything."""
    return all(
        part.startswith("shipped/") or all(path.is_file() for path, _ in _files(part))
        for part in expand(collection)
    )


def file(path: str) -> Path:
    """A further file of the registry, its content checked; errors as for :func:`load`."""
    _refuse_sealed(path.partition("/")[0])
    known = next(line for line in registry.lines() if line["path"] == path)
    return registry.at_hand(registry.folder() / path, known)


def labels(collection: str) -> np.ndarray:
    """The class, 0 to 9, of each image of a part of ``mnist`` or ``fashion-mnist``; errors as for :func:`load`."""
    return packed.labels(file(FOLDERS[collection].replace("images-idx3", "labels-idx1")))


def digest(images: list[Image]) -> str:
    """SHA-256 over the pixels of the images in their order: the content, whatever the files are called."""
    return provenance.sha256(b"".join(image.pixels.tobytes() for image in images))


def cluster(collection: str, image: str) -> str:
    """What an image is one sample of, for statistics: images of one cluster are not independent.

    The subject of a slice; the micrograph of a crop of ``cryoem``, of which each has two; the photograph of a random
    square (``017-101085`` is cut from ``101085``); elsewhere the image itself. So too in ``mcm18``, whose 18 crops were
    cut from eight photographs: the files do not say from which. Raises ValueError for a collection or an image unknown.
    """
    for part in expand(collection):
        name = _photograph(image, CROPPED[part][1]) if part in CROPPED else image
        if name in (samples := _samples(part)):
            return samples[name]
    raise ValueError(f"there is no image {image!r} in {collection}")


@cache
def fingerprint(collection: str) -> str:
    """Twelve hexadecimal digits that change with the content of a collection's files, which need not be at hand."""
    lines = []
    for part in expand(collection):
        if part.startswith("shipped/"):
            lines += [f"{path.name} {provenance.sha256(path)}" for path in _shipped(part)]
        else:
            lines += [f"{line['path']} {line['sha256']}" for line in _lines(part)]
            lines += [str(CROPPED.get(part, ""))]
    return provenance.sha256("\n".join(lines).encode())[:12]


def to_gray(pixels: np.ndarray) -> np.ndarray:
    """Luma of ITU-R 601, rounded as Pillow's mode L does, from (H, W), (H, W, 3) or (H, W, 4) uint8; float32."""
    if pixels.ndim == 2:
        return pixels.astype(np.float32)
    red, green, blue = (pixels[..., channel].astype(np.int64) for channel in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.float32)


def in_colour(name: str) -> np.ndarray:
    """A photograph of ``shipped/test`` as it is, (H, W, 3) or, where it has no colours, (H, W); float32 on 0..255.

    Raises ValueError for a name that is not there.
    """
    paths = {path.stem: path for path in _shipped("shipped/test")}
    if name not in paths:
        raise ValueError(f"shipped/test has no image {name!r}; there are: {', '.join(paths)}")
    pixels = io.imread(paths[name]).astype(np.float32)
    return pixels if pixels.ndim == 2 else pixels[..., :3]


def centre_crop(pixels: np.ndarray, side: int) -> np.ndarray:
    """The centred square of ``side`` pixels, or all there is along an axis that is shorter."""
    top, left = (max(0, (extent - side) // 2) for extent in pixels.shape[:2])
    return pixels[top : top + side, left : left + side]


def random_crops(
    images: list[Image],
    side: int,
    count: int,
    generator: np.random.Generator,
    upright: bool = False,
) -> np.ndarray:
    """``count`` random squares of ``side`` pixels, flipped and transposed at random but where they are to be
    ``upright``; (count, side, side) float32."""
    crops = np.empty((count, side, side), np.float32)
    for crop in crops:
        pixels = images[generator.integers(len(images))].pixels
        top, left = (generator.integers(extent - side + 1) for extent in pixels.shape)
        square = pixels[top : top + side, left : left + side]
        if not upright:
            square = np.rot90(square, generator.integers(4))[:, :: generator.choice((-1, 1))]
        crop[:] = square
    return crops


def _refuse_sealed(*names: str) -> None:
    for name in names:
        if name in SEALED:
            raise ValueError(
                f"{name} is sealed: `anisodiff last-word` opens it once a release, so that nothing is chosen by it"
            )


@lru_cache(maxsize=8)
def _load_one(collection: str) -> tuple[Image, ...]:
    if collection.startswith("shipped/"):
        paths = _shipped(collection)
    else:
        paths = [registry.at_hand(path, known) for path, known in _files(collection)]
    if paths and paths[0].suffix in PACKED:
        pixels = packed.images(paths[0], collection.split("/")[1]).astype(np.float32)
        return tuple(Image(f"{at:05}", of) for at, of in enumerate(_frozen(pixels)))
    images = tuple(Image(path.stem, _frozen(to_gray(io.imread(path)))) for path in paths)
    return _squares(images, *CROPPED[collection]) if collection in CROPPED else images


def _shipped(collection: str) -> list[Path]:
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    return [folder / name for name in sorted(SHIPPED[collection.split("/")[1]])]


def _squares(images: tuple[Image, ...], side: int, count: int) -> tuple[Image, ...]:
    """Random squares, neither flipped nor turned, named by their number and image."""
    generator, squares = np.random.default_rng(0), []
    for number in range(count):
        image = images[generator.integers(len(images))]
        top, left = (generator.integers(extent - side + 1) for extent in image.pixels.shape)
        square = image.pixels[top : top + side, left : left + side].copy()
        squares.append(Image(f"{number:03}-{image.name}", _frozen(square)))
    return tuple(squares)


def _photograph(square: str, count: int) -> str:
    """The image that a random square was cut from, by its name; nothing for what is no such name."""
    number, _, image = square.partition("-")
    return image if re.fullmatch(r"\d{3}", number) and int(number) < count else ""


@cache
def _samples(collection: str) -> dict[str, str]:
    """The names of a collection's images, or of those it is cut from, each with the cluster that it belongs to."""
    if collection.startswith("shipped/"):
        return {path.stem: path.stem for path in _shipped(collection)}
    found = {Path(line["path"]).stem: line["subject"] for line in _lines(collection)}
    if collection == "cryoem":
        found = {name: name.removesuffix("_a").removesuffix("_b") for name in found}
    return {name: of or name for name, of in found.items()}


def _frozen(pixels: np.ndarray) -> np.ndarray:
    pixels.flags.writeable = False  # the cache hands the same array to everybody
    return pixels


def _files(collection: str) -> list[tuple[Path, dict]]:
    """Where each image of a collection is on this disk, or would be, with its line of the registry."""
    return [(registry.folder() / line["path"], line) for line in _lines(collection)]


def _lines(collection: str) -> list[dict]:
    """The lines of the registry that a collection's images have."""
    return [
        line
        for line in registry.lines()
        if line["path"].startswith(FOLDERS[collection])
        and line["path"].endswith((".png", ".jpg", ".tif", *PACKED))
        and not line["path"].startswith(LEFT_OUT)
    ]
