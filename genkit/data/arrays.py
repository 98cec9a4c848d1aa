"""Arrays of images from anywhere: packed block by block into one uint8 array (N, C, H, W)."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from genkit.core.errors import ConfigError, DataError
from genkit.data.packing import check_space, digest_of, open_array, packed
from genkit.data.sources import Images
from genkit.data.splits import PARTS

BLOCK = 2**24  # bytes of a block


@dataclass(frozen=True)
class Block:
    """Some images of one part, uint8 (n, C, H, W), with labels (n,) or without; `part` may be ""."""

    part: str
    images: np.ndarray
    labels: np.ndarray | None


def pack_blocks(
    name: str,
    key: Mapping[str, Any],
    blocks: Callable[[], Iterator[Block]],
    classes: tuple[str, ...],
    data: Mapping[str, Any],
    cache_dir: str,
) -> Images:
    """All blocks in one array, divided as the configuration says."""

    def build(folder: Path) -> dict[str, Any]:
        counts: list[list[Any]] = []
        labels: list[np.ndarray] = []
        shape: tuple[int, ...] | None = None
        with open(folder / "raw", "wb") as raw:
            for block in blocks():
                if shape is not None and block.images.shape[1:] != shape:
                    raise DataError(f"data={name}: images of {shape} and {block.images.shape[1:]}; give one.")
                shape = block.images.shape[1:]
                check_space(folder, 2 * block.images.nbytes)
                raw.write(np.ascontiguousarray(block.images, np.uint8).data)
                counts.append([block.part, len(block.images)])
                if block.labels is not None:
                    labels.append(block.labels.astype(np.int64))
        if shape is None or not (total := sum(count for _, count in counts)):
            raise DataError(f"data={name} holds no images.")
        if labels and sum(map(len, labels)) != total:
            raise DataError(f"data={name}: {total} images and {sum(map(len, labels))} labels; give one each.")
        _as_npy(folder / "raw", folder / "images.npy", (total, *shape))
        if labels:
            np.save(folder / "labels.npy", np.concatenate(labels))
        found = digest_of(folder, ["images.npy"])
        return {"name": name, "counts": counts, "digest": found, "digest_of": ["images.npy"]}

    folder, about = packed(cache_dir, name, key, build)
    images = open_array(folder / "images.npy")
    labels = np.asarray(open_array(folder / "labels.npy")) if (folder / "labels.npy").exists() else None
    part = [p for p, count in about["counts"] for _ in range(count)]
    if labels is not None and not classes:
        classes = tuple(map(str, range(int(labels.max()) + 1)))
    return Images(images, labels, 256, classes, part if all(part) else None, digest=about["digest"])


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


def arrays(data: Mapping[str, Any], paths: Mapping[str, str]) -> Images:
    """Images in an .npz (`images` and, if there are, `labels`; or `train_images`, `test_images`, …) or .npy.

    They are (N, H, W), (N, H, W, C) or (N, C, H, W) with one or three channels: uint8, or floats in [0, 1].
    """
    if not data["path"]:
        raise ConfigError("data=arrays needs data.path=FILE.npz or FILE.npy.")
    path = Path(data["path"]).expanduser()
    if not path.is_file():
        raise DataError(f"{path} is {'no file' if path.exists() else 'missing'}; give an .npz or .npy file.")
    about = path.stat()
    key = {"listing": [path.name, about.st_size, about.st_mtime_ns]}
    return pack_blocks("arrays", key, partial(_named_blocks, path), (), data, paths["cache_dir"])


def _named_blocks(path: Path) -> Iterator[Block]:
    try:
        yield from _file_blocks(path)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path} is no array file that can be read: {reason}") from None


def _file_blocks(path: Path) -> Iterator[Block]:
    if path.suffix == ".npy":
        for images in _blocks(partial(open, path, "rb")):
            yield Block("", _levels(images, path), None)
        return
    with zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy") for name in archive.namelist()}
        found = [(part, key) for part, key in _keys() if f"{key}images" in names]
        if not found:
            listed = ", ".join(sorted(names)[:8]) or "nothing"
            raise DataError(f"{path} has no array named images or train_images; it has {listed}.")
        for part, key in found:
            labels = None
            if f"{key}labels" in names:
                with archive.open(f"{key}labels.npy") as file:
                    labels = np.lib.format.read_array(file, allow_pickle=False).reshape(-1)
            start = 0
            for images in _blocks(partial(archive.open, f"{key}images.npy")):
                own = None if labels is None else labels[start : start + len(images)]
                start += len(images)
                yield Block(part, _levels(images, path), own)
            if labels is not None and len(labels) != start:
                raise DataError(f"{path}: {start} {key}images and {len(labels)} labels; give one each.")


def _keys() -> Iterator[tuple[str, str]]:
    """Parts and what the names of their arrays begin with."""
    yield "", ""
    for part, words in PARTS.items():
        yield from ((part, f"{word}_") for word in words)


def _blocks(opener: Callable[[], Any]) -> Iterator[np.ndarray]:
    """An .npy file along its first axis, some megabytes at a time."""
    with opener() as file:
        version = np.lib.format.read_magic(file)
        header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        shape, fortran, dtype = header[version](file)
        if dtype.hasobject or len(shape) not in (3, 4) or fortran:
            raise ValueError(f"it holds {dtype} of shape {shape}, no images in C order")
        size = int(np.prod(shape[1:])) * dtype.itemsize
        rows = max(1, BLOCK // max(1, size))
        for start in range(0, shape[0], rows):
            count = min(rows, shape[0] - start)
            content = file.read(count * size)
            if len(content) != count * size:
                raise ValueError("it ends too early")
            yield np.frombuffer(content, dtype).reshape(count, *shape[1:])


def _levels(images: np.ndarray, path: Path) -> np.ndarray:
    """Any layout and type as uint8 (n, C, H, W)."""
    if images.ndim == 3:
        images = images[:, None]
    elif images.shape[1] not in (1, 3) and images.shape[3] in (1, 3):
        images = images.transpose(0, 3, 1, 2)
    if images.shape[1] not in (1, 3):
        raise DataError(f"{path} holds arrays of shape {images.shape[1:]}; give one or three channels.")
    if images.dtype.kind == "f":
        if not (np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1):
            raise DataError(f"{path} holds floats outside [0, 1]; scale them to [0, 1], or give uint8.")
        return np.round(images * 255).astype(np.uint8)
    if images.dtype != np.uint8 and images.size and not 0 <= images.min() <= images.max() <= 255:
        raise DataError(f"{path} holds integers outside 0 … 255; scale them, or give uint8.")
    return images.astype(np.uint8)
