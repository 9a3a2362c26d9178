"""Images by way of codes: an autoencoder, and a denoiser of its codes, with which a sampler draws; on 0..255.

After Rombach, Blattmann, Lorenz, Esser, Ommer, CVPR 2022, without text, and much smaller.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle, pixel_unshuffle

from .. import layers
from ..base import Denoiser
from .drunet import DRUNet

MIDDLE, SCALE = 127.5, 40.0  # gray levels: mean and deviation of codes
NOISE = 0.05  # of that, which a decoder learns to bear


class Autoencoder(Denoiser):
    """``u = decode(encode(x))``: (B, 1, H, W) of any size to the same.

    A code has ``latent`` numbers for each 4 x 4 pixels; over the images of the training each has mean 127.5 and
    deviation 40. It is laid out as an image, of four numbers (B, 1, H/2, W/2). Raises ValueError for numbers that make
    no square.
    """

    def __init__(self, latent: int = 4, width: int = 32):
        super().__init__()
        self.side = round(max(latent, 0) ** 0.5)
        if latent < 1 or self.side**2 != latent:
            raise ValueError(f"a code has 1, 4, 9 or 16 numbers, got {latent!r}")
        wide = 2 * width
        self.encoder = nn.Sequential(
            nn.Conv2d(1, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, wide, 4, stride=2, padding=1),
            nn.ReLU(),
            *layers.block(wide, wide, wide, norm=nn.Identity),
            nn.Conv2d(wide, latent, 3, padding=1),
            nn.BatchNorm2d(latent, affine=False),
        )
        self.decoder = nn.Sequential(
            *layers.block(latent, wide, wide, wide, norm=nn.Identity),
            nn.ConvTranspose2d(wide, width, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
        )

    def encode(self, x: Tensor) -> Tensor:
        """The code of images, whose sides are multiples of 4, on the scale of images."""
        return MIDDLE + SCALE * pixel_shuffle(self.encoder(x / 255), self.side)

    def decode(self, code: Tensor) -> Tensor:
        """The images of codes."""
        return 255 * self.decoder(pixel_unshuffle((code - MIDDLE) / SCALE, self.side))

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        rows, columns = x.shape[-2:]
        code = self.encode(layers.continued(x, 4))
        if self.training:
            code = code + NOISE * SCALE * torch.randn_like(code)
        return self.decode(code)[..., :rows, :columns]


class LatentDenoiser(Denoiser):
    """A DRUNet for the codes of an autoencoder, which stays as it is: (B, 1, H, W) codes to the same."""

    reads_sigma = True

    def __init__(
        self, autoencoder: Autoencoder, widths: list[int] | tuple[int, ...] = (24, 40, 56)
    ):
        super().__init__()
        self.autoencoder, self.net = autoencoder, DRUNet(widths, biased=True)

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        return self.net(x, sigma)

    def coded(self, clean: Tensor, degraded: Tensor) -> tuple[Tensor, Tensor]:
        """The codes of clean images, and these with as many numbers of the images' noise."""
        with torch.no_grad():
            code = self.autoencoder.eval().encode(clean)
        rows, columns = code.shape[-2:]
        return code, code + (degraded - clean)[..., :rows, :columns]
