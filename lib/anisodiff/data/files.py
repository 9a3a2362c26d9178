"""Image files in and out with their range kept: what was 16 bits stays 16 bits, what was floats stays floats.

=====================  ====================================================================================
PNG, JPEG, TIFF        8 bits a channel are 0..255 as they are; 16 bits (PNG, TIFF) are divided by 257
WebP, BMP, PGM, PPM    8 bits a channel; WebP is written without loss; 16 bits (PGM, PPM) are read, 8 written
TIFF of floats, .npy   taken to be on 0..255 already; neither clipped nor rounded, in or out
=====================  ====================================================================================
"""

from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageOps

from .provenance import write_atomically


@dataclass(frozen=True)
class Picture:
    """Pixels, (H, W) or (H, W, C) numbers on 0..255, and what of their file is not restored but handed on."""

    pixels: np.ndarray
    kind: np.dtype = np.dtype("float32")  # noqa: RUF009 (immutable) of the numbers in the file: uint8, uint16 or floats
    alpha: np.ndarray | None = None  # transparency, (H, W) as in the file
    profile: bytes | None = None  # of the colours (ICC)

    def with_pixels(self, pixels: np.ndarray) -> "Picture":
        return replace(self, pixels=pixels)


def check_suffix(path: Path) -> None:
    """ValueError unless the name ends as one of the files that are read and written."""
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"{path.name}: unknown kind of file {path.suffix!r}; there are: {', '.join(SUFFIXES)}"
        )


