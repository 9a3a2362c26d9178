"""Figures: two colourings of one drawing, both readable, with a finding and their numbers, and nothing left open."""

import base64
import io
import json
import re

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from skimage.color import deltaE_cie76, rgb2lab

from anisodiff.data import provenance
from anisodiff.reports import figures
from anisodiff.reports.figures import palette, plots


@pytest.fixture(autouse=True)
def style():
    with mpl.rc_context(), plt.ioff():
        figures.use_style()
        yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch):
    """What `show` hands to the notebook."""
    calls = []
    monkeypatch.setattr(
        figures.house, "display", lambda data, **options: calls.append((data, options))
    )
    return calls


@pytest.fixture
def table():
    generator = np.random.default_rng(0)
    rows = [
        (model, level, image, 30 - level / 5 + gain + image / 4 + generator.normal(0, 0.01))
        for model, gain in (("tuned", 0), ("learned", 0.5))
        for level in (5, 25, 50)
        for image in range(6)
    ]
    return pd.DataFrame(rows, columns=["model", "level", "image", "value"])


def pictures(data):
    for name, content in re.findall(
        r'class="only-(light|dark)(?: over)? figure"[^>]*base64,([^"]+)"', data["text/html"]
    ):
        yield (
            name,
            np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGBA")).astype(
                int
            ),
        )


def linear(colour):
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def contrast(first, second):
    dim, bright = sorted(linear(colour) @ [0.2126, 0.7152, 0.0722] for colour in (first, second))
    return (bright + 0.05) / (dim + 0.05)


def test_two_versions_of_one_size_and_the_figure_closed(shown, table):
    fig = figures.curves(table).figure
    figures.show(fig, "curves", "Learned is above <tuned>, by -0.5 or more.", "At $-1$.")
    [(data, options)] = shown
    versions = dict(pictures(data))
    assert versions["light"].shape == versions["dark"].shape
    assert not np.array_equal(versions["light"], versions["dark"])
    assert (versions["light"][0, 0] == 255).all() and versions["dark"][0, 0, 3] == 0
    assert options["metadata"]["figure"] == "curves"
    said = "Learned is above {}tuned{}, by −0.5 or more."
    assert data["text/html"].count(f'alt="{said.format("&lt;", "&gt;")}"') == 2
    assert data["text/markdown"].splitlines()[:2] == [":::{shown} curves", said.format("<", ">")]
    assert data["text/markdown"].endswith("\n\nAt $-1$.\n:::")
    with pytest.raises(ValueError, match=r"figure curves: the finding is one sentence.*'no stop'"):
        figures.show(fig, "curves", "no stop")
    assert not plt.get_fignums()


def test_what_is_shown_is_what_was_drawn_and_small(shown):
    """Lossless, so that no artefact of a codec passes for one of denoising; noise and curves alike."""
    generator = np.random.default_rng(0)
    noisy = np.clip(128 + 60 * np.eye(64) + generator.normal(0, 25, (64, 64)), 0, 255)
    fig = figures.images([[noisy, noisy.T]], ["a", "b"])
    fig.draw_without_rendering()
    fig.set_layout_engine("none")  # else each drawing settles the layout a little more
    file = io.BytesIO()
    fig.savefig(file)
    figures.show(fig, "noisy", "Noise.")
    html = shown[0][0]["text/html"]
    light = dict(pictures(shown[0][0]))["light"]
    drawn = Image.open(file).convert("RGBA")
    np.testing.assert_array_equal(light, np.asarray(drawn))
    png = io.BytesIO()
    drawn.convert("L").save(png, "PNG", optimize=True)
    assert (
        len(html) < 0.9 * len(png.getvalue()) * 4 / 3
    )  # two versions, but one of the noise, base64
    # The page keeps the place of an image that is not there yet.
    width, height = (int(re.search(rf' {side}="(\d+)"', html)[1]) for side in ("width", "height"))
    assert width == 96 * figures.WIDTH
    assert int(re.search(r"min-width: (\d+)px", html)[1]) == round(width * 9 / (14 * 96 / 72))
    assert height / width == pytest.approx(light.shape[0] / light.shape[1], rel=0.01)
    assert html.count('loading="lazy"') == html.count("data:image/webp;base64,") == 2


def test_lines_are_drawn_in_few_shades_that_are_nearly_theirs(shown, table):
    fig = figures.curves(table, direct=False).figure
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    file = io.BytesIO()
    fig.savefig(file)
    figures.show(fig, "lines", "Lines.")
    light = dict(pictures(shown[0][0]))["light"].astype(int)
    assert all(
        len(np.unique(channel)) <= figures.house.SHADES for channel in np.moveaxis(light, -1, 0)
    )
    assert 0 < np.abs(light - np.asarray(Image.open(file).convert("RGBA"))).max() <= 4


