"""What all tests share: one thread, no window, and a place apart for what a test makes."""

import os
import shutil
import sys
from pathlib import Path

import browsers
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "book/_ext"))

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
WIDGETS = ("widgets", "wipe", "film", "restore")


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """The study as it is, with a place of its own for what it makes: no weights, no records."""
    return _moved(monkeypatch, tmp_path)


@pytest.fixture
def tuned(monkeypatch, tmp_path, _tuned_once):
    """The same, with the classic tuned on the budget of smoke tests for gaussian noise of 25."""
    shutil.copytree(_tuned_once, tmp_path, dirs_exist_ok=True)
    return _moved(monkeypatch, tmp_path)


@pytest.fixture
def fresh():
    """Collections are read again, from wherever the test says they are."""
    from anisodiff.data import collections

    collections._load_one.cache_clear()
    yield
    collections._load_one.cache_clear()


@pytest.fixture
def toy_sealed(monkeypatch, tmp_path, fresh):
    """Two small colour images instead of those that are sealed, by file name."""
    import numpy as np
    import PIL.Image

    from anisodiff.data import collections, provenance, registry

    colour = np.random.default_rng(0).integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
    lines = [line for line in registry.lines() if not line["path"].startswith("mcm18/")]
    (tmp_path / "mcm18").mkdir()
    for name, pixels in zip(("1", "2"), colour, strict=True):
        path = tmp_path / f"mcm18/{name}.tif"
        PIL.Image.fromarray(pixels).save(path)
        told = {"path": f"mcm18/{name}.tif", "sha256": provenance.sha256(path)}
        lines.append(dict.fromkeys(lines[0], "") | told)
    monkeypatch.setenv("ANISODIFF_DATA", str(tmp_path))
    monkeypatch.setattr(registry, "lines", lambda: lines)
    collections.fingerprint.cache_clear()
    yield dict(zip(("1", "2"), colour, strict=True))
    collections.fingerprint.cache_clear()


@pytest.fixture
def outputs(monkeypatch):
    """What is displayed for the eye: the data of each output, and its metadata."""
    from anisodiff.reports import eye

    found = []
    monkeypatch.setattr(eye, "display", lambda data, raw, metadata: found.append((data, metadata)))
    return found


@pytest.fixture(scope="module")
def browser():
    if browsers.path() is None:
        pytest.skip(browsers.MISSING)
    with browsers.started() as started:
        yield started


@pytest.fixture
def from_disk(browser, tmp_path):
    """Opens HTML, with scripts of the book, as a page from the disk.

    A test fails on errors of scripts and on requests to other hosts.
    """
    pages, bad = [], []

    def show(body, scripts, **settings):
        static = tmp_path / "_static"
        shutil.copytree(ROOT / "book/_static", static, dirs_exist_ok=True)
        asked = "".join(f'<script src="_static/{name}.js"></script>' for name in scripts)
        (tmp_path / "page.html").write_text(
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Page</title>'
            '<link rel="stylesheet" href="_static/style.css">'
            "<style>:root { --pst-color-background: white }</style>"
            f'{asked}<article class="bd-content">{body}</article>'
        )
        page = browser.new_page(**settings)
        pages.append(page)
        page.on("pageerror", lambda error: bad.append(str(error)))
        page.on(
            "request", lambda one: one.url[:4] in ("file", "data", "blob") or bad.append(one.url)
        )
        page.goto((tmp_path / "page.html").as_uri())
        return page

    yield show
    for page in pages:
        page.close()
    assert not bad


@pytest.fixture
def opened(from_disk, tmp_path, outputs):
    """Opens what was displayed as a page, and waits for a script to say that it is ready."""
    import figure_files
    import onnxruntime_web

    def show(ready, **settings):
        body = "".join(data["text/html"] for data, _ in outputs)
        body = figure_files.in_files(body, tmp_path / "_images", "_images")
        assert "base64" not in body, "the pictures are in files"
        (tmp_path / "_static").mkdir(exist_ok=True)
        (tmp_path / "_static/onnxruntime.js").write_text(onnxruntime_web.script())
        page = from_disk(body, WIDGETS, **settings)
        page.wait_for_function(ready)
        return page

    return show


@pytest.fixture(scope="session")
def _tuned_once(tmp_path_factory):
    from anisodiff.study import fitting, runs

    with pytest.MonkeyPatch.context() as monkeypatch:
        root = _moved(monkeypatch, tmp_path_factory.mktemp("tuned"))
        fitting.fit(runs.Run("perona-malik", "gaussian", 25, "smoke"))
    return root


def _moved(monkeypatch, root):
    from anisodiff.data import provenance

    monkeypatch.setattr(provenance, "ROOT", root)
    return root
