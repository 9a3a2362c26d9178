"""Arrays in, arrays out: what who restores images meets, and the weights on disk behind it."""

import math
import warnings

import numpy as np
import pytest
import torch
from family import FAMILY, restorer

import anisodiff
from anisodiff.data import collections, provenance
from anisodiff.methods.denoisers.tnrd import TNRD
from anisodiff.methods.diffusion import learned_lambda
from anisodiff.methods.diffusion.classic import PeronaMalik
from anisodiff.methods.diffusion.scheme import Diffusion
from anisodiff.metrics import distortion
from anisodiff.problems import problem
from anisodiff.study import catalogue, restorers, store, weights
from anisodiff.study.runs import Run


def classic(steps=4):
    return restorer(Diffusion(PeronaMalik(20), steps, 0.2))


def noisy(clean, level=25.0):
    return problem("gaussian", level).measure(clean, np.random.default_rng(0)).y.numpy()


def build(lambda_=20.0):
    return {"option": 2, "lambda_": lambda_, "steps": 3, "tau": 0.2}


def write(run, lambda_=20.0):
    module = catalogue.entry("perona-malik").build(build(lambda_))
    header = {"build": build(lambda_), "run": {"model": run.model}}
    weights.write(run.weights, module, header)


# Arrays


def test_a_restorer_takes_gray_and_colour_of_any_kind():
    gray = np.random.default_rng(0).uniform(0, 255, (13, 18)).astype(np.float32)
    colour = np.dstack([gray, gray[::-1], 255 - gray])
    restored = classic().restore(colour)
    assert restored.shape == colour.shape and restored.dtype == np.float32
    for channel in range(3):
        assert np.array_equal(restored[..., channel], classic().restore(colour[..., channel]))
    assert not np.array_equal(restored, colour)
    whole = gray.astype(np.uint8)
    assert np.array_equal(classic().restore(whole), classic().restore(whole.astype(np.float64)))
    assert classic().restore(gray[..., None]).shape == (13, 18, 1)
    view = gray[::-1, ::2]
    assert np.array_equal(classic().restore(view), classic().restore(view.copy()))


def test_a_restorer_neither_clips_nor_writes_to_its_input():
    image = np.random.default_rng(0).normal(250, 80, (20, 20)).astype(np.float32)
    given = image.copy()
    given.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # PyTorch's, of arrays that may not be written to
        assert classic(1).restore(given).max() > 255
    assert np.array_equal(image, given)
    assert np.array_equal(restorers.load("input").restore(image), image)


def test_a_bad_image_is_named():
    for bad, said in (
        (np.zeros(5), r"shape .*\(5,\)"),
        (np.zeros((2, 3, 4, 5)), r"shape .*\(2, 3, 4, 5\)"),
        (np.zeros((0, 4)), r"shape .*\(0, 4\)"),
        (np.array([[1.0, 200.0], [3.0, math.nan]]), "1 values that are NaN or infinite"),
        (np.array([[-math.inf, 200.0], [3.0, math.inf]]), "2 values that are NaN or infinite"),
        (np.full((4, 4), 0.5), r"0\.5: it seems to be on 0\.\.1"),
        (np.full((4, 4), 60000, np.uint16), r"60000: it seems to be on 0\.\.65535"),
        (np.full((4, 4), 60j), "complex"),
        (np.full((4, 4), "a"), "dtype <U1"),
        (np.full((4, 4), True), "bool"),
    ):
        with pytest.raises(ValueError, match=said):
            classic().restore(bad)


def test_the_level_of_another_problem_and_what_was_chosen():
    image = np.tile(np.linspace(0, 200, 24, dtype=np.float32), (24, 1))
    one = restorer(Diffusion(FAMILY["learned-lambda-time"](), 3, 0.25))
    low, high = (one.estimate(image, problem("gaussian", level)) for level in (5, 50))
    assert set(low.info) == {"lambda", "share"} and low.info != high.info
    assert not torch.equal(low.image, high.image)
    assert np.array_equal(one.restore(image), one.restore(image, problem("gaussian", 25)))


