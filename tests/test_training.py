"""What a training minimises, and the loop around it, on a model of ten numbers."""

import math

import pytest
import torch
from family import FAMILY, noise
from torch import nn

from anisodiff.borders.classifier import BorderClassifier
from anisodiff.methods.base import Denoiser
from anisodiff.methods.denoisers.cncl import CNCL
from anisodiff.methods.diffusion.scheme import Diffusion
from anisodiff.training import loop
from anisodiff.training.objectives import (
    LOSSES,
    Adversarial,
    Batch,
    Detection,
    Supervised,
    clipped_psnr,
    objective,
    restored,
)

SETTINGS = {"rate": 0.01, "steps": 8, "every": 4}


class Filter(Denoiser):
    """One convolution, at first a mean that is far too dark; it remembers the modes that it was in."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 1, 3, padding=1, padding_mode="replicate")
        nn.init.constant_(self.convolution.weight, 0.05)
        nn.init.zeros_(self.convolution.bias)
        self.modes = []

    def forward(self, x, sigma=None):
        self.modes.append(self.training)
        return self.convolution(x)


def batch(step=0, scale=1.0):
    clean = noise(2, 1, 1, 12, seed=step).float().expand(2, 1, 12, 12)
    degraded = scale * (clean + 25 * torch.randn(2, 1, 12, 12, generator=seeded(step)))
    return Batch(clean, degraded, torch.full((2, 1, 1, 1), 25.0))


def seeded(step):
    return torch.Generator().manual_seed(step)


def numbers(module):
    return torch.cat([p.detach().flatten().clone() for p in module.parameters()])


def gradient(module):
    return torch.cat([p.grad.flatten() for p in module.parameters()])


def trained(aim, tmp_path, draw=batch):
    return loop.train(aim, draw, batch(99), tmp_path / "a/checkpoint.pt", "filter")


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
        with pytest.raises(ValueError, match="unknown optimiser 'adamw'; there are: adam, sgd"):
            kind(module, SETTINGS | {"optimiser": "adamw"})


def test_a_module_has_the_objective_that_suits_it():
    for module, kind, measure in (
        (Filter(), Supervised, "psnr"),
        (CNCL(2, 3), Adversarial, "psnr"),
        (BorderClassifier(), Detection, "score"),
    ):
        aim = objective(module, SETTINGS)
        assert type(aim) is kind and aim.measure == measure and aim.module is module
    one = batch()
    logs, score = aim.step(one), aim.score(one)
    assert logs["loss"] > 0 > score
    assert score == pytest.approx(-aim.module.eval().loss(one.degraded, one.clean).item())


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
    aim = Supervised(module, SETTINGS | {"optimiser": "sgd", "clip": 1, "rate": 0.3})
    for step in range(4):
        before, rate = numbers(module), aim.optimiser.param_groups[0]["lr"]
        aim.step(batch(step))
        assert gradient(module).norm().item() == pytest.approx(1, rel=1e-4)
        torch.testing.assert_close(numbers(module), before - rate * gradient(module))
    assert rate > 0


@pytest.mark.parametrize(("surge", "left_out"), [({}, 0), ({"surge": 10}, 1)])
def test_a_step_whose_gradient_surges_is_left_out_where_the_settings_say_so(surge, left_out):
    aim = Supervised(Filter(), SETTINGS | surge)
    for step in range(5):
        before = numbers(aim.module)
        aim.step(batch(step, scale=1.0 if step != 3 else 30.0))
        stayed = torch.equal(numbers(aim.module), before)
        assert stayed == (step == 3 and bool(left_out))
    assert aim.left_out == left_out


# The loop


def test_training_learns_in_training_mode_and_scores_in_the_other(tmp_path):
    aim = Supervised(Filter(), SETTINGS | {"rate": 0.05})
    facts = trained(aim, tmp_path)
    assert [step for step, *_ in facts["curve"]] == [0, 4, 8]
    assert facts["curve"][-1][2] > facts["curve"][0][2] + 2
    assert aim.module.modes == [False, *[True] * 4, False, *[True] * 4, False]
    assert not list((tmp_path / "a").iterdir()), "the checkpoint is removed at the end"


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

    def interrupted(step):
        drawn.append(step)
        if len(drawn) == 7:
            raise KeyboardInterrupt
        return batch(step)

    halves = [Supervised(Filter(), SETTINGS | {"surge": 10}) for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        trained(halves[0], tmp_path, interrupted)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["checkpoint.pt"]
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
    aim = Scripted([20.0, after, 19.0])
    assert trained(aim, tmp_path)["falls"] == falls
    assert torch.equal(
        aim.began[4], aim.scored[0 if falls else 1]
    )  # the first step after the score
    assert not torch.equal(aim.scored[0], aim.scored[1])


def test_training_stops_when_the_loss_is_no_number(tmp_path):
    aim = Supervised(Filter(), SETTINGS)

    def draw(step):
        one = batch(step)
        return one._replace(degraded=one.degraded * math.nan) if step == 5 else one

    with pytest.raises(
        loop.TrainingFailed,
        match=r"filter: the loss is nan at step 5; try a learning rate below 0\.01",
    ):
        trained(aim, tmp_path, draw)
    assert torch.isfinite(numbers(aim.module)).all(), "nothing was learned from it"
