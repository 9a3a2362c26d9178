"""Super-resolvers, and the degradation that is found through one: counts, closed forms, what the command line takes."""

import numpy as np
import pytest
import torch
from family import photograph, seeded
from torch.nn.functional import interpolate

from anisodiff.cli import main
from anisodiff.data import collections
from anisodiff.methods.solvers.bicubic import Bicubic
from anisodiff.methods.solvers.rdn import RDN
from anisodiff.problems import parse
from anisodiff.study import fitting, restorers, runs
from anisodiff.training import degradation
from anisodiff.training.degradation import Kernel


def size(module):
    return sum(one.numel() for one in module.parameters())


def test_the_network_of_the_source_has_its_number_of_parameters():
    source = RDN(16, 8, 64, 64, channels=3, added=False)
    assert size(source) == 22_123_395
    assert size(RDN(16, 8, 64, 64, channels=3, added=True)) == size(source)
    with torch.inference_mode():
        small = RDN(2, 2, 4, 4, channels=3, added=False)(torch.zeros(2, 3, 5, 6))
    assert small.shape == (2, 3, 10, 12)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_a_network_is_added_to_the_bicubic_interpolation_of_the_study(factor):
    found = parse(f"downsample,{factor}").measure(photograph(41)[None], None)
    untrained = RDN(1, 1, 4, 4, factor=factor)  # begins there
    plain = Bicubic().restore(found.y, found.problem).image
    torch.testing.assert_close(
        untrained.restore(found.y, found.problem).image, plain, rtol=0, atol=1e-3
    )


def test_what_a_network_cannot_enlarge_is_named():
    network = seeded(RDN, 1, 1, 4, 4)
    for text, message in (
        ("downsample,3", r"this RDN enlarges by 2; downsample measured \(14, 14\) of \(41, 41\)"),
        ("gaussian,25", r"enlarges by 2; gaussian measured \(41, 41\) of \(41, 41\)"),
        ("salt-pepper,0.1", "RDN needs a linear operator"),
    ):
        found = parse(text).measure(photograph(41)[None], np.random.default_rng(0))
        with pytest.raises(ValueError, match=message):
            network.restore(found.y, found.problem)
    for wrong, message in (
        ({"factor": 1}, "at least 2, got 1"),
        ({"layers": 0}, "got .* 0 layers"),
    ):
        with pytest.raises(ValueError, match=message):
            RDN(**wrong)


def test_a_training_in_small_serves_the_command_line_and_python(elsewhere, tmp_path, capsys):
    run = runs.Run("sr-lite", "downsample", 2, "smoke")
    fitting.fit(run)
    shipped = run.in_profile("paper").weights
    shipped.parent.mkdir(parents=True)
    shipped.write_bytes(run.weights.read_bytes())
    network = restorers.load("sr-lite", "downsample", 2)
    assert network.header["run"]["problem"] == "downsample" and network.parameters == size(
        RDN(4, growth=24)
    )
    found = parse("downsample,2").measure(photograph(41), None)
    estimate = network.estimate(found.y.numpy(), found.problem).image
    assert estimate.shape == (1, 41, 41)
    assert network.restore(found.y.numpy()).shape == (
        42,
        42,
    )  # for the problem that it was loaded for
    given, out = tmp_path / "in.npy", tmp_path / "out.npy"
    np.save(given, found.y.numpy())
    asked = ["restore", str(given), str(out), "--model", "sr-lite", "--problem"]
    assert main([*asked, "downsample,2"]) == 0
    assert np.load(out).shape == (42, 42)
    np.testing.assert_allclose(np.load(out)[:41, :41], estimate[0], atol=1e-3)
    for text, said in (
        (
            "blur-downsample,2",
            "sr-lite has no weights for blur-downsample (it has them for: downsample)",
        ),
        ("downsample,2.5", "whole number"),
    ):
        assert main([*asked, text]) == 2
        assert said in capsys.readouterr().err
    with pytest.warns(restorers.UntrainedLevel, match="only at 2"):
        other = restorers.load("sr-lite", "downsample", 3)
    with pytest.raises(ValueError, match="enlarges by 2"):
        other.restore(found.y.numpy(), parse("downsample,3"))


