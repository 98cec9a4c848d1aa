"""Repetitions are found and left out, what is odd is reported, parts are balanced and do not overlap."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from genkit.core.spec import View
from genkit.data.arrays.duplicates import exact_pairs, near_pairs, repeated
from genkit.data.arrays.folders import image_folder
from genkit.data.arrays.pictures import hashes
from genkit.data.arrays.treatments import Augmentation
from genkit.data.checking import check
from genkit.data.sources import Images, colors
from genkit.data.sources.text_files import text_folder
from genkit.data.splits import divide, hold_out
from genkit.system.errors import ConfigError, DataError
from tests.conftest import knobs_for, open_plain
from tests.unit.data.test_data_folders import SETTINGS
from tests.unit.data.test_data_texts import COMMON


def photograph(seed, side=32):
    """Smooth, so that it survives compression as a photograph does."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def compressed(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


def known(images):
    return hashes(np.asarray(images))


ORIGINALS = [photograph(i) for i in range(30)]
COPIES = [compressed(ORIGINALS[3]), compressed(ORIGINALS[7]), ORIGINALS[9]]
ALL = np.stack([*ORIGINALS, *COPIES]).transpose(0, 3, 1, 2)


def test_copies_are_found():
    rows, numbers = np.arange(len(ALL)), known(ALL)
    assert exact_pairs(numbers, rows).tolist() == [[32, 9]]
    near = near_pairs(ALL, numbers, rows, 256)
    assert sorted(near.tolist()) == [[30, 3], [31, 7], [32, 9]]
    assert repeated(ALL, numbers, rows, 256, "exact").tolist() == [32]
    assert repeated(ALL, numbers, rows, 256, "near").tolist() == [30, 31, 32]
    assert repeated(ALL, numbers, rows[::-1], 256, "near").tolist() == [3, 7, 9]


def test_equal_pixels_are_equal_pairs_whatever_their_order():
    rows = np.array([5, 2, 9, 0])
    numbers = np.zeros((10, 2), np.uint64)
    numbers[[5, 2, 9, 0], 0] = [7, 7, 8, 7]
    assert exact_pairs(numbers, rows).tolist() == [[2, 5], [0, 5]]


def folder(tmp_path, pictures):
    for name, pixels in pictures.items():
        path = tmp_path / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return tmp_path / "p"


def test_training_loses_what_it_shares_with_the_test(tmp_path):
    pictures = {f"train/{i}.png": ORIGINALS[i] for i in range(20)}
    pictures |= {f"test/{i}.png": ORIGINALS[i] for i in range(20, 30)}
    pictures |= {"test/copy.png": ORIGINALS[4], "test/close.png": compressed(ORIGINALS[5])}
    data = {**SETTINGS, "path": str(folder(tmp_path, pictures))}
    paths = {"cache_dir": str(tmp_path / "c")}
    counts = {
        kind: open_plain({**data, "dedupe": kind}, paths, View("arrays")).counts
        for kind in ("off", "exact", "near")
    }
    assert [counts[kind]["train"] for kind in counts] == [20, 19, 18]
    assert [counts[kind]["test"] for kind in counts] == [12, 12, 12]
    report = dict(check("image_folder", image_folder(knobs_for(data), paths), knobs_for(data), paths))
    assert report["exact overlap"] == "1 images of test repeat one of train"
    assert report["near overlap"] == "1 images of test repeat one of train"
    assert "copy.png" in report["exact duplicates"]


def test_a_report_on_pictures(tmp_path):
    pictures = {f"{name}/{i}.png": ORIGINALS[i] for i in range(20) for name in ("cat" if i % 4 else "dog",)}
    pictures["cat/white.png"] = np.full((32, 32, 3), 255, np.uint8)
    pictures["cat/grey.png"] = np.zeros((32, 32), np.uint8)
    root = folder(tmp_path, pictures)
    (root / "cat" / "broken.png").write_text("no picture")
    data, paths = {**SETTINGS, "path": str(root)}, {"cache_dir": str(tmp_path / "c")}
    report = check("image_folder", image_folder(knobs_for(data), paths), knobs_for(data), paths)
    found = dict(report)
    assert "broken.png" in found["unreadable"]
    assert found["sizes"] == "32×32 (22)"
    assert found["modes"] == "RGB 21, L 1"
    assert found["blank images"].startswith("2: ")
    assert "white.png" in found["blank images"]
    totals = [finding for topic, finding in report if topic.startswith("classes")]
    assert sum(int(part.split()[1]) for text in totals for part in text.split(", ")) == 22


def test_images_that_do_not_vary(tmp_path):
    same = Images(np.full((30, 1, 8, 8), 9, np.uint8), None)
    report = dict(check("x", same, knobs_for(SETTINGS), {"cache_dir": str(tmp_path)}))
    assert report["content"].startswith("variance 0")
    assert report["exact duplicates"].startswith("29")


