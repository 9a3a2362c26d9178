"""A small network as diffusivity: g of each edge, by convolutions of each step's own that may hand on what they saw."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

UNIT = 64.0  # gray levels


class Network(nn.Module):
    """``g = sigmoid(c_k)`` of each edge at step k; range (0, 1), bound 1.

    ``c_k`` are two channels, for the edges to the right and down, by three convolutions of 3x3 with ``filters`` filters
    and ReLU between, of the image and the degraded one. With ``memory`` by two, of which the first also sees what it
    gave at the step before, and adds to that: what is known of a pixel's surroundings widens step by step.
    """

    bound, step = 1.0, 0

    def __init__(self, steps: int, filters: int = 16, memory: bool = False):
        super().__init__()
        self.memory, self.f, self.features = memory, None, None
        self.first = nn.ModuleList(_convolution(2 + memory * filters, filters) for _ in range(steps))
        self.second = nn.ModuleList(_convolution(filters, filters) for _ in range(0 if memory else steps))
        self.last = nn.ModuleList(_convolution(filters, 2) for _ in range(steps))
        for last in self.last:
            nn.init.ones_(last.bias)  # an untrained network diffuses, and by how much it can learn both ways

    def prepare(self, f: Tensor) -> None:
        self.f, self.features = f, None

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        x = (torch.cat([u, self.f], 1) - 127.5) / UNIT
        if self.memory:
            before = self.features if self.step else u.new_zeros(len(u), self.first[0].out_channels, *u.shape[2:])
            x = self.features = before + _applied(self.first[self.step], torch.cat([x, before], 1)).relu()
        else:
            x = _applied(self.second[self.step], _applied(self.first[self.step], x).relu()).relu()
        g = torch.sigmoid(_applied(self.last[self.step], x))
        return g[:, :1, :, :-1], g[:, 1:, :-1]


def _convolution(inputs: int, filters: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, filters, 3)


def _applied(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    return convolution(pad(x, (1, 1, 1, 1), mode="replicate"))
