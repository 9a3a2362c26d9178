"""A new diffusivity or denoiser is one file and one entry of the study; then it trains, restores and has a name.

That a problem and a solver take one file each is tested beside theirs, in test_problems.py.
"""

import shutil
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import yaml

import anisodiff
from anisodiff.data import collections
from anisodiff.methods import denoisers, diffusion
from anisodiff.metrics.distortion import psnr
from anisodiff.problems import problem
from anisodiff.study import catalogue, code, restorers, runs, store

PAGE = Path(__file__).resolve().parents[1] / "notebooks/your_own_diffusivity.ipynb"
CHARBONNIER = '''
"""The diffusivity of Charbonnier et al., IEEE TIP 1997, with a contrast parameter that is learned."""

import torch
from torch import nn

from anisodiff.methods.diffusion.base import Diffusivity
from anisodiff.methods.diffusion.scheme import gradient


class Charbonnier(Diffusivity):
    """``g = (1 + d^2 / lambda^2)^(-1/2)`` of each edge; range (0, 1], bound 1."""

    def __init__(self, lambda_: float = 10.0):
        super().__init__()
        self.root = nn.Parameter(torch.tensor(lambda_ / 10))

    def forward(self, u, context=None, step=0, state=None):
        return tuple((1 + (d / self.root / 10) ** 2) ** -0.5 for d in gradient(u)), None
'''
BLEND = '''
"""A mean of the image and of its blurred form, in shares that are learned."""

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, pad

from anisodiff.methods.base import Denoiser


class Blend(Denoiser):
    """``u = (1 - s) f + s mean(f)``, the mean over 3 x 3 pixels."""

    def __init__(self, start: float = 0.0):
        super().__init__()
        self.share = nn.Parameter(torch.tensor(start))

    def forward(self, x, sigma=None):
        s = torch.sigmoid(self.share)
        return (1 - s) * x + s * avg_pool2d(pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
'''
ENTRY = """
{name}:
  summary: one that was added
  {made_of}
  train: {{steps: 100, batch: 4, crop: 32, rate: 0.02, every: 50, validation: 4}}
  grid: {{gaussian: [15, 25]}}
  vary: {{seed: [1]}}
  vary_at: {{gaussian: [25]}}
"""


@pytest.fixture
def library(elsewhere, tmp_path, monkeypatch):
    """Copies of the study and of the library's files, to which one of each kind may be added."""
    folder = tmp_path / "anisodiff"
    shutil.copytree(catalogue.ROOT / "study", tmp_path / "study")
    shutil.copytree(Path(anisodiff.__file__).parent, folder)
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    monkeypatch.setattr(code, "__file__", str(folder / "study/code.py"))
    for package in (diffusion, denoisers):
        beside = folder / "methods" / package.__name__.rpartition(".")[2]
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(beside)])
    catalogue.study.cache_clear()
    before = set(sys.modules)
    yield folder
    catalogue.study.cache_clear()
    for name in [
        name
        for name in sys.modules.keys() - before
        if name.endswith((".charbonnier", ".blend", ".local_contrast"))
    ]:
        package, _, module = name.rpartition(".")
        delattr(sys.modules[package], module)
        del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "source", "made_of", "file"),
    [
        (
            "charbonnier",
            CHARBONNIER,
            "diffusivity: charbonnier.Charbonnier\n  arguments: {steps: 5, tau: 0.2}",
            "methods/diffusion/charbonnier.py",
        ),
        ("blend", BLEND, "denoiser: blend.Blend", "methods/denoisers/blend.py"),
    ],
    ids=["diffusivity", "denoiser"],
)
def test_one_file_and_one_entry_make_a_model(name, source, made_of, file, library):
    assert len(source.strip().splitlines()) < 30
    (library / file).write_text(source.lstrip())
    (library.parent / "study/added.yml").write_text(ENTRY.format(name=name, made_of=made_of))

    assert {name, f"{name}-seed-1"} <= set(catalogue.names())
    assert [catalogue.levels(one, "gaussian") for one in (name, f"{name}-seed-1")] == [
        [15, 25],
        [25],
    ]
    assert (name, "gaussian") in catalogue.scored()
    run = runs.Run(name, "gaussian", 25, "smoke")
    assert run in runs.grid("smoke")

    made = restorers.fitted(name, "gaussian", 25, "smoke")
    assert made.name == name and made.parameters == 1
    assert run.weights.is_relative_to(library.parent) and run.weights.is_file()
    clean = collections.centre_crop(collections.load("shipped/test")[1].pixels, 96)
    noisy = problem("gaussian", 25).measure(clean, np.random.default_rng(0)).y.numpy()
    assert psnr(made.restore(noisy), clean) > psnr(noisy, clean) + 1

    assert store.state(run.artefact()).word == "current"
    (library / file).write_text(source.replace("** -0.5", "** -0.4").replace("(1 - s)", "(2 - s)"))
    assert store.state(run.artefact()).word == "changed", "its code takes part"


def test_what_the_page_on_a_diffusivity_of_ones_own_says_makes_a_model(library):
    page = nbformat.read(PAGE, as_version=4)
    (source,) = (cell.source for cell in page.cells if "class LocalContrast" in cell.source)
    (entry,) = (cell.source for cell in page.cells if "```yaml" in cell.source)
    assert len(source.splitlines()) < 30
    added = yaml.safe_load(entry.split("```yaml")[1].split("```")[0])
    added["local-contrast"]["train"] |= {"steps": 8, "batch": 2, "crop": 32, "every": 4}
    (library / "methods/diffusion/local_contrast.py").write_text(source)
    (library.parent / "study/added.yml").write_text(yaml.safe_dump(added))

    assert ("local-contrast", "gaussian", "bsd68") in catalogue.further()
    made = restorers.fitted("local-contrast", "gaussian", 25, "smoke")
    assert made.parameters == 20
    clean = collections.centre_crop(collections.load("shipped/test")[1].pixels, 96)
    noisy = problem("gaussian", 25).measure(clean, np.random.default_rng(0)).y.numpy()
    assert psnr(made.restore(noisy), clean) > psnr(noisy, clean) + 3
