"""Patches of neighbours as tokens: back and forth, in the order of a bare loop, and what is no patch."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genkit.core.codecs import PatchCodec, PixelCodec, codec_from_dict
from genkit.core.media.image import IMAGE
from genkit.core.spec import ArraySpec, TokenSpec, spec_from_dict
from genkit.core.token_arrays import arrays_of, entries_of, ids_of, levels_of
from genkit.data.arrays.patches import array_codec
from genkit.system.errors import ConfigError

AXES = {1: ("time",), 2: ("height", "width"), 3: ("time", "height", "width")}


@st.composite
def codecs(draw):
    """Patches of at most 4,096 values, of arrays over one to three axes in any order."""
    axes = draw(st.integers(1, 3))
    order = draw(st.permutations(range(axes)))
    patch = draw(st.tuples(*[st.integers(1, 4)] * axes))
    counts = draw(st.tuples(*[st.integers(1, 3)] * axes))
    most = int(4096 ** (1 / math.prod(patch)) + 1e-9)
    levels = draw(st.integers(2, min(most, 256))) if most >= 2 else None
    if levels is None:
        patch, levels = (1,) * axes, draw(st.integers(2, 256))
    medium = replace(IMAGE, axes=AXES[axes], order=tuple(order))
    sizes = tuple(side * count for side, count in zip(patch, counts, strict=True))
    channels = draw(st.integers(1, 3))
    together = channels if draw(st.booleans()) and levels ** (channels * math.prod(patch)) <= 4096 else 1
    array = ArraySpec(channels, sizes, levels, medium=medium)
    return PatchCodec(array, (together, *patch) if draw(st.booleans()) or together > 1 else patch)


def some(codec, n=2, seed=0):
    array = codec.array
    return np.random.default_rng(seed).integers(0, array.levels, (n, *array.shape)).astype(np.uint8)


def by_loop(codec, array):
    """The ids of one array (C, *sizes): patch by patch, of each channel, or of all, a number whose digits are
    levels."""
    spec, found = codec.array, []
    patches = [range(size // side) for size, side in zip(spec.sizes, codec.patch, strict=True)]
    for patch in itertools.product(*(patches[axis] for axis in spec.axes)):
        number = 0
        for channel in range(spec.channels):
            for within in itertools.product(*(range(codec.patch[axis]) for axis in spec.axes)):
                place = [0] * len(spec.sizes)
                for axis, p, w in zip(spec.axes, patch, within, strict=True):
                    place[axis] = p * codec.patch[axis] + w
                number = number * spec.levels + int(array[(channel, *place)])
            if codec.together == 1 or channel == spec.channels - 1:
                found.append(number)
                number = 0
    return found


@given(codecs(), st.integers(0, 2**32 - 1))
def test_patches_are_reversible_and_stand_in_order(codec, seed):
    arrays = some(codec, seed=seed)
    ids = codec.to_ids(arrays)
    assert ids.shape == (2, codec.length)
    assert codec.length * codec.joined == codec.array.size == TokenSpec(codec).numbers
    for array, row in zip(arrays, ids, strict=True):
        assert row.tolist() == by_loop(codec, array)
        assert (codec.to_array(row) == array).all()
        assert codec.encode(codec.decode(row)).tolist() == row.tolist()
    assert 0 <= ids.min() <= ids.max() < codec.outputs == codec.start == codec.vocab_size - 1 <= 4096


@given(codecs(), st.integers(0, 2**32 - 1))
def test_tensors_are_read_as_arrays_are(codec, seed):
    arrays = some(codec, seed=seed)
    ids = torch.from_numpy(codec.to_ids(arrays).astype(np.int64))
    whole = torch.from_numpy(arrays.astype(np.int64))
    assert torch.equal(ids_of(codec, whole), ids)
    assert torch.equal(arrays_of(codec, ids), whole)
    assert torch.equal(levels_of(codec, ids), entries_of(codec, whole))
    assert codec.to_levels(ids[0].numpy()).tolist() == levels_of(codec, ids)[0].tolist()


@pytest.mark.parametrize("patch", [(2, 3), (1, 6), (1, 1), (3, 2, 1)])
def test_a_patch_is_written_down(patch):
    spec = TokenSpec(PatchCodec(ArraySpec(3, (4, 6), 4), patch), classes=("a", "b"))
    again = spec_from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again.to_dict() == spec.to_dict()
    assert (again.codec.patch, again.codec.array) == (patch[-2:], spec.codec.array)
    assert again.codec.grid == ((2, 6) if len(patch) == 3 else (*spec.codec.grid[:2], 3))
    assert again.array.classes == ("a", "b")
    assert codec_from_dict(spec.codec.to_dict()).sha256() == spec.codec.sha256()


def test_patches_of_one_entry_are_pixels():
    array = ArraySpec(3, (4, 6), 17)
    patches, pixels = PatchCodec(array, (1, 1)), PixelCodec(array)
    images = some(pixels)
    assert (patches.to_ids(images) == pixels.to_ids(images)).all()
    assert patches.vocab_size == pixels.vocab_size == 18


def test_an_unfinished_array_ends_in_zeros():
    codec = PatchCodec(ArraySpec(1, (2, 4), 3), (1, 2))
    assert codec.to_array([5, codec.start]).tolist() == [[[1, 2, 2, 0], [0, 0, 0, 0]]]
    assert codec.decode([5]) == "1 2"


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("0 0 3 0", "'3' is no level: an image begins with up to 8 levels from 0 to 2"),
        (" ".join("0" * 9), "9 levels are too many"),
        ("0 1 2", "3 levels end within a patch of 2; give a multiple of 2"),
    ],
)
def test_prompts_are_levels_of_whole_patches(prompt, said):
    codec = PatchCodec(ArraySpec(1, (2, 4), 3), (1, 2))
    with pytest.raises(ConfigError, match=said):
        codec.encode(prompt)
    assert codec.encode("0 1 2 0").tolist() == [1, 6]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"patch": [2]}, "has 2 sides"),
        ({"patch": [2, 2, 2]}, "one channel or all 1"),
        ({"patch": [2, 0]}, "has 2 sides of 1 or more"),
        ({"patch": [2, 3]}, "do not divide"),
        ({"patch": [4, 4]}, "2 levels in each patch are more than 4096"),
        ({"patch": [2, 2], "levels": 17}, "more than 4096"),
        ({"patch": 2}, "patch is not a list"),
        ({"patch": None}, "patch"),
        ({"patch": [10**30, 1]}, "do not divide"),
        ({"shape": [1, 10**30, 10**30], "patch": [10**30, 10**30]}, "more than 4096"),
    ],
)
def test_patches_that_there_are_not(changed, said):
    plain = {"name": "patches", "shape": [1, 8, 8], "levels": 2, **changed}
    with pytest.raises(ValueError, match=said) as refused:
        codec_from_dict(plain)
    assert len(str(refused.value)) < 200


def test_the_channels_of_a_patch_are_one_token_or_each():
    colour = ArraySpec(3, (4, 6), 8)
    assert array_codec("some", colour, (3, 1, 1), 0).length == 4 * 6
    assert array_codec("some", colour, (1, 2, 2), 0).length == 3 * 2 * 3
    assert array_codec("some", ArraySpec(1, (4, 6), 8), (1, 2, 2), 0).length == 2 * 3
    with pytest.raises(ConfigError, match=r"has 3 channels, .* all are one: data.patch=\[3,1,1\]"):
        array_codec("some", colour, (2, 1, 1), 0)
    with pytest.raises(ConfigError, match=r"have 8\^6 values.*fits is data.patch=\[3,1,1\]"):
        array_codec("some", colour, (3, 1, 2), 0)
