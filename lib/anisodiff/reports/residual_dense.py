"""What the network of the lab report is made of, counted; and what its layers can do, tried."""

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn.functional import conv2d, pixel_shuffle, pixel_unshuffle

from ..methods.solvers.rdn import RDN, enlarged
from ..methods.solvers.super_resolution import SuperResolver


def source(factor: int = 2) -> RDN:
    """The network of the lab report: 16 blocks of 8 layers, in colour."""
    return RDN(16, 8, 64, 64, factor, channels=3, added=False)


def shapes(module: SuperResolver, side: int = 24, channels: int = 3) -> pd.DataFrame:
    """The convolutions of a network as they run, a row each: ``name``, ``side`` of the kernel, ``filters``,
    ``resolution`` relative to the input's and ``operations``, multiplications a pixel of the input."""
    found, names = [], {one: name for name, one in module.named_modules()}

    def note(one: nn.Conv2d, given, out):
        pixels = out.shape[-1] * out.shape[-2] / side**2
        found.append(
            (
                names[one],
                one.kernel_size[0],
                one.out_channels,
                out.shape[-1] / side,
                pixels * one.weight.numel(),
            )
        )

    hooks = [one.register_forward_hook(note) for one in names if isinstance(one, nn.Conv2d)]
    with torch.inference_mode():
        module(torch.zeros(1, channels, side, side))
    for hook in hooks:
        hook.remove()
    return pd.DataFrame(found, columns=["name", "side", "filters", "resolution", "operations"])


def share(module: SuperResolver, channels: int = 3) -> dict[str, float]:
    """What a network computes and keeps over what the same layers would at the resolution of the result: its
    ``operations``, and the ``numbers`` that its layers give out."""
    table = shapes(module, channels=channels)
    area, whole = table.resolution**2, module.factor**2
    return {
        "operations": float(table.operations.sum() / (whole * table.operations / area).sum()),
        "numbers": float((table.filters * area).sum() / (whole * table.filters).sum()),
    }


def dense(module: RDN) -> float:
    """How many earlier outputs a layer of a block reads, mean."""
    layers = module.blocks[0].layers
    growth, filters = layers[0].out_channels, layers[0].in_channels
    return float(np.mean([1 + (one.in_channels - filters) / growth for one in layers]))


def mixed(module: nn.Module) -> int:
    """How many convolutions of 1x1 a network has."""
    found = [one for one in module.modules() if isinstance(one, nn.Conv2d)]
    return sum(one.kernel_size == (1, 1) for one in found)


def sum_error(chosen: bool, channels: int = 4) -> float:
    """How far a convolution of 1x1 over two concatenated tensors is from their sum, its weights ``chosen`` for it or
    random; at most."""
    torch.manual_seed(0)
    first, second = torch.rand(2, 1, channels, 8, 8)
    one = torch.eye(channels)
    weights = torch.cat([one, one], 1) if chosen else torch.randn(channels, 2 * channels)
    mixed = conv2d(torch.cat([first, second], 1), weights[:, :, None, None])
    return float((mixed - first - second).abs().max())


def shuffle_error(side: int, channels: int = 4) -> float:
    """How much a convolution's output changes where the pixels are shuffled before instead of after it; at most."""
    torch.manual_seed(0)
    x, mix = torch.rand(1, channels, 8, 8), nn.Conv2d(channels, channels, side, padding=side // 2)
    order = torch.randperm(64)

    def shuffled(u):
        return u.flatten(2)[..., order].view_as(u)

    with torch.no_grad():
        return float((mix(shuffled(x)) - shuffled(mix(x))).abs().max())


def stacking_error(shuffle: bool, channels: int = 16, factor: int = 2) -> float:
    """How far features are from what is got back from the larger image made of them by a pixel shuffle, or by
    interpolation; at most."""
    torch.manual_seed(0)
    x = torch.rand(1, channels, 8, 8)
    ways = {
        True: lambda: pixel_unshuffle(pixel_shuffle(x, factor), factor),
        False: lambda: enlarged(enlarged(x, factor), 1 / factor),
    }
    back = ways[shuffle]()
    return float((back - x).abs().max())
