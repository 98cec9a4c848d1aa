"""Vectors rounded to finitely many, each of which has a number, its code.

`FiniteScalars` rounds every coordinate by itself (Mentzer et al. 2024), `Codebook` takes the nearest of
vectors that follow the data (van den Oord et al. 2017; Razavi et al. 2019).  Gradients pass as if nothing had
been rounded.

Legend: N vectors, d coordinates of one, K codes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from math import prod
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.precision import widened

OVER = 1e-3  # by which the range that is rounded exceeds the outermost levels
BEYOND = 1e-5  # uses that even a code that nobody uses counts as, or its mean would be 0 / 0


class Quantised(NamedTuple):
    """Vectors that were rounded.

    Attributes:
        vectors: what they became, (N, d), with the gradient of what they were.
        codes: int64 (N,).
        commitment: how far each was from what it became, the mean of the squares of its coordinates, (N,).
    """

    vectors: Tensor
    codes: Tensor
    commitment: Tensor


class Coded(NamedTuple):
    """A batch on its way through the codec.

    Attributes:
        vectors: what the encoder says at each place, (B · places, d).
        found: the same, quantised.
        output: of the decoder.
    """

    vectors: Tensor
    found: Quantised
    output: Tensor


class Quantiser(nn.Module):
    """Of vectors (N, d).

    Attributes:
        width: d.
        codes: K.
    """

    __call__: Callable[..., Quantised]
    width: int
    codes: int

    @abstractmethod
    def forward(self, vectors: Tensor) -> Quantised:
        """Vectors (N, d), rounded; nothing is learned by that."""

    @abstractmethod
    def vectors(self, codes: Tensor) -> Tensor:
        """What codes stand for, int64 (…) to (…, d)."""


class FiniteScalars(Quantiser):
    """Finite scalar quantisation: coordinate i is bounded by a tanh and rounded to one of L_i levels in
    [-1, 1]; there is nothing to be learned, and no code that could die (Mentzer et al. 2024, appendix A).

    The code is the number whose digits are the levels, the first the least.

    Args:
        levels: L_i, at least three each.
    """

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels, self.width, self.codes = tuple(levels), len(levels), prod(levels)
        sizes = torch.tensor(levels)
        half = (sizes - 1) * (1 + OVER) / 2
        # Of an even number of levels none is 0 and one more lies below it than above: they are half a step
        # lower, and the tanh is moved so that 0 stays 0.
        offset = torch.where(sizes % 2 == 0, 0.5, 0.0)
        places = torch.cumprod(torch.tensor([1, *levels[:-1]]), 0)
        constants = {"scale": half, "offset": offset, "shift": torch.atanh(offset / half)}
        for name, values in {**constants, "sizes": sizes, "places": places}.items():
            self.register_buffer(name, values, persistent=False)

    scale: Tensor
    offset: Tensor
    shift: Tensor
    sizes: Tensor
    places: Tensor

    def forward(self, vectors: Tensor) -> Quantised:
        bounded = torch.tanh(widened(vectors) + self.shift) * self.scale - self.offset
        whole = bounded.round()
        digits = whole.detach().long() + self.sizes // 2
        rounded = (bounded + (whole - bounded).detach()) / (self.sizes // 2)
        return Quantised(rounded, (digits * self.places).sum(-1), rounded.new_zeros(len(rounded)))

    def vectors(self, codes: Tensor) -> Tensor:
        digits = codes[..., None] // self.places % self.sizes
        return (digits - self.sizes // 2) / (self.sizes // 2)


class Codebook(Quantiser):
    """Vector quantisation: each code is the exponential moving average of the vectors that it stood for (van
    den Oord et al. 2017, appendix A.1), and one that is hardly used begins anew at a vector of the batch.

    Nothing here is a parameter: whoever trains calls `statistics` and `follow`.

    Args:
        codes: K.
        width: d.
        decay: of the averages.
        dead: share of even use below which a code begins anew.
    """

    vectors_of: Tensor
    uses: Tensor
    sums: Tensor

    def __init__(self, codes: int, width: int, decay: float = 0.99, dead: float = 0.05) -> None:
        super().__init__()
        self.codes, self.width, self.decay, self.dead = codes, width, decay, dead
        self.register_buffer("vectors_of", torch.randn(codes, width))
        self.register_buffer("uses", torch.zeros(codes))  # of each code in a batch, averaged
        self.register_buffer("sums", torch.zeros(codes, width))  # of the vectors that it stood for, averaged

    def forward(self, vectors: Tensor) -> Quantised:
        vectors = widened(vectors)
        with torch.no_grad():
            codes = torch.cdist(vectors, self.vectors_of).argmin(1)
            nearest = self.vectors_of[codes]
        straight = vectors + (nearest - vectors).detach()
        return Quantised(straight, codes, (vectors - nearest).square().mean(1))

    def vectors(self, codes: Tensor) -> Tensor:
        return self.vectors_of[codes]

    @torch.no_grad()
    def statistics(self, vectors: Tensor, codes: Tensor, drawn: Tensor) -> Tensor:
        """What some of the vectors of a batch say to the codebook, to be added up over all of them:
        (K, 1 + 2 d), how often each code stood for one, the sum of those, and where it begins if it is dead.

        Args:
            drawn: which of these vectors each code would begin at, int64 (K,); none of these where it is
                below 0 or too large.
        """
        chosen = F.one_hot(codes, self.codes).to(self.sums)  # (N, K)
        mine = (drawn >= 0) & (drawn < len(vectors))
        begins = torch.where(mine[:, None], vectors[drawn.clamp(0, len(vectors) - 1)], 0.0)
        return torch.cat((chosen.sum(0)[:, None], chosen.T @ vectors, begins), 1)

    @torch.no_grad()
    def follow(self, statistics: Tensor) -> None:
        """Move each code to the average of what it stood for, or where it begins.

        Args:
            statistics: of the whole batch.
        """
        counts, (sums, begins) = statistics[:, 0], statistics[:, 1:].chunk(2, 1)
        self.uses.lerp_(counts, 1 - self.decay)
        self.sums.lerp_(sums, 1 - self.decay)
        even = counts.sum() / self.codes
        dead = self.uses < self.dead * even
        self.uses.copy_(torch.where(dead, even, self.uses))
        self.sums.copy_(torch.where(dead[:, None], begins * even, self.sums))
        total = self.uses.sum()
        smoothed = (self.uses + BEYOND) / (total + self.codes * BEYOND) * total
        means = self.sums / smoothed[:, None]
        self.vectors_of.copy_(torch.where(dead[:, None], begins, means))


class CodeUse(nn.Module):
    """How often each code was used, over the epoch that is going on and the whole one before.

    Args:
        codes: K.
    """

    now: Tensor
    before: Tensor

    def __init__(self, codes: int) -> None:
        super().__init__()
        self.register_buffer("now", torch.zeros(codes, dtype=torch.int64))
        self.register_buffer("before", torch.zeros(codes, dtype=torch.int64))

    @torch.no_grad()
    def turn(self) -> None:
        """A new epoch begins."""
        self.before.copy_(self.now)
        self.now.zero_()

    @torch.no_grad()
    def add(self, counts: Tensor) -> None:
        """Uses of each code, int64 (K,)."""
        self.now.add_(counts)

    @property
    def counts(self) -> Tensor:
        """Over the last whole epoch, or over the first as far as it is, int64 (K,)."""
        return torch.where(self.now.sum() >= self.before.sum(), self.now, self.before)

    def shares(self) -> Tensor:
        """Of each code among those used, float64 (K,); even where none was."""
        counts = self.counts.double()
        counts = counts + (counts.sum() == 0)
        return counts / counts.sum()


def perplexity(shares: Tensor) -> Tensor:
    """exp of the entropy: as how many codes, used evenly, they are; shares (K,) that add up to 1."""
    entropy: Tensor = torch.special.entr(shares).sum()
    return entropy.exp()
