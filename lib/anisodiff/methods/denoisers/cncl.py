"""CNCL of any width, and the discriminator it is trained against; images on 0..255."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import l1_loss, mse_loss

from ..base import Denoiser
from .unet import UNet


class CNCL(Denoiser):
    """A U-Net for the content c, one for the noise n, and ``u = w_1 c + w_2 (f - n) + b``: (B, 1, H, W) of any size.

    As published the U-Nets have five scales, of 64 to 1024 filters. Trained with an adversarial loss: :meth:`losses`.
    Source: Geng et al., IEEE TMI 2022.
    """

    def __init__(self, filters: int = 64, scales: int = 5):
        super().__init__()
        self.content, self.noise = UNet(filters, scales), UNet(filters, scales)
        self.fuse = nn.Conv2d(2, 1, 1)
        nn.init.constant_(self.fuse.weight, 0.5)
        nn.init.zeros_(self.fuse.bias)
        self.filters = filters

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        return 255 * self.both(x / 255)[:, :1]

    def both(self, f: Tensor) -> Tensor:
        """The restored image and the noise, (B, 2, H, W), of ``f`` on 0..1, (B, 1, H, W)."""
        noise = self.noise(f)
        return torch.cat([self.fuse(torch.cat([self.content(f), f - noise], 1)), noise], 1)

    def discriminator(self) -> nn.Module:
        """A new discriminator, which tells restored images from clean ones during the training."""
        return Discriminator(self.filters)

    def losses(self, discriminator: nn.Module, f: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """:meth:`generator_loss` and :meth:`discriminator_loss` from one pass through the generator.

        Each is differentiable in its own parameters alone, so that the gradient of their sum is that of both.
        """
        made, true, f = self._pairs(f, clean)
        return (
            _generator_loss(discriminator, made, true, f),
            _discriminator_loss(discriminator, made, true, f),
        )

    def generator_loss(self, discriminator: nn.Module, f: Tensor, clean: Tensor) -> Tensor:
        """``100 mean|(u, n) - (clean, f - clean)| + mean (D(u, n, f) - 1)^2``, D held, of batches (B, 1, H, W)."""
        return _generator_loss(discriminator, *self._pairs(f, clean))

    def discriminator_loss(self, discriminator: nn.Module, f: Tensor, clean: Tensor) -> Tensor:
        """``(mean (D(clean, f - clean, f) - 1)^2 + mean D(u, n, f)^2) / 2``, (u, n) held, of batches (B, 1, H, W)."""
        return _discriminator_loss(discriminator, *self._pairs(f, clean))

    def _pairs(self, f: Tensor, clean: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The image and the noise, as they were made and the true ones, and the degraded image, all on 0..1."""
        f, clean = f / 255, clean / 255
        return self.both(f), torch.cat([clean, f - clean], 1), f


class Discriminator(nn.Module):
    """A PatchGAN: (image, noise, degraded image), (B, 3, H, W), to a number for each patch, (B, 1, h, w), near 1 where
    the patch looks clean and near 0 where it looks restored.

    Source: Isola et al., CVPR 2017, section 3.2.2, with instance norm.
    """

    def __init__(self, filters: int):
        super().__init__()
        layers, inputs = [nn.Conv2d(3, filters, 4, stride=2, padding=1), nn.LeakyReLU(0.2)], filters
        for count in (2 * filters, 4 * filters, 8 * filters):
            layers += [
                nn.Conv2d(inputs, count, 4, stride=2, padding=1),
                nn.InstanceNorm2d(count),
                nn.LeakyReLU(0.2),
            ]
            inputs = count
        self.layers = nn.Sequential(
            *layers, nn.ZeroPad2d((1, 0, 1, 0)), nn.Conv2d(inputs, 1, 4, padding=1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _generator_loss(discriminator: nn.Module, made: Tensor, true: Tensor, f: Tensor) -> Tensor:
    held = {name: parameter.detach() for name, parameter in discriminator.named_parameters()}
    judged = functional_call(discriminator, held, (torch.cat([made, f], 1),))
    return 100 * l1_loss(made, true) + mse_loss(judged, torch.ones_like(judged))


def _discriminator_loss(discriminator: nn.Module, made: Tensor, true: Tensor, f: Tensor) -> Tensor:
    real = discriminator(torch.cat([true, f], 1))
    fake = discriminator(torch.cat([made.detach(), f], 1))
    return (mse_loss(real, torch.ones_like(real)) + fake.square().mean()) / 2
