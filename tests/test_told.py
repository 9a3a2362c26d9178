"""Networks that are told the level of the noise, or a map of it: their sizes, sub-images, and what they follow."""

import pytest
import torch
from family import noise, photograph

from anisodiff.methods.denoisers.drunet import DRUNet
from anisodiff.methods.denoisers.ffdnet import FFDNet
from anisodiff.methods.layers import in_quarters

SMALL = {
    "ffdnet": lambda: FFDNet(4, 6),
    "ffdnet-norm": lambda: FFDNet(4, 6, norm=True).eval(),
    "drunet": lambda: DRUNet((4, 6, 8)),
}
every = pytest.mark.parametrize("name", SMALL)


def made(name):
    torch.manual_seed(0)
    return SMALL[name]()


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (FFDNet(), 485_316),
        (FFDNet(norm=True), 486_080),
        (DRUNet(), 768_544),
        (DRUNet((24, 48, 64)), 390_552),
    ],
)
def test_the_published_sizes(network, count):
    assert sum(p.numel() for p in network.parameters()) == count


def test_the_quarters_are_every_other_pixel_with_the_level_beside_them():
    x = torch.arange(20.0).view(1, 1, 4, 5)
    found = in_quarters(x, torch.full_like(x, 7.0), 2)
    assert found.shape == (1, 5, 2, 3)
    assert found[0, 0].tolist() == [[0, 2, 4], [10, 12, 14]]
    assert found[0, 1].tolist() == [[1, 3, 4], [11, 13, 14]], "the border goes on"
    assert found[0, 2].tolist() == [[5, 7, 9], [15, 17, 19]]
    assert (found[0, 4] == 7).all()
    assert in_quarters(x, x, 8).shape == (1, 5, 4, 4)


@every
def test_a_constant_map_is_the_number_and_another_map_matters_where_it_differs(name):
    network, f = made(name), noise(2, 1, 70, 65, dtype=torch.float32)
    with torch.inference_mode():
        one = network(f, 25.0)
        for same in (torch.tensor([25.0, 25.0]), torch.full((2, 1, 70, 65), 25.0)):
            assert torch.allclose(network(f, same), one, atol=1e-4)
        varying = torch.full((2, 1, 70, 65), 25.0)
        varying[..., :4, :4] = 70
        change = (network(f, varying) - one).abs()
    assert change[..., :4, :4].max() > 0.05 and change[..., -2:, -2:].max() < 1e-4


@every
def test_a_map_that_does_not_fit_is_refused(name):
    f = noise(1, 1, 8, 8, dtype=torch.float32)
    for shape in ((1, 1, 7, 8), (2, 1, 8, 8), (1, 2, 8, 8)):
        with pytest.raises(
            ValueError, match=r"has the shape \(1, 1, 8, 8\) .* got \(\d, \d, \d, 8\)"
        ):
            made(name)(f, torch.full(shape, 25.0))
    for shape in ((8, 8), (1, 8, 8), (3,)):
        with pytest.raises(ValueError, match="one number, or one for each of 1 images, got"):
            made(name)(f, torch.full(shape, 25.0))
    with pytest.raises(ValueError, match=r"no value below 0, got .* from -25"):
        made(name)(f, torch.full((1, 1, 8, 8), -25.0))
    with pytest.raises(ValueError, match="give sigma"):
        made(name)(f)


def test_without_biases_a_network_follows_the_scale_of_image_and_noise():
    f = noise(1, 1, 24, 20, dtype=torch.float32)
    for one, follows in (("drunet", True), ("ffdnet", False)):
        network = made(one)
        with torch.no_grad():
            for name, parameter in network.named_parameters():
                parameter.add_(0.05 if name.endswith("bias") else 0)
            change = (network(f, 30.0) / 3 - network(f / 3, 10.0)).abs().max()
        assert (change < 1e-3) == follows


def test_what_makes_no_network_is_refused():
    with pytest.raises(ValueError, match="got depth 1 and filters 64"):
        FFDNet(1)
    with pytest.raises(ValueError, match=r"four if they pass on images.*filters 3"):
        FFDNet(4, 3, passing=True)
    with pytest.raises(ValueError, match="no image to pass on"):
        FFDNet(4, 6, norm=True, passing=True)
    with pytest.raises(ValueError, match=r"at least two scales .* got \[32\]"):
        DRUNet([32])


def test_a_network_that_passes_its_image_on_starts_at_the_identity_and_learns():
    x = torch.from_numpy(photograph(15).copy())[None, None]
    net = FFDNet(5, 6, passing=True)
    torch.testing.assert_close(net(x, 25.0), x, rtol=0, atol=1e-4)
    assert (FFDNet(5, 6)(x, 25.0) - x).abs().mean() > 10
    (net(x, 25.0) - x - 1).square().mean().backward()
    assert all(p.grad.abs().sum() > 0 for p in list(net.parameters())[-2:])
