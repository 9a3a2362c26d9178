"""The generator that draws, the critic it learns from, its losses by hand, and how such a training is told good."""

import numpy as np
import pytest
import torch
from torch import nn

from anisodiff.data import collections
from anisodiff.methods.samplers import pscgan
from anisodiff.methods.samplers.pscgan import PSCGAN, Generator
from anisodiff.metrics.generative import sliced_wasserstein
from anisodiff.problems import PROBLEMS, problem
from anisodiff.reports import pscgan as recorded
from anisodiff.training import loop
from anisodiff.training.adversarial import Drawn
from anisodiff.training.batches import Batches, Problems
from anisodiff.training.loop import objective_for
from anisodiff.training.objectives import Supervised

SETTINGS = {"steps": 4, "rate": 0.002, "every": 2, "batch": 4, "validation": 4}
SETTINGS |= {"optimiser": "critic"}


def small(**arguments):
    torch.manual_seed(1)
    return PSCGAN((4, 6), **arguments)


def noisy(count=3, side=12):
    rng = np.random.default_rng(0)
    clean = rng.uniform(0, 255, (count, 1, side, side))
    f = clean + rng.normal(0, 50, clean.shape)
    return [torch.from_numpy(of).float() for of in (f, clean)]


def batches():
    return Batches(
        collections.load("shipped/train"), Problems((PROBLEMS["gaussian"],), 50), 16, seed=0
    )


# The generator


def test_each_draw_has_noise_of_its_own_and_the_same_generator_draws_the_same():
    f, _ = noisy()
    module = small().eval()
    with torch.no_grad():
        first, again = (module.draw(f, 2, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (2, *f.shape) and torch.equal(first, again)
    assert not torch.allclose(first[0], first[1])


def test_without_noise_all_draws_are_one():
    y = noisy(side=11)[0][0]
    method = Generator((4, 6), noise_scale=0).eval()
    images = method.restore(y, problem("gaussian", 50), rng=np.random.default_rng(0), samples=3)
    assert images.images.shape == (3, 1, 11, 11)
    torch.testing.assert_close(images.images[0], images.images[2])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"widths": (4,)}, r"two scales and a deviation of at least 0, got \(4,\) and 1.0"),
        ({"noise_scale": -1.0}, "at least 0, got .* and -1.0"),
        ({"penalised": 65}, "expected 1 to 64 draws to penalise, got 65"),
    ],
)
def test_what_makes_no_generator_is_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        PSCGAN(**arguments)


# The losses


def test_the_gradient_penalty_of_a_linear_critic_is_that_of_its_weights():
    critic = nn.Sequential(nn.Flatten(), nn.Linear(9, 1))
    fake, true = torch.rand(2, 4, 1, 3, 3)
    expected = (critic[1].weight.norm() - 1) ** 2
    assert pscgan.gradient_penalty(critic, fake, true).item() == pytest.approx(expected.item())


class Spread(PSCGAN):
    """Draws that are known: the noisy image and twenty gray levels of noise."""

    def draw(self, x, count, generator=None):
        return x + 20 * torch.randn(count, *x.shape)


def of_the_error(**arguments):
    """The generator's loss where no critic counts, for white images with noise of 50."""
    torch.manual_seed(0)
    clean = torch.full((64, 1, 16, 16), 128.0)
    f = clean + 50 * torch.randn(clean.shape)
    module = Spread(weight=0.0, **arguments)
    return module.losses(module.discriminator(), f, clean)[0].item() * 255**2


@pytest.mark.parametrize("count", [2, 8])
def test_a_mean_of_draws_still_pays_for_their_variance(count):
    assert of_the_error(penalised=count) == pytest.approx(50**2 + 20**2 / count, rel=0.06)
    each = of_the_error(penalised=count, of_mean=False)
    assert each == pytest.approx(50**2 + 20**2, rel=0.06)


@pytest.mark.parametrize("seen", [True, False])
def test_the_losses_are_those_by_hand_and_each_moves_its_own_parameters(seen):
    f, clean = noisy(8)
    module = small(penalised=2, seen=seen)
    critic = module.discriminator()
    torch.manual_seed(5)
    of_generator, of_critic = module.losses(critic, f, clean)
    torch.manual_seed(5)
    u, more = module.draw(f, 1)[0] / 255, module.draw(f, 1)[0] / 255
    fake, true = (torch.cat([of, f / 255], 1) if seen else of for of in (u, clean / 255))
    penalty = pscgan.gradient_penalty(critic, fake.detach(), true)
    error = ((u + more) / 2 - clean / 255).square().mean()
    assert of_generator.item() == pytest.approx((error - 1e-3 * critic(fake).mean()).item())
    apart = critic(fake).mean() - critic(true).mean()
    assert of_critic.item() == pytest.approx((apart + 10 * penalty).item(), rel=1e-4)
    own, others = ([*of.parameters()] for of in (module, critic))
    for loss, moved, held in ((of_generator, own, others), (of_critic, others, own)):
        given = torch.autograd.grad(loss, moved + held, allow_unused=True, retain_graph=True)
        assert all(of is not None for of in given[: len(moved)])
        assert all(of is None for of in given[len(moved) :])


