"""Phase shuffle: what a discriminator of sound is shown is moved a little between its layers (Donahue et al.
2019, section 3.3), so that it cannot judge by the phase at which a generator's own period always stands.

Legend: B batch, C channels, T places.
"""

from __future__ import annotations

import torch
from torch import Tensor


def shifts(uniform: Tensor, most: int) -> Tensor:
    """Uniform numbers in [0, 1) to whole ones in -most … most, each as likely, int64."""
    return (uniform * (2 * most + 1)).floor().long() - most


def shuffled(x: Tensor, shift: Tensor) -> Tensor:
    """All of (B, C, T) later by a number of places, int64 (), or earlier where it is below 0; what comes in
    at an edge is reflected there.  The shift has to be shorter than T."""
    last = x.shape[2] - 1
    places = (torch.arange(last + 1, device=x.device) - shift).abs()
    places = last - (last - places).abs()
    # Along the rows of channels, which lie so behind a strided convolution (`genkit.nn.polyphase`).
    return x.transpose(1, 2).index_select(1, places).transpose(1, 2)
