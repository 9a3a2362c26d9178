"""What the study's convolutional networks share: a block of convolutions, and the way of a U-Net."""

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, pad, pixel_unshuffle


def block(
    inputs: int,
    *filters: int,
    size: int = 3,
    norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    **how,
) -> nn.Sequential:
    """For each number of ``filters`` a convolution, ``norm`` of that number, and ReLU.

    (B, inputs, H, W) to (B, filters[-1], H, W). ``size``: pixels a side, odd; ``how``: what else a convolution takes,
    ``bias`` and ``padding_mode`` for instance.
    """
    layers = []
    for before, count in pairwise((inputs, *filters)):
        convolution = nn.Conv2d(before, count, size, padding=size // 2, **how)
        layers += [convolution, norm(count), nn.ReLU()]
    return nn.Sequential(*layers)


def u_net(
    x: Tensor,
    encoder: Sequence[nn.Module],
    widen: Iterable[nn.Module],
    decoder: Iterable[nn.Module],
    head: nn.Module,
    skip_first: bool = True,
) -> Tensor:
    """``head(y_1)``, where ``x_s = encoder_s(pool(x_{s-1}))`` and ``y_s = decoder_s([x_s, widen_s(y_{s+1})])``.

    From the finest scale 1 to the coarsest S, whose ``y_S = x_S``, and back: S blocks in ``encoder``, from fine to
    coarse, S - 1 in ``widen``, which doubles height and width, and in ``decoder``, from coarse to fine. ``skip_first``:
    the encoder's channels are joined before the widened ones, else after them.
    (B, C, H, W) of any size, which is continued by its border to a multiple of ``2^(S-1)``, to (B, C', H, W).
    Source: Ronneberger, Fischer, Brox, MICCAI 2015.
    """
    rows, columns = x.shape[-2:]
    *finer, coarsest = encoder
    pool = 2 ** len(finer)
    x = continued(x, pool)
    skips = []
    for down in finer:
        skips.append(down(x))
        x = max_pool2d(skips[-1], 2)
    x = coarsest(x)
    for double, up in zip(widen, decoder, strict=True):
        joined = [skips.pop(), double(x)]
        x = up(torch.cat(joined if skip_first else joined[::-1], 1))
    return head(x)[..., :rows, :columns]


def in_quarters(x: Tensor, sigma: Tensor, multiple: int) -> Tensor:
    """Four images of half the size and the level of each of their pixels: two of (B, 1, H, W) to (B, 5, h, w).

    The image goes on by its border to a ``multiple`` of pixels a side, which is even; h and w are half of that.
    Source: Zhang, Zuo, Zhang, IEEE TIP 27 (2018).
    """
    x, sigma = (continued(part, multiple) for part in (x, sigma))
    return torch.cat([pixel_unshuffle(x, 2), avg_pool2d(sigma, 2)], 1)


def continued(x: Tensor, multiple: int) -> Tensor:
    """(B, C, H, W), continued by its border below and on the right to a multiple of so many pixels a side."""
    rows, columns = x.shape[-2:]
    return pad(x, (0, -columns % multiple, 0, -rows % multiple), mode="replicate")
