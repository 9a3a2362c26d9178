"""An image to its responses to kernels, and back: convolutions whose gradients are products of matrices.

PyTorch's own gradients take several times as long for a single channel. Float32 on the CPU, where gradients are asked
for; plain PyTorch else.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, fold, pad

from .explicit import compiled


def respond(z: Tensor, kernels: Tensor) -> Tensor:
    """``K_i * z`` where the kernel lies within the image: (B, 1, H, W), (E, K, L) to (B, E, H - K + 1, W - L + 1)."""
    if compiled(z, kernels) and torch.is_grad_enabled():
        return _Respond.apply(z, kernels)
    return conv2d(z, kernels[:, None])


def spread(responses: Tensor, kernels: Tensor) -> Tensor:
    """``sum_i K_i^T r_i`` where all of it is known: (B, E, H, W), (E, K, L) to (B, 1, H - K + 1, W - L + 1)."""
    if compiled(responses, kernels) and torch.is_grad_enabled():
        return _Spread.apply(responses, kernels)
    return conv2d(responses, kernels.flip(1, 2)[None])


class _Respond(torch.autograd.Function):
    @staticmethod
    def forward(ctx, z, kernels):
        ctx.save_for_backward(z, kernels)
        return conv2d(z, kernels[:, None])

    @staticmethod
    def backward(ctx, given):
        z, kernels = ctx.saved_tensors
        shape, sums, onto = kernels.shape[1:], 0, []
        weights = kernels.detach().flatten(1)
        for image, grad in zip(z[:, 0], given.flatten(2), strict=True):  # what each needs is large
            sums = sums + grad @ _windows(image, shape)
            onto.append(fold(weights.mT @ grad, image.shape, shape))
        return torch.stack(onto), sums.view_as(kernels)


class _Spread(torch.autograd.Function):
    @staticmethod
    def forward(ctx, responses, kernels):
        ctx.save_for_backward(responses, kernels)
        (rows, columns), weights = kernels.shape[1:], kernels.flatten(1).mT
        height, width = responses.shape[2:]
        room = (height + rows - 1, width + columns - 1)
        found = [fold(weights @ image, room, (rows, columns)) for image in responses.flatten(2)]
        return torch.stack(found)[..., rows - 1 : height, columns - 1 : width].contiguous()

    @staticmethod
    def backward(ctx, given):
        responses, kernels = ctx.saved_tensors
        (rows, columns), weights = kernels.shape[1:], kernels.flatten(1)
        beyond, sums, onto = (columns - 1,) * 2 + (rows - 1,) * 2, 0, []
        for image, grad in zip(responses.flatten(2), given[:, 0], strict=True):
            windows = _windows(pad(grad, beyond), (rows, columns))
            sums = sums + image @ windows
            onto.append(weights @ windows.mT)
        return torch.stack(onto).view_as(responses), sums.view_as(kernels)


def _windows(image: Tensor, shape: tuple[int, int]) -> Tensor:
    """All windows of an image that lie within it, one a row."""
    rows, columns = shape
    return image.unfold(0, rows, 1).unfold(1, columns, 1).reshape(-1, rows * columns)
