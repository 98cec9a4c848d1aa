"""Poems: read as blocks of lines, divided by poem with all wordings of one in one part."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from genkit import config
from genkit.data import open_dataset
from genkit.data.sources import poems
from genkit.data.sources.poems import alike, divided_by, poems_of, wordings
from genkit.system.errors import DataError

FOLK = "得即高歌失即休，多悲多恨謾悠悠。\n今朝有酒今朝醉，明日愁來明日愁。"
OTHERWISE = "得即高歌失即休，多愁多恨亦悠悠。\n今朝有酒今朝醉，明日愁來明日愁。"
ROBE = "胡人吹玉笛，一半是秦聲。\n十月吳山曉，梅花落敬亭。"
RUNS = 3  # characters between marks that poems share


def runs_of(poem):
    """The runs of three characters within verses."""
    verses = poem.replace("，", "。").replace("\n", "").split("。")
    return {verse[i : i + RUNS] for verse in verses for i in range(len(verse) - RUNS + 1)}


def made(count, width=5):
    """So many poems of two couplets that have no two neighbouring characters in common."""
    characters = (chr(0x4E00 + i) for i in range(10**5))
    verses = iter(lambda: "".join(next(characters) for _ in range(width)), "")
    return [f"{next(verses)}，{next(verses)}。\n{next(verses)}，{next(verses)}。" for _ in range(count)]


def opened(folder, cache, *words):
    cfg = config.compose(
        "train",
        ["model=gpt_tiny", "data=tang_poems", f"paths.data_dir={folder}", f"paths.cache_dir={cache}", *words],
    )
    return open_dataset(cfg.data, cfg.paths.by_name, config.view(cfg))


def test_a_file_is_read_as_blocks_whatever_system_wrote_it():
    assert poems_of(f"\n{FOLK}\n\n{ROBE}\n") == [FOLK, ROBE]
    assert poems_of(f"{FOLK}\n\n\n\n{ROBE}".replace("\n", "\r\n")) == [FOLK, ROBE]
    assert poems_of(f"{FOLK} \n \t\n{ROBE}\n\n\n") == [FOLK, ROBE]
    assert poems_of("\n\n") == []


def test_two_wordings_of_a_poem_are_alike_and_others_are_not():
    both = made(3)
    assert alike([FOLK, ROBE, *both, OTHERWISE]).tolist() == [[0, 5]]
    assert wordings([FOLK, ROBE, *both, OTHERWISE]).tolist() == [0, 1, 2, 3, 4, 0]
    assert wordings([FOLK, FOLK, FOLK]).tolist() == [0, 0, 0]
    longer = f"{ROBE}\n{made(1)[0]}"  # handed down with more lines
    assert wordings([longer, ROBE]).tolist() == [0, 0]
    first, second = FOLK.split("\n"), made(2, 7)
    line = [first[0] + "\n" + second[0].split("\n")[0], first[0] + "\n" + second[1].split("\n")[0]]
    assert wordings(line).tolist() == [0, 0]  # one of two couplets
    assert wordings(["春眠不覺曉，", "曉覺不眠春，"]).tolist() == [0, 1]  # no run of three in common
    chained = ["甲乙丙丁戊，己庚辛壬癸。", "己庚辛壬癸，子丑寅卯辰。", "子丑寅卯辰，巳午未申酉。"]
    assert wordings([chained[0], chained[2], chained[1]]).tolist() == [0, 0, 0]


def test_groups_stay_whole_and_parts_have_their_shares():
    groups = np.arange(1_000)
    groups[[5, 998, 999]] = 5, 5, 5
    train, validation, test = divided_by(groups)
    assert {5, 998, 999} <= set(train)
    assert np.array_equal(np.sort(np.concatenate((train, validation, test))), np.arange(1_000))
    assert [len(part) for part in (train, validation, test)] == pytest.approx([900, 50, 50], abs=3)
    assert all((np.diff(part) > 0).all() for part in (train, validation, test))


def test_every_poem_is_a_document_of_one_part(tmp_path):
    whole = made(400)
    whole[390:] = [whole[row].replace(whole[row][0], "異") for row in range(10)]  # other wordings, at the end
    (tmp_path / "tang_poems.txt").write_text("\n\n".join(whole) + "\n", encoding="utf-8")
    dataset = opened(tmp_path, tmp_path / "cache")
    assert dataset.spec.separator == "\x1e"
    texts = {
        part: dataset.spec.codec.decode(dataset.split(part).tokens)
        for part in ("train", "validation", "test")
    }
    assert all(text.endswith("\x1e") for text in texts.values())
    found = {part: text.split("\x1e")[:-1] for part, text in texts.items()}
    assert Counter(itertools.chain(*found.values())) == Counter(whole)
    assert set(whole[390:]) <= set(found["train"])
    assert "train 360 / validation 20 / test 20 poems" in dataset.protocol


def test_characters_of_held_out_poems_alone_are_in_the_vocabulary(tmp_path):
    whole = made(200)
    (tmp_path / "tang_poems.txt").write_text("\n\n".join(whole), encoding="utf-8")
    dataset = opened(tmp_path, tmp_path / "cache")
    spec = dataset.spec
    held = set(spec.codec.decode(dataset.split("test").tokens))
    assert held - set(spec.codec.decode(dataset.split("train").tokens))
    assert spec.vocab_size == len(set("".join(whole)) | {"\n", "\x1e"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, r"tang_poems.txt is missing; make it of github.com/chinese-poetry/chinese-poetry \(MIT\)"),
        (
            "春眠不覺曉，處處聞啼鳥。\n" * 500,
            "holds 1 poem; give at least 100, a poem a block of lines, an empty",
        ),
        ("", "holds 0 poems"),
    ],
)
def test_what_is_no_such_file_is_refused_in_a_line(text, says, tmp_path):
    if text is not None:
        (tmp_path / "tang_poems.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=says) as refused:
        opened(tmp_path, tmp_path / "cache")
    assert "\n" not in str(refused.value)


# ---------------------------------------------------------------------- the poems themselves


@pytest.fixture(scope="module")
def real(data_dir):
    """The parts of the real file, as lists of poems."""
    if not (data_dir / poems.FILE).is_file():
        pytest.skip("GENKIT_DATA_DIR holds no tang_poems.txt")
    text = poems.tang_poems(None, {"data_dir": str(data_dir)})
    return {part: own.split("\x1e")[:-1] for part, own in text.parts.items()}


def test_no_real_poem_of_the_held_out_parts_is_in_the_training_part_in_other_words(real):
    assert {part: len(own) for part, own in real.items()} == {
        "train": 26_523,
        "validation": 1_473,
        "test": 1_473,
    }
    assert len(set(itertools.chain(*real.values()))) == 29_469
    holders: dict[str, list[int]] = {}
    learnt = [runs_of(poem) for poem in real["train"]]
    for row, runs in enumerate(learnt):
        for run in runs:
            holders.setdefault(run, []).append(row)
    for part in ("validation", "test"):
        for poem in real[part]:
            own = runs_of(poem)
            shared = Counter(row for run in own for row in holders.get(run, ()))
            assert all(n < min(len(own), len(learnt[row])) / 4 for row, n in shared.items()), poem


def test_every_character_of_the_held_out_poems_is_learnt(real):
    known = set("".join(real["train"]))
    assert not set("".join(real["validation"] + real["test"])) - known
