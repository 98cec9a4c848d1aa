"""Batch normalisation whose batch is the global one, however many processes share it."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class _Sum(torch.autograd.Function):
    """A tensor summed over the processes; so is the gradient on its way back."""

    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:
        total = input.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class GlobalBatchNorm2d(nn.BatchNorm2d):
    """`BatchNorm2d` over the batches of all processes together, on any device.

    In one process it is `BatchNorm2d` itself.  `torch.nn.SyncBatchNorm` does the same on GPUs only.  The
    processes must hold equally many examples.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not (self.training and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(input)
        world = dist.get_world_size()
        moments = torch.stack((input.mean((0, 2, 3)), input.square().mean((0, 2, 3))))
        mean, square = _Sum.apply(moments) / world
        variance = square - mean.square()
        self._track(mean.detach(), variance.detach(), world * input.numel() // input.shape[1])
        gain = torch.rsqrt(variance + self.eps)
        if self.affine:
            gain = self.weight * gain
        shift = self.bias - mean * gain if self.affine else -mean * gain
        return input * gain[:, None, None] + shift[:, None, None]

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        """Update the running statistics as torch does: the variance is unbiased there."""
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * count / (count - 1), self.momentum)


class ConditionalBatchNorm2d(nn.Module):
    """Batch normalisation with a gain and a shift for each class (Dumoulin et al. 2017)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = GlobalBatchNorm2d(channels, affine=False)
        self.gain = nn.Embedding(classes, channels)
        self.shift = nn.Embedding(classes, channels)

    def forward(self, input: Tensor, labels: Tensor) -> Tensor:
        gain, shift = self.gain(labels), self.shift(labels)  # (B, C)
        return self.norm(input) * gain[:, :, None, None] + shift[:, :, None, None]
