"""Images between source and view: packed, without repetitions, divided, sized, of fewer levels."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from genkit.data.arrays.duplicates import as_8_bits, exact_pairs, hashes_of, repeated, shared
from genkit.data.arrays.folders import Pictures
from genkit.data.arrays.stacking import form_of, pack_pictures, refuse_small
from genkit.data.arrays.surveys import look_at
from genkit.data.arrays.treatments import Levels
from genkit.data.dataset_knobs import PictureKnobs
from genkit.data.example_knobs import ExampleKnobs
from genkit.data.packing import check_space, digest, digest_of, open_array, packed
from genkit.data.sources import Images
from genkit.data.splits import divide
from genkit.system.errors import ConfigError, DataError, StorageError
from genkit.system.progress import progress

PAD_UP_TO = 1.25  # pad to the size that a model takes when it is at most this much larger, else resize
MANY = 5_000  # images whose scaling takes longer (a tenth of a second) than opening what was kept


def packed_images(
    name: str, pictures: Pictures, data: PictureKnobs, cache_dir: str, sizes: Sequence[int]
) -> Images:
    """Pictures in one form.

    Args:
        sizes: those that the model takes for a side; empty: any.
    """
    look = look_at(pictures, cache_dir)
    form = form_of(pictures, look, data, sizes)
    done = pack_pictures(name, pictures, look, form, data, cache_dir)
    return Images(
        done.images,
        pictures.label,
        classes=pictures.classes,
        part=pictures.part,
        rows=done.good,
        names=pictures.names,
        hashes=done.hashes,
        digest=done.digest,
        notices=(*(f"{name}: {line}." for line in pictures.notices), *done.notices),
    )


def check_levels(images: Images, what: str) -> None:
    """See that a source, another distribution's perhaps, gives levels.

    Raises:
        DataError: it gives values of another type, or another shape.
    """
    shape, dtype, medium = images.images.shape, images.images.dtype, images.medium
    fits = len(shape) == 2 + len(medium.axes) and shape[1] in (medium.channels or (shape[1],))
    kind = f"uint{medium.depth}"
    if dtype != np.dtype(kind) or not fits:
        wanted = f"(N, C, {', '.join(medium.axes)})"
        which = f", C is {' or '.join(map(str, medium.channels))}" if medium.channels else ""
        raise DataError(
            f"{what} gives {dtype} of shape {shape}: {medium.many} are {kind} levels {wanted}{which}."
        )
    if not 2 <= images.levels <= 2**medium.depth:
        raise DataError(f"{what} has {images.levels} levels; there are from 2 to {2**medium.depth:,}.")


def divided(images: Images, data: ExampleKnobs, cache_dir: str) -> tuple[dict[str, np.ndarray], str]:
    """Rows of each part and the protocol in words; repetitions are left out before, if so configured.

    Raises:
        ConfigError: near ones of what is no picture.
    """
    rows, kind, said = images.usable, data.dedupe, ""
    if kind != "off":
        if kind == "near" and not images.medium.pictorial:
            many = images.medium.many
            raise ConfigError(f"data.dedupe=near: {many} have no look to be compared by; take exact.")
        out = _left_out(images, kind, cache_dir)
        rows = rows[~np.isin(rows, out)]
        said = f"; {len(out):,} that repeat others ({kind}) are left out"
    own, groups = (images.part, images.labels), images.groups
    parts, protocol = divide(
        rows, *own, data.split, data.validation, groups, whole=images.whole, piece=images.piece
    )
    return parts, ((images.protocol and f"{protocol} ({images.protocol})") or protocol) + said


def oddities(images: Images, parts: Mapping[str, np.ndarray]) -> list[str]:
    """What a training on packed pictures should know: copies, in other parts too, and nothing to learn."""
    if images.hashes is None:
        return []
    rows = np.unique(np.concatenate(list(parts.values())))
    pairs = exact_pairs(images.hashes, by_precedence(replace(images, rows=rows)))
    if not len(pairs):
        return []
    if len(pairs) == len(rows) - 1:
        return [f"all {images.medium.many} are the same (variance 0)."]
    leaked = "".join(f", {n:,} of {b} one of {a}" for (a, b), n in shared(images.hashes, parts).items())
    return [f"{len(pairs):,} {images.medium.many} repeat others{leaked}; data.dedupe=exact leaves them out."]


def untrained_classes(images: Images, parts: Mapping[str, np.ndarray]) -> list[str]:
    """What to say of classes that stand in other parts alone: nothing is learnt of them."""
    if images.labels is None:
        return []
    every = np.unique(images.labels[np.concatenate(list(parts.values()))])
    without = np.setdiff1d(every, images.labels[parts["train"]])
    if not len(without):
        return []
    names = [images.classes[label] if images.classes else str(label) for label in without.tolist()]
    listed = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return [f"{len(names):,} of {len(every):,} classes have no training {images.medium.many}: {listed}."]


def _left_out(images: Images, kind: str, cache_dir: str) -> np.ndarray:
    """Rows that repeat others, found once."""
    kept, order = images.kept, by_precedence(images)

    def build(folder: Path) -> dict[str, object]:
        numbers = known_hashes(images, cache_dir)
        np.save(folder / "rows.npy", repeated(kept, numbers, order, images.levels, kind))
        return {"name": "repeated", "kind": kind}

    key = {"contents": images.contents(), "order": digest([order]), "kind": kind}
    folder, _ = packed(cache_dir, "repeated", key, build)
    return np.asarray(open_array(folder / "rows.npy"))


def known_hashes(images: Images, cache_dir: str) -> np.ndarray:
    """Both hashes of every image; of packed pictures they are known."""
    if images.hashes is not None:
        return images.hashes
    return hashes_of(images.kept, images.contents(), images.levels, cache_dir)


def by_precedence(images: Images) -> np.ndarray:
    """The usable rows, those that judge a model first: training loses what it shares with them."""
    rows = images.usable
    if images.part is None:
        return rows
    order = {"test": 0, "validation": 1, "train": 2}
    return rows[np.argsort([order[images.part[row]] for row in rows], kind="stable")]


def sized(
    name: str, source: Images, size: int | None, sizes: Sequence[int], cache_dir: str
) -> tuple[Images, list[str]]:
    """Images of the size that is configured, else of one that the model takes; and what was done.

    Raises:
        ConfigError: the model does not take it, or such data has the size that it has.
        DataError: they are too small.
    """
    notices, many = list(source.notices), source.medium.many
    if not source.medium.pictorial:
        if size is not None:
            raise ConfigError(
                f"data.size={size}: {many} are taken as large as they are; leave data.size out."
            )
        return source, notices
    height, width = source.images.shape[2:]
    if size is None:
        refuse_small(name, height, width)
    if size is None and sizes and not {height, width} <= set(sizes):
        larger = [s for s in sizes if s >= max(height, width)]
        size = min(larger) if larger else max(sizes)
        taken = ", ".join(map(str, sizes))
        how = _how(source.kept, size)
        notices.append(f"{name} {height}×{width} is {how} to {size}×{size}: the model takes {taken}.")
    elif size is not None and size > min(height, width):
        how = _how(source.kept, size)
        notices.append(f"{name} {height}×{width} is {how} to {size}×{size}, as data.size says.")
    if size is not None and sizes and size not in sizes:
        raise ConfigError(f"data.size={size}: the model takes {', '.join(map(str, sizes))}.")
    if size is None or (size, size) == (height, width):
        return source, notices
    padded = _is_padded(source.kept, size)
    levels, unpadded = (source.levels, (height, width)) if padded else (256, None)
    source = replace(source, digest=source.contents())  # of the images as they came; taken once
    fitted = _fitted(source, size, cache_dir)
    return replace(source, images=fitted, levels=levels, hashes=None, unpadded=unpadded), notices


def _fitted(source: Images, size: int, cache_dir: str) -> np.ndarray:
    """Images as squares of a size.

    The result is kept in the cache, mapped, where it may be large (the images are mapped, too) or costly
    (many are scaled): every process that trains on it would make it anew.  What fits into memory needs no
    cache that can be written.
    """
    if isinstance(source.images, np.memmap):
        return _kept(source, size, cache_dir)
    if len(source.images) >= MANY and not _is_padded(source.kept, size):
        with contextlib.suppress(StorageError):
            return _kept(source, size, cache_dir)
    return squared(source.kept, size, source.levels)


def _kept(source: Images, size: int, cache_dir: str) -> np.ndarray:
    """As `_fitted`, from the cache."""

    def build(folder: Path) -> dict[str, object]:
        count, channels, height, width = source.images.shape
        check_space(folder, count * channels * size**2)
        made = np.lib.format.open_memmap(folder / "images.npy", "w+", np.uint8, (count, channels, size, size))
        step = max(1, 2**24 // (channels * height * width))
        with progress("resizing images", count) as advance:
            for start in range(0, count, step):
                part = source.images[start : start + step]
                made[start : start + step] = squared(part, size, source.levels)
                advance(len(part))
        made.flush()
        about = {"name": "sized", "contents": source.contents(), "size": size}
        return {**about, "digest": digest_of(folder, ["images.npy"]), "digest_of": ["images.npy"]}

    key = {"contents": source.contents(), "size": size, "levels": source.levels}
    folder, _ = packed(cache_dir, "sized", key, build)
    return open_array(folder / "images.npy")


def _how(images: np.ndarray, size: int) -> str:
    """What brings images (N, C, H, W) to a size, in a word."""
    height, width = images.shape[2:]
    if _is_padded(images, size):
        return "padded"
    return ("enlarged" if size > min(height, width) else "reduced") if height == width else "stretched"


def _is_padded(images: np.ndarray, size: int) -> bool:
    """Whether images (N, C, H, W) come to a size by padding: they are no larger and little is missing."""
    height, width = map(int, images.shape[2:])
    return max(height, width) <= size <= PAD_UP_TO * min(height, width)


def squared(images: np.ndarray, size: int, levels: int) -> np.ndarray:
    """Images (N, C, H, W) as squares of a size: padded with 0 where little is missing, else resized."""
    height, width = images.shape[2:]
    if _is_padded(images, size):
        down, across = size - height, size - width
        pads = ((0, 0), (0, 0), (down // 2, down - down // 2), (across // 2, across - across // 2))
        return np.pad(images, pads)
    return resized(images, size, levels)


def resized(images: np.ndarray, size: int, levels: int) -> np.ndarray:
    """Images (N, C, H, W) scaled to squares of a size, of 256 levels."""
    scaled, (height, width) = as_8_bits(images, levels), images.shape[2:]
    planes = [
        np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BILINEAR))
        for plane in scaled.reshape(-1, height, width)
    ]
    return np.stack(planes).reshape(*images.shape[:2], size, size)


def fewer_levels(name: str, images: Images, data: ExampleKnobs) -> Levels:
    """What becomes of the values.

    Raises:
        ConfigError: more levels than there are.
    """
    wanted = data.levels or images.levels
    if wanted > images.levels:
        raise ConfigError(f"data.levels={wanted}: data={name} has {images.levels} levels; set that or fewer.")
    return Levels(images.levels, wanted, data.binarize if wanted == 2 else "threshold")
