"""Objects in memory are data as their files are: by the same path, so with the same fingerprints."""

from __future__ import annotations

import warnings
from functools import cache

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from genkit import config
from genkit.core.spec import View
from genkit.data import objects, open_dataset
from genkit.system.errors import ConfigError, DataError

IMAGES = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8)
TEXT = "".join(f"line {i} of a text, ürgh\r\n" for i in range(60))


@cache
def composed(*words):
    return config.compose("train", words)


@pytest.fixture
def filed(tmp_path):
    """`filed(*words)`: the dataset that words describe."""

    def call(*words, view="arrays"):
        cfg = composed(*words)
        return open_dataset(cfg.data, {**cfg.paths.by_name, "cache_dir": str(tmp_path / "cache")}, View(view))

    return call


@pytest.fixture
def opened(tmp_path):
    """`opened(object, *words)`: the dataset that a training on an object has."""

    def call(given, *words, view="arrays"):
        with objects.given(given, str(tmp_path / "cache")) as found:
            found.beside(words)
            cfg = composed(f"data={found.option}", *words)
            data = msgspec.structs.replace(cfg.data, digest=found.digest)
            places = {**cfg.paths.by_name, "cache_dir": str(tmp_path / "cache")}
            found.keep(data, places)
        return open_dataset(data, places, View(view))

    return call


def same(one, other):
    """Whether two datasets hold the same examples, in the same parts."""
    for part in ("train", "validation", "test"):
        a, b = one.split(part), other.split(part)
        for mine, yours in zip(a.gather(a.some()), b.gather(b.some()), strict=True):
            np.testing.assert_array_equal(mine, yours)
    assert one.fingerprint == other.fingerprint
    assert (one.spec.to_dict(), one.protocol) == (other.spec.to_dict(), other.protocol)


class Listed:
    """A dataset of torch's map style that counts how often it is asked."""

    def __init__(self, items):
        self.items, self.asked = items, 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        self.asked += 1
        return self.items[place]


def layouts():
    grey = IMAGES
    colour = np.random.default_rng(1).integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
    return {
        "grey": grey,
        "channels first": colour,
        "channels last": colour.transpose(0, 2, 3, 1),
        "backwards, not contiguous": grey[::-1, ::2, ::2],
        "booleans": grey > 100,
        "16 bits": (grey.astype(np.int16) * 3),
        "floats": (grey / 255).astype(np.float32),
        "halves from -1": (grey / 127.5 - 1).astype(np.float16),
        "big endian": grey.astype(">i4"),
    }


RANGES = {"16 bits": ["data.range=[0,765]"], "halves from -1": ["data.range=[-1,1]"]}


@pytest.mark.parametrize("layout", layouts())
def test_an_array_is_what_its_file_is(opened, filed, tmp_path, layout):
    array, words = layouts()[layout], RANGES.get(layout, [])
    np.save(tmp_path / "x.npy", np.ascontiguousarray(array))
    file = filed("data=arrays", f"data.path={tmp_path / 'x.npy'}", *words)
    same(opened(array, *words), file)
    if array.dtype.str != ">i4":
        same(opened(torch.from_numpy(array.copy()), *words), file)
    dataset = Listed(list(array))
    same(opened(dataset, *words), file)
    assert dataset.asked == len(array)


def test_labels_are_those_of_a_file_whatever_holds_them(opened, filed, tmp_path):
    numbers = np.arange(60) % 3
    names = np.array(["ant", "bee", "cow"])[numbers]
    for labels in (numbers, names):
        np.savez(tmp_path / "x.npz", images=IMAGES, labels=labels)
        file = filed("data=arrays", f"data.path={tmp_path / 'x.npz'}")
        same(opened((IMAGES, labels)), file)
        same(opened((IMAGES, labels.tolist())), file)
        same(opened(Listed(list(zip(IMAGES, labels.tolist(), strict=True)))), file)
        assert file.spec.classes == tuple(np.unique(labels).astype(str))
    same(opened((torch.from_numpy(IMAGES), torch.from_numpy(numbers))), opened((IMAGES, numbers)))
    tensors = torch.utils.data.TensorDataset(torch.from_numpy(IMAGES), torch.from_numpy(numbers))
    same(opened(tensors), opened((IMAGES, numbers)))
    without = opened((IMAGES, numbers), "data.label=null")
    assert (without.split("train").classes(), without.spec.classes) == (None, ())


