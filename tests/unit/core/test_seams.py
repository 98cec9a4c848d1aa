"""A text has the same ids however long it is and however it was cut: those that the library gives for it."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from genkit.core import seams, word_cuts
from genkit.core.codecs import SubwordCodec, subword_codec
from tests.tokenisers import KINDS, TEXT, made

PLAIN = {name: made(name) for name in KINDS}
CODECS = {name: SubwordCodec(tokenizer.to_str()) for name, tokenizer in PLAIN.items()}
WORDS = [
    "a",
    "aa",
    "the",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    ".",
    "'s",
    "1234",
    "é",
    "e\u0301",
    "颜色",
    "，",
    "▁",
]
WORDS += [
    "<s>",
    "<mask>",
    "blue",
    "<|endoftext|>",
    "x" * 30,
    "\r\n",
    "\u2028",
    "😀",
    "[UNK]",
    "##",
    "Hello world",
    "\x1e",
    "\x1c",
    "\u00a0",
    "\u3000",
    "\u0085",
    "²",
    "½",
    "१२",
    "ſ",
    "…",
    "<|im_end|>",
]
MIXED = st.lists(st.sampled_from(WORDS), min_size=1, max_size=400).map("".join)


def by_the_library(name: str, text: str) -> list[int]:
    return PLAIN[name].encode(text, add_special_tokens=False).ids


@pytest.fixture
def short(monkeypatch):
    """Segments so short that a text of some words has many."""
    monkeypatch.setattr(seams, "SEGMENT", 96)
    monkeypatch.setattr(seams, "CONTEXT", 40)
    monkeypatch.setattr(seams, "BATCH", 3)
    monkeypatch.setattr(word_cuts, "STRETCH", 20)
    monkeypatch.setattr(subword_codec, "TOGETHER", 90)


@pytest.mark.parametrize("name", KINDS)
def test_any_text_cut_anywhere_reads_as_the_whole(name, short):
    @settings(max_examples=60, deadline=None)
    @given(MIXED, st.lists(st.integers(0, 2000), max_size=6))
    def holds(text, cuts):
        places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
        pieces = [text[a:b] for a, b in pairwise(places)]
        found = list(CODECS[name].segments(pieces))
        assert "".join(segment.text for segment in found) == text
        assert np.concatenate([segment.ids for segment in found]).tolist() == by_the_library(name, text)
        assert CODECS[name].encode(text).tolist() == by_the_library(name, text)

    holds()


@pytest.mark.parametrize("name", KINDS)
def test_a_long_text_reads_as_the_whole_in_segments_that_are_bounded(name, monkeypatch):
    monkeypatch.setattr(subword_codec, "TOGETHER", seams.SEGMENT - word_cuts.STRETCH)
    generator = np.random.default_rng(0)
    words_ = [word for word in WORDS if word not in ("<s>", "<mask>")]
    text = "".join(generator.choice(words_, 120_000).tolist())
    found = list(CODECS[name].segments([text]))
    assert np.concatenate([segment.ids for segment in found]).tolist() == by_the_library(name, text)
    assert len(text) > 2.5 * seams.SEGMENT
    assert max(len(segment.text) for segment in found) <= seams.SEGMENT + seams.CONTEXT
    assert len(found) > 2


def test_a_text_is_read_whole_where_no_seam_holds(short):
    """Groups of five counted from the beginning: a text that is cut counts anew."""
    plain = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2, "ba": 3}, [("a", "b"), ("b", "a")]))
    plain.pre_tokenizer = pre_tokenizers.FixedLength(length=5)
    codec, text = SubwordCodec(plain.to_str()), "aaabab" * 200
    assert codec.encode(text).tolist() == plain.encode(text).ids
    assert len(list(codec.segments([text]))) == 1


def test_a_word_longer_than_the_library_reads_is_one_unknown_wherever_it_stands(short):
    """WordPiece gives up words of over 100 characters, which no stretch of 40 can tell."""
    text = ("a the " * 30 + "x" * 230 + " the\n") * 5
    assert CODECS["bert"].encode(text).tolist() == by_the_library("bert", text)


def test_merges_are_never_left_out_by_chance():
    plain = Tokenizer.from_str(PLAIN["gpt2"].to_str())
    plain.model.dropout = 0.5
    codec = SubwordCodec(plain.to_str())
    assert {tuple(codec.encode(TEXT).tolist()) for _ in range(5)} == {tuple(by_the_library("gpt2", TEXT))}
