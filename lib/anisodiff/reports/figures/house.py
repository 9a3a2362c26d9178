"""The house style, and the one way to show a figure.

A figure is drawn once and shown twice, for light and for dark pages: every house colour has a partner in DARK, and all
else (gray images, colour maps) stays. It is WIDTH inches wide; where a screen is narrower it shrinks until its
smallest text is READABLE, and then scrolls sideways.
"""

import base64
import html
import io
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from .drawn import drawn
from .palette import CYCLE, DARK, GRID, INK, MUTED

WIDTH = 7.0  # inches; 96 CSS pixels each in the page
DPI = 192  # two pixels a CSS pixel
LOSSY = 85  # of WebP
SHADES = 32  # of a figure of lines, a colour: off by at most 4 of 255
LOSSLESS = {"lossless": True, "quality": 50}  # more takes longer for no fewer bytes
READABLE = 9  # CSS pixels, of the smallest text on a narrow screen
BADGE = {
    "color": "#fffffe",
    "weight": "bold",
    "bbox": {"boxstyle": "round,pad=0.2", "fc": "#000000bb", "ec": "none"},
}


def use_style(profile: str = "quick") -> None:
    """Make the house style matplotlib's default in this process; lengths in points.

    The profile smoke, whose figures nobody looks at, has a quarter as many pixels a side.
    """
    sizes = ("font.size", "axes.titlesize", "axes.labelsize")
    sizes += ("xtick.labelsize", "ytick.labelsize", "legend.fontsize")
    names = (
        "text.color",
        "axes.labelcolor",
        "axes.titlecolor",
        "xtick.labelcolor",
        "ytick.labelcolor",
    )
    muted = ("axes.edgecolor", "xtick.color", "ytick.color")
    mpl.rcParams.update(
        {**dict.fromkeys(sizes, 13), **dict.fromkeys(names, INK), **dict.fromkeys(muted, MUTED)}
    )
    mpl.rcParams.update(
        {
            "figure.figsize": (WIDTH, 4.4),
            "figure.dpi": DPI // 4 if profile == "smoke" else DPI,
            "savefig.dpi": "figure",
            "figure.constrained_layout.use": True,
            "figure.constrained_layout.h_pad": 0.08,  # inches: a title is not read with the label above
            "font.sans-serif": [
                "DejaVu Sans"
            ],  # part of matplotlib: the same picture on every machine
            "legend.frameon": False,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": mpl.cycler(color=CYCLE),
            "axes.grid": True,
            "grid.color": GRID,
            "lines.linewidth": 2,
            "image.cmap": "gray",
            "image.interpolation": "nearest",
        }
    )


