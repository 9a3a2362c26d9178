"""Training any denoiser against a critic: the losses by hand, whose parameters they move, what the critics tell."""

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from anisodiff.data import collections
from anisodiff.methods.denoisers.drunet import DRUNet
from anisodiff.reports import critics as recorded
from anisodiff.training import critics
from anisodiff.training.adversarial import Against, likeness
from anisodiff.training.critics import CRITICS, Patches, Siamese
from anisodiff.training.loop import objective_for
from anisodiff.training.objectives import Batch

SETTINGS = {"steps": 4, "rate": 0.002, "every": 2, "batch": 4, "validation": 4}
SETTINGS |= {"optimiser": "critic", "against": "siamese", "weight": 0.01}


def images(count=4, side=32):
    """Clean ones, blurred ones, noisy ones, on 0..1."""
    image = collections.load("shipped/train")[0]
    crops = collections.random_crops([image], side, count, np.random.default_rng(0))
    clean = torch.from_numpy(crops)[:, None] / 255
    torch.manual_seed(0)
    u = avg_pool2d(clean, 3, stride=1, padding=1, count_include_pad=False)
    return clean, u, clean + 0.2 * torch.randn_like(clean)


def batch():
    clean, _, f = images()
    return Batch(255 * clean, 255 * f, torch.full((4, 1, 1, 1), 51.0))


class Means(Siamese):
    """An encoder that is known: the mean of each image."""

    def forward(self, x):
        return x.mean((2, 3))


def test_the_triplet_loss_by_hand():
    critic, flat = Means(), torch.ones(2, 1, 8, 8)
    clean = flat * torch.tensor([0.0, 1.0]).view(2, 1, 1, 1)
    restored = clean + 0.6  # its code is 0.36 away, that of the other clean image 1
    of_restored, of_critic = critic.losses(restored, clean, clean)
    assert of_restored.item() == pytest.approx(max(0.36 - 1 + 0.5, 0))
    assert of_critic.item() == pytest.approx(1 - 0.36 + 0.5)
    near = critic.losses(clean + 0.9, clean, clean)[0].item()
    assert near == pytest.approx(0.81 - 1 + 0.5)


def test_the_critic_of_patches_by_hand():
    clean, u, f = images()
    critic = Patches()
    of_restored, of_critic = critic.losses(u, clean, f)
    fake, true = (critic.judge(torch.cat([of, f - of, f], 1)) for of in (u, clean))
    assert of_restored.item() == pytest.approx(((fake - 1) ** 2).mean().item())
    by_hand = (((true - 1) ** 2).mean() + (fake**2).mean()) / 2
    assert of_critic.item() == pytest.approx(by_hand.item(), rel=1e-5)


@pytest.mark.parametrize("name", CRITICS)
def test_each_loss_moves_its_own_parameters(name):
    clean, u, f = images()
    critic = CRITICS[name]()
    u.requires_grad_()
    of_restored, of_critic = critic.losses(u, clean, f)
    for loss, moves_image in ((of_restored, True), (of_critic, False)):
        given = torch.autograd.grad(loss, [u, *critic.parameters()], allow_unused=True)
        assert (given[0] is not None) == moves_image
        assert all((of is None) == moves_image for of in given[1:])


def test_both_critics_are_of_one_size():
    counts = [sum(of.numel() for of in kind().parameters()) for kind in CRITICS.values()]
    assert max(counts) < 1.05 * min(counts)


def test_an_encoder_learns_to_tell_restored_images_from_clean_ones():
    clean, u, f = images(32)
    torch.manual_seed(0)
    critic = Siamese()
    adam, losses = torch.optim.Adam(critic.parameters(), 0.001, betas=(0.0, 0.99)), []
    for _ in range(160):
        adam.zero_grad()
        loss = critic.losses(u, clean, f)[1]
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[0] > 1 and np.mean(losses[-20:]) < 0.6 * critics.MARGIN
    codes = critic(clean)
    torch.testing.assert_close(codes.mean(0), torch.zeros(64), atol=1e-4, rtol=0)
    torch.testing.assert_close(codes.var(0, correction=0), torch.ones(64), atol=0.01, rtol=0)


def test_the_loss_is_the_error_and_the_weighted_critic():
    torch.manual_seed(0)
    objective = objective_for(DRUNet((4, 6)), SETTINGS)
    assert type(objective) is Against and objective.measure == "likeness"
    one = batch()
    u = objective.module(one.degraded, one.sigma)
    parts = objective.critic.losses(u / 255, one.clean / 255, one.degraded / 255)
    error = ((u - one.clean) ** 2).mean() / 255**2
    expected = error + 0.01 * parts[0] + parts[1]
    assert objective.loss(one).item() == pytest.approx(expected.item(), rel=1e-5)
    before = [of.detach().clone() for of in objective.critic.parameters()]
    objective.step(one)
    after = objective.critic.parameters()
    assert any(not torch.equal(*pair) for pair in zip(before, after, strict=True))
    assert objective.score(one) == likeness(objective.module, one) < 0


def test_an_unknown_critic_is_named_with_those_there_are():
    with pytest.raises(ValueError, match="unknown critic 'wgan'; there are: siamese, patches"):
        objective_for(DRUNet((4, 6)), SETTINGS | {"against": "wgan"})


def test_a_part_of_what_was_taken_away_is_left():
    restored, noisy = np.array([[100.0, 250.0]]), np.array([[120.0, 400.0]])
    assert recorded.left(restored, noisy, 0.0).tolist() == [[100, 250]]
    assert recorded.left(restored, noisy, 0.5).tolist() == [[110, 255]]


def test_noise_that_is_left_is_scored_by_model_image_and_share(monkeypatch):
    monkeypatch.setattr(recorded, "lpips", lambda made, clean: float(np.abs(made - clean).mean()))
    image = collections.Image("one", collections.load("shipped/test")[0].pixels[:48, :48])
    found = recorded.rows([image], ("drunet-lite",))
    assert [row["share"] for row in found] == list(recorded.SHARES)
    assert found[0]["psnr"] > found[-1]["psnr"] and found[0]["lpips"] != found[-1]["lpips"]
