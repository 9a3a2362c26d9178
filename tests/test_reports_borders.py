"""What pages on borders and on all levels read: by hand on small tables, untrained models and tiny images."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from anisodiff.borders import detection, human
from anisodiff.methods.base import Denoiser, Denoising
from anisodiff.methods.restorer import Restorer
from anisodiff.metrics import distortion
from anisodiff.problems import problem
from anisodiff.reports import border_classification, borders_in_diffusion, live, records
from anisodiff.study import catalogue, restorers, tables

NOISE = problem("gaussian", 25)


def restorer(denoiser, name="some"):
    return Restorer(name, Denoising(denoiser.eval().requires_grad_(False), name), NOISE)


# Distortion and live measurements


def test_clipped_psnr_by_hand():
    clean = np.full((4, 4), 250.0)
    assert distortion.clipped_psnr(clean + 500, clean) == pytest.approx(20 * np.log10(255 / 5))


def test_live_psnr_has_a_row_for_each_image_and_a_column_for_each_model():
    class Identity(Denoiser):
        def forward(self, x, sigma=None):
            return x

    table = live.psnr({"same": restorer(Identity())}, NOISE, side=64, limit=2)
    assert list(table.columns) == ["input", "same"] and len(table) == 2
    assert table.same.equals(table.input.rename("same"))
    name = table.index[0]
    clean = records.photograph(name, side=64)
    expected = distortion.clipped_psnr(records.degraded(clean, name, NOISE), clean)
    assert table.input.iloc[0] == expected


def test_settings_of_older_and_of_newer_headers():
    older, newer = {"train": {"steps": 3}, "collection": "c"}, {"steps": 3}
    for settings in (older, newer):
        made = Restorer("some", Denoising(Denoiser()), NOISE, {"settings": settings})
        assert records.settings(made) == {"steps": 3}


# Border classification


def test_the_classifier_of_a_threshold():
    assert border_classification.classifier_for(detection.THRESHOLD) == "border-classifier"
    assert border_classification.classifier_for(50) == "border-classifier-threshold-50"
    catalogue.entry(border_classification.classifier_for(50))


@pytest.fixture
def curves():
    """Two scores of each of two detectors at two levels: 10 pixels a row."""
    rows = [
        (model, level, score, borders, 10 - borders)
        for model in detection.CLASSIFIERS
        for level in (5.0, 50.0)
        for score, borders in ((0.25, 1), (0.75, 9))
    ]
    return pd.DataFrame(rows, columns=["model", "level", "score", "borders", "others"])


def test_share_of_borders_by_hand(curves):
    assert border_classification.share_of_borders(curves) == 0.5


def test_calibration_pools_levels(curves):
    bins, error = border_classification.calibration(curves)
    assert bins.frequency.tolist() == pytest.approx([0.1, 0.9])
    assert bins.pixels.tolist() == [40, 40]
    assert error == pytest.approx(0.15)


def test_calibration_errors_have_a_row_for_each_problem(curves):
    errors = border_classification.calibration_errors({"gaussian": curves})
    assert list(errors.index) == ["gaussian"] and len(errors.columns) == 4
    assert errors.to_numpy() == pytest.approx(0.15)


def test_summaries_have_a_row_for_each_detector(curves):
    found = border_classification.summaries(curves[curves.level == 5])
    assert list(found.index) == list(detection.CLASSIFIERS)
    assert found.precision.tolist() == pytest.approx([0.9, 0.9])


@pytest.fixture
def scores():
    """Average precisions of four detectors on three images: those of the classifier are 0.1 higher."""
    names = ["border-classifier", "border-classifier-universal", "gradient", "gradient-smoothed"]
    rows = [
        (name, "gaussian", 25.0, "bsds500/val", image, 256, 0, metric, value)
        for name in names
        for image, ap in (("101085", 0.2), ("101087", 0.3), ("102061", 0.4))
        for metric, value in (("ap", ap + 0.1 * (name == names[0])), ("f", 0.0))
    ]
    return pd.DataFrame(rows, columns=tables.COLUMNS)


def test_gain_in_average_precision_is_paired(scores):
    assert border_classification.gain(scores, 25, "gradient") == pytest.approx((0.1, 0.1, 0.1))


def test_overview_has_a_row_for_each_problem_that_is_asked(scores):
    found = border_classification.overview({"gaussian": scores}, [("gaussian", 25)])
    assert found.classifier.tolist() == ["0.400"]
    assert found["over universal"][0].startswith("+0.100")


def test_detectors_have_the_same_names_for_every_threshold(monkeypatch):
    names = ["gradient", "border-classifier-threshold-50", "border-classifier-universal"]
    tuned = [detection.Detector(name, np.abs, 0.5) for name in names]
    monkeypatch.setattr(detection, "tune", lambda *given: tuned)
    found = border_classification.prepare("gaussian", 25, "shipped/train", 50, [])
    assert [one.name for one in found] == ["gradient", *detection.CLASSIFIERS]
    assert [one.cut for one in found] == [0.5] * 3


class Brightness(Denoiser):
    """A score that depends on nothing but the pixel."""

    def forward(self, x, sigma=None):
        return torch.sigmoid(x / 255)


class Blocks(Denoiser):
    """The brightest pixel of each block of 4 x 4, so that it matters where a part begins."""

    def forward(self, x, sigma=None):
        rows, columns = (-extent % 4 for extent in x.shape[-2:])
        padded = nn.functional.pad(x, (0, columns, 0, rows), mode="replicate")
        blocks = nn.functional.max_pool2d(padded, 4)
        return nn.functional.interpolate(blocks, scale_factor=4)[..., : x.shape[-2], : x.shape[-1]]


def test_size_dependence_of_a_score_by_pixel_and_of_one_by_block():
    found = border_classification.size_dependence(restorer(Brightness()), NOISE, "shipped/test")
    assert found.aligned == found.shifted == 0 and 0 < found.single < 1
    found = border_classification.size_dependence(restorer(Blocks()), NOISE, "shipped/test")
    assert found.aligned == 0 < found.shifted


def test_human_scores_of_each_detector():
    rows = [("sobel", "none", "a", 0.5, 10, 5, 10, 5), ("canny", "none", "a", 0.5, 10, 10, 10, 10)]
    columns = ["model", "degradation", "image", "threshold", *human.COUNTS]
    best = human.best_of_each(pd.DataFrame(rows, columns=columns))
    assert best.ods["sobel", "none"] == pytest.approx(0.5)
    assert best.ods["canny", "none"] == pytest.approx(1)
    labels = {"sobel": "Sobel"}, {"none": "clean"}
    table = border_classification.human_table(best, [("sobel", "none")], *labels)
    assert table["ODS F"].tolist() == ["<b>0.50</b>"]


# Borders in a diffusion


def test_the_pair_of_lambdas_by_hand(monkeypatch):
    chosen = {"lambda-borders": (0.5, 2.0), "lambda-smooth": (4.0, 2.0)}  # image a, image b
    rows = [
        (5.0, image, metric, values[at])
        for metric, values in chosen.items()
        for at, image in enumerate("ab")
    ]
    table = pd.DataFrame(rows, columns=["level", "image", "metric", "value"])
    monkeypatch.setattr(records, "recorded", lambda *names: table)
    pair = borders_in_diffusion.lambda_pair("gaussian")
    assert (pair.borders, pair.smooth) == (1.5, 3.0), "0.5 counts as 1"
    assert pair.ratio[0] == pytest.approx(1), "two octaves and none"


def test_what_functions_gain_more_than_lambdas_is_paired_by_image(monkeypatch):
    scores = {
        "p1-borders": [0.8, 0.9],
        "p1-borders-half": [0.7, 0.8],
        "learned-lambda-borders": [0.6, 0.7],
        "learned-lambda-borders-half": [0.58, 0.68],
    }
    monkeypatch.setattr(records, "by_image", lambda name, *_: pd.Series(scores[name], ["a", "b"]))
    found = borders_in_diffusion.more_by_functions("gaussian")
    assert found == pytest.approx((0.08, 0.08, 0.08)), "0.1 with functions, 0.02 with lambdas"


def test_what_changes_nothing_at_any_level_is_told_from_what_does():
    rows = [
        (level, model, metric, 30.0 + 0.002 * (model == "other" and level == 9))
        for level in (4, 9)
        for model in ("base", "other")
        for metric in ("psnr", "ssim")
    ]
    table = pd.DataFrame(rows, columns=["level", "model", "metric", "value"])
    assert not borders_in_diffusion.unchanged(table, "base")
    assert borders_in_diffusion.unchanged(table[table.level == 4], "base")


def test_an_example_of_the_oracle_reads_the_borders_off_the_clean_image():
    oracle = restorers.load("learned-lambda-borders-true", "gaussian", 25)
    clean = records.photograph("camera", side=48)
    degraded = records.degraded(clean, "camera", NOISE)
    found = borders_in_diffusion.example(oracle, degraded, clean)
    assert np.array_equal(found.probability > 0.5, detection.labelled(clean, detection.THRESHOLD))
    assert found.diffusivity.max() == pytest.approx(1)
    assert found.psnr == distortion.clipped_psnr(found.restored, clean)