@pytest.mark.parametrize("degradation, level", [("gaussian", "25"), ("downsample", "5")])
def test_a_training_for_another_size_is_refused(elsewhere, capsys, degradation, level):
    asked = ["fit", "sr-lite", "--degradation", degradation, "--level", level, "--profile", "smoke"]
    assert main(asked) == 2
    error = capsys.readouterr().err
    assert "pixels of crops of 32 x 32: it does not fit the problem and its level" in error
    assert not list(elsewhere.rglob("*.safetensors"))


# The degradation found


def tent(y):
    """A linear interpolator in the network's place."""
    return interpolate(y, scale_factor=2, mode="bilinear")


def crops(count, side=48):
    images = collections.load("shipped/test")
    drawn = collections.random_crops(images, side, count, np.random.default_rng(0))
    return torch.from_numpy(drawn)[:, None]


@pytest.mark.parametrize("sides", [(6,), (4, 3)])
def test_through_a_linear_interpolator_the_kernel_is_least_squares(sides):
    clean = crops(3)

    def residual(flat):
        u = tent(degradation.degraded(clean.double(), flat.reshape(6, 6), 2))
        u = u[..., 8:-8, 8:-8]
        rows, columns = u.shape[-2:]
        return (u - clean[..., 10 : 10 + rows, 10 : 10 + columns]).flatten()

    zero = torch.zeros(36, dtype=torch.float64)
    design, wanted = torch.func.jacrev(residual)(zero), -residual(zero)
    truth = torch.linalg.lstsq(design, wanted[:, None]).solution.reshape(6, 6)
    found = degradation.recover(tent, clean, 2, Kernel(sides), evaluations=600)
    least = residual(truth.flatten()).square().mean().item()
    assert found.loss[-1] < 1.02 * least
    assert degradation.apart(found.kernel, truth.numpy())["error"] < 0.1
    assert found.loss[0] > 1.2 * least


@pytest.mark.parametrize("text", ["downsample,2", "blur-downsample,2", "block-means,2"])
def test_a_kernel_lies_as_the_operator_has_it(text):
    clean, how = torch.from_numpy(photograph(64).copy()), parse(text)
    kernel = degradation.true_kernel(how, 12)
    assert kernel.sum() == pytest.approx(1) and kernel.shape == (12, 12)
    found = degradation.degraded(clean[None, None].double(), torch.from_numpy(kernel), 2)[0, 0]
    y = how.measure(clean[5:-5, 5:-5], None).y  # what the kernel's pixels in the middle see
    inside = np.s_[3:-3, 3:-3]
    np.testing.assert_allclose(found[inside], y[inside], atol=1e-2)


def test_kernels_in_a_row_are_one_kernel():
    one, several = Kernel((12,), box=True), Kernel((7, 4, 3), channels=5)
    assert one().shape == several().shape == (12, 12)
    torch.testing.assert_close(one(), torch.full((12, 12), 1 / 144))
    clean = crops(1)
    u = clean
    for layer in several.layers:
        u = torch.nn.functional.conv2d(u, layer)
    torch.testing.assert_close(u[..., ::2, ::2], degradation.degraded(clean, several(), 2))


def test_what_a_kernel_cannot_be_is_named():
    with pytest.raises(ValueError, match=r"a kernel of 11 pixels has no middle .* factor 2"):
        degradation.recover(tent, crops(1), 2, Kernel((11,)))
    with pytest.raises(ValueError, match=r"crops of \(30, 30\) pixels are too small .* 12"):
        degradation.recover(tent, crops(1, 30), 2, Kernel((12,)))
