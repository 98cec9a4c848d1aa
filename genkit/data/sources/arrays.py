"""Arrays of images from anywhere: packed block by block into one uint8 array (N, C, H, W)."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from genkit.data.arrays import npy, ranges
from genkit.data.arrays.duplicates import compared
from genkit.data.dataset_knobs import ArrayKnobs, MemoryImageKnobs
from genkit.data.labels import class_numbers
from genkit.data.packing import check_space, digest_of, open_array, packed, printable
from genkit.data.sources import Images
from genkit.data.splits import PARTS
from genkit.system.errors import ConfigError, DataError
from genkit.system.paths import sought

BLOCK = 2**24  # bytes of a block
LARGEST = 2**28  # bytes of an image
LONGEST = 2**16  # bytes of a label
LABELS = "labels"  # the array of labels where `data.label` says nothing else


@dataclass(frozen=True)
class Chunk:
    """Some images of one part, uint8 levels (n, C, H, W), with labels (n,) or without; `part` may be ""."""

    part: str
    images: np.ndarray
    labels: np.ndarray | None


@dataclass(frozen=True)
class Survey:
    """What a first look at a source says, and how to read it.

    Attributes:
        levels: of all images.
        classes: names of the labels.
        notices: what a user should know.
        said: more that belongs into the description.
    """

    blocks: Callable[[], Iterator[Chunk]]
    levels: int = 256
    classes: tuple[str, ...] = ()
    notices: Sequence[str] = ()
    said: Mapping[str, Any] = field(default_factory=dict)


def pack_blocks(name: str, key: Mapping[str, object], look: Callable[[], Survey], cache_dir: str) -> Images:
    """All blocks in one array, divided as the configuration says.

    Args:
        look: called where nothing is packed yet.
    """

    def build(folder: Path) -> dict[str, object]:
        reading = look()
        counts: list[list[Any]] = []
        labels: list[np.ndarray] = []
        looks: list[np.ndarray] = []
        shape: tuple[int, ...] | None = None
        with open(folder / "raw", "wb") as raw:
            for block in reading.blocks():
                if shape is not None and block.images.shape[1:] != shape:
                    raise DataError(f"data={name}: images of {shape} and {block.images.shape[1:]}; give one.")
                shape = block.images.shape[1:]
                check_space(folder, 2 * block.images.nbytes)
                raw.write(np.ascontiguousarray(block.images, np.uint8).data)
                counts.append([block.part, len(block.images)])
                looks.append(compared(block.images, reading.levels))
                if block.labels is not None:
                    labels.append(block.labels.astype(np.int64))
        if shape is None or not (total := sum(count for _, count in counts)):
            raise DataError(f"data={name} holds no images.")
        if labels and sum(map(len, labels)) != total:
            raise DataError(f"data={name}: {total} images and {sum(map(len, labels))} labels; give one each.")
        _as_npy(folder / "raw", folder / "images.npy", (total, *shape))
        np.save(folder / "hashes.npy", np.concatenate(looks))
        if labels:
            np.save(folder / "labels.npy", np.concatenate(labels))
        about = {"name": name, "counts": counts, "levels": reading.levels, "classes": list(reading.classes)}
        about |= {"notices": list(reading.notices), **reading.said}
        return {**about, "digest": digest_of(folder, ["images.npy"]), "digest_of": ["images.npy"]}

    folder, about = packed(cache_dir, name, key, build)
    images = open_array(folder / "images.npy")
    labels = np.asarray(open_array(folder / "labels.npy")) if (folder / "labels.npy").exists() else None
    hashes = folder / "hashes.npy"  # which packs of versions before this one lack
    part = [p for p, count in about["counts"] for _ in range(count)]
    return Images(
        images,
        labels,
        about["levels"],
        tuple(about["classes"]),
        part if all(part) else None,
        hashes=open_array(hashes) if hashes.exists() else None,
        digest=about["digest"],
        notices=tuple(about["notices"]),
    )


def _as_npy(raw: Path, target: Path, shape: tuple[int, ...]) -> None:
    """Raw bytes as an array file, in blocks."""
    values = np.lib.format.open_memmap(target, "w+", np.uint8, shape)
    flat = values.reshape(-1)
    source = np.memmap(raw, np.uint8, "r")
    for start in range(0, len(flat), BLOCK):
        flat[start : start + BLOCK] = source[start : start + BLOCK]
    values.flush()
    raw.unlink()


# ---------------------------------------------------------------------- data.path=x.npz


def arrays(data: ArrayKnobs, paths: Mapping[str, str]) -> Images:
    """Images in an .npz (`images` and, if there are, `labels`; or `train_images`, `test_images`, …) or .npy.

    They are (N, H, W), (N, H, W, C) or (N, C, H, W) with one or three channels, of any type: what is black
    and what is white is decided by all of them; see `genkit.data.arrays.ranges`.
    """
    if not data.path:
        raise ConfigError("data=arrays needs data.path=FILE.npz or FILE.npy.")
    path = Path(data.path).expanduser()
    if not path.is_file():
        how = "no file" if path.exists() else "missing"
        raise DataError(f"{path} is {how}; give an .npz or .npy file.{sought(path)}")
    about = path.stat()
    key: dict[str, Any] = {"listing": [path.name, about.st_size, about.st_mtime_ns]}
    key |= {"range": ranges.given(data.range), "label": data.label}
    return pack_blocks("arrays", key, partial(_look, path, data), paths["cache_dir"])


@contextmanager
def _as_refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path} is no array file (.npz, .npy) that can be read: {reason}.") from None


def _look(path: Path, data: ArrayKnobs) -> Survey:
    word = data.label
    with _as_refusals(path):
        members = npy.stored(path)
        found = {key: part for part, key in _keys() if f"{key}images" in members}
        if not found:
            listed = ", ".join(sorted(map(printable, members))[:8]) or "nothing"
            raise DataError(f"{path} has no array named images or train_images; it has {listed}.")
        if len(found) > 1 and "" in found:
            other = next(key for key in found if key)
            raise DataError(f"{path} has images and {other}images; give either, or what has no part is lost.")
        images = {key: members[f"{key}images"]() for key in found}
        labels = _labels(path, members, images, word)
    used, said = {f"{key}{end}" for key in found for end in ("images", word)}, []
    if unused := sorted(set(members) - used):
        listed = ", ".join(map(printable, unused[:5])) + (", …" if len(unused) > 5 else "")
        said.append(f"{len(unused):,} of {len(members):,} arrays are not used: {listed}")
    given = Arrays("arrays", str(path), images, found, labels, f"{path}: {word}", partial(_as_refusals, path))
    return given.survey(data, said)


@dataclass(frozen=True)
class Arrays:
    """Images as arrays, (N, H, W), (N, H, W, C) or (N, C, H, W), of any type.

    Attributes:
        name: of the dataset.
        what: has them, in words.
        images: the array of each part, by a name of its own.
        part: that each of these is.
        labels: of each; empty where there are none.
        labelled: where the labels stand, in words.
        reading: within it they are read: what that raises becomes a refusal.
    """

    name: str
    what: str
    images: Mapping[str, npy.Rows]
    part: Mapping[str, str]
    labels: Mapping[str, np.ndarray]
    labelled: str
    reading: Callable[[], AbstractContextManager[None]]

    def survey(self, data: ArrayKnobs | MemoryImageKnobs, more: Sequence[str] = ()) -> Survey:
        """Everything is read once before it is packed: ranges and classes are those of the whole.

        Args:
            more: what is to be said beside what is found here.

        Raises:
            DataError: they are no images, or no range holds their values.
        """
        extent, kinds = ranges.Extent(), set()
        with self.reading():
            for array in self.images.values():
                if len(array.shape) not in (3, 4) or array.dtype.kind not in ranges.KINDS:
                    raise ValueError(f"it holds {array.dtype} of shape {array.shape}, no images (N, H, W)")
                if len(array.shape) == 3 and array.shape[2] == 3:
                    raise ValueError(f"its shape {array.shape} is one picture's; images are (N, H, W, C)")
                kinds.add(array.dtype)
                for block in array.blocks(LARGEST):
                    extent = extent.including(block)
        if not any(array.shape[0] for array in self.images.values()):
            raise DataError(f"{self.what} holds no images.")
        asked = ranges.given(data.range)
        range_ = ranges.decide(extent, np.result_type(*kinds), asked, self.what)
        classes: tuple[str, ...] = ()
        said, numbers = ranges.remarks(extent, range_, asked), dict[str, np.ndarray]()
        if self.labels:
            found, classes, about = class_numbers(list(self.labels.values()), self.labelled)
            numbers, said = dict(zip(self.labels, found, strict=True)), said + about
        notices = [f"{self.name}: {line}." for line in (*said, *more)]
        blocks = partial(self._blocks, range_, numbers)
        return Survey(blocks, range_.levels, classes, notices, {"range": range_.to_dict()})

    def _blocks(self, range_: ranges.Scale, labels: Mapping[str, np.ndarray]) -> Iterator[Chunk]:
        with self.reading():
            for key, array in self.images.items():
                start = 0
                for block in array.blocks(LARGEST):
                    own = labels[key][start : start + len(block)] if labels else None
                    start += len(block)
                    yield Chunk(self.part[key], range_.apply(_planes(block, self.what)), own)


def _labels(
    path: Path,
    members: Mapping[str, Callable[[], npy.Stored]],
    images: Mapping[str, npy.Stored],
    word: str | None,
) -> dict[str, np.ndarray]:
    """Labels by what the names of their parts begin with; none where there are none."""
    having = [key for key in images if f"{key}{word}" in members]
    if word is None or not having:
        if word not in (None, LABELS):
            raise DataError(f"data.label={word}: {path} has no such array; it has {', '.join(members)}.")
        return {}
    if missing := [key for key in images if key not in having]:
        raise DataError(
            f"{path} has {having[0]}{word} and no {missing[0]}{word}; add it, or data.label=null."
        )
    found = {}
    for key, array in images.items():
        try:
            own = members[f"{key}{word}"]()
        except ValueError as error:
            raise DataError(
                f"{path}: {key}{word} cannot be read: {error}; save whole numbers or texts"
                f" ({word}.astype(str)), or leave them out with data.label=null."
            ) from None
        if not own.shape[0] == array.shape[0]:
            raise DataError(f"{path}: {array.shape[0]} {key}images and {own.shape[0]} labels; give one each.")
        found[key] = own.whole(LONGEST)
    return found


def _keys() -> Iterator[tuple[str, str]]:
    """Parts and what the names of their arrays begin with."""
    yield "", ""
    for part, words in PARTS.items():
        yield from ((part, f"{word}_") for word in words)


def _planes(images: np.ndarray, what: str) -> np.ndarray:
    """Any layout as (n, C, H, W)."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.shape[1] not in (1, 3):
        raise DataError(f"{what} holds arrays of shape {images.shape[1:]}; give one or three channels.")
    return images
