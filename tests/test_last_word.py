"""The last word on a release: once, of all models, on images that nothing else opens. Those here are toys."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from anisodiff.cli import main
from anisodiff.data import collections, provenance
from anisodiff.metrics import distortion, perceptual
from anisodiff.problems import problem, seeded
from anisodiff.reports import last_word as report
from anisodiff.reports import status
from anisodiff.study import catalogue, last_word, store, tables
from anisodiff.study.store import State
from anisodiff.training import tuning

ROOT = provenance.ROOT
CURRENT = {"scores/one": State("current")}
NAMES = ("input", "perona-malik")


def git(*words):
    given = ("-c", "user.name=toy", "-c", "user.email=toy@example.org", *words)
    done = subprocess.run(
        ["git", *given], cwd=provenance.ROOT, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(monkeypatch, tmp_path, toy_sealed):
    """A clean checkout with the weights of one model, and the study of it and of the degraded images."""
    catalogue.study()  # which is read where the study is
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "data/weights/perona-malik", root / "data/weights/perona-malik")
    monkeypatch.setattr(provenance, "ROOT", root)
    monkeypatch.setattr(catalogue, "further", lambda: [(n, "gaussian", "set12") for n in NAMES])
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "toy")
    return root


def test_all_models_are_scored_whole_at_all_levels_and_the_record_says_by_what(checkout):
    table, commit = last_word.record("1.0.0", CURRENT), git("rev-parse", "--short=12", "HEAD")
    assert table == checkout / "data/scores/mcm18/1.0.0.csv"
    first, keys, *rows = table.read_text().splitlines()
    assert first == "# degradation=gaussian collection=mcm18 crop=0 seed=0"
    assert keys == "model,level,image,psnr,ssim", "the weights of LPIPS are not at hand"
    assert len(rows) == 2 * 3 * 2

    found = tables.read(table).set_index(["model", "level", "image", "metric"]).value
    at, images = problem("gaussian", 25), collections.load("mcm18", last_word=True)
    for image in images:
        y = at.measure(image.pixels.copy(), seeded(0, "mcm18", image.name, at)).y.numpy()
        expected = distortion.psnr(np.clip(y, 0, 255), image.pixels)
        assert found["input", 25, image.name, "psnr"] == pytest.approx(expected, abs=1e-4)

    record = json.loads(table.with_suffix(".json").read_text())
    weights = {f"data/weights/perona-malik/gaussian-{level}.safetensors" for level in (15, 25, 50)}
    assert record["used"] == {
        "mcm18": collections.fingerprint("mcm18"),
        **{name: provenance.sha256(checkout / name)[:12] for name in weights},
    }
    assert record["sha256"] == provenance.sha256(table)
    assert (record["release"], record["models"]) == ("1.0.0", list(NAMES))
    assert (record["commit"], record["dirty"]) == (commit, False)
    assert record.keys() >= {"date", "device", "metrics", "seconds", "versions"}


def test_lpips_is_measured_where_its_weights_are_at_hand(checkout, monkeypatch):
    monkeypatch.setattr(collections, "file", lambda path: checkout / "any")
    (checkout / "any").write_bytes(b"")
    git("add", ".")
    git("commit", "--quiet", "--message", "stands for the weights")
    monkeypatch.setitem(perceptual.MEASURES, "lpips", lambda restored, clean: 0.25)
    found = tables.read(last_word.record("1.0.0", CURRENT))
    assert set(found.metric) == {"psnr", "ssim", "lpips"}
    assert (found[found.metric == "lpips"].value == 0.25).all()


@pytest.mark.parametrize(
    "what, said",
    {
        "again": "1.0.0 has had its last word: .*mcm18/1.0.0.csv",
        "changed": "the last word is on what was committed: `git status` is to show nothing",
        "added": "the last word is on what was committed",
        "no checkout": "the last word is on what was committed",
        "stale": "1 of 2 artefacts are not current, such as scores/two: `anisodiff status` says why",
        "no weights": "of 1 models and levels the weights are not here, such as perona-malik/gaussian-25",
        "no name": r"a release is named like 1.0.0, .*, not '../bsd68/1'",
    }.items(),
)
def test_it_is_refused_in_one_line_before_an_image_is_opened(checkout, monkeypatch, what, said):
    states, release = dict(CURRENT), "1.0.0"
    weights = checkout / "data/weights/perona-malik/gaussian-25.safetensors"
    if what == "again":
        last_word.record(release, states)
        git("add", ".")
        git("commit", "--quiet", "--message", "the last word")
    elif what == "changed":
        weights.write_bytes(b"")
    elif what == "added":
        (checkout / "notes.txt").write_text("not committed")
    elif what == "no checkout":
        shutil.rmtree(checkout / ".git")
    elif what == "stale":
        states["scores/two"] = State("changed", "its code")
    elif what == "no weights":
        git("rm", "--quiet", str(weights))
        git("commit", "--quiet", "--message", "too large")
    else:
        release = "../bsd68/1"
    before = sorted((checkout / "data").rglob("*"))
    monkeypatch.setattr(collections, "load", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(ValueError, match=f"^{said}") as refused:
        last_word.record(release, states)
    assert "\n" not in str(refused.value)
    assert sorted((checkout / "data").rglob("*")) == before


def test_the_command_says_where_and_nothing_of_what_came_out(checkout, monkeypatch, capsys):
    monkeypatch.setattr(status, "artefacts", dict)
    assert main(["last-word", "1.0.0"]) == 0
    assert capsys.readouterr().out == f"{checkout / 'data/scores/mcm18/1.0.0.csv'}\n"
    assert main(["last-word", "1.0.0"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("anisodiff: 1.0.0 has had its last word")


def test_nothing_that_chooses_can_open_the_images(toy_sealed, capsys):
    assert main(["evaluate", "perona-malik", "--collection", "mcm18"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("anisodiff: mcm18 is sealed: `anisodiff last-word` opens it once")
    with pytest.raises(ValueError, match=r"^mcm18 is sealed"):
        tuning.degraded_crops("mcm18", problem("gaussian", 25), 2, 32, 0)
    assert all("mcm18" not in one for _, _, one in catalogue.further())
    opening = [
        path.name
        for folder, kind in (("lib", "*.py"), ("notebooks", "*.ipynb"), ("book", "*.py"))
        for path in sorted((ROOT / folder).rglob(kind))
        if "last_word=True" in path.read_text()
    ]
    assert opening == ["last_word.py"]


RELEASES = sorted((ROOT / "data/scores/mcm18").glob("*.csv"))


def test_this_edition_has_had_its_last_word():
    assert [path.stem for path in RELEASES] == ["third-edition"]


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_a_last_word_is_what_was_recorded_of_all_models(path):
    store.check(path)
    table, record = tables.read(path), store.read_record(path)
    assert record["release"] == path.stem and not record["dirty"]
    assert set(table.model) == set(record["models"]) and "input" in record["models"]
    assert set(table.metric) == set(record["metrics"]) == {"psnr", "ssim", "lpips"}
    assert (table.groupby(["model", "level", "metric"]).image.nunique() == 18).all()
    assert table.value.notna().all()


@pytest.mark.parametrize("level", [15, 25, 50])
def test_no_pair_of_models_stands_the_other_way_round_as_the_front_page_says(level):
    found = report.order("third-edition", "psnr", level)
    assert found.opposite == 0 and found.same > 100


def test_bm3d_gains_more_than_what_was_trained_here_as_its_page_says():
    found = report.gains("third-edition", "psnr", 25, "foe-s")
    more = found["sealed", "mean"] - found["seen", "mean"]
    assert more.idxmax() == "bm3d"
