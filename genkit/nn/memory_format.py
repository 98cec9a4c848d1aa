"""How the numbers of a network lie in memory."""

from __future__ import annotations

import torch
from torch import nn

# By the number of axes; convolutions over one have no such format.
CHANNELS_LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


def to_channels_last(network: nn.Module, axes: int) -> nn.Module:
    """Lay kernels over so many axes out with the channels of a place side by side: faster convolutions, same
    values."""
    return network.to(memory_format=CHANNELS_LAST[axes]) if axes in CHANNELS_LAST else network
