"""Batch normalisation whose batch is the global one, however many processes share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # what those of one, two and three axes share

from genkit.nn.precision import widened


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


class GlobalBatchNorm(_BatchNorm):
    """Batch normalisation over the batches of all processes together, on any device: (B, C, …) of one to
    three axes.

    In one process it is torch's own.  `torch.nn.SyncBatchNorm` does the same on GPUs only.  The
    processes must hold equally many examples.  Statistics are float32 also where the input is narrower.

    Attributes:
        of_batch: normalise by the statistics of this process's batch, and keep none; see `as_trained`.
    """

    of_batch = False

    def _check_input_dim(self, input: Tensor) -> None:
        if not 3 <= input.ndim <= 5:
            raise ValueError(f"(B, C, …) of one to three axes is normalised, not {tuple(input.shape)}")

    def forward(self, input: Tensor) -> Tensor:
        if self.of_batch:
            return F.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)
        if not (self.training and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(input)
        world, x = dist.get_world_size(), widened(input)
        own = torch.stack(torch.var_mean(x, (0, *range(2, x.ndim)), correction=0))  # (2, C)
        others = own.new_zeros(dist.get_rank(), *own.shape), own.new_zeros(world, *own.shape)
        # Every process fills a place of its own, and the sum shows each the moments of all.
        variances, means = _Sum.apply(torch.cat((others[0], own[None], others[1]))[:world]).unbind(1)
        mean = means.mean(0)
        # Not E x² - (E x)², which loses the variance of what lies far from 0 to rounding.
        variance = variances.mean(0) + (means - mean).square().mean(0)
        if self.track_running_stats:
            self._track(mean.detach(), variance.detach(), world * input.numel() // input.shape[1])
        gain = torch.rsqrt(variance + self.eps)
        if self.affine:
            gain = self.weight * gain
        shift = self.bias - mean * gain if self.affine else -mean * gain
        return (x * _over_axes(gain, x) + _over_axes(shift, x)).to(input.dtype)

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


@contextmanager
def as_trained(*networks: nn.Module) -> Iterator[None]:
    """Within the context networks normalise each batch by its own statistics, as while they are trained.

    All else is as in evaluation: no running statistics move, spectral norms stand still, and processes do not
    wait for one another, so each may have other batches.
    """
    norms = [m for network in networks for m in network.modules() if isinstance(m, GlobalBatchNorm)]
    before = [norm.of_batch for norm in norms]
    try:
        for norm in norms:
            norm.of_batch = True
        yield
    finally:
        for norm, kept in zip(norms, before, strict=True):
            norm.of_batch = kept


class Modulation(nn.Module):
    """A gain and a shift of each channel for each class, and no normalisation (Perez et al. 2018, FiLM)."""

    __call__: Callable[..., Tensor]

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.gain = nn.Embedding(classes, channels)
        self.shift = nn.Embedding(classes, channels)

    def forward(self, input: Tensor, labels: Tensor) -> Tensor:
        gain, shift = self.gain(labels), self.shift(labels)  # (B, C)
        return input * _over_axes(gain, input) + _over_axes(shift, input)


class ConditionalBatchNorm(Modulation):
    """Batch normalisation with a gain and a shift for each class (Dumoulin et al. 2017)."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(channels, classes)
        self.norm = GlobalBatchNorm(channels, affine=False)

    def forward(self, input: Tensor, labels: Tensor) -> Tensor:
        return super().forward(self.norm(input), labels)


def _over_axes(channels: Tensor, x: Tensor) -> Tensor:
    """Numbers of channels, (…, C), beside (B, C, …) with its axes."""
    return channels[(..., *[None] * (x.ndim - 2))]
