"""Arrays of every type and range, labels of every kind, headers that lie: the right pictures or a refusal."""

import io
import json
import tracemalloc
import zipfile

import numpy as np
import pytest

from genkit.core.spec import View
from genkit.data import labels as label_reader
from genkit.data import seals
from genkit.data.sources import Images
from genkit.data.views import as_view
from genkit.system.errors import ConfigError, DataError
from tests.conftest import knobs_for
from tests.unit.data.test_data_sources import IMAGES, everything, opened

RANDOM = np.random.default_rng(7)
BITS = RANDOM.integers(0, 2, (60, 6, 6))
LEVELS = RANDOM.integers(0, 256, (60, 6, 6))


def of_file(tmp_path, settings=None, **arrays):
    np.savez(tmp_path / "x.npz", **arrays)
    return opened(tmp_path, "arrays", path=str(tmp_path / "x.npz"), **{"split": "three", **(settings or {})})


# ---------------------------------------------------------------------- values


@pytest.mark.parametrize(
    "dtype", [bool, np.uint8, np.int8, np.int64, np.uint64, np.float16, np.float64, ">i4"]
)
def test_noughts_and_ones_are_black_and_white(dtype, tmp_path):
    dataset = of_file(tmp_path, images=BITS.astype(dtype))
    assert dataset.spec.levels == 2
    assert (everything(dataset, dataset.counts)[:, 0] == BITS).all()
    assert any("0 and 1 alone" in line for line in dataset.notices)
    assert of_file(tmp_path, {"levels": 2}, images=BITS.astype(dtype)).spec.levels == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64, ">u2"])
def test_levels_stay_what_they_are(dtype, tmp_path):
    dataset = of_file(tmp_path, images=LEVELS.astype(dtype))
    assert (dataset.spec.levels, dataset.notices) == (256, [])
    assert (everything(dataset, dataset.counts)[:, 0] == LEVELS).all()


@pytest.mark.parametrize(
    ("dtype", "black", "white"),
    [(np.uint16, 0, 4095), (np.uint16, 0, 65535), (np.float32, -1, 1), (np.float64, 0, 255),
     (np.int32, -100, 900),
     (np.int64, 0, 16), (np.float16, 0, 2)],
)  # fmt: skip
def test_a_range_is_asked_for_and_holds_for_every_picture(dtype, black, white, tmp_path):
    values = RANDOM.random((60, 6, 6)) * (white - black) + black
    values[0] = black + (values[0] - black) / 3  # a dark picture stays dark
    values[1, 0, :2] = black, white
    values = values.round() if np.dtype(dtype).kind in "iu" else values
    values = values.astype(dtype)
    asked = {"range": [black, white]}
    dataset = of_file(tmp_path, asked, images=values)
    top = dataset.spec.levels - 1
    assert top == (16 if white == 16 else 255)
    expected = (values.astype(np.float64) - black) / (white - black) * top
    found = everything(dataset, dataset.counts)[:, 0]
    assert np.abs(found - expected).max() <= 0.5 + 1e-3
    assert (found[1, 0, :2] == (0, top)).all()
    with pytest.raises(DataError, match=r"outside data\.range"):
        of_file(tmp_path, {"range": [black, (black + white) / 2]}, images=values)


def test_the_range_is_that_of_all_parts_and_is_written_down(tmp_path):
    parts = {"train_images": BITS.astype(np.uint8)[:40], "test_images": LEVELS.astype(np.uint8)[40:]}
    dataset = of_file(tmp_path, **parts)
    assert dataset.spec.levels == 256
    assert (dataset.split("train").gather(np.arange(5))[0][:, 0] <= 1).all()
    from genkit.data import seals

    assert seals.describe(dataset.packs[0])["range"] == {"black": 0, "white": 255, "levels": 256}


