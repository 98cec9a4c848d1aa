"""The `tokenizers` library behind a narrow door: ids in and out, and everything it fails by as one line."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

MOST_IDS = 10_000_000  # rows of the largest embedding that anybody has, and some
# Steps that see a bounded stretch around each place; what is not listed may count from a text's beginning.
LOCAL = {
    *("Sequence", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Lowercase", "StripAccents", "BertNormalizer"),
    *("Replace", "Prepend", "Strip", "Precompiled", "ByteLevel", "Split", "Metaspace", "Whitespace"),
    *("WhitespaceSplit", "BertPreTokenizer", "Punctuation", "Digits", "CharDelimiterSplit", "UnicodeScripts"),
}


class Subwords:
    """A tokeniser of the library.

    Args:
        plain: the content of a `tokenizer.json`.

    Attributes:
        ids: one more than the highest id; some below it may be nobody's.
        by_pairs: whether it merges pairs.
        local: whether all of its steps look at a bounded stretch.

    Raises:
        ValueError: the library cannot read it, or its ids are beyond all bounds.
    """

    def __init__(self, plain: str) -> None:
        from tokenizers import Tokenizer

        with _as_line():
            self._tokenizer = Tokenizer.from_str(plain)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        if getattr(
            self._tokenizer.model, "dropout", None
        ):  # merges left out by chance: another text each time
            self._tokenizer.model.dropout = None
        known = self._tokenizer.get_vocab(with_added_tokens=True)
        self.ids = 1 + max(known.values(), default=-1)
        if not 0 < self.ids <= MOST_IDS:
            raise ValueError(f"{len(known):,} tokens have ids up to {self.ids - 1:,}; number them anew")
        about = json.loads(self._tokenizer.to_str())
        self.by_pairs = about["model"]["type"] == "BPE"
        self.local = set(_kinds([about["normalizer"], about["pre_tokenizer"]])) <= LOCAL

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of each text, read as a text of its own, int64 (T,).

        Raises:
            ValueError: the library cannot read a text.
        """
        with _as_line():
            encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(part.ids, dtype=np.int64) for part in encoded]

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        with _as_line(silent=False):  # which costs nothing: tokens are drawn and decoded one by one
            return self._tokenizer.decode(np.asarray(ids).tolist(), skip_special_tokens=False)

    def id_of(self, token: str) -> int | None:
        return self._tokenizer.token_to_id(token)

    def to_str(self) -> str:
        return self._tokenizer.to_str()


def _kinds(step: Any) -> Iterator[str]:
    """The types of a step and of the steps in it."""
    if isinstance(step, list):
        for part in step:
            yield from _kinds(part)
    elif step is not None:
        yield step["type"]
        for inner in ("normalizers", "pretokenizers"):
            yield from _kinds(step.get(inner))


@contextmanager
def _as_line(*, silent: bool = True) -> Iterator[None]:
    """What the library raises becomes a ValueError of one line, its panics (which are no `Exception`) too.

    Args:
        silent: keep what a panic writes to stderr by itself to ourselves.
    """
    try:
        if silent:
            with _held_back():
                yield
        else:
            yield
    except BaseException as error:
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            raise ValueError(f"the tokenizers library: {' '.join(str(error).split())[:120]}") from None
        raise


@contextmanager
def _held_back() -> Iterator[None]:
    """What is written to the process's stderr, passed on unless there was a panic."""
    try:
        sys.stderr.flush()
        own = os.dup(2)
    except (OSError, ValueError, AttributeError):  # a process without stderr
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        panicked = False
        try:
            yield
        except BaseException as error:
            panicked = type(error).__name__ == "PanicException"
            raise
        finally:
            os.dup2(own, 2)
            os.close(own)
            kept.seek(0)
            if not panicked and (written := kept.read()):
                os.write(2, written)
