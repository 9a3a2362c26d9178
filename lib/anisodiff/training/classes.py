"""A small network that tells the classes of small images, whose features say how alike two sets of images are."""

from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

CLASSES, FEATURES = 10, 64


class Classifier(nn.Module):
    """Three 3x3 convolutions, each with ReLU and halved, and two linear layers: 47,530 parameters.

    (B, 1, 32, 32) on 0..255 to the logarithms of the odds of CLASSES, (B, 10).
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential()
        for inputs, count in pairwise((1, 16, 32, 32)):
            self.layers.extend([nn.Conv2d(inputs, count, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)])
        self.layers.extend([nn.Flatten(), nn.Linear(4 * 4 * 32, FEATURES), nn.ReLU()])
        self.head = nn.Linear(FEATURES, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        """(B, FEATURES), of which the classes are linear."""
        return self.layers(x / 255 - 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def train(
    images: np.ndarray, labels: np.ndarray, epochs: int, batch: int = 128, seed: int = 0
) -> Classifier:
    """A classifier of images, (N, H, W) on 0..255, by Adam with a one-cycle rate of at most 0.003."""
    torch.manual_seed(seed)
    network, order = Classifier(), torch.Generator().manual_seed(seed)
    steps = epochs * (len(images) // batch)
    optimiser = torch.optim.Adam(network.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.003, max(steps, 2))
    pixels, kinds = torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))
    for _ in range(epochs):
        drawn = torch.randperm(len(images), generator=order)[: len(images) // batch * batch]
        for at in drawn.reshape(-1, batch):
            optimiser.zero_grad()
            cross_entropy(network(pixels[at, None].float()), kinds[at]).backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def told(network: Classifier, images: np.ndarray, batch: int = 500) -> tuple[np.ndarray, ...]:
    """Of images, (N, H, W) on 0..255, the features, (N, FEATURES), and the probability of each class, (N, CLASSES)."""
    with torch.inference_mode():
        parts = [
            network.features(part[:, None].float()) for part in torch.as_tensor(images).split(batch)
        ]
        features = torch.cat(parts)
        return features.numpy(), network.head(features).softmax(1).numpy()