def test_only_an_oracle_is_given_the_clean_image_and_it_must_be():
    clean = np.zeros((12, 12), np.float32)
    clean[:, 6:] = 200
    seeing = restorer(Diffusion(FAMILY["two-lambdas-true"](), 3, 0.25))
    first, second = (seeing.estimate(clean + 5, truth=of).image for of in (clean, clean.T))
    assert not torch.equal(first, second)
    with pytest.raises(ValueError, match=r"is an oracle: it needs the clean image \(truth=...\)"):
        seeing.restore(clean)
    blind = restorer(Diffusion(FAMILY["two-lambdas"](), 3, 0.25))
    first, second = (blind.estimate(clean + 5, truth=of).image for of in (clean, clean.T))
    assert torch.equal(first, second)


# Weights


def test_weights_come_back_with_what_made_them(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    path = tmp_path / "a/w.safetensors"
    weights.write(path, module, {"digest": "abc", "facts": [1, None]})
    tensors, header = weights.read(path)
    assert header["digest"] == "abc" and header["facts"] == [1, None]
    assert torch.equal(tensors["0.weight"], module[0].weight.detach().half())
    assert tensors["1.running_var"].dtype == torch.float32
    assert weights.header(path) == header and weights.header(tmp_path / "none") is None


def test_weights_of_tied_stages_are_written_and_read(tmp_path):
    tied, again = TNRD(3, 3, tied=True), TNRD(3, 3, tied=True)
    with torch.no_grad():
        tied.stages[0].mixture.add_(torch.randn(8, 8))
    tied.load_state_dict(weights.stored(tied))  # as a training ends
    weights.write(tmp_path / "tied.safetensors", tied, {})
    again.load_state_dict(weights.read(tmp_path / "tied.safetensors")[0])
    assert torch.equal(again.stages[2].mixture, tied.stages[0].mixture)


def test_damaged_weights_are_named(elsewhere):
    run = Run("perona-malik", "gaussian", 25)
    write(run)
    assert anisodiff.load("perona-malik").module.steps == 3
    content = run.weights.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 1])
    for damaged in (content[:-3], flipped, b"\0" * len(content), b""):
        run.weights.write_bytes(damaged)
        with pytest.raises(OSError, match=r"gaussian-25.safetensors is damaged.*anisodiff fit"):
            anisodiff.load("perona-malik")


def test_weights_with_another_header_or_of_another_model_are_named(elsewhere):
    run = Run("perona-malik", "gaussian", 25)
    write(run)
    store.record(run.artefact(), {})
    recorded = run.weights.read_bytes()
    write(run, 92.0)
    with pytest.raises(OSError, match=r"gaussian-25.safetensors is damaged: .* not what was recor"):
        anisodiff.load("perona-malik")
    run.weights.write_bytes(recorded)
    assert anisodiff.load("perona-malik").module.steps == 3
    other = Run("perona-malik-option-1", "gaussian", 25)
    other.weights.parent.mkdir()
    other.weights.write_bytes(recorded)
    with pytest.raises(
        OSError, match=r"gaussian-25.safetensors holds the weights of perona-malik:"
    ):
        anisodiff.load("perona-malik-option-1")


