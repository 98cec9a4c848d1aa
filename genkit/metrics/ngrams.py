"""Texts as words, words as n-grams, and which n-grams stand in a long text that is read piece by piece."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

# Chinese and Japanese are written without blanks: each of their characters counts as a word, as in
# sacrebleu's tokeniser "zh".
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+|[^\w\s]")
PIECE = 1_000_000  # characters of a source that are looked at once
RULE = "words, marks and CJK characters"


def words(text: str) -> list[str]:
    """Runs of letters and digits, each mark, each CJK character; blanks only separate."""
    return _WORD.findall(text)


def ngrams(tokens: Sequence[str], n: int) -> list[tuple[str, ...]]:
    """All n-grams in order."""
    return list(zip(*(tokens[i:] for i in range(n)), strict=False))


class Grams:
    """Word n-grams as 64-bit hashes, the same for equal n-grams.

    Two different n-grams have one hash with a chance of 2^-64 a pair.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._random = np.random.Generator(np.random.Philox(0))

    def encode(self, tokens: Sequence[str]) -> np.ndarray:
        """A random number for each word, uint64 (T,)."""
        known = self._numbers
        for token in tokens:
            if token not in known:
                known[token] = int(self._random.integers(0, 2**64, dtype=np.uint64))
        return np.array([known[token] for token in tokens], dtype=np.uint64)

    def hashes(self, encoded: np.ndarray, n: int) -> np.ndarray:
        """Of every n-gram of encoded words, uint64 (T - n + 1,)."""
        count = max(0, len(encoded) - n + 1)
        total = np.zeros(count, np.uint64)
        for place in range(n):
            total = mixed(total) + encoded[place : place + count]
        return mixed(total)


def mixed(values: np.ndarray) -> np.ndarray:
    """A bijection of 64-bit numbers that spreads every bit (the finaliser of splitmix64)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed


def word_pieces(source: Iterable[str], overlap: int) -> Iterator[list[str]]:
    """The words of a text in pieces, each list beginning with the last `overlap` of the one before.

    A word that a piece cuts is put together.
    """
    rest, kept = "", list[str]()
    for piece in source:
        text = rest + piece
        cut = max((text.rfind(blank) for blank in " \n\t"), default=-1) + 1
        if not cut and len(text) < PIECE:
            rest = text
            continue
        cut = cut or len(text)
        found = [*kept, *words(text[:cut])]
        yield found
        kept, rest = found[max(0, len(found) - overlap) :] if overlap else [], text[cut:]
    yield [*kept, *words(rest)]


def known_grams(texts: Sequence[Sequence[str]], source: Iterable[str], n: int) -> list[np.ndarray]:
    """Of each n-gram of each text (given as words) whether it stands in the source, bool (T_i - n + 1,).

    Memory is bounded by the texts, the source's vocabulary and one piece of it.
    """
    grams = Grams()
    asked = [grams.hashes(grams.encode(text), n) for text in texts]
    queries = np.unique(np.concatenate(asked)) if asked else np.zeros(0, np.uint64)
    known = present(queries, (grams.hashes(grams.encode(tokens), n) for tokens in word_pieces(source, n - 1)))
    return [known[np.searchsorted(queries, hashes)] for hashes in asked]


def present(queries: np.ndarray, pieces: Iterable[np.ndarray]) -> np.ndarray:
    """Which of these hashes (uint64, increasing) occur in a stream of others, bool."""
    known = np.zeros(len(queries), bool)
    # Most hashes of a long stream are no query: a look into a table of 2^24 short ones says so at once.
    table, short = np.zeros(2**24, bool), np.uint64(40)
    table[queries >> short] = True
    for hashes in pieces:
        known |= np.isin(queries, hashes[table[hashes >> short]])
    return known
