"""Where data comes from: each source reads its files into arrays or texts, split by its own protocol."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genkit.core.errors import ConfigError, DataError


@dataclass(frozen=True)
class Images:
    """uint8 levels (N, C, H, W) and labels (N,) of each part."""

    parts: Mapping[str, tuple[np.ndarray, np.ndarray | None]]
    levels: int
    classes: tuple[str, ...]
    protocol: str


@dataclass(frozen=True)
class Text:
    """The text of each part, and of the whole, which decides the vocabulary."""

    parts: Mapping[str, str]
    whole: str
    protocol: str
    separator: str | None = None


Source = Callable[[Mapping[str, Any], Mapping[str, str]], Images | Text]
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
        name: (images[np.sort(index)], bunch.target[np.sort(index)])
        for name, index in (("train", train), ("validation", validation), ("test", test))
    }
    return Images(parts, 17, DIGITS, "train 1,437 / validation 180 / test 180, fixed and stratified")


def mnist(data: Mapping[str, Any], paths: Mapping[str, str]) -> Images:
    """MNIST in torchvision's layout, MNIST/raw/*-ubyte, plain or gzipped."""
    root = Path(paths["data_dir"]).expanduser() / "MNIST" / "raw"
    train = _idx(root, "train-images-idx3-ubyte")[:, None], _idx(root, "train-labels-idx1-ubyte")
    test = _idx(root, "t10k-images-idx3-ubyte")[:, None], _idx(root, "t10k-labels-idx1-ubyte")
    kept = data["validation"]
    if not kept:
        protocol = "train 60,000 / test 10,000, as its peers do; validation is the test part"
        return Images({"train": train, "validation": test, "test": test}, 256, DIGITS, protocol)
    from sklearn.model_selection import train_test_split

    if not 10 <= kept <= len(train[0]) - 10:
        raise ConfigError(f"data.validation={kept}: keep from 10 to {len(train[0]) - 10} examples, or 0.")
    order = np.arange(len(train[0]))
    index, rest = train_test_split(order, test_size=kept, stratify=train[1], random_state=0)
    parts = {
        "train": (train[0][np.sort(index)], train[1][np.sort(index)]),
        "validation": (train[0][np.sort(rest)], train[1][np.sort(rest)]),
        "test": test,
    }
    protocol = f"train {len(index):,} / validation {kept:,} of the 60,000, fixed and stratified / test 10,000"
    return Images(parts, 256, DIGITS, protocol)


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
    return _three_parts(whole)


def colors(data: Mapping[str, Any], paths: Mapping[str, str]) -> Text:
    """Chinese sentences about colours and fruit, one a line."""
    from genkit.data.colors import sentences

    whole = "\n".join(sentences()) + "\n"
    return _three_parts(whole, separator="\n")


def shakespeare(data: Mapping[str, Any], paths: Mapping[str, str]) -> Text:
    """tinyshakespeare.txt, the first 90 % to train on and the rest to validate, as nanoGPT has it."""
    whole = _read(Path(paths["data_dir"]).expanduser() / "tinyshakespeare.txt", "utf-8")
    cut = int(len(whole) * 0.9)
    parts = {"train": whole[:cut], "validation": whole[cut:], "test": whole[cut:]}
    return Text(parts, whole, "train 90 % / validation 10 %, as nanoGPT has it; test is the validation part")


def text_file(data: Mapping[str, Any], paths: Mapping[str, str]) -> Text:
    """Any text file."""
    if not data["path"]:
        raise ConfigError("data=text_file needs data.path=FILE.")
    return _three_parts(_read(Path(data["path"]).expanduser(), data["encoding"]))


def _three_parts(whole: str, separator: str | None = None) -> Text:
    """90/5/5, cut at line ends."""
    cuts = [0, *(whole.rfind("\n", 0, int(len(whole) * share)) + 1 for share in (0.9, 0.95)), len(whole)]
    if not 0 < cuts[1] < cuts[2] < cuts[3]:  # a text with few lines
        cuts[1:3] = [int(len(whole) * 0.9), int(len(whole) * 0.95)]
    names = ("train", "validation", "test")
    parts = {name: whole[cuts[i] : cuts[i + 1]] for i, name in enumerate(names)}
    return Text(parts, whole, "train 90 % / validation 5 % / test 5 % of the text, in order", separator)


def _read(path: Path, encoding: str) -> str:
    """A text file as it is: newlines and normalisation are kept."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a text file.")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} is missing; check the path, or set paths.data_dir.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from None
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\0" in content:
        raise DataError(f"{path} is no text: it has a NUL byte at offset {content.index(0)}.")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not {encoding}: byte 0x{content[error.start]:02x} at offset {error.start};"
            " set data.encoding=latin-1, or what it is."
        ) from None
    except LookupError:
        raise ConfigError(f"data.encoding={encoding} is no encoding that Python knows; try utf-8.") from None


SOURCES: dict[str, Source] = {
    "digits": digits,
    "mnist": mnist,
    "pydocs": pydocs,
    "colors": colors,
    "shakespeare": shakespeare,
    "text_file": text_file,
}
