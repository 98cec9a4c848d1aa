"""Arrays, published sets in torchvision's layout, and datasets of other distributions."""

import gzip
import hashlib
import pickle
import struct
import sys

import numpy as np
import pytest
from PIL import Image

from genkit.core.spec import View
from genkit.data import names
from genkit.data.sources import Images
from genkit.system.errors import ConfigError, DataError
from tests.conftest import open_plain

IMAGES = {
    "size": None,
    "levels": None,
    "binarize": "threshold",
    "split": "peer",
    "validation": 0,
    "download": False,
    "dedupe": "off",
    "flip": False,
    "shift": 0,
    "crop": 0,
}
PICTURES = {"fit": None, "channels": None, "background": 255, "on_bad": "error", "max_bad": 0.1}
RANDOM = np.random.default_rng(0)
COLOUR = RANDOM.integers(0, 256, (60, 6, 5, 3)).astype(np.uint8)


def opened(tmp_path, name, **settings):
    paths = {"data_dir": str(tmp_path), "cache_dir": str(tmp_path / "cache")}
    return open_plain({**IMAGES, "name": name, **settings}, paths, View("arrays"))


def everything(dataset, parts=("train", "validation")):
    rows = np.concatenate([dataset.split(part).rows for part in parts])
    images = [dataset.split(part).gather(np.arange(dataset.counts[part]))[0] for part in parts]
    return np.concatenate(images)[np.argsort(rows)]


# ---------------------------------------------------------------------- arrays


@pytest.mark.parametrize("layout", ["NHWC", "NCHW", "NHW", "floats", "npy"])
def test_arrays_of_any_layout(layout, tmp_path):
    expected, given = COLOUR.transpose(0, 3, 1, 2), COLOUR
    if layout == "NCHW":
        given = expected
    elif layout == "NHW":
        given, expected = COLOUR[..., 0], expected[:, :1]
    elif layout == "floats":
        given = COLOUR.astype(np.float32) / 255
    path = tmp_path / "x.npz"
    if layout == "npy":
        path = tmp_path / "x.npy"
        np.save(path, given)
    else:
        np.savez_compressed(path, images=given, labels=np.arange(60) % 3)
    dataset = opened(tmp_path, "arrays", path=str(path))
    assert (everything(dataset) == expected).all()
    assert dataset.spec.classes == (() if layout == "npy" else ("0", "1", "2"))


def test_arrays_with_parts(tmp_path):
    path = tmp_path / "x.npz"
    labels = np.arange(40) % 2
    np.savez(
        path, train_images=COLOUR[:40], test_images=COLOUR[40:], train_labels=labels, test_labels=labels[:20]
    )
    dataset = opened(tmp_path, "arrays", path=str(path))
    assert dataset.counts == {"train": 40, "validation": 20, "test": 20}
    assert (dataset.split("test").gather(np.arange(20))[0] == COLOUR[40:].transpose(0, 3, 1, 2)).all()
    three = opened(tmp_path, "arrays", path=str(path), split="three", validation=8)
    assert three.counts == {"train": 32, "validation": 8, "test": 20}
    assert np.bincount(three.split("validation").gather(np.arange(8))[1]).tolist() == [4, 4]
    assert three.fingerprint != dataset.fingerprint


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"pictures": COLOUR}, "images or train_images; it has pictures"),
        ({"images": COLOUR, "labels": np.arange(9)}, "60 images and 9 labels"),
        ({"images": COLOUR.astype(np.float32)}, r"floats outside \[0, 1\]"),
        ({"images": COLOUR.astype(np.int32) - 1}, "integers outside 0"),
        ({"images": np.zeros((20, 5, 5, 7), np.uint8)}, "one or three channels"),
        ({"images": np.array([None] * 20)}, "object"),
        ({"images": np.zeros((0, 5, 5), np.uint8)}, "no images"),
    ],
)
def test_arrays_that_are_no_images(arrays, said, tmp_path):
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(DataError, match=said):
        opened(tmp_path, "arrays", path=str(tmp_path / "x.npz"))
    assert not list((tmp_path / "cache").glob("*.partial"))


def test_files_that_are_no_arrays(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.path"):
        opened(tmp_path, "arrays", path=None)
    with pytest.raises(DataError, match="missing"):
        opened(tmp_path, "arrays", path=str(tmp_path / "x.npz"))
    for name in ("x.npz", "x.npy"):
        (tmp_path / name).write_bytes(b"PK nothing of the kind")
        with pytest.raises(DataError, match="no array file"):
            opened(tmp_path, "arrays", path=str(tmp_path / name))
    np.save(tmp_path / "cut.npy", COLOUR)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-10])
    with pytest.raises(DataError, match="ends too early"):
        opened(tmp_path, "arrays", path=str(tmp_path / "cut.npy"))


