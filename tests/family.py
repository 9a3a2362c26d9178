"""What several files test: all diffusivities, denoisers and other methods of the library, small and as if trained."""

import importlib
import pkgutil
import sys

import numpy as np
import torch
from torch import nn

from anisodiff.borders.classifier import BorderClassifier
from anisodiff.data import collections
from anisodiff.methods.base import Denoising, Method
from anisodiff.methods.denoisers import classical
from anisodiff.methods.denoisers.anscombe import Anscombe
from anisodiff.methods.denoisers.any_level import AnyLevel
from anisodiff.methods.denoisers.cncl import CNCL
from anisodiff.methods.denoisers.dct import DCT
from anisodiff.methods.denoisers.dncnn import DnCNN
from anisodiff.methods.denoisers.drunet import DRUNet
from anisodiff.methods.denoisers.ffdnet import FFDNet
from anisodiff.methods.denoisers.identity import Identity
from anisodiff.methods.denoisers.latent import Autoencoder, LatentDenoiser
from anisodiff.methods.denoisers.median import Median
from anisodiff.methods.denoisers.released import ReleasedPeronaMalik
from anisodiff.methods.denoisers.rescaled import Rescaled
from anisodiff.methods.denoisers.tnrd import TNRD
from anisodiff.methods.denoisers.unet import ResidualUNet
from anisodiff.methods.diffusion.borders import BorderLambdas, BorderP1
from anisodiff.methods.diffusion.classic import Constant, PeronaMalik
from anisodiff.methods.diffusion.experts import Experts
from anisodiff.methods.diffusion.learned_lambda import LearnedLambda, LearnedLambdaTime
from anisodiff.methods.diffusion.network import Network
from anisodiff.methods.diffusion.oracle import PeronaMalikOracle
from anisodiff.methods.diffusion.p1 import P1, gradient_norm
from anisodiff.methods.diffusion.scheme import STABLE, Diffusion
from anisodiff.methods.diffusion.unet import UNet
from anisodiff.methods.diffusion.untied import Untied
from anisodiff.methods.restorer import Restorer
from anisodiff.methods.samplers.pscgan import PSCGAN, Generator
from anisodiff.methods.samplers.stochastic import StochasticDenoiser
from anisodiff.methods.solvers.bicubic import Bicubic
from anisodiff.methods.solvers.biharmonic import Biharmonic
from anisodiff.methods.solvers.plug_and_play import (
    ADMM,
    HQS,
    ProximalGradient,
    REDFixedPoint,
    REDGradient,
)
from anisodiff.methods.solvers.rdn import RDN
from anisodiff.methods.solvers.svd_samplers import DDRM, SNIPS
from anisodiff.methods.solvers.tikhonov import Tikhonov
from anisodiff.methods.solvers.wiener import Wiener
from anisodiff.problems import problem

SIGMA = 25.0
TUNED = {"tuned": [[1, 30, 2], [50, 60, 1]], "steps": 12, "tau": 0.25}  # level, lambda and time


class Steep(nn.Module):
    """Probabilities of a border that stand in for a classifier's."""

    threshold = 30.0

    def forward(self, f):
        return torch.sigmoid(gradient_norm(f) / 50 - 2)


def as_if_trained(kind, *arguments, **more):
    """A network's last layer random too, so that what it gives (lambdas of some tens, say) depends on the image."""
    torch.manual_seed(1)
    diffusivity = kind(*arguments, **more)
    last = getattr(diffusivity.network, "unit", None) or diffusivity.network.last
    nn.init.normal_(last.weight, std=1 if isinstance(last, nn.Linear) else 0.5)
    if isinstance(last, nn.Conv2d):
        with torch.no_grad():
            last.bias[1::2] = 4.0  # g falls over the nodes, from above 0 to below where it may
    return diffusivity.eval()


def experts(functions, size, **more):
    """Few and weak ones, that neither stop uniform noise nor let it pass."""
    torch.manual_seed(1)
    diffusivity = Experts(functions, size, 6, **more)
    diffusivity.kernels.data *= 0.2
    return diffusivity


