"""Counts through two transforms: the noise between them, and the mean that comes back."""

import numpy as np
import pytest
import torch

from anisodiff.methods.denoisers.anscombe import Anscombe, back, forth


@pytest.mark.parametrize("count", [2.0, 10.0, 100.0])
def test_the_noise_between_has_a_deviation_of_about_one_and_the_mean_comes_back(count):
    gain = 3.0
    drawn = gain * np.random.default_rng(0).poisson(count, 400_000)
    between = forth(torch.from_numpy(drawn), gain)
    assert between.std().item() == pytest.approx(1, abs=0.1 if count < 5 else 0.03)
    assert back(between.mean(), gain).item() == pytest.approx(gain * count, rel=0.01)
    naive = gain * (between.mean() ** 2 / 4 - 3 / 8)  # the inverse of the function alone
    assert abs(naive.item() / gain / count - 1) > 3 * abs(
        back(between.mean(), gain).item() / gain / count - 1
    )


def test_a_flat_image_of_counts_becomes_flat():
    clean, gain = 40.0, 8.0
    y = gain * torch.from_numpy(np.random.default_rng(0).poisson(clean / gain, (1, 1, 64, 64)))
    one = Anscombe("tv", 60.0, 20.0)
    u = one(y.float(), gain)
    assert u.mean().item() == pytest.approx(clean, rel=0.05)
    assert u.std() < 0.2 * y.float().std()
    with pytest.raises(ValueError, match="give sigma"):
        one(y.float())
