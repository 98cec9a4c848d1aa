"""How far two pictures are apart by what surrounds their pixels, and not pixel by pixel: in the features of
kernels that nobody trained, at several sizes.

Kernels drawn at random see edges, corners and textures well enough to compare pictures by (Saxe et al. 2011),
know nothing of any data set, and weigh nothing in a checkpoint.

Legend: B batch, C channels, H height, W width, F kernels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.precision import widened

KERNELS = 32  # of each size
SCALES = 3  # each half as fine as the one before
SEED = 0


class RandomFeatures(nn.Module):
    """Two frozen layers of kernels of 3×3 and of length one, behind averages of 1, 2 and 4 pixels."""

    first: Tensor
    second: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(SEED)
        for name, inputs in (("first", channels), ("second", KERNELS)):
            drawn = torch.randn(KERNELS, inputs * 9, generator=generator)
            # Without its mean: a kernel answers to differences, not to brightness.
            drawn = drawn - drawn.mean(1, keepdim=True)
            kernels = drawn / torch.linalg.vector_norm(drawn, dim=1, keepdim=True)
            self.register_buffer(name, kernels.view(KERNELS, inputs, 3, 3), persistent=False)

    def distance(self, made: Tensor, truth: Tensor) -> Tensor:
        """The mean absolute difference of the features of two pictures, (B,); both (B, C, H, W) in [0, 1]."""
        both, total = torch.cat((widened(made), widened(truth))), made.new_zeros(len(made))
        scales = 0
        while scales < SCALES and min(both.shape[2:]) >= 3:
            found = F.relu(F.conv2d(both, self.first, padding=1))
            for features in (found, F.conv2d(found, self.second, padding=1)):
                ours, theirs = features.chunk(2)
                total = total + (ours - theirs).abs().flatten(1).mean(1)
            both, scales = F.avg_pool2d(both, 2), scales + 1
        return total / max(1, 2 * scales)
