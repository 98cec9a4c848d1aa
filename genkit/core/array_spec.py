"""What every spec says of its data, and the spec of data that are arrays.  Nothing here imports torch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from genkit.core import media
from genkit.core.media.image import IMAGE
from genkit.core.media.medium import Medium, Shown
from genkit.core.representations import representation_from_dict
from genkit.core.representations.representation import Representation
from genkit.system.schemas import typed

NOWHERE: Mapping[str, object] = {}  # what is known of examples that came from nowhere
MOST_AXES, LONGEST_NAME = 3, 100


@dataclass(frozen=True)
class ArrayForm:
    """What is written of an array spec, but for its classes."""

    shape: tuple[int, ...]
    levels: int
    medium: str = IMAGE.name
    rate: float | None = None
    representation: dict[str, object] | None = None


class DataSpec(ABC):
    """What is asked of any spec, whichever view of the data it is of: `kind`, "arrays" or "tokens"."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Names of the labels; () where there are none."""

    @property
    @abstractmethod
    def medium(self) -> Medium:
        """What an example is, whichever view the model has of it."""

    @property
    @abstractmethod
    def array(self) -> ArraySpec | None:
        """What an example is as an array, also where a model reads its tokens; None where it is none."""

    @property
    @abstractmethod
    def numbers(self) -> int:
        """In one example, by which a likelihood of it is divided; 1 where each has a length of its own."""

    @abstractmethod
    def shown(self, rows: Sequence[np.ndarray] | np.ndarray, about: Mapping[str, object] = NOWHERE) -> Shown:
        """Examples as their medium shows them.

        Args:
            rows: as a dataset's `gather` has them: levels (n, C, *sizes), or windows of tokens.
            about: where they come from, as plain values.
        """

    def said(self) -> str:
        """What examples are, in words: "texts", or "images of 1×8×8"."""
        shape = "" if self.array is None else f" of {'×'.join(map(str, self.array.shape))}"
        return f"{self.medium.many}{shape}"

    @abstractmethod
    def to_dict(self) -> dict[str, object]:
        """Plain values that `spec_from_dict` rebuilds it from."""