def test_resized_arrays_are_mapped_too(tmp_path):
    from genkit.data.arrays import images

    np.savez(tmp_path / "x.npz", images=COLOUR)
    view = View("arrays", (32,))
    data = {**IMAGES, "name": "arrays", "path": str(tmp_path / "x.npz")}
    mapped = open_plain(data, {"cache_dir": str(tmp_path / "c")}, view).split("train")
    assert isinstance(mapped.images, np.memmap)
    whole = images.squared(COLOUR.transpose(0, 3, 1, 2), 32, 256)
    assert (mapped.gather(np.arange(len(mapped)))[0] == whole[mapped.rows]).all()


def test_many_images_are_scaled_once_and_without_a_cache_anew(tmp_path, monkeypatch):
    from genkit.data.arrays import images

    source = Images(RANDOM.integers(0, 256, (40, 1, 6, 6)).astype(np.uint8), None)
    scaled = images.squared(source.images, 3, 256)
    monkeypatch.setattr(images, "MANY", 40)
    (tmp_path / "file").write_text("")
    for cache in ("cache", "file/no-folder"):
        made, _ = images.sized("x", source, 3, (), str(tmp_path / cache))
        assert isinstance(made.images, np.memmap) == (cache == "cache")
        assert (made.images == scaled).all()
    monkeypatch.setattr(images, "squared", None)
    again, _ = images.sized("x", source, 3, (), str(tmp_path / "cache"))
    assert (again.images == scaled).all()


@pytest.mark.parametrize(("size", "levels"), [(4, 256), (10, 17), (12, 256)])
def test_only_what_is_padded_keeps_its_levels(size, levels, tmp_path):
    dataset = opened(tmp_path, "digits", size=size)
    values = everything(dataset)
    assert dataset.spec.levels == levels
    assert 200 * levels / 256 < values.max() < levels


def test_digits_are_the_same_from_the_cache_and_without_one(tmp_path, monkeypatch):
    from sklearn import datasets

    (tmp_path / "file").write_text("")
    first = opened(tmp_path, "digits")
    without = open_plain({**IMAGES, "name": "digits"}, {"cache_dir": str(tmp_path / "file")}, View("arrays"))
    monkeypatch.setattr(datasets, "load_digits", None)
    kept = opened(tmp_path, "digits")
    assert first.fingerprint == without.fingerprint == kept.fingerprint
    assert first.counts == {"train": 1437, "validation": 180, "test": 180}
    for dataset in (first, without):
        assert (everything(dataset, first.counts) == everything(kept, first.counts)).all()


# ---------------------------------------------------------------------- published sets


def idx(path, values, opener=open):
    path.parent.mkdir(parents=True, exist_ok=True)
    head = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    with opener(path, "wb") as file:
        file.write(head + values.astype(np.uint8).tobytes())


@pytest.mark.parametrize(
    ("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST"), ("kmnist", "KMNIST")]
)
def test_idx_files(name, folder, tmp_path):
    raw = tmp_path / folder / "raw"
    idx(raw / "train-images-idx3-ubyte", COLOUR[:40, ..., 0])
    idx(raw / "train-labels-idx1-ubyte", np.arange(40) % 10)
    idx(raw / "t10k-images-idx3-ubyte.gz", COLOUR[40:, ..., 0], gzip.open)
    idx(raw / "t10k-labels-idx1-ubyte.gz", np.arange(20) % 10, gzip.open)
    dataset = opened(tmp_path, name)
    assert dataset.counts == {"train": 40, "validation": 20, "test": 20}
    assert (everything(dataset)[:, 0] == COLOUR[..., 0]).all()
    assert len(dataset.spec.classes) == 10
    assert opened(tmp_path, name, validation=10).counts == {"train": 30, "validation": 10, "test": 20}
    (raw / "train-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01")
    with pytest.raises(DataError, match="no whole IDX file"):
        opened(tmp_path, name)


