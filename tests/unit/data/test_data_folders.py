"""A folder of pictures is listed, looked at, packed, refused by name, and noticed when it changes."""

import json
import multiprocessing
import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genkit.core.spec import View
from genkit.data import packing
from genkit.data.arrays import stacking, surveys
from genkit.system.errors import ConfigError, DataError, StorageError
from tests.conftest import open_plain

SETTINGS = {
    "name": "image_folder",
    "size": None,
    "levels": None,
    "binarize": "threshold",
    "split": "peer",
    "validation": 0,
    "fit": None,
    "channels": None,
    "background": 255,
    "on_bad": "error",
    "max_bad": 0.1,
    "dedupe": "off",
    "flip": False,
    "shift": 0,
    "crop": 0,
}


def colour(i, side=8):
    return np.random.default_rng(i).integers(0, 256, (side, side, 3)).astype(np.uint8)


def fill(root, n=40, side=8, suffix=".png"):
    root.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        Image.fromarray(colour(i, side)).save(root / f"{i:03}{suffix}")
    return root


def opened(root, cache, view=None, **settings):
    data = {**SETTINGS, "path": str(root), **settings}
    return open_plain(data, {"cache_dir": str(cache)}, view or View("arrays"))


def test_pixels_arrive_as_they_were(tmp_path):
    dataset = opened(fill(tmp_path / "p"), tmp_path / "c")
    rows = [examples.rows for examples in (dataset.split(s) for s in ("train", "validation"))]
    assert sorted(np.concatenate(rows).tolist()) == list(range(40))
    for part in ("train", "validation"):
        images, labels, _ = dataset.split(part).gather(np.arange(2))
        for image, row in zip(images, dataset.split(part).rows[:2], strict=True):
            assert (image == colour(row).transpose(2, 0, 1)).all()
        assert labels is None


def test_a_folder_for_each_class_and_parts(tmp_path):
    for part, n in (("train", 30), ("val", 6), ("test", 8)):
        for name in ("cat", "dog"):
            fill(tmp_path / "p" / part / name, n)
    dataset = opened(tmp_path / "p", tmp_path / "c")
    assert dataset.spec.classes == ("cat", "dog")
    assert dataset.counts == {"train": 60, "validation": 12, "test": 16}
    assert "own parts" in dataset.protocol
    labels = dataset.split("test").gather(np.arange(16))[1]
    assert labels.tolist() == [0] * 8 + [1] * 8
    balanced = opened(tmp_path / "p" / "train", tmp_path / "c", split="three", validation=10)
    assert np.bincount(balanced.split("validation").gather(np.arange(10))[1]).tolist() == [5, 5]


def test_what_cannot_be_read_is_named(tmp_path):
    root = fill(tmp_path / "p", 95)
    (root / "page.png").write_text("<html>404</html>")
    (root / "empty.JPG").write_bytes(b"")
    (root / "cut.png").write_bytes((root / "000.png").read_bytes()[:150])
    (root / "gone.png").symlink_to("/nowhere")
    (root / "round.png").symlink_to(root / "round.png")
    bad = ("page.png", "empty.JPG", "cut.png", "gone.png", "round.png")
    with pytest.raises(DataError, match=r"data\.on_bad=skip") as refused:
        opened(root, tmp_path / "c")
    assert "page.png" in str(refused.value)
    dataset = opened(root, tmp_path / "c", on_bad="skip")
    assert all(name in dataset.notices[0] for name in bad)
    assert sum(dataset.counts[part] for part in ("train", "validation")) == 95
    described = next((tmp_path / "c").glob("image_folder-*/dataset.json"))
    assert sorted(json.loads(described.read_text())["refused"]) == sorted(bad)
    with pytest.raises(DataError, match=r"max_bad=0\.01"):
        opened(root, tmp_path / "c", on_bad="skip", max_bad=0.01)


def test_what_may_not_be_read_is_named(tmp_path, monkeypatch):
    root = fill(tmp_path / "p")
    really = Image.open

    def forbidden(file, *rest, **more):
        if Path(getattr(file, "name", file)).name == "007.png":
            raise PermissionError(13, "Permission denied", str(file))
        return really(file, *rest, **more)

    monkeypatch.setattr(Image, "open", forbidden)
    with pytest.raises(DataError, match=r"007\.png.*Permission denied"):
        opened(root, tmp_path / "c")
    assert opened(root, tmp_path / "c", on_bad="skip").counts["train"] < 40


