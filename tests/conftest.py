"""What all tests share: one thread, no window, and a place apart for what a test makes."""

import os
import shutil

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")


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

    from anisodiff.data import collections, provenance

    colour = np.random.default_rng(0).integers(0, 256, (2, 40, 48, 3), dtype=np.uint8)
    lines = [line for line in collections._registry() if not line["path"].startswith("mcm18/")]
    (tmp_path / "mcm18").mkdir()
    for name, pixels in zip(("1", "2"), colour, strict=True):
        path = tmp_path / f"mcm18/{name}.tif"
        PIL.Image.fromarray(pixels).save(path)
        told = {"path": f"mcm18/{name}.tif", "sha256": provenance.sha256(path)}
        lines.append(dict.fromkeys(lines[0], "") | told)
    monkeypatch.setenv("ANISODIFF_DATA", str(tmp_path))
    monkeypatch.setattr(collections, "_registry", lambda: lines)
    collections.fingerprint.cache_clear()
    yield dict(zip(("1", "2"), colour, strict=True))
    collections.fingerprint.cache_clear()


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
