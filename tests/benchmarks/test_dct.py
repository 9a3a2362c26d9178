"""The DCT denoiser, 512 x 512 pixels, on one core: ours beside SciPy's fast transforms of patches: `make benchmark`.

Both get the same image, ratio and patches in one run, with uniform weights. Ours works on the device that
ANISODIFF_DEVICE names, SciPy on the CPU.
"""

import numpy as np
import pytest
import torch

from anisodiff.reports import dct

SIDE, SIGMA, RATIO = 512, 25.0, 2.7
SIZES = (4, 8, 16)
IMAGE = np.random.default_rng(0).uniform(0, 255, (SIDE, SIDE)).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
def test_ours(benchmark, size, device, place, ended):
    module = dct.denoiser(size, RATIO).to(device)
    image = torch.from_numpy(IMAGE)[None, None].to(device)
    benchmark.group = f"DCT {size} x {size}, {SIDE} x {SIDE}, {place}"
    with torch.inference_mode():
        benchmark.pedantic(ended(module), (image, SIGMA), warmup_rounds=1, rounds=5)


@pytest.mark.parametrize("size", SIZES)
def test_scipy(benchmark, size, place):
    benchmark.group = f"DCT {size} x {size}, {SIDE} x {SIDE}, {place}"
    given = (IMAGE, RATIO, SIGMA, size)
    benchmark.pedantic(dct.by_patches, given, warmup_rounds=1, rounds=3)
