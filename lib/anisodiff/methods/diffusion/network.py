"""Small networks as diffusivity: g of each edge, by convolutions of each stage's own that may hand on what they saw."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from .base import Diffusivity

UNIT = 64.0  # gray levels


class Network(Diffusivity):
    """``g = sigmoid(c_k)`` of each edge at stage k, whose g serves for ``each`` steps; range (0, 1), bound 1.

    ``c_k`` are two channels, for the edges to the right and down, by three convolutions of 3x3 with ``filters`` filters
    and ReLU between, of the image and the degraded one. With ``memory`` by two, of which the first also sees what it
    gave at the stage before, and adds to that: what is known of a pixel's surroundings widens stage by stage.
    ``steps`` are the diffusion's; the state is (features, g) of the stage.
    """

    reads_image = True

    def __init__(self, steps: int, filters: int = 16, memory: bool = False, each: int = 1):
        super().__init__()
        stages = -(-steps // each)
        self.memory, self.each = memory, each
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

    def condition(self, f, sigma=None, truth=None) -> Tensor:
        return f

    def forward(self, u, context, step=0, state=None):
        stage, later = divmod(step, self.each)
        if later:
            return state[1], state
        x, features = (torch.cat([u, context], 1) - 127.5) / UNIT, None
        if self.memory:
            before = (
                state[0] if stage else u.new_zeros(len(u), self.first[0].out_channels, *u.shape[2:])
            )
            x = features = before + _applied(self.first[stage], torch.cat([x, before], 1)).relu()
        else:
            x = _applied(self.second[stage], _applied(self.first[stage], x).relu()).relu()
        g = torch.sigmoid(_applied(self.last[stage], x))
        g = g[:, :1, :, :-1], g[:, 1:, :-1]
        return g, (features, g)


def _convolution(inputs: int, filters: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, filters, 3)


def _applied(convolution: nn.Conv2d, x: Tensor) -> Tensor:
    return convolution(pad(x, (1, 1, 1, 1), mode="replicate"))
