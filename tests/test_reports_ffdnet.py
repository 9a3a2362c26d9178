"""What the page on FFDNet reports: layers as they are counted, levels that are told, and what is made of the noise."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from family import photograph
from torch import nn

from anisodiff.methods.denoisers.drunet import DRUNet
from anisodiff.methods.denoisers.ffdnet import FFDNet
from anisodiff.reports import ffdnet, invented, ledger, zebra

CLEAN = photograph(40).copy()
TWO = {"one": CLEAN, "other": 255 - CLEAN}
RNG = np.random.default_rng(0)
NOISE = (invented.GRAY + 25 * RNG.standard_normal((4, 96, 96))).astype(np.float32)


def test_layers_are_counted_one_by_one():
    found = ffdnet.layers(FFDNet(5, 8, norm=True))
    assert found.weights.tolist() == [5 * 8 * 9, *[8 * 8 * 9] * 3, 8 * 4 * 9]
    assert found.biases.sum() == 0 and set(found.side) == {3} and found.filters.iloc[-1] == 4
    assert ffdnet.size(FFDNet(5, 8, norm=True)) == found.weights.sum() + 3 * 2 * 8
    assert ffdnet.layers(FFDNet(5, 8)).biases.sum() == 4 * 8 + 4
    drunet = DRUNet((4, 6))
    assert ffdnet.layers(drunet).weights.sum() == ffdnet.size(drunet)


def test_at_half_size_each_weight_works_at_a_quarter_of_the_places():
    half, full = FFDNet(4, 6), ffdnet.AtFullSize(4, 6)
    assert full(torch.ones(1, 1, 9, 7), 25.0).shape == (1, 1, 9, 7)
    assert ffdnet.operations(half) == ffdnet.layers(half).weights.sum() / 4
    assert ffdnet.operations(full) == ffdnet.layers(full).weights.sum()
    assert ffdnet.outputs(half) == (1, (3 * 6 + 4) / 4) and ffdnet.outputs(full) == (1, 3 * 6 + 1)


def test_the_receptive_field_is_twice_as_wide_and_nothing_is_changed_by_looking():
    half = FFDNet(4, 6)
    before = half.layers[0].weight.clone()
    assert ffdnet.field(half, 40) == 2 * ffdnet.field(ffdnet.AtFullSize(4, 6), 40) == 2 * 9
    assert torch.equal(half.layers[0].weight, before)


class Told(nn.Module):
    """Gives back what it is told, for every pixel."""

    def forward(self, x, sigma):
        return torch.zeros_like(x) + sigma


TELLER = SimpleNamespace(restore=lambda degraded, at: degraded + at.level)


def test_every_given_level_meets_every_true_one():
    found = ffdnet.mismatch(TELLER, TWO, [10, 50], [5, 100], seed=1)
    assert len(found) == 8 and set(found.image) == set(TWO)
    assert (found.groupby(["true", "given"]).psnr.nunique() == 2).all()


def test_a_level_is_told_estimated_or_always_the_same():
    assert ffdnet.estimate(NOISE[0]) == pytest.approx(25, rel=0.05)
    found = ffdnet.by_source(TELLER, TWO, [25, 50], usual=25).set_index("sigma")
    assert (found.told[25] == found.usual[25]).all() and (found.told[50] != found.usual[50]).all()
    assert not np.allclose(found.estimated, found.told) and (found.image[25] == list(TWO)).all()


def test_the_map_its_mean_and_its_mirror_image_are_told():
    sigmas = ffdnet.ramp(CLEAN.shape, 5, 50)
    assert sigmas.shape == CLEAN.shape and (sigmas[0, 0], sigmas[-1, -1]) == (5, 50)
    found = ffdnet.of_varying_noise(Told(), CLEAN, sigmas)
    assert found["map"] == pytest.approx(sigmas)
    assert found["mirrored"] == pytest.approx(sigmas[:, ::-1])
    assert found["number"] == pytest.approx(np.sqrt(np.mean(sigmas**2)) * np.ones(CLEAN.shape))
    spread = (found["noisy"] - CLEAN).std(0)
    assert spread[-10:].mean() > 3 * spread[:10].mean()


def test_only_without_biases_a_network_follows_the_scale():
    torch.manual_seed(0)
    without, biased = DRUNet((4, 6)).eval(), FFDNet(3, 4).eval()
    with torch.no_grad():
        biased.layers[0].bias.add_(0.1)
    assert ffdnet.scale_error(without, CLEAN, 25, 0.5) < 0.01
    assert ffdnet.scale_error(biased, CLEAN, 25, 0.5) > 0.1


def test_a_training_by_its_hours(monkeypatch):
    header = {"curve": [[0, None, 20.0], [50, -1.0, 25.0], [200, -1.0, 28.0]], "seconds": 7200.0}
    monkeypatch.setattr(ffdnet.restorers, "load", lambda model: SimpleNamespace(header=header))
    assert ffdnet.curve("drunet-lite").hours.tolist() == [0, 0.5, 2]
    assert ffdnet.curve("drunet-longer").hours.tolist() == [2, 2.5, 4], "which goes on from it"
    assert ffdnet.curve("drunet-longest").hours.tolist() == [4, 4.5, 6], "and from that"


def test_what_changes_is_told_from_what_stays():
    assert np.abs(invented.details(np.full((2, 20, 20), 7.0))).max() < 1e-9
    same = np.stack([CLEAN] * 3)
    assert invented.level(invented.changing(same)) < 1e-6 and invented.share(same) < 1e-12
    changing = invented.changing(NOISE)
    left = invented.left(NOISE)
    assert invented.level(changing) == pytest.approx(left["details"], rel=0.02)
    assert left["deviation"] == pytest.approx(25, rel=0.02) and left["largest"] > 75
    assert invented.share(NOISE) == pytest.approx(1, abs=0.02)
    grid = NOISE + 3 * (np.indices((96, 96)).sum(0) % 2)
    assert invented.left(grid)["grid"] == pytest.approx(1.5, abs=0.3) and left["grid"] < 0.5
    both = CLEAN + RNG.normal(0, 5, (4, *CLEAN.shape))
    assert 0 < invented.share(both) < 1


def test_draws_differ_in_their_noise_alone():
    made = invented.draws(lambda y: y, CLEAN, "any", 10, count=2, seed=5)
    assert made.shape == (2, *CLEAN.shape) and (made[0] != made[1]).any()
    again = invented.draws(lambda y: y, CLEAN, "any", 10, count=1, seed=6)
    assert (again[0] == made[1]).all()


def test_flat_and_busy_places():
    busy = np.zeros((40, 40), np.float32)
    busy[:, 20:] = 100 * (np.indices((40, 20)).sum(0) % 2)
    flat, rich = invented.between(busy, 0, 0.2), invented.between(busy, 0.8, 1)
    assert not flat[:, 26:].any() and not rich[:, :14].any() and flat.any() and rich.any()
    change = np.where(np.arange(40) < 20, 1.0, 9.0) * np.ones((40, 1))
    at, made = invented.by_busyness([(busy, change)], np.array([0, 1, 10, 40, 60.0]))
    assert made[0] == pytest.approx(1) and made[-1] == pytest.approx(3, rel=0.05)
    assert at[0] < 1 and at[-1] > 40
    nothing = invented.by_busyness([(busy, change)], np.array([200, 300.0]))
    assert np.isnan(nothing).all()


def test_what_stands_out_is_more_than_a_linear_filter_leaves():
    linear = invented.filtered(NOISE, 2.0)
    assert invented.left(linear)["details"] == pytest.approx(2, rel=0.02)
    assert (invented.strongest(linear) < 5.5).all()
    rare = linear + 20 * (RNG.random(linear.shape) > 0.999)
    assert (invented.strongest(rare) > 6).all()


def test_the_zebra_by_thresholds_and_by_models(monkeypatch):
    kinds = {
        ("hard", 2.0): lambda y: y,
        ("net", 0.0): lambda y: 0 * y + np.float32(np.arange(len(y)) % 7),
    }
    monkeypatch.setattr(zebra, "denoisers", lambda level: kinds)
    part = np.s_[:30, :30]
    noisy, hard, net = zebra.rows("any", CLEAN, 25, (part, part))
    assert noisy[2:4] == ("input", 0.0) and noisy[5] == pytest.approx(25, rel=0.1)
    assert hard[6] == hard[7] > net[6] and net[8] < 1e-6 < hard[8]
    assert np.isnan(zebra.rows("any", CLEAN, 25)[1][6:]).all()


def test_a_threshold_is_read_at_its_best_ratio(monkeypatch):
    rows = [("zebra", 25, "hard", r, 27 - (r - 2.5) ** 2, 10 + r) for r in (2.0, 2.5, 3.0)]
    rows.append(("zebra", 25, "net", 0.0, 28.0, 9.0))
    table = pd.DataFrame(rows, columns=["image", "level", "kind", "ratio", "psnr", "deviation"])
    monkeypatch.setattr(zebra, "read", lambda: table)
    assert zebra.at_best("zebra", 25) == pytest.approx(27)
    assert zebra.at_best("zebra", 25, column="deviation") == pytest.approx(12.5)
    assert zebra.at_best("zebra", 25, "net", "deviation") == 9


def test_a_row_whose_sentences_are_tested_is_no_untested_number():
    table = {"columns": [25], "metrics": ["psnr"], "rows": {"held": [28.0], "free": [27.0]}}
    table |= {"untested": "nobody has it", "claims": {"held": ["report-table-25"]}}
    assert [one.row for one in ledger._entries("toy", table)] == ["free"]
