"""The numbers that a figure shows, read off the figure itself."""

from weakref import WeakKeyDictionary

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection
from matplotlib.colors import to_hex
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

COLUMNS = ["panel", "series", "x", "y", "low", "high", "value"]
MOST = 201  # points of a curve that are kept
_tables = WeakKeyDictionary()


def carry(artist: Artist, table: pd.DataFrame) -> None:
    """Say which numbers an artist shows (index: y, columns: x), where its pixels do not."""
    _tables[artist] = table


def drawn(fig: Figure) -> pd.DataFrame:
    """Curves, dots, bands and heat maps of a figure, a row a point; empty where a figure holds images only.

    ``panel`` is a panel's title, else its axes' labels, ``low`` and ``high`` are a band or an error bar. What an artist
    carries (:func:`carry`) becomes cells, with a ``value``.
    """
    parts = [part for ax in fig.axes if ax.get_label() != "<colorbar>" for part in _points(ax)]
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame(columns=COLUMNS)
    return pd.concat(parts, ignore_index=True).reindex(columns=COLUMNS).dropna(axis=1, how="all")


def _points(ax: Axes):
    labels = ax.get_ylabel(), ax.get_xlabel()
    panel = ax.get_title() or " against ".join(filter(None, labels))
    bands = {_colour(band): band for band in ax.collections if isinstance(band, PolyCollection)}
    bars = {one[0]: one for one in ax.containers if isinstance(one, ErrorbarContainer)}
    for line in ax.lines:
        label = line.get_label()
        if line.get_transform() != ax.transData:
            continue  # a line across the axes, which is no data
        points = pd.DataFrame(line.get_xydata(), columns=["x", "y"])
        for column, values in _interval(line, bands, bars, len(points)).items():
            points[column] = values
        series = "" if label.startswith("_") else label
        some = np.linspace(0, len(points) - 1, min(len(points), MOST)).round().astype(int)
        yield points.iloc[some].assign(panel=panel, series=series)
    for artist in (*ax.collections, *ax.images):
        table = _tables.get(artist)
        if table is not None:
            cells = table.rename_axis(index="y", columns="x").stack().rename("value").reset_index()
            yield cells.assign(panel=panel)
        elif isinstance(artist, PathCollection):
            yield pd.DataFrame(artist.get_offsets(), columns=["x", "y"]).assign(panel=panel)


def _interval(line, bands: dict, bars: dict, count: int) -> dict[str, np.ndarray]:
    """Low and high of a line, from its error bars or from the band of its colour."""
    if line in bars:
        segments = bars[line][2][0].get_segments()
        axis = 0 if bars[line].has_xerr else 1
        return {
            name: [one[end, axis] for one in segments] for name, end in (("low", 0), ("high", 1))
        }
    band = bands.get(to_hex(line.get_color()))
    if band is None or len(band.get_paths()[0].vertices) != 2 * count + 3:
        return {}
    edge = band.get_paths()[0].vertices[:, 1]  # as fill_between walks: along one side and back
    return {"low": edge[1 : count + 1], "high": edge[count + 2 : 2 * count + 2][::-1]}


def _colour(band: PolyCollection) -> str:
    return to_hex(band.get_facecolor()[0][:3])