def read(path: Path) -> Picture:
    """A picture from a file, upright if its camera says how it was held.

    Raises ValueError for an unknown suffix, FileNotFoundError, and OSError for what is damaged or no single image.
    """
    check_suffix(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        return SUFFIXES[path.suffix.lower()][0](path)
    except Exception as error:  # each decoder has its own
        raise OSError(f"{path} cannot be read: {str(error) or type(error).__name__}") from error


def write(path: Path, picture: Picture) -> None:
    """A picture into a file, whole or not at all; rounded and clipped where the file holds whole numbers.

    16 bits and floats stay what they are where the suffix can hold them, else 8 bits are written.
    Raises ValueError for an unknown suffix and for what such a file cannot hold.
    """
    check_suffix(path)
    buffer = BytesIO()
    SUFFIXES[path.suffix.lower()][1](buffer, picture)
    write_atomically(path, buffer.getbuffer())


def _from_file(samples: np.ndarray, has_alpha: bool, profile: bytes | None) -> Picture:
    """Samples as the file has them, (H, W) or (H, W, C) with the transparency last, as a picture."""
    alpha = samples[..., -1] if has_alpha else None
    pixels = samples[..., :-1] if has_alpha else samples
    if pixels.ndim == 3 and pixels.shape[-1] == 1:
        pixels = pixels[..., 0]
    if samples.dtype == np.uint16:
        pixels = pixels / np.float32(257)
    elif samples.dtype != np.uint8:
        pixels = pixels.astype(np.float32, copy=False)
    return Picture(pixels, samples.dtype, alpha, profile)


def _for_file(picture: Picture, kind: type) -> np.ndarray:
    """The samples to write, of whole numbers or floats, with the transparency last."""
    pixels = picture.pixels.astype(np.float32)  # a copy: what follows is in place
    if kind != np.float32:
        np.clip(pixels, 0, 255, out=pixels)
        pixels *= np.iinfo(kind).max / 255
        np.rint(pixels, out=pixels)
    samples = pixels.astype(kind, copy=False)
    if picture.alpha is None:
        return samples
    alpha = picture.alpha
    if alpha.dtype != kind:
        whole = _full(alpha.dtype)
        alpha = np.rint(alpha / whole * _full(np.dtype(kind))).astype(kind)
    return np.dstack([samples, alpha])


def _full(kind: np.dtype) -> float:
    return 255.0 if kind.kind == "f" else float(np.iinfo(kind).max)


def _read_pillow(path: Path) -> Picture:
    with Image.open(path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":  # whose others are a camera's previews
            raise ValueError(f"it holds {frames} images")
        if image.format == "PPM" and image.mode == "I":  # 16 bits in 32
            return _from_file(np.array(image).astype(np.uint16), False, None)
        wide = image.mode.startswith("I;16")
        if not wide and any(
            ";16" in str(tile) for tile in image.tile
        ):  # Pillow would drop the lower 8 bits
            samples = imagecodecs.png_decode(path.read_bytes())
            return _from_file(samples, samples.shape[-1] in (2, 4), None)
        profile = image.info.get("icc_profile")
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            upright = upright.convert("LA" if upright.mode in ("1", "L", "LA") else "RGBA")
        elif not wide and upright.mode not in ("L", "RGB"):
            plain = {"1": "L", "P": "RGB", "YCbCr": "RGB", "CMYK": "RGB"}
            if upright.mode not in plain:
                raise ValueError(f"pixels of mode {upright.mode} are not supported")
            upright, profile = upright.convert(plain[upright.mode]), None
        return _from_file(np.array(upright), upright.mode in ("LA", "RGBA"), profile)


def _writer(form: str, **options):
    def write(buffer: BytesIO, picture: Picture) -> None:
        gray = picture.pixels.ndim == 2
        if not gray and picture.pixels.shape[2] != 3:
            raise ValueError(
                f"{form} holds 1 or 3 channels, not {picture.pixels.shape[2]}: write .npy"
            )
        if form in ("JPEG", "BMP", "PPM") and picture.alpha is not None:
            raise ValueError(f"{form} holds no transparency: write PNG or TIFF")
        if picture.kind == np.uint16 and form == "PNG":  # which Pillow writes for gray alone
            buffer.write(
                imagecodecs.png_encode(np.ascontiguousarray(_for_file(picture, np.uint16)))
            )
        else:
            Image.fromarray(_for_file(picture, np.uint8)).save(
                buffer, form, icc_profile=picture.profile, **options
            )

    return write


def _read_tiff(path: Path) -> Picture:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        if len(file.pages) > 1:
            raise ValueError(f"it holds {len(file.pages)} images")
        colours = {tifffile.PHOTOMETRIC.MINISBLACK: 1, tifffile.PHOTOMETRIC.RGB: 3}.get(
            page.photometric
        )
        if colours is None:  # palettes and the rest: Pillow has them, at 8 bits
            return _read_pillow(path)
        extra = page.samplesperpixel - colours
        if extra not in (0, 1) or page.extrasamples == (tifffile.EXTRASAMPLE.ASSOCALPHA,):
            raise ValueError(
                f"{page.samplesperpixel} channels, {page.photometric.name} {page.extrasamples}, are not supported"
            )
        samples = page.asarray()
        if page.axes.startswith("S"):
            samples = np.moveaxis(samples, 0, -1)
        if samples.ndim > 3 or not (
            samples.dtype in (np.uint8, np.uint16) or samples.dtype.kind == "f"
        ):
            raise ValueError(f"{samples.dtype} of shape {samples.shape} is not supported")
        profile = page.tags.valueof(34675)
    return _from_file(samples, extra == 1, profile)


def _write_tiff(buffer: BytesIO, picture: Picture) -> None:
    channels = 1 if picture.pixels.ndim == 2 else picture.pixels.shape[2]
    if channels not in (1, 3):
        raise ValueError(f"TIFF is written with 1 or 3 channels, not {channels}: write .npy")
    kind = np.float32 if picture.kind.kind == "f" else picture.kind.type
    tifffile.imwrite(
        buffer,
        _for_file(picture, kind),
        photometric="rgb" if channels == 3 else "minisblack",
        planarconfig=None if channels == 1 and picture.alpha is None else "contig",
        extrasamples=None if picture.alpha is None else ["unassalpha"],
        compression="zlib",
        iccprofile=picture.profile,
        metadata=None,
    )


def _read_npy(path: Path) -> Picture:
    pixels = np.load(path, allow_pickle=False)
    if pixels.ndim not in (2, 3) or 0 in pixels.shape:
        raise ValueError(f"expected an image of shape (H, W) or (H, W, C), got {pixels.shape}")
    return Picture(pixels)


def _write_npy(buffer: BytesIO, picture: Picture) -> None:
    if picture.alpha is not None:
        raise ValueError("an array has no place for transparency: write PNG or TIFF")
    np.save(buffer, picture.pixels)


_PNG = (_read_pillow, _writer("PNG"))
_JPEG = (
    _read_pillow,
    _writer("JPEG", quality=95, subsampling=0),
)  # the coding must not undo the restoration
_TIFF = (_read_tiff, _write_tiff)
_PPM = (_read_pillow, _writer("PPM"))
SUFFIXES = {
    ".png": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".webp": (_read_pillow, _writer("WEBP", lossless=True)),
    ".bmp": (_read_pillow, _writer("BMP")),
    ".pgm": _PPM,
    ".ppm": _PPM,
    ".npy": (_read_npy, _write_npy),
}
