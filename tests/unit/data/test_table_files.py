"""Rows of tables in files: the same as other readers find, with their lines, never the whole file."""

import csv
import gzip
import io
import json
import tracemalloc
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genkit.data.text import json_list
from genkit.data.text.json_list import JsonList
from genkit.data.text.table_files import TableFile, is_table
from genkit.system.errors import ConfigError, DataError

ROWS = [{"id": 1, "text": "one\ntwo"}, {"id": 2, "text": '“three” "four", 五'}, {"id": 3, "text": ""}]
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


def written(tmp_path, name, content):
    file = tmp_path / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return TableFile(file)


def filled(tmp_path, kind):
    """The rows above in a file, and the number of each."""
    if kind == "parquet":
        pq.write_table(
            pa.table({"id": [1, 2, 3], "text": [row["text"] for row in ROWS]}), tmp_path / "a.parquet"
        )
        return TableFile(tmp_path / "a.parquet"), [1, 2, 3]
    if kind == "csv":
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, ["id", "text"])
        writer.writeheader()
        writer.writerows(ROWS)
        return written(tmp_path, "a.csv", text.getvalue()), [2, 4, 5]
    if kind == "json":
        return written(tmp_path, "a.json", json.dumps(ROWS, indent=1)), [2, 6, 10]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)
    if kind == "jsonl.gz":
        return written(tmp_path, "a.jsonl.gz", gzip.compress(lines.encode())), [1, 2, 3]
    if kind == "jsonl.zst":
        return written(tmp_path, "a.jsonl.zst", pa.compress(lines.encode(), "zstd", asbytes=True)), [1, 2, 3]
    return written(tmp_path, f"a.{kind}", lines), [1, 2, 3]


@pytest.mark.parametrize("kind", ["jsonl", "ndjson", "json", "csv", "parquet", "jsonl.gz", "jsonl.zst"])
def test_rows_are_those_that_were_written_with_the_lines_in_which_they_begin(kind, tmp_path):
    table, numbers = filled(tmp_path, kind)
    assert is_table(table.path)
    assert table.columns() == ["id", "text"]
    rows = list(table.rows(["text"]))
    assert [row.values for row in rows] == [(row["text"],) for row in ROWS]
    assert [row.number for row in rows] == numbers
    ids = ["1", "2", "3"] if kind == "csv" else [1, 2, 3]
    assert [row.values for row in table.rows(["text", "id"])] == [
        (row["text"], own) for row, own in zip(ROWS, ids, strict=True)
    ]
    assert table.place(rows[2]) == f"{table.path} {'row' if kind == 'parquet' else 'line'} {numbers[2]}"


def test_objects_a_line_also_in_a_json_and_cells_between_tabs(tmp_path):
    table = written(tmp_path, "a.json", '\n{"a": [1, {"b": null}]}\n\n{"a": 2}\n')
    assert [(row.number, row.values) for row in table.rows(["a"])] == [(2, ([1, {"b": None}],)), (4, (2,))]
    table = written(tmp_path, "a.tsv", 'a\tb\r\n"x" \t y"\r\n')
    assert [row.values for row in table.rows(["b", "a"])] == [(' y"', '"x" ')]


def test_a_list_is_cut_anywhere_also_within_numbers_and_words():
    values = [1.5, -2e30, 12, 1.25e-07, True, None, "a\nb", {"a": [0.5]}, -7]
    text = '[1.5,-2e+30, 12,\n1.25e-07,true,null,"a\\nb",{"a":[0.5]},-7]'
    for first in range(len(text) + 1):
        for second in range(first, len(text) + 1):
            pieces = [text[:first], text[first:second], text[second:]]
            assert [value for _, value in JsonList(iter(pieces)).entries()] == values
    with pytest.raises(ValueError, match="comma"):
        list(JsonList(iter(["[1.", "x]"])).entries())


@settings(deadline=None, max_examples=200)
@given(st.lists(PLAIN, max_size=6), st.sampled_from([None, 0, 2]), st.lists(st.integers(0, 300), max_size=9))
def test_a_list_read_in_pieces_is_what_the_library_makes_of_it(values, indent, cuts):
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    places = sorted({0, *(cut for cut in cuts if cut < len(text)), len(text)})
    pieces = [text[start:stop] for start, stop in pairwise(places)]
    found = list(JsonList(iter(pieces)).entries())
    assert [value for _, value in found] == values
    lines = text.split("\n")
    for line, value in found:
        first = lines[line - 1].lstrip("[ ") if indent is None else lines[line - 1].strip()
        assert json.dumps(value, ensure_ascii=False)[:1] == first[:1] or indent is None


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5))
def test_cells_are_what_was_written(tmp_path_factory, cells):
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *cells])
    table = written(tmp_path_factory.mktemp("csv"), "a.csv", text.getvalue())
    assert [row.values for row in table.rows(["a", "b"])] == cells
    begins, line = [], 2
    for row in cells:
        begins.append(line)
        line += 1 + sum(cell.count("\n") for cell in row)
    assert [row.number for row in table.rows(["a"])] == begins