def seeded(kind, *arguments, **more):
    torch.manual_seed(1)
    return kind(*arguments, **more).eval()


FAMILY = {
    "perona-malik-1": lambda: PeronaMalik(20, option=1),
    "perona-malik-2": lambda: PeronaMalik(20, option=2),
    "constant": lambda: Constant(0.7),
    "learned-lambda-1": lambda: as_if_trained(LearnedLambda, 1, lambda_=30),
    "learned-lambda-2": lambda: as_if_trained(LearnedLambda, 2, lambda_=30),
    "learned-lambda-time": lambda: as_if_trained(LearnedLambdaTime, **TUNED),
    "learned-lambda-blind-time": lambda: as_if_trained(LearnedLambdaTime, **TUNED, blind=True),
    "two-lambdas": lambda: as_if_trained(BorderLambdas, "classifier", Steep(), **TUNED),
    "two-lambdas-true": lambda: as_if_trained(BorderLambdas, "true", Steep(), **TUNED),
    "p1": lambda: as_if_trained(P1, 4),
    "p1-nonnegative-blind": lambda: as_if_trained(P1, 4, nonnegative=True, blind=True),
    "p1-pointwise": lambda: as_if_trained(P1, 1, context=False),
    "p1-borders": lambda: as_if_trained(BorderP1, "classifier", Steep(), 4),
    "experts-splines": lambda: experts("splines", 5),
    "experts-falling": lambda: experts("splines", 4, falling=True),
    "experts-monomials": lambda: experts("monomials", 1),
    "experts-roth-black": lambda: experts("roth-black", 3, bounded=False),
    "experts-edges": lambda: experts("splines", 3, edges=True),
    "experts-signed": lambda: experts("splines", 3, signed=True),
    "experts-told": lambda: experts("splines", 3, told=25),
    "experts-estimating": lambda: experts("splines", 3, told=25, estimating=True),
    "experts-untied": lambda: Untied(lambda: experts("splines", 3), 30),
    "network": lambda: seeded(Network, 30, 6),
    "network-memory": lambda: seeded(Network, 30, 6, memory=True, each=2),
    "unet": lambda: seeded(UNet),
}
SIGNED = {"p1", "p1-pointwise", "p1-borders", "experts-signed"}  # of all promises the mean's alone
HAVE_ENERGY = {
    name for name in FAMILY if name.startswith(("perona", "constant", "learned-lambda-"))
}
HAVE_ENERGY -= {"learned-lambda-time", "learned-lambda-blind-time"}
SEE_NO_DIRECTION = {"perona-malik-1", "perona-malik-2", "constant"}  # a network's filters do
SHAPES = [(1, 1), (1, 17), (16, 1), (7, 12), (33, 20)]


