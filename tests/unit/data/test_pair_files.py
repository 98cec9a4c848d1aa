"""Prompts and answers in files: every kind of table, what each column is, and each fault with its line."""

import csv
import json

import numpy as np
import pytest

from genkit.core.pairs import Pair
from genkit.core.spec import View
from genkit.data.pair_checks import check_pairs
from genkit.data.pair_knobs import PairFileKnobs
from genkit.data.pair_views import pair_windows
from genkit.data.sources.pair_files import pairs
from genkit.system.errors import ConfigError, DataError

ROWS = [(f"{i} + {i}?", str(2 * i)) for i in range(40)]


def opened(path, tmp_path, **more):
    data = PairFileKnobs(name="pairs", path=str(path), **more)
    return pair_windows(
        "pairs", pairs(data, {}), data, {"cache_dir": str(tmp_path / "cache")}, View("tokens")
    )


def every(dataset):
    found = []
    for part in ("train", "validation", "test"):
        examples = dataset.split(part)
        found += examples.asked(np.arange(examples.questions))
    return found


def write(path, rows=ROWS, names=("prompt", "answer")):
    kind = path.suffix
    if kind == ".jsonl":
        path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    elif kind == ".json":
        path.write_text(json.dumps([dict(zip(names, row, strict=True)) for row in rows]))
    elif kind == ".parquet":
        import pyarrow
        import pyarrow.parquet

        columns = {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    else:
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter="," if kind == ".csv" else "\t").writerows([names, *rows])
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet"])
def test_every_kind_of_table_is_read(tmp_path, suffix):
    dataset = opened(write(tmp_path / f"rows{suffix}"), tmp_path)
    assert sorted(every(dataset), key=lambda pair: int(pair.answer)) == [Pair(*row) for row in ROWS]
    assert dataset.protocol == "train 32 / validation 4 / test 4; drawn once and balanced"
    peer = opened(tmp_path / f"rows{suffix}", tmp_path, split="peer")
    assert peer.split("test") is peer.split("validation") or peer.counts["test"] == peer.counts["validation"]


def test_columns_are_found_by_what_people_call_them_or_named(tmp_path):
    names = ("id", "instruction", "output")
    rows = [(str(i), *row) for i, row in enumerate(ROWS)]
    dataset = opened(write(tmp_path / "a.jsonl", rows, names), tmp_path)
    assert Pair(*ROWS[3]) in every(dataset)
    assert "pairs: its prompts are read from 'instruction', its answers from 'output'." in dataset.notices
    named = opened(
        write(tmp_path / "b.jsonl", rows, ("x", "y", "z")), tmp_path, prompt_column="y", answer_column="z"
    )
    assert Pair(*ROWS[3]) in every(named)
    assert named.notices == []
    with pytest.raises(DataError, match=r"has columns x, y, z: say which are read by data\.prompt_column="):
        opened(tmp_path / "b.jsonl", tmp_path)
    with pytest.raises(DataError, match=r"b\.jsonl line 1: has no column 'w'"):
        opened(tmp_path / "b.jsonl", tmp_path, prompt_column="w", answer_column="z")


def talk(*turns):
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def test_conversations_are_read_with_every_answer(tmp_path):
    said = (
        ("system", "Be kind."),
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Bye"),
        ("assistant", "See you"),
    )
    path = tmp_path / "talks.jsonl"
    path.write_text("".join(json.dumps(talk(*said)) + "\n" for _ in range(20)))
    dataset = opened(path, tmp_path)
    assert dataset.spec.pairs.several
    data, _, _ = dataset.split("test").gather(np.array([0]))
    text = dataset.spec.codec.decode(data[0][data[0] >= 0])
    assert text.startswith("\x1eBe kind.\n\nHi\nHello\x1eBye\nSee you\x1e")


LINES = {
    "no object": ("[1]", "is no object"),
    "no json": ("{'a'}", "is no JSON"),
    "missing column": ('{"prompt": "a"}', "has no column 'answer'"),
    "empty answer": ('{"prompt": "a", "answer": " "}', "an answer is empty"),
    "empty prompt": ('{"prompt": "", "answer": "b"}', "a prompt is empty"),
    "number": ('{"prompt": "a", "answer": 3}', "'answer' is a whole number, and no text"),
    "null": ('{"prompt": null, "answer": "b"}', "'prompt' is null, and no text"),
    "holds the end": (
        '{"prompt": "a", "answer": "b\\u001ec"}',
        "the answer holds '\\x1e', which ends answers",
    ),
}
TALKS = {
    "no list": ({"messages": "hi"}, "its messages are a text, and no list"),
    "no object": ({"messages": ["hi"]}, "message 1 is a text, and no object with role and content"),
    "unknown role": (talk(("tool", "x")), "message 1 has the role 'tool', which is none of"),
    "no content": ({"messages": [{"role": "user"}]}, "the content of message 1 is missing"),
    "parts": (
        {"messages": [{"role": "user", "content": [1]}]},
        "the content of message 1 is a list, and no text",
    ),
    "twice": (talk(("user", "a"), ("user", "b")), "message 2 is the user's, where the assistant's is due"),
    "begins": (talk(("assistant", "a")), "message 1 is the assistant's, where the user's is due"),
    "unanswered": (talk(("user", "a")), "nobody answers"),
    "no messages": ({"messages": []}, "nobody answers"),
    "empty": (talk(("user", "a"), ("assistant", "")), "an answer is empty"),
}


