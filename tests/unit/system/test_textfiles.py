"""Text files that a person names: prompts, what is scored, what is compared."""

import io
import os

import pytest

from genkit.cli import prompts
from genkit.cli.commands.sample import SampleSettings
from genkit.cli.commands.score import ScoreSettings
from genkit.cli.score import _texts
from genkit.evaluation.sets import read_texts
from genkit.system.errors import DataError
from genkit.system.textfiles import lines_of

TEXT = "one \u2028 line\n\ntwo \x85 words \x0c here\n"
LINES = ["one \u2028 line", "two \x85 words \x0c here"]
MARKED = ["utf-8-sig", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


def of_prompts(file):
    return prompts.read(SampleSettings(run="r", prompt_file=str(file)))


def scored(file):
    return _texts(ScoreSettings(run="r", file=str(file)))


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", *MARKED])
def test_every_reader_drops_the_mark_and_ends_lines_where_editors_do(encoding, ends, tmp_path):
    mark = "\ufeff" if encoding in MARKED[1:] else ""
    text = TEXT.replace("\n", ends)
    (tmp_path / "t.txt").write_bytes((mark + text).encode(encoding))
    assert of_prompts(tmp_path / "t.txt") == LINES
    assert scored(tmp_path / "t.txt") == [text]
    assert read_texts("real", tmp_path / "t.txt") == LINES


def test_a_mark_is_no_part_of_the_first_line_of_json(tmp_path):
    (tmp_path / "t.jsonl").write_bytes('{"text": "a\u2028b"}\r\n{"text": "c"}\n'.encode("utf-8-sig"))
    assert read_texts("real", tmp_path / "t.jsonl") == ["a\u2028b", "c"]


def test_no_last_line_is_invented():
    assert lines_of("a\n\nb") == lines_of("a\n\nb\n") == ["a", "", "b"]
    assert lines_of("") == []


@pytest.mark.parametrize("word", ["prompt_file", "file", "real"])
def test_what_is_no_text_file_is_refused_by_name(word, tmp_path):
    read = {"prompt_file": of_prompts, "file": scored, "real": lambda path: read_texts("real", path)}[word]
    (tmp_path / "latin.txt").write_bytes(b"ab\xe9 ")
    with pytest.raises(DataError, match=rf"^{word}=.*latin\.txt is no UTF-8 at byte 2; write it in UTF-8\.$"):
        read(tmp_path / "latin.txt")
    (tmp_path / "marked.txt").write_bytes(b"\xef\xbb\xbfab\xe9 ")
    with pytest.raises(DataError, match="no UTF-8 at byte 5"):
        read(tmp_path / "marked.txt")
    os.mkfifo(tmp_path / "pipe.txt")
    for name, said in (("none.txt", "No such file"), ("pipe.txt", "no plain file")):
        with pytest.raises(DataError, match=rf"^{word}=.*{name} cannot be read: .*{said}"):
            read(tmp_path / name)


def of_input(monkeypatch, stream):
    monkeypatch.setattr("sys.stdin", stream)
    return prompts.read(SampleSettings(run="r", prompt=("-",)))


def test_standard_input_is_a_text_like_any_other(monkeypatch):
    for content in ("é\na\n".encode(), "\ufeffé\r\na\r\n".encode(), "\ufeffé\na\n".encode("utf-16-le")):
        assert of_input(monkeypatch, io.TextIOWrapper(io.BytesIO(content))) == "é\na"
    assert of_input(monkeypatch, None) == ""
    with pytest.raises(
        DataError, match=r"^prompt=-: standard input is no UTF-8 at byte 1; write it in UTF-8\.$"
    ):
        of_input(monkeypatch, io.TextIOWrapper(io.BytesIO(b"a\xe9 ")))


def test_standard_input_without_an_end_is_refused(monkeypatch):
    monkeypatch.setattr(prompts, "MAX_BYTES", 1_000)
    with open("/dev/zero") as zeros, pytest.raises(DataError, match=r"more than 1,000 bytes; give a shorter"):
        of_input(monkeypatch, zeros)
