"""FFDNet of any depth and width, told the level of the noise; images on 0..255.

Source: K. Zhang, W. Zuo, L. Zhang, IEEE TIP 27 (2018), 4608-4622.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import pixel_shuffle

from ..base import Denoiser
from ..layers import in_quarters


class FFDNet(Denoiser):
    """The clean image's four half-size images by ``depth`` convolutions of 3x3 of the noisy one's and sigma:
    (B, 1, H, W) of any size to the same.

    ``filters`` a layer, ReLU between them. Of depth 15 with 64 filters it has 485,316 parameters. With ``norm`` it is
    the form of Tassano, Delon, Veit (IPOL 9, 2019): batch norm between the layers, no biases, and what the layers give
    is the noise; 486,080 parameters. With ``passing`` a training starts at the identity: the first four filters of
    each layer pass on the four images, which a ReLU leaves as they are where they are not negative.

    Raises ValueError for less than two layers or one filter, four with ``passing``, and for both forms at once.
    """

    reads_sigma = True

    def __init__(
        self, depth: int = 15, filters: int = 64, norm: bool = False, passing: bool = False
    ):
        super().__init__()
        if depth < 2 or filters < (4 if passing else 1):
            raise ValueError(
                f"at least two layers and one filter, four if they pass on images, got depth {depth!r} and filters"
                f" {filters!r}"
            )
        if norm and passing:
            raise ValueError("with norm the layers give the noise: there is no image to pass on")
        self.norm = norm
        layers = [nn.Conv2d(5, filters, 3, padding=1, bias=not norm), nn.ReLU()]
        for _ in range(depth - 2):
            layers.append(nn.Conv2d(filters, filters, 3, padding=1, bias=not norm))
            layers += [*([nn.BatchNorm2d(filters)] if norm else []), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(filters, 4, 3, padding=1, bias=not norm))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.orthogonal_(layer.weight, 2**0.5)
        if passing:
            self._pass_on()

    def forward(self, x: Tensor, sigma: Tensor | float | None = None) -> Tensor:
        rows, columns = x.shape[-2:]
        found = self.layers(in_quarters(x, self.noise_map(x, sigma), 2) / 255)
        found = 255 * pixel_shuffle(found, 2)[..., :rows, :columns]
        return x - found if self.norm else found

    @torch.no_grad()
    def _pass_on(self) -> None:
        layers = [layer for layer in self.layers if isinstance(layer, nn.Conv2d)]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight).mul_(0.5)
            nn.init.zeros_(layer.bias)
            nn.init.dirac_(layer.weight[:4])
