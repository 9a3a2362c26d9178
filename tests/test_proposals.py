"""What the page on the proposals draws: digits on a circle and without one, along arcs, and where steps end."""

import numpy as np
import pandas as pd
import torch

from anisodiff.methods.gaussian_prior import GaussianPrior
from anisodiff.methods.samplers.ddim import DDIM
from anisodiff.reports import proposals as recorded


def of_the_prior(kind, steps):
    drawing = kind(GaussianPrior.reference(), steps, highest=2000.0, lowest=2.0)
    return drawing.sample((8, 8), np.random.default_rng(0), 4)


def test_on_a_circle_the_steps_are_the_same():
    plain, circle = (of_the_prior(kind, 12) for kind in (DDIM, recorded.OnACircle))
    fewer = of_the_prior(DDIM, 6)
    assert (plain - circle).abs().max() < 0.02 < 0.5 < (plain - fewer).abs().max()


def test_noise_keeps_its_length_along_the_arc_and_not_along_the_chord():
    first, last = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 1, 32, 32)))
    for arc in (True, False):
        found = recorded.between(first, last, 5, arc)
        torch.testing.assert_close(found[[0, -1]], torch.stack([first, last]))
        lengths = found.flatten(1).norm(dim=1) / first.norm()
        assert (lengths[2] > 0.95) == arc


def test_steps_end_where_digits_are_nearest_to_training_images():
    rows = [(5, 0.0, 1.0, 9.0), (5, 0.0, 16.0, 3.0), (5, 1.0, 1.0, 1.0), (10, 0.0, 4.0, 2.0)]
    tried = pd.DataFrame(rows, columns=["steps", "eta", "lowest", "frechet"])
    assert recorded.best(tried, 5, 0.0) == 16 and recorded.best(tried, 5, 1.0) == 1


def test_digits_are_drawn_in_parts_and_the_same_again():
    drawing = recorded.sampler(2, 0.5, 16.0)
    first, again = (recorded.drawn(drawing, 3, at_once=2) for _ in range(2))
    assert first.shape == (3, 32, 32) and np.array_equal(first, again)
    assert first.min() >= 0 and first.max() <= 255
