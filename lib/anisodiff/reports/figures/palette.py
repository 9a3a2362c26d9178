"""Colours and markers: one pair for each model in the whole book, a sequential palette for what has an order.

Every colour is readable on white and has a partner in DARK that is readable on dark pages.
"""

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex

PAPER, INK, MUTED, GRID = "#ffffff", "#1f2328", "#59636e", "#d8dde3"
BLUE, RED, GREEN, PINK, OCHRE, SKY, GRAY = CYCLE = (
    "#0072b2",
    "#d55e00",
    "#00866a",
    "#a8467f",
    "#a87900",
    "#2a8fc4",
    MUTED,
)  # Okabe-Ito, at 3 : 1 on white
MARKERS = "osD^vP*"
MOST = 7  # values that an order may have, so that neighbours can be told apart

# Colour, marker and, where a figure has more models than there are colours, the line. Models that stand in one figure
# differ in colour or line; no two have both colour and marker in common.
MODELS = {
    "perona-malik": (GRAY, "o"),
    "perona-malik-option-1": (OCHRE, "v"),
    "perona-malik-oracle-lambda": (SKY, "^"),
    "perona-malik-oracle": (GREEN, "*"),
    "perona-malik-released": (RED, "<"),
    "heat": (RED, "v"),
    "learned-lambda": (PINK, "s"),
    "learned-lambda-time": (RED, "P"),
    "learned-lambda-borders": (PINK, "o"),
    "learned-lambda-borders-true": (GRAY, "D"),
    "p1": (GREEN, "D"),
    "p1-nonnegative": (OCHRE, "^"),
    "p1-pointwise": (SKY, "v"),
    "p1-borders": (GREEN, "o"),
    "p1-borders-true": (GRAY, "s"),
    "foe-s": (BLUE, "o"),
    "foe-d": (RED, "s"),
    "foe-m": (GREEN, "P"),
    "foe-rb": (PINK, "^"),
    "foe-s-told": (OCHRE, "s"),
    "foe-s-estimating": (GREEN, "h"),
    "foe-s-blind": (PINK, "X"),
    "foe-s-signed-told": (PINK, "*"),
    "foe-s-data": (GRAY, "<"),
    "foe-s-signed": (PINK, "D"),
    "foe-s-edges": (GREEN, "s"),
    "foe-s-untied": (OCHRE, "P"),
    "foe-s-untied-edges": (SKY, "P"),
    "unet-diffusivity": (SKY, "h"),
    "network": (BLUE, "v", "--"),
    "network-memory": (PINK, "v", "--"),
    "network-long": (RED, "D"),
    "dncnn": (BLUE, "s"),
    "residual-unet": (GREEN, "^"),
    "dct-7": (GRAY, "v"),
    "dct-8-adaptive": (SKY, "o"),
    "dct-7-learned": (GREEN, "v"),
    "dct-8-learned": (BLUE, "D"),
    "dct-8-straight": (RED, "o"),
    "dct-8-soft": (OCHRE, "o"),
    "dct-8-searched": (PINK, "P"),
    "dct-8-transform": (SKY, "s"),
    "dct-16-learned": (RED, "*"),
    "ffdnet-narrow": (GREEN, "p"),
    "ffdnet-narrow-one-level": (PINK, "p"),
    "drunet-lite": (RED, "h"),
    "drunet-longer": (PINK, "8"),
    "drunet-longest": (SKY, "8"),
    "drunet-wide": (OCHRE, "h"),
    "tnrd": (RED, ">"),
    "tnrd-7x7": (BLUE, "X"),
    "tnrd-short": (SKY, "D"),
    "tnrd-greedy": (OCHRE, "D"),
    "tnrd-greedy-joint": (GREEN, ">"),
    "tnrd-lbfgs": (PINK, "h"),
    "tnrd-splines": (GRAY, "X"),
    "tnrd-stages-8": (BLUE, "*", "--"),
    "tnrd-counts": (RED, "p"),
    "tnrd-poisson": (BLUE, ">"),
    "bm3d-anscombe": (GRAY, "p"),
    # What finds borders:
    "border-classifier": (BLUE, "P"),
    "border-classifier-universal": (RED, "X"),
    "gradient": (GREEN, "<"),
    "gradient-smoothed": (PINK, ">", "--"),
    "sobel": (OCHRE, "p"),
    "canny": (GRAY, "^"),
    "true-borders": (INK, "D"),
    "annotator": (INK, "*"),
}


def look(name: str, place: int = 0) -> dict[str, str]:
    """Colour, marker and line of a model, as matplotlib's keywords; ``place`` chooses for other names."""
    other = (CYCLE[place % len(CYCLE)], MARKERS[place % len(MARKERS)])
    colour, marker, *line = MODELS.get(name, other)
    return {"color": colour, "marker": marker, "linestyle": line[0] if line else "-"}


def ordered(count: int) -> list[str]:
    """Colours of ``count`` values in an order, the strongest farthest from the paper; ValueError above MOST."""
    if not 1 <= count <= MOST:
        raise ValueError(f"{count} ordered values; colours tell at most {MOST} apart")
    return [light for light, _ in _pairs(count)]


def _pairs(count: int) -> list[tuple[str, str]]:
    """Light and dark: the parts of inferno and of viridis that are at 3 : 1 on the paper."""
    light, dark = mpl.colormaps["inferno"], mpl.colormaps["viridis"]
    return [
        (to_hex(light(0.67 - 0.65 * place)), to_hex(dark(0.42 + 0.58 * place)))
        for place in np.linspace(0, 1, count)
    ]


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
    **{light: dark for count in range(1, MOST + 1) for light, dark in _pairs(count)},
}
