"""A picture that is moved from moment to moment, so that it is the same in all of them.

Where it is, is a choice among whole places along each axis.  The choice is a kernel that shifts the picture
(dynamic neural advection; Finn et al. 2016, section 3), apart along the axes as attention that reads and
writes has it (DRAW; Gregor et al. 2015, section 3.2).  What is shown is the picture at the likeliest place;
gradients take the way of all places with their shares (the straight-through estimator; Bengio et al. 2013),
so that a place far away is found as easily as one near by.  A network that begins to learn may look at all
places at once, as blurred as it is unsure.

Or a place is a number (`PlacePaths`), of which the next whole one is shown, and whose gradient is that of the
picture between two of them (spatial transformers; Jaderberg et al. 2015, equation 5).  Then a path changes by
little where what it comes from does; against a critic, who shows no place far away, only such paths became
straight.

Legend: B batch, N numbers, C channels, T moments, S… sizes of the axes along which it moves, P… those of the
picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genkit.nn.axes import Sizes

LOUD = 5.0  # times its weights is what stands still, that it is learnt as fast as what moves
DARK = -3.0  # as what stands still begins: from elsewhere a picture first learns to be the dark around itself
UNITS = 256  # of a hidden layer
BLOCKS = 2


def moments(sizes: Sizes) -> tuple[int, Sizes]:
    """How many moments arrays of such sizes have, and the axes along which something moves from one to the
    next: time and the others of clips; else a single moment, and all axes."""
    return (sizes[0], sizes[1:]) if len(sizes) == 3 else (1, sizes)


def half(sizes: Sizes) -> Sizes:
    """Half of each, or the next more: of the picture, that there is room to move it."""
    return tuple((size + 1) // 2 for size in sizes)


class ResidualLayer(nn.Module):
    """x + f(x) of vectors, which begins as the identity."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.norm, self.first, self.last = (
            nn.LayerNorm(units),
            nn.Linear(units, units),
            nn.Linear(units, units),
        )
        self.begin()

    def begin(self) -> None:
        """Be the identity, whatever weights were drawn."""
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.last(F.silu(self.first(self.norm(x))))
        return x + change


class PicturePaths(nn.Module):
    """Vectors (B, N) to the ways of a picture: for each axis filters, (B, T, S, P), each the picture's own
    places among those of the array.

    Args:
        inputs: N.
        sizes: of the array, T and S…, or S… alone.

    Attributes:
        picture: P….
        blurred: whether the filters are those of all places with their shares, not of the likeliest alone.
    """

    __call__: Callable[..., list[Tensor]]
    blurred = False

    def __init__(self, inputs: int, sizes: Sizes) -> None:
        super().__init__()
        self.moments, axes = moments(sizes)
        self.picture = half(axes)
        self.places = [size - own + 1 for size, own in zip(axes, self.picture, strict=True)]
        self.layers = nn.Sequential(
            nn.Linear(inputs, UNITS),
            nn.SiLU(),
            *(ResidualLayer(UNITS) for _ in range(BLOCKS)),
            nn.Linear(UNITS, self.moments * self._numbers()),
        )

    def _numbers(self) -> int:
        """What is said of the places of a moment: a score for each along every axis."""
        return sum(self.places)

    def forward(self, vector: Tensor) -> list[Tensor]:
        scores = self.layers(vector).unflatten(1, (self.moments, -1))  # (B, T, places of all axes)
        shares = [part.softmax(-1) for part in scores.split(self.places, dim=-1)]
        return [
            _filters(some if self.blurred else chosen(some), own)
            for some, own in zip(shares, self.picture, strict=True)
        ]


class PlacePaths(PicturePaths):
    """As its base, of places that are numbers: one for each axis of a moment."""

    def _numbers(self) -> int:
        return len(self.places)

    def forward(self, vector: Tensor) -> list[Tensor]:
        numbers = self.layers(vector).unflatten(1, (self.moments, -1)).unbind(-1)  # (B, T) for each axis
        return [
            _filters(nearest(number, count), own)
            for number, count, own in zip(numbers, self.places, self.picture, strict=True)
        ]


def nearest(numbers: Tensor, count: int) -> Tensor:
    """1 for the nearest of K places, 0 for the others, (…, K); its gradient is that of both that are near.

    Args:
        numbers: (…); 0 is the middle of the places, ±1 are both ends.
        count: K.
    """
    place = ((count - 1) / 2 * (1 + numbers)).clamp(0, count - 1)
    both = (1 - (torch.arange(count, device=place.device) - place[..., None]).abs()).clamp(min=0)
    whole = F.one_hot(place.round().long(), count).to(both)
    return both + (whole - both).detach()


@contextmanager
def seen_blurred(networks: Sequence[nn.Module], wanted: bool) -> Iterator[None]:
    """Within the context what moves in the networks is shown at all places at once, where that is wanted."""
    walked = networks if wanted else ()
    paths = [module for network in walked for module in network.modules() if isinstance(module, PicturePaths)]
    for path in paths:
        path.blurred = True
    try:
        yield
    finally:
        for path in paths:
            path.blurred = False


def _filters(shares: Tensor, own: int) -> Tensor:
    """Shares of places (B, T, K) as filters (B, T, S, P): from each entry of a picture to those S = K + P - 1
    of an array where it then is."""
    return F.pad(shares, (own - 1, own - 1)).unfold(-1, own, 1).flip(-1)


def chosen(shares: Tensor) -> Tensor:
    """1 for the largest of shares (…, K) and 0 for the others; the gradient is that of the shares."""
    largest = F.one_hot(shares.argmax(-1), shares.shape[-1]).to(shares)
    return shares + (largest - shares).detach()


def moved(picture: Tensor, paths: Sequence[Tensor]) -> Tensor:
    """Pictures (B, C, P…) at their places, nothing around them: (B, C, T, S…)."""
    clip = picture[:, :, None].expand(-1, -1, paths[0].shape[1], *picture.shape[2:])
    for filters in paths:  # of the first axis that is left, which then is the last
        clip = torch.einsum("btsp,bctp...->bct...s", filters, clip)
    return clip


def followed(clips: Tensor, paths: Sequence[Tensor]) -> Tensor:
    """What arrays (B, C, T, S…), or (B, C, S…) of one moment, show at these places, the mean over the
    moments, (B, C, P…)."""
    if clips.ndim == 2 + len(paths):
        clips = clips[:, :, None]
    for filters in paths:
        clips = torch.einsum("btsp,bcts...->bct...p", filters, clips)
    return clips.mean(2)
