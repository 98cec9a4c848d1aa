"""Specs: plain data there and back, and nothing that is none."""

import json

import pytest

from genkit.core.codecs import ByteCodec, CharCodec
from genkit.core.spec import ArraySpec, TokenSpec, spec_from_dict

SPECS = [
    ArraySpec(1, (8, 8)),
    ArraySpec(3, (4, 6), 17, ("零", "1")),
    TokenSpec(ByteCodec()),
    TokenSpec(CharCodec.of("ab\n字"), "\n", ("x",)),
    TokenSpec(CharCodec.of("ab"), ""),
]


@pytest.mark.parametrize("spec", SPECS)
def test_there_and_back_through_json(spec):
    plain = json.loads(json.dumps(spec.to_dict()))
    assert spec_from_dict(plain).to_dict() == spec.to_dict()
    assert type(spec_from_dict(plain)) is type(spec)


def test_sizes():
    spec = ArraySpec(3, (4, 6))
    assert (spec.shape, spec.size, spec.levels) == ((3, 4, 6), 72, 256)
    assert TokenSpec(ByteCodec()).vocab_size == 256
    assert TokenSpec(CharCodec.of("ab\n")).vocab_size == 3


def test_a_spec_is_frozen_and_compares_by_value():
    assert ArraySpec(1, (8, 8)) == ArraySpec(1, (8, 8)) != ArraySpec(1, (8, 8), 17)
    with pytest.raises(AttributeError):
        SPECS[0].levels = 3


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"kind": "sounds"},
        {"kind": "arrays"},
        {"kind": "arrays", "shape": [1, 8], "levels": 2},
        {"kind": "arrays", "shape": [1, 8, "x"], "levels": 2},
        {"kind": "tokens"},
        {"kind": "tokens", "codec": {"name": "nope"}},
        {"kind": "tokens", "codec": {"name": "chars", "characters": []}},
    ],
)
def test_what_is_no_spec(plain):
    with pytest.raises((ValueError, KeyError)):
        spec_from_dict(plain)