def pictures():
    """Of every mode, some turned, some of which transparency is said elsewhere."""
    base = [Image.fromarray(np.stack([x] * 3, -1)).resize((10, 12)) for x in IMAGES[:8]]
    modes = ["RGB", "L", "1", "P", "RGBA", "LA", "CMYK", "RGB"]
    made = [picture.convert(mode) for picture, mode in zip(base, modes, strict=True)]
    made[3].info["transparency"] = 0
    return made * 4


def test_pictures_are_those_of_a_folder(opened, filed, tmp_path):
    made = pictures()
    for i, picture in enumerate(made):
        picture.save(tmp_path / f"{i:03d}.{'tif' if picture.mode == 'CMYK' else 'png'}")
    words = ["data.size=8", "data.fit=crop"]
    folder = filed("data=image_folder", f"data.path={tmp_path}", *words)
    given = opened(made, *words)
    same(given, folder)
    assert [line.partition(": ")[2] for line in given.notices] == [
        line.partition(": ")[2] for line in folder.notices
    ]
    dataset = Listed(made)
    same(opened(dataset, *words), folder)
    assert dataset.asked == len(made)
    assert (made[0].size, made[3].mode) == ((10, 12), "P")  # as they were


def test_deep_and_turned_pictures_are_those_of_a_folder(opened, filed, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = [Image.fromarray(np.stack([x[:6]] * 3, -1)) for x in IMAGES]
    for i, picture in enumerate(turned):
        picture.save(tmp_path / f"{i:02d}.png", exif=exif)
    files = [Image.open(file) for file in sorted(tmp_path.glob("*.png"))]
    same(opened(files), filed("data=image_folder", f"data.path={tmp_path}"))
    assert opened(files).spec.shape == (3, 8, 6)
    deep = tmp_path / "deep"
    deep.mkdir()
    scans = [Image.fromarray(x.astype(np.uint16) * 200) for x in IMAGES]
    for i, picture in enumerate(scans):
        picture.save(deep / f"{i:02d}.png")
    words = ["data.range=[0,52000]"]
    same(opened(scans, *words), filed("data=image_folder", f"data.path={deep}", *words))


def test_a_picture_that_cannot_be_read_is_counted_as_in_a_folder(opened, tmp_path):
    whole = Image.fromarray(IMAGES[0])
    whole.save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:70])
    made = [*(Image.fromarray(x) for x in IMAGES), Image.open(tmp_path / "cut.png")]
    with pytest.raises(DataError, match=r"1 of 61 pictures cannot be read: picture 60 \(.*data\.on_bad=skip"):
        opened((made, np.arange(61)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        left = opened((made, np.arange(61) % 2), "data.on_bad=skip")
    assert sum(left.counts.values()) == 60
    assert left.split("train").classes().max() == 1
    made[-1].close()


@pytest.mark.parametrize("words", [[], ["data.tokenizer=bytes", "data.split=peer"], ["data.clean=true"]])
def test_texts_are_those_of_files(opened, filed, tmp_path, words):
    (tmp_path / "one.txt").write_bytes(TEXT.encode())
    file = filed("data=text_file", f"data.path={tmp_path / 'one.txt'}", *words, view="tokens")
    same(opened(TEXT, *words, view="tokens"), file)
    several = [TEXT[start : start + 100] for start in range(0, len(TEXT), 100)]
    (tmp_path / "several").mkdir()
    for i, text in enumerate(several):
        (tmp_path / "several" / f"{i:03d}.txt").write_bytes(text.encode())
    folder = filed("data=text_folder", f"data.path={tmp_path / 'several'}", *words, view="tokens")
    same(opened(several, *words, view="tokens"), folder)
    same(opened(Listed(several), *words, view="tokens"), folder)


def test_a_long_text_is_read_in_pieces_that_say_the_whole(opened, monkeypatch):
    monkeypatch.setattr("genkit.data.sources.kept.BLOCK", 7)  # which cuts characters of two bytes
    dataset = opened(TEXT, view="tokens")
    ids = np.concatenate([dataset.split(part).tokens for part in ("train", "validation", "test")])
    assert dataset.spec.codec.decode(ids) == TEXT


def test_images_are_sequences_too(opened):
    dataset = opened(IMAGES // 128, "data.levels=2", view="tokens")
    assert dataset.spec.length == 64
    assert dataset.fingerprint == opened(IMAGES // 128, "data.levels=2").fingerprint


def test_what_is_kept_is_read_without_the_object(opened, filed, tmp_path):
    words = ["data=memory_images", f"data.digest={objects_digest(IMAGES, tmp_path)}"]
    with pytest.raises(DataError, match=r"given in memory, and .*cache does not hold them: give them again"):
        filed(*words)
    first = opened(IMAGES)
    same(filed(*words), first)
    with pytest.raises(ConfigError, match=r"is what genkit\.train\(\[…\], data=OBJECT\) is given in Python"):
        filed("data=memory_images")


def objects_digest(given, folder):
    with objects.given(given, str(folder / "cache")) as found:
        return found.digest


def test_a_digest_is_of_contents(tmp_path):
    tensors = torch.from_numpy(IMAGES)
    digest = objects_digest(IMAGES, tmp_path)
    assert objects_digest(tensors, tmp_path) == objects_digest(Listed(list(tensors)), tmp_path) == digest
    others = [
        IMAGES[:59],
        IMAGES[::-1],
        IMAGES.reshape(60, 4, 16),
        IMAGES.astype(np.int16),
        (IMAGES, [0] * 60),
    ]
    assert len({digest, *(objects_digest(other, tmp_path) for other in others)}) == 6
    assert objects_digest(["ab", "c"], tmp_path) != objects_digest(["a", "bc"], tmp_path)
    assert list((tmp_path / "cache").iterdir()) == []  # what is put down meanwhile does not stay


REFUSED = {
    "one array": (IMAGES[0], DataError, r"it holds uint8 of shape \(8, 8\), no images \(N, H, W\)"),
    "one picture": (IMAGES[:, :, :3], DataError, r"shape \(60, 8, 3\) is one picture's"),
    "two channels": (
        IMAGES.reshape(30, 2, 8, 8),
        DataError,
        r"arrays of shape \(2, 8, 8\); give one or three",
    ),
    "no images": (IMAGES[:0], DataError, r"data= holds no images"),
    "floats beyond 1": (IMAGES / 200, DataError, r"floats outside \[0, 1\].*data\.range="),
    "not finite": (np.where(IMAGES > 99, np.nan, 0.5), DataError, r"not finite"),
    "complex": (IMAGES * 1j, DataError, r"it holds complex128"),
    "labels too few": ((IMAGES, [1, 2]), DataError, r"60 images and labels of shape \(2,\)"),
    "labels that are none": ((IMAGES, None), ConfigError, r"the labels are a NoneType"),
    "labels that are no classes": ((IMAGES, np.arange(60) / 7), DataError, r"no class.*data\.label=null"),
    "three of a tuple": ((IMAGES, IMAGES, IMAGES), ConfigError, r"a tuple is \(images, labels\)"),
    "texts with labels": ((["a"], [1]), ConfigError, r"texts have no labels"),
    "twice labelled": ((Listed([(IMAGES[0], 1)]), [1]), ConfigError, r"labels of their own"),
    "an array of texts": (np.array(["a"]), ConfigError, r"array\.tolist\(\)"),
    "nothing": ([], DataError, r"data= is an empty list"),
    "an empty text": ("", DataError, r"is empty; give a text"),
    "a generator": (
        (x for x in IMAGES),
        ConfigError,
        r"data= is a generator: it can be read once: give list",
    ),
    "a dict": ({"images": IMAGES}, ConfigError, r"data= is a dict: give what it holds"),
    "bytes": (b"abc", ConfigError, r"data= is a bytes: decode"),
    "a number": (3, ConfigError, r"data= is an int: give an array of images"),
    "numbers": ([1, 2], ConfigError, r"item 0 is an int"),
    "two kinds": ([Image.fromarray(IMAGES[0]), "a"], DataError, r"item 1 is a str"),
    "two shapes": ([IMAGES[0], IMAGES[0][:4]], DataError, r"item 1 is uint8 of shape \(4, 8\), and item 0"),
    "a text that is none": (["a", "b\0"], DataError, r"item 1 is no text: it has a NUL character at 1"),
    "half a character": ("a\ud800", DataError, r"half a character, '\\ud800' at 1"),
    "a picture": (Image.fromarray(IMAGES[0]), ConfigError, r"one picture; give a list of them"),
    "a loader": (
        torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.zeros(4, 8, 8))),
        ConfigError,
        r"torch's DataLoader: give the dataset that it loads",
    ),
    "moments": (IMAGES.astype("M8[s]"), ConfigError, r"moments are no pixels"),
    "sparse": (
        torch.zeros(60, 8, 8).to_sparse(),
        ConfigError,
        r"torch\.sparse_coo on cpu, which is no array",
    ),
    "no values": (torch.zeros(60, 8, 8, device="meta"), ConfigError, r"on meta, which is no array"),
    "objects": (IMAGES.astype(object), ConfigError, r"one array of numbers, such as np\.stack"),
    "nested lists": (IMAGES.tolist(), DataError, r"of nested lists give np\.array"),
    "no length": (
        type("Endless", (Listed,), {"__len__": lambda self: -1})([]),
        DataError,
        r"has no length: ",
    ),
    "masked": (np.ma.masked_less(IMAGES, 3), ConfigError, r"array\.filled"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_data_is_refused_in_a_line(opened, kind):
    given, error, said = REFUSED[kind]
    view = "tokens" if "text" in kind or "character" in kind else "arrays"
    with pytest.raises(error, match=said) as refused:
        opened(given, view=view)
    assert "\n" not in str(refused.value)


def test_frames_are_told_what_to_give(opened):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["a", "b"]})
    with pytest.raises(ConfigError, match=r"pandas's DataFrame: of a column of texts give frame\['column'\]"):
        opened(frame)
    with pytest.raises(ConfigError, match=r"pandas's Series: give its values, series\.tolist\(\)"):
        opened(frame["text"])
    assert opened(frame["text"].tolist() * 300, view="tokens").counts["train"] > 1


def test_the_name_of_a_file_is_no_text(opened, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.txt").write_text("a text")
    with pytest.raises(ConfigError, match=r"the name of a file: .*data=text_file data\.path=mine\.txt"):
        opened("mine.txt", view="tokens")
    with pytest.raises(ConfigError, match=r"name a file by words"):
        opened(tmp_path / "mine.txt")


def test_what_a_dataset_raises_is_said_with_its_place(opened):
    class Broken(Listed):
        def __getitem__(self, place):
            return super().__getitem__(place) if place < 3 else 1 / 0

    with pytest.raises(DataError, match=r"item 3 cannot be had: ZeroDivisionError: division by zero"):
        opened(Broken(list(IMAGES)))


@pytest.mark.parametrize("word", ["data=digits", "data.digest=sha256:0"])
def test_words_that_speak_of_other_data_are_refused(opened, word):
    with pytest.raises(ConfigError, match=f"{word}: the data are given as an object; leave the word out"):
        opened(IMAGES, word)