def declared(base, package):
    """All classes below ``base`` in the modules of a package, each of which is imported."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
    below, found = [base], set()
    while below:
        below = [kind for parent in below for kind in parent.__subclasses__()]
        found |= {kind for kind in below if kind.__module__.startswith(package.__name__)}
    return {kind for kind in found if kind.__module__ in sys.modules}  # what was added is taken out


def noise(*shape, seed=0, dtype=torch.float64):
    """A batch of images of uniform noise on 0..255, the hardest there is for a principle."""
    return torch.from_numpy(np.random.default_rng(seed).uniform(0, 255, shape)).to(dtype)


def longest(name, steps=10, dtype=torch.float64):
    """A diffusion at the largest step size for which the guarantees hold."""
    diffusivity = FAMILY[name]().to(dtype)
    return Diffusion(diffusivity, steps, STABLE / diffusivity.bound)


def given(diffusion, f, sigma=SIGMA):
    """What a diffusion is called with: the batch, its level, and to an oracle the batch itself as the clean one."""
    return (f, sigma, f.detach()) if diffusion.needs_truth else (f, sigma)


def restored(diffusion, f, sigma=SIGMA):
    return diffusion(*given(diffusion, f, sigma))


def states(diffusion, f):
    with torch.inference_mode():
        return torch.stack(diffusion.trajectory(*given(diffusion, f)))


def first_g(diffusivity, f, sigma=SIGMA):
    """g at the first step from a batch f."""
    diffusion = Diffusion(diffusivity, 1, STABLE / diffusivity.bound)
    return diffusivity(f, diffusion.condition(*given(diffusion, f, sigma)))[0]


def photograph(side=96):
    """The middle of a photograph that everybody has, (side, side) float32 on 0..255."""
    return collections.centre_crop(collections.load("shipped/test")[2].pixels, side)


# Denoisers and other methods

DENOISERS = {
    "identity": Identity,
    "median": Median,
    "released": ReleasedPeronaMalik,
    **{
        name: lambda name=name: classical.Classical(name, 20.0, SIGMA) for name in classical.METHODS
    },
    "dncnn": lambda: seeded(DnCNN, 4, 6),
    "residual-unet": lambda: seeded(ResidualUNet, 4, 3),
    "cncl": lambda: seeded(CNCL, 2, 3),
    "border-classifier": lambda: seeded(BorderClassifier),
    "tnrd": lambda: seeded(TNRD, 2, 3),
    "anscombe": lambda: Anscombe("tv", 20.0, SIGMA),
    "dct": lambda: seeded(DCT, 4, "each", adaptive=True),
    "ffdnet": lambda: seeded(FFDNet, 4, 6),
    "drunet": lambda: seeded(DRUNet, (4, 6)),
    "autoencoder": lambda: seeded(Autoencoder, width=4),
    "latent": lambda: seeded(LatentDenoiser, Autoencoder(width=4), (4, 6)),
    "drunet-biased": lambda: seeded(DRUNet, (4, 6), biased=True),
    "any-level": lambda: AnyLevel({15.0: seeded(DnCNN, 4, 6), 40.0: seeded(DnCNN, 3, 4)}),
    "rescaled": lambda: Rescaled(seeded(DnCNN, 4, 6), 0.5),
    "diffusion": lambda: longest("experts-told", 4, torch.float32),
}
SOLVERS = {  # with a problem that each is for
    "bicubic": (Bicubic, "downsample", 2),
    "rdn": (lambda: seeded(RDN, 2, 2, 4, 4), "downsample", 2),
    "biharmonic": (Biharmonic, "inpainting", 0.1),
    "wiener": (Wiener, "blur", 4),
    "tikhonov": (Tikhonov, "blur", 4),
    "pnp-hqs": (lambda: HQS(seeded(DRUNet, (4, 6)), 2), "blur", 4),
    "pnp-admm": (lambda: ADMM(seeded(DRUNet, (4, 6)), 2), "missing-pixels", 0.5),
    "pnp-pgm": (lambda: ProximalGradient(seeded(DRUNet, (4, 6)), 2), "fourier", 0.5),
    "red-fixed-point": (lambda: REDFixedPoint(seeded(DRUNet, (4, 6)), 2), "text", 8),
    "red-gradient": (lambda: REDGradient(seeded(DRUNet, (4, 6)), 2), "periodic-uniform", 3),
    "snips": (lambda: SNIPS(seeded(DRUNet, (4, 6)), 3, 1), "gaussian", 25),
    "stochastic": (lambda: StochasticDenoiser(seeded(DRUNet, (4, 6)), 3, 1), "gaussian", 25),
    "pscgan": (lambda: seeded(PSCGAN, (4, 6)), "gaussian", 50),
    "pscgan-mse": (lambda: seeded(Generator, (4, 6)), "gaussian", 50),
    "ddrm": (lambda: DDRM(seeded(DRUNet, (4, 6)), 3), "periodic-gaussian", 0.8),
    "oracle": (
        lambda: PeronaMalikOracle(2, 20, 3, 0.2, True, lambdas=(5, 50), tries=3, most_steps=4),
        "gaussian",
        25,
    ),
}


def restorer(made, kind="gaussian", level=SIGMA):
    """A denoiser, or another method, as who restores images uses it."""
    method = made if isinstance(made, Method) else Denoising(made)
    return Restorer("made", method, problem(kind, level))
