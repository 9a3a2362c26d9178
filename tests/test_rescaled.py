"""A denoiser of another unit: the identity that defines it, colour, shapes of sigma, gradients."""

import pytest
import torch

from anisodiff.methods.base import Denoiser, Denoising
from anisodiff.methods.denoisers.rescaled import Rescaled
from anisodiff.problems.base import Problem


def shrink(x, sigma, unit=255):
    """The posterior mean of an image whose pixels are its own mean plus N(0, (0.2 unit)^2): no homogeneous map."""
    mean, spread = x.mean((1, 2, 3), keepdim=True), (0.2 * unit) ** 2
    sigma = torch.as_tensor(sigma, dtype=x.dtype)
    return mean + spread / (spread + sigma.reshape(-1, 1, 1, 1) ** 2) * (x - mean)


class Shrink(Denoiser):
    """One of the study, as the contract has it: gray, told sigma as a number or (1 or B, 1, 1, 1)."""

    reads_sigma = True

    def forward(self, x, sigma=None):
        assert x.shape[1] == 1
        assert not isinstance(sigma, torch.Tensor) or sigma.shape in (
            (1, 1, 1, 1),
            (len(x), 1, 1, 1),
        )
        return shrink(x, sigma)


def foreign(x, sigma):
    """One on 0..1 from elsewhere, which mixes the colours and is told sigma as a number, () or (B,)."""
    assert not isinstance(sigma, torch.Tensor) or sigma.shape in ((), (len(x),))
    return shrink(x, sigma, 1)


def images(*shape):
    return 255 * torch.rand(shape, generator=torch.Generator().manual_seed(0))


def close(one, other):
    return torch.allclose(one, other, rtol=1e-6, atol=1e-4)


def test_a_denoiser_of_the_study_on_unit_images():
    f = images(2, 1, 5, 7)
    assert close(255 * Rescaled(Shrink(), 255)(f / 255, 25 / 255), Shrink()(f, 25))


def test_a_foreign_denoiser_on_images_of_the_study():
    f = images(2, 1, 5, 7)
    assert close(Rescaled(foreign, 1 / 255)(f, 25), 255 * foreign(f / 255, 25 / 255))
    assert close(Rescaled(foreign, 1 / 255)(f, 25), Shrink()(f, 25))


def test_there_and_back_is_the_denoiser_itself():
    gray, colour, sigma = images(2, 1, 5, 7), images(2, 3, 5, 7) / 255, torch.tensor([15.0, 50.0])
    ours = Rescaled(Rescaled(Shrink(), 255), 1 / 255)
    assert close(ours(gray, sigma), shrink(gray, sigma))
    theirs = Rescaled(Rescaled(foreign, 1 / 255), 255)
    assert close(theirs(colour, sigma / 255), foreign(colour, sigma / 255))


@pytest.mark.parametrize("sigma", [25.0, torch.tensor([15.0, 50.0])], ids=["one", "each"])
def test_colour_goes_channel_by_channel_to_the_study_and_whole_to_others(sigma):
    f = images(2, 3, 5, 7)
    ours, theirs = Rescaled(Shrink(), 1)(f, sigma), Rescaled(foreign, 1 / 255)(f, sigma)
    alone = torch.cat([shrink(channel, sigma) for channel in f.split(1, 1)], 1)
    assert close(ours, alone)
    assert close(theirs, shrink(f, sigma)) and not close(theirs, alone)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("denoiser", "unit"), [(Shrink(), 255), (foreign, 1 / 255)])
def test_sigma_takes_any_shape(denoiser, unit, channels):
    rescaled, x = Rescaled(denoiser, unit), images(2, channels, 5, 7) / unit
    one, two = 25 / unit, torch.tensor([15.0, 50.0], dtype=torch.float64) / unit
    for sigma in (torch.tensor(one), torch.tensor([one]), torch.full((2, 1, 1, 1), one), [one]):
        assert close(rescaled(x, sigma), rescaled(x, one))
    each = torch.cat([rescaled(x[at : at + 1], float(two[at])) for at in range(2)])
    for sigma in (two, two.reshape(2, 1, 1, 1), two.numpy(), list(two)):
        assert close(rescaled(x, sigma), each)
    assert rescaled(x, two).dtype == torch.float32


@pytest.mark.parametrize(("denoiser", "unit"), [(Shrink(), 255), (foreign, 1 / 255)])
def test_gradients_flow_to_the_image_and_to_sigma(denoiser, unit):
    x = (images(2, 3, 3, 2).double() / unit).requires_grad_()
    sigma = (torch.tensor([15.0, 50.0]).double() / unit).requires_grad_()
    assert torch.autograd.gradcheck(Rescaled(denoiser, unit), (x, sigma), eps=1e-4 / unit)


def test_parameters_are_those_of_the_denoiser():
    inner = torch.nn.Conv2d(1, 1, 1)
    assert list(Rescaled(inner, 255).parameters()) == list(inner.parameters())
    assert not list(Rescaled(foreign, 1 / 255).parameters())


def test_what_a_denoiser_declares_is_passed_on():
    class Blind(Denoiser):
        def forward(self, x, sigma=None):
            assert sigma is None
            return x

    x = images(1, 1, 4, 4)
    assert Rescaled(foreign, 1 / 255).reads_sigma and Rescaled(Shrink(), 255).reads_sigma
    assert not Rescaled(Blind(), 255).reads_sigma
    assert close(Rescaled(Blind(), 255)(x), x)


def test_a_foreign_denoiser_becomes_a_method():
    class Noise(Problem):
        name, unit, highest, level = "noise", "gray levels", 255, 25.0

    y = images(3, 5, 7)
    estimate = Denoising(Rescaled(foreign, 1 / 255), "foreign").restore(y, Noise())
    assert close(estimate.image[:, None], shrink(y[:, None], 25.0))


def test_what_cannot_be_rescaled_is_refused():
    class Oracle(Denoiser):
        needs_truth = True

    for unit in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=f"above 0, got {unit}"):
            Rescaled(foreign, unit)
    with pytest.raises(ValueError, match="Oracle is an oracle"):
        Rescaled(Oracle(), 255)
    with pytest.raises(ValueError, match=r"one for each of 2 images, got shape \(3,\)"):
        Rescaled(foreign, 1 / 255)(images(2, 1, 4, 4), [15, 25, 50])
