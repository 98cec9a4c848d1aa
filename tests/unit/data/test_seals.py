"""What is packed is compared with what was made, whatever was changed: arrays, descriptions, both."""

import hashlib
import json
import os

import numpy as np
import pytest

from genkit.core.spec import View
from genkit.data import packing, seals
from genkit.system.errors import DataError
from tests.conftest import open_plain
from tests.unit.data.test_data_folders import fill
from tests.unit.data.test_data_folders import opened as open_pictures
from tests.unit.data.test_data_sources import IMAGES
from tests.unit.data.test_data_texts import COMMON

RANDOM = np.random.default_rng(0)


def pictures(root, cache):
    return lambda: open_pictures(root if root.is_dir() else fill(root), cache)


def arrays(file, cache):
    np.savez(file, images=RANDOM.integers(0, 256, (60, 8, 8)).astype(np.uint8))
    data = {**IMAGES, "name": "arrays", "path": str(file)}
    return lambda: open_plain(data, {"cache_dir": str(cache)}, View("arrays"))


def texts(file, cache):
    file.write_text("a line of some length\n" * 200)
    data = {**COMMON, "name": "text_file", "path": str(file)}
    return lambda: open_plain(data, {"cache_dir": str(cache)}, View("tokens", block_size=8))


def digits(file, cache):
    return lambda: open_plain({**IMAGES, "name": "digits"}, {"cache_dir": str(cache)}, View("arrays"))


def overwritten(file):
    """The same header and size, other values."""
    values = np.load(file, mmap_mode="r+")
    values[...] = 0 if values.any() else 1
    values.flush()


@pytest.mark.parametrize(("made", "array"), [
    (pictures, "images"), (pictures, "good"), (pictures, "hashes"), (arrays, "images"), (texts, "train"),
    (digits, "images"), (digits, "labels"),
])  # fmt: skip
def test_arrays_of_other_values_are_refused(made, array, tmp_path):
    again = made(tmp_path / "x.npz", tmp_path / "c")
    first = again().fingerprint
    (file,) = (tmp_path / "c").glob(f"*/{array}.npy")
    before = file.read_bytes()
    overwritten(file)
    assert file.read_bytes() != before
    with pytest.raises(DataError, match=rf"{array}\.npy is damaged .*delete"):
        again()
    file.write_bytes(before)
    assert again().fingerprint == first
    for damage in ("missing", "shorter", "a pipe", "a link"):
        file.unlink()
        if damage == "shorter":
            file.write_bytes(before[:-1])
        elif damage == "a pipe":
            os.mkfifo(file)
        elif damage == "a link":
            (tmp_path / "same.npy").write_bytes(before)
            file.symlink_to(tmp_path / "same.npy")
        with pytest.raises(DataError, match=rf"{array}\.npy is damaged"):
            again()
        if damage == "missing":
            file.touch()


def leaves(plain, path=()):
    """Paths of everything that a description holds."""
    yield path
    items = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    for key, value in items:
        yield from leaves(value, (*path, key))


@pytest.mark.parametrize("made", [pictures, arrays, texts])
def test_no_entry_of_a_description_can_be_another(made, tmp_path):
    again = made(tmp_path / "x.npz", tmp_path / "c")
    again()
    files = sorted((tmp_path / "c").glob("*/dataset.json"))
    tried = 0
    for file in files:
        text = file.read_text()
        for path in leaves(json.loads(text)):
            for value in (None, [], {"a": 1}, -1, "x"):
                plain = {"whole": json.loads(text)}
                *way, last = ("whole", *path)
                inner = plain
                for key in way:
                    inner = inner[key]
                inner[last] = value
                if plain["whole"] == json.loads(text):
                    continue
                file.write_text(json.dumps(plain["whole"]))
                with pytest.raises(DataError, match=r"dataset\.json is damaged"):
                    again()
                tried += 1
        file.write_text(text)
    assert tried > 50
    for content in (b"", b"{", b"\xff", b"[" * 100_000, b'{"arrays": {}, "arrays": {}}', b"[]", b"\0" * 99):
        files[0].write_bytes(content)
        with pytest.raises(DataError, match=r"dataset\.json is damaged"):
            again()


def test_a_sample_finds_what_is_replaced_and_a_whole_reading_one_byte(tmp_path):
    values = RANDOM.integers(0, 256, (40, 1, 512, 512)).astype(np.uint8)  # 10 MB

    def build(folder):
        np.save(folder / "images.npy", values)
        found = packing.digest([values])
        return {"digest": found, "digest_of": ["images.npy"]}

    folder, about = packing.packed(tmp_path, "x", {"a": 1}, build)
    content = (folder / "images.npy").read_bytes()
    assert about["arrays"]["images.npy"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert packing.examine(folder) is None
    assert packing.examine(folder, about["digest"]) is None
    assert "other data" in packing.examine(folder, "0" * 64)
    mapped = np.load(folder / "images.npy", mmap_mode="r+")
    mapped[11:19] = 0  # a fifth of all
    mapped.flush()
    with pytest.raises(DataError, match="not those that were packed"):
        packing.packed(tmp_path, "x", {"a": 1}, build)
    mapped[11:19] = values[11:19]
    mapped[23, 0, 100, 100] ^= 1
    mapped.flush()
    seals.check(folder, about)  # (no sample finds every byte)
    assert "not those that were packed" in packing.examine(folder)


def test_who_rewrites_the_description_too_is_found_by_the_whole_reading(tmp_path):
    again = arrays(tmp_path / "x.npz", tmp_path / "c")
    dataset = again()
    (folder,) = dataset.packs
    about = seals.describe(folder)
    overwritten(folder / "images.npy")
    (folder / "dataset.json").write_text(json.dumps(seals.sealed(folder, about)))
    assert again().fingerprint == dataset.fingerprint  # what is trusted is what the folder says
    assert "other data than its digest says" in packing.examine(folder)
    honest = {**about, "digest": packing.digest_of(folder, ["images.npy"])}
    (folder / "dataset.json").write_text(json.dumps(seals.sealed(folder, honest)))
    assert packing.examine(folder) is None
    assert again().fingerprint != dataset.fingerprint
    assert "written down" in packing.examine(folder, about["digest"])
