"""The networks of the built-in extractors: floats in [0, 1], (B, C, H, W), in; features and logits out."""

from __future__ import annotations

from collections.abc import Sequence
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


def coloured(images: Tensor) -> Tensor:
    """Three channels (B, 3, H, W): colours as they are, the first channel of anything else thrice."""
    return images if images.shape[1] == 3 else images[:, :1].expand(-1, 3, -1, -1)


def block(ins: int, outs: int, stride: int) -> nn.Sequential:
    """A convolution of 3×3, normalised and rectified."""
    return nn.Sequential(
        nn.Conv2d(ins, outs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outs), nn.ReLU(inplace=True)
    )


def fold(body: nn.Sequential) -> None:
    """Put the fixed normalisation of blocks into their convolutions: the same features, a quarter faster."""
    for part in body:
        if isinstance(part, AddedBlocks):
            fold(part.body)
        elif isinstance(part, nn.Sequential):
            convolution, normalisation = part[0], part[1]
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(normalisation, nn.BatchNorm2d)
            part[0], part[1] = fuse_conv_bn_eval(convolution, normalisation), nn.Identity()


def untrained(widths: Sequence[int], seed: int) -> nn.ModuleList:
    """Convolutions of 4×4 that halve each side, from one width to the next, drawn from a fixed seed."""
    generator = torch.Generator().manual_seed(seed)
    layers = [nn.Conv2d(a, b, 4, 2, padding=1) for a, b in pairwise(widths)]
    for layer in layers:
        deviation = (2 / layer.weight[0].numel()) ** 0.5  # He initialisation keeps the scale
        bias = torch.empty(layer.out_channels)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * deviation)
            bias.copy_(torch.randn(bias.shape, generator=generator) * 0.1)
        layer.bias = nn.Parameter(bias)
    return nn.ModuleList(layers)


class DigitsNetwork(nn.Module):
    """A compact classifier of small grey pictures: 28×28 to `size` features and ten logits.

    The features are the last hidden layer, after its rectifier.
    """

    side, size, classes = 28, 64, 10

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            block(1, 32, 2),  # 14×14
            block(32, 48, 1),
            block(48, 64, 2),  # 7×7
            block(64, 80, 1),
            block(80, 96, 2),  # 4×4
            nn.Flatten(),
        )
        self.hidden = nn.Linear(96 * 16, self.size)
        self.head = nn.Linear(self.size, self.classes)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) in [0, 1] to features (B, 64) and logits (B, 10)."""
        features = F.relu(self.hidden(self.body(resized(grey(images), self.side) - 0.5)))
        return features, self.head(features)


class AddedBlocks(nn.Module):
    """Two convolutions of 3×3 whose result is added to what comes in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(block(width, width, 1), block(width, width, 1))

    def forward(self, hidden: Tensor) -> Tensor:
        added: Tensor = self.body(hidden)
        return hidden + added


class PhotosNetwork(nn.Module):
    """A compact residual classifier of small colour photographs: 32×32 to `size` features and ten logits.

    The features are the means over the places of what is there at 16×16, at 8×8 and at 4×4, which see
    sharpness and colours, parts, and kinds; each brought to a mean square of about 1 (of photographs).
    """

    widths, scales = (64, 112, 144), (1.67, 1.93, 2.70)
    side, size = 32, sum(widths)
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            block(3, 32, 1),
            *(
                part
                for ins, outs in pairwise((32, *self.widths))
                for part in (block(ins, outs, 2), AddedBlocks(outs))
            ),
        )
        self.head = nn.Linear(self.widths[-1], len(self.classes))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, C, H, W) in [0, 1] to features (B, 320) and logits (B, 10)."""
        hidden, means = (resized(coloured(images), self.side) - 0.5) * 4, []
        for part in self.body:
            hidden = part(hidden)
            if isinstance(part, AddedBlocks):
                means.append(hidden.mean((2, 3)))
        scaled = [mean * scale for mean, scale in zip(means, self.scales, strict=True)]
        return torch.cat(scaled, 1), self.head(means[-1])


class RandomNetwork(nn.Module):
    """A convolutional network whose weights are drawn once from a fixed seed and never trained.

    It knows no data set, so it favours none; its distances are cruder than a trained network's.
    """

    side, size, seed = 32, 128, 20_200_614

    def __init__(self) -> None:
        super().__init__()
        self.layers = untrained((3, 32, 64, self.size), self.seed)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1] to features (B, 128)."""
        hidden = resized(coloured(images), self.side) * 2 - 1
        for layer in self.layers:
            hidden = F.leaky_relu(layer(hidden), 0.2)
        return hidden.mean((2, 3))
