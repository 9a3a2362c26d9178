"""Networks that restore in one go: a residual U-Net, DnCNN, and CNCL, of any width; images on 0..255."""

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import interpolate, l1_loss, max_pool2d, mse_loss, pad


class ResidualUNet(nn.Module):
    """``u = f - noise(f)``, the noise by a U-Net with ``filters`` at the finest of its ``scales``, and twice as many at
    each coarser one: (B, 1, H, W) of any size."""

    def __init__(self, filters: int, scales: int):
        super().__init__()
        self.noise = _UNet(filters, scales)

    def forward(self, f: Tensor) -> Tensor:
        return f - 255 * self.noise(f / 255)


class DnCNN(nn.Module):
    """``u = f - noise(f)``, the noise by ``depth`` convolutions of 3x3 with ``filters`` each, batch norm and ReLU
    between. Source: Zhang et al., IEEE TIP 2017."""

    def __init__(self, depth: int, filters: int):
        super().__init__()
        layers = [nn.Conv2d(1, filters, 3, padding=1), nn.ReLU()]
        for _ in range(depth - 2):
            layers += _convolution(filters, filters)
        self.noise = nn.Sequential(*layers, nn.Conv2d(filters, 1, 3, padding=1))

    def forward(self, f: Tensor) -> Tensor:
        return f - 255 * self.noise(f / 255)


class CNCL(nn.Module):
    """A U-Net for the content c, one for the noise n, and ``u = w_1 c + w_2 (f - n) + b``.

    As published the U-Nets have five scales, of 64 to 1024 filters. Trained against a rival, see :meth:`loss_against`.
    Source: Geng et al., IEEE TMI 2022.
    """

    def __init__(self, filters: int = 64, scales: int = 5):
        super().__init__()
        self.content, self.noise, self.fuse = (
            _UNet(filters, scales),
            _UNet(filters, scales),
            nn.Conv2d(2, 1, 1),
        )
        nn.init.constant_(self.fuse.weight, 0.5)
        nn.init.zeros_(self.fuse.bias)
        self.filters = filters

    def forward(self, f: Tensor) -> Tensor:
        return 255 * self._both(f / 255)[:, :1]

    def rival(self) -> nn.Module:
        """Who tells restored images from clean ones during the training."""
        return _Rival(self.filters)

    def loss_against(self, rival: nn.Module, f: Tensor, clean: Tensor) -> Tensor:
        """The restorer's loss and the rival's, each for its own parameters alone.

        ``100 mean|(u, n) - (clean, f - clean)| + (D(u, n, f) - 1)^2`` and
        ``((D(clean, f - clean, f) - 1)^2 + D(u, n, f)^2) / 2``.
        """
        f, clean = f / 255, clean / 255
        made, true = self._both(f), torch.cat([clean, f - clean], 1)
        held = {name: parameter.detach() for name, parameter in rival.named_parameters()}
        fooled = functional_call(rival, held, (torch.cat([made, f], 1),))
        real, fake = rival(torch.cat([true, f], 1)), rival(torch.cat([made.detach(), f], 1))
        restorer = 100 * l1_loss(made, true) + mse_loss(fooled, torch.ones_like(fooled))
        return restorer + (mse_loss(real, torch.ones_like(real)) + fake.square().mean()) / 2

    def _both(self, f: Tensor) -> Tensor:
        """The restored image and the noise, (B, 2, H, W)."""
        noise = self.noise(f)
        return torch.cat([self.fuse(torch.cat([self.content(f), f - noise], 1)), noise], 1)


class _UNet(nn.Module):
    """Two convolutions a scale, max-pooling down, bilinear up, the finer scale joined on; one channel."""

    def __init__(self, filters: int, scales: int):
        super().__init__()
        *finer, coarsest = (filters * 2**scale for scale in range(scales))
        self.down, inputs = nn.ModuleList(), 1
        for count in finer:
            self.down.append(
                nn.Sequential(*_convolution(inputs, count), *_convolution(count, count))
            )
            inputs = count
        self.coarsest = nn.Sequential(
            *_convolution(inputs, coarsest), *_convolution(coarsest, inputs)
        )
        self.up = nn.ModuleList()
        for count, less in zip(finer[:0:-1], finer[-2::-1], strict=True):
            self.up.append(
                nn.Sequential(*_convolution(2 * count, count), *_convolution(count, less))
            )
        half = max(1, filters // 2)
        self.head = nn.Sequential(
            nn.Conv2d(2 * filters, half, 3, padding=1), nn.Conv2d(half, 1, 3, padding=1)
        )

    def forward(self, x: Tensor) -> Tensor:
        rows, columns = x.shape[-2:]
        pool = 2 ** len(self.down)
        x = pad(x, (0, -columns % pool, 0, -rows % pool), mode="replicate")
        scales = []
        for block in self.down:
            scales.append(block(x))
            x = max_pool2d(scales[-1], 2)
        x = self.coarsest(x)
        for block in (*self.up, self.head):
            x = interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            x = block(torch.cat([x, scales.pop()], 1))
        return x[..., :rows, :columns]


class _Rival(nn.Module):
    """A PatchGAN: for each patch of (image, noise, degraded image), (B, 3, H, W), whether it looks clean."""

    def __init__(self, filters: int):
        super().__init__()
        layers, inputs = [], 3
        for count in (filters, 2 * filters, 4 * filters, 8 * filters):
            layers += [nn.Conv2d(inputs, count, 4, stride=2, padding=1)]
            layers += [nn.InstanceNorm2d(count)] * (inputs > 3) + [nn.LeakyReLU(0.2)]
            inputs = count
        self.layers = nn.Sequential(
            *layers, nn.ZeroPad2d((1, 0, 1, 0)), nn.Conv2d(inputs, 1, 4, padding=1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


def _convolution(inputs: int, filters: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU()]
