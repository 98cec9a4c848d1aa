"""Which value is black and which is white: decided once for a whole dataset, never for one picture.

integers    0 and 1 alone (booleans, too) are two levels; up to 255 they are levels already
floats      0 and 1 alone are two levels; from 0 to 1 they are scaled to 256
others      need `data.range=[black,white]`, which goes before all of this
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from genkit.system.errors import ConfigError, DataError

DARK = 0.25  # of the range; where no value reaches it, the range is asked about
KINDS = "buif"  # of numpy's types


@dataclass(frozen=True)
class Extent:
    """What values there are.

    Attributes:
        low, high: the smallest and the largest.
        whole: whether all are whole numbers.
    """

    low: float = math.inf
    high: float = -math.inf
    whole: bool = True

    def including(self, values: np.ndarray) -> Extent:
        """With those of an array, too; NaN and infinite ones become bounds that are not finite."""
        if not values.size:
            return self
        low, high = values.min(), values.max()
        whole = values.dtype.kind != "f" or bool((np.trunc(values) == values).all())
        return self.joined(Extent(low.item(), high.item(), whole))

    def joined(self, other: Extent) -> Extent:
        """With those of another."""
        low, high = min(self.low, other.low), max(self.high, other.high)
        if other.low != other.low or self.low != self.low:  # min() of NaN depends on the order
            low = high = math.nan
        return Extent(low, high, self.whole and other.whole)

    @property
    def finite(self) -> bool:
        return math.isfinite(self.low) and math.isfinite(self.high)


@dataclass(frozen=True)
class Scale:
    """From values to levels.

    Attributes:
        black, white: the values that become level 0 and the last.
        levels: how many there are afterwards.
    """

    black: float
    white: float
    levels: int = 256

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Values within the range as levels, uint8."""
        if values.dtype.kind != "f" and self.white - self.black == self.levels - 1:
            return (values if not self.black else values - int(self.black)).astype(np.uint8)
        if values.dtype.kind != "f" or values.dtype.itemsize < 4:
            values = values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)
        scaled = (values if not self.black else values - self.black) * ((self.levels - 1) / self.spread)
        return np.round(scaled).astype(np.uint8)

    @property
    def spread(self) -> float:
        return self.white - self.black

    def to_dict(self) -> dict[str, object]:
        return {"black": self.black, "white": self.white, "levels": self.levels}


def given(asked: tuple[float, float] | None) -> tuple[float, float] | None:
    """`data.range`, if it is set.

    Raises:
        ConfigError: it is not two numbers that rise.
    """
    if asked is not None and not (all(map(math.isfinite, asked)) and asked[0] < asked[1]):
        raise ConfigError(
            f"data.range=[{asked[0]:g},{asked[1]:g}]: give the values of black and white, such as [0,4095]."
        )
    return asked


def decide(extent: Extent, dtype: np.dtype[Any], asked: tuple[float, float] | None, what: str) -> Scale:
    """The range of all values of a dataset.

    Args:
        asked: `data.range`.
        what: has the values, in words.

    Raises:
        DataError: no range holds them, or not the one that was asked for; the remedy is named.
    """
    floats = dtype.kind == "f"
    if not extent.finite:
        raise DataError(f"{what} holds values that are not finite; leave those images out.")
    low, high = f"{extent.low:.6g}", f"{extent.high:.6g}"
    if asked is not None:
        if extent.low < asked[0] or extent.high > asked[1]:
            raise DataError(f"{what} holds values from {low} to {high}, outside data.range={list(asked)}.")
        counted = not floats and float(asked[1] - asked[0]).is_integer() and asked[1] - asked[0] <= 255
        return Scale(*asked, int(asked[1] - asked[0]) + 1 if counted else 256)
    if dtype.kind == "b" or (extent.low >= 0 and extent.high == 1 and extent.whole):
        return Scale(0, 1, 2)
    if extent.low >= 0 and extent.high <= (1 if floats else 255):
        return Scale(0, 1 if floats else 255)
    outside = "floats outside [0, 1]" if floats else "integers outside 0 … 255"
    raise DataError(
        f"{what} holds {outside}, from {low} to {high}: say which are black and white with"
        f" data.range={_likely(extent)}, or give uint8."
    )


def _likely(extent: Extent) -> str:
    """The nearest usual range that holds all values, as it is typed."""
    usual = ((0, 1), (-1, 1), (0, 255), (-0.5, 0.5), (0, 4095), (0, 65535))
    fitting = [r for r in usual if r[0] <= extent.low and extent.high <= r[1] and extent.high > DARK * r[1]]
    black, white = fitting[0] if fitting else (extent.low, extent.high)
    return f"[{black:.8g},{white:.8g}]"


def remarks(extent: Extent, found: Scale, asked: tuple[float, float] | None) -> list[str]:
    """What is to be said of a range: two levels, one that was asked for, one of which little is
    used, values that are all the same."""
    said = []
    if asked is not None:
        said.append(f"values from {asked[0]:g} (black) to {asked[1]:g} (white), as data.range says")
    elif found.levels == 2:
        said.append("its values are 0 and 1 alone: two levels, black and white")
    if extent.low == extent.high:
        said.append(f"all images are the same, every value is {extent.low:g}")
    elif extent.high - found.black < DARK * found.spread:
        said.append(
            f"no value is above {extent.high:g} of {found.white:g}, so all images are dark;"
            f" data.range=[{found.black:g},{extent.high:g}] makes the largest white"
        )
    return said