def test_modes_that_are_converted_are_counted(tmp_path):
    root = fill(tmp_path / "p")
    Image.fromarray(colour(50)).convert("CMYK").save(root / "print.jpg")
    assert b"Adobe" in (root / "print.jpg").read_bytes()  # whose inks are stored inverted
    Image.fromarray(colour(51)).convert("RGBA").save(root / "clear.png")
    said = " ".join(opened(root, tmp_path / "c").notices)
    assert "1 are converted to RGB" in said
    assert "1 with transparency are laid on the background" in said


def test_what_is_no_folder_of_pictures(tmp_path):
    with pytest.raises(ConfigError, match=r"data\.path=FOLDER"):
        open_plain({**SETTINGS, "path": None}, {"cache_dir": str(tmp_path)}, View("arrays"))
    with pytest.raises(DataError, match="missing"):
        opened(tmp_path / "nowhere", tmp_path / "c")
    (tmp_path / "p" / "deep").mkdir(parents=True)
    with pytest.raises(DataError, match="no files"):
        opened(tmp_path / "p", tmp_path / "c")
    for i in range(3):
        (tmp_path / "p" / "deep" / f"{i}.txt").write_text("no picture")
    with pytest.raises(DataError, match=r"3 \.txt"):
        opened(tmp_path / "p", tmp_path / "c")
    assert not list(tmp_path.glob("c/image_folder*.partial"))


def test_mixed_sizes_need_a_policy(tmp_path):
    root = fill(tmp_path / "p", 30)
    Image.fromarray(colour(99, 12)).save(root / "large.png")
    with pytest.raises(DataError, match=r"8×8 \(30\), 12×12 \(1\).*data\.fit=crop"):
        opened(root, tmp_path / "c")
    dataset = opened(root, tmp_path / "c", size=6, fit="crop")
    assert dataset.spec.shape == (3, 6, 6)


def test_sizes_that_the_model_takes(tmp_path):
    root = fill(tmp_path / "p", side=28)
    assert opened(root, tmp_path / "c", View("arrays", (16, 32))).spec.shape == (3, 32, 32)
    with pytest.raises(ConfigError, match="takes 16, 32"):
        opened(root, tmp_path / "c", View("arrays", (16, 32)), size=20)


def test_pictures_whose_sides_the_model_takes_need_not_be_square(tmp_path):
    for i in range(12):
        (tmp_path / "tall").mkdir(exist_ok=True)
        Image.fromarray(colour(i, 8)).resize((16, 32)).save(tmp_path / "tall" / f"{i}.png")
    assert opened(tmp_path / "tall", tmp_path / "c", View("arrays", (16, 32))).spec.shape == (3, 32, 16)
    with pytest.raises(DataError, match=r"16×32 and become 8×8: say how with data\.fit"):
        opened(tmp_path / "tall", tmp_path / "c", View("arrays", (4, 8)))


def test_names_that_are_no_utf_8_loops_and_upper_case(tmp_path):
    root = fill(tmp_path / "p", 30, suffix=".PNG")
    os.link(root / "000.PNG", os.fsencode(root) + b"/\xff.png")
    (root / "sub").mkdir()
    (root / "sub" / "up").symlink_to(root)
    assert sum(opened(root, tmp_path / "c").counts[part] for part in ("train", "validation")) == 31


def test_a_changed_folder_is_noticed_and_a_moved_one_is_the_same(tmp_path):
    root = fill(tmp_path / "p")
    first = opened(root, tmp_path / "c").fingerprint
    packs = sorted((tmp_path / "c").glob("image_folder-*/"))
    moved = root.rename(tmp_path / "q")
    assert opened(moved, tmp_path / "c").fingerprint == first
    assert sorted((tmp_path / "c").glob("image_folder-*/")) == packs
    Image.fromarray(colour(100)).save(moved / "000.png")
    assert opened(moved, tmp_path / "c").fingerprint != first


