"""Texts of a few characters: every size trains, whole where there is nothing to hold out, or is refused."""

import numpy as np
import pytest
import torch

from genkit.core.budget import Budget, Size
from genkit.core.spec import CONTEXT, View, spec_from_dict
from genkit.data.loading import DataModule
from genkit.system.errors import ConfigError, DataError
from tests.conftest import open_plain
from tests.unit.data.test_data_texts import COMMON, folder, opened, written

FOUR = "\n".join(f"我喜欢的颜色是{color}色" for color in "红蓝绿黄")


def of(tmp_path, text, block_size=0, **settings):
    (tmp_path / "t.txt").write_text(text, encoding="utf-8")
    return opened(tmp_path / "t.txt", tmp_path / "c", block_size=block_size, **settings)


def test_four_sentences_are_trained_on_whole_and_it_is_said(tmp_path):
    assert len(FOUR) == 39
    dataset = of(tmp_path, FOUR)
    assert [written(dataset, part) for part in ("train", "validation", "test")] == [FOUR] * 3
    assert dataset.protocol == "validation and test are the training text, all 39 characters"
    said = " ".join(dataset.notices)
    assert "39 characters are too few to hold some out, so validation and test are the training text" in said
    assert "reads 19 at once and not 64" in said
    assert dataset.spec.context == spec_from_dict(dataset.spec.to_dict()).context == 19
    with pytest.raises(
        DataError, match=r"39 tokens, model\.block_size=64 needs 65; the largest that fits is 38"
    ):
        of(tmp_path, FOUR, block_size=64)


@pytest.mark.parametrize("tokenizer", ["chars", "bytes", "bpe"])
def test_every_size_from_two_characters_up_makes_whole_batches(tokenizer, tmp_path):
    sizes = [*range(2, 45), *range(45, 1400, 61), 199, 200, 399, 400, 1279, 1280]
    for size in sizes if tokenizer == "chars" else sizes[::6]:
        text = "".join(f"{i} of the lines\n" for i in range(99))[:size]
        data = DataModule(of(tmp_path, text, tokenizer=tokenizer), seed=0, batch_size=32)
        batch = data.train_stream(0, 9).batch(8)
        assert len(batch) == 32
        assert (batch.data[:, :2] >= 0).all()
        scored = sum(int(batch.weight.sum()) for batch in data.eval_loader("validation"))
        assert scored == len(data.dataset.split("validation").tokens) - 1


@pytest.mark.parametrize(("text", "tokenizer"), [("a", "chars"), ("a", "bytes"), ("ab", "bpe")])
def test_what_is_but_one_token_is_refused(text, tokenizer, tmp_path):
    with pytest.raises(
        DataError, match=r"its train part is 1 token long, and to predict one takes at least 2"
    ):
        of(tmp_path, text, tokenizer=tokenizer)


@pytest.mark.parametrize(("split", "fewest"), [("three", 400), ("peer", 200)])
def test_parts_are_held_out_as_soon_as_they_say_something(split, fewest, tmp_path):
    text = "".join(f"line {i}\n" for i in range(99))
    undivided = of(tmp_path, text[: fewest - 1], split=split)
    assert undivided.protocol.startswith("validation and test are the training text")
    dataset = of(tmp_path, text[:fewest], split=split)
    parts = {part: written(dataset, part) for part in ("train", "validation", "test")}
    assert parts["train"] + parts["validation"] + (parts["test"] if split == "three" else "") == text[:fewest]
    assert all(len(part) >= 10 for part in parts.values())
    assert dataset.spec.context == CONTEXT


def test_a_batch_that_is_larger_than_a_text_shows_all_of_its_places(tmp_path):
    dataset = of(tmp_path, "".join(map(chr, range(0x4E00, 0x4E00 + 39))))  # each character once
    data = DataModule(dataset, seed=3, batch_size=32)
    stream = data.train_stream(0, 40)
    starts = torch.cat([stream.batch(step).data[:, 0] for step in range(40)])
    assert torch.equal(starts.unique(), torch.arange(38))  # (the last character is followed by none)
    assert torch.bincount(starts.long()).min() > len(starts) / 38 / 2  # every place about as often
    both = [data.train_stream(0, 40, rank, 2).batch(7) for rank in range(2)]
    assert torch.equal(torch.cat([part.data for part in both]), stream.batch(7).data)
    assert [part.rows for part in both] == [range(16), range(16, 32)]
    # Ten passes are ten windows of 19 predicted tokens, which one batch of 32 holds.
    assert Budget("epochs", 10).steps(32, Size(data.dataset.counts["train"])) == 1
    assert Budget("epochs", 320).steps(32, Size(data.dataset.counts["train"])) == 10


def test_documents_of_a_folder_may_be_few_and_short(tmp_path):
    root = folder(tmp_path, {"a.txt": "one", "b.txt": "two"})
    data = {"name": "text_folder", "path": str(root), "glob": "*.txt", **COMMON, "separator": "\x1e"}
    dataset = open_plain(data, {"cache_dir": str(tmp_path / "c")}, View("tokens"))
    assert written(dataset, "validation") == written(dataset, "train") == "one\x1etwo\x1e"


def test_what_nobody_sees_is_no_text(tmp_path):
    for text in (" \n\t \n" * 400, "\n", "\u200b\ufeff\u3000 " * 9):
        with pytest.raises(DataError, match=r"characters, of which none is seen"):
            of(tmp_path, text)
    root = folder(tmp_path, {"a.txt": " \n", "b.txt": "\n"})
    with pytest.raises(DataError, match="none is seen"):
        opened(root, tmp_path / "c", "text_folder", separator="|")


def test_too_few_pictures_are_still_too_few(tmp_path):
    data = {"name": "digits", "levels": None, "flip": False, "shift": 0, "crop": 0, "binarize": "threshold",
            "size": None, "dedupe": "off", "split": "peer", "validation": 0}  # fmt: skip
    dataset = open_plain(data, {"cache_dir": str(tmp_path)}, View("arrays"))
    with pytest.raises(ConfigError, match="batch_size=1438, but digits has 1437 training examples"):
        DataModule(dataset, seed=0, batch_size=1438)
    assert np.isclose(Budget("epochs", 2).steps(100, Size(1437)), 28)
