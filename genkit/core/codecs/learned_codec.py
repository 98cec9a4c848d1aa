"""Ids that a trained model makes of arrays, and reads them back by.  Nothing here imports torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs.codec import Codec
from genkit.core.media.medium import Shown
from genkit.system.errors import ConfigError
from genkit.system.schemas import typed


class Coder(Protocol):
    """What turns arrays into codes and back: a trained model, which is no part of a codec's plain values.

    Legend: B batch, C channels, S… sizes of the axes, G… codes along each axis.
    """

    def codes(self, levels: np.ndarray) -> np.ndarray:
        """Codes int64 (B, G…) of levels (B, C, S…)."""

    def unit(self, codes: np.ndarray) -> np.ndarray:
        """Arrays in [0, 1], float32 (B, C, S…), of codes (B, G…)."""

    def log_likelihood(self, levels: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """log p(levels | codes) of each, nats, float64 (B,), where there is one."""


@dataclass(frozen=True)
class Origin:
    """Whose codes they are.

    Attributes:
        sha256: of the model that makes them: its configuration, what it reads, its weights; "" of one that is
            planned, and still to be trained.
        reason: why there is no probability of arrays given their codes; "" where there is one.
    """

    sha256: str
    reason: str = ""


@dataclass(frozen=True)
class LearnedForm:
    """What is written of a learned codec."""

    data: dict[str, object]
    grid: tuple[int, ...]
    codes: int
    sha256: str
    reason: str = ""


class LearnedCodec(Codec):
    """Arrays as the codes of a trained model, along the axes in the order of tokens.

    One more id stands before every array.  As a text, an array is its codes as decimal numbers in that order
    with blanks between them.

    Args:
        array: what the arrays are; its classes are left out.
        grid: codes along each axis.
        codes: how many different ones there are.
        origin: whose they are.
        coder: what makes them; None: whoever opens the data or the run attaches it.
    """

    name = "run"
    length: int
    array: ArraySpec

    def __init__(
        self,
        array: ArraySpec,
        grid: tuple[int, ...],
        codes: int,
        origin: Origin,
        coder: Coder | None = None,
    ) -> None:
        if len(grid) != len(array.sizes) or min(grid) < 1 or codes < 2:
            raise ValueError(
                f"a grid of codes of {array.medium.one} has {len(array.sizes)} sides of 1 or more"
            )
        self.array, self.grid, self.codes, self.origin = replace(array, classes=()), grid, codes, origin
        self.length = math.prod(grid)
        self._coder = coder
        self._order = (0, *(axis + 1 for axis in array.axes))
        self._back = tuple(self._order.index(axis) for axis in range(len(self._order)))
        self._ordered = tuple(grid[axis] for axis in array.axes)

    @property
    def vocab_size(self) -> int:
        return self.codes + 1

    @property
    def start(self) -> int:
        return self.codes

    @property
    def outputs(self) -> int:
        return self.codes

    @property
    def coder(self) -> Coder:
        """What makes codes and reads them.

        Raises:
            ConfigError: nobody has attached it.
        """
        if self._coder is None:
            raise ConfigError(
                f"codes of {self.medium.many} are shown by the run that made them, which is not loaded here:"
                " load this run by genkit.load."
            )
        return self._coder

    def attached(self, coder: Coder) -> LearnedCodec:
        """The same codec, with what makes its codes."""
        return LearnedCodec(self.array, self.grid, self.codes, self.origin, coder)

    def in_order(self, codes: np.ndarray) -> np.ndarray:
        """Codes (B, G…) as ids without the start, (B, T)."""
        return np.reshape(codes.transpose(self._order), (len(codes), -1))

    def on_grid(self, ids: np.ndarray) -> np.ndarray:
        """Ids (B, T) of whole arrays as codes, int64 (B, G…); a start is the highest code."""
        codes = np.asarray(ids, np.int64).clip(0, self.codes - 1)
        return codes.reshape(-1, *self._ordered).transpose(self._back)

    def to_ids(self, levels: np.ndarray) -> np.ndarray:
        """Levels (B, C, S…) as ids without the start, int64 (B, T)."""
        return self.in_order(self.coder.codes(levels))

    def to_unit(self, ids: np.ndarray) -> np.ndarray:
        """Ids (B, T) of whole arrays as arrays in [0, 1], float32 (B, C, S…)."""
        return self.coder.unit(self.on_grid(ids))

    def encode(self, text: str) -> np.ndarray:
        words = text.split()
        wrong = [w for w in words if not (w.isascii() and w.isdecimal() and int(w) < self.codes)]
        if wrong or len(words) > self.length:
            what = f"{wrong[0]!r} is no code" if wrong else f"{len(words)} codes are too many"
            raise ConfigError(
                f"{what}: {self.medium.one} begins with up to {self.length} codes from 0 to {self.codes - 1},"
                " with blanks between them."
            )
        return np.array([int(word) for word in words], dtype=np.int64)

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        return " ".join(map(str, np.asarray(ids, np.int64).tolist()))

    def shown(self, sequences: Sequence[np.ndarray]) -> Shown:
        """What is missing at the end of a sequence has the codes of black, or silence."""
        if not len(sequences):
            return self.array.shown(np.empty((0, *self.array.shape), np.uint8))
        if any(len(ids) < self.length for ids in sequences):
            nothing = np.full((1, *self.array.shape), self.array.nothing, np.uint16)
            filling = self.to_ids(nothing)[0]
            sequences = [np.append(ids, filling[len(ids) :]) for ids in sequences]
        unit = self.to_unit(np.stack([ids[: self.length] for ids in sequences]))
        return Shown(arrays=self.array.as_shown(unit), array=self.array.native)

    def to_dict(self) -> dict[str, object]:
        return {
            "name": self.name,
            "data": self.array.form(),
            "grid": list(self.grid),
            "codes": self.codes,
            "sha256": self.origin.sha256,
            **({"reason": self.origin.reason} if self.origin.reason else {}),
        }

    @classmethod
    def from_form(cls, plain: Mapping[str, object]) -> LearnedCodec:
        """A codec, without its coder, of what `to_dict` wrote.

        Raises:
            ValueError: it is none.
        """
        form = typed({key: value for key, value in plain.items() if key != "name"}, LearnedForm)
        origin = Origin(form.sha256, form.reason)
        return cls(ArraySpec.from_form(form.data), form.grid, form.codes, origin)
