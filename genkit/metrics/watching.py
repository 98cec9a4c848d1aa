"""The networks of the built-in extractors of moving pictures: floats in [0, 1], (B, C, T, H, W), in; features
and logits out."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.metrics.networks import grey, resized


def brought(clips: Tensor, frames: int, size: int) -> Tensor:
    """Clips of so many frames of that size: of more frames, or fewer, those at even steps from the first to
    the last; each frame bilinear, antialiased where it shrinks."""
    there = torch.linspace(0, clips.shape[2] - 1, frames).round().long()
    flat = clips[:, :, there.to(clips.device)].transpose(1, 2).flatten(0, 1)  # (B T, C, H, W)
    small = resized(flat, size)
    return small.reshape(-1, frames, *small.shape[1:]).transpose(1, 2)


def framed(ins: int, outs: int, stride: int) -> nn.Sequential:
    """A convolution of 3×3 in every frame, normalised and rectified."""
    return _normalised(nn.Conv3d(ins, outs, (1, 3, 3), (1, stride, stride), (0, 1, 1), bias=False))


def cubic(ins: int, outs: int, stride: int) -> nn.Sequential:
    """A convolution of 3×3×3, normalised and rectified."""
    return _normalised(nn.Conv3d(ins, outs, 3, stride, padding=1, bias=False))


def _normalised(convolution: nn.Conv3d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm3d(convolution.out_channels), nn.ReLU(inplace=True))


class MovingDigitsNetwork(nn.Module):
    """A compact classifier of a digit and of the way that it goes: 8×16×16 to `size` features and ten logits.

    It tells eighty classes, each digit in each eighth of a turn in which it starts; the logits are those of
    the digits, whichever way they go.  The features are the last hidden layer, after its rectifier.
    """

    frames, side, size, digits, ways = 8, 16, 64, 10, 8
    resizer = f"luma; {frames} frames at even steps; each bilinear, antialiased, to {side}×{side}"

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            framed(1, 24, 1),  # 8×16×16
            framed(24, 48, 2),  # 8×8×8
            cubic(48, 64, 2),  # 4×4×4
            cubic(64, 96, 2),  # 2×2×2
            nn.Flatten(),
        )
        self.hidden = nn.Linear(96 * 8, self.size)
        self.head = nn.Linear(self.size, self.digits * self.ways)

    def seen(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Grey clips (B, 1, 8, 16, 16) to features (B, 64) and logits of all classes, (B, 10, 8)."""
        features = F.relu(self.hidden(self.body(clips - 0.5)))
        return features, self.head(features).unflatten(1, (self.digits, self.ways))

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """Clips (B, C, T, H, W) in [0, 1] to features (B, 64) and logits of digits, (B, 10)."""
        features, logits = self.seen(brought(grey_clips(clips), self.frames, self.side))
        return features, logits.logsumexp(2)


def grey_clips(clips: Tensor) -> Tensor:
    """One channel, (B, 1, T, H, W), as `grey` has it."""
    frames = grey(clips.transpose(1, 2).flatten(0, 1))  # (B T, 1, H, W)
    return frames.reshape(clips.shape[0], clips.shape[2], *frames.shape[1:]).transpose(1, 2)


class RandomClipNetwork(nn.Module):
    """A convolutional network over clips whose weights are drawn once from a fixed seed and never trained.

    It knows no data set, so it favours none; its distances are cruder than a trained network's.
    """

    frames, side, size, seed = 16, 32, 128, 20_200_614
    resizer = (
        f"grey repeated thrice; {frames} frames at even steps; each bilinear, antialiased, to {side}×{side}"
    )

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(self.seed)
        layers = [nn.Conv3d(a, b, 4, 2, padding=1) for a, b in pairwise((3, 32, 64, self.size))]
        for layer in layers:
            deviation = (2 / layer.weight[0].numel()) ** 0.5  # He initialisation keeps the scale
            bias = torch.randn(layer.out_channels, generator=generator) * 0.1
            with torch.no_grad():
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * deviation)
            layer.bias = nn.Parameter(bias)
        self.layers = nn.ModuleList(layers)

    def forward(self, clips: Tensor) -> Tensor:
        """Clips (B, C, T, H, W) in [0, 1] to features (B, 128)."""
        colours = clips if clips.shape[1] == 3 else clips[:, :1].expand(-1, 3, -1, -1, -1)
        hidden = brought(colours, self.frames, self.side) * 2 - 1
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
        return hidden.mean((2, 3, 4))
