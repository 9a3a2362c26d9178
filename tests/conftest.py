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
