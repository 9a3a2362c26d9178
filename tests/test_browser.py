"""Models in a page: what a browser makes of a picture, against what the library makes of it."""

import gzip
import hashlib
import io
from functools import cache

import numpy as np
import onnxruntime_web
import pytest
import torch
from PIL import Image

from anisodiff.data import collections
from anisodiff.methods.diffusion.classic import PeronaMalik
from anisodiff.methods.diffusion.network import Network
from anisodiff.methods.diffusion.scheme import Diffusion
from anisodiff.methods.diffusion.unet import UNet
from anisodiff.reports import browser, eye
from anisodiff.study import restorers

pytestmark = pytest.mark.xdist_group("exports")  # in one process, which makes each export once
SIDE = 48
READY = "document.querySelector('.restore .report')?.textContent.includes('pixels')"


def network():
    """A network that remembers, untrained but for its last layers, which would only say one number."""
    torch.manual_seed(0)
    return Diffusion(Network(3, 2, memory=True, each=2), 3, 0.25)


def unet():
    torch.manual_seed(0)
    return Diffusion(UNet((4, 8)), 2, 0.25)


DIFFUSIONS = {
    "perona-malik": (lambda: restorers.load("perona-malik", "gaussian", 25).module, 1),
    "foe-s": (lambda: restorers.load("foe-s", "gaussian", 25).module, 1),
    "unet-diffusivity": (unet, 1),
    "network-long": (network, 3),
}


@cache
def packed(name):
    """One of DIFFUSIONS as the widget takes it; an export takes seconds."""
    made, steps = DIFFUSIONS[name]
    return browser.packed(made(), steps)


def expected(name, pixels):
    """What the library makes of (H, W, C), in double precision."""
    channels = torch.from_numpy(np.moveaxis(pixels.astype(float), -1, 0))[:, None]
    with torch.inference_mode():
        return DIFFUSIONS[name][0]().double()(channels)[:, 0].numpy()


@pytest.fixture
def page(opened):
    """A page with the widget, which has the classic for one level of two."""
    return shown(opened, "perona-malik")


def shown(opened, *models):
    for name in models:
        eye.bundle(f"model-{name}-25", packed(name))
    levels = {key: [25] for key in DIFFUSIONS} | {"perona-malik": [25, 50]}
    start = {"sample": "chelsea", "model": "perona-malik", "level": 25}
    browser.widget(levels, ["chelsea", "camera"], start, side=SIDE)
    return opened(READY)


def pressed(page):
    """Has the picture restored; its values, (C, H, W)."""
    page.evaluate(
        "document.querySelector('.restore').addEventListener('restored', ({ detail }) => { window.found ="
        " [detail.height, detail.width, detail.channels.map((values) => [...values])]; }, { once: true })"
    )
    page.evaluate("window.found = undefined")
    page.get_by_role("button", name="Restore").press("Enter")
    page.wait_for_function("window.found", timeout=60_000)
    height, width, channels = page.evaluate("window.found")
    return np.array(channels).reshape(-1, height, width)


def said(page):
    return page.locator(".restore .report").inner_text()


def test_the_browser_agrees_with_the_library(opened):
    page = shown(opened, *DIFFUSIONS)
    page.get_by_label("Noise").select_option("keep")
    clean = collections.centre_crop(collections.in_colour("chelsea"), SIDE)
    for name in DIFFUSIONS:
        page.get_by_label("Model").select_option(name)
        found = pressed(page)
        assert found.shape == (3, SIDE, SIDE)
        assert np.abs(found - expected(name, clean)).max() < 1e-3, name
        assert np.abs(found - np.moveaxis(clean, -1, 0)).max() > 1, "it has done something"
    assert "Restored in" in said(page) and "PSNR" not in said(page), "there is no clean picture"