# The training


def test_a_generator_is_kept_by_how_like_its_patches_are_and_its_twin_by_its_error():
    assert type(objective_for(small(), SETTINGS)) is Drawn
    assert type(objective_for(Generator((4, 6)), SETTINGS)) is Supervised


def test_the_optimiser_forgets_the_direction_but_not_the_size_of_gradients():
    objective = objective_for(small(), SETTINGS)
    assert objective.optimiser.defaults["betas"] == (0, 0.99)


@pytest.mark.parametrize("make", [small, lambda: Generator((4, 6))])
def test_an_interrupted_training_goes_on_as_if_it_had_not_been(make, tmp_path):
    def trained(file, stopped=False):
        objective = loop.begin(make, SETTINGS | {"half": True}, 0)
        if stopped:
            step, taken = objective.step, []

            def failing(batch):
                if len(taken) == 2:
                    raise KeyboardInterrupt
                taken.append(batch)
                return step(batch)

            objective.step = failing
            with pytest.raises(KeyboardInterrupt):
                loop.train(objective, batches(), file, "pscgan")
            objective = loop.begin(make, SETTINGS | {"half": True}, 0)
        loop.train(objective, batches(), file, "pscgan")
        return objective.module.state_dict()

    whole, resumed = trained(tmp_path / "whole.pt"), trained(tmp_path / "resumed.pt", True)
    assert all(map(torch.equal, whole.values(), resumed.values()))


# The distance of patches


def test_patches_are_as_far_as_they_were_moved():
    images = np.random.default_rng(0).uniform(0, 200, (40, 20, 20))
    assert sliced_wasserstein(images, images[::-1]) == 0
    assert sliced_wasserstein(images, images + 9) == pytest.approx(9, rel=0.15)


def test_a_mean_of_answers_is_farther_than_an_answer():
    rng = np.random.default_rng(0)
    real, drawn = (np.kron(rng.choice([60, 190], (60, 6, 6)), np.ones((4, 4))) for _ in range(2))
    mean = 125 + (drawn - 125) / 4
    assert sliced_wasserstein(real, drawn) < 0.2 * sliced_wasserstein(real, mean)


def test_sets_of_different_sizes_are_refused():
    with pytest.raises(ValueError, match=r"one shape, got \(2, 9, 9\) and \(3, 9, 9\)"):
        sliced_wasserstein(np.zeros((2, 9, 9)), np.zeros((3, 9, 9)))


# What the page measures


class Posterior(pscgan.Generator):
    """Draws that are right: the clean images are zero, the draws standard normal numbers times twenty."""

    def draw(self, x, count, generator=None):
        return 128 + 20 * torch.randn((count, *x.shape), generator=generator)


def test_draws_that_are_right_cover_and_cost_what_they_should():
    rng = np.random.default_rng(0)
    clean = (128 + 20 * rng.standard_normal((40, 32, 32))).astype(np.float32)
    given = recorded.measured(clean, 50.0)
    one, many = recorded.rows(Posterior((2, 2)), given, clean, (1, 64))
    assert one["coverage"] == pytest.approx(0.8, abs=0.05)
    cost = many["psnr"] - one["psnr"]
    assert cost == pytest.approx(10 * np.log10(2 / (1 + 1 / 64)), abs=0.1)
    assert one["deviation"] == pytest.approx(20, rel=0.01)
    assert one["patches"] < 0.3 * many["patches"]


def test_the_noise_of_one_number_is_taken_for_what_it_is():
    (whole, *given) = recorded.known(next(iter(recorded.KNOWN)), steps=2, draws=4000)
    prior = recorded.mixture()
    mean = (prior.weights * prior.means.flatten()).sum().item()
    assert whole["true mean"] == pytest.approx(mean, rel=0.05)
    assert [row["y"] for row in given] == sorted(row["y"] for row in given)
    assert all(row["true variance"] < whole["true variance"] for row in given)


def test_draws_are_made_a_few_at_a_time_and_the_same_again():
    f = np.random.default_rng(0).uniform(0, 255, (3, 32, 32)).astype(np.float32)
    given, module = recorded.measured(f, 50.0), small().eval()
    first, again = (recorded.drawn(module, given, recorded.AT_ONCE + 1) for _ in range(2))
    assert first.shape == (recorded.AT_ONCE + 1, 3, 32, 32) and np.array_equal(first, again)
    assert len(np.unique(first[:, 0, 0, 0])) == len(first)


def test_with_a_strong_critic_all_draws_of_one_number_have_the_right_mean_and_variance():
    """As recorded; weighted as on images, the error leaves the variance of the mean of all answers."""
    known = recorded.read("known")
    whole = known[known.y.isna()].set_index("label")
    apart = (whole["mean"] - whole["true mean"]).abs() / whole["true variance"] ** 0.5
    ratio = whole.variance / whole["true variance"]
    assert apart["critic weighted more"] < 0.1
    assert ratio["critic weighted more"] == pytest.approx(1, abs=0.1)
    assert ratio["weighted as on images"] < 0.7
