"""Detections against what humans drew: matching pixel by pixel, counts, and where the annotations are."""

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from anisodiff.borders import human
from anisodiff.data import registry


def line(column, rows=20, columns=30):
    mask = np.zeros((rows, columns), bool)
    mask[:, column] = True
    return mask


def test_matching_keeps_to_its_tolerance():
    for shift, found in ((0, 20), (2, 20), (3, 0)):
        ours, theirs = human.match(line(10), line(10 + shift), tolerance=2.5)
        assert ours.sum() == theirs.sum() == found


def test_matching_is_one_to_one():
    broad = line(9) | line(10) | line(11)
    ours, theirs = human.match(broad, line(10), tolerance=2.5)
    assert ours.sum() == 20 and theirs.sum() == 20
    crossing = np.zeros((1, 6), bool), np.zeros((1, 6), bool)
    crossing[0][0, [1, 3]] = (
        True  # 3 alone reaches 5, so that 1 must take 2: greed by distance would give 2 to 3
    )
    crossing[1][0, [2, 5]] = True
    assert [mask.sum() for mask in human.match(*crossing, tolerance=2)] == [2, 2]


def test_matching_with_nothing():
    for pair in ((line(3), line(3) & False), (line(3) & False, line(3))):
        assert not any(mask.any() for mask in human.match(*pair, tolerance=5))


def test_precision_takes_any_annotator_and_recall_all():
    detected = line(5) | line(20)  # the diagonal is 36 pixels, the tolerance 0.27
    assert human.compare(detected, [line(5), line(20), line(12)]) == (40, 40, 60, 40)
    broad = line(4) | line(5) | line(6)
    assert human.compare(broad, [line(5)])[0] <= 20  # thinned first


def test_best_thresholds():
    rows = [
        ("a", 1.0, 10, 5, 10, 10),
        ("a", 2.0, 5, 5, 10, 5),
        ("b", 1.0, 20, 5, 10, 10),
        ("b", 2.0, 5, 5, 10, 8),
    ]
    table = pd.DataFrame(rows, columns=["image", "threshold", *human.COUNTS])
    best = human.best(table)
    precision, recall = 1, 13 / 20
    assert best.ods == pytest.approx(2 * precision * recall / (precision + recall))
    assert (best.precision, best.recall) == (precision, recall)
    assert best.low <= best.ods <= best.high
    precision, recall = (
        10 / 15,
        18 / 20,
    )  # a at its first threshold, where it is no worse than at its second
    assert best.ois == pytest.approx(2 * precision * recall / (precision + recall))


@pytest.mark.parametrize("root", [None, "here"])
def test_missing_human_boundaries_say_how_to_get_them(tmp_path, monkeypatch, root):
    monkeypatch.delenv("ANISODIFF_DATA", raising=False)
    if root:
        monkeypatch.setenv("ANISODIFF_DATA", str(tmp_path))
    with pytest.raises(
        registry.MissingCollection, match=r"groundTruth/val/101085.mat .*data/README.md"
    ):
        human.annotations("101085")


def test_annotations_are_read(tmp_path, monkeypatch):
    monkeypatch.setenv("ANISODIFF_DATA", str(tmp_path))
    folder = tmp_path / human.FOLDER
    folder.mkdir(parents=True)
    drawn = np.empty((1, 2), object)
    for at in range(2):
        drawn[0, at] = {
            "Segmentation": np.ones((20, 30), np.uint16),
            "Boundaries": line(at).astype(np.uint8),
        }
    savemat(folder / "1.mat", {"groundTruth": drawn})
    assert np.array_equal(human.annotations("1"), [line(0), line(1)])
