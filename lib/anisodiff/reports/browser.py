"""The study's diffusions as what a browser runs on a picture of its reader: files of ONNX, and the widget for them.

The widget is ``restore.js`` in ``book/_static``, the engine ``onnxruntime-web``, which the book carries. A diffusion is
exported a few steps at a time (STEPS): the file is applied to its own last state until all steps are done.
"""

import base64
import copy
import logging
import warnings

import numpy as np
import onnx_ir
import torch
from onnx import load_model_from_string
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from ..data import collections
from ..methods.diffusion.scheme import Diffusion
from ..study import catalogue
from . import eye, names

STEPS = {  # of one file; one, where a single rule serves all steps
    "perona-malik": 1,
    "foe-s": 1,
    "unet-diffusivity": 1,
    "network-long": 20,
}
TILE = 128  # pixels a side
SIDE = 161  # pixels of the picture on which :func:`reach` looks


class _Chunk(nn.Module):
    """(1, 1, H, W) to its states after 1, 2, ... steps of a diffusion, (1, steps, H, W)."""

    def __init__(self, diffusion: Diffusion, steps: int):
        super().__init__()
        self.diffusion, self.steps = diffusion, steps

    def forward(self, f: Tensor) -> Tensor:
        context = self.diffusion.diffusivity.condition(f)
        states = self.diffusion.states(f, context, self.steps)
        return torch.cat(list(states)[1:], 1)


def exported(diffusion: Diffusion, steps: int) -> bytes:
    """The first steps of a diffusion as a file of ONNX: ``f`` (1, 1, H, W) of any size to ``u`` (1, steps, H, W)."""
    sizes = {"f": {2: torch.export.Dim("rows"), 3: torch.export.Dim("columns")}}
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # of operators that are not used here
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            _Chunk(diffusion, steps),
            (torch.rand(1, 1, 40, 48),),
            dynamo=True,
            dynamic_shapes=sizes,
            input_names=["f"],
            output_names=["u"],
            external_data=False,
            verbose=False,
        )
    # Where each operation came from is most of the file.
    onnx_ir.passes.common.ClearMetadataAndDocStringPass()(program.model)
    return program.model_proto.SerializeToString()


def reach(diffusion: Diffusion, steps: int) -> int | None:
    """How far away, in pixels along an axis, a pixel still counts after some steps; None where all of them do.

    By the derivatives of one pixel, on noise.
    """
    centre, generator = SIDE // 2, torch.Generator().manual_seed(0)
    f = 127 + 10 * torch.randn(1, 1, SIDE, SIDE, generator=generator)
    with torch.enable_grad():
        u = _Chunk(diffusion, steps)(f.requires_grad_())[0, -1]
        (seen,) = torch.autograd.grad(u[centre, centre], f)
    found = int((seen[0, 0].nonzero() - centre).abs().max())
    return None if found == centre else found


def packed(diffusion: Diffusion, steps: int) -> dict:
    """A diffusion as the widget takes it: its file of some steps, ``onnx``, how often it is applied, ``times``, how far
    one application sees, ``reach``, and how many pixels a side are given to it ``atOnce``, of a larger image tiles.

    A tile is a few times as wide as what it must see beyond itself, and small enough to stay in the cache.
    """
    found = reach(diffusion, steps)
    return {
        "onnx": base64.b64encode(exported(diffusion, steps)).decode(),
        "times": diffusion.steps // steps,
        "reach": found,
        "atOnce": max(TILE, 16 * (found or 0)),
    }


def run(found: dict, f: np.ndarray) -> np.ndarray:
    """What a :func:`packed` diffusion makes of an image (H, W), by the slow reference implementation of ONNX."""
    session = ReferenceEvaluator(load_model_from_string(base64.b64decode(found["onnx"])))
    u = f.astype(np.float32)[None, None]
    for _ in range(found["times"]):
        u = session.run(None, {"f": u})[0][:, -1:]
    return u[0, 0]


def exact(diffusion: Diffusion, f: np.ndarray) -> np.ndarray:
    """What a diffusion makes of an image (H, W), in double precision."""
    with torch.inference_mode():
        double = copy.deepcopy(diffusion).double()
        return double(torch.from_numpy(f.astype(float))[None, None])[0, 0].numpy()


def offered() -> dict[str, list[float]]:
    """The models of the widget, and the levels of each."""
    return {name: sorted(catalogue.levels(name, "gaussian")) for name in STEPS}


def widget(
    models: dict[str, list[float]], samples: list[str], start: dict, side: int = 256
) -> None:
    """Display the widget, with the centred squares of some photographs to try.

    It takes the bundles ``model-NAME-LEVEL``, each a :func:`packed` diffusion. ``start`` = sample, model, level.
    """
    for name in samples:
        clean = collections.centre_crop(collections.in_colour(name), side)
        eye.bundle(f"sample-{name}", {"src": eye.webp(clean, lossless=True)})
    labels = {name: names.name(name) for name in models}
    given = {"models": labels, "levels": models, "samples": samples, "start": start}
    eye.widget("restore", given, "a picture of yours is restored here")