@pytest.mark.parametrize(
    ("name", "content", "number", "fault"),
    [
        ("a.jsonl", '{"text": "x"}\n[1]\n', 2, "is no object"),
        ("a.jsonl", '{"text": "x"}\n{"text": \n', 2, "is no JSON: Expecting value"),
        (
            "a.jsonl",
            '{"text": "x"}\n\n{"txt": "y"}\n',
            3,
            "has no column 'text' (did you mean txt?); it has txt",
        ),
        ("a.jsonl", '{"text": "x"}\n{"text": "a", "text": "b"}\n', 2, "stands twice"),
        ("a.jsonl", '{"text": "x"}\n' + "[" * 5000, 2, "nested too deeply"),
        ("a.json", '[{"text": "x"},\n3]', 2, "is no object"),
        ("a.csv", "text,b\nx,y\nz\n", 3, "has 1 cell, and the first line 2"),
        ("a.csv", 'text,b\nx,y\n"z" w,1\n', 3, "is written twice"),
        ("a.csv", 'text,b\nx,y\n"z,1\nzz,2', 3, "is never closed"),
        ("a.tsv", "text\tb\nx\ty\n1\t2\t3\n", 3, "has 3 cells, and the first line 2"),
    ],
)
def test_a_row_that_is_none_says_so_and_others_go_on(name, content, number, fault, tmp_path):
    bad = [row for row in written(tmp_path, name, content).rows(["text"]) if row.fault]
    assert [row.number for row in bad] == [number]
    assert fault in bad[0].fault
    good = [row.values for row in written(tmp_path, name, content).rows(["text"]) if not row.fault]
    assert good == [("x",)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "txt,b\nx,y\n", r"a\.csv has no column 'text' \(did you mean txt\?\); it has txt, b\."),
        ("a.csv", "text,text\nx,y\n", "several columns 'text'"),
        ("a.csv", "", "it is empty"),
        ("a.csv", b"text\nx\n\xff\n", "byte 0xff at offset 7"),
        ("a.json", '[{"text": "x"}\n{"text": "y"}]', r"line 2 is no JSON: a comma"),
        ("a.json", '[{"text": "x"}', "line 1 is no JSON: a comma"),
        ("a.json", '[{"text": "x"},\n\n{"text": ]', "line 3 is no JSON: Expecting value"),
        ("a.json", '[{"text": "x"}] 1', "behind the end of the list"),
        ("a.parquet", b"PAR1 and nothing else PAR1", r"a\.parquet is no whole parquet"),
        ("a.jsonl.gz", b"no gzip at all", r"a\.jsonl\.gz is damaged"),
        ("a.jsonl.gz", gzip.compress(b'{"text": "x"}\n' * 99, mtime=0)[:-12], r"a\.jsonl\.gz is damaged"),
        ("a.jsonl.zst", b"no zstd at all", r"a\.jsonl\.zst cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_further_is_refused_in_a_line(name, content, said, tmp_path):
    with pytest.raises(DataError, match=said) as refused:
        list(written(tmp_path, name, content).rows(["text"]))
    assert "\n" not in str(refused.value)


def test_a_parquet_without_the_column_and_with_values_of_no_json(tmp_path):
    pq.write_table(
        pa.table({"text": pa.array([b"x", None], pa.binary()), "n": [1, 2]}), tmp_path / "a.parquet"
    )
    table = TableFile(tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"no column 'texts' \(did you mean text\?\); it has text, n\."):
        list(table.rows(["texts"]))
    first, second = table.rows(["text"])
    assert "of the kind bytes" in first.fault
    assert second.values == (None,)


def test_without_pyarrow_a_parquet_is_refused_in_a_line(tmp_path, monkeypatch):
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    for name in ("a.parquet", "a.csv.zst"):
        with pytest.raises(ConfigError, match=r"needs the library pyarrow"):
            list(written(tmp_path, name, b"").rows(["text"]))


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv"])
def test_memory_does_not_grow_with_the_file(kind, tmp_path):
    """A file of 24 MB in a few: its blocks and one row."""
    row, count = {"text": "a word or two " * 8}, 200_000
    with open(tmp_path / f"a.{kind}", "w") as file:
        file.write({"json": "[", "csv": "text\n", "tsv": "text\n"}.get(kind, ""))
        line = row["text"] if kind in ("csv", "tsv") else json.dumps(row)
        file.writelines(
            line + ("" if last else ",") * (kind == "json") + "\n" for last in [False] * (count - 1) + [True]
        )
        file.write("]" if kind == "json" else "")
    tracemalloc.start()
    try:
        assert sum(not row.fault for row in TableFile(tmp_path / f"a.{kind}").rows(["text"])) == count
        assert tracemalloc.get_traced_memory()[1] < 16e6
    finally:
        tracemalloc.stop()


def test_an_entry_or_a_line_that_never_ends_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("genkit.data.text.table_files.LONGEST", 10**6)
    monkeypatch.setattr(json_list, "LONGEST", 10**6)
    endless = "x" * 4_000_000
    with pytest.raises(DataError, match="line 2 has more than 1,000,000 characters"):
        list(written(tmp_path, "a.jsonl", '{"text": "x"}\n{"text": "' + endless).rows(["text"]))
    with pytest.raises(DataError, match="line 2 is no JSON: Unterminated string"):
        list(written(tmp_path, "a.json", '[{"text": "x"},\n{"text": "' + endless * 3 + '"}]').rows(["text"]))
