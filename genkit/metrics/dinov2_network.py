"""DINOv2's vision transformer (Oquab et al. 2023, arXiv:2304.07193), with the names of its own checkpoints.

Legend: B batch, D width, N patches of 14×14, 256 of them at 224×224.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.metrics.networks import coloured

SIDE, PATCH, HEAD = 224, 14, 64
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
SHIFT = 0.1  # patches that the original adds to a side before it interpolates positions


class LayerScale(nn.Module):
    """A learned factor for each feature."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden * self.gamma


class SelfAttention(nn.Module):
    """Every token looks at every other."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        split = self.qkv(hidden).unflatten(-1, (3, self.heads, HEAD))  # (B, T, 3, H, 64)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.proj(seen.transpose(1, 2).flatten(2))
        return mixed


class Perceptron(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = self.fc2(F.gelu(self.fc1(hidden)))
        return out


class VisionBlock(nn.Module):
    """Attention and a perceptron, each normalised before and scaled after."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = SelfAttention(width), Perceptron(width)
        self.ls1, self.ls2 = LayerScale(width), LayerScale(width)

    def forward(self, hidden: Tensor) -> Tensor:
        hidden = hidden + self.ls1(self.attn(self.norm1(hidden)))
        after: Tensor = hidden + self.ls2(self.mlp(self.norm2(hidden)))
        return after


class PatchEmbedding(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, PATCH, PATCH)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, N, D)."""
        found: Tensor = self.proj(images)
        return found.flatten(2).transpose(1, 2)


class DinoNetwork(nn.Module):
    """Images (B, C, H, W), floats in [0, 1], to the features of the class token, (B, D).

    Args:
        places: positions that its weights have, 1 + 37×37 for those that are published.
    """

    def __init__(self, width: int, depth: int, places: int) -> None:
        super().__init__()
        self.patch_embed = PatchEmbedding(width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, places, width))
        self.blocks = nn.ModuleList(VisionBlock(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, images: Tensor) -> Tensor:
        return self.seen(normalised(like_pillow(coloured(images), SIDE)))

    def seen(self, pixels: Tensor) -> Tensor:
        """Pictures that are of that size and normalised, (B, 3, 224, 224), to features."""
        patches = self.patch_embed(pixels)
        tokens = torch.cat([self.cls_token.expand(len(pixels), -1, -1), patches], 1)
        hidden = tokens + self.positions(math.isqrt(patches.shape[1]))
        for block in self.blocks:
            hidden = block(hidden)
        features: Tensor = self.norm(hidden[:, 0])
        return features

    def positions(self, side: int) -> Tensor:
        """Of so many patches a side, (1, 1 + side², D): interpolated, as the original does it."""
        known = math.isqrt(self.pos_embed.shape[1] - 1)
        if known == side:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].unflatten(1, (known, known)).permute(0, 3, 1, 2)
        factor = (side + SHIFT) / known
        found = F.interpolate(grid, scale_factor=(factor, factor), mode="bicubic")
        return torch.cat([self.pos_embed[:, :1], found.flatten(2).transpose(1, 2)], 1)


def like_pillow(images: Tensor, side: int) -> Tensor:
    """Square pictures of that size, bicubic and antialiased, in 256 levels again: as Pillow makes them, which
    brings rows and then columns to that length, and rounds after each."""
    levels = images * 255
    for sizes in ((images.shape[2], side), (side, side)):
        if levels.shape[2:] != sizes:
            found = F.interpolate(levels, sizes, mode="bicubic", antialias=True, align_corners=False)
            levels = (found + 0.5).floor().clamp(0, 255)
    return levels / 255


def normalised(images: Tensor) -> Tensor:
    """By ImageNet's mean and deviation of each colour."""
    mean, deviation = (images.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, DEVIATION))
    return (images - mean) / deviation
