"""What a tokenizer.json proves, tried: where a text may be cut, and that its ids say all of it."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers

from genkit.core import word_cuts
from genkit.core.codecs import SubwordCodec, subword_codec
from genkit.core.word_cuts import GPT2, LLAMA3, WordCuts
from tests.tokenisers import KINDS, made
from tests.unit.core.test_seams import MIXED

ANY = st.text(st.characters(codec="utf-8"), max_size=80) | st.text(
    " \n\r\t\x1e\u2028a'sS1².，é\u0301", max_size=80
)
EXACT = ("gpt2", "llama3", "smollm")
CUT = (*EXACT, "qwen2")


def with_separators() -> Tokenizer:
    tokenizer = made("gpt2")
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in ("\n\n", "the end \n", " .")])
    return tokenizer


PLAIN = {**{name: made(name) for name in CUT}, "separators": with_separators()}
CODECS = {name: SubwordCodec(tokenizer.to_str()) for name, tokenizer in PLAIN.items()}


def test_what_is_proved_of_each_kind():
    codecs = {name: SubwordCodec(made(name).to_str()) for name in KINDS}
    assert tuple(name for name in KINDS if codecs[name].exact) == EXACT
    assert tuple(name for name in KINDS if codecs[name]._subwords.cuts is not None) == CUT


@pytest.mark.parametrize("name", [*EXACT, "separators"])
def test_what_is_exact_gives_back_any_text(name):
    @settings(max_examples=150, deadline=None)
    @given(ANY | MIXED)
    def holds(text):
        ids = PLAIN[name].encode(text, add_special_tokens=False).ids
        assert PLAIN[name].decode(ids, skip_special_tokens=False) == text

    assert CODECS[name].exact
    holds()


@pytest.mark.parametrize("name", PLAIN)
def test_a_text_that_is_cut_has_the_ids_of_the_whole(name, monkeypatch):
    monkeypatch.setattr(word_cuts, "STRETCH", 1)
    monkeypatch.setattr(subword_codec, "TOGETHER", 7)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(ANY | MIXED, max_size=4))
    def holds(pieces):
        text = "".join(pieces)
        stretches = list(CODECS[name]._subwords.cuts.stretches(pieces))
        assert "".join(stretches) == text
        assert all(stretches)
        whole = PLAIN[name].encode(text, add_special_tokens=False).ids
        parts = PLAIN[name].encode_batch(stretches, add_special_tokens=False)
        assert [id_ for part in parts for id_ in part.ids] == whole
        found = list(CODECS[name].segments(pieces))
        assert np.concatenate([np.empty(0, int), *(s.ids for s in found)]).tolist() == whole

    holds()


def changed(**parts) -> SubwordCodec:
    return SubwordCodec(json.dumps(json.loads(made("gpt2").to_str()) | parts))


def steps(*made_steps) -> dict:
    tokenizer = made("gpt2")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(list(made_steps))
    return json.loads(tokenizer.to_str())["pre_tokenizer"]


BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)
UNPROVED = {  # and a text that does not come back
    "normaliser": ({"normalizer": {"type": "Lowercase"}}, "A"),
    "composed": ({"normalizer": {"type": "NFC"}}, "e\u0301"),
    "removed": ({"pre_tokenizer": steps(pre_tokenizers.Split(" ", "removed"), BYTES)}, "a b"),
    "whitespace": ({"pre_tokenizer": steps(pre_tokenizers.WhitespaceSplit(), BYTES)}, "a b"),
    "blank before": ({"pre_tokenizer": steps(pre_tokenizers.ByteLevel(add_prefix_space=True))}, "a"),
    "no bytes": ({"decoder": None}, "é"),
    "another decoder": ({"decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True}}, "a ."),
}


@pytest.mark.parametrize("name", UNPROVED)
def test_nothing_is_proved_of_what_changes_a_text(name):
    parts, text = UNPROVED[name]
    codec = changed(**parts)
    assert not codec.exact
    assert codec.decode(codec.encode(text)) != text


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (AddedToken("é", normalized=False), "é"),  # a letter that stands for another byte
        (AddedToken("x", lstrip=True, normalized=False), "a x"),
        (AddedToken("x", rstrip=True, normalized=False), "x a"),
    ],
)
def test_nothing_is_proved_of_tokens_that_are_not_what_they_say(token, text):
    tokenizer = made("gpt2")
    tokenizer.add_tokens([token])
    codec = SubwordCodec(tokenizer.to_str())
    assert not codec.exact
    assert codec._subwords.cuts is None
    assert codec.decode(codec.encode(text)) != text


def test_a_vocabulary_without_a_byte_or_with_other_words_proves_nothing():
    plain = json.loads(made("gpt2").to_str())
    vocab = {token: id_ for token, id_ in plain["model"]["vocab"].items() if "ð" not in token}
    merges = [pair for pair in plain["model"]["merges"] if "ð" not in "".join(pair)]
    codec = changed(model=plain["model"] | {"vocab": vocab, "merges": merges})
    assert not codec.exact
    assert codec.decode(codec.encode("a😀")) != "a😀"
    other = made("llama3")
    other.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\S+ \S+|\s+|\S+"), "isolated"),
            pre_tokenizers.ByteLevel(False, use_regex=False),
        ]
    )
    codec = SubwordCodec(other.to_str())  # words over blanks
    assert codec.exact
    assert codec._subwords.cuts is None
    other.normalizer = normalizers.NFKC()
    assert not SubwordCodec(other.to_str()).exact


@pytest.mark.parametrize("pattern", [GPT2, LLAMA3])
def test_stretches_are_of_about_the_size_and_a_text_without_places_is_one(pattern):
    pieces = ["one two three\nfour " * 40] * 50
    found = list(WordCuts(pattern).stretches(pieces, 500))
    assert "".join(found) == "".join(pieces)
    assert all(500 <= len(stretch) < 520 for stretch in found[:-1])
    assert list(WordCuts(pattern).stretches(["x" * 1000] * 400, 500)) == ["x" * 400_000]
    assert (
        list(WordCuts(pattern).stretches([], 500)) == list(WordCuts(pattern).stretches(["", ""], 500)) == []
    )


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from(["x", " a b c", " b", " y", "\n", "c", " a"]), max_size=60), st.integers(1, 9)
)
def test_no_cut_is_within_what_is_whole(words, size):
    text, wholes = "".join(words), ("a b c", " b", "c\n")
    stretches = list(WordCuts(GPT2, wholes).stretches(words, size))
    assert "".join(stretches) == text
    places = np.cumsum([len(stretch) for stretch in stretches])[:-1].tolist()
    for whole in wholes:
        for start in range(len(text)):
            if text.startswith(whole, start):
                assert not any(start < place < start + len(whole) for place in places)
