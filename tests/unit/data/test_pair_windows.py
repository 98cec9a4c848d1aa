"""Prompts and answers as windows: what stands where and is learnt, nothing lost, alike at every reading."""

import numpy as np
import pytest

from genkit.core.pairs import ASSISTANT, USER, Pair, Turn
from genkit.core.spec import View, spec_from_dict
from genkit.data.pair_knobs import PairKnobs
from genkit.data.pair_table import PairRow, PairSource, PairTable
from genkit.data.pair_views import pair_windows
from genkit.data.window_plan import WindowPlan
from genkit.system.errors import ConfigError, DataError

SEPARATOR = "\x1e"


def some_pairs(count, seed=0):
    generator = np.random.default_rng(seed)
    return [
        Pair(
            "".join(generator.choice(list("abc"), generator.integers(1, 9))),
            str(generator.integers(0, 10**5)),
        )
        for _ in range(count)
    ]


def opened(tmp_path, parts, block_size=24, **knobs):
    source = PairTable(parts, "made here") if isinstance(parts, dict) else parts
    data = PairKnobs(name="made", **knobs)
    return pair_windows(
        "made", source, data, {"cache_dir": str(tmp_path)}, View("tokens", block_size=block_size)
    )


@pytest.fixture
def dataset(tmp_path):
    every = some_pairs(120)
    return opened(tmp_path, {"train": every[:100], "validation": every[100:110], "test": every[110:]})


def windows(examples, epoch=0, seed=0):
    """Each window as text, with the segments of its inputs and which targets are scored."""
    indices = np.arange(len(examples))
    data, labels, weights = examples.gather(indices, epoch=epoch, seed=seed)
    segments, scored = examples.packing(indices, epoch=epoch, seed=seed)
    assert labels is None
    assert (weights == scored.sum(1)).all()
    return data, segments, scored


def read(examples, epoch=0, seed=0):
    """What the windows hold: (prompt, answer) of each example, told by separators, segments and scores."""
    decode, found = examples.packed.codec.decode, []
    for ids, segments, scored in zip(*windows(examples, epoch, seed), strict=True):
        inside = ids[ids >= 0]
        assert (ids[len(inside) :] == -1).all()
        text = decode(inside)
        assert text[0] == text[-1] == SEPARATOR
        assert (np.diff(segments) >= 0).all()
        place = 0
        for number, example in enumerate(text[1:-1].split(SEPARATOR)):
            prompt, _, answer = example.partition("\n")
            own = slice(place, place + 1 + len(example))  # inputs: the separator and the example
            assert (segments[own] == number).all()
            expected = [False] * (len(prompt) + 1) + [True] * (len(answer) + 1)
            assert scored[own].tolist() == expected
            place += 1 + len(example)
            found.append((prompt, answer))
        assert not scored[place:].any()
        assert (segments[place:] > number).all()
    return found


def test_every_window_holds_whole_examples_whose_answers_and_ends_are_learnt(dataset):
    every = some_pairs(120)
    for part, own in (("train", every[:100]), ("validation", every[100:110]), ("test", every[110:])):
        assert sorted(read(dataset.split(part))) == sorted((pair.prompt, pair.answer) for pair in own)


def test_epochs_are_dealt_anew_and_are_the_same_at_every_reading(dataset):
    train, held_out = dataset.split("train"), dataset.split("validation")
    assert sorted(read(train, 0)) == sorted(read(train, 3))
    assert read(train, 0) != read(train, 3)
    assert read(train, 3) == read(train, 3)
    assert read(train, 3, seed=1) != read(train, 3)
    assert read(held_out, 0) == read(held_out, 3)
    assert train.changing
    assert not held_out.changing


def test_a_gather_of_some_windows_is_that_of_all(dataset):
    train = dataset.split("train")
    data, segments, scored = windows(train, 2, 7)
    chosen = np.array([5, 0, 3])
    assert (train.gather(chosen, epoch=2, seed=7)[0] == data[chosen]).all()
    own = train.packing(chosen, epoch=2, seed=7)
    assert (own[0] == segments[chosen]).all()
    assert (own[1] == scored[chosen]).all()
    table = train.table()
    assert (table[train.places(chosen, epoch=2, seed=7)] == data[chosen]).all()


def test_what_is_asked_is_what_was_given(dataset):
    examples = dataset.split("test")
    assert examples.questions == 10
    assert examples.asked(np.arange(10)) == some_pairs(120)[110:]


def test_the_spec_is_read_back_and_old_ones_are_as_they_were(dataset):
    plain = dataset.spec.to_dict()
    assert spec_from_dict(plain) == dataset.spec or spec_from_dict(plain).to_dict() == plain
    assert spec_from_dict(plain).pairs == dataset.spec.pairs
    del plain["pairs"]
    assert "pairs" not in spec_from_dict(plain).to_dict()
    for broken in ({"kind": "other"}, {"kind": "plain", "template": "{prompt}{answer}", "end": ""}, {}):
        with pytest.raises(ValueError, match=r"template|ends|pairs"):
            spec_from_dict({**plain, "pairs": {**broken, "x": 1}})


# ---------------------------------------------------------------------- examples that are too long


