"""Folders as people have them: deep, moving, small and stray pictures, other files, odd names of parts."""

import json

import numpy as np
import pytest
from PIL import Image

from genkit.core.spec import View
from genkit.system.errors import ConfigError, DataError
from tests.unit.data.test_data_folders import colour, fill, opened


def said(dataset):
    return "\n".join(dataset.notices)


def grey(root, n=40, side=8):
    root.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        Image.fromarray(colour(i, side)[..., 0]).save(root / f"{i:03}.png")
    return root


def found(dataset):
    """All pictures by their rows."""
    every = np.concatenate([dataset.split(part).rows for part in dataset.counts])
    images = [dataset.split(part).gather(np.arange(n))[0] for part, n in dataset.counts.items()]
    return dict(zip(every.tolist(), np.concatenate(images), strict=True))


# ---------------------------------------------------------------------- deep pictures


@pytest.mark.parametrize(
    ("dtype", "top", "white"),
    [
        (np.int32, 69_790, 69_790),
        (np.int32, 2**31 - 1, 2**31 - 1),
        (np.int32, 60_000, 65_535),
        (np.int32, 4095, 4095),
        (np.int32, 200, 255),
        (np.int32, 1, 1),
        (np.float32, 1, 1),
        (np.float32, 0.5, 1),
        (np.float32, 1.2, 1.2),
        (np.float32, 255, 255),
        (np.float32, 3e6, 3e6),
        (np.uint16, 65_535, 65_535),
        (np.uint16, 4095, 65_535),
    ],
)
def test_one_scale_for_all_deep_pictures(dtype, top, white, tmp_path):
    """Each has its own largest value, from a tenth of the whole on."""
    (tmp_path / "p").mkdir()
    values = np.random.default_rng(0).random((20, 6, 6)) * np.linspace(0.1, 1, 20)[:, None, None] * top
    values[-1, 0, 0] = top
    values = values.astype(dtype) if dtype == np.float32 else values.round().astype(dtype)
    for i, picture in enumerate(values):
        Image.fromarray(picture).save(tmp_path / "p" / f"{i:02}.tiff")
    dataset = opened(tmp_path / "p", tmp_path / "c", split="three")
    for row, picture in found(dataset).items():
        assert np.abs(picture[0] - values[row].astype(np.float64) / white * 255).max() <= 0.51
    if dtype != np.uint16:
        assert f"0 is black, {white:g} white for all of them; data.range=" in said(dataset)
    assert ("are dark" in said(dataset)) == (dtype == np.uint16 and top == 4095)
    form = json.loads((dataset.packs[0] / "dataset.json").read_text())["form"]
    assert [float(np.float32(r[1])) for r in form["ranges"].values()] == [float(np.float32(white))]
    asked = opened(tmp_path / "p", tmp_path / "c", split="three", range=[0, 2 * top])
    for row, picture in found(asked).items():
        assert np.abs(picture[0] - values[row].astype(np.float64) / (2 * top) * 255).max() <= 0.51


def test_deep_pictures_outside_of_the_range_are_named(tmp_path):
    (tmp_path / "p").mkdir()
    values = np.random.default_rng(0).random((20, 6, 6), np.float32) * 2 - 1
    values[3:] = abs(values[3:])
    values[2] = np.nan
    for i, picture in enumerate(values):
        Image.fromarray(picture).save(tmp_path / "p" / f"{i:02}.tiff")
    with pytest.raises(DataError, match=r"00\.tiff \(it has values from -.*set data\.range\)") as refused:
        opened(tmp_path / "p", tmp_path / "c")
    assert "02.tiff (it has values that are not finite)" in str(refused.value)
    dataset = opened(tmp_path / "p", tmp_path / "c", split="three", range=[-1, 1], on_bad="skip")
    for row, picture in found(dataset).items():
        assert np.abs(picture[0] - (values[row] + 1) / 2 * 255).max() <= 0.51
    with pytest.raises(ConfigError, match="8 bits"):
        opened(fill(tmp_path / "q"), tmp_path / "c", range=[0, 1])


# ---------------------------------------------------------------------- what is not used, or changed


def test_files_of_other_kinds_are_counted_and_named(tmp_path):
    root = fill(tmp_path / "p", 20)
    for i in range(54):
        (root / f"IMG_{i:04}.HEIC").write_bytes(b"ftypheic")
    (root / "notes.txt").write_text("")
    (root / ".kept.png").write_bytes((root / "000.png").read_bytes())
    (root / ".DS_Store").write_bytes(b"")
    text = said(opened(root, tmp_path / "c"))
    assert "56 files beside 20 pictures are not used: 54 .heic (IMG_0000.HEIC, IMG_0001.HEIC" in text
    assert "1 .txt (notes.txt)" in text
    assert "1 hidden .png (.kept.png)" in text
    assert said(opened(fill(tmp_path / "q", 20), tmp_path / "c")) == ""


