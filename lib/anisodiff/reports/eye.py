"""What is looked at and moved: methods side by side on one photograph, and a diffusion step by step under a slider.

The pictures are bundles (:func:`bundle`): data that the book makes files of and that a browser fetches when a reader
comes to them. The widgets are ``wipe.js`` and ``film.js`` in ``book/_static``.
"""

import base64
import html
import io
import json
import re
from collections.abc import Iterable

import numpy as np
from IPython.display import display
from PIL import Image

from ..data import collections
from ..metrics.distortion import clipped_psnr, psnr
from ..problems import problem
from ..study import catalogue, restorers
from . import names, records

MODELS = (  # in the order in which they are offered
    "perona-malik",
    "learned-lambda",
    "foe-s",
    "unet-diffusivity",
    "network-long",
    "tv",
    "nlm",
    "bm3d",
    "cncl-30k",
    "dncnn-30k",
    "residual-unet-30k",
)
QUALITY = 86  # of WebP: for the eye; what is measured is measured before
ENLARGED = 3


def restored(
    name: str, level: float, seed: int = 0, side: int = 256, models: Iterable[str] = MODELS
) -> dict[str, np.ndarray]:
    """A photograph's centred square, ``clean``, with Gaussian noise, ``input``, and as each of some MODELS restores it.

    In the photograph's own colours, channel by channel: (H, W) or (H, W, 3) on 0..255, clipped. A model that the study
    does not have at this level is left out.
    """
    clean = collections.centre_crop(collections.in_colour(name), side)
    channels = np.moveaxis(np.atleast_3d(clean), -1, 0)
    noisy = records.degraded(channels, name, problem("gaussian", level), seed)
    noisy = np.moveaxis(noisy, 0, -1).reshape(clean.shape)
    found = {"clean": clean, "input": noisy}
    for model in models:
        if level in catalogue.levels(model, "gaussian"):
            found[model] = restorers.load(model, "gaussian", level).restore(noisy)
    return {label: np.clip(pixels, 0, 255) for label, pixels in found.items()}


def pictures(shown: dict[str, np.ndarray]) -> dict[str, dict]:
    """Of each of :func:`restored` its address, ``src``, and, but for the clean one, its ``psnr`` in dB."""
    found = {label: {"src": webp(pixels)} for label, pixels in shown.items()}
    for label in shown.keys() - {"clean"}:
        found[label]["psnr"] = round(psnr(shown[label], shown["clean"]), 2)
    return found


def strip(shown: dict[str, np.ndarray], labels: dict[str, str], spot: tuple[int, int, int]) -> None:
    """Display some of :func:`restored` in a row, by their labels, with PSNR; below each the same spot, enlarged.

    ``spot`` = (row, column, side) in pixels. The figure is called ``strip``.
    """
    row, column, side = spot
    figures = ""
    for name, label in labels.items():
        pixels = shown[name]
        part = pixels[row : row + side, column : column + side]
        part = part.repeat(ENLARGED, 0).repeat(ENLARGED, 1)
        value = f"{psnr(pixels, shown['clean']):.2f} dB"
        figures += (
            f'<figure><img class="dark-light" alt="{label}, {value}" src="{webp(pixels)}">'
            f'<img class="dark-light" alt="a spot of it, enlarged" src="{webp(part)}">'
            f"<figcaption>{label}<br><strong>{value}</strong></figcaption></figure>"
        )
    kind = 'class="strip" tabindex="0" role="group" aria-label="One photograph by several methods"'
    _display(f"<div {kind}>{figures}</div>", "<figure strip>", figure="strip")


def wipe(photographs: list[str], levels: list[float], start: dict) -> None:
    """Display two methods with a line between them that a reader moves.

    It takes the bundles ``wipe-PHOTOGRAPH-LEVEL``, each :func:`pictures`. ``start`` = photograph, level, left, right.
    """
    methods = {"input": "noisy", "clean": "clean"} | {one: names.name(one) for one in MODELS}
    given = {"photographs": photographs, "levels": levels, "methods": methods, "start": start}
    widget("wipe", given, "two methods stand here with a line between them")


def frames(
    states: list[np.ndarray], maps: dict[int, np.ndarray], clean: np.ndarray, steps: list[int]
) -> list[dict]:
    """The bundle of a film: states of a diffusion, (H, W) on 0..255, after some ``steps``, with their PSNR in dB and
    their ``range`` in gray levels, which is that before they are clipped.

    ``maps`` are the diffusivity maps, on 0..1, by the step that they follow; a state may have none. Without loss, so
    that a pixel says what it is to a gray level.
    """
    found = []
    for step in steps:
        frame = {"step": step, "psnr": round(clipped_psnr(states[step], clean), 2)}
        frame["range"] = [round(float(of(states[step]))) for of in (np.min, np.max)]
        frame["image"] = webp(np.clip(states[step], 0, 255), lossless=True)
        if step in maps:
            frame["g"] = webp(255 * np.round(maps[step], 2), lossless=True)  # as it is read out
        found.append(frame)
    return found


def film(films: list[tuple[str, list[tuple[str, str]], int]], maps: str = "g") -> None:
    """Display a diffusion under sliders: for each thing that changes its name, its values as (text, bundle), and which
    of them is shown first. ``maps`` is what the maps show, g or its magnitude."""
    widget("film", {"films": films, "maps": maps}, "the diffusion runs here under a slider")


def widget(kind: str, given: dict, what: str) -> None:
    """Display the place of a widget of ``book/_static``, with what it is given, and a note for who has no scripts."""
    data = " ".join(f'data-{key}="{html.escape(json.dumps(of))}"' for key, of in given.items())
    note = f"In the book, where scripts run, {what}."
    _display(f'<div class="{kind}" {data}><p>{note}</p></div>', f"<{kind}>")


def bundle(name: str, content: dict | list, apart: bool = False) -> None:
    """Hand data to the scripts of the page, which ask for it by name.

    Pictures that are ``apart`` are files of their own in the book, fetched when they are shown; a script cannot read
    their pixels. Raises ValueError for a name that is not of letters, digits and hyphens.
    """
    if not re.fullmatch(r"[\w-]+", name):
        raise ValueError(f"a bundle's name is of letters, digits and hyphens; met {name!r}")
    text = json.dumps(content, separators=(",", ":")).replace("</", "<\\/")  # no end of a script
    kind = f'type="application/json" class="bundle{" apart" * apart}" data-name="{name}"'
    _display(f"<script {kind}>{text}</script>", f"<bundle {name}>")


def _display(markup: str, plain: str, **metadata) -> None:
    display({"text/html": markup, "text/plain": plain}, raw=True, metadata=metadata)


def webp(pixels: np.ndarray, lossless: bool = False) -> str:
    """An image on 0..255 as an address that holds it."""
    file, picture = io.BytesIO(), Image.fromarray(np.round(pixels).astype(np.uint8))
    picture.save(file, format="webp", quality=QUALITY, lossless=lossless)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
