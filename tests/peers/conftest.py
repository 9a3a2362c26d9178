"""Makes torchvision importable beside a CPU build of torch, where its compiled operators do not load.

deepinv imports torchvision for its transforms. Its import describes two of these operators and fails where they are
not there, so they are declared, without anything behind them.
"""

import torch

try:
    import torchvision
except RuntimeError:  # operator torchvision::nms does not exist
    for name in ("nms", "qnms"):
        torch.library.define(
            f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        )
    import torchvision  # noqa: F401
