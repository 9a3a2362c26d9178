"""Thresholds of the DCT of patches: the transform, the four thresholds, and what gradients and a search find."""

import numpy as np
import pytest
import torch
from family import noise, photograph
from scipy.fft import dctn, idctn

from anisodiff.methods.denoisers.dct import DCT, LEARNED_BY, hard, smooth, soft, straight
from anisodiff.training.loop import objective_for
from anisodiff.training.objectives import Batch, Search

SIGMA = 25.0


def by_patches(image, size, ratio, adaptive, sigma=SIGMA):
    """Every patch on its own, by SciPy."""
    total, weights = np.zeros_like(image), np.zeros_like(image)
    for top in range(image.shape[0] - size + 1):
        for left in range(image.shape[1] - size + 1):
            part = np.s_[top : top + size, left : left + size]
            found = dctn(image[part], norm="ortho")
            kept = np.where(np.abs(found) > ratio * sigma, found, 0)
            weight = 1 / max(1, np.count_nonzero(kept)) if adaptive else 1
            total[part] += weight * idctn(kept, norm="ortho")
            weights[part] += weight
    return total / weights


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize(
    ("size", "shape"), [(4, (4, 9)), (7, (21, 90)), (8, (90, 20)), (16, (19, 33))]
)
def test_it_is_what_scipy_makes_of_every_patch(size, shape, adaptive):
    image = photograph(96)[: shape[0], : shape[1]].astype(np.float64)
    image += np.random.default_rng(0).normal(0, SIGMA, shape)
    one = DCT(size, "each", adaptive, strength=2.5).eval()
    with torch.no_grad():
        one.ratios += torch.linspace(-1, 1, size**2).view(size, size)
    ratios = one.ratios.detach().numpy()
    wanted = by_patches(image, size, ratios, adaptive)
    given = torch.from_numpy(image)[None, None]
    for found in (one(given.float(), SIGMA), one.double()(given, SIGMA)):
        assert np.abs(found[0, 0].detach().numpy() - wanted).max() < 1e-4
    with torch.inference_mode():  # in strips
        assert np.abs(one(given, SIGMA)[0, 0].numpy() - wanted).max() < 1e-4


def test_a_threshold_of_0_gives_the_image_and_an_image_below_a_patch_is_taken():
    for shape in ((1, 1), (3, 40), (30, 30)):
        f = noise(2, 1, *shape)
        assert torch.allclose(DCT(8, strength=0).double().eval()(f, SIGMA), f, atol=1e-4)
        assert DCT(8).eval()(f.float(), SIGMA).shape == f.shape


def test_the_transform_is_orthonormal_before_and_after_it_is_learned():
    one = DCT(5, "each", transform=True)
    eye = torch.eye(25)
    assert torch.allclose(one.atoms @ one.atoms.mT, eye, atol=1e-5)
    before = one.atoms.detach().clone()
    assert torch.allclose(before, DCT(5).atoms, atol=1e-6)
    objective, rng = (
        objective_for(one, {"rate": 0.05, "steps": 9}),
        torch.Generator().manual_seed(0),
    )
    clean = 255 * torch.rand(2, 1, 12, 12, generator=rng)
    batch = Batch(clean, clean + SIGMA, torch.full((2, 1, 1, 1), SIGMA))
    for _ in range(9):
        objective.step(batch)
    assert (one.atoms - before).abs().max() > 0.01
    assert torch.allclose(one.atoms @ one.atoms.mT, eye, atol=1e-5)


def test_it_follows_the_scale_of_image_and_noise():
    f = noise(1, 1, 20, 20)
    for name in LEARNED_BY:
        one = DCT(8, "each", name == "smooth", learned_by=name).double()
        for mode in (one.train(), one.eval()):
            assert torch.allclose(mode(f, SIGMA) / 10, mode(f / 10, SIGMA / 10), atol=1e-4)


def test_thresholds_by_hand():
    x, limit = torch.tensor([-5.0, -2.0, 0.5, 1.9, 2.5, 30.0]), torch.tensor(2.0)
    assert hard(x, limit).tolist() == [-5, 0, 0, 0, 2.5, 30]
    assert soft(x, limit).tolist() == [-3, 0, 0, 0, 0.5, 28]
    assert straight(x, limit).tolist() == hard(x, limit).tolist()
    assert torch.allclose(smooth(x, limit, 1e-4), hard(x, limit), atol=1e-4)
    assert torch.allclose(smooth(x, limit, 1e6), soft(x, limit), atol=1e-3)


def test_only_a_threshold_with_a_gradient_can_be_learned():
    x = torch.linspace(-9, 9, 50)
    slopes = {}
    for one in (hard, soft, smooth, straight):
        limit = torch.tensor(2.0, requires_grad=True)
        total = (one(x + 0 * limit, limit, 0.5) ** 2).sum()
        slopes[one] = torch.autograd.grad(total, limit)[0].item()
    assert slopes[hard] == 0
    assert all(slopes[one] < -1 for one in (soft, smooth, straight))


@pytest.mark.parametrize(
    ("function", "start", "low", "high"),
    [
        (smooth, 5, 2.28, 2.52),
        (smooth, 1, 2.28, 2.52),
        (straight, 1, 2.4, 2.8),
        (straight, 5, 5, 5),
    ],
)
def test_the_threshold_of_a_toy_is_found_by_gradient(function, start, low, high):
    """The toy of a course, a Gaussian of deviation 8 through a hard threshold of 2.4. Straight through, a
    threshold that is too high has no gradient, and stays."""
    rng = torch.Generator().manual_seed(0)
    limit = torch.tensor(float(start), requires_grad=True)
    optimiser = torch.optim.Adam([limit], 0.05)
    for step in range(400):
        x = 8 * torch.randn(2000, generator=rng)
        loss = function(x, limit, 2 * 0.01 ** (step / 400)) - hard(x, torch.tensor(2.4))
        optimiser.zero_grad()
        loss.square().mean().backward()
        optimiser.step()
    assert low <= limit.item() <= high


def test_a_search_takes_the_best_of_what_it_tries_for_one_ratio_after_another():
    clean = torch.tensor(photograph(48))[None, None]
    batch = Batch(
        clean,
        clean + SIGMA * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0)),
        torch.full((1, 1, 1, 1), SIGMA),
    )
    one = DCT(4, "each")
    search = objective_for(
        one, {"optimiser": "search", "strengths": [0.5, 8], "tries": 5, "steps": 16, "loss": "mse"}
    )
    assert type(search) is Search and search.fixed
    losses = [search.step(batch)["loss"] for _ in range(16)]
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.98 * losses[0]
    assert {round(ratio, 4) for ratio in one.ratios.flatten().tolist()} <= {0.5, 1, 2, 2.7, 4, 8}
    with torch.inference_mode():
        here = search.loss(batch).item()
        for value in (0.5, 1, 2, 4, 8):  # the last one tried can be no better
            one.ratios.view(-1)[15] = value
            assert search.loss(batch).item() >= here - 1e-6


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"size": 1}, "size: patches of 2 to 32 pixels a side, got 1"),
        ({"strength": -1}, "strength at least 0 and noise above 0, got -1"),
        ({"ratios": "all"}, "unknown ratios 'all'; there are: one, each"),
        ({"learned_by": "hard"}, "unknown 'hard'; there are: smooth, straight, soft"),
    ],
)
def test_what_makes_no_denoiser_is_refused(arguments, why):
    with pytest.raises(ValueError, match=why):
        DCT(**arguments)
