"""Labels, detectors, precision and recall, calibration: by hand where possible."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from family import restorer
from skimage import feature

from anisodiff.borders import classifier, detection, human, recorded
from anisodiff.data import collections
from anisodiff.problems import problem, seeded
from anisodiff.study import catalogue, store, tables

# Labels and the classifier -------------------------------------------------------------------------------------------


def test_labels_by_hand():
    clean = np.array([[0, 0, 40], [0, 31, 0], [30, 0, 0]], np.float32)
    # The pixel left of or above a difference has it; exactly the threshold is none; nothing lies beyond the border.
    assert detection.labelled(clean, 30).tolist() == [[0, 1, 1], [1, 1, 0], [0, 0, 0]]
    assert detection.labelled(clean, 29).tolist() == [[0, 1, 1], [1, 1, 0], [1, 0, 0]]
    assert not detection.labelled(clean, 40).any()


def test_an_invalid_threshold_is_named():
    for threshold in (0, -3, float("nan")):
        said = rf"threshold of a border must be above 0, got {threshold}"
        with pytest.raises(ValueError, match=said):
            classifier.BorderClassifier(threshold)


@pytest.fixture
def finder():
    torch.manual_seed(0)
    return restorer(classifier.BorderClassifier().eval())


def test_the_classifier_gives_a_probability_for_any_size(finder):
    for shape in ((1, 1), (5, 7), (1, 9), (33, 20), (64, 64)):
        u = np.random.default_rng(0).uniform(-40, 300, shape).astype(np.float32)
        probability = finder.restore(u)
        assert probability.shape == shape
        assert (probability > 0).all() and (probability < 1).all()


def test_the_probability_does_not_depend_on_what_is_far_away(finder):
    u = np.random.default_rng(0).uniform(0, 255, (120, 110)).astype(np.float32)
    part = finder.restore(u[8:93, 12:89])
    assert np.abs(part - finder.restore(u)[8:93, 12:89])[24:-24, 24:-24].max() < 1e-5


# Detectors -----------------------------------------------------------------------------------------------------------


def test_detectors_take_any_size():
    for shape in ((1, 1), (5, 7), (1, 9), (31, 20)):
        u = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
        for name, (operator, _) in detection.OPERATORS.items():
            score = operator(u, 1)
            assert score.shape == shape and (score >= 0).all(), name


def test_the_gradient_is_what_the_labels_threshold():
    clean = np.random.default_rng(0).uniform(0, 255, (20, 30)).astype(np.float32)
    assert np.array_equal(detection.gradient(clean) > 90, detection.labelled(clean, 90))


def test_canny_for_all_thresholds_at_once_is_canny():
    photograph = collections.centre_crop(collections.load("shipped/train")[0].pixels, 128)
    grain = 10 * np.random.default_rng(0).standard_normal(photograph.shape)
    u = (photograph + grain).astype(np.float32)
    for sigma in (0, 1, 2.8):
        for threshold in (20, 80, 200):
            low = detection.HYSTERESIS * threshold
            once = feature.canny(u.astype(float), sigma, low, threshold, mode="nearest")
            assert 0 < once.sum() < once.size / 2
            assert np.array_equal(detection.canny(u, sigma) >= threshold, once)


# Precision and recall ------------------------------------------------------------------------------------------------


def test_average_precision_by_hand():
    scores, labels = np.array([0.9, 0.8, 0.7, 0.6, 0.5]), np.array([True, False, True, True, False])
    values, *many = detection.counts(scores, labels)
    assert values.tolist() == [0.5, 0.6, 0.7, 0.8, 0.9]
    precision, recall = detection.precision_recall(*many)
    assert precision == pytest.approx([3 / 5, 3 / 4, 2 / 3, 1 / 2, 1])
    assert recall == pytest.approx([1, 1, 2 / 3, 1 / 3, 1 / 3])
    assert detection.average_precision(*many) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert detection.best_f(*many) == (pytest.approx(6 / 7), 1)


def test_equal_scores_enter_together():
    scores, labels = (
        np.array([[2, 1, 1], [1, 1, 0]]),
        np.array([[True, True, False], [False, False, False]]),
    )
    values, *many = detection.counts(scores, labels)
    assert (values.tolist(), *map(list, many)) == ([0, 1, 2], [0, 1, 1], [1, 3, 0])
    assert detection.average_precision(*many) == pytest.approx(1 / 2 + (1 / 2) * (2 / 5))
    swapped = np.array([[True, False, False], [False, True, False]])
    assert detection.average_precision(
        *detection.counts(scores, swapped)[1:]
    ) == detection.average_precision(*many)


def test_a_constant_score_is_worth_the_share_of_borders():
    labels = np.arange(10) < 3
    many = detection.counts(np.zeros(10), labels)[1:]
    assert detection.average_precision(*many) == pytest.approx(0.3)
    assert np.isnan(
        detection.average_precision(*detection.counts(np.zeros(10), labels & False)[1:])
    )


def test_calibration_by_hand():
    # A tenth given 0.1 and nine tenths given 0.9 are borders: perfect. Then the second are said to be certain.
    error = detection.calibration(np.array([0.1, 0.9]), np.array([10, 90]), np.array([90, 10]))[1]
    assert error == pytest.approx(0)
    table, error = detection.calibration(
        np.array([0.1, 1.0]), np.array([10, 45]), np.array([90, 5])
    )
    assert error == pytest.approx(0.1 * 50 / 150)
    assert table.frequency.tolist() == pytest.approx([0.1, 0.9])
    assert table.pixels.tolist() == [100, 50]


def test_what_is_drawn_with_its_own_probability_is_calibrated():
    generator = np.random.default_rng(0)
    probability = generator.random(200_000)
    values, *many = detection.counts(probability.round(3), generator.random(200_000) < probability)
    assert detection.calibration(values, *many)[1] < 0.01


# Evaluation ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def evaluated():
    """All operators, tuned on the shipped training images, on two photographs."""
    with pytest.MonkeyPatch.context() as fewer:
        fewer.setattr(detection, "CROPS", 3)
        detectors = detection.tune("gaussian", 10, "shipped/train", 30)
    return detectors, *detection.evaluate(
        detectors, "gaussian", 10, "shipped/test", 30, crop=96, limit=2
    )


def test_rows_and_curves_of_an_evaluation(evaluated):
    detectors, table, curves = evaluated
    assert [one.name for one in detectors] == list(detection.OPERATORS)
    assert detectors[0].sigma == 0 and all(one.cut > 0 for one in detectors)
    assert list(table.columns) == tables.COLUMNS
    assert len(table) == 2 * 2 * len(detectors) and table.value.between(0, 1).all()
    pooled = curves.groupby("model")[["borders", "others"]].sum()
    assert (pooled.sum(axis=1) == 2 * 96**2).all() and pooled.borders.nunique() == 1


def test_merged_curves_keep_the_average_precision(evaluated):
    detectors, _, curves = evaluated
    scores, labels = [], []
    for image in collections.load("shipped/test")[:2]:
        clean = np.array(collections.centre_crop(image.pixels, 96))
        how = problem("gaussian", 10)
        degraded = how.measure(clean, seeded(0, "shipped/test", image.name, how)).y.numpy()
        scores.append(detectors[1].score(degraded))
        labels.append(detection.labelled(clean, 30))
    exact = detection.average_precision(*detection.counts(np.stack(scores), np.stack(labels))[1:])
    assert detection.summary(curves[curves.model == "gradient-smoothed"]).ap == pytest.approx(
        exact, abs=0.005
    )


def test_without_any_border_there_is_nothing_to_tune():
    with pytest.raises(ValueError, match=r"no pixel of shipped/train is a border at threshold 300"):
        detection.tune("gaussian", 10, "shipped/train", 300)


def test_scores_are_current_only_with_their_recipe(elsewhere, monkeypatch):
    scores, curves = recorded.artefacts("blur")
    counted = human.artefact("blur")
    assert {store.state(one).word for one in (scores, curves, counted)} == {"missing"}
    table = pd.DataFrame(
        [("gradient", "blur", 1, "bsds500/val", "1", 256, 0, "ap", 0.5)], columns=tables.COLUMNS
    )

    def states():
        made = (scores, curves)
        return [store.state(dataclasses.replace(one, starts_from=())).word for one in made]

    for one in (scores, curves):
        tables.write(one.path, table)
        store.record(dataclasses.replace(one, probe=lambda: {}), {})
    assert states() == ["current"] * 2
    assert (
        store.state(scores).why == "it starts from weights/border-classifier/blur, which is missing"
    )
    with monkeypatch.context() as other:
        other.setattr(detection, "THRESHOLD", 40)
        assert states() == ["stale"] * 2
    monkeypatch.setitem(catalogue.study(), "protocol", catalogue.study()["protocol"] | {"seed": 1})
    assert states() == ["stale"] * 2


def test_the_probe_of_the_scores_tells_one_detector_from_another(monkeypatch):
    found = recorded.probe("gaussian")
    assert {f"ap {name}" for name in (*detection.OPERATORS, *detection.CLASSIFIERS)} <= found.keys()
    assert all(0 < value < 1 for name, value in found.items() if name.startswith("ap"))
    monkeypatch.setattr(detection, "HYSTERESIS", 0.9)
    changed = {name for name, value in recorded.probe("gaussian").items() if value != found[name]}
    assert changed >= {"ap canny"} and not any("sobel" in name for name in changed)
