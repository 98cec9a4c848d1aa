"""What the data is: arrays (`array_spec`), or tokens by the codec that made them.

A spec is known before any model is built and is all that a model learns of its data, so no configuration
repeats an image size or a vocabulary size.  It is plain data: a run saves it as JSON and reads it back.
Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np

from genkit.core.array_spec import NOWHERE, ArraySpec, DataSpec
from genkit.core.captions import Captions
from genkit.core.codecs import ArrayCodec, Codec, LearnedCodec, codec_from_dict
from genkit.core.media.medium import Medium, Shown
from genkit.core.pairs import Pairs, Turn, pairs_from_dict
from genkit.core.separators import completed
from genkit.system.errors import ConfigError
from genkit.system.schemas import typed

__all__ = ["CONTEXT", "ArraySpec", "DataSpec", "Spec", "TokenSpec", "View", "spec_from_dict"]

CONTEXT = 64  # tokens that a model reads where nobody says how many and examples have no length of their own


@dataclass(frozen=True)
class View:
    """What a model asks of its data, said by its configuration before anything heavy is imported.

    Attributes:
        kind: "arrays" or "tokens".
        sizes: for arrays, the sizes that the model takes for a side; empty means any.
        block_size: for tokens, the length of the windows that the model reads; 0: as the data has it.
        axes: for arrays, the number of axes that the model takes; 0: any.
    """

    kind: str
    sizes: tuple[int, ...] = ()
    block_size: int = 0
    axes: int = 0


@dataclass(frozen=True)
class TokenSpec(DataSpec):
    """Sequences of token ids 0 … vocab_size - 1 and the codec that made them.

    `separator` is the text that ends a document, where the data has documents; a sampler stops there
    unless told otherwise.  `classes` as in `ArraySpec`.  `window` is the context that suits a text too short
    for the usual one.  `captions` may stand before examples of arrays; their ids are behind those of the
    codec.  `pairs` says how prompts stand before answers, where the data are both; None of all others.
    `apart`: each document is read by itself, from its beginning, which the separator before it is.
    """

    kind: ClassVar[Literal["tokens"]] = "tokens"

    codec: Codec
    separator: str | None = None
    classes: tuple[str, ...] = ()
    window: int | None = None
    captions: Captions | None = None
    pairs: Pairs | None = None
    apart: bool = False

    @property
    def vocab_size(self) -> int:
        """Different tokens; ids are below it."""
        return self.codec.vocab_size + (0 if self.captions is None else self.captions.vocab_size)

    @property
    def caption_length(self) -> int:
        """Ids of a caption, which stand before the start of each example; 0 where there are no captions."""
        return 0 if self.captions is None else self.captions.length

    def caption_ids(self, texts: Sequence[str]) -> np.ndarray:
        """Captions as they stand before examples, int64 (n, L); L is 0 where there are none.

        Raises:
            ConfigError: one is longer than captions are.
        """
        if self.captions is None:
            return np.zeros((len(texts), 0), dtype=np.int64)
        known = {text: self.captions.ids(text) for text in dict.fromkeys(texts)}
        ids = np.reshape([known[text] for text in texts], (len(texts), self.captions.length))
        return ids.astype(np.int64) + self.codec.vocab_size

    def captions_of(self, windows: np.ndarray) -> list[str]:
        """The caption of each window, (n, T), or of its caption's ids alone; [] where there are none."""
        if (captions := self.captions) is None:
            return []
        ids = np.asarray(windows)[:, : captions.length].astype(np.int64) - self.codec.vocab_size
        return [captions.text(row) for row in ids]

    @cached_property
    def mark(self) -> np.ndarray:
        """Ids that a separator has between two documents, int64 (L,); none where there are no documents."""
        found = self.codec.mark(self.separator) if self.separator else ()
        return np.array(found, dtype=np.int64)

    @cached_property
    def opening(self) -> np.ndarray:
        """Ids that stand before a text as in training, int64 (T,): those of a separator, of which documents
        that are apart see the last, or the codec's start, and before that the empty caption where there are
        captions."""
        if self.captions is not None:
            return np.append(self.caption_ids([""])[0], self.codec.start)
        mark = self.mark[-1:] if self.apart else self.mark
        return mark if len(mark) else np.array([self.codec.start], dtype=np.int64)

    def last_document(self, ids: np.ndarray) -> int:
        """Where the last document of some ids begins, all that a model reads of them if documents are apart;
        else 0."""
        begins = np.flatnonzero(completed(ids, self.mark)).tolist() if self.apart else []
        return begins[-1] if begins else 0

    def encode(self, text: str) -> np.ndarray:
        """Ids of a text after its opening, int64 (T,)."""
        return self.codec.after(self.separator, text) if self.separator else self.codec.encode(text)

    def asked(self, turns: Sequence[Turn]) -> np.ndarray:
        """Ids of a conversation after their opening, up to where the next answer begins, int64 (T,).

        Raises:
            ConfigError: these data are no pairs.
            DataError: their template does not take such turns.
        """
        if self.pairs is None:
            raise ConfigError("these data are no pairs of prompts and answers.")
        return self.encode(self.pairs.asked(turns))

    def banned(self, texts: Sequence[str]) -> np.ndarray:
        """The ids of tokens that are never to be drawn, given as texts, int64 (n,).

        Raises:
            ConfigError: a text is not one token, or no token is left.
        """
        ids = set()
        for text in texts:
            encoded = self.codec.mark(text)
            if len(encoded) != 1:
                raise ConfigError(f"bad_tokens={text!r} is {len(encoded)} tokens; give each token by itself.")
            ids.add(int(encoded[0]))
        if len(ids) == self.codec.vocab_size:
            raise ConfigError("bad_tokens leaves no token to draw; leave one out.")
        return np.array(sorted(ids), dtype=np.int64)

    @property
    def length(self) -> int | None:
        """Tokens in a whole example, where every one has the same; None for texts of any length."""
        return self.codec.length

    @property
    def context(self) -> int:
        """Tokens of context that this data suggests: a whole example, its caption included, or a usual number
        if it has as many."""
        return self.caption_length + (self.codec.length or self.window or CONTEXT)

    @property
    def medium(self) -> Medium:
        return self.codec.medium

    @property
    def array(self) -> ArraySpec | None:
        return self.codec.array and replace(self.codec.array, classes=self.classes)

    @property
    def array_codec(self) -> ArrayCodec | None:
        """The codec, where ids are levels of arrays."""
        return self.codec if isinstance(self.codec, ArrayCodec) else None

    @property
    def learned_codec(self) -> LearnedCodec | None:
        """The codec, where ids are codes that a trained model makes of arrays."""
        return self.codec if isinstance(self.codec, LearnedCodec) else None

    @property
    def numbers(self) -> int:
        return 1 if self.codec.array is None else self.codec.array.numbers

    @property
    def unstreamed(self) -> str:
        """Why an example cannot be shown while it is drawn, to follow who draws it; "" where it can: a text,
        or what is over time alone and has an entry for each of what it stands for."""
        array = self.array
        plain = array is not None and array.names == ("time",) and array.sizes == array.native.sizes
        if array is None or (plain and self.learned_codec is None):
            return ""
        many = self.medium.many
        if self.learned_codec is not None:
            return f"draws {many} by codes, whose way back needs all of each"
        if array.representation is None:
            return f"draws {many}, which are not streamed"
        return f"draws {many} by {array.representation.name}, whose way back needs the whole of each"

    def sequences(self, windows: Sequence[np.ndarray] | np.ndarray) -> list[np.ndarray]:
        """Windows as a dataset's `gather` has them, without what is no part of an example: of texts what lies
        outside the data (below 0), of arrays their captions and their start."""
        before = self.caption_length + 1
        return [window[window >= 0] if self.array is None else window[before:] for window in windows]

    def shown(self, rows: Sequence[np.ndarray] | np.ndarray, about: Mapping[str, object] = NOWHERE) -> Shown:
        return self.read(self.sequences(rows), about)

    def read(self, sequences: Sequence[np.ndarray], about: Mapping[str, object] = NOWHERE) -> Shown:
        """Sequences of ids without a start, int64 (T_i,), as their medium shows them."""
        return replace(self.codec.shown(sequences), about=about)

    def to_dict(self) -> dict[str, object]:
        return {
            "kind": self.kind,
            "codec": self.codec.to_dict(),
            "separator": self.separator,
            "classes": list(self.classes),
            **({} if self.window is None else {"window": self.window}),
            **({} if self.captions is None else {"captions": self.captions.to_dict()}),
            **({} if self.pairs is None else {"pairs": self.pairs.to_dict()}),
            **({"apart": True} if self.apart else {}),
        }


