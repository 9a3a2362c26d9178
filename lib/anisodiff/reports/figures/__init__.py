"""Figures of the pages: the house style and the plots that several pages share."""

from .drawn import carry
from .house import DPI, WIDTH, recolour, show, use_style
from .palette import DARK, MUTED, PAPER, look, ordered
from .plots import GMap, coarse, curves, gains, heat_map, images, interval, label

__all__ = [
    "DARK",
    "DPI",
    "MUTED",
    "PAPER",
    "WIDTH",
    "GMap",
    "carry",
    "coarse",
    "curves",
    "gains",
    "heat_map",
    "images",
    "interval",
    "label",
    "look",
    "ordered",
    "recolour",
    "show",
    "use_style",
]