def test_dark_images_are_spoken_of(tmp_path):
    said, *copies = of_file(tmp_path, images=np.clip(LEVELS, 0, 16).astype(np.uint8)).notices
    assert all("repeat others" in line for line in copies)  # some are 16 all over
    assert "no value is above 16 of 255" in said
    assert "data.range=[0,16]" in said


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (LEVELS + 1j, "complex128"),
        (LEVELS.astype("M8[s]"), "datetime64"),
        (LEVELS.astype("U3"), "<U3"),
        (np.zeros((60, 6, 6), [("a", "u1")]), "'a'"),
        (LEVELS / 128 - 1, r"floats outside \[0, 1\].*data\.range=\[-1,1\]"),
        (LEVELS / 1.0, r"floats outside \[0, 1\].*data\.range=\[0,255\]"),
        (LEVELS * 16, r"integers outside.*data\.range=\[0,4095\]"),
        (LEVELS * 257, r"integers outside.*data\.range=\[0,65535\]"),
        (LEVELS.astype(np.uint64) + np.uint64(2**63), "integers outside"),
        (LEVELS - 300, "integers outside"),
        (np.where(LEVELS == 7, np.nan, 0.5), "not finite"),
        (np.where(LEVELS == 7, -np.inf, 0.5), "not finite"),
        (np.ones((60, 1, 1), np.uint8), "1×1 are too small"),
        (np.ones((60, 2, 40), np.uint8), "2×40 are too small"),
        (np.ones((60, 0, 0), np.uint8), "rows of 0 bytes"),
        (np.asfortranarray(LEVELS), "Fortran"),
    ],
)
def test_what_is_no_picture_is_refused(values, said, tmp_path):
    with pytest.raises(DataError, match=said):
        of_file(tmp_path, images=values)


@pytest.mark.parametrize("asked", [[0, 0], [1, 0], [0, float("inf")], [float("nan"), 1]])
def test_ranges_that_are_none(asked, tmp_path):
    with pytest.raises(ConfigError, match=r"data\.range"):
        of_file(tmp_path, {"range": asked}, images=LEVELS)


# ---------------------------------------------------------------------- labels


def numbers(dataset):
    """The name of the class of each image, in order."""
    rows = np.concatenate([dataset.split(part).rows for part in dataset.counts])
    found = [dataset.split(part).gather(np.arange(dataset.counts[part]))[1] for part in dataset.counts]
    return [dataset.spec.classes[i] for i in np.concatenate(found)[np.argsort(rows)]]


TEN = np.arange(60) % 10


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (TEN, [str(i) for i in TEN]),
        (TEN.astype(np.float32), [str(i) for i in TEN]),
        (TEN.astype(np.uint64)[:, None], [str(i) for i in TEN]),
        (TEN + 1, [str(i + 1) for i in TEN]),
        (TEN * 10**8, [str(i * 10**8) for i in TEN]),
        (np.full(60, 10**9), ["1000000000"] * 60),
        (TEN % 2 == 0, [str(int(i % 2 == 0)) for i in TEN]),
        (np.array(["dog", "cat"])[TEN % 2], [("dog", "cat")[i % 2] for i in TEN]),
        (np.array([b"dog", b"cat"])[TEN % 2], [("dog", "cat")[i % 2] for i in TEN]),
        (np.eye(10)[TEN], [str(i) for i in TEN]),
        (np.eye(12, dtype=bool)[TEN], [str(i) for i in TEN]),
    ],
)
def test_labels_of_every_kind(given, names, tmp_path):
    dataset = of_file(tmp_path, images=LEVELS.astype(np.uint8), labels=given)
    assert numbers(dataset) == names
    assert len(dataset.spec.classes) == (12 if given.shape == (60, 12) else len(set(names)))
    without = of_file(tmp_path, {"label": None}, images=LEVELS.astype(np.uint8), labels=given)
    assert without.spec.classes == ()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (TEN - 1, r"down to -1 \(6 of 60 are negative\)"),
        (TEN / 4, r"holds 0\.25 \(row 1"),
        (np.where(TEN == 3, np.nan, 1.0), r"holds nan \(row 3; 6 such"),
        (np.full(60, np.inf), "holds inf"),
        (np.full(60, 1e300), "goes up to 1e"),
        (np.full(60, 2**64 - 1, np.uint64), "is no class"),
        (np.eye(10)[TEN] * 0.5, "60×10"),
        (np.ones((60, 4)), "60×4"),
        (np.zeros((60, 2, 2)), "60×2×2"),
        (TEN + 1j, "complex128"),
        (TEN.astype("M8[D]"), "datetime64"),
        (np.array([b"\xff"] * 60), "no UTF-8"),
        (np.array(5), "shape is"),
        (TEN[:50], "60 images and 50 labels"),
        (np.array([None] * 60), "Python's objects"),
    ],
)
def test_labels_that_are_no_classes(given, said, tmp_path):
    with pytest.raises(DataError, match=said):
        of_file(tmp_path, images=LEVELS.astype(np.uint8), labels=given)