def test_every_ink_is_readable_on_both_pages(table):
    fig = figures.curves(table, direct=False).figure
    fig.draw_without_rendering()
    for paper in (figures.PAPER, figures.DARK[figures.PAPER]):
        if paper != figures.PAPER:
            figures.recolour(fig)
        texts = [text for text in fig.findobj(mpl.text.Text) if text.get_text()]
        assert len(texts) > 8
        for text in texts:
            assert contrast(text.get_color(), paper) >= 4.5, text
        for line in fig.axes[0].lines:
            assert contrast(line.get_color(), paper) >= 3
            assert contrast(line.get_markerfacecolor(), paper) >= 3


def test_the_cycle_is_readable_on_both_pages():
    for light in palette.CYCLE:
        assert contrast(light, figures.PAPER) >= 3
        assert contrast(figures.DARK[light], figures.DARK[figures.PAPER]) >= 3


def test_of_photographs_the_dark_version_has_what_lies_over_the_light_one(shown):
    image = np.linspace(0, 255, 64 * 48).reshape(48, 64)
    grid = figures.images(
        [[image, None], [image, image]], ["a", "b"], ["c", "d"], [["", ""], ["1", "2"]]
    )
    figures.show(grid, "grid", "Ramps.")
    assert shown[0][0]["text/html"].count('class="only-dark over figure"') == 1
    light, over = dict(pictures(shown[0][0])).values()
    assert set(np.unique(over[..., 3])) == {0, 255}
    photograph = np.abs(light[..., 0] - 128) < 60
    assert (over[photograph][:, 3] == 0).mean() > 0.95 and photograph.mean() > 0.2
    seen = np.where(over[..., 3:] == 255, over, light)
    file = io.BytesIO()
    grid.savefig(file, facecolor=grid.get_facecolor())  # as it was recoloured
    drawn = np.asarray(Image.open(file).convert("RGBA")).astype(int)
    assert np.abs(seen - drawn).max() <= 30 and np.abs(seen - drawn).mean() < 0.5  # WebP of ramps
    assert tuple(seen[0, 0, :3]) == tuple(
        int(figures.DARK[figures.PAPER][at : at + 2], 16) for at in (1, 3, 5)
    )


def test_differences_are_paired(table):
    ax = figures.curves(table, baseline="tuned", names={"tuned": "tuned", "learned": "learned"})
    line = ax.lines[-1]
    np.testing.assert_allclose(line.get_ydata(), 0.5, atol=0.05)
    assert (
        line.get_color() == figures.look("learned", 1)["color"]
    )  # the second name's, as in a figure of both
    assert [text.get_text() for text in ax.texts] == ["learned"]


def test_heat_map_marks_its_optimum():
    table = pd.DataFrame(
        [[1.0, 2], [3, 9], [4, 5]], index=pd.Index([1, 2, 3], name="steps"), columns=[10, 20]
    )
    ax = figures.heat_map(table, near=1, digits=1)
    assert ax.texts[0].get_text() == "9.0"
    np.testing.assert_allclose(ax.lines[-1].get_xydata(), [[1.5, 1.5]])


def test_gains_have_a_row_for_each_degradation_and_one_legend(table):
    scores = pd.concat(
        [table.assign(metric="psnr"), table.assign(metric="ssim", value=table.value / 40)]
    )
    fig = figures.gains(
        {"gaussian": scores, "blur": scores},
        {"learned": "learned lambda", "tuned": "tuned"},
        "tuned",
    )
    assert [ax.get_ylabel() for ax in fig.axes] == ["Gaussian noise", "", "blur", ""]
    for ax, gain in zip(fig.axes, (0.5, 0.5 / 40) * 2, strict=True):
        line = next(line for line in ax.lines if line.get_label() == "learned lambda")
        np.testing.assert_allclose(line.get_ydata(), gain, rtol=0.05)
        assert ax.get_legend() is None
    small = pd.concat(
        [table.assign(metric=metric, value=table.value * 1e-6) for metric in ("psnr", "ssim")]
    )
    for ax in figures.gains(
        {"blur": small}, {"learned": "learned lambda", "tuned": "tuned"}, "tuned"
    ).axes:
        assert (
            ax.get_ylim()[0] <= -0.002 and ax.get_ylim()[1] >= 0.002
        )  # where it looks like nothing
    assert [text.get_text() for text in fig.legends[0].get_texts()] == ["learned lambda"]


