"""What a network of a flow is told beside the data: the time, and the label.

Legend: B batch, T numbers told, F frequencies, K classes.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Of time from 0 to 1, in radians, the lowest of which is 1; higher ones would make paths that no solver
# follows in few steps.
FREQUENCIES, HIGHEST = 16, 40.0


def waves(at: Tensor) -> Tensor:
    """Cosines and sines of times (B,) at frequencies that grow geometrically, (B, 2 F)."""
    powers = torch.arange(FREQUENCIES, device=at.device, dtype=at.dtype) / (FREQUENCIES - 1)
    angles = at[:, None] * HIGHEST**powers
    return torch.cat((angles.cos(), angles.sin()), dim=1)


class TimeAndLabel(nn.Module):
    """Times (B,), and labels (B,) where there are classes, to one vector, (B, T).

    Args:
        classes: K; the label K says that none is given.
    """

    __call__: Callable[..., Tensor]

    def __init__(self, told: int, classes: int = 0) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2 * FREQUENCIES, told), nn.Linear(told, told)
        self.label = nn.Embedding(classes + 1, told) if classes else None
        if self.label is not None:
            nn.init.normal_(self.label.weight, std=told**-0.5)

    def forward(self, at: Tensor, labels: Tensor | None = None) -> Tensor:
        hidden = self.last(F.silu(self.first(waves(at))))
        if self.label is not None:
            hidden = hidden + self.label(labels)
        return F.silu(hidden)


class TimeWeights(nn.Module):
    """u(t), the logarithm of the loss that is to be expected at a time (Karras et al. 2024, EDM2, section 2.2
    and equation 21): a loss L is weighed as L / e^u + u.  It begins at 0."""

    __call__: Callable[..., Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * FREQUENCIES, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, at: Tensor) -> Tensor:
        """(B,) to (B,)."""
        expected: Tensor = self.linear(waves(at)).squeeze(1)
        return expected
