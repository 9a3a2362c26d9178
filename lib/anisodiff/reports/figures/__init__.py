"""Figures of the pages: the house style and the plots that several pages share."""

from .house import CYCLE, DARK, DPI, MARKERS, MUTED, PAPER, WIDTH, recolour, show, use_style
from .plots import curves, gains, heat_map, images, interval, signed

__all__ = [
    "CYCLE",
    "DARK",
    "DPI",
    "MARKERS",
    "MUTED",
    "PAPER",
    "WIDTH",
    "curves",
    "gains",
    "heat_map",
    "images",
    "interval",
    "recolour",
    "show",
    "signed",
    "use_style",
]
