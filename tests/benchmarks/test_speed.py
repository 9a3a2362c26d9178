"""Ten Perona-Malik steps on one core, ours beside other people's, in one run: `make benchmark`.

All get the same image, lambda, step size and number of steps, as far as each lets one choose; ``extra_info`` holds
megapixel-steps a second. Not part of the tests: what a machine is worth is not for a test to say.
"""

import cv2
import medpy.filter.smoothing
import numpy as np
import pytest
import SimpleITK
import torch

from anisodiff.methods.diffusion.classic import PeronaMalik
from anisodiff.methods.diffusion.scheme import Diffusion, explicit_step

STEPS, TAU, LAMBDA = 10, 0.125, 20.0  # 0.125: no more than ITK takes without a warning

SIZES = {"512x512": (512, 512), "12 megapixels": (3000, 4000)}
SLOW = {"simpleitk gradient", "simpleitk curvature"}  # ten seconds a run at 12 megapixels


def noisy(shape):
    rows, columns = np.indices(shape, np.float32)
    clean = 128 + 60 * np.sin(rows / 20) + 60 * (columns % 64 > 32)
    return (clean + np.random.default_rng(0).normal(0, 25, shape)).astype(np.float32)


def ours(option):
    diffusion = Diffusion(PeronaMalik(LAMBDA, option), STEPS, TAU)
    return lambda image: lambda: diffusion(torch.from_numpy(image)[None, None])


def eager(option):
    diffusivity = PeronaMalik(LAMBDA, option)

    def restore(u):
        for _ in range(STEPS):
            u = explicit_step(u, diffusivity(u)[0], TAU)
        return u

    return lambda image: lambda: restore(torch.from_numpy(image)[None, None])


def simpleitk(kind):
    def prepared(image):
        itk, filter_ = (
            SimpleITK.GetImageFromArray(image),
            getattr(SimpleITK, f"{kind}AnisotropicDiffusion"),
        )
        return lambda: filter_(
            itk, timeStep=TAU, conductanceParameter=1.0, numberOfIterations=STEPS
        )

    return prepared


def medpy_(image):
    return lambda: medpy.filter.smoothing.anisotropic_diffusion(
        image, niter=STEPS, kappa=LAMBDA, gamma=TAU, option=2
    )


def opencv(image):
    colour = np.dstack([np.clip(image, 0, 255).astype(np.uint8)] * 3)  # the only kind it takes
    return lambda: cv2.ximgproc.anisotropicDiffusion(
        colour, alpha=TAU, K=LAMBDA / 255, niters=STEPS
    )


CONTENDERS = {
    "ours, option 1": ours(1),
    "ours, option 2": ours(2),
    "ours, option 2, eager": eager(2),
    "simpleitk gradient": simpleitk("Gradient"),
    "simpleitk curvature": simpleitk("Curvature"),
    "medpy": medpy_,
    "opencv, 8 bits, 3 channels": opencv,
}


@pytest.fixture(scope="module", autouse=True)
def one_core():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CONTENDERS)
def test_ten_steps(benchmark, name, size):
    if name in SLOW and size != "512x512":
        pytest.skip("ten seconds a run")
    image = noisy(SIZES[size])
    benchmark.group = f"ten steps, {size}, one core"
    rounds = 3 if image.size > 1e6 or name in SLOW else 15
    benchmark.pedantic(CONTENDERS[name](image), warmup_rounds=1, rounds=rounds, iterations=1)
    benchmark.extra_info["megapixel-steps per second"] = round(
        image.size * STEPS / 1e6 / benchmark.stats["min"]
    )