def test_what_is_behind_the_first_picture_is_spoken_of(tmp_path):
    root = fill(tmp_path / "p", 20)
    frames = [Image.fromarray(colour(i)) for i in range(60, 63)]
    for name in ("a.gif", "b.png", "c.tiff", "d.webp"):
        more = {"lossless": True} if name == "d.webp" else {}
        frames[0].save(root / name, save_all=True, append_images=frames[1:], **more)
    frames[0].convert("P").save(root / "still.gif")
    dataset = opened(root, tmp_path / "c", split="three")
    assert "4 are animations or have several pages (a.gif, b.png, c.tiff, …): of each the first" in said(
        dataset
    )
    row = sorted(file.name for file in root.iterdir()).index("b.png")
    assert (found(dataset)[row] == colour(60).transpose(2, 0, 1)).all()


@pytest.mark.parametrize(
    ("fit", "size", "larger"), [("crop", 8, 0), ("crop", 12, 21), ("pad", 16, 20), ("stretch", 12, 21)]
)
def test_enlarged_pictures_are_counted(fit, size, larger, tmp_path):
    root = fill(tmp_path / "p", 20)
    Image.fromarray(np.zeros((10, 30, 3), np.uint8)).save(root / "wide.png")
    text = said(opened(root, tmp_path / "c", fit=fit, size=size))
    if larger:
        assert f"{larger} are smaller than {size}×{size} and are enlarged (000.png, 001.png, 002.png" in text
    else:
        assert "enlarged" not in text


def test_a_size_that_the_model_takes_is_spoken_of(tmp_path):
    text = said(opened(fill(tmp_path / "p", side=28), tmp_path / "c", View("arrays", (16, 32))))
    assert "40 are smaller than 32×32 and are enlarged" in text


def test_a_few_pictures_of_colour_among_grey_ones_are_named(tmp_path):
    root = grey(tmp_path / "p")
    Image.fromarray(colour(50)).save(root / "red.png")
    dataset = opened(root, tmp_path / "c")
    assert dataset.spec.channels == 3
    assert "1 of 41 have colour (red.png), so all are read, and measured, as colour; data.channels=1" in said(
        dataset
    )
    one = opened(root, tmp_path / "c", channels=1)
    assert one.spec.channels == 1
    assert "have colour" not in said(one)


# ---------------------------------------------------------------------- folders of parts and classes


def test_parts_with_a_year(tmp_path):
    for part, n in (("train2017", 30), ("val2017", 10)):
        for name in ("cat", "dog"):
            fill(tmp_path / "p" / part / name, n)
    dataset = opened(tmp_path / "p", tmp_path / "c", split="peer")
    assert (dataset.counts, dataset.spec.classes) == (
        {"train": 60, "validation": 20, "test": 20},
        ("cat", "dog"),
    )
    assert "train2017, val2017 are read as parts; call them otherwise" in said(dataset)


def test_parts_of_two_kinds(tmp_path):
    for folder, n in (("trainA", 30), ("trainB", 20), ("testA", 6), ("testB", 5)):
        fill(tmp_path / "p" / folder, n)
    dataset = opened(tmp_path / "p", tmp_path / "c", split="peer")
    assert dataset.counts == {"train": 50, "validation": 11, "test": 11}
    assert dataset.spec.classes == ("A", "B")
    labels = dataset.split("train").gather(np.arange(50))[1]
    assert np.bincount(labels).tolist() == [30, 20]
    assert "testA, testB, trainA, trainB are read as parts, and A and B as classes" in said(dataset)


@pytest.mark.parametrize(
    ("folders", "classes", "text"),
    [
        (
            ("train", "val", "extra"),
            ("extra", "train", "val"),
            "train, val are read as classes and not as parts, for extra",
        ),
        (
            ("train/cat", "train/dog"),
            (),
            "all pictures are below train, so there are no classes; give data.path=",
        ),
        (
            ("cat", "dog", "."),
            (),
            "20 of 60 pictures are in none of the 2 folders of classes (000.png, 001.png, 002.png, …)",
        ),
        (
            ("train/cat", "train/dog", "test/cat", "test"),
            (),
            "so there are no labels; move them into one, or away",
        ),
        (
            ("training_data", "test_set"),
            ("test_set", "training_data"),
            "the folders test_set, training_data are read as classes and not as parts",
        ),
        (("cat", "dog"), ("cat", "dog"), ""),
        (("train", "test"), (), ""),
    ],
)
def test_what_folders_were_taken_for_is_said_where_one_may_wonder(folders, classes, text, tmp_path):
    for folder in folders:
        fill(tmp_path / "p" / folder, 20)
    dataset = opened(tmp_path / "p", tmp_path / "c", split="peer")
    assert dataset.spec.classes == classes
    relevant = [line for line in dataset.notices if "repeat" not in line]
    assert text in "\n".join(relevant)
    assert bool(relevant) == bool(text)


@pytest.mark.parametrize(
    ("train", "other"),
    [
        ("train_images", "test_images"),
        ("trainset", "testset"),
        ("images-train", "images-val"),
        ("train", "eval"),
    ],
)
def test_classes_that_are_called_like_parts_are_spoken_of(train, other, tmp_path):
    for name in (train, other):
        fill(tmp_path / "p" / name, 20)
    dataset = opened(tmp_path / "p", tmp_path / "c")
    assert dataset.spec.classes == tuple(sorted((train, other)))
    assert "are read as classes and not as parts" in said(dataset)