@dataclass(frozen=True)
class TokenForm:
    """What is written of a token spec."""

    codec: dict[str, object]
    separator: str | None = None
    classes: tuple[str, ...] = ()
    window: int | None = None
    captions: dict[str, object] | None = None
    pairs: dict[str, object] | None = None
    apart: bool = False


Spec = ArraySpec | TokenSpec


def spec_from_dict(plain: Mapping[str, object]) -> Spec:
    """Rebuild a spec from `to_dict()`.

    Raises:
        ValueError: the dictionary is not a spec.
        ConfigError: nobody here knows its medium.
    """
    kind = plain.get("kind")
    if kind == "arrays":
        return ArraySpec.from_form(plain, typed(plain.get("classes", ()), tuple[str, ...], "classes"))
    if kind == "tokens":
        form = typed(plain, TokenForm)
        window = None if form.window is None else min(max(1, form.window), CONTEXT)
        codec, captions = codec_from_dict(form.codec), form.captions and Captions.from_dict(form.captions)
        if captions and codec.array is None:
            raise ValueError(f"{codec.medium.many} have no captions")
        pairs = form.pairs and pairs_from_dict(form.pairs)
        if pairs and (codec.array is not None or not form.separator):
            raise ValueError("pairs are texts with a separator")
        if form.apart and not form.separator:
            raise ValueError("documents that are apart have a separator")
        about = captions or None, pairs or None, form.apart
        return TokenSpec(codec, form.separator, form.classes, window, *about)
    raise ValueError(f"not a data spec: kind={str(kind)[:40]!r}")
