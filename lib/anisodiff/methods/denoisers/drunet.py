"""A residual U-Net without biases that is told the level of the noise; images on 0..255.

After K. Zhang et al., IEEE TPAMI 44 (2022), 6360-6376, much narrower, and on four images of half the size.
"""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from ..base import Denoiser
from ..layers import in_quarters


class DRUNet(Denoiser):
    """``u = f - noise(f, sigma)``: (B, 1, H, W) of any size to the same; sigma may vary over the image.

    ``widths`` are the filters of each scale, from fine to coarse; two residual blocks a scale and way. Nothing is
    added to anything but by the network's own filters, so that ``D(a x, a sigma) = a D(x, sigma)`` for a > 0, unless
    ``biased``: with a number added to each of the first filters, it can tell how bright its images are.
    """

    reads_sigma = True

    def __init__(self, widths: list[int] | tuple[int, ...] = (32, 64, 96), biased: bool = False):
        super().__init__()
        if len(widths) < 2 or min(widths) < 1:
            raise ValueError(f"widths: at least two scales of one filter, got {widths!r}")
        *finer, coarsest = widths
        self.head = nn.Conv2d(5, widths[0], 3, padding=1, bias=biased)
        self.down = nn.ModuleList(nn.Sequential(_Block(width), _Block(width)) for width in finer)
        self.narrower = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2, bias=False) for fine, coarse in pairwise(widths)
        )
        self.coarsest = nn.Sequential(_Block(coarsest), _Block(coarsest))
        self.wider = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=False)
            for fine, coarse in pairwise(widths)
        )
        self.up = nn.ModuleList(nn.Sequential(_Block(width), _Block(width)) for width in finer)
        self.tail = _convolution(widths[0], 4)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        rows, columns = x.shape[-2:]
        u = self.head(in_quarters(x, self.noise_map(x, sigma), 2 ** len(self.narrower) * 2) / 255)
        skips = []
        for down, narrower in zip(self.down, self.narrower, strict=True):
            skips.append(down(u))
            u = narrower(skips[-1])
        u = self.coarsest(u)
        for wider, up in zip(self.wider[::-1], self.up[::-1], strict=True):
            u = up(wider(u) + skips.pop())
        return x - 255 * pixel_shuffle(self.tail(u), 2)[..., :rows, :columns]


class _Block(nn.Module):
    """``u + W_2 ReLU(W_1 u)``: (B, C, H, W) to the same."""

    def __init__(self, width: int):
        super().__init__()
        self.way = nn.Sequential(_convolution(width, width), nn.ReLU(), _convolution(width, width))

    def forward(self, u: Tensor) -> Tensor:
        return u + self.way(u)


def _convolution(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
