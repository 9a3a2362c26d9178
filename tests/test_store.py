"""The store: current, changed, stale, damaged, missing, and how what has changed is settled by a probe."""

import dataclasses

import pytest

from anisodiff.study import code, store


@pytest.fixture
def made(elsewhere, monkeypatch):
    """An artefact on disk, recorded, and its inputs, which a test may change."""
    inputs = {"recipe": {"rate": 0.1, "crop": [32, 32]}, "code": "abc", "probe": {"loss": 2.0}}
    path = elsewhere / "w.bin"
    path.write_bytes(b"weights")
    monkeypatch.setattr(code, "fingerprint", lambda *_: inputs["code"])
    artefact = store.Artefact(
        "weights/w", path, lambda: inputs["recipe"], ("a.b",), None, lambda: inputs["probe"]
    )
    store.record(artefact, {"seconds": 3})
    return artefact, inputs


def test_what_was_just_recorded_is_current(made):
    artefact, _ = made
    assert store.state(artefact).word == "current" and store.is_current(artefact)
    assert store.read_record(artefact.path)["seconds"] == 3
    assert store.content(artefact.path) == store.provenance.sha256(b"weights")[:12]


def test_what_was_recorded_otherwise_is_stale_and_says_why(made):
    artefact, inputs = made
    inputs["recipe"] = {"rate": 0.2, "crop": [32, 32]}
    found = store.settle(artefact)
    assert (found.word, found.why) == ("stale", "rate was 0.1 and is 0.2") and not found.usable


def test_changed_code_is_settled_by_the_probe(made):
    artefact, inputs = made
    inputs |= {"code": "def", "probe": {"loss": 2.0 * (1 + 1e-5)}}
    assert store.state(artefact).word == "changed" and store.state(artefact).usable
    assert store.settle(artefact) == store.State("current", "confirmed by its probe")
    assert store.state(artefact).word == "current", "once confirmed it is not asked again"
    inputs |= {"code": "ghi", "probe": {"loss": 2.1}}
    found = store.settle(artefact)
    assert found.word == "stale" and "loss was 2 and comes out as 2.1" in found.why
    inputs |= {"code": "jkl", "probe": {"loss": 2.0, "another": 1.0}}
    assert store.settle(artefact).word == "stale"


def test_numbers_that_rounding_decides_may_come_out_farther_off(made):
    artefact, inputs = made
    inputs |= {"code": "def", "probe": {"loss": 2.0, "lambda 25": 102.0}}
    store.record(artefact, {})
    inputs |= {"code": "ghi", "probe": {"loss": 2.0, "lambda 25": 100.0}}
    assert store.settle(artefact).word == "stale"
    rough = dataclasses.replace(artefact, rough=frozenset({"lambda"}))
    assert store.settle(rough).word == "current"
    inputs |= {"code": "jkl", "probe": {"loss": 2.0, "lambda 25": 90.0}}
    assert store.settle(rough).word == "stale"
    inputs |= {"code": "mno", "probe": {"loss": 2.04, "lambda 25": 102.0}}
    assert store.settle(rough).word == "stale", "a loss is not decided by rounding"


def test_content_and_files_are_looked_at(made):
    artefact, _ = made
    artefact.path.write_bytes(b"weightz")
    assert store.state(artefact).word == "damaged"
    artefact.path.unlink()
    assert store.state(artefact).word == "missing"
    store.record_path(artefact.path).unlink()
    assert store.state(artefact).word == "missing"


def test_what_starts_from_something_stale_is_stale_with_it(made):
    artefact, inputs = made
    ancestor = dataclasses.replace(artefact, recipe=lambda: {"rate": 0.3})
    found = store.state(dataclasses.replace(artefact, starts_from=(ancestor,)))
    assert (found.word, found.why) == ("stale", "it starts from weights/w, which is stale")
    inputs["code"] = "def"
    waiting = dataclasses.replace(artefact, starts_from=(artefact,))
    assert store.state(waiting).word == "changed"
