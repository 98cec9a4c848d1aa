"""Halvings and doublings of grey clips by convolutions of images, in which neighbouring frames are channels:
faster on a CPU, the same values.

oneDNN's kernels over three axes are slow where the larger clip has one channel and a gradient reaches it.
With four frames as the channels of an image it does as much work in 0.5 to 0.75 of the time
(experiments/benchmarks).

Legend: B batch, T moments, H height, W width of the smaller clip, F features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import stride

HALVES = stride(2, 2, 2).down


class Halving(nn.Conv3d):
    """`Conv3d`; (B, 1, 2T, 2H, 2W) to (B, F, T, H, W) by the faster route."""

    def forward(self, input: Tensor) -> Tensor:
        # Without a gradient of the clip, torch's own is the faster.
        if not (_fits(self, self.in_channels) and input.requires_grad and _on_cpu(input)):
            return super().forward(input)
        B, _, length, height, width = input.shape
        if length % 2:
            return super().forward(input)
        pairs = F.pad(input[:, 0], (0, 0, 0, 0, 1, 1)).view(B, -1, 2, height, width)  # T + 1 of them
        fours = torch.cat((pairs[:, :-1], pairs[:, 1:]), 2).flatten(0, 1)
        features = F.conv2d(_lying(fours), _lying(self.weight[:, 0]), self.bias, 2, 1)
        return features.view(B, length // 2, *features.shape[1:]).transpose(1, 2)


class Doubling(nn.ConvTranspose3d):
    """`ConvTranspose3d`; (B, F, T, H, W) to (B, 1, 2T, 2H, 2W) by the faster route."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        if not (_fits(self, self.out_channels) and _on_cpu(input)):
            return super().forward(input, output_size)
        B, _, T, H, W = input.shape
        frames = input.transpose(1, 2).flatten(0, 1)
        fours = F.conv_transpose2d(_lying(frames), _lying(self.weight[:, 0]), None, 2, 1)
        early, late = fours.view(B, T, 2, 2, 2 * H, 2 * W).unbind(
            2
        )  # either half of the four overlaps another
        after = (0, 0) * 3  # height, width and the pair are as long as they are
        pairs = F.pad(early, (*after, 0, 1)) + F.pad(late, (*after, 1, 0))
        clip = pairs.flatten(1, 2)[:, None, 1:-1]
        return clip if self.bias is None else clip + self.bias


def _fits(layer: nn.Conv3d | nn.ConvTranspose3d, channels: int) -> bool:
    return channels == 1 and (layer.kernel_size, layer.stride, layer.padding) == HALVES


def _on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and not torch.compiler.is_compiling()


def _lying(images: Tensor) -> Tensor:
    """Images with the channels of a place side by side."""
    return images.contiguous(memory_format=torch.channels_last)
