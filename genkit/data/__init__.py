"""Datasets by name, opened as the view that a model asks for.  Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from genkit.core.errors import ConfigError, DataError, nearest
from genkit.core.spec import ArraySpec, TokenSpec, View
from genkit.core.tokens import ByteCodec, CharCodec, Codec
from genkit.data.dataset import ArrayExamples, Dataset, TokenWindows, fingerprint
from genkit.data.sources import SOURCES, Images, Text

PAD_UP_TO = 1.25  # pad to the size that a model takes when it is at most this much larger, else resize


def names() -> list[str]:
    """Every dataset that can be named."""
    return list(SOURCES)


def open_dataset(data: Mapping[str, Any], paths: Mapping[str, str], view: View) -> Dataset:
    """The configured data as the view that a model asks for.

    Args:
        data: the group `data`.
        paths: the group `paths`.
        view: what the model asks for.

    Raises:
        DataError: the data is missing, unreadable or too short.
        ConfigError: no such dataset, or it cannot offer this view.
    """
    name = data["name"]
    if name not in SOURCES:
        raise ConfigError(f"data.name={name} is no dataset.{nearest(name, SOURCES)}")
    source = SOURCES[name](data, paths)
    if isinstance(source, Text):
        if view.kind != "tokens":
            raise ConfigError(f"data={name} is text, and the model reads {view.kind}; choose model=gpt.")
        return _tokens(name, source, data, view)
    if view.kind != "arrays":
        raise ConfigError(
            f"data={name} is images, and the model reads {view.kind}; choose model=vae or dcgan."
        )
    return _arrays(name, source, data, view)


def _tokens(name: str, source: Text, data: Mapping[str, Any], view: View) -> Dataset:
    if not source.whole:
        raise DataError(f"data={name} is empty; give a text.")
    codec: Codec = ByteCodec() if data["tokenizer"] == "bytes" else CharCodec.of(source.whole)
    parts = {part: codec.encode(text) for part, text in source.parts.items()}
    shortest = min(parts, key=lambda part: len(parts[part]))
    if len(parts[shortest]) < view.block_size + 1:
        have = len(parts[shortest])
        fits = f"the largest that fits is {have - 1}" if have > 1 else "no block size fits"
        raise DataError(
            f"data={name}: its {shortest} part has {have} tokens, model.block_size={view.block_size} needs"
            f" {view.block_size + 1}; {fits}."
        )
    spec = TokenSpec(codec, source.separator)
    narrow = np.uint16 if codec.vocab_size <= 2**16 else np.uint32
    splits = {
        part: TokenWindows(ids.astype(narrow), view.block_size, moving=part == "train")
        for part, ids in parts.items()
    }
    digest = fingerprint(spec, {part: (windows.tokens,) for part, windows in splits.items()})
    return Dataset(name, spec, splits, source.protocol, digest)


def _arrays(name: str, source: Images, data: Mapping[str, Any], view: View) -> Dataset:
    channels, height, width = source.parts["train"][0].shape[1:]
    size, notices, levels = data["size"], [], source.levels
    if size is None and view.sizes and (height != width or height not in view.sizes):
        larger = [s for s in view.sizes if s >= max(height, width)]
        size = min(larger) if larger else max(view.sizes)
        how = "padded" if size <= PAD_UP_TO * max(height, width) and larger else "resized"
        taken = ", ".join(map(str, view.sizes))
        notices.append(f"{name} {height}×{width} is {how} to {size}×{size}: the model takes {taken}.")
    if size is not None and view.sizes and size not in view.sizes:
        raise ConfigError(f"data.size={size}: the model takes {', '.join(map(str, view.sizes))}.")
    parts = source.parts
    if size is not None and (size, size) != (height, width):
        done: dict[int, np.ndarray] = {}  # parts may share their arrays
        for images, _ in parts.values():
            if id(images) not in done:
                done[id(images)] = _fit(images, size, levels)
        parts = {part: (done[id(images)], labels) for part, (images, labels) in parts.items()}
        height = width = size
        if not size <= PAD_UP_TO * source.parts["train"][0].shape[2]:
            levels = 256
    spec = ArraySpec(channels, height, width, levels, source.classes)
    splits = {part: ArrayExamples(images, labels) for part, (images, labels) in parts.items()}
    return Dataset(name, spec, splits, source.protocol, fingerprint(spec, parts), notices)


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
