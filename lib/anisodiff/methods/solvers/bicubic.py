"""Bicubic interpolation: the customary baseline of super-resolution."""

import numpy as np
import torch
from PIL import Image

from ...problems.operators import BicubicDownsample
from ..base import Method


class Bicubic(Method):
    """Cubic convolution with a = -1/2, (C, h, w) to (C, H, W), the shape of the image that was downsampled.

    Output pixel i lies at ``(i + 1/2) / factor`` of the input; what the kernel misses beyond the border is left out.

    Raises ValueError for another operator than a BicubicDownsample. Source: Keys, IEEE TASSP 29 (1981), 1153-1160,
    by Pillow.
    """

    name, needs = "bicubic", frozenset({"operator"})

    def answer(self, y, problem, truth, rng, samples):
        operator = self.expect(problem, BicubicDownsample)
        rows, columns = operator.in_shape
        covered = (0, 0, columns / operator.factor, rows / operator.factor)
        enlarged = [
            np.asarray(
                Image.fromarray(channel).resize((columns, rows), Image.Resampling.BICUBIC, covered)
            )
            for channel in y.float().numpy(force=True)
        ]
        return torch.from_numpy(np.stack(enlarged)).to(y)[None], {}
