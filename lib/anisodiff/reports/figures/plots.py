"""The plots that several pages share."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from ...methods.diffusion.experts import noise_level
from ...metrics.statistics import mean_interval
from ..names import degradation
from ..pages.tables import signed as signed_cell
from .drawn import carry
from .house import BADGE, WIDTH
from .palette import MUTED, look

G_COLOURS = {False: ("#000000", "#ffffff"), True: ("#ff8c1a", "#000000", "#ffffff")}  # if signed
G_STEPS = 64  # from 0 to the top: finer ones cannot be seen, and cost bytes
BAR = 0.68  # inches, of the colour bar under maps of g


@dataclass(frozen=True)
class GMap:
    """A diffusivity map (H, W) as a picture for :func:`images`, which draws its frame and colour bar.

    One meaning in the whole book: white diffuses freely, g = ``top``; black not at all, g = 0; orange, where g < 0,
    is sharpened.
    """

    g: np.ndarray
    top: float = 1.0

    @property
    def signed(self) -> bool:
        return bool(self.g.min() < 0)


def label(ax: Axes, text: str, point: tuple[float, float], spot: tuple[float, float]) -> None:
    """A name ``spot`` points to the right of and above a point of a plot, or to its left where that is negative."""
    side = "left" if spot[0] > 0 else "right"
    ax.annotate(text, point, spot, textcoords="offset points", size=11, ha=side)


def images(
    rows: Sequence[Sequence[np.ndarray | GMap | None]],
    titles: Sequence[str] = (),
    labels: Sequence[str] = (),
    captions: Sequence[Sequence[str]] = (),
    limits: tuple[float, float] | Sequence[tuple[float, float] | None] = (0, 255),
    zoom: tuple[int, int, int] | None = None,
    width: float = WIDTH,
) -> Figure:
    """A grid of images: titles above the columns, labels left of the rows, captions below the images.

    Images are (H, W), or in colour (H, W, 3) on 0..255, or a :class:`GMap`, for which a colour bar stands below.
    ``limits`` are black and white for all, or one pair a column (None: the image's own extremes). ``zoom`` = (row,
    column, side) adds that square of pixels, enlarged, in a corner of every image.
    """
    count = max(map(len, rows))
    per_column = [limits] * count if np.isscalar(limits[0]) else list(limits)
    left, text = (0.3 if len(labels) else 0), 0.29
    side = (width - left) / count
    maps = [one for row in rows for one in row if isinstance(one, GMap)]
    shapes = [getattr(row[0], "g", row[0]).shape for row in rows]
    heights = [side * shape[0] / shape[1] for shape in shapes]
    height = sum(heights) + text * bool(len(titles)) + text * len(rows) * bool(len(captions))
    height += BAR * bool(maps)
    fig, axes = plt.subplots(
        len(rows),
        count,
        squeeze=False,
        figsize=(width, height),
        height_ratios=heights,
        dpi=mpl.rcParams["figure.dpi"] * 3 / 4,  # more would show no more of a photograph
    )
    fig.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    size = min(14, 6.4 * side)
    for i, j in np.ndindex(axes.shape):
        ax = axes[i, j]
        ax.grid(False)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        if j >= len(rows[i]) or rows[i][j] is None:
            continue
        low, high = per_column[j] or (None, None)
        picture, cmap = rows[i][j], None
        if isinstance(picture, GMap):
            low, high, cmap = _g_range(maps)
            picture = np.round(picture.g / picture.top * G_STEPS) / G_STEPS
            ax.spines[:].set(visible=True, linewidth=0.8)  # else a white map reads as a missing one
        elif (low, high) == (0, 255):
            picture = coarse(picture)
        if np.ndim(picture) == 3:
            picture = picture / 255  # matplotlib wants colours in 0..1
        ax.imshow(picture, vmin=low, vmax=high, cmap=cmap)
        if zoom:
            _inset(ax, picture, zoom)
        if i == 0 and len(titles):
            ax.set_title(titles[j], size=size, pad=4)
        if j == 0 and len(labels):
            ax.set_ylabel(labels[i], size=size)
        if len(captions) and captions[i][j]:
            ax.set_xlabel(captions[i][j], size=size, labelpad=3)
    if maps:
        _g_bar(fig, axes, maps)
    return fig


def coarse(picture: np.ndarray) -> np.ndarray:
    """An image on 0..255 in whole steps of at most half of its noise: (H, W) or (H, W, 3) to the same.

    Finer steps cannot be seen under the noise, and cost bytes. Without noise nothing changes.
    """
    gray = torch.tensor(np.atleast_3d(picture)[None, None, ..., 0], dtype=torch.float32)
    step = np.floor(float(noise_level(gray)) / 2)
    return picture if step <= 1 else (np.round(picture / step) * step).clip(0, 255)


def curves(
    table: pd.DataFrame,
    x: str = "level",
    y: str = "value",
    hue: str = "model",
    band: bool = True,
    baseline: str | None = None,
    names: dict[str, str] | None = None,
    looks: dict[str, dict] | None = None,
    ax: plt.Axes | None = None,
    direct: bool = True,
) -> plt.Axes:
    """Mean of y against x, a curve for each value of hue, with the 95 % bootstrap interval over the images as a band.

    ``table`` is tidy, one row an image (column ``image``) and x. With ``baseline``, a value of hue, the curves are the
    mean paired differences to it. ``names`` are labels, by value of hue. Colour and marker are those of ``looks``, else
    of the model (:func:`look`). ``direct`` writes the labels at the ends, else in a legend below.
    """
    ax = ax or plt.figure().add_subplot()
    wide = table.pivot_table(y, ["image", x], hue)
    names = names or {value: value for value in dict.fromkeys(table[hue])}
    if baseline is not None:
        wide = wide.sub(wide[baseline], axis=0)
        ax.axhline(0, color=MUTED, linewidth=1.2)
    ends = []
    for number, (value, label) in enumerate(
        names.items()
    ):  # a name keeps its colour where another is left out
        if value == baseline or value not in wide:
            continue
        groups = wide[value].dropna().groupby(x)
        mean, low, high = np.array([mean_interval(group.to_numpy()) for _, group in groups]).T
        at, style = list(groups.groups), (looks or {}).get(value) or look(value, number)
        ax.plot(at, mean, label=label, **style)
        if band:
            ax.fill_between(at, low, high, color=style["color"], alpha=0.16, linewidth=0)
        ends.append((at[-1], mean[-1], label, style["color"]))
    ax.set(xlabel=x, ylabel=y)
    if direct:
        _label_ends(ax, ends)
    else:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=min(2, len(ends)))
    return ax


def gains(tables: dict[str, pd.DataFrame], names: dict[str, str], baseline: str) -> Figure:
    """Mean paired differences of models to a baseline against the level, in PSNR and SSIM: a row for each degradation.

    ``tables`` are tidy scores by name of the degradation, ``names`` the labels of their models.
    Every axis spans at least what an eye might see, so that nothing looks like something.
    """
    fig, axes = plt.subplots(
        len(tables), 2, squeeze=False, figsize=(WIDTH, 2.5 * len(tables) + 0.6)
    )
    drawn = {}
    for row, (kind, table) in zip(axes, tables.items(), strict=True):
        for ax, (metric, least) in zip(row, {"psnr": 0.02, "ssim": 0.002}.items(), strict=True):
            curves(
                table[table.metric == metric], names=names, baseline=baseline, ax=ax, direct=False
            )
            drawn |= {
                label: line for line, label in zip(*ax.get_legend_handles_labels(), strict=True)
            }
            ax.get_legend().remove()
            low, high = ax.get_ylim()
            ax.set_ylim(min(low, -least), max(high, least))
            ax.set(
                xlabel="level" if kind == list(tables)[-1] else "",
                ylabel=degradation(kind) if metric == "psnr" else "",
            )
    axes[0, 0].set_title("gain in PSNR, dB")
    axes[0, 1].set_title("gain in SSIM")
    fig.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=2)
    return fig


def interval(values: tuple[float, float, float], digits: int = 2) -> str:
    """A cell of a table (HTML): the mean, under it low and high, each with its sign."""
    return signed_cell(values, digits)


def heat_map(
    table: pd.DataFrame,
    ax: plt.Axes | None = None,
    label: str = "",
    near: float | None = None,
    digits: int = 2,
    also: tuple[float, float, str] | None = None,
) -> plt.Axes:
    """A matrix of scores (index: y, columns: x, both ascending), its optimum marked and its value written beside it.

    ``near`` also outlines all cells within that distance of the optimum; ``label`` names the colour bar; ``also`` is
    another place, its x, y and label.
    """
    ax = ax or plt.figure().add_subplot()
    values = table.to_numpy(float)
    shown = ax.pcolormesh(values, cmap="cividis", rasterized=True)
    carry(shown, table)
    ax.grid(False)
    width = ax.get_position().width * ax.figure.get_figwidth()
    for axis, ticks, room in ((ax.xaxis, table.columns, width / 0.5), (ax.yaxis, table.index, 8)):
        step = -(-len(ticks) // int(room))
        axis.set_ticks(
            np.arange(0, len(ticks), step) + 0.5, [f"{tick:.3g}" for tick in ticks[::step]]
        )
    ax.set(xlabel=table.columns.name or "", ylabel=table.index.name or "")
    i, j = np.unravel_index(np.nanargmax(values), values.shape)
    if near is not None:
        # Each cell as 8 x 8 points, so that the outline runs along the cells' borders.
        inside = np.kron(values >= values[i, j] - near, np.ones((8, 8)))
        rows, columns = (np.linspace(0, n, 8 * n) for n in values.shape)
        ax.contour(
            columns, rows, inside, levels=[0.5], colors="black", linewidths=1.5, linestyles="--"
        )
    ax.plot(
        j + 0.5,
        i + 0.5,
        "o",
        markersize=8,
        color=BADGE["color"],
        markeredgecolor="black",
        markeredgewidth=2,
    )
    aside = ((-11, 0), "right") if j > values.shape[1] / 2 else ((11, 0), "left")
    text, place = f"{values[i, j]:.{digits}f}", (j + 0.5, i + 0.5)
    ax.annotate(
        text, place, aside[0], textcoords="offset points", ha=aside[1], va="center", **BADGE
    )
    if also:
        axes = ((also[0], table.columns), (also[1], table.index))
        place = [np.interp(value, ticks, np.arange(len(ticks)) + 0.5) for value, ticks in axes]
        dot = {"markersize": 8, "color": BADGE["color"], "markeredgecolor": "black"}
        ax.plot(*place, "D", markeredgewidth=2, **dot)
        ax.annotate(also[2], place, (11, 0), textcoords="offset points", va="center", **BADGE)
    ax.figure.colorbar(shown, ax=ax, label=label).outline.set_visible(False)
    return ax


def _g_range(maps: Sequence[GMap]) -> tuple[float, float, LinearSegmentedColormap]:
    """The least and the largest value shown, as shares of ``top``, and their colours."""
    signed = any(one.signed for one in maps)
    return -1.0 * signed, 1.0, LinearSegmentedColormap.from_list("g", G_COLOURS[signed])


def _g_bar(fig: Figure, axes: np.ndarray, maps: Sequence[GMap]) -> None:
    low, high, cmap = _g_range(maps)
    shown = mpl.cm.ScalarMappable(mpl.colors.Normalize(low, high), cmap)
    bar = fig.colorbar(shown, ax=axes, location="bottom", shrink=0.6, aspect=45, pad=0.01)
    ticks, tops = np.linspace(low, high, 5 if low else 3), {one.top for one in maps}
    if len(tops) > 1:
        bar.set_ticks([0, 1], labels=["0", "the largest"])
    else:
        (top,) = tops
        bar.set_ticks(ticks, labels=[f"{tick * top:g}".replace("-", "−") for tick in ticks])
    said = "g: black stops, white diffuses" + ", orange sharpens" * bool(low)
    bar.ax.set_title(said, pad=4)


def _inset(ax: plt.Axes, image: np.ndarray, zoom: tuple[int, int, int]) -> None:
    row, column, side = zoom
    inset = ax.inset_axes([0.56, 0, 0.44, 0.44 * image.shape[1] / image.shape[0]])
    inset.imshow(image[row : row + side, column : column + side], clim=ax.images[0].get_clim())
    inset.grid(False)
    inset.set(xticks=[], yticks=[])
    inset.spines[:].set(visible=True, color="#f0c808", linewidth=1.5)
    ax.add_patch(
        plt.Rectangle(
            (column - 0.5, row - 0.5), side, side, fill=False, edgecolor="#f0c808", linewidth=1.5
        )
    )


def _label_ends(ax: plt.Axes, ends: list[tuple]) -> None:
    """Labels right of the last points, in the curves' colours, moved apart where they would overlap."""
    ax.figure.draw_without_rendering()
    gap = 1.25 * mpl.rcParams["legend.fontsize"] * ax.figure.dpi / 72
    ends = sorted(ends, key=lambda end: end[1])
    wanted = ax.transData.transform([end[:2] for end in ends])[:, 1]
    places = wanted.copy()
    for _ in range(
        200
    ):  # neighbours too close push each other apart, the others stay at their curves
        missing = np.maximum(gap - np.diff(places), 0) / 2
        places[:-1] -= missing
        places[1:] += missing
    for (*point, label, colour), shift in zip(
        ends, (places - wanted) * 72 / ax.figure.dpi, strict=True
    ):
        ax.annotate(
            label, point, (10, shift), textcoords="offset points", va="center", color=colour
        )
