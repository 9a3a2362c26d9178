"""Critics that a denoiser learns against: what each says of its images, and how it learns; images are on 0..1."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..methods.denoisers.cncl import Discriminator

MARGIN = 0.5  # by which one distance should exceed the other


class Siamese(nn.Module):
    """An encoder E: (B, 1, H, W) of at least 8 x 8 pixels to 64 numbers each; distances are ``d(a, b) = mean (E(a) -
    E(b))^2``. 46 thousand parameters.

    Three strided convolutions, their mean over the image, and a linear layer, each followed by batch norm. So each
    number has mean 0 and variance 1 over the images of a batch, and codes cannot all become one, where the loss rests.
    """

    def __init__(self):
        super().__init__()
        layers = []
        for inputs, count in pairwise((1, 16, 32, 64)):
            layers += [
                nn.Conv2d(inputs, count, 4, stride=2, padding=1),
                nn.BatchNorm2d(count),
                nn.LeakyReLU(0.2),
            ]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(64, 64)
        self.standard = nn.BatchNorm1d(64, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.standard(self.head(self.layers(x).mean((2, 3))))

    def losses(self, u: Tensor, clean: Tensor, f: Tensor) -> tuple[Tensor, Tensor]:
        """Triplet losses ``max(d(x, u) - d(x, x') + 1/2, 0)`` of the restored images and ``max(d(x, x') - d(x, u) +
        1/2, 0)`` of the encoder, where x' is the next clean image; each with a gradient for its own alone."""
        held = {name: of.detach() for name, of in self.named_parameters()}
        x, made = functional_call(self, held, (torch.cat([clean, u]),)).chunk(2)
        own_x, own_made = self(torch.cat([clean, u.detach()])).chunk(2)
        return _triplet(x, made, x.roll(1, 0)), _triplet(own_x, own_x.roll(1, 0), own_made)


class Patches(nn.Module):
    """CNCL's critic, which sees the image, the noise and the noisy image, and judges each patch; 44 thousand
    parameters."""

    def __init__(self):
        super().__init__()
        self.judge = Discriminator(8)

    def losses(self, u: Tensor, clean: Tensor, f: Tensor) -> tuple[Tensor, Tensor]:
        """``mean (D(u) - 1)^2`` of the restored images and ``(mean (D(x) - 1)^2 + mean D(u)^2) / 2`` of the critic;
        each with a gradient for its own alone."""
        held = {name: of.detach() for name, of in self.judge.named_parameters()}
        judged = functional_call(self.judge, held, (torch.cat([u, f - u, f], 1),))
        true, made = (self.judge(torch.cat([of, f - of, f], 1)) for of in (clean, u.detach()))
        return (judged - 1).square().mean(), ((true - 1).square() + made.square()).mean() / 2


CRITICS = {"siamese": Siamese, "patches": Patches}


def _triplet(anchor: Tensor, near: Tensor, far: Tensor) -> Tensor:
    """``mean max(|a - n|^2 - |a - f|^2 + 1/2, 0)`` of codes (B, D), a square being the mean over D."""
    apart = [(anchor - of).square().mean(1) for of in (near, far)]
    return (apart[0] - apart[1] + MARGIN).relu().mean()
