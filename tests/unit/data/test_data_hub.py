"""Folders in the formats of the library `datasets`, read as texts and as images."""

import numpy as np
import pytest

from genkit.core.errors import ConfigError, DataError
from genkit.core.spec import View
from genkit.data import open_dataset
from tests.unit.data.test_data_folders import SETTINGS, colour
from tests.unit.data.test_data_texts import COMMON, written

datasets = pytest.importorskip("datasets")


def opened(tmp_path, name, **settings):
    common = {**COMMON, "separator": "\x1e", "column": "text"} if name == "hf_text" else SETTINGS
    data = {"subset": None, "column": "image", "label": "label", **common, "name": name, **settings}
    view = View("tokens", block_size=8) if name == "hf_text" else View("arrays")
    return open_dataset(data, {"cache_dir": str(tmp_path / "cache")}, view)


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


def test_what_cannot_be_loaded(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.path"):
        opened(tmp_path, "hf_text", path=None)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be loaded by datasets"):
        opened(tmp_path, "hf_text", path=str(tmp_path / "empty"))
