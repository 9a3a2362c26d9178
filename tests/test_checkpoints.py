"""Checkpoints: what goes in comes out, nothing runs when one is read, and a damaged one costs no more than itself."""

import math
import pickle

import pytest
import torch

from anisodiff.training import checkpoints
from anisodiff.training.checkpoints import DamagedCheckpoint

STATE = {
    "tensors": [torch.arange(6.0).reshape(2, 3), torch.tensor(2.5), torch.zeros(0)],
    "by number": {0: {"exp_avg": torch.ones(3, dtype=torch.bfloat16), "step": 4}, 1: {}},
    "plain": {"best": -math.inf, "words": "a", "nothing": None, "yes": True, "third": 1 / 3},
    "betas": (0.9, 0.999),
    "curve": [[0, None, 12.5], [4, -3.25, 13.0]],
}


def same(first, second):
    if isinstance(first, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(same, first, second))
    return type(first) is type(second) and first == second


@pytest.fixture
def file(tmp_path):
    checkpoints.write(tmp_path / "a/one.checkpoint", STATE)
    return tmp_path / "a/one.checkpoint"


def test_what_is_written_is_read_to_the_bit(file):
    assert same(STATE, checkpoints.read(file))
    assert checkpoints.read(file.with_name("none.checkpoint")) is None


def test_the_states_of_optimisers_and_schedules_pass_through(file):
    for kind in (torch.optim.Adam, torch.optim.LBFGS, torch.optim.SGD):
        weight = torch.nn.Parameter(torch.ones(3))
        optimiser = kind([weight], lr=0.1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.1, 5, cycle_momentum=False)

        def closure(optimiser=optimiser, weight=weight):
            optimiser.zero_grad()
            loss = (weight - torch.arange(3.0)).square().sum()
            loss.backward()
            return loss

        optimiser.step(closure)
        schedule.step()
        state = {"optimiser": optimiser.state_dict(), "schedule": schedule.state_dict()}
        checkpoints.write(file, state)
        assert same(state, checkpoints.read(file)), kind


class Planted:
    def __reduce__(self):
        return print, ("run",)


def damage(content, how):
    return {
        "empty": b"",
        "truncated": content[:-20],
        "flipped": content[:-3] + bytes([content[-3] ^ 1]) + content[-2:],
        "another format": pickle.dumps(Planted()),
    }[how]


@pytest.mark.parametrize("how", ["empty", "truncated", "flipped", "another format"])
def test_a_damaged_one_is_set_aside_with_one_line_and_runs_nothing(how, file, capsys):
    content = damage(file.read_bytes(), how)
    file.write_bytes(content)
    with pytest.warns(DamagedCheckpoint, match="one.checkpoint is damaged .* begins anew") as told:
        assert checkpoints.read(file) is None
    assert len(told) == 1 and "\n" not in str(told[0].message)
    assert [one.name for one in file.parent.iterdir()] == ["one.damaged"]
    assert file.with_suffix(".damaged").read_bytes() == content
    assert capsys.readouterr().out == ""


def test_what_cannot_be_kept_is_named(tmp_path):
    with pytest.raises(TypeError, match="a checkpoint holds no set"):
        checkpoints.write(tmp_path / "one.checkpoint", {"a": {1, 2}})
    assert not list(tmp_path.iterdir())


def test_a_disk_that_fills_leaves_the_checkpoint_before(file, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space")))
    with pytest.raises(OSError, match="No space"):
        checkpoints.write(file, {"new": 1})
    monkeypatch.undo()
    assert same(STATE, checkpoints.read(file)) and len(list(file.parent.iterdir())) == 1