def show(fig: Figure, name: str, finding: str, how: str = "") -> None:
    """Display a figure under a name, in a light and a dark version, with its finding; close it.

    ``finding`` is one sentence, with its full stop, that says what the figure shows; it begins the caption, and is the
    text for who cannot see the figure, so it is without markup. ``how`` goes on in the caption, with MyST's markup.
    The book numbers the figure; ``{numref}`fig-PAGE-NAME``` refers to it (book/_ext/shown_figure.py). The numbers that
    it shows go along as CSV. Raises ValueError where the finding is no sentence.

    Both versions are WebP: lines in SHADES of each colour, which saves a third of the bytes, and photographs. The dark
    version of photographs is no second copy of them: it has only the pixels that are not as on light pages, paper and
    text, and lies over the light one (style.css). In the notebook the images are part of the output; the book makes
    files of them (book/_ext/figure_files.py), and ``loading="lazy"`` keeps browsers from fetching a version that is
    hidden.
    """
    if not finding.endswith("."):
        raise ValueError(
            f"figure {name}: the finding is one sentence with its full stop; met {finding!r}"
        )
    finding = re.sub(r"(?<![\w.])-(?=\d)", "−", finding)
    numbers = drawn(fig)
    fig.draw_without_rendering()
    fig.set_layout_engine("none")  # each drawing would settle the layout a little more
    light, over = _webp(fig, transparent=False), any(ax.images for ax in fig.axes)
    before = _pixels(fig) if over else None
    recolour(fig)
    dark = _changed(before, _pixels(fig)) if over else _webp(fig, transparent=True)
    width, height = (round(96 * inches) for inches in fig.get_size_inches())
    least = round(width * READABLE / smallest(fig))
    plt.close(fig)
    alt = html.escape(finding, quote=True)
    # Hidden here, not only by the book's style sheet: other viewers show the light version alone.
    versions = (("light", light, ""), ("dark over" if over else "dark", dark, "; display: none"))
    images = "".join(
        f'<img class="only-{theme} figure" alt="{alt}" width="{width}" height="{height}" '
        f'style="max-width: 100%; min-width: {least}px; height: auto{hidden}" loading="lazy" decoding="async" '
        f'src="data:image/webp;base64,{base64.b64encode(content).decode()}">'
        for theme, content, hidden in versions
    )
    caption = html.escape(f"{finding} {how}", quote=False)
    shown = {
        "text/html": f"<figure>{images}<figcaption>{caption}</figcaption></figure>",
        "text/markdown": f":::{{shown}} {name}\n{finding}\n\n{how}\n:::",
        "text/plain": f"<figure {name}: {finding}>",
    }
    about = {"figure": name}
    if len(numbers):
        about["csv"] = numbers.to_csv(index=False, float_format="%.6g")
    display(shown, raw=True, metadata=about)


def smallest(fig: Figure) -> float:
    """The height of the smallest text of a figure, in CSS pixels."""
    texts = (text for text in fig.findobj(Text) if text.get_visible() and text.get_text().strip())
    return min((text.get_fontsize() for text in texts), default=72) * 96 / 72


def recolour(fig: Figure) -> None:
    """Swap every house colour of a figure for its partner on dark pages; the layout stays as it is."""
    fig.draw_without_rendering()  # ticks and labels come into being, constrained layout settles
    fig.set_layout_engine("none")
    for artist in fig.findobj(Artist):
        mapped = getattr(artist, "get_array", lambda: None)() is not None  # its colours are data
        for prop in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
            if mapped or not (hasattr(artist, f"get_{prop}") and hasattr(artist, f"set_{prop}")):
                continue
            old = to_rgba_array(getattr(artist, f"get_{prop}")())
            new = [(*_PARTNER.get(tuple(row[:3].round(4)), row[:3]), row[3]) for row in old]
            if not np.array_equal(old.ravel(), np.ravel(new)):
                getattr(artist, f"set_{prop}")(new if len(new) > 1 else new[0])


_PARTNER = {
    tuple(np.round(to_rgba(light)[:3], 4)): to_rgba(dark)[:3] for light, dark in DARK.items()
}


def _webp(fig: Figure, transparent: bool) -> bytes:
    """Lines in few shades; photographs without loss or, where that is larger, at the quality LOSSY."""
    if any(ax.images for ax in fig.axes):
        found = []
        for way in (LOSSLESS, {"quality": LOSSY}):
            file = io.BytesIO()
            fig.savefig(file, format="webp", transparent=transparent, pil_kwargs=way)
            found.append(file.getvalue())
        return min(found, key=len)
    file = io.BytesIO()
    fig.savefig(file, format="png", transparent=transparent)
    steps = 255 / (SHADES - 1)
    pixels = np.round(np.round(np.asarray(Image.open(file)) / steps) * steps)
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "webp", **LOSSLESS)
    return file.getvalue()


def _pixels(fig: Figure) -> np.ndarray:
    """A figure as it is drawn, (H, W, 4)."""
    canvas = FigureCanvasAgg(fig)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


def _changed(before: np.ndarray, after: np.ndarray) -> bytes:
    """The pixels that have changed, as lossless WebP that is transparent elsewhere."""
    same = (before == after).all(-1, keepdims=True)
    file = io.BytesIO()
    Image.fromarray(np.where(same, np.uint8(0), after)).save(file, "webp", **LOSSLESS)
    return file.getvalue()
