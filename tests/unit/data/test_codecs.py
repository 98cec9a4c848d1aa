"""Codecs are reversible over all of Unicode, and survive being written down."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genkit.core.codecs import ByteCodec, CharCodec, PixelCodec, SubwordCodec, codec_from_dict
from genkit.core.spec import ArraySpec
from genkit.data.text.tokenisers import ready_made, train_bpe
from genkit.system.errors import ConfigError, DataError

BPE = train_bpe(["hello world, hallo Welt, 你好 世界\n" * 50], 320, "\x1e")


def again(codec):
    return codec_from_dict(json.loads(json.dumps(codec.to_dict())))


@given(st.text())
def test_bytes_are_reversible(text):
    assert ByteCodec().decode(ByteCodec().encode(text)) == text


@given(st.text())
def test_byte_pairs_are_reversible(text):
    ids = BPE.encode(text)
    assert BPE.decode(ids) == text
    assert (again(BPE).encode(text) == ids).all()
    assert not len(ids) or 0 <= ids.min() <= ids.max() < BPE.vocab_size


@given(st.text(min_size=1))
def test_characters_are_reversible(text):
    codec = CharCodec.of(text)
    assert codec.decode(codec.encode(text)) == text
    assert codec.vocab_size == len(set(text))
    assert again(codec).sha256() == codec.sha256()


@given(st.text(min_size=1), st.characters(exclude_categories=["Cs"]))
def test_characters_outside_are_listed(text, other):
    codec = CharCodec.of(text)
    if other in text:
        assert codec.decode(codec.encode(other)) == other
    else:
        with pytest.raises(ConfigError, match="outside the vocabulary"):
            codec.encode(text + other)


def test_long_texts_are_reversible_too():
    text = "hello world\n\n  hallo\r\nWelt " * 10_000
    assert BPE.decode(BPE.encode(text)) == text
    assert len(BPE.encode(text)) < len(text) / 2


def test_the_separator_is_one_token():
    ids = BPE.encode("hello\x1ehello")
    assert (ids == BPE.encode("\x1e")[0]).sum() == 1
    assert BPE.decode(ids) == "hello\x1ehello"


def test_a_tokeniser_from_a_folder(tmp_path):
    (tmp_path / "tokenizer.json").write_text(BPE.to_dict()["tokenizer"])
    assert ready_made(str(tmp_path)).sha256() == BPE.sha256()
    with pytest.raises(DataError, match=r"is missing; name a folder"):
        ready_made(str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match="tokenizer_path"):
        ready_made(None)
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        SubwordCodec("not json")


shapes = st.tuples(st.sampled_from([1, 3]), st.integers(1, 5), st.integers(1, 5))


@given(shapes, st.sampled_from([2, 17, 256]), st.integers(0, 2**32 - 1))
def test_pixels_are_reversible(shape, levels, seed):
    codec = PixelCodec(ArraySpec(shape[0], shape[1:], levels))
    images = np.random.default_rng(seed).integers(0, levels, (2, *shape)).astype(np.uint8)
    ids = codec.to_ids(images)
    for image, row in zip(images, ids, strict=True):
        assert (codec.to_array(row) == image).all()
        assert codec.encode(codec.decode(row)).tolist() == row.tolist()
        raster = itertools.product(*map(range, (*shape[1:], shape[0])))
        assert [image[channel, r, c] for r, c, channel in raster] == row.tolist()
    assert again(codec).to_dict() == codec.to_dict()
    assert codec.start == levels == codec.vocab_size - 1


def test_pixels_come_row_by_row():
    codec = PixelCodec(ArraySpec(3, (2, 2), 256))
    ids = codec.to_ids(np.arange(12).reshape(1, 3, 2, 2))[0]  # channel by channel, as they stand in memory
    assert ids.tolist() == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]
    unfinished = codec.to_array([5, codec.start])
    assert unfinished[:, 0, 0].tolist() == [5, 255, 0]
    assert unfinished.sum() == 260


@pytest.mark.parametrize("prompt", ["0 17", "-1", "x", "1.5", " ".join("0" * 65)])
def test_prompts_of_pixels_are_levels(prompt):
    with pytest.raises(ConfigError, match="up to 64 levels from 0 to 16"):
        PixelCodec(ArraySpec(1, (8, 8), 17)).encode(prompt)
