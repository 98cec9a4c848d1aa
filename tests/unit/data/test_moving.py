"""Data of digits that move: whose digits, which clips, what decides them, what is refused."""

import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from genkit.core.spec import View
from genkit.data import open_dataset, open_source
from genkit.data.checking import check
from genkit.data.packing import examine
from genkit.data.real import unchanged
from genkit.data.video import moving
from genkit.system.errors import ConfigError, DataError, StorageError
from tests.conftest import knobs_for

ARRAYS = View("arrays")
SMALL = {"size": 32, "frames": 6, "examples": 100, "tested": 100}


def idx(path, values):
    header = b"\0\0\x08" + bytes([values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(header + values.astype(np.uint8).tobytes())


@pytest.fixture
def paths(tmp_path):
    """An MNIST of 400 and 100 pictures, each of one grey: below 128 in the training part."""
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, greys in (("train", np.arange(400) % 100 + 10), ("t10k", np.arange(100) + 130)):
        idx(raw / f"{part}-images-idx3-ubyte", greys[:, None, None] * np.ones((1, 28, 28), np.uint8))
        idx(raw / f"{part}-labels-idx1-ubyte", np.arange(len(greys)) % 10)
    return {"data_dir": str(tmp_path), "cache_dir": str(tmp_path / "cache")}


def knobs(name, **values):
    more = {} if name == "moving_digits" else {"download": False}
    return knobs_for({"name": name, **more, **values})


def opened(paths, name="moving_mnist", view=ARRAYS, **values):
    return open_dataset(knobs(name, **values), paths, view)


def everything(dataset, part, epoch=0):
    examples = dataset.split(part)
    return examples.gather(np.arange(len(examples)), epoch=epoch)


# ---------------------------------------------------------------------- whose digits


def test_published_clips_are_made_of_the_digits_of_their_part(paths):
    dataset = opened(paths, **SMALL)
    assert dataset.counts == {"train": 100, "validation": 1000, "test": 100}
    assert dataset.spec.array.native.shape == (1, 6, 32, 32)
    assert (dataset.spec.array.rate, dataset.spec.classes) == (8.0, ())
    brightest = {
        part: [
            set(everything(dataset, part, epoch)[0].reshape(-1, 6 * 32 * 32).max(1).tolist())
            for epoch in (0, 1)
        ]
        for part in dataset.counts
    }
    assert min(brightest["test"][0]) >= 130
    assert max(brightest["train"][0] | brightest["train"][1] | brightest["validation"][0]) < 130
    assert brightest["train"][0] != brightest["train"][1]
    source = open_source(knobs("moving_mnist", **SMALL), paths)
    assert "other digits in each" in dataset.protocol
    casts = source.images.computed.casts
    assert {part: len(cast.pictures) for part, cast in casts.items()} == {
        "train": 360,  # of 400, as data=mnist keeps a tenth
        "validation": 40,
        "test": 100,
    }
    assert casts["train"].pictures.shape == (360, 14, 14)
    held = opened(paths, "mnist").splits
    assert {part: len(held[part]) for part in casts} == {"train": 360, "validation": 40, "test": 100}


def test_no_picture_of_scikit_learn_is_in_two_parts():
    casts = open_source(knobs("moving_digits"), {}).images.casts
    seen = {part: {picture.tobytes() for picture in cast.pictures} for part, cast in casts.items()}
    assert {part: len(cast.pictures) for part, cast in casts.items()} == {
        "train": 1437,
        "validation": 180,
        "test": 180,
    }
    assert len(set.union(*seen.values())) == sum(map(len, seen.values()))


def test_published_digits_are_in_one_part(data_dir, tmp_path):
    paths = {"data_dir": str(data_dir), "cache_dir": str(tmp_path)}
    casts = open_source(knobs("moving_mnist", size=64, frames=2, tested=100), paths).images.computed.casts
    seen = {part: {picture.tobytes() for picture in cast.pictures} for part, cast in casts.items()}
    assert {part: len(pictures) for part, pictures in seen.items()} == {
        "train": 54_000,
        "validation": 6_000,
        "test": 10_000,
    }
    assert len(set.union(*seen.values())) == 70_000


def test_a_peers_parts_are_two(paths):
    dataset = opened(paths, split="peer", **SMALL)
    assert dataset.counts == {"train": 100, "test": 100, "validation": 100}
    assert "validation is the test part" in dataset.protocol
    assert np.array_equal(everything(dataset, "validation")[0], everything(dataset, "test")[0])
    casts = open_source(knobs("moving_mnist", split="peer", **SMALL), paths).images.computed.casts
    assert {part: len(cast.pictures) for part, cast in casts.items()} == {"train": 400, "test": 100}
    assert np.array_equal(everything(dataset, "test")[0], everything(opened(paths, **SMALL), "test")[0])


# ---------------------------------------------------------------------- which clips


@pytest.mark.parametrize("name", ["moving_digits", "moving_mnist"])
def test_other_epochs_have_other_clips_in_training_alone(name, paths):
    dataset = opened(paths, name, **(SMALL if name == "moving_mnist" else {"examples": 100}))
    for part in ("train", "validation", "test"):
        first, second = (everything(dataset, part, epoch)[0] for epoch in (0, 3))
        assert np.array_equal(first, second) == (part != "train")
        plain = unchanged(dataset.split(part))
        assert np.array_equal(plain.gather(np.arange(100), epoch=3)[0], first[:100])
    assert dataset.split("train").table() is None


@pytest.mark.parametrize("name", ["moving_digits", "moving_mnist"])
def test_labels_are_the_digits_in_even_numbers(name, paths):
    few = {**SMALL, "objects": 1} if name == "moving_mnist" else {"examples": 100}
    dataset = opened(paths, name, **few)
    assert dataset.spec.classes == tuple("0123456789")
    for part in ("train", "validation", "test"):
        clips, labels, _ = everything(dataset, part)
        assert np.bincount(labels).tolist() == [len(labels) // 10] * 10
        if name == "moving_mnist":  # whose greys say which they are
            grey = clips.reshape(len(clips), -1).max(1).astype(int)
            assert np.array_equal(labels, grey % 10)
    assert opened(paths, name, **{**few, "objects": 2}).split("train").labels is None


def test_of_scikit_learns_digits_the_label_is_of_the_one_that_moves():
    source = open_source(knobs("moving_digits", examples=200), {})
    cast = source.images.casts["train"]
    known = {
        picture.tobytes(): label for picture, label in zip(cast.pictures, cast.labels.tolist(), strict=True)
    }
    for clip, label in zip(source.images[:200], source.labels[:200].tolist(), strict=True):
        frame = clip[0, 0]
        found = {known.get(frame[y : y + 8, x : x + 8].tobytes()) for y in range(9) for x in range(9)} - {
            None
        }
        assert found == {label}


def test_fewer_levels_and_tokens_by_the_usual_knobs(paths):
    dataset = opened(paths, view=View("tokens"), levels=2, patch=[1, 2, 2], **SMALL)
    windows = everything(dataset, "test")[0]
    assert windows.shape == (100, 1 + 6 * 16 * 16)
    assert windows[:, 1:].max() == 15
    grey = everything(opened(paths, **SMALL), "test")[0]
    assert np.array_equal(
        everything(opened(paths, levels=2, **SMALL), "test")[0], (grey >= 128).astype(np.uint8)
    )


# ---------------------------------------------------------------------- the same again


def of(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


CLIPS = ["62739b41f1d57377", "a62689a7f0673970", "357d22391a548b99"]


def test_clips_are_those_of_every_version():
    dataset = opened({}, "moving_digits", examples=100)
    clips = [
        of(everything(dataset, part, epoch)[0]) for part, epoch in (("train", 0), ("train", 5), ("test", 0))
    ]
    assert clips == CLIPS


def test_made_anew_the_test_part_is_the_same(paths, tmp_path):
    first, again = opened(paths, **SMALL), opened(paths, **SMALL)
    other = opened({**paths, "cache_dir": str(tmp_path / "other")}, **SMALL)
    assert first.fingerprint == again.fingerprint == other.fingerprint
    assert first.packs != other.packs
    assert [len(packs) for packs in (first.packs, other.packs)] == [1, 1]
    assert np.array_equal(everything(first, "test")[0], everything(other, "test")[0])
    made = open_source(knobs("moving_mnist", **SMALL), paths).images
    assert isinstance(made.end, np.memmap)
    assert np.array_equal(made.end, made.computed[-100:])
    assert examine(first.packs[0]) is None
    with open(first.packs[0] / "images.npy", "r+b") as file:
        file.seek(-3, 2)
        file.write(b"\xff\xff\xff")
    with pytest.raises(DataError, match="is damaged"):
        opened(paths, **SMALL)


def test_no_room_for_the_test_part_is_said_before_it_is_made(paths, monkeypatch):
    monkeypatch.setattr("genkit.data.packing.shutil.disk_usage", lambda folder: type("", (), {"free": 10})())
    with pytest.raises(StorageError, match="packing needs 1 MB"):
        opened(paths, **SMALL)
    assert not list(Path(paths["cache_dir"]).glob("*/images.npy"))


@pytest.mark.parametrize(
    "more",
    [
        {"frames": 7},
        {"size": 48},
        {"objects": 3},
        {"objects": 1},
        {"examples": 101},
        {"tested": 101},
        {"split": "peer"},
        {"levels": 2},
    ],
    ids=str,
)
def test_what_decides_the_clips_is_in_the_fingerprint(more, paths):
    assert opened(paths, **{**SMALL, **more}).fingerprint != opened(paths, **SMALL).fingerprint


def test_other_digits_are_other_data(paths, tmp_path):
    before = opened(paths, **SMALL)
    raw = tmp_path / "MNIST" / "raw"
    for part in ("train", "t10k"):
        file = raw / f"{part}-images-idx3-ubyte"
        content = file.read_bytes()
        file.write_bytes(content[:-1] + b"\x01")
        after = opened(paths, **SMALL)
        assert after.fingerprint != before.fingerprint
        before = after


# ---------------------------------------------------------------------- the published file


@pytest.fixture
def published(paths, tmp_path, monkeypatch):
    """`mnist_test_seq.npy` of a hundred clips, and them."""
    monkeypatch.setattr(moving, "PUBLISHED", (20, 100, 64, 64))
    clips = np.random.default_rng(0).integers(0, 256, (20, 100, 64, 64)).astype(np.uint8)
    folder = tmp_path / "MovingMNIST"
    folder.mkdir()
    np.save(folder / "mnist_test_seq.npy", clips)
    return folder / "mnist_test_seq.npy", clips


FIXED = {"test": "fixed", "examples": 100}


def test_the_published_file_is_mapped_clip_by_clip(paths, published, tmp_path):
    file, clips = published
    dataset = opened(paths, **FIXED)
    assert dataset.counts == {"train": 100, "validation": 1000, "test": 100}
    assert np.array_equal(everything(dataset, "test")[0][:, 0], clips.transpose(1, 0, 2, 3))
    assert isinstance(dataset.split("test").images.end, np.memmap)
    # (Nowhere else is it written.)
    assert not list((tmp_path / "cache").glob("*/*.npy"))
    file.rename(tmp_path / file.name)  # its other place
    moved = opened(paths, **FIXED)
    assert np.array_equal(everything(moved, "test")[0], everything(dataset, "test")[0])
    assert moved.fingerprint == dataset.fingerprint != opened(paths, examples=100, tested=100).fingerprint
    assert np.array_equal(
        everything(moved, "train", 2)[0], everything(opened(paths, examples=100, tested=100), "train", 2)[0]
    )
    np.save(tmp_path / file.name, 255 - clips)
    assert opened(paths, **FIXED).fingerprint != dataset.fingerprint


def test_what_is_no_published_file_is_refused(paths, published):
    file, clips = published
    for wrong in (clips[:, :50], clips.astype(np.uint16), clips.transpose(1, 0, 2, 3), clips[0, 0]):
        np.save(file, wrong)
        with pytest.raises(DataError, match=r"mnist_test_seq.npy holds uint.*fetch it again"):
            opened(paths, **FIXED)
    np.save(file, np.array([[{}]], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"no whole array file \(it holds Python's objects\)"):
        opened(paths, **FIXED)
    np.save(file, clips)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"no whole array file \(it ends too early"):
        opened(paths, **FIXED)
    for content in (b"", b"PK\3\4", b"\x93NUMPY\1\0"):
        file.write_bytes(content)
        with pytest.raises(DataError, match="no whole array file"):
            opened(paths, **FIXED)
    file.unlink()
    with pytest.raises(DataError, match=r"MovingMNIST/mnist_test_seq.npy is missing.*data.download=true"):
        opened(paths, **FIXED)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("data.test=fixed data.size=32", "two digits and 20 frames of 64×64"),
        ("data.test=fixed data.frames=10", "two digits and 20 frames of 64×64"),
        ("data.test=fixed data.objects=1", "two digits and 20 frames of 64×64"),
        ("data.test=fixed data.tested=500", "does nothing while data.test=fixed"),
        ("data.dedupe=exact", "data.dedupe=exact: clips are computed as they are read"),
        ("data.on_device=true", "data.on_device=true: clips are computed as they are read"),
        ("data.validation=10", "data.validation=10: its clips are of other digits"),
        ("data.size=8", "data.size=8"),
        ("data.tested=10", "data.tested=10"),
    ],
)
def test_what_computed_clips_cannot_do_is_refused_in_a_line(word, said):
    from genkit import config

    with pytest.raises(ConfigError) as refused:
        config.compose("train", ["data=moving_mnist", *word.split()])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


# ---------------------------------------------------------------------- checking


def test_of_computed_clips_some_are_checked(paths, monkeypatch):
    many = {"examples": 10_000_000, "objects": 1}
    data = knobs("moving_digits", **many)
    report = dict(check("moving_digits", open_source(data, {}), data, {"cache_dir": ""}))
    assert report["videos"] == "10,001,500 of 1×8×16×16"
    assert report["looked at"] == "1,500, the first of each part, for they are computed"
    assert report["exact duplicates"] == "0"
    assert report["classes, test"].startswith("0 100, 1 100")
    assert report["classes, train"].startswith("0 1,000,000, 1 1,000,000")
    assert report["blank videos"] == "0"
    # What is there is found.
    monkeypatch.setattr(
        moving.BouncingDigits,
        "made",
        lambda self, rows, epoch: np.zeros((len(rows), *self.shape[1:]), np.uint8),
    )
    report = check("moving_digits", open_source(data, {}), data, {"cache_dir": ""})
    assert ("exact overlap", "500 videos of test repeat one of train") in report
    assert ("content", "variance 0: all videos are the same") in report
    found = dict(report)
    assert found["blank videos"] == "1,500: 10000500, 10000501, 10000502, 10000503, 10000504"
    assert found["exact duplicates"].startswith("1,499: 10000501 = 10000500")


# ---------------------------------------------------------------------- the published numbers


def entropies():
    """Nats of a grey value that is a probability, by level."""
    p = np.arange(1, 255) / 255
    return np.concatenate([[0], -p * np.log(p) - (1 - p) * np.log(1 - p), [0]])


def test_the_numbers_of_the_published_rule(data_dir, tmp_path):
    """Frames 11 to 20 of clips of the test digits, given 1 to 10; sums over a frame, pixels in [0, 1]."""
    paths = {"data_dir": str(data_dir), "cache_dir": str(tmp_path)}
    clips = open_source(knobs("moving_mnist", tested=2_000, examples=100), paths).images.end[:, 0]
    assert clips.shape == (2_000, 20, 64, 64)
    predicted = clips[:, 10:]
    frames = 2_000 * 10
    counts = np.bincount(predicted.reshape(-1), minlength=256)
    bound = float(counts @ entropies() / frames)
    black = float(counts @ (np.arange(256) / 255) ** 2 / frames)
    mean = predicted.reshape(frames, -1).mean(0, dtype=np.float64) / 255
    last = 0.0
    for some in np.split(clips, 20):
        last += (
            float(np.square(some[:, 10:] / np.float32(255) - some[:, 9:10] / np.float32(255)).sum()) / frames
        )
    assert bound == pytest.approx(86.2, abs=0.5)
    assert black - float(np.square(mean).sum()) == pytest.approx(152.2, rel=0.02)
    assert black == pytest.approx(173.0, rel=0.02)
    assert last == pytest.approx(286.2, rel=0.02)
