"""What a training draws and minimises, and the loop around it, on a model of ten numbers."""

import math

import numpy as np
import pytest
import torch
from family import FAMILY, noise
from torch import nn

from anisodiff.borders.classifier import BorderClassifier
from anisodiff.data.collections import Image
from anisodiff.methods.base import Denoiser
from anisodiff.methods.denoisers.cncl import CNCL
from anisodiff.methods.denoisers.tnrd import TNRD
from anisodiff.methods.diffusion.scheme import Diffusion
from anisodiff.problems import PROBLEMS
from anisodiff.training import loop
from anisodiff.training.adversarial import Adversarial
from anisodiff.training.batches import Batches, Problems
from anisodiff.training.loop import objective_for
from anisodiff.training.objectives import (
    LOSSES,
    Batch,
    Detection,
    Staged,
    Supervised,
    clipped_psnr,
    restored,
)

SETTINGS = {"rate": 0.01, "steps": 8, "every": 4, "batch": 2, "validation": 3}


class Filter(Denoiser):
    """One convolution, at first a mean that is far too dark; it remembers each batch: its mode and size."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 3, padding=1, padding_mode="replicate")
        nn.init.constant_(self.convolution.weight, 0.05)
        nn.init.zeros_(self.convolution.bias)
        self.seen = []

    def forward(self, x, sigma=None):
        self.seen.append((self.training, len(x)))
        return self.convolution(x)


def batch(step=0, count=2, scale=1.0):
    clean = noise(count, 1, 1, 12, seed=step).float().expand(count, 1, 12, 12)
    degraded = scale * (clean + 25 * torch.randn(clean.shape, generator=seeded(step)))
    return Batch(clean, degraded, torch.full((count, 1, 1, 1), 25.0))


class Drawn:
    """What stands for the batches of a collection: a training batch is what ``draw(step, count)`` gives."""

    def __init__(self, draw=batch):
        self.training = draw

    def validation(self, count):
        return batch(99, count)


def seeded(step):
    return torch.Generator().manual_seed(step)


def numbers(module):
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


def gradient(module):
    return torch.cat([p.grad.flatten() for p in module.parameters()])


def trained(objective, tmp_path, draw=batch):
    checkpoint = tmp_path / "a/checkpoint"
    facts = loop.train(objective, Drawn(draw), checkpoint, "filter")
    checkpoint.unlink()  # as who has written the weights does
    return facts


# Objectives


BY_HAND = {
    "mse": lambda u, x: ((u - x) ** 2).mean(),
    "l1": lambda u, x: (u - x).abs().mean(),
    "psnr": lambda u, x: -(10 * torch.log10(255**2 / ((u - x) ** 2).mean((1, 2, 3)))).mean(),
}


def test_the_loss_that_is_named_is_the_one_that_is_trained():
    assert BY_HAND.keys() == LOSSES.keys()
    steps = {}
    for name, by_hand in BY_HAND.items():
        module, one = Filter(), batch()
        expected = by_hand(module(one.degraded), one.clean)
        expected.backward()
        slope = gradient(module)
        logs = Supervised(module, SETTINGS | {"loss": name, "clip": 1e9}).step(one)
        assert logs["loss"] == pytest.approx(expected.item(), rel=1e-6)
        torch.testing.assert_close(gradient(module), slope)
        steps[name] = slope / slope.norm()
    assert (steps["l1"] - steps["mse"]).norm() > 0.01, "which this could not tell apart"
    plain = Filter()
    Supervised(plain, SETTINGS).step(batch())
    torch.testing.assert_close(gradient(plain) / gradient(plain).norm(), steps["mse"])


def test_an_unknown_loss_or_optimiser_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="unknown loss 'l2'; there are: mse, l1, psnr"):
        Supervised(Filter(), SETTINGS | {"loss": "l2"})
    for kind, module in ((Supervised, Filter()), (Adversarial, CNCL(2, 3))):
        with pytest.raises(
            ValueError, match="unknown optimiser 'adamw'; there are: adam, critic, sgd, lbfgs"
        ):
            kind(module, SETTINGS | {"optimiser": "adamw"})


def test_a_module_has_the_objective_that_suits_it():
    for module, kind, measure in (
        (Filter(), Supervised, "psnr"),
        (CNCL(2, 3), Adversarial, "psnr"),
        (BorderClassifier(), Detection, "score"),
    ):
        objective = objective_for(module, SETTINGS)
        assert (
            type(objective) is kind and objective.measure == measure and objective.module is module
        )
    one = batch()
    logs, score = objective.step(one), objective.score(one)
    assert logs["loss"] > 0 > score
    assert score == pytest.approx(-objective.module.eval().loss(one.degraded, one.clean).item())


def test_an_oracle_is_given_the_clean_crops_and_nobody_else():
    one = batch()
    for name, sees in (("two-lambdas-true", True), ("two-lambdas", False)):
        module = Diffusion(FAMILY[name](), 3, 0.2)
        other = one._replace(clean=one.clean.flip(-1))
        with torch.inference_mode():
            assert torch.equal(restored(module, one), restored(module, other)) != sees


def test_a_flat_crop_is_no_reason_to_fail():
    flat, level = torch.full((2, 1, 4, 4), 9.0), torch.ones(2, 1, 1, 1)
    one = Batch(torch.cat([flat[:1], flat[1:] + 1]), flat, level)
    for name in LOSSES:
        module = Filter()
        nn.init.constant_(module.convolution.weight, 1 / 9)
        assert clipped_psnr(module, one) == pytest.approx((48.13 + 78.13) / 2, abs=0.01)
        Supervised(module, SETTINGS | {"loss": name}).step(one)
        assert torch.isfinite(gradient(module)).all()


def test_plain_descent_steps_down_the_clipped_gradient():
    module = Filter()
    objective = Supervised(module, SETTINGS | {"optimiser": "sgd", "clip": 1, "rate": 0.3})
    for step in range(4):
        before, rate = numbers(module), objective.optimiser.param_groups[0]["lr"]
        objective.step(batch(step))
        assert gradient(module).norm().item() == pytest.approx(1, rel=1e-4)
        torch.testing.assert_close(numbers(module), before - rate * gradient(module))
    assert rate > 0


@pytest.mark.parametrize(("surge", "left_out"), [({}, 0), ({"surge": 10}, 1)])
def test_a_step_whose_gradient_surges_is_left_out_where_the_settings_say_so(surge, left_out):
    objective = Supervised(Filter(), SETTINGS | surge)
    for step in range(5):
        before = numbers(objective.module)
        objective.step(batch(step, scale=1.0 if step != 3 else 30.0))
        stayed = torch.equal(numbers(objective.module), before)
        assert stayed == (step == 3 and bool(left_out))
    assert objective.left_out == left_out


def test_products_in_half_precision_change_a_step_a_little_and_nothing_else():
    found = {}
    for half in (False, True):
        objective = Supervised(Filter(), SETTINGS | {"half": half})
        loss = objective.step(batch())["loss"]
        found[half] = loss, gradient(objective.module), objective.score(batch(1))
        assert {p.dtype for p in objective.module.parameters()} == {torch.float32}
    (loss, slope, score), (rough, rougher, after) = found[False], found[True]
    assert rough == pytest.approx(loss, rel=0.01) and rough != loss
    torch.testing.assert_close(rougher, slope, rtol=0.05, atol=0.05 * slope.abs().max().item())
    assert after == pytest.approx(score, abs=0.05)


# Batches


GAUSSIAN, BLUR = PROBLEMS["gaussian"], PROBLEMS["blur"]


def constant_images(count=20):
    """Image k is 10 k everywhere, so that a crop tells where it is from."""
    return [Image(f"{k:02}", np.full((16, 12), 10.0 * k, np.float32)) for k in range(count)]


def test_every_tenth_image_is_held_out_and_a_step_draws_the_same_each_time():
    batches = Batches(constant_images(), Problems((GAUSSIAN,), 1.0), crop=8, seed=3)
    steps = [batches.training(step, 30) for step in range(4)]
    held_out = batches.validation(30)
    seen = {float(value) for one in steps for value in one.clean.unique()}
    assert seen == {10.0 * k for k in range(20)} - {0.0, 100.0}
    assert set(held_out.clean.unique().tolist()) == {0.0, 100.0}
    for part in held_out[:2]:
        assert part.shape == (30, 1, 8, 8) and part.dtype == torch.float32
    assert (held_out.degraded - held_out.clean).std() == pytest.approx(1, abs=0.1)
    for one, again in ((steps[2], batches.training(2, 30)), (held_out, batches.validation(30))):
        assert all(map(torch.equal, one, again))
    other = Batches(batches.images, batches.problems, crop=8, seed=4)
    for one, another in (
        (steps[0], steps[1]),
        (steps[0], other.training(0, 30)),
        (held_out, other.validation(30)),
    ):
        assert not torch.equal(one.degraded, another.degraded)


def test_the_levels_of_a_batch_are_those_of_its_measurements():
    batches = Batches(constant_images(), Problems((GAUSSIAN,)), crop=12, seed=0)
    one = batches.training(0, 40)
    assert one.sigma.shape == (40, 1, 1, 1) and len(one.sigma.unique()) == 40
    measured = (one.degraded - one.clean).std((1, 2, 3))
    torch.testing.assert_close(measured, one.sigma.flatten(), rtol=0.3, atol=0)
    both = Batches(batches.images, Problems((GAUSSIAN, BLUR)), crop=12, seed=0).training(0, 40)
    blurred = (both.degraded == both.clean).all((1, 2, 3))  # a blur leaves a constant image
    assert 5 < blurred.sum() < 35
    assert (both.sigma.flatten()[blurred] <= max(BLUR.levels)).all()


def test_levels_between_two_are_even_and_may_go_beyond_the_study():
    problems, rng = Problems((GAUSSIAN,), between=(0.5, 75)), np.random.default_rng(0)
    drawn = np.sort([problems.draw(rng).level for _ in range(400)])
    assert drawn[0] > 0.5 and drawn[-1] > max(GAUSSIAN.levels)
    assert np.abs(drawn - np.linspace(0.5, 75, 400)).max() < 6


def test_between_two_levels_they_may_be_even_in_the_logarithm():
    problems = Problems((GAUSSIAN,), between=(1, 255), logarithmic=True)
    rng = np.random.default_rng(0)
    levels = [problems.draw(rng).level for _ in range(2000)]
    assert 1 <= min(levels) < 1.05 and 243 < max(levels) <= 255
    assert np.mean(np.log(levels)) == pytest.approx(np.log(255) / 2, rel=0.03)


# The loop


def test_training_learns_in_training_mode_and_scores_in_the_other(tmp_path):
    objective = Supervised(Filter(), SETTINGS | {"rate": 0.05})
    facts = trained(objective, tmp_path)
    assert [step for step, *_ in facts["curve"]] == [0, 4, 8]
    assert facts["curve"][-1][2] > facts["curve"][0][2] + 2
    learned, scored = [(True, 2)] * 4, (False, 3)
    assert objective.module.seen == [scored, *learned, scored, *learned, scored]


GREEDY = SETTINGS | {"steps": 9, "greedy": 2 / 3, "every": 3}


def staged(settings=GREEDY):
    torch.manual_seed(0)
    return Staged(TNRD(2, 3), settings)


def test_stage_by_stage_each_learns_alone_on_the_best_before_it_and_then_all(tmp_path):
    objective, learned, scores = staged(), [], []

    def draw(step, count):
        learned.append(
            [next(stage.parameters()).requires_grad for stage in objective.module.stages]
        )
        before = numbers(objective.module.stages[0])
        if step in (4, 5):
            scores.append(torch.equal(before, scores[0]))
        elif step == 3:
            scores.append(before)
        return batch(step, count)

    facts = trained(objective, tmp_path, draw)
    assert learned == [[True, False]] * 3 + [[False, True]] * 3 + [[True, True]] * 3
    assert scores[1:] == [True, True], "the first stage stays while the second learns"
    assert [step for step, *_ in facts["curve"]] == [0, 3, 3, 6, 6, 9]
    assert objective_for(TNRD(2, 3), GREEDY).reached == 1
    one = Drawn().validation(3)
    u = objective.module.eval()(one.degraded).clamp(0, 255).detach()
    by_hand = -10 * torch.log10(((u - one.clean) ** 2).mean((1, 2, 3)) / 255**2).mean()
    assert facts["validation_psnr"] == pytest.approx(by_hand.item(), abs=1e-4)


@pytest.mark.parametrize("share", [1, 0.1])
def test_the_share_of_the_stages_may_be_all_or_less_than_a_step_each(share, tmp_path):
    objective = staged(GREEDY | {"greedy": share})
    trained(objective, tmp_path)
    assert objective.reached == 2 and objective.phase == (1 if share == 1 else 2)


def test_an_interrupted_training_goes_on_in_its_stage(tmp_path):
    whole = staged()
    facts = trained(whole, tmp_path)

    def interrupted(step, count):
        if step == 5 and not again:
            raise KeyboardInterrupt
        return batch(step, count)

    again, halves = [], [staged(), staged()]
    with pytest.raises(KeyboardInterrupt):
        trained(halves[0], tmp_path, interrupted)
    again.append(True)
    assert trained(halves[1], tmp_path, interrupted)["curve"] == facts["curve"]
    assert torch.equal(numbers(halves[1].module), numbers(whole.module))


def test_quasi_newton_takes_many_iterations_on_one_batch_and_reaches_the_least_squares(tmp_path):
    drawn = []

    def draw(step, count):
        drawn.append(step)
        return batch(step, count)

    settings = SETTINGS | {"optimiser": "lbfgs", "rate": 1, "loss": "mse"}
    objective = Supervised(Filter(), settings)
    facts = trained(objective, tmp_path, draw)
    assert drawn == [0] * 8 and facts["evaluations"] > 20
    one = batch(0)
    patches = nn.functional.unfold(nn.functional.pad(one.degraded, (1,) * 4, mode="replicate"), 3)
    design = patches.transpose(1, 2).reshape(-1, 9)
    design = torch.cat([design, torch.ones(len(design), 1)], 1).double()
    solved = torch.linalg.lstsq(design, one.clean.double().flatten()[:, None]).solution
    least = (design @ solved - one.clean.double().flatten()[:, None]).square().mean()
    objective = Supervised(Filter(), settings)
    losses = [objective.step(one)["loss"] for _ in range(12)]
    assert losses[-1] == pytest.approx(least.item(), rel=1e-3) and losses[0] > 2 * least


def test_the_state_that_is_kept_is_the_best_and_the_untrained_one_is_the_one_to_beat(tmp_path):
    module = Filter()
    nn.init.zeros_(module.convolution.weight)
    module.convolution.weight.data[..., 1, 1] = 1
    start = numbers(module)
    facts = trained(Supervised(module, SETTINGS | {"rate": 3.0, "clip": 1e9}), tmp_path)
    scores = [score for *_, score in facts["curve"]]
    assert scores[0] == max(scores) > min(scores) + 1
    assert facts["validation_psnr"] == pytest.approx(scores[0], abs=1e-4)
    assert torch.equal(numbers(module), start)


def test_what_was_interrupted_goes_on_as_if_it_had_not_been(tmp_path):
    whole = Supervised(Filter(), SETTINGS | {"surge": 10})
    facts = trained(whole, tmp_path)
    drawn = []

    def interrupted(step, count):
        drawn.append(step)
        if len(drawn) == 7:
            raise KeyboardInterrupt
        return batch(step, count)

    halves = [Supervised(Filter(), SETTINGS | {"surge": 10}) for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        trained(halves[0], tmp_path, interrupted)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["checkpoint"]
    again = trained(halves[1], tmp_path, interrupted)
    assert drawn == [*range(7), *range(4, 8)], "on from the last checkpoint"
    assert torch.equal(numbers(halves[1].module), numbers(whole.module))
    assert again["curve"] == facts["curve"]


class Scripted(Supervised):
    """Whose scores are given."""

    def __init__(self, scores):
        super().__init__(Filter(), SETTINGS)
        self.scores, self.scored, self.began = iter(scores), [], []

    def score(self, batch):
        self.scored.append(numbers(self.module))
        return next(self.scores)

    def step(self, batch):
        self.began.append(numbers(self.module))
        return super().step(batch)


@pytest.mark.parametrize(("after", "falls"), [(19.1, 0), (18.9, 1)])
def test_a_model_that_falls_far_below_its_best_goes_back_there(after, falls, tmp_path):
    objective = Scripted([20.0, after, 19.0])
    assert trained(objective, tmp_path)["falls"] == falls
    assert torch.equal(
        objective.began[4], objective.scored[0 if falls else 1]
    )  # the first step after the score
    assert not torch.equal(objective.scored[0], objective.scored[1])


def test_training_stops_when_the_loss_is_no_number(tmp_path):
    objective = Supervised(Filter(), SETTINGS)

    def draw(step, count):
        one = batch(step, count)
        return one._replace(degraded=one.degraded * math.nan) if step == 5 else one

    with pytest.raises(
        loop.TrainingFailed,
        match=r"filter: the loss is nan at step 5; try a learning rate below 0\.01",
    ):
        trained(objective, tmp_path, draw)
    assert torch.isfinite(numbers(objective.module)).all(), "nothing was learned from it"