def test_numbers_of_the_images_are_no_classes():
    with pytest.raises(DataError, match="2,000 distinct values for 2,000 images"):
        label_reader.class_numbers([np.arange(2000)], "labels")


def test_labels_of_parts_are_one_numbering(tmp_path):
    images = LEVELS.astype(np.uint8)
    parts = {"train_images": images[:40], "test_images": images[40:]}
    dataset = of_file(tmp_path, **parts, train_labels=TEN[:40] % 4 + 5, test_labels=np.full(20, 7))
    assert dataset.spec.classes == ("5", "6", "7", "8")
    assert set(dataset.split("test").gather(np.arange(5))[1].tolist()) == {2}
    with pytest.raises(DataError, match=r"train_labels and no test_labels.*data\.label=null"):
        of_file(tmp_path, **parts, train_labels=TEN[:40])
    with pytest.raises(DataError, match="images and train_images"):
        of_file(tmp_path, images=images, **parts)


def test_other_arrays_are_named(tmp_path):
    images = LEVELS.astype(np.uint8)
    dataset = of_file(tmp_path, images=images, kind=TEN, masks=images, extra_images=images)
    assert any("3 of 4 arrays are not used: extra_images, kind, masks" in line for line in dataset.notices)
    assert of_file(tmp_path, {"label": "kind"}, images=images, kind=TEN).spec.classes == tuple("0123456789")
    with pytest.raises(DataError, match=r"data\.label=sort: .* has no such array"):
        of_file(tmp_path, {"label": "sort"}, images=images, kind=TEN)


@pytest.mark.parametrize("bad", [-1, 10, 2**40])
def test_labels_outside_of_known_classes_are_refused(bad):
    labels = np.array([0, 1, bad])
    with pytest.raises(DataError, match="the numbers 0 to 9"):
        label_reader.check_numbers(labels, tuple("0123456789"), 3, "data=x")


# ---------------------------------------------------------------------- headers


