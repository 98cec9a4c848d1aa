"""What the data is: the shape, range and levels of arrays, or the codec of tokens.

A spec is known before any model is built and is all that a model learns of its data, so no configuration
repeats an image size or a vocabulary size.  It is plain data: a run saves it as JSON and reads it back.
Nothing here imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from genkit.core.codecs import Codec, PixelCodec, codec_from_dict

CONTEXT = 64  # tokens that a model reads where nobody says how many and examples have no length of their own


@dataclass(frozen=True)
class View:
    """What a model asks of its data, said by its configuration before anything heavy is imported.

    Attributes:
        kind: "arrays" or "tokens".
        sizes: for arrays, the square sizes that the model takes; empty means any.
        block_size: for tokens, the length of the windows that the model reads; 0: as the data has it.
    """

    kind: str
    sizes: tuple[int, ...] = ()
    block_size: int = 0


@dataclass(frozen=True)
class ArraySpec:
    """Images (C, H, W) on disk as integers 0 … levels - 1, in a model as floats in [0, 1].

    `levels` is how many distinct values an entry can take: 256 for 8-bit pictures, 17 for scikit-learn's
    digits, 2 for binarised ones.  `classes` are the names of the labels, empty where there are none.
    """

    channels: int
    height: int
    width: int
    levels: int = 256
    classes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.channels, self.height, self.width

    @property
    def size(self) -> int:
        """Numbers in one example, C·H·W."""
        return self.channels * self.height * self.width

    @property
    def is_text(self) -> bool:
        """Whether a sample is shown as a text."""
        return False

    @property
    def image(self) -> ArraySpec | None:
        """What a sample is as an image."""
        return self

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "arrays",
            "shape": list(self.shape),
            "levels": self.levels,
            "classes": list(self.classes),
        }


@dataclass(frozen=True)
class TokenSpec:
    """Sequences of token ids 0 … vocab_size - 1 and the codec that made them.

    `separator` is the text that ends a document, where the data has documents; a sampler stops there
    unless told otherwise.  `classes` as in `ArraySpec`.  `window` is the context that suits a text too short
    for the usual one.
    """

    codec: Codec
    separator: str | None = None
    classes: tuple[str, ...] = ()
    window: int | None = None

    @property
    def vocab_size(self) -> int:
        return self.codec.vocab_size

    @cached_property
    def opening(self) -> np.ndarray:
        """Ids that stand before a text as in training, int64 (T,): those that a separator has between two
        documents, or the codec's start."""
        mark = self.codec.mark(self.separator) if self.separator else ()
        return np.array(mark if len(mark) else [self.codec.start], dtype=np.int64)

    def encode(self, text: str) -> np.ndarray:
        """Ids of a text after its opening, int64 (T,)."""
        return self.codec.after(self.separator, text) if self.separator else self.codec.encode(text)

    @property
    def length(self) -> int | None:
        """Tokens in a whole example, where every one has the same; None for texts of any length."""
        return self.codec.length

    @property
    def context(self) -> int:
        """Tokens of context that this data suggests: a whole example, or a usual number if it has as many."""
        return self.codec.length or self.window or CONTEXT

    @property
    def is_text(self) -> bool:
        """Whether a sample is shown as a text; else its tokens are the pixels of an image."""
        return not isinstance(self.codec, PixelCodec)

    @property
    def image(self) -> ArraySpec | None:
        """What a sample is as an image, where its tokens are pixels; None for texts."""
        if not isinstance(self.codec, PixelCodec):
            return None
        return ArraySpec(
            self.codec.channels, self.codec.height, self.codec.width, self.codec.levels, self.classes
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": "tokens",
            "codec": self.codec.to_dict(),
            "separator": self.separator,
            "classes": list(self.classes),
            **({} if self.window is None else {"window": self.window}),
        }


Spec = ArraySpec | TokenSpec


def spec_from_dict(plain: dict[str, Any]) -> Spec:
    """Rebuild a spec from `to_dict()`.

    Raises:
        ValueError: the dictionary is not a spec.
    """
    classes = tuple(str(name) for name in plain.get("classes", ()))
    if plain.get("kind") == "arrays":
        channels, height, width = (int(n) for n in plain["shape"])
        levels = int(plain["levels"])
        if not 2 <= levels <= 256 or min(channels, height, width) < 1:
            raise ValueError(f"no images of {channels}×{height}×{width} with {str(levels)[:20]} levels")
        return ArraySpec(channels, height, width, levels, classes)
    if plain.get("kind") == "tokens":
        separator, window = plain.get("separator"), plain.get("window")
        return TokenSpec(
            codec_from_dict(plain["codec"]),
            None if separator is None else str(separator),
            classes,
            None if window is None else min(max(1, int(window)), CONTEXT),
        )
    raise ValueError(f"not a data spec: kind={plain.get('kind')!r}")
