"""Published image sets in torchvision's layout below paths.data_dir, which fetches what is missing."""

from __future__ import annotations

import gzip
import os
import shutil
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genkit.data.arrays.folders import FilePictures
from genkit.data.dataset_knobs import CelebaKnobs
from genkit.data.packing import listing_of
from genkit.data.sources import Images
from genkit.data.sources.arrays import Chunk, Survey, pack_blocks
from genkit.system.errors import DataError
from genkit.system.paths import sought

DIGITS = tuple("0123456789")
FASHION = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
KANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CELEBA_PARTS = {"0": "train", "1": "validation", "2": "test"}


class Fetched(Protocol):
    """Knobs of what torchvision may fetch."""

    @property
    def download(self) -> bool: ...


# ---------------------------------------------------------------------- MNIST and its kin


def _idx_set(folder: str, classes: tuple[str, ...], data: Fetched, paths: Mapping[str, str]) -> Images:
    """LeCun's four IDX files, plain or gzipped, in <data_dir>/<folder>/raw."""
    data_dir = Path(paths["data_dir"]).expanduser()
    root = data_dir / folder / "raw"
    files = [root / f"{part}-{kind}" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
    files = [file.with_name(file.name + "-ubyte") for file in files]
    if not all(file.is_file() or _zipped(file).is_file() for file in files):
        fetch(folder, data_dir, data, files[0])
    images, labels, test_images, test_labels = map(_idx, files)
    part = ["train"] * len(images) + ["test"] * len(test_images)
    if len(images) != len(labels) or len(test_images) != len(test_labels):
        raise DataError(f"{root}: the numbers of images and labels differ; fetch the files again.")
    every = np.concatenate((labels, test_labels)).astype(np.int64)
    return Images(np.concatenate((images, test_images))[:, None], every, 256, classes, part)


mnist = partial(_idx_set, "MNIST", DIGITS)
fashion_mnist = partial(_idx_set, "FashionMNIST", FASHION)
kmnist = partial(_idx_set, "KMNIST", KANA)


def _zipped(file: Path) -> Path:
    return file.with_name(file.name + ".gz")


def _idx(file: Path) -> np.ndarray:
    """One file in LeCun's IDX format."""
    path = file if file.is_file() else _zipped(file)
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else open(path, "rb") as opened:
            content = opened.read()
        dimensions = content[3]
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        start = 4 + 4 * dimensions
        if content[:3] != b"\0\0\x08" or len(content) - start != np.prod(shape):
            raise ValueError
        return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    except (OSError, EOFError, ValueError, IndexError, struct.error):
        raise DataError(f"{path} is no whole IDX file; fetch it again.") from None


# ---------------------------------------------------------------------- by torchvision's classes


def cifar10(data: Fetched, paths: Mapping[str, str]) -> Images:
    """CIFAR-10's Python files, whose digests torchvision checks before it reads them."""
    root = Path(paths["data_dir"]).expanduser() / "cifar-10-batches-py"

    def blocks() -> Iterator[Chunk]:
        for part in ("train", "test"):
            opened = _torchvision("CIFAR10", root.parent, data, root, train=part == "train")
            yield Chunk(part, opened.data.transpose(0, 3, 1, 2), np.asarray(opened.targets))

    files = [root / name for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")]
    return _packed("cifar10", files, blocks, CIFAR10, data, paths)


def svhn(data: Fetched, paths: Mapping[str, str]) -> Images:
    """Street View House Numbers, cropped to 32×32: train_32x32.mat and test_32x32.mat."""
    root = Path(paths["data_dir"]).expanduser()
    files = [root / f"{part}_32x32.mat" for part in ("train", "test")]

    def blocks() -> Iterator[Chunk]:
        for part in ("train", "test"):
            opened = _torchvision("SVHN", root, data, files[0], split=part)
            yield Chunk(part, opened.data, np.asarray(opened.labels))

    return _packed("svhn", files, blocks, DIGITS, data, paths)


def _packed(
    name: str,
    files: list[Path],
    blocks: Callable[[], Iterator[Chunk]],
    classes: tuple[str, ...],
    data: Fetched,
    paths: Mapping[str, str],
) -> Images:
    listing = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) if f.is_file() else f.name for f in files]
    return pack_blocks(
        name, {"listing": listing}, lambda: Survey(blocks, classes=classes), paths["cache_dir"]
    )


def _torchvision(name: str, root: Path, data: Fetched, file: Path, **which: Any) -> Any:
    """One part of a torchvision data set, fetched if it is not there."""
    from torchvision import datasets

    try:
        return getattr(datasets, name)(str(root), download=False, **which)
    except RuntimeError:
        fetch(name, root, data, file, **which)
        return getattr(datasets, name)(str(root), download=False, **which)


def fetch(name: str, root: Path, data: Fetched, file: Path, **which: Any) -> None:
    """Let torchvision download a data set.

    Raises:
        DataError: it may not, or cannot.
    """
    advice = (
        f"{file} is missing or damaged. Put torchvision's {name} files there, or set paths.data_dir or"
        " GENKIT_DATA_DIR to the folder that holds them"
    )
    if not data.download:
        raise DataError(f"{advice}, or fetch them with data.download=true.{sought(file)}")
    from torchvision import datasets

    before = set(root.iterdir()) if root.is_dir() else set()
    try:
        getattr(datasets, name)(str(root), download=True, **which)
    except (OSError, RuntimeError, ValueError) as error:
        for made in set(root.iterdir()) - before if root.is_dir() else ():
            if made.name in (name, file.parent.name, name.lower()) and made.is_dir():  # begun by torchvision
                shutil.rmtree(made)
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{advice}; they cannot be fetched from here ({reason}).") from None


# ---------------------------------------------------------------------- CelebA


def celeba(data: CelebaKnobs, paths: Mapping[str, str]) -> FilePictures:
    """The aligned faces, img_align_celeba/*.jpg, divided as list_eval_partition.txt has it."""
    root, folder = Path(paths["data_dir"]).expanduser() / "celeba", "img_align_celeba"
    table = root / "list_eval_partition.txt"
    if not table.is_file():
        fetch("CelebA", root.parent, data, table)
    try:
        lines = [line.split() for line in table.read_text().splitlines() if line.strip()]
        files = [name for name, _ in lines]
        parts = [CELEBA_PARTS[part] for _, part in lines]
    except (ValueError, KeyError):
        raise DataError(f"{table} is damaged: a line is a file name and 0, 1 or 2; fetch it again.") from None
    names = [f"{folder}/{file}" for file in files]
    entries = os.scandir(root / folder) if (root / folder).is_dir() else ()
    found = {entry.name: entry.stat() for entry in entries if entry.is_file()}
    known = {file: (found[file].st_size, found[file].st_mtime_ns) for file in files if file in found}
    about = table.stat()
    listing = [listing_of(known), [about.st_size, about.st_mtime_ns]]
    return FilePictures(root, names, listing, parts)
