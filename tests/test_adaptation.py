"""Adaptation to one image: what it learns from, what it leaves as it was, what it refuses; the page's parts."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from family import DENOISERS, longest, noise, photograph, restorer, seeded

from anisodiff.cli import main
from anisodiff.data import collections, provenance
from anisodiff.methods.denoisers.ffdnet import FFDNet
from anisodiff.metrics.distortion import clipped_psnr
from anisodiff.problems import parse, problem
from anisodiff.reports import adaptation as recorded
from anisodiff.reports import adapted, similarity, status
from anisodiff.study import restorers, store
from anisodiff.training import adaptation
from anisodiff.training.adaptation import Adaptation
from anisodiff.training.loop import TrainingFailed

CLEAN = photograph(80)
NOISY = problem("gaussian", 25).measure(CLEAN, np.random.default_rng(0)).y.numpy()


def network():
    return restorer(seeded(FFDNet, 3, 6))


def state(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def unchanged(module, before):
    return all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("name", ["ffdnet", "drunet", "tnrd", "dncnn", "dct", "any-level"])
def test_zero_steps_are_before_and_what_was_given_stays_as_it_was(name):
    given = restorer(DENOISERS[name]())
    before, restored = state(given.module), given.restore(NOISY)
    adapting = Adaptation(given, CLEAN, 1e-3)
    np.testing.assert_array_equal(adapting.restorer.restore(NOISY), restored)
    adapting.reach(0)
    adapting.reach(3, seconds=0)
    assert adapting.steps == 0
    adapting.reach(2)
    assert adapting.steps == 2 and adapting.seconds > 0
    assert not adapting.restorer.module.training
    assert not unchanged(adapting.restorer.module, before)
    assert unchanged(given.module, before)
    np.testing.assert_array_equal(given.restore(NOISY), restored)


def test_a_diffusion_and_a_model_that_is_told_nothing_learn_too():
    given = restorer(longest("network-memory", 4, torch.float32))
    adapting = Adaptation(given, CLEAN, 1e-3)
    adapting.reach(1)
    assert not unchanged(adapting.restorer.module, state(given.module))


def test_the_weights_that_are_shipped_stay_as_they_are(tmp_path):
    path = provenance.ROOT / "data/weights/tnrd/gaussian-50.safetensors"
    before = provenance.sha256(path)
    given = recorded.denoiser("tnrd")
    Adaptation(given, CLEAN, 1e-2).reach(1)
    assert provenance.sha256(path) == before
    again = recorded.denoiser("tnrd")
    np.testing.assert_array_equal(again.restore(NOISY), given.restore(NOISY))


def test_an_adaptation_gains_on_an_image_of_its_kind():
    rows = np.tile(np.repeat(np.array([60.0, 190.0], np.float32), 3), 32)
    stripes = np.repeat(rows[:, None], 96, 1)
    noisy = problem("gaussian", 25).measure(stripes, np.random.default_rng(1)).y.numpy()
    given = network()
    adapting = Adaptation(given, stripes, 5e-3)
    before = clipped_psnr(given.restore(noisy), stripes)
    adapting.reach(60)
    assert clipped_psnr(adapting.restorer.restore(noisy), stripes) > before + 3


def test_the_same_seed_gives_the_same_and_another_one_another():
    def adapted(seed, *stops):
        adapting = Adaptation(network(), CLEAN, 1e-3, seed)
        for stop in stops:
            adapting.reach(stop)
        return adapting.restorer.restore(NOISY)

    np.testing.assert_array_equal(adapted(0, 4), adapted(0, 1, 4))
    assert not np.array_equal(adapted(0, 4), adapted(1, 4))


def test_blocks_are_of_all_channels_each_measured_anew_by_the_restorers_problem():
    colour = np.stack([np.full((70, 90), level, np.float32) for level in (50, 100, 200)], -1)
    given = replace(network(), problem=problem("gaussian", 40))
    batches = Adaptation(given, colour, 1e-3).batches
    found = [batches.training(step, 4) for step in range(40)]
    means = {float(clean.mean()) for batch in found for clean in batch.clean}
    assert means == {50, 100, 200} and found[0].clean.shape == (4, 1, 64, 64)
    apart = torch.cat([batch.degraded - batch.clean for batch in found])
    assert float(apart.std()) == pytest.approx(40, rel=0.01)
    assert {float(level) for batch in found for level in batch.sigma.flatten()} == {40}
    assert not torch.equal(apart[0], apart[4])


def test_a_course_has_the_scores_before_and_at_each_stop_and_ends_with_the_time():
    given, score = network(), lambda of: {"psnr": clipped_psnr(of.restore(NOISY), CLEAN)}
    table = adaptation.course(Adaptation(given, CLEAN, 1e-3), score, (0, 2, 3))
    assert list(table.columns) == ["step", "seconds", "psnr"] and list(table.step) == [0, 2, 3]
    assert table.psnr[0] == score(given)["psnr"] and table.psnr[2] != table.psnr[1]
    assert table.seconds[0] == 0 and table.seconds.is_monotonic_increasing
    short = adaptation.course(Adaptation(given, CLEAN, 1e-3), score, (0, 500, 900), seconds=0.05)
    assert len(short) == 2 and 0 < short.step[1] < 500


def test_its_own_result_is_what_a_denoiser_gives_clipped():
    far = 2 * NOISY - 128
    own = adaptation.own_result(restorer(DENOISERS["identity"]()), far)
    assert (own.min(), own.max()) == (0, 255)
    np.testing.assert_array_equal(own, np.clip(far, 0, 255))


REFUSED = {
    "has nothing to learn": lambda: Adaptation(restorer(DENOISERS["tv"]()), CLEAN, 1e-3),
    "is no denoiser": lambda: Adaptation(restorers.load("wiener", "blur", 4), CLEAN, 1e-3),
    "is an oracle": lambda: Adaptation(
        restorer(longest("two-lambdas-true", 2, torch.float32)), CLEAN, 1e-3
    ),
    r"at least 64 x 64 pixels, got \(63, 80\)": lambda: Adaptation(network(), CLEAN[:63], 1e-3),
    "on 0..255, got values from 0": lambda: Adaptation(network(), CLEAN / 255, 1e-3),
    "values from nan": lambda: Adaptation(network(), CLEAN * np.nan, 1e-3),
    "rate must be a number above 0, got -1": lambda: Adaptation(network(), CLEAN, -1),
    "blur at a level alone, not with further parameters": lambda: Adaptation(
        replace(network(), problem=parse("blur,4,sigma=2")), CLEAN, 1e-3
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_adapted_is_named(message):
    with pytest.raises(ValueError, match=message):
        REFUSED[message]()


def test_the_rate_of_a_training_is_read_off_its_header():
    assert adaptation.trained_rate(recorded.denoiser("tnrd")) == 0.03
    assert adaptation.trained_rate(restorers.load("drunet-lite")) > 0
    with pytest.raises(ValueError, match="the rate that made was trained at is not known"):
        adaptation.trained_rate(network())


def test_a_loss_that_is_no_number_stops_it():
    adapting = Adaptation(network(), CLEAN, 1e30)
    with pytest.raises(
        TrainingFailed, match=r"step \d+ of the adaptation; try a rate below 1e\+30"
    ):
        adapting.reach(20)


# The command line


def test_the_command_line_adapts_to_a_related_image_and_to_its_own_result(tmp_path, capsys):
    given, related, out = (tmp_path / f"{name}.npy" for name in ("in", "related", "out"))
    np.save(given, NOISY)
    np.save(related, CLEAN)
    asked = ["restore", str(given), str(out), "--model", "ffdnet-narrow", "--level", "25"]
    trained = restorers.load("ffdnet-narrow", "gaussian", 25)

    def restored(*words):
        assert main([*asked, *words]) == 0, capsys.readouterr().err
        return np.load(out)

    before = restored()
    few = ("--steps", "2", "--rate", "1e-3")
    np.testing.assert_array_equal(restored("--adapt", str(related), "--steps", "0"), before)
    adapting = Adaptation(trained, CLEAN, 1e-3)
    adapting.reach(2)
    expected = adapting.restorer.restore(NOISY)
    np.testing.assert_allclose(restored("--adapt", str(related), *few), expected, atol=1e-3)
    adapting = Adaptation(trained, adaptation.own_result(trained, NOISY), 1e-3)
    adapting.reach(2)
    own = restored("--adapt", "itself", *few)
    np.testing.assert_allclose(own, adapting.restorer.restore(NOISY), atol=1e-3)
    assert not np.allclose(own, expected, atol=1e-2)
    assert not np.allclose(restored("--adapt", "itself", "--seconds", "0.01"), before, atol=1e-3)


TOLD = [
    (("--rate", "1"), "--seconds and --rate belong to --adapt"),
    (("--steps", "3"), "--steps to --adapt"),
    (("--adapt", "none.png"), "there is no file none.png"),
    (("--adapt", "itself", "--steps", "-1"), "--steps must be at least 0, got -1"),
    (("--adapt", "itself", "--seconds", "nan"), "--seconds must be at least 0, got nan"),
    (("--adapt", "itself", "--rate", "0"), "rate must be a number above 0, got 0.0"),
    (("--adapt", "itself", "--model", "tv"), "tv has nothing to learn"),
    (
        ("--adapt", "itself", "--method", "pnp-hqs", "--denoiser", "tnrd"),
        "--adapt changes a --model, not the denoiser of pnp-hqs",
    ),
]


def test_what_does_not_fit_is_told_in_one_line(tmp_path, capsys):
    given = tmp_path / "in.npy"
    np.save(given, NOISY)
    for words, said in TOLD:
        asked = ["restore", str(given), str(tmp_path / "out.npy"), "--model", "tnrd"]
        assert main([*asked, *words]) == 2, words
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line, line
    assert not (tmp_path / "out.npy").exists()


# The page


@pytest.mark.parametrize("name", recorded.WHEEL)
def test_parts_share_no_pixel_and_are_all_of_the_image(name, monkeypatch):
    first, second = recorded.parts(name)
    assert first.shape[0] == second.shape[0] or first.shape[1] == second.shape[1]
    shape = tuple(np.maximum(first.shape, second.shape))
    axis = int(first.shape[0] == second.shape[0])
    total = first.shape[axis] + second.shape[axis]
    numbers = np.arange(np.prod(shape) * 2)[: total * shape[1 - axis]]
    whole = numbers.reshape((shape[0], total) if axis else (total, shape[1])).astype(np.float32)
    monkeypatch.setattr(recorded.io, "imread", lambda _: whole)
    parts = recorded.parts(name)
    assert np.intersect1d(*parts).size == 0 and sum(part.size for part in parts) == whole.size


def test_no_image_is_learned_from_and_scored_or_tried_and_reported():
    trains = {one.train for one in recorded.SOURCES.values()}
    tests = {address for one in recorded.SOURCES.values() for address in one.tests}
    assert not trains & tests
    tried = {one.train for one in recorded.TRIED["external"]}
    tried |= {address for one in recorded.TRIED["external"] for address in one.tests}
    tried |= set(recorded.TRIED["internal"])
    assert not tried & (trains | tests)
    for source in recorded.SOURCES.values():
        if source.train.startswith("wheel/"):
            continue
        learned = subject(source.train)
        assert learned not in {subject(one) for one in source.tests}
        assert len({subject(one) for one in source.tests}) == len(source.tests)
    with pytest.raises(ValueError, match="unknown image 'camera'; there are: hubble_deep_field"):
        recorded.parts("camera")


def subject(address):
    where, _, name = address.rpartition("/")
    return where, collections.cluster(where, name)


def test_self_similarity_is_one_for_a_repeated_pattern_and_low_for_noise():
    tile = noise(1, 1, 16, 16)[0, 0].float().numpy()
    assert similarity.self_similarity(np.tile(tile, (6, 6))) == pytest.approx(1, abs=1e-4)
    assert similarity.self_similarity(noise(1, 1, 96, 96, seed=3)[0, 0].float().numpy()) < 0.6


def test_the_rate_is_that_of_the_best_trials_and_gains_are_those_of_the_last_step():
    rows = []
    for rate, last in ((1e-4, 21.0), (1e-3, 23.0), (1e-2, 19.0)):
        rows += [
            ("trial", "external", "m", "", "x", rate, step, psnr)
            for step, psnr in ((0, 30.0), (150, last))
        ]
    last = recorded.KEPT["external"][-1]
    for image, before, after in (("wheel/page/second", 20.0, 22.0), ("wheel/page/first", 20, 25)):
        steps = ((0, before), (last, after), (2 * last, 0.0))
        rows += [("course", "external", "m", "page", image, 1e-3, *one) for one in steps]
    names = ["use", "kind", "model", "source", "image", "share", "step", "psnr"]
    table = pd.DataFrame(rows, columns=names)
    assert recorded.share_of(table, "m", "external") == 1e-3
    found = adapted.gains(table, "external")
    assert found.gain.to_dict() == {
        ("m", "page", "wheel/page/second"): 2,
        ("m", "page", "wheel/page/first"): 5,
    }
    long = adapted.overfitting(table, "m")
    assert list(long.learned) == [20, 25, 0] and list(long.other) == [20, 22, 0]
    assert adapted.by_step(table, "m", "external", "page").to_dict() == {0: 0, last: 2}


def test_gains_are_held_against_those_by_an_unrelated_photograph():
    last, text = recorded.KEPT["external"][-1], recorded.SOURCES["page"]
    photograph = recorded.SOURCES["photographs"].tests[0]
    rows = [
        ("course", "external", model, source, image, step, 20 + (step == last) * gain)
        for model, more in (("m", 0), ("n", 1))
        for source, image, gain in (
            ("page", text.tests[0], 3 + more),
            ("page", text.train, 7),
            ("page", photograph, -2),
            ("photographs", text.tests[0], 1),
            ("photographs", photograph, 0.5),
        )
        for step in (0, last)
    ]
    names = ["use", "kind", "model", "source", "image", "step", "psnr"]
    table = pd.DataFrame(rows, columns=names)
    found = adapted.foreign(table)
    assert found.gain.to_list() == [3, 4] and found.unrelated.to_list() == [1, 1]
    assert adapted.apart(found, "gain", "n", "m").to_dict() == {text.tests[0]: 1}
    assert adapted.on_photographs(table).gain.to_list() == [-2, 0.5, -2, 0.5]


def test_a_correlation_is_paired_by_the_image():
    names = [f"i{number}" for number in range(30)]
    gain = pd.Series(np.arange(30.0), names)
    mean, low, high = adapted.correlation(gain, 2 * gain[::-1] + 1)
    assert mean == pytest.approx(1) and low == pytest.approx(1) and high == pytest.approx(1)


def test_what_is_recorded_has_a_recipe_of_plain_values():
    made = status.artefacts()["scores/adaptation"]
    found = json.loads(json.dumps(made.recipe()))
    assert set(found["starts from"]) >= {"drunet-lite/gaussian", "tnrd/gaussian-50"}
    assert "none" not in found["starts from"].values()
    assert isinstance(made, store.Artefact)


def test_gains_by_how_long_a_network_was_trained():
    brief, lite = recorded.BRIEF, recorded.MODELS[0]
    rows = []
    for kind, names in recorded.STARTED.items():
        last = recorded.KEPT[kind][-1]
        for name in names:
            image = recorded.SOURCES[name].tests[0]
            rows += [("start", kind, brief, name, image, step, 20 + step) for step in (0, last)]
            rows += [("course", kind, lite, name, image, step, 25.0) for step in (0, 10, last)]
    rows += [("start", "external", brief, "page", "another", 0, 99.0)]
    names = ["use", "kind", "model", "source", "image", "step", "psnr"]
    found = adapted.starts(pd.DataFrame(rows, columns=names))
    assert found.gain["page", brief] == 300 and found.gain["brick", brief] == 60
    assert (found.gain.xs(lite, level="model") == 0).all() and found.before["page", brief] == 20