def test_long_prompts_lose_their_beginning_and_long_answers_are_left_out(tmp_path):
    few = [Pair("0123456789", "ab"), Pair("x", "y" * 30), Pair("p", "q")] * 10
    dataset = opened(tmp_path, {"train": few, "validation": few[:3], "test": few[:3]}, block_size=9)
    assert [pair for pair in read(dataset.split("validation")) if len(pair[0]) > 1] == [("56789", "ab")]
    assert set(read(dataset.split("train"))) == {("56789", "ab"), ("p", "q")}
    assert dataset.split("validation").asked(np.arange(1)) == [Pair("p", "q")]
    said = next(line for line in dataset.notices if "longer" in line)
    assert said.startswith("made: 24 of 36 examples are longer than the context of 9 tokens: 12 keep")
    assert "12, whose answer alone is longer, are left out; model.block_size=33 holds all." in said
    whole = opened(tmp_path, {"train": few, "validation": few[:3], "test": few[:3]}, block_size=33)
    assert sorted(read(whole.split("validation"))) == sorted((p.prompt, p.answer) for p in few[:3])
    with pytest.raises(DataError, match="no answer of its train part fits into a context of 1 tokens"):
        opened(tmp_path, {"train": few, "validation": few, "test": few}, block_size=1)


class Talks(PairSource):
    """Conversations of two exchanges."""

    listing = "talks"

    def rows(self):
        for i in range(20):
            said = (USER, "aaaa"), (ASSISTANT, f"first {i:02d}"), (USER, "bb"), (ASSISTANT, "last")
            yield PairRow(tuple(Turn(*turn) for turn in said), f"line {i + 1}")


def scored_text(examples):
    """The targets that are scored in each window, others as dots."""
    data, _, scored = windows(examples)
    return [
        "".join(
            examples.packed.codec.decode([t]) if s else "." for t, s in zip(ids[1:].clip(0), own, strict=True)
        )
        for ids, own in zip(data, scored, strict=True)
    ]


def test_every_answer_of_a_conversation_is_learnt_and_none_without_its_beginning(tmp_path):
    dataset = opened(tmp_path, Talks(), block_size=24)
    assert dataset.spec.pairs.several
    (first, *_) = scored_text(dataset.split("test"))
    number = first[11:13]
    assert first == f".....first {number}{SEPARATOR}...last{SEPARATOR}.."
    cut = opened(tmp_path, Talks(), block_size=15)
    (first, *_) = scored_text(cut.split("test"))
    assert first == "." * 10 + f"last{SEPARATOR}"
    assert cut.split("test").bytes_of() == 4 * 4
    assert dataset.split("test").bytes_of() == 4 * 12
    assert cut.split("test").questions == 0


# ---------------------------------------------------------------------- templates


def test_what_follows_the_answer_in_a_template_ends_it(tmp_path):
    few = some_pairs(30)
    parts = {"train": few, "validation": few[:3], "test": few[:3]}
    dataset = opened(tmp_path, parts, template="Q{prompt}A{answer}.")
    assert dataset.spec.pairs.end == "."
    data, _, scored = windows(dataset.split("test"))
    text = dataset.spec.codec.decode(data[0][data[0] >= 0])
    prompt, answer = text[2:].partition("A")[0], text.partition("A")[2].partition(".")[0]
    own = scored[0][: 1 + len(f"Q{prompt}A{answer}.")]
    assert own.tolist() == [False] * (2 + len(prompt)) + [True] * (len(answer) + 1) + [False]


@pytest.mark.parametrize(
    "template", ["no places", "{answer}{prompt}", "{prompt}", "{prompt}{answer}{answer}"]
)
def test_a_template_without_its_places_is_refused(tmp_path, template):
    few = some_pairs(30)
    with pytest.raises(ConfigError, match=r"data\.template="):
        opened(tmp_path, {"train": few, "validation": few, "test": few}, template=template)


def test_an_answer_that_holds_its_end_is_refused_with_its_place(tmp_path):
    few = [*some_pairs(30), Pair("a", "b.c")]
    parts = {"train": few, "validation": few[:3], "test": few[:3]}
    with pytest.raises(
        DataError, match=r"pair 31 of the train part: the answer holds '\.', which ends answers"
    ):
        opened(tmp_path, parts, template="{prompt}>{answer}.")
    skipped = opened(tmp_path, parts, template="{prompt}>{answer}.", on_bad="skip")
    assert any("1 of 37 rows cannot be read: pair 31" in line for line in skipped.notices)


def test_a_separator_of_several_tokens_is_refused(tmp_path):
    few = some_pairs(30)
    with pytest.raises(ConfigError, match="is 2 tokens of this tokeniser"):
        opened(tmp_path, {"train": few, "validation": few, "test": few}, separator="||")


def test_prompts_in_several_parts_are_said(tmp_path):
    few = [Pair(f"{i}?", "yes") for i in range(40)]
    dataset = opened(tmp_path, {"train": few[:30], "validation": few[28:35], "test": few[35:]})
    assert any("2 of 7 of the validation part" in line for line in dataset.notices)


# ---------------------------------------------------------------------- the plan


def test_a_plan_holds_every_example_once_within_its_room_and_wastes_little():
    generator = np.random.default_rng(1)
    lengths = generator.integers(1, 60, 5000)
    plan = WindowPlan(lengths, 128)
    dealt = plan.dealt(3, 1)
    assert sorted(dealt.tolist()) == list(range(5000))
    filled = np.add.reduceat(lengths[dealt], plan.bounds[:-1])
    assert filled.max() <= 128
    assert len(plan) <= 1.02 * lengths.sum() / 128 + 1
    assert plan.bounds[-1] == 5000
    assert len(WindowPlan(np.array([128]), 128)) == 1
