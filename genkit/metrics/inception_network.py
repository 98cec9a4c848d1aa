"""Inception-v3 as the first FID has it, with the names of tensors that its published weights have.

The network of Szegedy et al. (2016, arXiv:1512.00567) in TensorFlow's version of December 2015: an average
pool counts no padding, and the last block pools by the maximum.  TensorFlow 1 resizes the pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.metrics.networks import coloured

SIDE, FEATURES, CLASSES = 299, 2048, 1008
POOLED_FIRST = ("Conv2d_3b_1x1", "Mixed_5b")  # see the largest of 3×3


def like_tensorflow_1(images: Tensor, side: int) -> Tensor:
    """Bilinear interpolation whose pixel i stands at i × (old / new), without antialiasing: a picture that
    shrinks loses what lies between, one that grows is moved up and left by half a pixel."""
    for axis in (2, 3):
        old = images.shape[axis]
        places = torch.arange(side, dtype=torch.float32, device=images.device) * (old / side)
        low = places.long()
        shares = (places - low).view([-1 if a == axis else 1 for a in range(4)])
        first, second = (images.index_select(axis, at) for at in (low, (low + 1).clamp(max=old - 1)))
        images = first + (second - first) * shares
    return images


class Convolution(nn.Module):
    """A convolution, normalised and rectified."""

    def __init__(self, ins: int, outs: int, kernel: tuple[int, int], stride: int, padded: bool) -> None:
        super().__init__()
        padding = (kernel[0] // 2, kernel[1] // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(ins, outs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outs, eps=1e-3)

    def forward(self, hidden: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(hidden)))


@dataclass(frozen=True)
class Step:
    """A convolution within a block: its name, how wide it makes what comes, and its kernel."""

    name: str
    outs: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


Pool = Literal["mean", "max", "halve"]
# A branch: convolutions after one another; where two stand in one place, both see the same and are joined.
Branch = Sequence[tuple[Step, ...]]


def chain(name: str, *steps: tuple[int, tuple[int, int]], stride: int = 1) -> Branch:
    """`name_1`, `name_2` and so on, the last with a stride."""
    last = len(steps)
    return [
        (Step(f"{name}_{i}", outs, kernel, stride if i == last else 1),)
        for i, (outs, kernel) in enumerate(steps, 1)
    ]


def forked(name: str, steps: Branch, place: int) -> Branch:
    """A branch that ends in a row and a column of three beside one another."""
    both = [Step(f"{name}_{place}{letter}", 384, k) for letter, k in (("a", (1, 3)), ("b", (3, 1)))]
    return [*steps, tuple(both)]


ONE, THREE, FIVE, WIDE, HIGH = (1, 1), (3, 3), (5, 5), (1, 7), (7, 1)


class JoinedBranches(nn.Module):
    """Branches beside one another, whose results are joined; the last one pools first.

    Args:
        pooled: the width of the convolution after the pool; None: there is none.
    """

    def __init__(self, ins: int, branches: Sequence[Branch], pool: Pool, pooled: int | None) -> None:
        super().__init__()
        self.branches, self.pool, self.pooled = branches, pool, pooled is not None
        self.outs = ins if pooled is None else pooled
        for branch in branches:
            width = ins
            for steps in branch:
                for step in steps:
                    padded = step.stride == 1
                    self.add_module(
                        step.name, Convolution(width, step.outs, step.kernel, step.stride, padded)
                    )
                width = sum(step.outs for step in steps)
            self.outs += width
        if pooled is not None:
            self.branch_pool = Convolution(ins, pooled, ONE, 1, padded=True)

    def forward(self, hidden: Tensor) -> Tensor:
        found = []
        for branch in self.branches:
            own = hidden
            for steps in branch:
                seen = [self.get_submodule(step.name)(own) for step in steps]
                own = torch.cat(seen, 1)
            found.append(own)
        beside = self._pool(hidden)
        return torch.cat([*found, self.branch_pool(beside) if self.pooled else beside], 1)

    def _pool(self, hidden: Tensor) -> Tensor:
        if self.pool == "mean":
            return F.avg_pool2d(hidden, 3, 1, padding=1, count_include_pad=False)
        return F.max_pool2d(hidden, 3, 2) if self.pool == "halve" else F.max_pool2d(hidden, 3, 1, padding=1)


def block_a(ins: int, pooled: int) -> JoinedBranches:
    """Places stay; kernels of 1, 5, and of 3 twice."""
    fives, threes = (
        chain("branch5x5", (48, ONE), (64, FIVE)),
        chain("branch3x3dbl", (64, ONE), (96, THREE), (96, THREE)),
    )
    return JoinedBranches(ins, [[(Step("branch1x1", 64),)], fives, threes], "mean", pooled)


def block_b(ins: int) -> JoinedBranches:
    """Places are halved."""
    twice = chain("branch3x3dbl", (64, ONE), (96, THREE), (96, THREE), stride=2)
    return JoinedBranches(ins, [[(Step("branch3x3", 384, THREE, 2),)], twice], "halve", None)


def block_c(ins: int, width: int) -> JoinedBranches:
    """Places stay; kernels of 7 as rows and columns."""
    once = chain("branch7x7", (width, ONE), (width, WIDE), (192, HIGH))
    twice = chain("branch7x7dbl", (width, ONE), (width, HIGH), (width, WIDE), (width, HIGH), (192, WIDE))
    return JoinedBranches(ins, [[(Step("branch1x1", 192),)], once, twice], "mean", 192)


def block_d(ins: int) -> JoinedBranches:
    """Places are halved."""
    threes = chain("branch3x3", (192, ONE), (320, THREE), stride=2)
    sevens = chain("branch7x7x3", (192, ONE), (192, WIDE), (192, HIGH), (192, THREE), stride=2)
    return JoinedBranches(ins, [threes, sevens], "halve", None)


def block_e(ins: int, pool: Pool) -> JoinedBranches:
    """Places stay; branches that fork."""
    once = forked("branch3x3", chain("branch3x3", (384, ONE)), 2)
    twice = forked("branch3x3dbl", chain("branch3x3dbl", (448, ONE), (384, THREE)), 3)
    return JoinedBranches(ins, [[(Step("branch1x1", 320),)], once, twice], pool, 192)


class InceptionNetwork(nn.Module):
    """Images (B, C, H, W), floats in [0, 1], to the 2048 features of the last pool and the logits without
    their bias, (B, 1008): those of the inception score."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, THREE, 2, padded=False)  # 149×149
        self.Conv2d_2a_3x3 = Convolution(32, 32, THREE, 1, padded=False)
        self.Conv2d_2b_3x3 = Convolution(32, 64, THREE, 1, padded=True)  # 147×147
        self.Conv2d_3b_1x1 = Convolution(64, 80, ONE, 1, padded=True)  # 73×73
        self.Conv2d_4a_3x3 = Convolution(80, 192, THREE, 1, padded=False)  # 71×71
        self.Mixed_5b = block_a(192, 32)  # 35×35
        self.Mixed_5c = block_a(256, 64)
        self.Mixed_5d = block_a(288, 64)
        self.Mixed_6a = block_b(288)  # 17×17
        self.Mixed_6b = block_c(768, 128)
        self.Mixed_6c = block_c(768, 160)
        self.Mixed_6d = block_c(768, 160)
        self.Mixed_6e = block_c(768, 192)
        self.Mixed_7a = block_d(768)  # 8×8
        self.Mixed_7b = block_e(1280, "mean")
        self.Mixed_7c = block_e(2048, "max")
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        levels = (coloured(images) * 255).round()
        hidden = (like_tensorflow_1(levels, SIDE) - 128) / 128
        for name, part in self.named_children():  # in the order above
            if name in POOLED_FIRST:
                hidden = F.max_pool2d(hidden, 3, 2)
            hidden = part(hidden) if name != "fc" else hidden
        features = hidden.mean((2, 3))
        return features, features @ self.fc.weight.T
