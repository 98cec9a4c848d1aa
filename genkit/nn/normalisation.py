"""Batch normalisation whose batch is the global one, however many processes share it."""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as differentiable
from torch import Tensor, nn


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
        mean, square = differentiable.all_reduce(moments) / world
        variance = square - mean.square()
        self._track(mean.detach(), variance.detach(), world * input.numel() // input.shape[1])
        gain = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * gain
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
