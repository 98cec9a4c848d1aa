"""A text has the same ids however long it is and however it was cut: those that the library gives for it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from genkit.core import seams
from genkit.core.tokens import SubwordCodec
from tests.tokenisers import KINDS, TEXT

PLAIN = {name: make() for name, make in KINDS.items()}
CODECS = {name: SubwordCodec(tokenizer.to_str()) for name, tokenizer in PLAIN.items()}
WORDS = ["a", "aa", "the", " ", "  ", "\n", "\n\n", "\t", ".", "'s", "1234", "é", "e\u0301", "颜色", "，", "▁"]
WORDS += ["<s>", "<mask>", "blue", "<|endoftext|>", "x" * 30, "\r\n", "\u2028", "😀", "[UNK]", "##", "Hello world"]
MIXED = st.lists(st.sampled_from(WORDS), min_size=1, max_size=400).map("".join)


def by_the_library(name: str, text: str) -> list[int]:
    return PLAIN[name].encode(text, add_special_tokens=False).ids


@pytest.fixture
def short(monkeypatch):
    """Segments so short that a text of some words has many."""
    monkeypatch.setattr(seams, "SEGMENT", 96)
    monkeypatch.setattr(seams, "CONTEXT", 40)
    monkeypatch.setattr(seams, "BATCH", 3)


@pytest.mark.parametrize("name", KINDS)
def test_any_text_cut_anywhere_reads_as_the_whole(name, short):
    @settings(max_examples=60, deadline=None)
    @given(MIXED, st.lists(st.integers(0, 2000), max_size=6))
    def holds(text, cuts):
        places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
        pieces = [text[a:b] for a, b in zip(places, places[1:], strict=False)]
        found = list(CODECS[name].segments(pieces))
        assert "".join(segment.text for segment in found) == text
        assert np.concatenate([segment.ids for segment in found]).tolist() == by_the_library(name, text)
        assert CODECS[name].encode(text).tolist() == by_the_library(name, text)

    holds()