def test_a_failed_write_leaves_what_was_there(monkeypatch, tmp_path):
    path = tmp_path / "folder/file"
    provenance.write_atomically(path, b"first")

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(provenance.os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        provenance.write_atomically(path, b"second")
    assert [(p.name, p.read_bytes()) for p in path.parent.iterdir()] == [("file", b"first")]


# Models by name


def test_a_model_that_is_unknown_or_has_no_weights_is_named(elsewhere):
    for ask, error, said in (
        (("pm",), ValueError, r"unknown model 'pm'; there are: input, perona-malik"),
        (("perona-malik", "snow", 4), ValueError, "unknown problem 'snow'; there are: gaussian"),
        (("perona-malik", "gaussian", -3), ValueError, r"gaussian: .*got -3"),
        (
            ("perona-malik", "blur", 4),
            FileNotFoundError,
            r"perona-malik has no weights for blur \(it has them for: nothing\)",
        ),
    ):
        with pytest.raises(error, match=said):
            anisodiff.load(*ask)


def test_a_level_without_weights_is_warned_of_and_takes_the_nearest(elsewhere):
    for level, lambda_ in ((15, 11.0), (50, 33.0)):
        write(Run("perona-malik", "gaussian", level), lambda_)
    assert float(anisodiff.load("perona-malik", level=15).module.diffusivity.lambda_) == 11
    said = "not made for gaussian at 40, only at 15, 50: the weights for 50"
    with pytest.warns(restorers.UntrainedLevel, match=said):
        assert float(anisodiff.load("perona-malik", level=40).module.diffusivity.lambda_) == 33


def test_shipped_weights_restore():
    clean = collections.centre_crop(collections.load("shipped/test")[1].pixels, 128)
    for name, gain in (
        ("perona-malik", 4),
        ("perona-malik-option-1", 4),
        ("perona-malik-blind", 4),
        ("perona-malik-released", 2),
        ("perona-malik-released-tuned", 2),
        ("learned-lambda-time", 4),
        ("foe-s-told", 5),
        ("p1-borders", 4),
    ):
        found = distortion.psnr(anisodiff.load(name).restore(noisy(clean)), clean)
        assert found > distortion.psnr(noisy(clean), clean) + gain, name


def test_what_a_network_chooses_hardly_depends_on_the_size_of_the_image():
    """Of a texture that goes on and on."""
    grass = next(one for one in collections.load("shipped/test") if one.name == "grass").pixels
    degraded = noisy(collections.centre_crop(grass, 480))
    for name in ("learned-lambda", "learned-lambda-time"):
        one = anisodiff.load(name)
        chosen = [
            one.estimate(collections.centre_crop(degraded, side)).info["lambda"]
            for side in (96, 240, 480)
        ]
        assert max(chosen) < 1.2 * min(chosen)


# Learned lambda


def test_tuned_settings_are_those_of_their_levels_and_between_them():
    tuned = learned_lambda.TunedSettings([[1, 7, 0], [4, 20, 3], [16, 80, 6], [64, 5, 12]], 12)
    numbers = tuned(torch.tensor([1.0, 4, 8, 16, 64, 100])[:, None, None, None])
    assert numbers.shape == (6, 2, 1, 1)
    lambdas, shares = torch.exp(numbers[:, 0]).flatten(), torch.sigmoid(numbers[:, 1]).flatten()
    torch.testing.assert_close(lambdas, torch.tensor([100.0, 20, 40, 80, 5, 5]))
    between = 1 / (1 + 3**0.5)  # whose odds are the geometric mean of 1:3 and 1:1
    torch.testing.assert_close(shares, torch.tensor([0.02, 0.25, between, 0.5, 0.99, 0.99]))


def test_an_untrained_network_of_lambda_and_time_is_the_tuned_classic():
    f = torch.from_numpy(noisy(np.full((60, 70), 100.0)))[None, None]
    tuned = [[5, 10, 0.4], [50, 30, 3]]
    learned = learned_lambda.LearnedLambdaTime(tuned, steps=60, tau=0.2).eval()
    for level, lambda_, time in tuned:
        with torch.inference_mode():
            classic = Diffusion(PeronaMalik(lambda_), 60, time / 60)(f)
            ours = Diffusion(learned, 60, 0.2)(f, float(level))
        torch.testing.assert_close(ours, classic, atol=1e-3, rtol=0)


def test_lambda_of_a_large_image_is_read_in_tiles_of_the_training_size(monkeypatch):
    network = learned_lambda.LambdaNetwork([5.0]).eval()
    torch.nn.init.normal_(network.unit.weight)
    drawn = np.random.default_rng(0).uniform(0, 255, (2, 1, 32, 32))
    tile = torch.from_numpy(drawn.astype(np.float32))
    monkeypatch.setattr(learned_lambda, "TILE", 32)
    assert learned_lambda._starts(20) == learned_lambda._starts(32) == [0]
    assert learned_lambda._starts(33) == [0, 1] and learned_lambda._starts(81) == [0, 24, 49]
    with torch.inference_mode():
        torch.testing.assert_close(network(tile.repeat(1, 1, 2, 3)), network(tile))
        for odd in (tile[..., :31, :17], tile.repeat(1, 1, 2, 1)[..., :33, :]):
            assert network(odd).shape == (2, 1, 1, 1)
