"""The house style, and the one way to show a figure.

A figure is drawn once and shown twice, for light and for dark pages: every house colour has a partner in DARK, and all
else (gray images, colour maps) stays. Widths are chosen so that labels are still readable on a telephone: WIDTH
inches, filled with one or two panels, never with four.
"""

import base64
import html
import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.artist import Artist
from matplotlib.colors import to_rgba, to_rgba_array
from matplotlib.figure import Figure

WIDTH = 7.0  # inches; 96 CSS pixels each in the page
DPI = 192  # two pixels a CSS pixel
PAPER, INK, MUTED, GRID = "#ffffff", "#1f2328", "#59636e", "#d8dde3"
CYCLE = (
    "#0072b2",
    "#d55e00",
    "#00866a",
    "#a8467f",
    "#a87900",
    "#2a8fc4",
    "#59636e",
)  # Okabe-Ito, at 3 : 1 on white
MARKERS = "osD^vP*"
BADGE = {
    "color": "#fffffe",
    "weight": "bold",
    "bbox": {"boxstyle": "round,pad=0.2", "fc": "#000000bb", "ec": "none"},
}
DARK = {
    PAPER: "#121212",
    INK: "#e6e8eb",
    MUTED: "#a9b2bc",
    GRID: "#3a4048",
    **dict(
        zip(
            CYCLE[:-1],
            ("#4fa8e8", "#f0803c", "#1fc79b", "#dd8fbd", "#e6b13a", "#8ad0f5"),
            strict=True,
        )
    ),
}


def use_style(profile: str = "quick") -> None:
    """Make the house style matplotlib's default in this process; lengths in points.

    The profile smoke, whose figures nobody looks at, has half as many pixels a side.
    """
    sizes = dict.fromkeys(("font.size", "axes.titlesize", "axes.labelsize"), 12.5)
    small = dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 12)
    names = (
        "text.color",
        "axes.labelcolor",
        "axes.titlecolor",
        "xtick.labelcolor",
        "ytick.labelcolor",
    )
    muted = ("axes.edgecolor", "xtick.color", "ytick.color")
    mpl.rcParams.update(
        {**sizes, **small, **dict.fromkeys(names, INK), **dict.fromkeys(muted, MUTED)}
    )
    mpl.rcParams.update(
        {
            "figure.figsize": (WIDTH, 4.4),
            "savefig.dpi": DPI // 2 if profile == "smoke" else DPI,
            "figure.constrained_layout.use": True,
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


def show(fig: Figure, name: str, alt: str = "") -> None:
    """Display a figure under a name, in a light and a dark version, with a text for who cannot see it; close it.

    Both are lossless WebP, so a page shows exactly the pixels that were drawn, at about half of PNG's size. Lossy
    WebP gains nothing: photographs are enlarged without interpolation, and with their noise it needs as many bytes at
    42 dB, while text and curves need more. In the notebook the images are part of the output; the book makes files of
    them (book/_ext/figure_files.py), and ``loading="lazy"`` keeps browsers from fetching the version that is hidden.
    """
    light = _webp(fig, transparent=False)
    recolour(fig)
    dark = _webp(fig, transparent=True)
    width, height = (round(96 * inches) for inches in fig.get_size_inches())
    plt.close(fig)
    alt = html.escape(alt or name.replace("_", " "), quote=True)
    # Hidden here, not only by the book's style sheet: other viewers show the light version alone.
    versions = (("light", light, ""), ("dark", dark, "; display: none"))
    images = "".join(
        f'<img class="only-{theme} figure" alt="{alt}" width="{width}" height="{height}" '
        f'style="max-width: 100%; height: auto{hidden}" loading="lazy" decoding="async" '
        f'src="data:image/webp;base64,{base64.b64encode(content).decode()}">'
        for theme, content, hidden in versions
    )
    display(
        {"text/html": images, "text/plain": f"<figure {name}>"}, raw=True, metadata={"figure": name}
    )


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
    file = io.BytesIO()
    effort = {"lossless": True, "quality": 50}  # more takes longer for no fewer bytes
    fig.savefig(file, format="webp", transparent=transparent, pil_kwargs=effort)
    return file.getvalue()