@pytest.mark.parametrize("name", [*LINES, *(f"talk, {name}" for name in TALKS)])
def test_a_bad_line_is_refused_with_its_number_or_left_out(tmp_path, name):
    path = tmp_path / "rows.jsonl"
    if name in LINES:
        good = [json.dumps({"prompt": prompt, "answer": answer}) for prompt, answer in ROWS]
        line, said = LINES[name]
    else:
        good = [json.dumps(talk(("user", prompt), ("assistant", answer))) for prompt, answer in ROWS]
        plain, said = TALKS[name.removeprefix("talk, ")]
        line = json.dumps(plain)
    path.write_text("\n".join([*good[:6], "", line, *good[6:]]) + "\n")
    with pytest.raises(DataError) as refusal:
        opened(path, tmp_path)
    assert str(refusal.value).startswith(f"{path} line 8: ")
    assert said in str(refusal.value)
    assert str(refusal.value).endswith("leave such out with data.on_bad=skip.")
    dataset = opened(path, tmp_path, on_bad="skip")
    assert len(every(dataset)) == len(ROWS)
    (notice,) = [line for line in dataset.notices if "left out" in line]
    assert "1 of 41 rows cannot be read" in notice
    assert f"{path} line 8 (" in notice
    assert said in notice
    with pytest.raises(DataError, match=r"more than data\.max_bad=0\.01"):
        opened(path, tmp_path, on_bad="skip", max_bad=0.01)


def test_parts_are_those_of_a_folder(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for part, rows in {"train": ROWS[:30], "val": ROWS[30:35], "test": ROWS[35:]}.items():
        write(folder / f"{part}.csv", rows)
    dataset = opened(folder, tmp_path)
    assert [pair.answer for pair in dataset.split("validation").asked(np.arange(5))] == [
        "60",
        "62",
        "64",
        "66",
        "68",
    ]
    assert dataset.protocol.endswith("the source's own parts")
    write(folder / "validation.jsonl", ROWS[:3])
    with pytest.raises(
        DataError, match=r"has two tables of its validation part, val\.csv and validation\.jsonl"
    ):
        opened(folder, tmp_path)


REFUSED = {
    "no path": ({}, ConfigError, "needs data.path=FILE"),
    "missing": ({"path": "nowhere.jsonl"}, DataError, "nowhere.jsonl is missing"),
    "no table": ({"path": "a.txt"}, DataError, "a.txt is no table; give one of .jsonl"),
    "empty folder": ({"path": "."}, DataError, "needs a table for each part, such as train.jsonl"),
    "empty": ({"path": "empty.jsonl"}, DataError, "has columns none"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_of_pairs_is_refused(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "empty.jsonl").write_text("")
    words, kind, said = REFUSED[name]
    with pytest.raises(kind, match=said.replace(".", r"\.")):
        pairs(PairFileKnobs(name="pairs", **words), {})


def test_too_few_rows_are_refused(tmp_path):
    with pytest.raises(DataError, match="3 usable examples are too few"):
        opened(write(tmp_path / "few.jsonl", ROWS[:3]), tmp_path)


def test_a_report_tells_what_is_odd(tmp_path):
    path = write(tmp_path / "rows.jsonl", [*ROWS, ROWS[0], (ROWS[1][0], "another")])
    with path.open("a") as file:
        file.write("[]\n")
    report = dict(check_pairs(pairs(PairFileKnobs(name="pairs", path=str(path)), {})))
    assert report["rows"] == "42"
    assert report["unreadable"].startswith(f"1: {path} line 43 (is no object")
    assert report["repeated"] == "1 rows repeat others"
    assert report["several answers"] == "1 rows have the prompt of another and another answer"
    assert report["answers"].startswith("42 of 1 to 7 characters")


def test_what_changes_makes_another_pack_and_what_does_not_the_same(tmp_path):
    path = write(tmp_path / "rows.jsonl")
    first = opened(path, tmp_path)
    assert opened(path, tmp_path, on_bad="skip").fingerprint == first.fingerprint
    assert opened(path, tmp_path).packs == first.packs
    assert len(first.packs) == 1
    assert opened(path, tmp_path, template="{prompt}>{answer}").fingerprint != first.fingerprint
    moved = tmp_path / "elsewhere" / "rows.jsonl"
    moved.parent.mkdir()
    path.rename(moved)
    assert opened(moved, tmp_path).fingerprint == first.fingerprint
    write(moved, [*ROWS, ("new?", "yes")])
    assert opened(moved, tmp_path).fingerprint != first.fingerprint
