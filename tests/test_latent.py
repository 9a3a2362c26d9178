"""Codes of images: how they are laid out, what a denoiser of codes learns from, and how faces are drawn by way of
them."""

import numpy as np
import pandas as pd
import pytest
import torch

from anisodiff.methods.denoisers.latent import MIDDLE, SCALE, Autoencoder, LatentDenoiser
from anisodiff.reports import latent as recorded
from anisodiff.training.loop import objective_for
from anisodiff.training.objectives import Batch, Coded

SETTINGS = {"steps": 4, "rate": 0.002, "every": 2, "batch": 4, "validation": 4, "loss": "psnr"}


def faces(count=8, side=16):
    """Random squares of 4 x 4 pixels."""
    torch.manual_seed(0)
    return 255 * torch.rand(count, 1, side // 4, side // 4).repeat_interleave(
        4, 2
    ).repeat_interleave(4, 3)


@pytest.mark.parametrize(("latent", "side"), [(1, 4), (4, 8), (9, 12)])
def test_a_code_is_an_image_of_so_many_numbers_for_each_square(latent, side):
    made = Autoencoder(latent, width=4).eval()
    code = made.encode(faces())
    assert code.shape == (8, 1, side, side) and made.decode(code).shape == (8, 1, 16, 16)


@pytest.mark.parametrize("latent", [0, 2, -4])
def test_numbers_that_make_no_square_are_named(latent):
    with pytest.raises(ValueError, match=f"1, 4, 9 or 16 numbers, got {latent}"):
        Autoencoder(latent)


def test_codes_have_the_mean_and_the_deviation_that_they_should():
    made = Autoencoder(width=4).train()
    made.encoder[-2].weight.data *= 100  # else what batch norm adds to a variance is not small
    code = torch.nn.functional.pixel_unshuffle(made.encode(faces(32)), 2)
    means, deviations = code.mean((0, 2, 3)), code.std((0, 2, 3))
    torch.testing.assert_close(means, torch.full((4,), MIDDLE), atol=0.1, rtol=0)
    torch.testing.assert_close(deviations, torch.full((4,), SCALE), atol=1, rtol=0)


def test_only_in_training_codes_are_noisy():
    made, x = Autoencoder(width=4), faces()
    made.eval()
    torch.testing.assert_close(made(x), made.decode(made.encode(x)))
    made.train()
    assert not torch.allclose(made(x), made(x))


def test_a_denoiser_of_codes_learns_from_codes_with_the_noise_of_its_level():
    made = LatentDenoiser(Autoencoder(width=4).requires_grad_(False), (4, 6))
    clean = faces(16, 64)
    batch = Batch(clean, clean + 30 * torch.randn_like(clean), torch.full((16, 1, 1, 1), 30.0))
    objective = objective_for(made, SETTINGS)
    assert type(objective) is Coded
    code, noisy = made.coded(batch.clean, batch.degraded)
    assert (noisy - code).std().item() == pytest.approx(30, rel=0.02)
    torch.testing.assert_close(code, made.autoencoder.encode(clean))
    of_codes = objective.distance(made(noisy, batch.sigma), code).item()
    assert objective.loss(batch).item() == pytest.approx(of_codes, rel=1e-5)
    before = {name: of.clone() for name, of in made.autoencoder.state_dict().items()}
    objective.step(batch)
    for name, of in made.autoencoder.state_dict().items():
        assert torch.equal(of, before[name]), f"{name} of the autoencoder stays"


# What is recorded


def test_the_same_seed_draws_the_same_faces():
    for way in recorded.WAYS:
        first, again = (recorded.drawn(way, 2, 16.0, 2) for _ in range(2))
        assert first.shape == (2, 64, 64) and np.array_equal(first, again)
        assert first.min() >= 0 and first.max() <= 255


def test_steps_end_where_faces_are_nearest_to_training_images():
    rows = [("codes", 5, 1.0, 9.0), ("codes", 5, 16.0, 3.0), ("pixels", 5, 1.0, 1.0)]
    tried = pd.DataFrame(rows, columns=["way", "steps", "lowest", "frechet"])
    assert recorded.best(tried, "codes", 5) == 16 and recorded.best(tried, "pixels", 5) == 1


def test_faces_of_the_training_are_at_no_distance_from_it():
    rng = np.random.default_rng(0)
    train, other = rng.uniform(0, 255, (2, 12, 16, 16))
    project = recorded.generative.components(train, 5)
    same = recorded.judged(train, train, project)
    assert all(abs(value) < 1e-6 for value in same.values())
    assert all(value > 0.1 for value in recorded.judged(other, train, project).values())