def test_a_large_picture_is_restored_in_tiles(page, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (150, 203, 1), dtype=np.uint8)
    Image.fromarray(pixels[..., 0]).save(tmp_path / "mine.png")
    page.get_by_label("or a file").set_input_files(tmp_path / "mine.png")
    page.wait_for_function(
        "document.querySelector('.restore .report').textContent.includes('203 × 150')"
    )
    page.get_by_label("Noise").select_option("keep")
    found = pressed(page)
    assert np.abs(found - expected("perona-malik", pixels)).max() < 1e-3
    saved = page.get_by_role("link", name="Download")
    assert saved.get_attribute("download") == "mine-perona-malik-25.png"
    with page.expect_download() as download:
        saved.click()
    written = np.asarray(Image.open(io.BytesIO(download.value.path().read_bytes())))[..., 0]
    assert np.abs(written - found[0]).max() <= 0.501


def test_noise_is_added_and_removed(page):
    found = pressed(page)
    clean = np.moveaxis(collections.centre_crop(collections.in_colour("chelsea"), SIDE), -1, 0)
    captions = page.locator(".restore .spots output").all_inner_texts()
    before = float(captions[0].removeprefix("noisy: ").removesuffix(" dB"))
    assert before == pytest.approx(10 * np.log10(255**2 / 25**2), abs=0.5)
    error = np.mean((found.clip(0, 255) - clean) ** 2)
    assert captions[1] == f"classic, tuned: {10 * np.log10(255**2 / error):.2f} dB"
    assert f"{before:.2f} dB before" in said(page)
    assert page.locator(".restore .report").bounding_box()["width"] > 200, "it is in sight"
    step = page.get_by_label("Step")
    step.fill("0")
    page.wait_for_function(
        "document.querySelectorAll('.restore .spots output')[1].textContent.startsWith('step 0')"
    )
    assert page.locator(".restore .spots output").all_inner_texts()[1] == f"step 0: {before:.2f} dB"
    assert np.array_equal(pressed(page), found), "the same noise each time"


def test_levels_are_those_of_the_model(page):
    page.get_by_label("σ").select_option("50")
    page.get_by_label("Model").select_option("network-long")
    assert page.get_by_label("σ").input_value() == "25"


def test_what_is_no_picture_is_said_by_name(page, tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    page.get_by_label("or a file").set_input_files(tmp_path / "notes.txt")
    page.wait_for_function(
        "document.querySelector('.restore .report').textContent.includes('notes')"
    )
    assert said(page) == "notes.txt holds no picture that this browser can read."
    assert page.get_by_label("Picture", exact=True).input_value() == "chelsea"


def test_a_model_that_is_not_there_is_said_and_the_next_one_runs(page):
    page.get_by_label("σ").select_option("50")
    page.get_by_role("button", name="Restore").click()
    page.wait_for_function(
        "document.querySelector('.restore .report').textContent.startsWith('Not')"
    )
    assert said(page) == 'Not restored: the page has no data "model-perona-malik-50".'
    page.get_by_label("σ").select_option("25")
    assert pressed(page).shape == (3, SIDE, SIDE)


def test_it_can_be_stopped(page, tmp_path):
    Image.new("L", (1200, 1200), 90).save(tmp_path / "large.png")
    page.get_by_label("or a file").set_input_files(tmp_path / "large.png")
    page.wait_for_function(
        "document.querySelector('.restore .report').textContent.includes('1200')"
    )
    page.get_by_role("button", name="Restore").click()
    page.wait_for_function("document.querySelector('.restore progress').value > 0")
    page.get_by_role("button", name="Stop").click()
    assert said(page) == "Stopped." and page.get_by_role("button", name="Restore").is_enabled()
    page.get_by_label("Picture", exact=True).select_option("chelsea")
    page.wait_for_function("document.querySelector('.restore img').alt.startsWith('chelsea')")
    assert pressed(page).shape == (3, SIDE, SIDE)


@pytest.mark.parametrize(
    ("made", "steps", "reach"),
    [(lambda: Diffusion(PeronaMalik(20), 6, 0.2), 6, 6), (unet, 1, None)],
)
def test_how_far_a_diffusion_sees(made, steps, reach):
    assert browser.reach(made(), steps) == reach


def test_the_engine_is_the_published_one():
    told = (onnxruntime_web.CARRIED / "README.md").read_text()
    for name in ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm.gz"):
        content = (onnxruntime_web.CARRIED / name).read_bytes()
        published = gzip.decompress(content) if name.endswith(".gz") else content
        assert hashlib.sha256(published).hexdigest() in told, name