def test_an_interrupted_packing_goes_on(tmp_path, monkeypatch):
    root = fill(tmp_path / "p", 600)
    whole = opened(root, tmp_path / "other").fingerprint
    decode, calls = stacking._decode_rows, []

    def stops(form, folder, opener, rows):
        calls.append(len(rows))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return decode(form, folder, opener, rows)

    monkeypatch.setattr(stacking, "_decode_rows", stops)
    with pytest.raises(KeyboardInterrupt):
        opened(root, tmp_path / "c")
    calls[:] = [0] * 10
    assert opened(root, tmp_path / "c").fingerprint == whole
    assert sum(calls) == 600 - surveys.ROWS


def test_a_digest_is_of_contents_wherever_they_lie(tmp_path, monkeypatch):
    values = np.arange(3000, dtype=np.uint16).reshape(30, 100)
    np.save(tmp_path / "x.npy", values)
    mapped = packing.open_array(tmp_path / "x.npy")
    monkeypatch.setattr(packing, "BLOCK", 1000)
    for part in (slice(None), slice(7, 20), slice(None, None, 2)):
        assert packing.digest([mapped[part]]) == packing.digest([values[part]])
    assert packing.digest([values]) != packing.digest([values.reshape(-1)])


def test_several_processes_give_what_one_gives(tmp_path, monkeypatch):
    root = fill(tmp_path / "p", 300)
    one = opened(root, tmp_path / "one").fingerprint
    monkeypatch.setattr(stacking, "PICTURES_HERE", 10)
    monkeypatch.setattr(surveys, "HEADERS_HERE", 10)
    assert opened(root, tmp_path / "several").fingerprint == one


def test_pictures_that_vanish_are_named_and_a_training_does_not_need_them(tmp_path):
    root = fill(tmp_path / "p", 30)
    dataset = opened(root, tmp_path / "c")
    (root / "007.png").unlink()
    assert len(dataset.split("train").gather(np.arange(len(dataset.split("train"))))[0]) > 0
    assert opened(root, tmp_path / "c").fingerprint != dataset.fingerprint


def test_copies_and_nothing_to_learn_are_spoken_of(tmp_path):
    for part, first in (("train", 0), ("test", 30)):
        (tmp_path / "p" / part).mkdir(parents=True)
        for i in range(first, first + 30):
            Image.fromarray(colour(0 if i == 45 else i)).save(tmp_path / "p" / part / f"{i}.png")
    said = opened(tmp_path / "p", tmp_path / "c").notices
    assert said == [
        "image_folder: 1 images repeat others, 1 of test one of train; data.dedupe=exact leaves them out."
    ]
    assert opened(tmp_path / "p", tmp_path / "c", dedupe="exact").notices == []
    (tmp_path / "same").mkdir()
    for i in range(30):
        Image.fromarray(colour(0)).save(tmp_path / "same" / f"{i}.png")
    assert "variance 0" in opened(tmp_path / "same", tmp_path / "c").notices[0]


def test_memory_does_not_grow_with_the_pictures(tmp_path):
    root = fill(tmp_path / "p", 1500, side=96, suffix=".bmp")
    tracemalloc.start()
    dataset = opened(root, tmp_path / "c")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(dataset.split("train").images, np.memmap)
    assert dataset.split("train").images.nbytes > 40e6
    assert peak < 24e6  # what 256 pictures take


def _open_elsewhere(root, cache, queue):
    queue.put(opened(root, cache).fingerprint)


def test_two_processes_pack_one_source_at_once(tmp_path):
    root = fill(tmp_path / "p", 300)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    both = [context.Process(target=_open_elsewhere, args=(root, tmp_path / "c", queue)) for _ in range(2)]
    for process in both:
        process.start()
    found = {queue.get(timeout=60) for _ in both}
    for process in both:
        process.join()
    assert len(found) == 1
    assert [path.name for path in Path(tmp_path / "c").glob("*.partial")] == []


def test_a_cache_that_cannot_be_written(tmp_path):
    root = fill(tmp_path / "p")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"paths\.cache_dir"):
        opened(root, tmp_path / "file" / "c")