def test_cifar10_is_read_by_torchvision(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10

    folder, lists = tmp_path / "cifar-10-batches-py", {}
    folder.mkdir()
    images = RANDOM.integers(0, 256, (60, 3072)).astype(np.uint8)

    def write(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    for part, rows in (("train_list", slice(0, 40)), ("test_list", slice(40, 60))):
        lists[part] = [write(part, {"data": images[rows], "labels": [i % 10 for i in range(60)][rows]})]
        monkeypatch.setattr(CIFAR10, part, lists[part])
    name, md5 = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(CIFAR10, "meta", {"filename": name, "key": "label_names", "md5": md5})
    dataset = opened(tmp_path, "cifar10")
    assert dataset.counts == {"train": 40, "validation": 20, "test": 20}
    assert (everything(dataset).reshape(60, -1) == images).all()
    assert dataset.split("test").gather(np.arange(3))[1].tolist() == [0, 1, 2]


def test_svhn_is_read_by_torchvision(tmp_path, monkeypatch):
    from scipy.io import savemat
    from torchvision.datasets import SVHN

    parts = {}
    for part, rows in (("train", slice(0, 40)), ("test", slice(40, 60))):
        file, images = (
            tmp_path / f"{part}_32x32.mat",
            RANDOM.integers(0, 256, (60, 32, 32, 3), np.uint8)[rows],
        )
        labels = np.arange(60)[rows] % 10
        savemat(file, {"X": images.transpose(1, 2, 3, 0), "y": np.where(labels, labels, 10)[:, None]})
        digest = hashlib.md5(file.read_bytes()).hexdigest()
        monkeypatch.setitem(SVHN.split_list, part, ["", file.name, digest])
        parts[part] = images.transpose(0, 3, 1, 2), labels
    dataset = opened(tmp_path, "svhn")
    assert dataset.counts == {"train": 40, "validation": 20, "test": 20}
    for part, (images, labels) in parts.items():
        data, found, _ = dataset.split(part).gather(np.arange(len(images)))
        assert (data == images).all()
        assert found.tolist() == labels.tolist()


def test_celeba_is_divided_as_published(tmp_path):
    folder = tmp_path / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    lines = []
    for i in range(30):
        Image.fromarray(COLOUR[i].repeat(4, 0).repeat(4, 1)).save(folder / f"{i:06}.jpg")
        lines.append(f"{i:06}.jpg {0 if i < 20 else 1 if i < 25 else 2}\n")
    (tmp_path / "celeba" / "list_eval_partition.txt").write_text("".join(lines))
    dataset = opened(tmp_path, "celeba", **{**PICTURES, "size": 16, "fit": "crop"})
    assert dataset.counts == {"train": 20, "validation": 5, "test": 5}
    assert dataset.spec.shape == (3, 16, 16)
    Image.fromarray(COLOUR[9].repeat(4, 0).repeat(4, 1)).save(folder / "000003.jpg", quality=50)
    changed = opened(tmp_path, "celeba", **{**PICTURES, "size": 16, "fit": "crop"})
    assert changed.fingerprint != dataset.fingerprint
    (folder / "000004.jpg").unlink()
    with pytest.raises(DataError, match=r"1 of 30 pictures.*000004\.jpg"):
        opened(tmp_path, "celeba", **{**PICTURES, "size": 16, "fit": "crop"})


@pytest.mark.parametrize("name", ["mnist", "kmnist", "cifar10", "svhn", "celeba"])
def test_what_is_not_there_is_named(name, tmp_path):
    with pytest.raises(DataError, match=r"missing.*paths\.data_dir.*data\.download=true"):
        opened(tmp_path, name, **PICTURES)


def test_a_failed_download_leaves_nothing(tmp_path, monkeypatch):
    from torchvision import datasets

    def fails(root, download, **which):
        (tmp_path / "KMNIST" / "raw").mkdir(parents=True)
        raise RuntimeError("no network")

    monkeypatch.setattr(datasets, "KMNIST", fails)
    with pytest.raises(DataError, match=r"cannot be fetched from here \(no network\)"):
        opened(tmp_path, "kmnist", download=True)
    assert not list(tmp_path.iterdir())


# ---------------------------------------------------------------------- other distributions


def test_a_dataset_of_another_distribution(tmp_path, monkeypatch):
    about = tmp_path / "site" / "shapes-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shapes\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[genkit.datasets]\nshapes = shapes_of_tests:shapes\n")
    (tmp_path / "site" / "shapes_of_tests.py").write_text(
        "import numpy as np\n"
        "from genkit.data.sources import Images\n"
        "def shapes(data, paths):\n"
        "    return Images(np.zeros((30, 1, 8, 8), np.uint8), None, 2)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert "shapes" in names()
    assert opened(tmp_path, "shapes").spec.levels == 2
    sys.modules.pop("shapes_of_tests")
    with pytest.raises(ConfigError, match="Did you mean shapes"):
        opened(tmp_path, "shape")


@pytest.mark.parametrize(
    ("shape", "size", "sizes", "how"),
    [((28, 20), None, (32,), "stretched"), ((28, 28), None, (32,), "padded"),
     ((28, 27), None, (32,), "padded"),
     ((40, 40), None, (16, 32), "reduced"), ((8, 8), None, (16,), "enlarged"), ((8, 8), 16, (), "enlarged"),
     ((8, 8), 10, (), "padded"), ((8, 8), 4, (), ""), ((32, 16), None, (16, 32), "")],
)  # fmt: skip
def test_what_brings_images_to_a_size_is_said_as_it_is_done(shape, size, sizes, how, tmp_path):
    from genkit.data.arrays import images

    source = Images(RANDOM.integers(1, 256, (20, 1, *shape)).astype(np.uint8), None)
    made, notices = images.sized("x", source, size, sizes, str(tmp_path))
    padded = (made.images == 0).any()  # (no image holds a zero, and no scaling makes one)
    assert padded == (how == "padded")
    assert [how in line for line in notices] == [True] * bool(how)
