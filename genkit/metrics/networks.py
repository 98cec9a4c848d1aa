"""The networks of the built-in extractors: floats in [0, 1], (B, C, H, W), in; features and logits out."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as Pillow's mode "L" has it


def resized(images: Tensor, size: int) -> Tensor:
    """Square images of that size: bilinear, antialiased where it shrinks; untouched where it fits already."""
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)


def grey(images: Tensor) -> Tensor:
    """One channel (B, 1, H, W): the luma of colours, the first channel of anything else."""
    if images.shape[1] != 3:
        return images[:, :1]
    return (images * images.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)


def _block(ins: int, outs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(ins, outs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outs), nn.ReLU(inplace=True)
    )


class DigitsNetwork(nn.Module):
    """A compact classifier of small grey pictures: 28×28 to `size` features and ten logits.

    The features are the last hidden layer, after its rectifier.
    """

    side, size, classes = 28, 64, 10

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _block(1, 32, 2),  # 14×14
            _block(32, 48, 1),
            _block(48, 64, 2),  # 7×7
            _block(64, 80, 1),
            _block(80, 96, 2),  # 4×4
            nn.Flatten(),
        )
        self.hidden = nn.Linear(96 * 16, self.size)
        self.head = nn.Linear(self.size, self.classes)

    def fold(self) -> None:
        """Put the fixed normalisation into the convolutions: the same features, a quarter faster."""
        for block in self.body:
            if isinstance(block, nn.Sequential):
                convolution, normalisation = block[0], block[1]
                assert isinstance(convolution, nn.Conv2d)
                assert isinstance(normalisation, nn.BatchNorm2d)
                block[0], block[1] = fuse_conv_bn_eval(convolution, normalisation), nn.Identity()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) in [0, 1] to features (B, 64) and logits (B, 10)."""
        features = F.relu(self.hidden(self.body(resized(grey(images), self.side) - 0.5)))
        return features, self.head(features)


class RandomNetwork(nn.Module):
    """A convolutional network whose weights are drawn once from a fixed seed and never trained.

    It knows no data set, so it favours none; its distances are cruder than a trained network's.
    """

    side, size, seed = 32, 128, 20_200_614

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 32, 64, self.size)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, 2, padding=1) for a, b in pairwise(widths))
        generator = torch.Generator().manual_seed(self.seed)
        for layer in self.layers:
            assert isinstance(layer, nn.Conv2d)
            assert layer.bias is not None
            deviation = (2 / layer.weight[0].numel()) ** 0.5  # He initialisation keeps the scale
            with torch.no_grad():
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * deviation)
                layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator) * 0.1)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to features (B, 128)."""
        colours = images if images.shape[1] == 3 else images[:, :1].expand(-1, 3, -1, -1)
        hidden = resized(colours, self.side) * 2 - 1
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
        return hidden.mean((2, 3))
