"""Text files of any encoding and length become tokens, cut where lines and documents end."""

import json
import tracemalloc

import numpy as np
import pytest

from genkit.core.spec import View
from genkit.data.sources import three_parts
from genkit.data.text import scan, streams, text_parts
from genkit.data.text.streams import clean, file_pieces
from genkit.system.errors import ConfigError, DataError
from tests.conftest import open_plain

COMMON = {
    "tokenizer": "chars",
    "vocab_size": 300,
    "tokenizer_path": None,
    "encoding": "utf-8",
    "separator": None,
    "clean": False,
    "dedupe": "off",
    "split": "three",
    "on_bad": "error",
    "max_bad": 0.5,
}
LINES = [f"{i}: café naïve, 颜色 {'x' * (i % 7)}\n" for i in range(400)]


def opened(path, cache, name="text_file", block_size=8, **settings):
    data = {"name": name, "path": str(path), "glob": "*.txt", **COMMON, **settings}
    return open_plain(data, {"cache_dir": str(cache)}, View("tokens", block_size=block_size))


def written(dataset, part):
    return dataset.spec.codec.decode(dataset.split(part).tokens)


@pytest.mark.parametrize("tokenizer", ["chars", "bytes", "bpe"])
def test_every_character_arrives_once_and_in_order(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(text_parts, "CHUNK", 100)
    monkeypatch.setattr(scan, "TOGETHER", 70)
    monkeypatch.setattr(streams, "BLOCK", 97)  # blocks end inside lines and inside characters
    (tmp_path / "t.txt").write_text("".join(LINES), encoding="utf-8")
    dataset = opened(tmp_path / "t.txt", tmp_path / "c", tokenizer=tokenizer)
    parts = [written(dataset, part) for part in ("train", "validation", "test")]
    expected = three_parts("".join(LINES)).parts
    assert parts == [expected["train"], expected["validation"], expected["test"]]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-be", "utf-8-sig", "gb18030", "utf-32"])
def test_encodings(encoding, tmp_path):
    lines = "".join(LINES) if encoding != "latin-1" else "déjà vu, où\n" * 200
    (tmp_path / "t.txt").write_bytes(lines.encode(encoding))
    dataset = opened(tmp_path / "t.txt", tmp_path / "c", encoding=encoding)
    assert "".join(written(dataset, part) for part in ("train", "validation", "test")) == lines


def test_a_byte_order_mark_decides(tmp_path):
    (tmp_path / "t.txt").write_bytes("déjà vu\n".encode("utf-16"))
    assert "".join(file_pieces(tmp_path / "t.txt", "utf-8")) == "déjà vu\n"


def test_another_encoding_is_named_with_its_place(tmp_path, monkeypatch):
    monkeypatch.setattr(streams, "BLOCK", 1000)
    content = ("plain ascii\n" * 500).encode() + "é".encode("latin-1") + b" and more\n"
    (tmp_path / "t.txt").write_bytes(content)
    with pytest.raises(DataError, match=r"0xe9 at offset 6000.*data\.encoding=latin-1"):
        opened(tmp_path / "t.txt", tmp_path / "c")
    (tmp_path / "cut.txt").write_bytes(b"plain\n" * 10 + "é".encode()[:1])
    with pytest.raises(DataError, match="offset 60"):
        list(file_pieces(tmp_path / "cut.txt", "utf-8"))
    with pytest.raises(ConfigError, match="utf-9"):
        opened(tmp_path / "t.txt", tmp_path / "c", encoding="utf-9")


def test_what_is_no_text(tmp_path):
    (tmp_path / "n.txt").write_bytes(b"abc\0def")
    with pytest.raises(DataError, match="NUL byte at offset 3"):
        opened(tmp_path / "n.txt", tmp_path / "c")
    with pytest.raises(DataError, match="is a folder"):
        opened(tmp_path, tmp_path / "c")
    with pytest.raises(DataError, match="missing"):
        opened(tmp_path / "nowhere.txt", tmp_path / "c")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(DataError, match="empty"):
        opened(tmp_path / "empty.txt", tmp_path / "c")
    (tmp_path / "short.txt").write_text("a few words\n" * 9)
    with pytest.raises(
        DataError, match=r"has 108 tokens, model\.block_size=108 needs 109; the largest.* 107\."
    ):
        opened(tmp_path / "short.txt", tmp_path / "c", block_size=108)
    assert not list((tmp_path / "c").glob("*.partial"))


def test_nothing_is_changed_unless_asked(tmp_path):
    odd = "a\r\nb\rc\u200bd e\u0301 é \u202b\u05d0 \u00a0 x  \n"
    (tmp_path / "t.txt").write_bytes((odd * 100).encode())
    dataset = opened(tmp_path / "t.txt", tmp_path / "c", block_size=4)
    assert "".join(written(dataset, part) for part in ("train", "validation", "test")) == odd * 100
    assert clean(odd) == "a\nb\ncd é é \u05d0   x\n"
    cleaned = opened(tmp_path / "t.txt", tmp_path / "c", block_size=4, clean=True)
    assert "".join(written(cleaned, part) for part in ("train", "validation", "test")) == clean(odd) * 100


def folder(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return tmp_path / "docs"


def test_documents_are_cut_between_and_separated(tmp_path):
    root = folder(tmp_path, {f"{i:02}.txt": f"document {i}\nhas two lines\n" for i in range(40)})
    (root / "notes.md").write_text("not asked for")
    dataset = opened(root, tmp_path / "c", "text_folder", separator="\x1e")
    parts = [written(dataset, part) for part in ("train", "validation", "test")]
    assert "".join(parts) == "".join(f"document {i}\nhas two lines\n\x1e" for i in range(40))
    assert all(part.endswith("\x1e") for part in parts)
    assert dataset.spec.separator == "\x1e"
    with pytest.raises(DataError, match=r"data\.glob=\*\.rst; it has 40 \.txt, 1 \.md"):
        opened(root, tmp_path / "c", "text_folder", glob="*.rst")


def test_folders_may_be_the_parts(tmp_path):
    root = folder(
        tmp_path, {f"{part}/{i}.txt": f"{part} text {i}\n" for part in ("train", "val") for i in range(9)}
    )
    dataset = opened(root, tmp_path / "c", "text_folder")
    assert written(dataset, "train") == "".join(f"train text {i}\n" for i in range(9))
    assert written(dataset, "test") == written(dataset, "validation")
    assert "test is the validation part" in dataset.protocol


def test_repeated_and_unreadable_documents_are_left_out(tmp_path):
    files = {f"{i}.txt": f"Document {i}, with words.\n" * 5 for i in range(8)}
    files |= {"8.txt": files["1.txt"], "9.txt": files["2.txt"].upper(), "bad.txt": b"\xe9t\xe9 " * 9}
    root = folder(tmp_path, files)
    with pytest.raises(DataError, match=r"1 of 11 documents.*bad\.txt"):
        opened(root, tmp_path / "c", "text_folder")
    for dedupe, kept in (("off", 10), ("exact", 9), ("near", 8)):
        dataset = opened(root, tmp_path / "c", "text_folder", dedupe=dedupe, on_bad="skip")
        text = "".join(written(dataset, part) for part in ("train", "validation", "test"))
        assert text.lower().count("document") == 5 * kept
        assert "\xe9" not in text
        assert "\xe9" not in dataset.spec.codec.characters
    described = [json.loads(file.read_text()) for file in (tmp_path / "c").glob("*/dataset.json")]
    assert {tuple(d["repeated"]) for d in described} == {(), ("8.txt",), ("8.txt", "9.txt")}


def test_the_tokeniser_is_trained_on_the_training_part_alone(tmp_path):
    (tmp_path / "t.txt").write_text("aaaa bbbb\n" * 900 + "zqzqzq\n" * 60)
    codec = opened(tmp_path / "t.txt", tmp_path / "c", tokenizer="bpe").spec.codec
    assert len(codec.encode("aaaa bbbb\n" * 10)) <= 30
    assert len(codec.encode("zqzqzq")) == 6


def test_a_changed_tokeniser_file_is_noticed(tmp_path):
    (tmp_path / "t.txt").write_text("".join(LINES))
    bpe = opened(tmp_path / "t.txt", tmp_path / "c", tokenizer="bpe", vocab_size=280).spec.codec
    file = tmp_path / "tokenizer.json"
    file.write_text(bpe.to_dict()["tokenizer"])
    settings = {"tokenizer": "hf", "tokenizer_path": str(tmp_path)}
    first = opened(tmp_path / "t.txt", tmp_path / "c", **settings)
    assert first.spec.codec.sha256() == bpe.sha256()
    other = opened(tmp_path / "t.txt", tmp_path / "c", tokenizer="bpe", vocab_size=270).spec.codec
    file.write_text(other.to_dict()["tokenizer"])
    assert opened(tmp_path / "t.txt", tmp_path / "c", **settings).spec.codec.sha256() == other.sha256()
    file.write_text("{}")
    with pytest.raises(DataError, match=r"tokenizer\.json"):
        opened(tmp_path / "t.txt", tmp_path / "c", **settings)


def test_memory_does_not_grow_with_the_text(tmp_path):
    with open(tmp_path / "t.txt", "w") as file:
        for _ in range(30):
            file.write("a line of a text that goes on and on\n" * 27_000)
    tracemalloc.start()
    dataset = opened(tmp_path / "t.txt", tmp_path / "c")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(dataset.split("train").tokens) > 26_000_000
    assert isinstance(dataset.split("train").tokens, np.memmap)
    assert peak < 80e6


@pytest.mark.parametrize("encoding", ["utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be"])
def test_a_mark_of_any_width_decides(encoding, tmp_path):
    (tmp_path / "t.txt").write_bytes("\ufeffdéjà 颜色\n".encode(encoding))
    assert "".join(file_pieces(tmp_path / "t.txt", "utf-8")) == "déjà 颜色\n"


@pytest.mark.parametrize("encoding", ["hex", "rot13", "base64", "zlib", "quopri", "undefined"])
def test_what_decodes_no_text_is_no_encoding(encoding, tmp_path):
    (tmp_path / "t.txt").write_text("".join(LINES), encoding="utf-8")
    with pytest.raises(ConfigError, match=f"data.encoding={encoding} is no encoding of texts"):
        opened(tmp_path / "t.txt", tmp_path / "c", encoding=encoding)


def test_suffixes_in_capitals_are_read_and_other_files_are_named(tmp_path):
    root = folder(tmp_path, {"a.txt": "first words\n" * 60, "b.TXT": "second words\n" * 60, "c.md": "no"})
    dataset = opened(root, tmp_path / "c", "text_folder")
    whole = "".join(written(dataset, part) for part in ("train", "validation", "test"))
    assert whole == "first words\n" * 60 + "second words\n" * 60
    assert "not read, for they do not match data.glob=*.txt: 1 .md" in " ".join(dataset.notices)
