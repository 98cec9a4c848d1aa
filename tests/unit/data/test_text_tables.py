"""A column of a table as documents: the tokens of the same texts in files, rows named where they fail."""

import csv
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genkit.config import compose
from genkit.system.errors import ConfigError, DataError
from tests.unit.data.test_data_texts import opened, written

TEXTS = [f'text {i}: "naïve", 颜色\nand a second line' for i in range(40)]
PARTS = ("train", "validation", "test")


def table(root, suffix, texts):
    file = root / f"rows{suffix}"
    rows = [{"id": i, "text": text} for i, text in enumerate(texts)]
    if suffix == ".parquet":
        pq.write_table(pa.table({"id": list(range(len(texts))), "text": pa.array(texts, pa.string())}), file)
    elif suffix == ".csv":
        with open(file, "w", newline="", encoding="utf-8") as opened_file:
            writer = csv.DictWriter(opened_file, ["id", "text"])
            writer.writeheader()
            writer.writerows(rows)
    elif suffix == ".json":
        file.write_text(json.dumps(rows))
    else:
        file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return file


def read(dataset):
    return "".join(written(dataset, part) for part in PARTS)


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".parquet"])
def test_each_row_is_a_document(suffix, tmp_path):
    file = table(tmp_path, suffix, TEXTS)
    dataset = opened(file, tmp_path / "c", column="text")
    assert read(dataset) == "".join(text + "\x1e" for text in TEXTS)
    assert dataset.spec.separator == "\x1e"
    assert all(written(dataset, part).endswith("\x1e") for part in PARTS)
    other = opened(file, tmp_path / "c", column="text", separator="|")
    assert read(other) == "".join(text + "|" for text in TEXTS)


def test_rows_have_the_tokens_that_the_same_texts_have_as_files(tmp_path):
    (tmp_path / "docs").mkdir()
    for i, text in enumerate(TEXTS):
        (tmp_path / "docs" / f"{i:02}.txt").write_text(text)
    settings = {"tokenizer": "bpe", "separator": "<|end|>"}
    files = opened(tmp_path / "docs", tmp_path / "c", "text_folder", **settings)
    rows = opened(table(tmp_path, ".jsonl", TEXTS), tmp_path / "c", column="text", **settings)
    assert rows.spec.codec.to_dict() == files.spec.codec.to_dict()
    assert [rows.split(p).tokens.tolist() for p in PARTS] == [files.split(p).tokens.tolist() for p in PARTS]
    assert rows.fingerprint == files.fingerprint


def test_a_folder_of_tables_may_have_parts(tmp_path):
    for part in ("train", "val"):
        (tmp_path / "d" / part).mkdir(parents=True)
        table(tmp_path / "d" / part, ".jsonl", [f"{part} {text}" for text in TEXTS])
    dataset = opened(tmp_path / "d", tmp_path / "c", "text_folder", glob="*.jsonl", column="text")
    assert written(dataset, "validation") == "".join(f"val {text}\x1e" for text in TEXTS)
    (tmp_path / "d" / "train" / "notes.txt").write_text("not a table")
    with pytest.raises(ConfigError, match=r"train.notes\.txt is no table .*choose others with data\.glob"):
        opened(tmp_path / "d", tmp_path / "c", "text_folder", glob="*", column="text")


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_rows_without_a_text_are_counted_and_left_out(suffix, tmp_path):
    file = table(tmp_path, suffix, [*TEXTS, None, "", None])
    for _ in range(2):  # also where it was packed before
        dataset = opened(file, tmp_path / "c", column="text")
        assert read(dataset) == "".join(text + "\x1e" for text in TEXTS)
        assert any("3 rows hold no text" in notice for notice in dataset.notices)


def test_bad_rows_are_refused_at_once_or_left_out(tmp_path):
    file = table(tmp_path, ".jsonl", TEXTS)
    with open(file, "a") as more:
        more.write('{"id": 40, "text": 7}\n{"id": 41}\n{"id": 42, "text": "end"}\n')
    with pytest.raises(
        DataError, match=r"^rows\.jsonl line 41 holds a whole number in 'text', and no text\."
    ):
        opened(file, tmp_path / "c", column="text")
    dataset = opened(file, tmp_path / "c", column="text", on_bad="skip")
    assert read(dataset) == "".join(text + "\x1e" for text in [*TEXTS, "end"])
    said = next(notice for notice in dataset.notices if "left out" in notice)
    assert "2 of 43 documents cannot be read: rows.jsonl line 41 (" in said
    assert "rows.jsonl line 42 (has no column 'text'; it has id)" in said
    with pytest.raises(DataError, match=r"more than data\.max_bad=0\.01"):
        opened(file, tmp_path / "c", column="text", on_bad="skip", max_bad=0.01)


def test_a_table_that_breaks_off_is_one_bad_document_of_a_folder(tmp_path):
    (tmp_path / "d").mkdir()
    table(tmp_path / "d", ".jsonl", TEXTS)
    (tmp_path / "d" / "broken.jsonl").write_bytes(b'{"text": "first"}\n\xff\xfe')
    settings = {"glob": "*.jsonl", "column": "text"}
    with pytest.raises(DataError, match=r"broken\.jsonl .*byte 0xff.* Mend it"):
        opened(tmp_path / "d", tmp_path / "c", "text_folder", **settings)
    dataset = opened(tmp_path / "d", tmp_path / "c", "text_folder", on_bad="skip", **settings)
    assert read(dataset).endswith("".join(text + "\x1e" for text in TEXTS))
    with pytest.raises(DataError, match=r"byte 0xff"):
        opened(tmp_path / "d" / "broken.jsonl", tmp_path / "c", column="text", on_bad="skip")


def test_what_a_column_is_asked_of_and_what_is_read_without_one(tmp_path):
    (tmp_path / "a.txt").write_text("plain\n" * 50)
    with pytest.raises(ConfigError, match=r"data\.column=text: a\.txt is no table .*leave it out"):
        opened(tmp_path / "a.txt", tmp_path / "c", column="text")
    with pytest.raises(ConfigError, match=r"rows\.parquet is a table.*it has id, text"):
        opened(table(tmp_path, ".parquet", TEXTS), tmp_path / "c")
    file = table(tmp_path, ".jsonl", TEXTS)
    dataset = opened(file, tmp_path / "c")
    assert read(dataset) == file.read_text()
    assert any("rows.jsonl is read as plain text" in notice for notice in dataset.notices)


def test_documents_kept_apart_need_what_ends_them():
    for words in (
        "data=text_file",
        "data=text_folder data.separator=null",
        "data=hf_text data.separator=null",
    ):
        with pytest.raises(ConfigError, match=r"data\.documents=reset.*set data\.separator=TEXT"):
            compose("train", [*words.split(), "data.documents=reset"])
    sound = (
        "data=text_folder",
        "data=hf_text",
        "data=text_file data.column=a",
        "data=text_file data.separator=b",
    )
    for words in sound:
        compose("train", [*words.split(), "data.documents=reset", "data.path=a"])