def lying(shape, dtype="|u1", content=b"\0" * 64):
    """An .npy whose header speaks of more than there is."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


@pytest.mark.parametrize("shape", [
    (2**32, 2**32, 2**32), (2**62, 4, 4), (40, 2**31, 2**31), (2**40, 8, 8), (1, 1, 2**40), (-40, 8, 8),
    (60, 6, 6),
])  # fmt: skip
@pytest.mark.parametrize("array", ["images", "labels", "alone"])
def test_headers_that_speak_of_more_than_there_is_take_no_memory(shape, array, tmp_path):
    shape = shape if array != "labels" else (shape[0],) if shape[0] != 60 else (60, 2**30)
    path = tmp_path / ("x.npy" if array == "alone" else "x.npz")
    if array == "alone":
        path.write_bytes(lying(shape))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            images = lying((60, 6, 6), content=LEVELS.astype(np.uint8).tobytes())
            archive.writestr("images.npy", lying(shape) if array == "images" else images)
            if array == "labels":
                archive.writestr("labels.npy", lying(shape, "<i8"))
    tracemalloc.start()
    with pytest.raises(DataError):
        opened(tmp_path, "arrays", path=str(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6
    assert not list((tmp_path / "cache").glob("*.partial"))


@pytest.mark.parametrize(
    ("values", "levels", "said"),
    [
        (np.zeros((60, 1, 8, 8), np.float32), 256, "gives float32"),
        (np.zeros((60, 8, 8), np.uint8), 256, r"\(60, 8, 8\)"),
        (np.zeros((60, 8, 8, 3), np.uint8), 256, r"\(60, 8, 8, 3\)"),
        (np.zeros((60, 1, 8, 8), np.uint8), 1, "1 levels"),
        (np.zeros((60, 1, 8, 8), np.uint8), 1000, "1000 levels"),
    ],
)
def test_a_source_of_another_distribution_gives_levels(values, levels, said, tmp_path):
    source = Images(values, None, levels)
    with pytest.raises(DataError, match=said):
        as_view("x", source, knobs_for({**IMAGES, "name": "x"}), {"cache_dir": str(tmp_path)}, View("arrays"))


@pytest.mark.parametrize("value", [0, 200])
def test_images_that_are_all_the_same_are_spoken_of(value, tmp_path):
    dataset = of_file(tmp_path, images=np.full((20, 8, 8), value, np.uint8))
    assert any(f"all images are the same, every value is {value}" in line for line in dataset.notices)


def test_labels_that_cannot_be_read_are_named_with_the_remedy(tmp_path):
    with pytest.raises(DataError, match=r"labels cannot be read: .*objects.*astype\(str\).*data.label=null"):
        of_file(tmp_path, images=LEVELS, labels=np.array(["a"] * len(LEVELS), object))


def test_one_picture_is_no_set_of_pictures(tmp_path):
    with pytest.raises(DataError, match=r"\(64, 64, 3\) is one picture's"):
        of_file(tmp_path, images=np.zeros((64, 64, 3), np.uint8))


def test_a_class_that_nothing_trains_is_spoken_of(tmp_path):
    images, train, test = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2, np.arange(20) % 3
    images[:, 0, 0] = range(20)
    parts = {"train_images": images, "train_labels": train, "test_images": images + 20, "test_labels": test}
    dataset = of_file(tmp_path, **parts)
    assert any("1 of 3 classes have no training images: 2" in line for line in dataset.notices)


# ---------------------------------------------------------------------- copies


@pytest.mark.parametrize("levels", [256, 2])
def test_copies_of_training_images_are_spoken_of_before_a_training(levels, tmp_path):
    values = np.random.default_rng(3).integers(0, levels, (60, 6, 6)).astype(np.uint8)
    held_out = np.concatenate((values[40:50], values[[3, 7, 7]]))
    dataset = of_file(tmp_path, train_images=values[:40], test_images=held_out)
    said = [line for line in dataset.notices if "repeat others" in line]
    # Of three copies two are of one image; each of the three repeats an image of the training.
    assert said == [
        "arrays: 3 images repeat others, 3 of test one of train; data.dedupe=exact leaves them out."
    ]
    without = of_file(tmp_path, {"dedupe": "exact"}, train_images=values[:40], test_images=held_out)
    assert not [line for line in without.notices if "repeat others" in line]
    apart = of_file(tmp_path, train_images=values[:40], test_images=values[40:])
    assert not [line for line in apart.notices if "repeat others" in line]


def test_what_an_earlier_version_packed_is_opened_without_a_word_of_copies(tmp_path):
    values = np.repeat(LEVELS[:30], 2, axis=0)
    packs = tmp_path / "cache"
    assert any("repeat others" in line for line in of_file(tmp_path, images=values).notices)
    (folder,) = [path.parent for path in packs.glob("arrays-*/hashes.npy")]
    (folder / "hashes.npy").unlink()
    about = json.loads((folder / "dataset.json").read_text())
    del about["arrays"], about["seal"]
    (folder / "dataset.json").write_text(json.dumps(seals.sealed(folder, about)))
    dataset = opened(tmp_path, "arrays", path=str(tmp_path / "x.npz"), split="three")
    assert not [line for line in dataset.notices if "repeat others" in line]
