"""Codecs: every text that can be encoded comes back, all others are refused with the characters."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genkit.core.codecs import ByteCodec, CharCodec, codec_from_dict
from genkit.system.errors import ConfigError

TEXT = st.text(st.characters(exclude_categories=("Cs",)))


@settings(max_examples=100, deadline=None)
@given(TEXT.filter(bool))
def test_characters_come_back(text):
    codec = CharCodec.of(text)
    ids = codec.encode(text)
    assert codec.vocab_size == len(set(text))
    assert ids.dtype == np.int64
    assert len(ids) == len(text)
    assert codec.decode(ids) == text
    again = codec_from_dict(json.loads(json.dumps(codec.to_dict())))
    assert again.encode(text).tolist() == ids.tolist()


@settings(max_examples=100, deadline=None)
@given(TEXT)
def test_bytes_come_back(text):
    codec = ByteCodec()
    assert codec.encode(text).tolist() == list(text.encode())
    assert codec.decode(codec.encode(text)) == text


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 255)))
def test_any_bytes_decode_to_some_text(ids):
    assert ByteCodec().decode(ids) == bytes(ids).decode("utf-8", "replace")


def test_ids_are_in_the_order_of_code_points():
    codec = CharCodec.of("ba\n字😀")
    assert codec.characters == "\nab字😀"
    assert codec.encode("a字").tolist() == [1, 3]
    assert codec.decode([4, 0]) == "😀\n"


@pytest.mark.parametrize(("text", "start"), [("ab\n", 0), ("\tb\n", 1), ("ab", 0)])
def test_a_text_begins_after_a_newline_where_there_is_one(text, start):
    assert CharCodec.of(text).start == start


@pytest.mark.parametrize(
    ("text", "listed"),
    [("aQb", "'Q'"), ("QZQ", "'Q' 'Z'"), ("\x1b", r"'\x1b'"), ("é", "'é'"), ("\U0010ffff", r"'\U0010ffff'")],
)
def test_characters_outside_the_vocabulary_are_listed(text, listed):
    with pytest.raises(ConfigError) as refused:
        CharCodec.of("abc\n").encode(text)
    assert f"outside the vocabulary of 4: {listed}." in str(refused.value)


def test_a_long_list_is_cut():
    with pytest.raises(ConfigError) as refused:
        CharCodec.of("a").encode("".join(map(chr, range(0x4E00, 0x5E00))))
    assert len(str(refused.value)) < 400


def test_unknown_and_empty_codecs():
    with pytest.raises(ValueError, match="unknown codec 'nope'"):
        codec_from_dict({"name": "nope"})
    with pytest.raises(ValueError, match="at least one character"):
        CharCodec([])
