"""How far answers are from the truth: what a medium has of such distances, each a declaration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Distance:
    """One number of each pair.

    Attributes:
        said: its name and its unit, for people.
        of: of examples and the truth, as their medium shows them, (n, C, *sizes) each, a number a pair, (n,).
        better: which end is the better one, where the best of several answers is to be said; "": it is not.
    """

    said: str
    of: Callable[[np.ndarray, np.ndarray], Tensor]
    better: Literal["lower", "higher", ""] = ""
