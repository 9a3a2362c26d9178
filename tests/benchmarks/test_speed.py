"""Ten Perona-Malik steps on one core, ours beside other people's, in one run: `make benchmark`.

All get the same image, lambda, step size and number of steps, as far as each lets one choose. Ours
work on the device that ANISODIFF_DEVICE names; ``extra_info`` holds the device and the
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


class Eager(Diffusion):
    """The diffusion in plain PyTorch."""

    def forward(self, u):
        for _ in range(self.steps):
            u = explicit_step(u, self.diffusivity(u)[0], self.tau)
        return u


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


OURS = {
    "ours, option 1": Diffusion(PeronaMalik(LAMBDA, option=1), STEPS, TAU),
    "ours, option 2": Diffusion(PeronaMalik(LAMBDA, option=2), STEPS, TAU),
    "ours, option 2, eager": Eager(PeronaMalik(LAMBDA, option=2), STEPS, TAU),
}
OTHERS = {
    "simpleitk gradient": simpleitk("Gradient"),
    "simpleitk curvature": simpleitk("Curvature"),
    "medpy": medpy_,
    "opencv, 8 bits, 3 channels": opencv,
}


@pytest.fixture(scope="module", autouse=True)
def one_core_for_others():
    cv2.setNumThreads(1)
    SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", [*OURS, *OTHERS])
def test_ten_steps(benchmark, name, size, device, place, ended):
    if name in SLOW and size != "512x512":
        pytest.skip("ten seconds a run")
    image = noisy(SIZES[size])
    if name in OURS:
        diffusion, batch = OURS[name].to(device), torch.from_numpy(image)[None, None].to(device)
        work = ended(lambda: diffusion(batch))
    else:
        work = OTHERS[name](image)
        benchmark.extra_info["device"] = "cpu"
    benchmark.group = f"ten steps, {size}, one core" + f", ours on {place}" * (device != "cpu")
    rounds = 3 if image.size > 1e6 or name in SLOW else 15
    benchmark.pedantic(work, warmup_rounds=1, rounds=rounds, iterations=1)
    if benchmark.enabled:
        speed = image.size * STEPS / 1e6 / benchmark.stats["min"]
        benchmark.extra_info["megapixel-steps per second"] = round(speed)
