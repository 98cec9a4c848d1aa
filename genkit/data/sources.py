"""Where data comes from: each source reads its files into arrays or texts, split by its own protocol."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genkit.core.errors import DataError
from genkit.data.folders import Pictures, image_folder
from genkit.data.splits import divide
from genkit.data.texts import TextFiles, read_text, text_file, text_folder


@dataclass(frozen=True)
class Images:
    """Images of one shape, and how they are divided.

    Attributes:
        images: uint8 levels (N, C, H, W), in memory or mapped.
        labels: int64 (N,), or None.
        parts: rows of each part; two names may share one.
        levels: how many values an entry can take.
        digest: of all contents, where it is known; else it is computed.
        notices: what a user should know.
    """

    images: np.ndarray
    labels: np.ndarray | None
    parts: Mapping[str, np.ndarray]
    levels: int
    classes: tuple[str, ...]
    protocol: str
    digest: str | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Text:
    """The text of each part, and of the whole, which decides the vocabulary."""

    parts: Mapping[str, str]
    whole: str
    protocol: str
    separator: str | None = None


Source = Callable[[Mapping[str, Any], Mapping[str, str]], Images | Text | Pictures | TextFiles]
DIGITS = tuple("0123456789")


def digits(data: Mapping[str, Any], paths: Mapping[str, str]) -> Images:
    """scikit-learn's 1,797 handwritten digits, 8×8 with 17 levels."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    images = bunch.images.astype(np.uint8)[:, None]
    order = np.arange(len(images))
    train, rest = train_test_split(order, test_size=360, stratify=bunch.target, random_state=0)
    validation, test = train_test_split(rest, test_size=180, stratify=bunch.target[rest], random_state=0)
    parts = {
        name: np.sort(rows) for name, rows in (("train", train), ("validation", validation), ("test", test))
    }
    protocol = "train 1,437 / validation 180 / test 180, fixed and stratified"
    return Images(images, bunch.target.astype(np.int64), parts, 17, DIGITS, protocol)


def mnist(data: Mapping[str, Any], paths: Mapping[str, str]) -> Images:
    """MNIST in torchvision's layout, MNIST/raw/*-ubyte, plain or gzipped."""
    root = Path(paths["data_dir"]).expanduser() / "MNIST" / "raw"
    train = _idx(root, "train-images-idx3-ubyte")[:, None], _idx(root, "train-labels-idx1-ubyte")
    test = _idx(root, "t10k-images-idx3-ubyte")[:, None], _idx(root, "t10k-labels-idx1-ubyte")
    images, labels = (np.concatenate(pair) for pair in zip(train, test, strict=True))
    part = ["train"] * len(train[0]) + ["test"] * len(test[0])
    parts, protocol = divide(np.arange(len(images)), part, labels, data["split"], data["validation"])
    return Images(images, labels.astype(np.int64), parts, 256, DIGITS, protocol)


def _idx(root: Path, name: str) -> np.ndarray:
    """One file in LeCun's IDX format."""
    for path, opener in ((root / name, open), (root / f"{name}.gz", gzip.open)):
        if path.is_file():
            with opener(path, "rb") as file:
                content = file.read()
            dimensions = content[3] if len(content) > 3 else 0
            shape = struct.unpack_from(f">{dimensions}I", content, 4)
            start = 4 + 4 * dimensions
            if content[:3] != b"\0\0\x08" or len(content) - start != np.prod(shape):
                raise DataError(f"{path} is no whole IDX file; fetch it again.")
            return np.frombuffer(content, np.uint8, offset=start).reshape(shape)
    raise DataError(
        f"{root / name} is missing. Put torchvision's MNIST folder there, or set paths.data_dir or"
        " GENKIT_DATA_DIR to the folder that holds MNIST/."
    )


def pydocs(data: Mapping[str, Any], paths: Mapping[str, str]) -> Text:
    """The text of Python's own manual, which every CPython carries."""
    from pydoc_data import topics

    whole = "\n\n".join(topics.topics[name].strip() for name in sorted(topics.topics)) + "\n"
    return three_parts(whole)


def colors(data: Mapping[str, Any], paths: Mapping[str, str]) -> Text:
    """Chinese sentences about colours and fruit, one a line."""
    from genkit.data.colors import sentences

    whole = "\n".join(sentences()) + "\n"
    return three_parts(whole, separator="\n")


def shakespeare(data: Mapping[str, Any], paths: Mapping[str, str]) -> Text:
    """tinyshakespeare.txt, the first 90 % to train on and the rest to validate, as nanoGPT has it."""
    whole = read_text(Path(paths["data_dir"]).expanduser() / "tinyshakespeare.txt", "utf-8")
    cut = int(len(whole) * 0.9)
    parts = {"train": whole[:cut], "validation": whole[cut:], "test": whole[cut:]}
    return Text(parts, whole, "train 90 % / validation 10 %, as nanoGPT has it; test is the validation part")


def three_parts(whole: str, separator: str | None = None) -> Text:
    """90/5/5, cut at line ends."""
    cuts = [0, *(whole.rfind("\n", 0, int(len(whole) * share)) + 1 for share in (0.9, 0.95)), len(whole)]
    if not 0 < cuts[1] < cuts[2] < cuts[3]:  # a text with few lines
        cuts[1:3] = [int(len(whole) * 0.9), int(len(whole) * 0.95)]
    names = ("train", "validation", "test")
    parts = {name: whole[cuts[i] : cuts[i + 1]] for i, name in enumerate(names)}
    return Text(parts, whole, "train 90 % / validation 5 % / test 5 % of the text, in order", separator)


SOURCES: dict[str, Source] = {
    "digits": digits,
    "mnist": mnist,
    "image_folder": image_folder,
    "pydocs": pydocs,
    "colors": colors,
    "shakespeare": shakespeare,
    "text_file": text_file,
    "text_folder": text_folder,
}
