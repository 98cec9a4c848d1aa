"""Folders in the formats of the library `datasets`, read as texts and as images."""

import os

import numpy as np
import pytest

from genkit.core.spec import View
from genkit.system.errors import ConfigError, DataError
from tests.conftest import open_plain
from tests.unit.data.test_data_folders import SETTINGS, colour
from tests.unit.data.test_data_texts import COMMON, written

datasets = pytest.importorskip("datasets")


def opened(tmp_path, name, **settings):
    common = {**COMMON, "separator": "\x1e", "column": "text"} if name == "hf_text" else SETTINGS
    data = {"subset": None, "column": "image", "label": "label", **common, "name": name, **settings}
    view = View("tokens", block_size=8) if name == "hf_text" else View("arrays")
    return open_plain(data, {"cache_dir": str(tmp_path / "cache")}, view)


def test_texts_saved_by_the_library(tmp_path):
    texts = [f"story {i}\nwith an end" for i in range(50)]
    datasets.Dataset.from_dict({"text": texts}).save_to_disk(str(tmp_path / "d"))
    dataset = opened(tmp_path, "hf_text", path=str(tmp_path / "d"))
    whole = "".join(written(dataset, part) for part in ("train", "validation", "test"))
    assert whole == "".join(f"{text}\x1e" for text in texts)
    with pytest.raises(DataError, match=r"data\.column=story: the train part has text"):
        opened(tmp_path, "hf_text", path=str(tmp_path / "d"), column="story")


def test_texts_with_parts_of_their_own(tmp_path):
    parts = {part: {"text": [f"{part} {i}" for i in range(20)]} for part in ("train", "test")}
    made = datasets.DatasetDict({part: datasets.Dataset.from_dict(p) for part, p in parts.items()})
    made.save_to_disk(str(tmp_path / "d"))
    dataset = opened(tmp_path, "hf_text", path=str(tmp_path / "d"))
    assert written(dataset, "train") == "".join(f"train {i}\x1e" for i in range(20))
    assert (
        written(dataset, "validation")
        == written(dataset, "test")
        == "".join(f"test {i}\x1e" for i in range(20))
    )


def test_images_with_classes(tmp_path):
    from PIL import Image

    label = datasets.ClassLabel(names=["cat", "dog"])
    features = datasets.Features({"image": datasets.Image(), "label": label})
    rows = {"image": [Image.fromarray(colour(i)) for i in range(30)], "label": [i % 2 for i in range(30)]}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "d"))
    dataset = opened(tmp_path, "hf_images", path=str(tmp_path / "d"))
    assert dataset.spec.classes == ("cat", "dog")
    images, labels, _ = dataset.split("train").gather(np.arange(dataset.counts["train"]))
    for image, label, row in zip(images, labels, dataset.split("train").rows, strict=True):
        assert (image == colour(row).transpose(2, 0, 1)).all()
        assert label == row % 2


def of_labels(tmp_path, labels, feature, parts=("train",), **settings):
    from PIL import Image

    features = datasets.Features({"image": datasets.Image(), "label": feature})
    rows = {"image": [Image.fromarray(colour(i)) for i in range(len(labels))], "label": labels}
    table = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict(dict.fromkeys(parts, table)).save_to_disk(str(tmp_path / "d"))
    return opened(tmp_path, "hf_images", path=str(tmp_path / "d"), **settings)


@pytest.mark.parametrize(
    ("labels", "feature", "said"),
    [
        ([-1, 0, 1] * 10, datasets.ClassLabel(names=["cat", "dog"]), r"down to -1 \(10 of 30"),
        ([None, 0, 1] * 10, datasets.Value("int64"), "empty in 10 of 30 rows"),
        ([0.5, 0.0, 1.0] * 10, datasets.Value("float32"), r"holds 0\.5"),
        ([[0], [0, 1], []] * 10, datasets.Sequence(datasets.Value("int64")), "holds list"),
    ],
)
def test_labels_that_are_no_classes(labels, feature, said, tmp_path):
    with pytest.raises(DataError, match=said + r".*data\.label=null"):
        of_labels(tmp_path, labels, feature)
    assert opened(tmp_path, "hf_images", path=str(tmp_path / "d"), label=None).spec.classes == ()


def test_labels_that_are_texts_and_parts_that_are_not_used(tmp_path):
    parts = ("train", "unsupervised")
    dataset = of_labels(tmp_path, ["dog", "cat", "dog"] * 10, datasets.Value("string"), parts)
    assert dataset.spec.classes == ("cat", "dog")
    labels = dataset.split("train").gather(np.arange(dataset.counts["train"]))[1]
    assert labels.tolist() == [int(row % 3 != 1) for row in dataset.split("train").rows]
    assert "the parts unsupervised (30 rows) are not used." in " ".join(dataset.notices)