def test_every_map_of_g_has_one_meaning_of_white_a_frame_and_a_colour_bar():
    g = np.array([[-0.5, 0], [0.25, 1]])
    fig = figures.images([[np.zeros((2, 2)), figures.GMap(np.maximum(g, 0))]], zoom=(0, 0, 1))
    photograph, shown, bar = fig.axes
    assert not photograph.spines["top"].get_visible() and shown.spines["top"].get_visible()
    assert shown.images[0].get_clim() == (0, 1) and bar.get_title().startswith("g: black stops")
    np.testing.assert_allclose(shown.images[0].cmap([0.0, 1.0])[:, :3], [[0] * 3, [1] * 3])
    signed, bar = figures.images([[figures.GMap(g)]]).axes
    colours = signed.images[0].to_rgba(g)[..., :3]
    np.testing.assert_allclose(colours[[0, 1], [1, 1]], [[0] * 3, [1] * 3], atol=0.01)
    assert colours[0, 0, 0] > colours[0, 0, 2] + 0.3 and "orange" in bar.get_title()
    several = [figures.GMap(np.ones((2, 2)) * top, top=top) for top in (0.2, 1)]
    assert [text.get_text() for text in figures.images([several]).axes[-1].get_xticklabels()] == [
        "0",
        "the largest",
    ]


DEUTERANOPIA = np.array(  # Machado, Oliveira and Fernandes 2009, severity 1, of linear RGB
    [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ]
)


def lab(colours, seen):
    rgb = np.clip(np.array([linear(colour) for colour in colours]) @ seen.T, 0, 1)
    return rgb2lab(np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("count", [3, palette.MOST])
def test_values_in_an_order_are_told_apart(count):
    light = figures.ordered(count)
    for colours, paper in (
        (light, figures.PAPER),
        ([figures.DARK[one] for one in light], figures.DARK[figures.PAPER]),
    ):
        strength = [contrast(colour, paper) for colour in colours]
        assert strength == sorted(strength) and strength[0] >= 3
        for seen in (np.eye(3), DEUTERANOPIA):
            found = lab(colours, seen)
            assert deltaE_cie76(found[1:], found[:-1]).min() >= 10
    with pytest.raises(ValueError, match="8 ordered values; colours tell at most 7 apart"):
        figures.ordered(8)


def test_a_model_has_one_look_in_the_whole_book(table):
    looks = [look[:2] for look in palette.MODELS.values()]
    assert len(set(looks)) == len(looks)
    named = {"tuned": "perona-malik", "learned": "foe-s"}
    ax = figures.curves(table.replace({"model": named}), direct=False)
    for line in ax.lines:
        assert (line.get_color(), line.get_marker()) == palette.MODELS[line.get_label()]
    for path in (provenance.ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        code = "\n".join("".join(one["source"]) for one in cells if one["cell_type"] == "code")
        typed = re.search(r"""figures\.(CYCLE|MARKERS)|["']#[0-9a-f]{6}["']""", code)
        assert not typed, f"{path.name}: {typed[0]}, where figures.look and figures.ordered give it"


def test_the_numbers_go_along(table, shown):
    fig = figures.curves(table, direct=False).figure
    fig.axes[0].axhline(3)
    means = table.groupby(["model", "level"]).value.mean()
    figures.show(fig, "curves", "A line.")
    numbers = pd.read_csv(io.StringIO(shown[0][1]["metadata"]["csv"]))
    for model in ("tuned", "learned"):
        found = numbers[numbers.series == model].set_index("x")
        np.testing.assert_allclose(found.y, means[model], rtol=1e-5)
        assert (found.low < found.y).all() and (found.y < found.high).all()
    assert len(numbers) == len(means)
    cells = pd.DataFrame([[1.0, 2], [3, 9]], index=[1, 2], columns=[10, 20])
    figures.show(figures.heat_map(cells).figure, "map", "A map.")
    numbers = pd.read_csv(io.StringIO(shown[1][1]["metadata"]["csv"])).dropna(subset="value")
    assert numbers.pivot(index="y", columns="x", values="value").to_numpy().tolist() == [
        [1, 2],
        [3, 9],
    ]
    figures.show(figures.images([[np.zeros((4, 4))]]), "image", "Black.")
    assert "csv" not in shown[2][1]["metadata"]


def test_an_interval_is_one_cell_with_signs():
    assert (
        figures.interval((0.126, -0.034, 0.3)) == "+0.13<br><small>−0.03&nbsp;to&nbsp;+0.30</small>"
    )
    assert figures.interval((-0.0126, -0.02, 0.001), digits=3).startswith("−0.013<br>")
    assert (
        figures.interval((-0.001, -0.004, 0.0)) == "0.00<br><small>0.00&nbsp;to&nbsp;0.00</small>"
    )


def test_photographs_are_as_coarse_as_their_noise_hides():
    clean = np.tile(np.linspace(100, 150, 64), (64, 1))
    noisy = clean + 25 * np.random.default_rng(0).standard_normal(clean.shape)
    assert plots.coarse(clean) is clean
    drawn = plots.coarse(noisy)
    step = np.diff(np.unique(drawn)).min()
    assert 10 <= step <= 13 and 1 < np.std(drawn - noisy) < step / 3
    assert plots.coarse(np.dstack([noisy] * 3)).shape == (64, 64, 3)
