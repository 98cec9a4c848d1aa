"""DiffAugment: differentiable augmentation of what a discriminator sees (Zhao et al. 2020).

Real and generated images pass through the same random changes, so the discriminator cannot memorise a small
training set and the generator does not learn the changes.  Images (B, C, H, W) in [-1, 1]; the random numbers
are arguments, uniform in [0, 1), (B, n).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

SHIFT, CUT = 1 / 8, 1 / 2  # shares of the side, as in the paper


def colour(images: Tensor, uniform: Tensor) -> Tensor:
    """Brightness within ±½, saturation 0 to 2, contrast ½ to 1½ (paper, section 4.1)."""
    brightness, saturation, contrast = (uniform[:, i, None, None, None] for i in range(3))
    images = images + (brightness - 0.5)
    grey = images.mean(1, keepdim=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (contrast + 0.5) + mean


def translation(images: Tensor, uniform: Tensor) -> Tensor:
    """Shifts by whole pixels up to an eighth of the side, what comes in is black."""
    B, _, H, W = images.shape
    down = _whole(uniform[:, 0], int(H * SHIFT + 0.5))
    right = _whole(uniform[:, 1], int(W * SHIFT + 0.5))
    y = torch.arange(H, device=images.device)[None, :, None] - down[:, None, None]
    x = torch.arange(W, device=images.device)[None, None, :] - right[:, None, None]
    inside = (y >= 0) & (y < H) & (x >= 0) & (x < W)
    row = torch.arange(B, device=images.device)[:, None, None]
    shifted = images.permute(0, 2, 3, 1)[row, y.clamp(0, H - 1), x.clamp(0, W - 1)].permute(0, 3, 1, 2)
    return torch.where(inside[:, None], shifted, -torch.ones_like(shifted))


def cutout(images: Tensor, uniform: Tensor) -> Tensor:
    """A square of half the side, anywhere, is set to 0, the middle of the range."""
    H, W = images.shape[2:]
    top = _whole(uniform[:, 0], H // 2) + H // 2 - int(H * CUT) // 2
    left = _whole(uniform[:, 1], W // 2) + W // 2 - int(W * CUT) // 2
    y = torch.arange(H, device=images.device)[None, :, None] - top[:, None, None]
    x = torch.arange(W, device=images.device)[None, None, :] - left[:, None, None]
    cut = (y >= 0) & (y < int(H * CUT)) & (x >= 0) & (x < int(W * CUT))
    return images.masked_fill(cut[:, None], 0.0)


def _whole(uniform: Tensor, most: int) -> Tensor:
    """Uniform numbers in [0, 1) to whole ones in -most … most, (B,)."""
    return (uniform * (2 * most + 1)).floor().long() - most


# By name: how many random numbers each image takes, and what is done with them.
POLICIES: dict[str, tuple[int, Callable[[Tensor, Tensor], Tensor]]] = {
    "colour": (3, colour),
    "translation": (2, translation),
    "cutout": (2, cutout),
}
