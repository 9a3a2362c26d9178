"""Methods side by side for the eye: the pictures, and what a browser makes of them, opened from the disk."""

import base64
import io
import json
import re

import numpy as np
import pytest
import shown_figure
from PIL import Image

from anisodiff.data import collections
from anisodiff.metrics.distortion import psnr
from anisodiff.reports import eye


def pixels_of(src):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(src.partition(",")[2]))))


# The pictures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "shape"), [("chelsea", (32, 32, 3)), ("camera", (32, 32))])
def test_a_photograph_is_restored_in_its_own_colours(name, shape):
    models = ["perona-malik", "network-long"]
    shown = eye.restored(name, 25, side=32, models=models)
    assert list(shown) == ["clean", "input", "perona-malik", "network-long"]
    assert all(pixels.shape == shape for pixels in shown.values())
    assert psnr(shown["perona-malik"], shown["clean"]) > psnr(shown["input"], shown["clean"]) + 3
    assert "network-long" not in eye.restored(name, 15, side=32, models=models), (
        "which was trained for 25 alone"
    )


def test_colours_of_a_photograph():
    colour = collections.in_colour("chelsea")
    assert colour.shape == (300, 451, 3) and np.ptp(colour, axis=-1).max() > 50
    gray = next(of for of in collections.load("shipped/test") if of.name == "chelsea").pixels
    assert np.array_equal(collections.to_gray(colour.astype(np.uint8)), gray)
    with pytest.raises(ValueError, match=r"'cat'; there are: .*chelsea"):
        collections.in_colour("cat")


def test_pictures_have_the_psnr_that_was_measured_before_they_were_packed():
    clean = np.tile(np.linspace(20, 230, 32, dtype=np.float32), (32, 1))
    found = eye.pictures({"clean": clean, "input": clean + 10})
    assert found["input"]["psnr"] == round(10 * np.log10(255**2 / 100), 2)
    assert "psnr" not in found["clean"]
    assert np.abs(pixels_of(found["input"]["src"])[..., 0] - (clean + 10)).mean() < 2


def test_a_strip_shows_the_same_spot_of_all(outputs):
    clean = np.zeros((32, 32), np.float32)
    clean[8:16, 4:12] = 200
    eye.strip({"clean": clean, "input": clean + 1}, {"input": "noisy"}, spot=(8, 4, 8))
    ((data, metadata),) = outputs
    whole, spot = re.findall('src="([^"]+)"', data["text/html"])
    assert pixels_of(whole).shape[:2] == (32, 32)
    assert pixels_of(spot).shape[:2] == (24, 24) and pixels_of(spot).min() > 190
    assert "48.13 dB" in data["text/html"] and metadata == {"figure": "strip"}


# On another page -----------------------------------------------------------------------------------------------------


def test_figures_of_a_page_are_found_by_name(tmp_path):
    output = {"data": {"text/html": ["<b>", "</b>"]}, "metadata": {"figure": "strip"}}
    cells = [{"cell_type": "markdown"}, {"outputs": [output, {"output_type": "stream"}]}]
    (tmp_path / "page.ipynb").write_text(json.dumps({"cells": cells}))
    assert shown_figure.figures(tmp_path / "page.ipynb", 0) == {"strip": ("<b></b>", "")}


# In a browser --------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(opened):
    """A page with a wipe."""
    tones = {"clean": 250, "input": 10, "foe-s": 100, "bm3d": 200}
    for name in ("bright", "dark"):
        shown = {of: np.full((64, 64), gray / (1 + (name == "dark"))) for of, gray in tones.items()}
        eye.bundle(f"wipe-{name}-25", eye.pictures(shown))
    start = {"photograph": "bright", "level": 25, "left": "input", "right": "foe-s"}
    eye.wipe(["bright", "dark", "absent"], [25], start)
    return opened("document.querySelectorAll('.wipe output')[1]?.textContent")


def tone(page, share):
    """What gray is seen on the stage at a share of its width, a quarter down."""
    stage = page.locator(".wipe .stage")
    box, image = stage.bounding_box(), Image.open(io.BytesIO(stage.screenshot())).convert("L")
    return image.getpixel((int(share * (box["width"] - 1)), int(box["height"] / 4)))


def test_the_line_parts_two_methods(page):
    assert [of.inner_text() for of in page.locator(".wipe output").all()] == [
        "noisy: 0.53 dB",
        "FoE-S: 4.61 dB",
    ]
    assert tone(page, 0.3) == pytest.approx(10, abs=3) and tone(page, 0.7) == pytest.approx(
        100, abs=3
    )
    bar = page.locator(".wipe input.line")
    bar.focus()
    for _ in range(30):
        page.keyboard.press("ArrowLeft")
    assert tone(page, 0.3) == pytest.approx(100, abs=3), "the line is at a fifth now"
    assert tone(page, 0.1) == pytest.approx(10, abs=3)


