"""A source as the view that a model asks for: arrays of levels, windows of a text, images as tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from genkit.core.errors import ConfigError, DataError
from genkit.core.spec import ArraySpec, TokenSpec, View
from genkit.core.tokens import PixelCodec
from genkit.data.codecs import identity, make_codec
from genkit.data.dataset import ArrayExamples, Dataset, Levels, PixelWindows, TokenWindows, fingerprint
from genkit.data.folders import Pictures, form_of, look_at, pack_pictures
from genkit.data.packing import digest
from genkit.data.sources import Images, Text
from genkit.data.splits import divide
from genkit.data.texts import Texts
from genkit.data.tokenising import Tokens, code_points, narrow, pack_texts

PAD_UP_TO = 1.25  # pad to the size that a model takes when it is at most this much larger, else resize


def as_view(
    name: str,
    source: Images | Pictures | Text | Texts,
    data: Mapping[str, Any],
    paths: Mapping[str, str],
    view: View,
) -> Dataset:
    """The configured data as a model asked for it.

    Raises:
        DataError: the data is unreadable or too short.
        ConfigError: it cannot offer this view.
    """
    if isinstance(source, Text | Texts):
        if view.kind != "tokens":
            raise ConfigError(f"data={name} is text, and the model reads {view.kind}; choose model=gpt.")
        tokens = _tokens(source, data) if isinstance(source, Text) else _packed(name, source, data, paths)
        return _windows(name, tokens, view)
    sizes = view.sizes if view.kind == "arrays" else ()
    images = _pictures(name, source, data, paths, sizes) if isinstance(source, Pictures) else source
    images, notices = _sized(name, images, data["size"], sizes)
    if view.kind == "arrays":
        return _arrays(name, images, data, notices)
    return _pixels(name, images, data, view, notices)


# ---------------------------------------------------------------------- texts


def _tokens(source: Text, data: Mapping[str, Any]) -> Tokens:
    """A small text, encoded in memory."""
    if not source.whole:
        raise DataError(f"data={data['name']} is empty; give a text.")
    points = np.unique(code_points(source.whole + (source.separator or "")))
    codec = make_codec({**data, "separator": source.separator}, points, lambda: [source.parts["train"]])
    kind = narrow(codec)
    parts: dict[str, np.ndarray] = {
        part: codec.encode(text).astype(kind) for part, text in source.parts.items()
    }
    return Tokens(parts, codec, source.protocol, source.separator)


def _packed(name: str, texts: Texts, data: Mapping[str, Any], paths: Mapping[str, str]) -> Tokens:
    keyed = {**data, "tokenizer_identity": identity(data)}
    return pack_texts(
        name, texts, keyed, paths["cache_dir"], lambda scan, train: make_codec(data, scan.points, train)
    )


def _windows(name: str, tokens: Tokens, view: View) -> Dataset:
    spec = TokenSpec(tokens.codec, tokens.separator)
    block_size = view.block_size or spec.context
    shortest = min(tokens.parts, key=lambda part: len(tokens.parts[part]))
    have = len(tokens.parts[shortest])
    if have < block_size + 1:
        fits = f"the largest that fits is {have - 1}" if have > 1 else "no block size fits"
        raise DataError(
            f"data={name}: its {shortest} part has {have} tokens, model.block_size={block_size} needs"
            f" {block_size + 1}; {fits}."
        )
    splits = {
        part: TokenWindows(ids, block_size, moving=part == "train") for part, ids in tokens.parts.items()
    }
    contents = tokens.digest or digest(tokens.parts[part] for part in sorted(tokens.parts))
    print_ = fingerprint(spec, contents, {part: np.array([len(t)]) for part, t in tokens.parts.items()})
    return Dataset(name, spec, splits, tokens.protocol, print_, list(tokens.notices))


# ---------------------------------------------------------------------- images


def _pictures(
    name: str,
    pictures: Pictures,
    data: Mapping[str, Any],
    paths: Mapping[str, str],
    sizes: Sequence[int],
) -> Images:
    """Pictures, packed in one form."""
    look = look_at(pictures, paths["cache_dir"])
    form = form_of(pictures, look, data, sizes)
    done = pack_pictures(name, pictures, look, form, data, paths["cache_dir"])
    parts, protocol = divide(done.good, pictures.part, pictures.label, data["split"], data["validation"])
    return Images(
        done.images,
        pictures.label,
        parts,
        256,
        pictures.classes,
        protocol,
        done.digest,
        tuple(done.notices),
    )


def _sized(name: str, source: Images, size: int | None, sizes: Sequence[int]) -> tuple[Images, list[str]]:
    """Images of the size that is configured, else of one that the model takes; and what was done."""
    height, width = source.images.shape[2:]
    notices = list(source.notices)
    if size is None and sizes and (height != width or height not in sizes):
        larger = [s for s in sizes if s >= max(height, width)]
        size = min(larger) if larger else max(sizes)
        how = "padded" if size <= PAD_UP_TO * max(height, width) and larger else "resized"
        taken = ", ".join(map(str, sizes))
        notices.append(f"{name} {height}×{width} is {how} to {size}×{size}: the model takes {taken}.")
    if size is not None and sizes and size not in sizes:
        raise ConfigError(f"data.size={size}: the model takes {', '.join(map(str, sizes))}.")
    if size is None or (size, size) == (height, width):
        return source, notices
    levels = source.levels if size <= PAD_UP_TO * width else 256
    fitted = _fit(source.images, size, source.levels)
    return (
        Images(fitted, source.labels, source.parts, levels, source.classes, source.protocol),
        notices,
    )


def _fit(images: np.ndarray, size: int, levels: int) -> np.ndarray:
    """Images (N, C, H, W) as squares of a size: padded with 0 where little is missing, else resized."""
    height, width = images.shape[2:]
    down, across = size - height, size - width
    if down >= 0 and across >= 0 and size <= PAD_UP_TO * min(height, width):
        pads = ((0, 0), (0, 0), (down // 2, down - down // 2), (across // 2, across - across // 2))
        return np.pad(images, pads)
    scaled = np.round(images * (255 / (levels - 1))).astype(np.uint8)
    resized = [
        np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BILINEAR))
        for plane in scaled.reshape(-1, height, width)
    ]
    return np.stack(resized).reshape(*images.shape[:2], size, size)


def _arrays(name: str, images: Images, data: Mapping[str, Any], notices: list[str]) -> Dataset:
    treatment = _levels(name, images, data)
    channels, height, width = images.images.shape[1:]
    spec = ArraySpec(channels, height, width, treatment.levels, images.classes)
    splits = {
        part: ArrayExamples(images.images, images.labels, rows, treatment.moving(part == "train"))
        for part, rows in images.parts.items()
    }
    return Dataset(name, spec, splits, images.protocol, _print(spec, images, treatment), notices)


def _pixels(name: str, images: Images, data: Mapping[str, Any], view: View, notices: list[str]) -> Dataset:
    """Every image a sequence of its levels in raster order, predicted from its beginning."""
    treatment = _levels(name, images, data)
    codec = PixelCodec(images.images.shape[1:], treatment.levels)
    if view.block_size not in (0, codec.length):
        shape = "×".join(map(str, images.images.shape[1:]))
        raise ConfigError(
            f"model.block_size={view.block_size}: an image of data={name} is {shape}, {codec.length} tokens;"
            f" leave model.block_size out, or set data.size."
        )
    spec = TokenSpec(codec, None, images.classes)
    splits = {
        part: PixelWindows(
            ArrayExamples(images.images, images.labels, rows, treatment.moving(part == "train")), codec
        )
        for part, rows in images.parts.items()
    }
    return Dataset(name, spec, splits, images.protocol, _print(spec, images, treatment), notices)


def _levels(name: str, images: Images, data: Mapping[str, Any]) -> Levels:
    wanted = data["levels"] or images.levels
    if wanted > images.levels:
        raise ConfigError(f"data.levels={wanted}: data={name} has {images.levels} levels; set that or fewer.")
    return Levels(images.levels, wanted, data["binarize"] if wanted == 2 else "threshold")


def _print(spec: ArraySpec | TokenSpec, images: Images, treatment: Levels) -> str:
    contents = images.digest or digest([images.images, images.labels])
    labels = digest([images.labels]) if images.digest else ""
    return fingerprint(spec, f"{contents} {labels} {treatment}", images.parts)
