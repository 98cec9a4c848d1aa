"""Nothing of a text is lost unsaid, documents end where they ended, and words are learnt as they are read."""

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

from genkit.core.spec import View
from genkit.data.text import tokenisers
from genkit.data.text.readings import find
from genkit.data.text.tokenisers import train_bpe
from genkit.data.text_knobs import TextKnobs
from genkit.system.errors import DataError
from tests.conftest import open_plain
from tests.tokenisers import LOSSLESS, TEXT, made
from tests.unit.data.test_data_texts import opened

LINES = [f"{i}: the colour of {i} apples isn't blue, naïve 颜色.\n" for i in range(300)]


def kept(tmp_path, name: str) -> dict:
    (tmp_path / "tokenizer.json").write_text(made(name).to_str(), encoding="utf-8")
    return {"tokenizer": "hf", "tokenizer_path": str(tmp_path)}


def written_to(tmp_path, text):
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    return tmp_path / "t.txt"


@pytest.mark.parametrize("name", LOSSLESS)
def test_whatever_comes_back_whole_is_taken(name, tmp_path):
    file = written_to(tmp_path, "".join(LINES))
    dataset = opened(file, tmp_path / "c", **kept(tmp_path, name))
    tokenizer = made(name)
    tokens = {part: dataset.split(part).tokens.tolist() for part in ("train", "validation", "test")}
    assert "".join(tokenizer.decode(ids, skip_special_tokens=False) for ids in tokens.values()) == "".join(
        LINES
    )
    sizes = [dataset.split(part).bytes for part in tokens]
    assert sum(sizes) == len("".join(LINES).encode())
    for part, ids in tokens.items():
        assert ids == tokenizer.encode(tokenizer.decode(ids), add_special_tokens=False).ids
        assert dataset.split(part).bytes == len(tokenizer.decode(ids).encode())
    assert not dataset.notices


def test_a_blank_that_comes_back_without_having_been_there_is_a_difference_too(tmp_path):
    file = written_to(tmp_path, "".join(LINES))
    with pytest.raises(
        DataError, match=r"gives 3 more than the .* characters read: '0: the.*' comes back as ' 0:"
    ):
        opened(file, tmp_path / "c", **kept(tmp_path, "roberta"))


@pytest.mark.parametrize(
    ("name", "text", "lost", "of", "place"),
    [
        ("t5", "a the, the a\n" * 50 + "a the，the\n" * 3, "3", 680, "'，'"),
        ("bert", "Hello the World\n" * 60, "180", 960, "'H'"),
    ],
)
def test_what_a_tokeniser_loses_is_refused_by_count_and_example(name, text, lost, of, place, tmp_path):
    settings = kept(tmp_path, name)
    if name == "t5":  # which knows line ends here, and loses the comma alone
        vocab = [["<unk>", 0.0], *([c, -2.0] for c in "▁athe,\n")]
        tokenizer = Tokenizer(
            models.Unigram([tuple(entry) for entry in vocab], unk_id=0, byte_fallback=False)
        )
        tokenizer.normalizer = made("t5").normalizer
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="first", split=False)
        tokenizer.decoder = decoders.Metaspace("▁", prepend_scheme="first")
        (tmp_path / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    file = written_to(tmp_path, text)
    assert len(text) == of
    with pytest.raises(DataError, match=r"tokeniser loses .*comes back as .*data\.lossy=true") as refused:
        opened(file, tmp_path / "c", **settings)
    said = str(refused.value)
    assert "\n" not in said
    assert place in said
    if name == "t5":
        assert f"loses {lost} of {of:,} characters" in said
    accepted = opened(file, tmp_path / "c", **settings, lossy=True)
    assert any("bits per byte of this text do not exist" in notice for notice in accepted.notices)
    assert accepted.split("validation").lost
    with pytest.raises(DataError, match="tokeniser loses"):  # also when it is packed already
        opened(file, tmp_path / "c", **settings)


def test_small_texts_are_compared_too(tmp_path):
    settings = {"vocab_size": 300, "separator": None, **kept(tmp_path, "bert")}
    with pytest.raises(DataError, match="tokeniser loses"):
        open_plain({"name": "pydocs", **settings}, {}, View("tokens", block_size=8))
    accepted = open_plain({"name": "pydocs", **settings, "lossy": True}, {}, View("tokens", block_size=8))
    assert accepted.split("test").lost


def test_a_separator_that_melts_into_its_neighbours_is_refused(tmp_path):
    (tmp_path / "docs").mkdir()
    for i in range(40):
        end = "\n" if i == 7 else "."  # three line ends are one token and one
        (tmp_path / "docs" / f"{i:02}.txt").write_text(f"the colour of {i} apples is blue{end}" * 3)
    tokenizer = made("gpt2")
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    settings = {"tokenizer": "hf", "tokenizer_path": str(tmp_path)}
    with pytest.raises(
        DataError, match=r"separator='\\n\\n' stands .* times in the text, and .* times among"
    ):
        opened(tmp_path / "docs", tmp_path / "c", "text_folder", separator="\n\n", **settings)
    dataset = opened(tmp_path / "docs", tmp_path / "c", "text_folder", separator="<|endoftext|>", **settings)
    assert len(dataset.spec.opening) == 1
    ends = [
        find(dataset.split(part).tokens, dataset.spec.opening) for part in ("train", "validation", "test")
    ]
    assert sum(map(len, ends)) == 40


@pytest.mark.parametrize(
    ("ids", "mark", "places"),
    [([1, 2, 1], [1], [0, 2]), ([1, 1, 1, 1, 1], [1, 1], [0, 2]), ([1, 2, 1], [2, 1, 2], []), ([], [1], [])],
)
def test_marks_are_found_where_they_stand(ids, mark, places):
    assert find(np.array(ids), np.array(mark)).tolist() == places


@pytest.mark.parametrize("cut", [1, 100, 997, 10**9])
def test_the_same_merges_are_learnt_however_the_text_comes(cut, monkeypatch):
    monkeypatch.setattr(tokenisers, "PIECE", 50)
    text = (TEXT + "  one two\tthree  \n\n the END of it all END the\n") * 30
    whole = Tokenizer(models.BPE())
    whole.pre_tokenizer, whole.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken("e END o", normalized=False)],
        show_progress=False,
    )
    whole.train_from_iterator(text.split("e END o"), trainer)
    pieces = [text[start : start + cut] for start in range(0, len(text), cut)]
    assert train_bpe(pieces, 400, "e END o").to_dict()["tokenizer"] == whole.to_str()


def test_of_a_long_text_as_much_is_learnt_from_as_there_is_room_for_evenly(monkeypatch):
    monkeypatch.setattr(tokenisers, "PIECE", 50)
    text = "".join(f"{i:05} some words of a line\n" for i in range(2000))
    every = list(tokenisers._short_pieces([text], None, len(text)))
    assert "".join(every) == text
    monkeypatch.setattr(tokenisers, "LEARNT", len(text) // 4)
    some = list(tokenisers._short_pieces([text], None, len(text)))
    assert set(some) <= set(every)
    assert abs(sum(map(len, some)) - len(text) / 4) < 100
    taken = [int(piece.split()[0]) for piece in some if piece.strip()[:5].isdecimal()]
    assert max(np.diff([0, *taken, 2000])) < 40
    assert tokenisers.train_bpe([text], 300, None, len(text)).encode(text).size
    assert "learnt from" in tokenisers.learnt_from(TextKnobs(tokenizer="bpe"), len(text))[0]
    assert tokenisers.learnt_from(TextKnobs(tokenizer="chars"), len(text)) == []