def test_a_report_on_texts(tmp_path):
    root = tmp_path / "t"
    root.mkdir()
    for i in range(40):
        (root / f"{i:02}.txt").write_text(f"document {i} has a line of some length\n")
    (root / "40.txt").write_text("Ω is new\u200b\n" + (root / "03.txt").read_text() * 2)
    (root / "41.txt").write_text((root / "05.txt").read_text())
    (root / "42.txt").write_text((root / "06.txt").read_text().upper())
    (root / "bad.txt").write_bytes(b"\xff\xff")
    data = {"name": "text_folder", "path": str(root), "glob": "*.txt", **COMMON}
    found = dict(check("text_folder", text_folder(knobs_for(data), {}), knobs_for(data), {}))
    assert found["documents"].startswith("43 ")
    assert "bad.txt" in found["unreadable"]
    assert found["exact duplicates"] == "1: 41.txt"
    assert found["near duplicates"] == "1: 42.txt"
    assert r"'\u03a9'" in found["unseen in validation"] + found["unseen in test"]
    shared = [found[f"{part} in train"] for part in ("validation", "test")]
    assert sum(int(text.split()[0]) for text in shared) == 3
    assert found["odd characters"] == "control or invisible 1"
    embedded = dict(check("colors", colors(knobs_for(data), {}), knobs_for(data), {}))
    assert embedded["unseen in test"].startswith("0 ")


# ---------------------------------------------------------------------- parts


@given(st.integers(20, 300), st.integers(1, 10), st.integers(0, 2**32 - 1))
@settings(max_examples=40)
def test_what_is_held_out_is_balanced(n, classes, seed):
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.permutation(2 * n)[:n])
    labels = generator.integers(0, classes, 2 * n)
    count = int(generator.integers(1, n - 2))
    kept, held = hold_out(rows, labels, count)
    assert len(held) == count
    assert sorted([*kept, *held]) == rows.tolist()
    share = np.bincount(labels[rows], minlength=classes) * count / n
    assert (np.abs(np.bincount(labels[held], minlength=classes) - share) <= 1).all()
    assert (hold_out(rows, labels, count)[1] == held).all()


def test_one_example_may_be_held_out_for_selection():
    parts, _ = divide(np.arange(60), None, None, "three", 1)
    assert [len(parts[name]) for name in ("train", "validation", "test")] == [55, 1, 4]


@pytest.mark.parametrize("split", ["peer", "three"])
@pytest.mark.parametrize(
    "own", [(), ("train", "test"), ("train", "validation"), ("train", "validation", "test")]
)
def test_protocols(own, split):
    part = [own[i % len(own)] for i in range(120)] if own else None
    parts, said = divide(np.arange(120), part, None, split)
    apart = {name: set(rows.tolist()) for name, rows in parts.items()}
    assert set(apart) == {"train", "validation", "test"}
    assert not apart["train"] & (apart["validation"] | apart["test"])
    assert set.union(*apart.values()) == set(range(120))
    two = split == "peer" and len(own) < 3
    assert (apart["validation"] == apart["test"]) == two
    assert ("is the" in said) == two


def test_too_little_to_divide():
    with pytest.raises(DataError, match="9 usable"):
        divide(np.arange(9), None, None, "peer")
    with pytest.raises(ConfigError, match=r"data\.validation=5.*of its own"):
        divide(np.arange(20), ["train", "validation"] * 10, None, "peer", 5)
    with pytest.raises(ConfigError, match=r"data\.validation=99.*from 1 to 98"):
        divide(np.arange(100), ["train"] * 100, None, "three", 99)


# ---------------------------------------------------------------------- augmentation

RAMP = np.arange(1, 2 * 64 + 1, dtype=np.uint8).reshape(2, 1, 8, 8).repeat(200, 0)
PLACES = np.arange(400)


def test_flip_turns_every_second_image():
    turned = Augmentation(flip=True).apply(RAMP, PLACES, 0, 0)
    same, flipped = (turned == RAMP).all((1, 2, 3)), (turned == RAMP[..., ::-1]).all((1, 2, 3))
    assert (same ^ flipped).all()
    assert 150 < flipped.sum() < 250


def test_shift_moves_and_fills_with_nothing():
    moved = Augmentation(shift=2).apply(RAMP, PLACES, 0, 0)
    padded = np.pad(RAMP[0, 0], 2)
    windows = {(r, c): padded[r : r + 8, c : c + 8] for r in range(5) for c in range(5)}
    found = [k for image in moved[:200, 0] for k, window in windows.items() if (image == window).all()]
    assert len(found) == 200
    assert set(found) == set(windows)


def test_crop_cuts_out_of_the_reflected_image():
    cut = Augmentation(crop=1).apply(RAMP, PLACES, 0, 0)
    padded = np.pad(RAMP[0, 0], 1, mode="reflect")
    windows = [padded[r : r + 8, c : c + 8] for r in range(3) for c in range(3)]
    assert all(any((image == window).all() for window in windows) for image in cut[:200, 0])


def test_augmentation_depends_on_seed_epoch_and_place_alone():
    both = Augmentation(flip=True, shift=2, crop=1)
    first = both.apply(RAMP, PLACES, 3, 1)
    order = np.random.default_rng(0).permutation(400)
    assert (both.apply(RAMP[order], PLACES[order], 3, 1) == first[order]).all()
    assert (both.apply(RAMP, PLACES, 4, 1) != first).any()
    assert (both.apply(RAMP, PLACES, 3, 2) != first).any()


def test_augmentation_is_for_training_alone(tmp_path):
    data = {**SETTINGS, "name": "digits", "flip": True, "shift": 2, "crop": 1}
    plain = {**SETTINGS, "name": "digits"}
    for part, changed in (("train", True), ("validation", False), ("test", False)):
        one, other = (
            open_plain(d, {}, View("arrays")).split(part).gather(np.arange(50), epoch=1)[0]
            for d in (data, plain)
        )
        assert (one != other).any() == changed
