"""Captions of examples: tables as a person keeps them, what is refused, and what stays in one part."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genkit.config import compose
from genkit.core.captions import Captions
from genkit.core.codecs import ByteCodec
from genkit.core.spec import TokenSpec, View, spec_from_dict
from genkit.data import open_dataset, open_source
from genkit.data.array_windows import ArrayWindows
from genkit.data.checking import check
from genkit.data.dataset import Dataset
from genkit.data.near_alike import of_caption, of_name
from genkit.system.errors import ConfigError, DataError, GenkitError

TOKENS = View("tokens")
NAMES = [f"picture{number:02d}.png" for number in range(24)]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        Image.fromarray(np.full((4, 4), 10 * number, np.uint8)).save(folder / name)
    return folder


def opened(words: list[str], tmp_path: Path, view: View = TOKENS) -> Dataset:
    cfg = compose("train", ["model=gpt", *words, f"paths.cache_dir={tmp_path / 'cache'}"])
    return open_dataset(cfg.data, cfg.paths.by_name, view)


def of_pictures(pictures: Path, table: str, text: str, tmp_path: Path, *words: str) -> Dataset:
    place = tmp_path / table
    place.write_text(text, encoding="utf-8")
    return opened(["data=image_folder", f"data.path={pictures}", f"data.captions={place}", *words], tmp_path)


def said(dataset: Dataset) -> Mapping[int, str]:
    """The caption of each picture by its number, which is its level by 10."""
    spec, found = dataset.spec, {}
    assert spec.kind == "tokens"
    for part in ("train", "validation", "test"):
        examples = dataset.split(part)
        windows = examples.gather(np.arange(len(examples)))[0]
        for window, caption in zip(windows, spec.captions_of(windows), strict=True):
            found[int(window[-1]) // 10] = caption
    return found


ROWS = {name: f"grey number {number}" for number, name in enumerate(NAMES)}
TABLES = {
    "t.tsv": "file\tname\n" + "".join(f"{n}\t{t}\n" for n, t in ROWS.items()),
    "headless.tsv": "".join(f"{n}\t{t}\n" for n, t in ROWS.items()),
    "t.csv": "id,text,file\r\n" + "".join(f'{i},"{t}",{n}\r\n' for i, (n, t) in enumerate(ROWS.items())),
    "t.jsonl": "".join(json.dumps({"file_name": n, "text": t}) + "\n" for n, t in ROWS.items()),
}


@pytest.mark.parametrize("table", TABLES)
def test_every_kind_of_table_gives_each_picture_its_caption(
    table: str, pictures: Path, tmp_path: Path
) -> None:
    dataset = of_pictures(pictures, table, TABLES[table], tmp_path)
    assert said(dataset) == dict(enumerate(ROWS.values()))


def test_a_window_is_a_caption_a_start_and_an_example(pictures: Path, tmp_path: Path) -> None:
    dataset = of_pictures(pictures, "t.tsv", TABLES["t.tsv"], tmp_path)
    spec = dataset.spec
    assert spec.kind == "tokens"
    window = dataset.split("train").gather(np.array([0]))[0][0].tolist()
    number = window[-1] // 10
    text = f"grey number {number}".encode()
    filling = [257 + 256] * (16 - len(text))
    assert window == [*(257 + byte for byte in text), *filling, 256, *[10 * number] * 16]
    assert spec.caption_length == 16
    assert spec.vocab_size == 257 + 257
    assert spec.context == 32
    assert spec.sequences(np.array([window]))[0].tolist() == [10 * number] * 16


def test_a_spec_with_captions_comes_back_from_json_and_one_without_says_nothing_of_them() -> None:
    plain = {"kind": "tokens", "codec": {"name": "pixels", "shape": [1, 2, 2], "levels": 4}}
    bare = spec_from_dict({**plain, "separator": None, "classes": ["a", "b"]})
    assert "captions" not in bare.to_dict()
    assert bare.kind == "tokens"
    spec = TokenSpec(bare.codec, None, ("a", "b"), captions=Captions(ByteCodec(), 5, ("one", "two")))
    again = spec_from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again.to_dict() == spec.to_dict()
    assert again.kind == "tokens"
    assert again.captions is not None
    assert again.captions.class_of("two", spec.classes) == "b"


@pytest.mark.parametrize(
    "captions", [{"codec": {"name": "bytes"}, "length": 0}, {"codec": {"name": "pixels"}, "length": 3}, 7]
)
def test_a_damaged_spec_of_captions_is_refused(captions: object) -> None:
    codec = {"name": "pixels", "shape": [1, 2, 2], "levels": 4}
    with pytest.raises((ValueError, GenkitError)):
        spec_from_dict({"kind": "tokens", "codec": codec, "captions": captions})


def test_classes_are_captions_in_words(tmp_path: Path) -> None:
    dataset = opened(["data=digits", "data.captions=classes"], tmp_path)
    examples, spec = dataset.split("test"), dataset.spec
    assert spec.kind == "tokens"
    labels = examples.classes()
    assert labels is not None
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    windows = examples.gather(np.arange(len(examples)))[0]
    assert spec.captions_of(windows) == [words[label] for label in labels.tolist()]
    assert spec.captions is not None
    assert list(spec.captions.of_classes) == words


def test_a_table_of_classes(tmp_path: Path) -> None:
    table = tmp_path / "zh.tsv"
    table.write_text("class\tname\n" + "".join(f"{i}\t{c}\n" for i, c in enumerate("零一二三四五六七八九")))
    dataset = opened(["data=digits", f"data.captions={table}"], tmp_path)
    assert dataset.spec.kind == "tokens"
    assert dataset.spec.captions is not None
    assert "".join(dataset.spec.captions.of_classes) == "零一二三四五六七八九"


def test_lines_of_classes_are_not_taken_for_files(tmp_path: Path) -> None:
    table = tmp_path / "words.tsv"
    table.write_text("".join(f"{i}\tdigit {i}\n" for i in range(10)))
    with pytest.raises(DataError, match="write class above the first column"):
        opened(["data=digits", f"data.captions={table}"], tmp_path)


def test_a_caption_that_is_called_as_columns_are_is_no_name_of_one(pictures: Path, tmp_path: Path) -> None:
    text = "".join(f"{n}\t{t}\n" for n, t in ROWS.items()).replace("grey number 0\n", "image\n")
    dataset = of_pictures(pictures, "t.tsv", text, tmp_path)
    assert said(dataset)[0] == "image"


def test_what_stays_on_a_device_is_what_is_gathered(pictures: Path, tmp_path: Path) -> None:
    examples = of_pictures(pictures, "t.tsv", TABLES["t.tsv"], tmp_path).split("train")
    order = np.arange(len(examples))[::-1]
    table = examples.table()
    assert table is not None
    assert (table[examples.places(order)] == examples.gather(order)[0]).all()


def test_captions_count_in_the_fingerprint_and_the_way_they_are_read_does_not(
    pictures: Path, tmp_path: Path
) -> None:
    words = ["data=image_folder", f"data.path={pictures}"]
    plain = opened(words, tmp_path)
    first = of_pictures(pictures, "t.tsv", TABLES["t.tsv"], tmp_path)
    other = of_pictures(pictures, "t.csv", TABLES["t.csv"], tmp_path, "data.caption_tokenizer=bpe")
    changed = of_pictures(pictures, "t.tsv", TABLES["t.tsv"].replace("number 3", "NUMBER 3"), tmp_path)
    assert first.fingerprint == other.fingerprint
    assert len({plain.fingerprint, first.fingerprint, changed.fingerprint}) == 3


def test_pairs_of_bytes_leave_no_text_outside(pictures: Path, tmp_path: Path) -> None:
    bytes_ = of_pictures(pictures, "t.tsv", TABLES["t.tsv"], tmp_path).spec
    pairs = of_pictures(pictures, "t.tsv", TABLES["t.tsv"], tmp_path, "data.caption_tokenizer=bpe").spec
    assert bytes_.kind == pairs.kind == "tokens"
    assert pairs.caption_length < bytes_.caption_length
    for text, read in (("grey 7", "grey 7"), ("🜁  ü", "🜁 ü"), ("a\ud800\n", "a?"), ("", "")):
        for spec in (bytes_, pairs):
            assert spec.captions_of(spec.caption_ids([text])) == [read]


def test_a_longer_caption_than_configured_is_refused(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"caption_length=13: 14 captions .* picture10\.png has 14 tokens"):
        of_pictures(pictures, "t.tsv", TABLES["t.tsv"], tmp_path, "data.caption_length=13")


def lacking(*names: str) -> str:
    return "".join(f"{n}\t{t}\n" for n, t in ROWS.items() if n not in names)


@pytest.mark.parametrize(
    ("table", "text", "words", "line"),
    [
        ("t.tsv", "", (), r"t\.tsv is empty"),
        ("t.tsv", "file\tcaption\n", (), r"t\.tsv has names of columns and no captions"),
        ("t.tsv", "a.png\n", (), r"t\.tsv has one column"),
        ("t.tsv", "a.png\tx\nb.png\n", (), r"t\.tsv has 1 cells in line 2"),
        ("t.csv", 'a.png,"x\n', (), r"t\.csv is no CSV at line 1"),
        ("t.jsonl", '{"file": "a.png"\n', (), r"t\.jsonl is no JSON at line 1"),
        ("t.jsonl", "[1]\n", (), r"t\.jsonl has no object at line 1"),
        ("t.xlsx", "PK", (), r"t\.xlsx is no \.tsv, \.csv or \.jsonl"),
        (
            "t.tsv",
            TABLES["t.tsv"] + f"{NAMES[4]}\tagain\n",
            (),
            r"t\.tsv has several lines for picture04\.png \(6 and 26\)",
        ),
        (
            "t.tsv",
            lacking(*NAMES[2:5]),
            (),
            r"t\.tsv has no caption for 3 of 24 images \(picture02\.png, picture03\.png, picture04\.png\);"
            r" add them, or leave those out with data\.on_bad=skip",
        ),
        ("t.tsv", TABLES["t.tsv"].replace("grey number 5\n", "\n"), (), r"no caption for 1 of 24 images"),
        ("t.tsv", lacking(*NAMES[2:9]), ("data.on_bad=skip",), r"more than data\.max_bad=0\.1 of them"),
        ("t.tsv", "other.png\tx\n", (), r"no caption for 24 of 24 .* it has them for other\.png"),
        ("t.tsv", TABLES["t.tsv"], ("data.caption_column=tilte",), r"caption_column=tilte: .* file, name"),
    ],
)
def test_one_line_for_each_fault_of_a_table(
    table: str, text: str, words: tuple[str, ...], line: str, pictures: Path, tmp_path: Path
) -> None:
    with pytest.raises(GenkitError, match=line) as caught:
        of_pictures(pictures, table, text, tmp_path, *words)
    assert "\n" not in str(caught.value)


def test_a_table_in_another_encoding_is_refused(pictures: Path, tmp_path: Path) -> None:
    place = tmp_path / "latin.tsv"
    place.write_bytes("picture00.png\tgrün\n".encode("latin-1"))
    words = ["data=image_folder", f"data.path={pictures}", f"data.captions={place}"]
    with pytest.raises(DataError, match=r"latin\.tsv is no UTF-8 at byte 16"):
        opened(words, tmp_path)
    with pytest.raises(DataError, match=r"none\.tsv cannot be read"):
        opened([*words[:2], f"data.captions={tmp_path / 'none.tsv'}"], tmp_path)


def test_pictures_without_captions_are_left_out_where_that_is_wanted(pictures: Path, tmp_path: Path) -> None:
    dataset = of_pictures(pictures, "t.tsv", lacking(*NAMES[2:4]), tmp_path, "data.on_bad=skip")
    assert set(said(dataset)) == set(range(24)) - {2, 3}
    assert any("no caption for 2 of 24" in line and "left out" in line for line in dataset.notices)


def test_a_name_alone_that_two_folders_have_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "two"
    for folder in ("cats", "dogs"):
        (root / folder).mkdir(parents=True)
        for number in range(12):
            Image.fromarray(np.full((4, 4), number, np.uint8)).save(root / folder / f"{number}.png")
    bare = "".join(f"{number}.png\tn {number}\n" for number in range(12))
    with pytest.raises(DataError, match=r"0\.png is the name of 2 files"):
        of_pictures(root, "t.tsv", bare, tmp_path)
    whole = "".join(f"{f}/{i}.png\tof {f} {i}\n" for f in ("cats", "dogs") for i in range(12))
    dataset = of_pictures(root, "t.tsv", whole, tmp_path)
    examples = dataset.split("test")
    labels = examples.classes()
    assert labels is not None
    for text, label in zip(examples.called(np.arange(len(examples))), labels.tolist(), strict=True):
        assert text.startswith(("of cats", "of dogs")[label])


def test_captions_are_of_arrays_and_of_models_that_read_tokens(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.captions"):
        compose("train", ["model=gpt", "data=pydocs", "data.captions=classes"])
    with pytest.raises(ConfigError, match=r"data\.captions=classes.*reads tokens"):
        compose("train", ["model=vae", "data=digits", "data.captions=classes"])
    with pytest.raises(ConfigError, match=r"data\.caption_length.*captions"):
        compose("train", ["model=gpt", "data=digits", "data.caption_length=8"])


def test_without_classes_there_are_no_captions_of_classes(pictures: Path, tmp_path: Path) -> None:
    words = ["data=image_folder", f"data.path={pictures}", "data.captions=classes"]
    with pytest.raises(ConfigError, match="has no classes; name a table"):
        opened(words, tmp_path)


def test_a_table_that_has_moved_with_its_data_is_found_there(pictures: Path, tmp_path: Path) -> None:
    inside = of_pictures(pictures, "pictures/t.tsv", TABLES["t.tsv"], tmp_path)
    moved = tmp_path / "moved" / "pictures"
    moved.parent.mkdir()
    pictures.rename(moved)
    before = f"data.captions={pictures / 't.tsv'}"
    assert said(opened(["data=image_folder", f"data.path={moved}", before], tmp_path)) == said(inside)
    (moved / "t.tsv").rename(moved.parent / "t.tsv")  # beside the folder, as it may have been
    assert said(opened(["data=image_folder", f"data.path={moved}", before], tmp_path)) == said(inside)


def test_a_check_of_the_data_speaks_of_captions_and_divides_as_a_training_does(
    pictures: Path, tmp_path: Path
) -> None:
    def checked(*words: str) -> dict[str, str]:
        place = f"paths.cache_dir={tmp_path / 'cache'}"
        cfg = compose("train", ["model=gpt", "data=image_folder", f"data.path={pictures}", *words, place])
        source = open_source(cfg.data, cfg.paths.by_name)
        return dict(check("image_folder", source, cfg.data, cfg.paths.by_name))

    rows = "".join(f"{n}\tshade {i // 4}\tgroup {i // 2}\n" for i, n in enumerate(NAMES))
    (tmp_path / "g.tsv").write_text(f"file\tcaption\tkind\n{rows}")
    found = checked(f"data.captions={tmp_path / 'g.tsv'}", "data.group_by=kind")
    assert found["captions"].startswith("24, 6 of them different, most often shade 0 4")
    assert "images of one group, of 12, stay in one part" in found["split"]
    (tmp_path / "g.tsv").write_text("file\tcaption\n" + lacking(NAMES[3]))
    found = checked(f"data.captions={tmp_path / 'g.tsv'}")
    assert "no caption for 1 of 24 images (picture03.png)" in found["captions"]
    assert found["images"].startswith("24")
    assert "captions" not in checked()


# ---------------------------------------------------------------------- what stays in one part


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("1f44b-1f3fd.png", "1f44b.png"),
        ("261d-1f3fb.png", "261d-fe0f.png"),
        ("emoji_u1f44b_1f3ff.png", "emoji_u1f44b.png"),
        ("hands/👋🏽.png", "hands/👋.png"),
    ],
)
def test_names_without_skin_tones(name: str, same: str) -> None:
    assert of_name(name) == of_name(same)
    assert of_name(name) != of_name(same.replace("1", "2").replace("👋", "👍"))


@pytest.mark.parametrize(
    ("caption", "base"),
    [
        ("waving hand: light skin tone", "waving hand"),
        ("waving hand (skin tone)", "waving hand"),
        ("kiss: woman, man, medium-light skin tone, dark skin tone", "kiss: woman, man"),
        ("flag: France", "flag: France"),
        ("a dark night", "a dark night"),
    ],
)
def test_captions_without_skin_tones(caption: str, base: str) -> None:
    assert of_caption(caption) == base


def test_a_column_of_the_table_says_what_stays_together(pictures: Path, tmp_path: Path) -> None:
    rows = "".join(f"{n}\t{t}\tgroup {i // 2}\n" for i, (n, t) in enumerate(ROWS.items()))
    dataset = of_pictures(pictures, "g.tsv", f"file\tcaption\tkind\n{rows}", tmp_path, "data.group_by=kind")
    parts = [{n // 2 for n in numbers} for numbers in numbers_of(dataset).values()]
    assert sum(map(len, parts)) == 12
    assert "images of one group, of 12, stay in one part" in dataset.protocol
    with pytest.raises(ConfigError, match=r"group_by=sort: .*; it has file, caption, kind"):
        of_pictures(pictures, "g.tsv", f"file\tcaption\tkind\n{rows}", tmp_path, "data.group_by=sort")
    with pytest.raises(ConfigError, match=r"group_by=skin_tone: no two images .* are alike"):
        of_pictures(pictures, "g.tsv", f"file\tcaption\tkind\n{rows}", tmp_path, "data.group_by=skin_tone")


def numbers_of(dataset: Dataset) -> dict[str, set[int]]:
    found = {}
    for part in ("train", "validation", "test"):
        examples = dataset.split(part)
        windows = examples.gather(np.arange(len(examples)))[0]
        found[part] = {int(window[-1]) // 10 for window in windows}
    return found


def test_no_emoji_stands_in_two_parts_by_its_skin_tones(tmp_path: Path) -> None:
    root = Path(os.environ.get("GENKIT_DATA_DIR", ""))
    if not (root / "emoji_names.tsv").is_file():
        pytest.skip("needs the emoji of GENKIT_DATA_DIR")
    lines = (root / "emoji_names.tsv").read_text(encoding="utf-8").splitlines()[1:]
    words = ["data=image_folder", f"data.path={root / 'emoji'}", f"data.captions={root / 'emoji_names.tsv'}"]
    dataset = opened([*words, "data.size=8", "data.channels=1", "data.group_by=skin_tone"], tmp_path)
    tones = {f"{point:x}" for point in range(0x1F3FB, 0x1F400)}
    names = sorted(line.split("\t")[0] for line in lines)
    bases: dict[str, set[str]] = {}
    captions: dict[str, set[str]] = {}
    for part in ("train", "validation", "test"):
        examples = dataset.split(part)
        assert isinstance(examples, ArrayWindows)
        called = examples.called(np.arange(len(examples)))
        for row, caption in zip(examples.images.rows.tolist(), called, strict=True):
            points = [p for p in names[row].removesuffix(".png").split("-") if p not in tones | {"fe0f"}]
            bases.setdefault("-".join(points), set()).add(part)
            captions.setdefault(caption.removesuffix(" (skin tone)"), set()).add(part)
    assert len(bases) == 1_913
    assert [base for base, parts in bases.items() if len(parts) > 1] == []
    assert [base for base, parts in captions.items() if len(parts) > 1] == []
    assert min(dataset.counts.values()) > 100
