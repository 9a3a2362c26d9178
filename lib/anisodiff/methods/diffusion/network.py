"""Small networks as diffusivity: g of each edge, by convolutions of each stage's own that may hand on what they saw."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

UNIT = 64.0  # gray levels


class Network(nn.Module):
    """``g = sigmoid(c_k)`` of each edge at stage k, whose g serves for ``each`` steps; range (0, 1), bound 1.

    ``c_k`` are two channels, for the edges to the right and down, by three convolutions of 3x3 with ``filters`` filters
    and ReLU between, of the image and the degraded one. With ``memory`` by two, of which the first also sees what it
    gave at the stage before, and adds to that: what is known of a pixel's surroundings widens stage by stage.
    """

    bound, step = 1.0, 0

    def __init__(self, stages: int, filters: int = 16, memory: bool = False, each: int = 1):
        super().__init__()
        self.memory, self.each = memory, each
        self.f = self.features = self.g = None
        self.first = nn.ModuleList(
            _convolution(2 + memory * filters, filters) for _ in range(stages)
        )
        self.second = nn.ModuleList(
            _convolution(filters, filters) for _ in range(0 if memory else stages)
        )
        self.last = nn.ModuleList(_convolution(filters, 2) for _ in range(stages))
        for last in self.last:
            nn.init.ones_(
                last.bias
            )  # an untrained network diffuses, and by how much it can learn both ways

    def prepare(self, f: Tensor) -> None:
        self.f = f

    def forward(self, u: Tensor) -> tuple[Tensor, Tensor]:
        stage, later = divmod(self.step, self.each)
        if later:
            return self.g
        x = (torch.cat([u, self.f], 1) - 127.5) / UNIT
        if self.memory:
            before = (
                self.features
                if stage
                else u.new_zeros(len(u), self.first[0].out_channels, *u.shape[2:])
            )
            x = self.features = (
                before + _applied(self.first[stage], torch.cat([x, before], 1)).relu()
            )
        else:
            x = _applied(self.second[stage], _applied(self.first[stage], x).relu()).relu()
        g = torch.sigmoid(_applied(self.last[stage], x))
        self.g = g[:, :1, :, :-1], g[:, 1:, :-1]
        return self.g


def _convolution(inputs: int, filters: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, filters, 3)


def _applied(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    return convolution(pad(x, (1, 1, 1, 1), mode="replicate"))
