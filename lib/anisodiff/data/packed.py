"""Many small images in one file: the format of MNIST, and the faces of Olivetti."""

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

SIDE = 32  # of digits and clothes, 28 x 28, with black around them
PERSONS, FACES, HELD_OUT = 40, 10, 4  # the last persons of Olivetti are for tests


def images(path: Path, split: str) -> NDArray[np.uint8]:
    """Those of a file, (count, side, side); of Olivetti those of the ``split``, train or test."""
    if path.suffix == ".mat":
        faces = loadmat(path)["faces"].T.reshape(-1, 64, 64).swapaxes(1, 2)
        at = (PERSONS - HELD_OUT) * FACES
        return faces[:at] if split == "train" else faces[at:]
    pixels = _idx(path)
    wide = (SIDE - pixels.shape[-1]) // 2
    return np.pad(pixels, ((0, 0), (wide, wide), (wide, wide)))


def labels(path: Path) -> NDArray[np.uint8]:
    """The class of each image of a file of MNIST's format."""
    return _idx(path)


def _idx(path: Path) -> NDArray[np.uint8]:
    """Bytes 3 and 4 of the header are the type, which is uint8 here, and the number of axes, then each extent."""
    content = gzip.decompress(path.read_bytes())
    extents = np.frombuffer(content, ">u4", content[3], 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(extents)