def test_methods_and_photographs_are_chosen(page):
    page.get_by_label("Right", exact=True).select_option("bm3d")
    page.wait_for_function(
        "document.querySelectorAll('.wipe output')[1].textContent.startsWith('BM3D')"
    )
    page.get_by_label("Photograph").select_option("dark")
    page.wait_for_function("document.querySelector('.wipe img').alt.startsWith('dark')")
    page.wait_for_function("document.querySelectorAll('.wipe img')[1].complete")
    assert tone(page, 0.7) == pytest.approx(100, abs=3)
    missing = page.get_by_label("Left", exact=True).locator("option[value=nlm]")
    assert missing.is_disabled(), "what is not there at this level cannot be chosen"


def test_the_enlarged_spots_move_together(page):
    def places():
        script = "document.querySelectorAll('.wipe .spot')"
        return page.evaluate(f"[...{script}].map((spot) => spot.style.backgroundPosition)")

    assert len(set(places())) == 1
    before = places()
    page.locator(".wipe .spot").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert places() != before and len(set(places())) == 1
    page.evaluate("scrollTo(0, 0)")
    box = page.locator(".wipe .stage").bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 1)
    assert all(float(place.split("%")[0]) < 2 for place in places())


def test_data_that_is_not_there_is_said(page):
    page.get_by_label("Photograph").select_option("absent")
    page.wait_for_function(
        "document.querySelector('.wipe output').textContent.startsWith('Not shown')"
    )
    assert 'no data "wipe-absent-25"' in page.locator(".wipe output").first.inner_text()


@pytest.fixture
def film(opened):
    """A page with a film: gray 100 that a step of ``by`` makes brighter, clean at 135; the map is the step's number."""
    for by in (10, 30):
        states = [np.full((8, 8), 100.0 + by * step) for step in range(4)]
        states[2][3, 4] -= 40
        maps = {step: np.full((8, 8), step / 5) for step in range(3)}
        eye.bundle(f"by-{by}", eye.frames(states, maps, np.full((8, 8), 135.0), [0, 1, 2, 3]))
    eye.film(
        [("speed", [("slow", "by-10"), ("fast", "by-30")], 0), ("none", [("gone", "nowhere")], 0)]
    )
    ready = "document.querySelector('.film svg') !== null"
    return lambda **settings: opened(ready, **settings)


def said(page):
    return [one for one in page.locator(".film output").all_inner_texts() if one]


def test_a_film_runs_under_the_slider(film):
    page = film()
    assert said(page) == ["slow", "0: 17.25 dB, gray from 100 to 100"]
    dot = "document.querySelector('.film circle').cx.baseVal.value"
    before = page.evaluate(dot)
    page.get_by_label("Step").focus()
    page.keyboard.press("ArrowRight")
    assert (
        said(page) == ["slow", "1: 20.17 dB, gray from 110 to 110"] and page.evaluate(dot) > before
    )
    page.get_by_label("Value").fill("1")
    page.wait_for_function("document.querySelector('.film output').textContent === 'fast'")
    page.wait_for_function(
        "document.querySelectorAll('.film output')[1].textContent.startsWith('1:')"
    )
    assert said(page) == ["fast", "1: 34.15 dB, gray from 130 to 130"], "the step stays"
    page.get_by_label("Step").fill("3")
    assert page.locator(".film figure").nth(1).is_hidden(), "no step follows, so there is no g"


def test_a_pixel_says_its_numbers(film):
    page = film()
    page.get_by_label("Step").fill("2")
    image = page.locator(".film img").first
    box = image.bounding_box()
    page.mouse.move(box["x"] + 4.5 / 8 * box["width"], box["y"] + 3.5 / 8 * box["height"])
    page.wait_for_function("document.querySelector('.film output.pixel').textContent")
    text = "row 3, column 4: gray 80, gradient 57, g 0.40, changes by 50 in the next step"
    assert said(page)[-1] == text
    image.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(
        "document.querySelector('.film output.pixel').textContent.includes('column 3')"
    )
    assert "gray 120, gradient 40, g 0.40, changes by 10 in the next step" in said(page)[-1]


def test_a_film_plays_unless_motion_is_unwelcome(film):
    page = film()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        "document.querySelectorAll('.film output')[1].textContent.startsWith('3:')"
    )
    assert page.get_by_role("button", name="Play").is_visible(), "it stops at the end"
    assert film(reduced_motion="reduce").locator(".film button").is_hidden()


def test_a_film_that_is_not_there_is_said(film):
    page = film()
    page.get_by_label("Change").select_option("none")
    page.wait_for_function(
        "document.querySelectorAll('.film output')[1].textContent.startsWith('Not')"
    )
    assert 'Not shown: the page has no data "nowhere".' in said(page)


def test_a_bundle_that_no_page_would_find_is_refused(outputs):
    with pytest.raises(ValueError, match="digits and hyphens; met 'film-0"):
        eye.bundle("film-0.2", {})
    assert not outputs
