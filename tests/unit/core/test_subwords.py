"""What the library of tokenisers does wrong becomes one line, and ids may have gaps."""

import base64
import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from genkit.core.codecs import SubwordCodec
from genkit.core.spec import TokenSpec
from genkit.data.text.tokenisers import ready_made
from genkit.system.errors import DataError
from tests.tokenisers import KINDS, made


def plain(**changed) -> str:
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate("ab ")}, []))
    return json.dumps({**json.loads(tokenizer.to_str()), **changed})


def precompiled(charsmap: bytes) -> dict:
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}


ENDLESS = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}


@pytest.mark.parametrize("charsmap", [b"", b"\xff\xff\xff\xff"])
def test_a_tokeniser_that_panics_as_it_is_read_is_refused_in_one_line(charsmap, tmp_path, capfd):
    (tmp_path / "tokenizer.json").write_text(plain(normalizer=precompiled(charsmap)))
    with pytest.raises(
        DataError, match=r"tokenizer\.json cannot be read: .*([Pp]recompiled|range)"
    ) as refused:
        ready_made(str(tmp_path))
    assert "\n" not in str(refused.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"normalizer": precompiled(b"\x04\0\0\0abcd")}, "a b"),
        ({"normalizer": precompiled(b"\0\0\0\0")}, "b"),
        ({"pre_tokenizer": ENDLESS}, "a" * 40 + "b"),
        ({}, "a\ud800b"),
        ({"model": {"type": "Unigram", "unk_id": None, "vocab": [["a", -1.0]]}}, "b"),
        ({"model": {"type": "WordLevel", "unk_token": "[UNK]", "vocab": {"a": 0}}}, "b"),
    ],
    ids=["charsmap", "empty charsmap", "regex", "surrogate", "unigram", "words"],
)
def test_a_text_at_which_a_tokeniser_breaks_is_refused_in_one_line(changed, text, capfd):
    with pytest.raises(DataError, match=r"tokenizers library: .*it cannot read '.*data\.tokenizer=bpe") as no:
        SubwordCodec(plain(**changed)).encode(text)
    assert "\n" not in str(no.value)
    assert capfd.readouterr().err == ""


def test_an_interrupt_is_not_taken_for_a_fault(monkeypatch):
    codec = SubwordCodec(plain())

    class Interrupted:
        def encode_batch_fast(self, *_, **__):
            raise KeyboardInterrupt

    codec._subwords._tokenizer = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        codec.encode("a")


def test_what_others_write_to_stderr_meanwhile_arrives(capfd):
    import os

    from genkit.core.subwords import _held_back

    with _held_back():
        os.write(2, b"a word of another thread\n")
    assert capfd.readouterr().err == "a word of another thread\n"


def test_ids_with_gaps_are_within_the_vocabulary():
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 7, "b": 300}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    codec = SubwordCodec(tokenizer.to_str())
    assert codec.encode("a b").tolist() == [7, 300]
    assert codec.vocab_size == 301
    assert codec.decode([5, 7]) == "a"


def test_ids_beyond_all_bounds_are_refused():
    with pytest.raises(ValueError, match="2 tokens have ids up to 4,000,000,000; number them anew"):
        SubwordCodec(plain(model={"type": "WordLevel", "unk_token": "a", "vocab": {"a": 0, "b": 4 * 10**9}}))


@pytest.mark.parametrize("name", ["gpt2", "roberta", "llama3", "llama2", "mistral", "gemma", "unigrams"])
@pytest.mark.parametrize("separator", ["\n", "<s>", "\x1e", "\n\n\n"])
def test_an_opening_is_what_stands_between_documents(name, separator):
    """As the library reads two documents with the separator between them, of which the second is a prompt."""
    tokenizer = made(name)
    spec = TokenSpec(SubwordCodec(tokenizer.to_str()), separator)
    first, second = "the colour", "blue apples"
    whole = tokenizer.encode(f"{first}{separator}{second}", add_special_tokens=False).ids
    opened = [*spec.opening.tolist(), *spec.encode(second).tolist()]
    assert whole[-len(opened) :] == opened
    assert tokenizer.encode(first, add_special_tokens=False).ids == whole[: -len(opened)]


@pytest.mark.parametrize("name", KINDS)
def test_without_documents_a_text_begins_as_by_itself_after_a_line_end(name):
    tokenizer = made(name)
    spec = TokenSpec(SubwordCodec(tokenizer.to_str()))
    assert spec.encode("the apples").tolist() == tokenizer.encode("the apples", add_special_tokens=False).ids
    assert len(spec.opening) == 1
    if name not in ("bert", "t5", "words"):  # which have no line end
        inside = tokenizer.encode("a\nb", add_special_tokens=False).ids
        assert spec.opening[0] in inside[1:-1]
        assert tokenizer.decode(spec.opening.tolist()) == "\n"


def replaced(pattern: dict, content: str) -> dict:
    return {"type": "Replace", "pattern": pattern, "content": content}


def steps(kind: str, *parts: dict) -> dict:
    return {"type": "Sequence", kind: list(parts)}


@pytest.mark.parametrize(
    "step",
    [
        replaced({"String": "a"}, "a" * 100),
        replaced({"Regex": "a|b"}, "a" * 100),
        steps("normalizers", replaced({"Regex": "a"}, "a" * 100)),
    ],
)
def test_a_normaliser_that_grows_beyond_memory_is_refused_before_it_ends_the_process(step):
    codec = SubwordCodec(plain(normalizer=steps("normalizers", *[step] * 6)))
    with pytest.raises(DataError, match=r"its normaliser may make 30,[0,]* letters of 30: it cannot read"):
        codec.encode("a" * 30)


def test_a_normaliser_that_grows_a_little_reads_a_long_text():
    step = steps("normalizers", *[replaced({"String": "a"}, "aa")] * 2, {"type": "Prepend", "prepend": " "})
    assert len(SubwordCodec(plain(normalizer=step)).encode("a" * 100_000)) >= 400_000


def test_a_decoder_that_grows_is_refused_as_it_is_read():
    decoder = steps("decoders", {"type": "Fuse"}, *[replaced({"String": "a"}, "a" * 100)] * 6)
    with pytest.raises(ValueError, match="a token of it may stand for 1,000,000,000,000 letters"):
        SubwordCodec(plain(decoder=decoder))


def test_tokenisers_that_people_have_do_not_grow():
    from genkit.core.subwords import GROWTH, Subwords

    assert all(Subwords(made(name).to_str())._growth < GROWTH for name in KINDS)