@dataclass(frozen=True)
class ArraySpec(DataSpec):
    """Arrays (C, *sizes), on disk as integers 0 … levels - 1, in a model as floats in [0, 1].

    Args:
        channels: numbers that stand at one place.
        sizes: places along each axis, one to three of them; an image has height and width.
        levels: how many distinct values an entry can take: 256 for 8-bit pictures, 17 for scikit-learn's
            digits, 2 for binarised ones, 65,536 for recorded sound.
        classes: names of the labels; () where there are none.
        medium: what such an array is.
        rate: places a second along the axis of time, where there is one and it is known; of what the medium
            has, whatever stands for it.
        representation: what the arrays stand for an example by; None: they are it.
    """

    kind: ClassVar[Literal["arrays"]] = "arrays"

    channels: int
    sizes: tuple[int, ...]
    levels: int = 256
    classes: tuple[str, ...] = ()
    medium: Medium = IMAGE
    rate: float | None = None
    representation: Representation | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.sizes, tuple):
            raise TypeError(f"sizes are those of all axes together, as in (28, 28), not {self.sizes!r}")

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, *sizes)."""
        return self.channels, *self.sizes

    @property
    def size(self) -> int:
        """Numbers in one example, the product of the shape."""
        return math.prod(self.shape)

    @property
    def height(self) -> int:
        """Of what has two axes."""
        return self._side(0)

    @property
    def width(self) -> int:
        """Of what has two axes."""
        return self._side(1)

    def _side(self, axis: int) -> int:
        if len(self.sizes) != 2:
            raise ValueError(f"{self.said()} have no height and width: they have {len(self.sizes)} axes")
        return self.sizes[axis]

    @property
    def array(self) -> ArraySpec:
        return self

    @property
    def numbers(self) -> int:
        return self.size

    @property
    def native(self) -> ArraySpec:
        """The arrays that these stand for, as their medium has them: or these themselves."""
        if self.representation is None:
            return self
        sizes = self.representation.native(self.sizes)
        return replace(self, sizes=sizes, levels=2**self.medium.depth, representation=None)

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes, of (*sizes), in the order in which tokens stand, the slowest first."""
        own = self.medium.order if self.representation is None else self.representation.order
        return own or tuple(range(len(self.sizes)))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the axes of places."""
        return self.medium.axes if self.representation is None else self.representation.axes

    @property
    def parts(self) -> tuple[str, ...]:
        """What of an example can be hidden, for a model to complete."""
        return self.medium.parts if self.representation is None else self.representation.parts

    @property
    def rest(self) -> str:
        """That one of the parts without which a beginning is left, in the order of tokens; "": none."""
        return self.medium.rest if self.representation is None else self.representation.rest

    @property
    def entry(self) -> str:
        """What one of the numbers of an array is, by which a likelihood is divided."""
        return self.medium.entry if len(self.sizes) == len(self.medium.axes) else Medium.entry

    @cached_property
    def blank(self) -> float:
        """What stands in [0, 1] where nothing is known: grey, or silence."""
        if self.representation is None:
            return 0.5
        nothing = np.zeros((1, *self.native.shape), np.int16)
        return float(self.representation.forward(nothing).mean()) / (self.levels - 1)

    @cached_property
    def nothing(self) -> int:
        """The level of what is not there: black, or silence."""
        return 0 if self.medium.depth == 8 else round(self.blank * (self.levels - 1))

    def as_shown(self, unit: np.ndarray) -> np.ndarray:
        """Floats in [0, 1], (n, C, *sizes), as their medium shows, saves and judges them: on a fixed scale,
        of 8 bits or 16, and of what they stand for, (n, C, *native)."""
        # A fixed scale: stretching each to its own range would hide a model's contrast, or its loudness.
        inside = unit.clip(0, 1)
        if self.representation is not None:
            return self.representation.back(inside)
        return self._spread(inside * (2**self.medium.depth - 1))

    def _spread(self, entries: np.ndarray) -> np.ndarray:
        """Numbers from 0 to the largest that the medium's bits have, as its integers."""
        whole = np.round(entries)
        return whole.astype(np.uint8) if self.medium.depth == 8 else (whole - 2**15).astype(np.int16)

    def shown(self, rows: Sequence[np.ndarray] | np.ndarray, about: Mapping[str, object] = NOWHERE) -> Shown:
        levels = np.asarray(rows).reshape(-1, *self.shape)
        if self.representation is not None:
            arrays = self.representation.back(levels / (self.levels - 1))
        else:
            arrays = self._spread(levels * ((2**self.medium.depth - 1) / (self.levels - 1)))
        return Shown(arrays=arrays, array=self.native, about=about)

    def to_dict(self) -> dict[str, object]:
        return {"kind": self.kind, **self.form(), "classes": list(self.classes)}

    def form(self) -> dict[str, object]:
        """All but its view and its classes, as plain values; that of an image does not name its medium."""
        return {
            "shape": list(self.shape),
            "levels": self.levels,
            **({} if self.medium == IMAGE else {"medium": self.medium.name}),
            **({} if self.rate is None else {"rate": self.rate}),
            **({} if self.representation is None else {"representation": self.representation.to_dict()}),
        }

    @classmethod
    def from_form(cls, plain: object, classes: tuple[str, ...] = ()) -> ArraySpec:
        """Rebuild one from `form()`.

        Raises:
            ValueError: there are no such arrays.
            ConfigError: nobody here knows the medium.
        """
        form = typed(plain, ArrayForm)
        if len(form.medium) > LONGEST_NAME:
            raise ValueError(f"no medium has the name {form.medium[:LONGEST_NAME]}…")
        medium = media.find(form.medium)
        (channels, *sizes), levels, rate = form.shape, form.levels, form.rate
        shape = "×".join(str(n)[:20] for n in (channels, *sizes[:MOST_AXES]))
        stand = None if form.representation is None else representation_from_dict(form.representation)
        names = medium.axes if stand is None else stand.axes
        if not 1 <= len(sizes) <= MOST_AXES or len(sizes) != len(names):
            axes = f"{len(names)} axes ({', '.join(names)})" if names else "no axes"
            raise ValueError(f"{medium.one} has {axes}, and the shape of a channel here has {len(sizes)}")
        counted = 2 <= levels <= 2**medium.depth if stand is None else levels == stand.levels
        if not counted or min(channels, *sizes) < 1:
            raise ValueError(f"no {medium.many} of {shape} with {str(levels)[:20]} levels")
        if rate is not None and not 0 < rate < math.inf:
            raise ValueError(f"no rate is {rate}")
        made = cls(channels, tuple(sizes), levels, classes, medium, rate, stand)
        if stand is not None and (
            stand.name not in medium.representations or stand.sizes(made.native.sizes) != made.sizes
        ):
            raise ValueError(f"no {medium.many} are represented by a {stand.name} of {shape}")
        return made