def test_every_part_that_is_not_used_is_named(tmp_path):
    names = ("train", "val", "validation", "unsupervised")
    parts = {part: datasets.Dataset.from_dict({"text": [f"{part} {i}" for i in range(20)]}) for part in names}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "d"))
    dataset = opened(tmp_path, "hf_text", path=str(tmp_path / "d"))
    assert "val 3" in written(dataset, "validation")
    assert dataset.notices == [
        "hf_text: the parts validation (20 rows), unsupervised (20 rows) are not used."
    ]


def test_labels_are_those_of_all_parts_or_none(tmp_path):
    from PIL import Image

    rows = {"image": [Image.fromarray(colour(i)) for i in range(30)], "label": [i % 2 for i in range(30)]}
    table = datasets.Dataset.from_dict(rows, features=datasets.Features({
        "image": datasets.Image(), "label": datasets.Value("int64")
    }))  # fmt: skip
    parts = {"train": table, "test": table.remove_columns("label")}
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "d"))
    for label, said in (("label", "not in test"), ("kind", "not in train, test")):
        with pytest.raises(DataError, match=rf"data\.label={label}: {said}; name a column, or null"):
            opened(tmp_path, "hf_images", path=str(tmp_path / "d"), label=label)
    assert opened(tmp_path, "hf_images", path=str(tmp_path / "d"), label=None).spec.classes == ()
    datasets.DatasetDict({"train": parts["test"]}).save_to_disk(str(tmp_path / "e"))
    assert opened(tmp_path, "hf_images", path=str(tmp_path / "e")).spec.classes == ()


def test_what_cannot_be_loaded(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.path"):
        opened(tmp_path, "hf_text", path=None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be loaded by datasets"):
        opened(tmp_path, "hf_text", path=str(tmp_path / "empty"))


def test_a_row_names_files_of_its_own_folder_alone(tmp_path):
    """Anybody may write a row: a path outside, or a link that leads there, is no picture."""
    from functools import partial

    from PIL import Image

    from genkit.data.sources.hub import _open_cell

    folder = tmp_path / "d"
    folder.mkdir()
    for place in (tmp_path / "secret.png", folder / "own.png"):
        Image.new("RGB", (4, 4), (9, 8, 7)).save(place)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    os.mkfifo(folder / "pipe.png")
    names = [
        "own.png",
        str(folder / "own.png"),
        str(tmp_path / "secret.png"),
        "../secret.png",
        "link.png",
        "pipe.png",
    ]
    cells = {row: {"bytes": None, "path": name} for row, name in enumerate(names)}
    opened = partial(_open_cell, cells, folder)
    assert opened(0).getpixel((0, 0)) == opened(1).getpixel((0, 0)) == (9, 8, 7)
    for row in (2, 3, 4):
        with pytest.raises(ValueError, match=r"outside data\.path"):
            opened(row)
    with pytest.raises(OSError, match="no plain file"):
        opened(5)
    with pytest.raises(ValueError, match="not of a folder"):
        _open_cell(cells, None, 0)


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_file_of_rows_is_read_as_what_it_is_and_null_rows_are_counted(suffix, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    texts = [f"story {i}\u2028and its end" for i in range(60)]
    table = datasets.Dataset.from_dict({"text": [*texts[:30], None, *texts[30:]]})
    file = tmp_path / f"rows.{suffix}"
    {"jsonl": table.to_json, "csv": table.to_csv, "parquet": table.to_parquet}[suffix](str(file))
    dataset = opened(tmp_path, "hf_text", path=str(file))
    whole = "".join(written(dataset, part) for part in ("train", "validation", "test"))
    assert whole == "".join(f"{text}\x1e" for text in texts)
    assert any("1 of 61 rows of the train part hold no text (null)" in said for said in dataset.notices)


@pytest.mark.parametrize("path", ["x.jsonl", "./folder", "/nowhere/at/all", "a/b/c"])
def test_a_path_that_is_missing_is_not_asked_of_the_hub(path, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: pytest.fail("asked of the hub"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="is missing, and no name on the hub"):
        opened(tmp_path, "hf_text", path=path)


def test_a_file_of_another_kind_is_named(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"x")
    with pytest.raises(DataError, match="is a file of another kind than"):
        opened(tmp_path, "hf_text", path=str(tmp_path / "a.xlsx"))
