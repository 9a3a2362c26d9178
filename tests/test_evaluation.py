"""Scores: by the protocol, repeatable, of the clipped restoration, kept in tables that come back as they were."""

import numpy as np
import pandas as pd
import pytest
from family import restorer

from anisodiff.data import collections
from anisodiff.methods.diffusion.classic import PeronaMalik
from anisodiff.methods.diffusion.oracle import PeronaMalikOracle
from anisodiff.methods.diffusion.scheme import Diffusion
from anisodiff.methods.restorer import Restorer
from anisodiff.metrics import distortion, structure
from anisodiff.problems import problem, seeded
from anisodiff.study import catalogue, evaluation, restorers, tables

GAUSSIAN = problem("gaussian", 25)


def classic():
    return restorer(Diffusion(PeronaMalik(20), 4, 0.2))


def oracle():
    return restorer(PeronaMalikOracle(2, 20, 3, 0.2, True, [5, 50], tries=3, most_steps=4))


def scores(one, seed=0, **how):
    return evaluation.evaluate(
        one, GAUSSIAN, "shipped/test", **{"crop": 64, "limit": 2} | how, seed=seed
    )


def test_the_same_seed_gives_the_same_scores():
    first = scores(classic())
    assert list(first.columns) == tables.COLUMNS
    assert set(first.metric) == {*distortion.METRICS, *structure.COEFFICIENT}
    assert len(first) == 2 * 5
    assert first.equals(scores(classic()))
    assert not first.equals(scores(classic(), seed=1))


def test_scores_are_those_of_the_clipped_restoration():
    rows, image = scores(restorers.load("input"), limit=1), collections.load("shipped/test")[0]
    clean = collections.centre_crop(image.pixels, 64)
    y = GAUSSIAN.measure(clean, seeded(0, "shipped/test", image.name, GAUSSIAN)).y.numpy()
    value = rows.set_index("metric")["value"]
    assert value["psnr"] == pytest.approx(distortion.psnr(np.clip(y, 0, 255), clean), abs=1e-9)
    assert value["psnr"] > distortion.psnr(y, clean)
    assert value["edginess"] == pytest.approx(structure.edginess(y))


def test_an_oracle_alone_is_given_the_clean_image_as_a_copy_and_says_what_it_chose(monkeypatch):
    """PyTorch warns about arrays that may not be written to, and those of a collection may not."""
    shown, estimate = [], Restorer.estimate

    def watched(self, *given, truth=None, **more):
        shown.append(truth)
        return estimate(self, *given, truth=truth, **more)

    monkeypatch.setattr(Restorer, "estimate", watched)
    for crop in (64, None):
        rows = scores(oracle(), limit=1, crop=crop)
        assert set(rows.metric) >= {"psnr", "lambda", "steps"}
        assert shown[-1].flags.writeable and shown[-1].flags.c_contiguous
    scores(classic(), limit=1)
    assert shown[-1] is None


def test_an_oracle_does_not_lose_to_a_setting_that_it_tries():
    best = scores(oracle()).query("metric == 'psnr'").value
    tried = scores(restorer(Diffusion(PeronaMalik(50), 3, 0.2))).query("metric == 'psnr'").value
    assert (best.to_numpy() >= tried.to_numpy() - 1e-3).all()


def test_further_collections_are_scored_whole_for_who_asks():
    further = {"collection": "bsd68", "crop": None}
    assert catalogue.protocol("bsd68") == catalogue.protocol() | further
    asked = catalogue.further()
    assert ("foe-s", "gaussian", "bsd68") in asked
    assert all(collection in collections.COLLECTIONS for _, _, collection in asked)
    assert not any("seed" in name for name, _, _ in asked)
    again = catalogue.retrained()
    assert ("foe-s-seed-2", "gaussian", "bsd68") in again
    assert all("-seed-" in name and where == "bsd68" for name, _, where in again)


def test_a_table_comes_back_as_it_was_written(tmp_path):
    path, table = tmp_path / "scores.csv", pd.concat([scores(classic()), scores(classic(), 7)])
    table = table[~((table.metric == "ssim") & (table.seed == 7))]  # not measured there
    tables.write(path, table)
    assert path.read_text().startswith("# model=made degradation=gaussian level=25")
    assert len(path.read_text().splitlines()) == 2 + 4, "a row an image"
    pd.testing.assert_frame_equal(
        tables.read(path).sort_values(tables.COLUMNS[:-1], ignore_index=True),
        table.sort_values(tables.COLUMNS[:-1], ignore_index=True),
        check_dtype=False,
        atol=5.1e-5,
        rtol=0,
    )
    path.write_text("# model=made\n")
    with pytest.raises(OSError, match=r"scores.csv is damaged .*restore it with git"):
        tables.read(path)


def test_missing_scores_are_named(elsewhere):
    said = "no scores of bm3d for gaussian on bsd68; others for gaussian: 0"
    with pytest.raises(FileNotFoundError, match=said):
        evaluation.read_scores("bsd68", "bm3d", "gaussian")
    near = evaluation.scores_path("bsd68", "bm4d", "gaussian")
    near.parent.mkdir(parents=True)
    near.touch()
    with pytest.raises(FileNotFoundError, match=r"others for gaussian: 1, such as bm4d-gaussian$"):
        evaluation.read_scores("bsd68", "bm3d", "gaussian")


@pytest.mark.parametrize("levels", [(25,), (2.5,), (1, 2.25)], ids=str)
def test_a_level_that_all_rows_share_comes_back_as_a_number(tmp_path, levels):
    rows = [
        ("m", "blur", level, "bsd68", image, 0, 0, metric, value)
        for level in levels
        for image in ("007", "12")
        for metric, value in (("psnr", 20.125), ("ssim", 0.5))
    ]
    table = pd.DataFrame(rows, columns=tables.COLUMNS)
    tables.write(tmp_path / "m.csv", table)
    again = tables.read(tmp_path / "m.csv")
    pd.testing.assert_frame_equal(again, table, check_dtype=False)
    assert pd.api.types.is_numeric_dtype(again.level)
