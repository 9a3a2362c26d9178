"""What the page on super-resolution reports: layers counted, methods in their place, kernels by recorded ways."""

import numpy as np
import pandas as pd
import pytest
import torch
from family import photograph, restorer, seeded

from anisodiff.methods.solvers.rdn import RDN
from anisodiff.metrics.distortion import psnr
from anisodiff.reports import kernels, residual_dense, super_resolution
from anisodiff.study import tables

SMALL = {"blocks": 2, "layers": 3, "growth": 4, "filters": 8}


def test_the_layers_of_a_network_are_counted_as_they_run():
    module = RDN(**SMALL, channels=3, added=False)
    table = residual_dense.shapes(module)
    weights = sum(one.numel() for one in module.parameters() if one.ndim > 1)
    assert (table.operations / table.resolution**2).sum() == weights
    assert set(table.resolution) == {1, 2} and table.iloc[-1].resolution == 2
    assert residual_dense.dense(module) == 2 and residual_dense.mixed(module) == 3
    last = module.last.weight.numel()
    share = residual_dense.share(module)
    assert share["operations"] == pytest.approx((weights + 3 * last) / (4 * weights))
    assert 0.25 < share["numbers"] < 0.5


def test_what_layers_can_do():
    assert residual_dense.sum_error(True) < 1e-5 < residual_dense.sum_error(False)
    assert residual_dense.shuffle_error(1) < 1e-5 < residual_dense.shuffle_error(3)
    assert residual_dense.stacking_error(True) == 0 < residual_dense.stacking_error(False)


def test_methods_are_moved_to_where_the_pixels_were_kept():
    clean = photograph(65).copy()  # an odd side
    network = {"untrained": restorer(seeded(RDN, **SMALL), "downsample", 2)}
    for degradation in super_resolution.DEGRADATIONS:
        found = super_resolution.answers(network, clean, degradation, 2)
        assert {one.shape for one in found.values()} == {clean.shape}
        np.testing.assert_allclose(found["untrained"], found["bicubic"], atol=1e-2)
        if degradation in super_resolution.BESIDE:
            inside = np.s_[4:-4, 4:-4]
            placed, plain = (
                psnr(found[one][inside], clean[inside]) for one in ("bicubic, in place", "bicubic")
            )
            assert placed > plain + 1
    table = super_resolution.rows(network, clean, "means")
    assert list(table.method) == ["bicubic", "sharpened", "untrained"]
    assert (table.offset.abs() < 1).all() and table.low.between(0, 1).all()
    assert table.sharpness[1] > table.sharpness[0]


def test_the_recorded_tables_are_read_as_they_are_written(elsewhere):
    clean, network = photograph(64).copy(), seeded(RDN, **SMALL)
    networks = {"downsample": restorer(network, "downsample", 2)}
    rows = super_resolution.rows(networks, clean, "antialiased bicubic")
    images = [rows.assign(collection="bsd68", image=name) for name in ("test001", "test002")]
    tables.write(super_resolution.path(), pd.concat(images))
    assert super_resolution.gain("antialiased bicubic") == pytest.approx((0, 0, 0), abs=0.01)
    assert super_resolution.sharper("sharpened")[0] > 1
    way = kernels.Way()
    clean = kernels.crops("shipped/test", 1, side=48)
    found = kernels.find(network, clean, way, evaluations=12)
    values = " ".join(f"{value:.5f}" for value in found.kernel.ravel())
    row = way._asdict() | {"kernel": "downsample", "error": 0.5, "values": values}
    tables.write(kernels.path(), pd.DataFrame([row]))
    assert kernels.recorded("downsample", way).tolist() == [0.5]
    np.testing.assert_allclose(kernels.found("downsample", way), found.kernel, atol=1e-5)


def test_a_gradient_passes_through_a_frozen_network():
    torch.manual_seed(0)
    network = RDN(**SMALL)
    torch.nn.init.normal_(network.last.weight, std=0.02)
    clean = kernels.crops("shipped/test", 1, side=48)
    assert kernels.gradient_error(network, clean) < 1e-3
    kernels.find(
        network.requires_grad_(False), clean, kernels.Way("adam", "three layers"), evaluations=2
    )
    assert all(one.grad is None for one in network.parameters())
