"""The `tokenizers` library behind a narrow door: ids in and out, and everything it fails by as one line."""

from __future__ import annotations

import base64
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np

from genkit.core.byte_level import cuts_of, is_exact
from genkit.system.plain import parse_json

MOST_IDS = 10_000_000  # rows of the largest embedding that anybody has, and some
# A normaliser may make so many letters of one, or of a text as many as memory bears.
GROWTH, MOST_LETTERS = 400, 10_000_000
MOST_OF_TOKEN = 100_000  # letters that one token may stand for
COMPOSED = {"NFKC": 18, "NFKD": 18, "NFD": 4, "BertNormalizer": 4, "ByteLevel": 4}  # letters of one, at most
EMPTY = re.compile(r"[*?|^$]|\{0|\{,|\\[bBAzZGK]")  # in a pattern that may match nothing at all
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
        exact: whether it is proved to give back whatever it reads.
        cuts: where a text may be cut, as far as that is proved.

    Raises:
        ValueError: the library cannot read it, or its ids are beyond all bounds.
    """

    def __init__(self, plain: str) -> None:
        about = _about(plain)  # before the library reads it, which takes memory by the highest id
        from tokenizers import Tokenizer
        from tokenizers.models import BPE

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
        if not self.ids:
            raise ValueError("it has no tokens")
        self.by_pairs = isinstance(self._tokenizer.model, BPE)
        self._growth, self._before = _growth(about.get("normalizer"))
        letters = max(map(len, known)) * _growth(about.get("decoder"))[0]
        if letters > MOST_OF_TOKEN:
            raise ValueError(f"a token of it may stand for {letters:,} letters")
        steps = _steps([about.get("normalizer"), about.get("pre_tokenizer")])
        self.local = {str(step.get("type")) for step in steps} <= LOCAL
        self.exact, self.cuts = is_exact(about), cuts_of(about)

    def encode(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Ids of each text, read as a text of its own, int64 (T,).

        Raises:
            ValueError: the library cannot read a text.
        """
        letters = sum(map(len, texts)) + self._before
        if self._growth > GROWTH and letters * self._growth > MOST_LETTERS:
            raise ValueError(f"its normaliser may make {letters * self._growth:,} letters of {letters:,}")
        with _as_line():
            encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(part.ids, dtype=np.int64) for part in encoded]

    def decode(self, ids: Sequence[int] | np.ndarray) -> str:
        with _as_line(silent=False):  # which costs nothing: tokens are drawn and decoded one by one
            return self._tokenizer.decode(np.asarray(ids).tolist(), skip_special_tokens=False)

    def id_of(self, token: str) -> int | None:
        return self._tokenizer.token_to_id(token)

    @cached_property
    def marks(self) -> frozenset[int]:
        """The ids of tokens that are marks, not text."""
        added = self._tokenizer.get_added_tokens_decoder()
        return frozenset(id_ for id_, token in added.items() if token.special)

    def before_text(self) -> list[int]:
        """The marks that its last step puts before a text."""
        with _as_line():
            whole = self._tokenizer.encode("a", add_special_tokens=True)
        before = whole.special_tokens_mask.index(0) if 0 in whole.special_tokens_mask else 0
        return list(whole.ids[:before])

    def to_str(self) -> str:
        return self._tokenizer.to_str()


def _about(plain: str) -> dict[str, object]:
    """The content of a tokenizer.json.

    Raises:
        ValueError: it is no JSON object, or its ids are beyond all bounds.
    """
    about = parse_json(plain)
    if not isinstance(about, dict) or not isinstance(about.get("model"), dict):
        raise ValueError("it has no model")
    vocab, added = about["model"].get("vocab"), about.get("added_tokens")
    ids = list(vocab.values()) if isinstance(vocab, dict) else []
    ids += [token.get("id") for token in added or () if isinstance(token, dict)]
    highest = max((id_ for id_ in ids if isinstance(id_, int)), default=0)
    if highest >= MOST_IDS:
        raise ValueError(f"{len(ids):,} tokens have ids up to {highest:,}; number them anew")
    for step in _steps(about.get("normalizer")):
        if step.get("type") == "Precompiled":
            charsmap = base64.b64decode(str(step.get("precompiled_charsmap")))
            if len(charsmap) < 4 + int.from_bytes(charsmap[:4], "little"):
                raise ValueError("its precompiled_charsmap is shorter than it says")
    return about


def _steps(step: Any) -> Iterator[dict[str, object]]:
    """A step and the steps in it."""
    if isinstance(step, list):
        for part in step:
            yield from _steps(part)
    elif isinstance(step, dict):
        yield step
        for inner in ("normalizers", "pretokenizers", "decoders"):
            yield from _steps(step.get(inner))


def _growth(step: Any) -> tuple[int, int]:
    """How many letters a step and the steps in it may make of one, and how many they put before a text."""
    growth, before = 1, 0
    for part in _steps(step):
        kind, content = part.get("type"), len(str(part.get("content", "")))
        if kind == "Replace":
            growth *= _most(part.get("pattern"), content)
        elif kind == "Precompiled":
            charsmap = base64.b64decode(str(part.get("precompiled_charsmap")))
            found = charsmap[4 + int.from_bytes(charsmap[:4], "little") :].split(b"\0")
            growth *= max(1, *(len(text.decode("utf-8", "replace")) for text in found))
        elif kind == "Prepend":
            before += len(str(part.get("prepend", "")))
        else:
            growth *= COMPOSED.get(str(kind), 1)
        growth = min(growth, 10**12)
    return growth, before


def _most(pattern: Any, content: int) -> int:
    """How many letters may stand for one where so many take the place of a pattern."""
    literal, regex = (str(dict(pattern or {}).get(key) or "") for key in ("String", "Regex"))
    if literal:
        return max(1, -(-content // len(literal)))
    return 1 + content if not regex or EMPTY.search(regex) else max(1, content)


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
