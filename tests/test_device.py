"""Where tensors are worked on, that the record says so, and that an accelerator gives the same scores."""

import pytest
import torch

from anisodiff.data import provenance
from anisodiff.methods import device
from anisodiff.problems import problem
from anisodiff.study import evaluation, restorers

THERE = {"cuda": torch.cuda, "mps": torch.backends.mps}


@pytest.fixture
def machine(monkeypatch):
    """A machine that says it has the accelerators named."""
    monkeypatch.delenv(device.VARIABLE, raising=False)

    def having(*names):
        for name, of in THERE.items():
            monkeypatch.setattr(of, "is_available", lambda name=name: name in names)

    return having


def test_the_device_is_the_one_that_is_asked_for(machine, monkeypatch):
    for there, asked, variable, expected in (
        ((), None, None, "cpu"),
        (("cuda", "mps"), None, None, "cpu"),
        ((), "auto", None, "cpu"),
        (("mps",), "auto", None, "mps"),
        (("cuda", "mps"), "auto", None, "cuda"),
        (("cuda",), None, "cuda", "cuda"),
        (("cuda",), None, "auto", "cuda"),
        (("cuda",), "cpu", "cuda", "cpu"),
        (("cuda",), None, "", "cpu"),
    ):
        machine(*there)
        monkeypatch.setenv(device.VARIABLE, variable or "")
        assert device.chosen(asked) == expected, (there, asked, variable)


def test_a_device_that_is_unknown_or_not_there_is_named(machine, monkeypatch):
    machine("mps")
    with pytest.raises(ValueError, match="unknown device 'gpu'; there are: auto, cpu, cuda, mps"):
        device.chosen("gpu")
    with pytest.raises(ValueError, match="no device 'cuda' here; there is: cpu, mps"):
        device.chosen("cuda")
    monkeypatch.setenv(device.VARIABLE, "cuda")
    with pytest.raises(ValueError, match="no device 'cuda' here"):
        restorers.load("input")


def test_the_stamp_names_the_device_that_is_used_not_the_best_there_is(machine, monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda *_: "an accelerator")
    machine("cuda")
    assert "CPU" in provenance.stamp()["device"] and "CPU" in provenance.stamp("cpu")["device"]
    assert provenance.stamp("cuda")["device"] == "an accelerator"
    assert provenance.stamp("mps")["device"].endswith(" mps")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an accelerator")
@pytest.mark.parametrize(
    "name",
    ["perona-malik", "perona-malik-oracle", "learned-lambda-time", "p1", "foe-s", "network", "nlm"],
)
def test_an_accelerator_gives_the_same_scores(name):
    at, found = problem("gaussian", 25), []
    for where in ("cpu", "cuda"):
        one = restorers.load(name, device=where)
        table = evaluation.evaluate(one, at, "shipped/test", crop=96, limit=2)
        found.append(table[table.metric == "psnr"].value.to_numpy())
    assert abs(found[0] - found[1]).max() < 0.02
