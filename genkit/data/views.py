"""A source as the view that a model asks for: arrays of levels, windows of a text, images as tokens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np

from genkit.core.codecs import Codec, LearnedCodec
from genkit.core.knobs import DataKnobs
from genkit.core.spec import CONTEXT, ArraySpec, Spec, TokenSpec, View
from genkit.data.array_windows import ArrayWindows, PixelWindows
from genkit.data.arrays.folders import Pictures
from genkit.data.arrays.images import (
    check_levels,
    divided,
    fewer_levels,
    oddities,
    packed_images,
    sized,
    untrained_classes,
)
from genkit.data.arrays.made import Arrays, MadeArrays
from genkit.data.arrays.patches import array_codec
from genkit.data.arrays.representing import represented
from genkit.data.arrays.treatments import Augmentation, Levels
from genkit.data.audio.clip_packing import packed_clips
from genkit.data.audio.recordings import Recordings
from genkit.data.captioning import caption_digest, captioned, make_captions
from genkit.data.clip_knobs import AudioKnobs, ClipKnobs
from genkit.data.coding import coded
from genkit.data.dataset import ArrayExamples, Dataset, Examples, TokenWindows, fingerprint
from genkit.data.dataset_knobs import DocumentKnobs, ImageKnobs, PictureKnobs, SeparatedKnobs
from genkit.data.document_windows import DocumentWindows
from genkit.data.labels import check_numbers
from genkit.data.packing import digest, folder_of
from genkit.data.pair_knobs import PairKnobs
from genkit.data.pair_table import PairSource
from genkit.data.pair_views import pair_windows
from genkit.data.sources import Images, Text
from genkit.data.text.readings import Reading
from genkit.data.text.scan import Scan, code_points
from genkit.data.text.streams import Texts
from genkit.data.text.text_parts import Stream
from genkit.data.text.tokenisers import identity, make_codec
from genkit.data.text.tokenising import Tokens, narrow, pack_texts
from genkit.data.video.video_packing import packed_videos
from genkit.data.video.videos import Videos
from genkit.data.video_knobs import VideoFolderKnobs, VideoKnobs
from genkit.system.errors import ConfigError, DataError

READERS = {"tokens": "model=gpt", "arrays": "model=vae"}  # one of the models that read a view


K = TypeVar("K", bound=DataKnobs)


def native_view(source: Images | PairSource | Pictures | Recordings | Text | Texts | Videos) -> View:
    """The view of a source as it is."""
    return View(source.medium.views[0])


def settled(data: DataKnobs, every: type[K]) -> K:
    """The knobs of a kind of data, those that its dataset declares as they are; another distribution's may
    declare few."""
    if isinstance(data, every):
        return data
    own = set(data.__struct_fields__) & set(every.__struct_fields__)
    return every(**{name: getattr(data, name) for name in own})


def documents_of(texts: Texts, data: DataKnobs) -> DocumentKnobs:
    """The knobs of documents, with what ends each where the configuration does not say and the texts do."""
    knobs = settled(data, DocumentKnobs)
    return msgspec.structs.replace(knobs, separator=knobs.separator or texts.separator)


def as_view(
    name: str,
    source: Images | PairSource | Pictures | Recordings | Text | Texts | Videos,
    data: DataKnobs,
    paths: Mapping[str, str],
    view: View,
    codec: LearnedCodec | None = None,
) -> Dataset:
    """The configured data as a model asked for it, or as the codes of a trained one.

    Raises:
        DataError: the data is unreadable or too short.
        ConfigError: it cannot offer this view.
    """
    medium = source.medium
    if view.kind == "arrays" and getattr(data, "codec", None):
        raise ConfigError("data.codec makes tokens, and the model reads arrays; choose model=gpt.")
    if view.kind not in medium.views:
        reader = READERS[medium.views[0]]
        raise ConfigError(f"data={name} is {medium.name}, and the model reads {view.kind}; choose {reader}.")
    if isinstance(source, PairSource):
        return pair_windows(name, source, settled(data, PairKnobs), paths, view)
    if isinstance(source, Text | Texts):
        if isinstance(source, Text):
            return _windows(name, _tokens(source, data), view)
        return _windows(name, _packed(name, source, data, paths), view)
    return _examples(name, source, data, paths, view, codec)


# ---------------------------------------------------------------------- texts


def _tokens(source: Text, data: DataKnobs) -> Tokens:
    """A small text, encoded in memory."""
    if not source.whole:
        raise DataError(f"data={data.name} is empty; give a text.")
    knobs = settled(data, SeparatedKnobs)
    points = np.unique(code_points(source.whole + (source.separator or "")))
    codec = make_codec(knobs, source.separator, points, lambda: [source.parts["train"]])
    kind, reading = narrow(codec), Reading(codec, source.separator)
    same = {text: part for part, text in source.parts.items()}  # the name by which a text is read, once
    read = {
        part: np.concatenate([ids.astype(kind) for _, ids in reading.ids(part, [text])])
        for text, part in same.items()
    }
    parts = {part: read[same[text]] for part, text in source.parts.items()}
    notices = reading.accept(knobs.lossy)
    counted = {part: reading.bytes[same[text]] for part, text in source.parts.items()}
    return Tokens(
        parts,
        codec,
        source.protocol,
        source.separator,
        counted,
        str(reading.losses),
        notices=tuple(notices),
        apart=knobs.documents == "reset" and source.separator is not None,
    )


def _packed(name: str, texts: Texts, data: DataKnobs, paths: Mapping[str, str]) -> Tokens:
    knobs = documents_of(texts, data)
    content = {**msgspec.structs.asdict(knobs), **msgspec.structs.asdict(data)}

    def codec(scan: Scan, training: Stream) -> Codec:
        return make_codec(knobs, knobs.separator, scan.points, training, scan.characters)

    keyed = {**content, "tokenizer_identity": identity(knobs)}
    return pack_texts(name, texts, knobs, keyed, paths["cache_dir"], codec)


def _windows(name: str, tokens: Tokens, view: View) -> Dataset:
    trained = len(tokens.parts["train"])
    # Of half the text: then windows begin at many places, and each token is learnt at each of them.
    window = max(1, trained // 2) if trained <= 2 * CONTEXT else None
    spec = TokenSpec(tokens.codec, tokens.separator, window=window, apart=tokens.apart)
    block_size = view.block_size or spec.context
    shortest = min(tokens.parts, key=lambda part: len(tokens.parts[part]))
    have = len(tokens.parts[shortest])
    if have < 2:
        raise DataError(
            f"data={name}: its {shortest} part is {have} token{'s' * (have != 1)} long, and to predict one"
            " takes at least 2; give a longer text."
        )
    if view.block_size >= have:  # of no size that was asked for, windows beyond the end are filled up
        raise DataError(
            f"data={name}: its {shortest} part has {have} tokens, model.block_size={block_size} needs"
            f" {block_size + 1}; the largest that fits is {have - 1}."
        )
    notices = list(tokens.notices)
    if not view.block_size and window is not None:
        notices.append(
            f"{name}: it has {trained:,} tokens to train on, so the model reads {block_size} at once and not"
            f" {CONTEXT}; model.block_size sets another number."
        )
    splits = {part: _windows_of(tokens, part, spec, block_size) for part in tokens.parts}
    notices += splits["train"].notices(f"{name}: the train part")
    contents = tokens.digest or digest(tokens.parts[part] for part in sorted(tokens.parts))
    print_ = fingerprint(spec, contents, {part: np.array([len(t)]) for part, t in tokens.parts.items()})
    packs = _packs(tokens.parts.values())
    return Dataset(name, spec, splits, tokens.protocol, print_, notices, packs)


def _windows_of(tokens: Tokens, part: str, spec: TokenSpec, block_size: int) -> TokenWindows:
    """The windows of a part: of whole documents where they are apart."""
    ids, moving, size = tokens.parts[part], part == "train", tokens.bytes.get(part)
    if tokens.apart:
        return DocumentWindows(ids, block_size, spec.mark, moving=moving, bytes=size, lost=tokens.lost)
    return TokenWindows(ids, block_size, moving=moving, bytes=size, lost=tokens.lost)


def _packs(arrays: Iterable[Arrays]) -> tuple[Path, ...]:
    """The packed folders that arrays are mapped from."""
    kept = (own for array in arrays for own in (array.kept if isinstance(array, MadeArrays) else (array,)))
    return tuple(sorted({folder for array in kept if (folder := folder_of(array)) is not None}))


# ---------------------------------------------------------------------- arrays


def _examples(
    name: str,
    source: Images | Pictures | Recordings | Videos,
    given: DataKnobs,
    paths: Mapping[str, str],
    view: View,
    learned: LearnedCodec | None,
) -> Dataset:
    sizes = view.sizes if view.kind == "arrays" else ()
    cache_dir, data = paths.get("cache_dir", ""), settled(given, ImageKnobs)
    if isinstance(source, Pictures):
        source = packed_images(name, source, settled(given, PictureKnobs), cache_dir, sizes)
    if isinstance(source, Recordings):
        source = packed_clips(name, source, settled(given, AudioKnobs), cache_dir)
    if isinstance(source, Videos):
        source = packed_videos(name, source, settled(given, VideoFolderKnobs), cache_dir)
    check_levels(source, f"data={name}")
    check_numbers(source.labels, source.classes, len(source.images), f"data={name}")
    source = captioned(name, source, data, given)
    parts, protocol = divided(source, data, cache_dir)
    said = (*oddities(source, parts), *untrained_classes(source, parts))
    if source.medium.representations:
        images = represented(name, source, settled(given, ClipKnobs), view, cache_dir)
        notices = list(source.notices)
        levels = Levels(images.levels, images.levels)
    else:
        # (Moving pictures have their size from where they come.)
        size = None if isinstance(given, VideoKnobs) else data.size
        images, notices = sized(name, source, size, sizes, cache_dir)
        levels = fewer_levels(name, images, data)
    notices += [f"{name}: {line}" for line in said]
    channels, *sides = images.images.shape[1:]
    about_arrays = (images.classes, images.medium, images.rate, images.representation)
    arrays = ArraySpec(channels, tuple(sides), levels.levels, *about_arrays)
    changes = _changes(given, arrays)
    examples = {
        part: ArrayExamples(
            *(images.images, images.labels, rows, levels),
            changes if part == "train" else None,
            _native(images, rows),
            images.captions,
            images.motifs,
        )
        for part, rows in parts.items()
    }
    # Of the examples, whichever way they are read: models of all views are judged by the same.
    judged = images.native or images
    kept = levels if images.native is None else Levels(judged.levels, judged.levels)
    about = f"{judged.contents()} {digest([judged.labels])} {kept}"
    spec: Spec = arrays
    splits: Mapping[str, Examples] = examples
    print_ = bare = fingerprint(arrays.native, about, parts)
    packs = _packs([images.images, *([images.native.images] if images.native else [])])
    if data.captions and view.block_size and view.kind == "tokens":
        raise ConfigError(
            f"model.block_size={view.block_size}: a model reads each example and its caption whole; leave it"
            " out."
        )
    if data.codec:
        windows = coded(name, examples, arrays, given, data, view, learned, print_, cache_dir)
        spec, splits = TokenSpec(windows["train"].codec, None, images.classes), windows
        packs = (*packs, *_packs(own.codes for own in windows.values()))
    elif view.kind == "tokens":
        codec = array_codec(name, arrays, data.patch, view.block_size)
        spec = TokenSpec(codec, None, images.classes)
        splits = {part: PixelWindows(own, codec) for part, own in examples.items()}
    if images.captions is not None:
        print_ = fingerprint(arrays.native, f"{about} {caption_digest(images.captions)}", parts)
        if spec.kind == "tokens":
            spec = replace(spec, captions=make_captions(name, images, parts, data))
            _caption(spec, splits.values())
    return Dataset(name, spec, splits, protocol, print_, notices, packs, images.unpadded, bare)


def _caption(spec: TokenSpec, parts: Iterable[Examples]) -> None:
    """Put the captions of examples before them."""
    kind = np.int16 if spec.vocab_size <= np.iinfo(np.int16).max else np.int32
    for part in parts:
        if isinstance(part, ArrayWindows):
            part.captions = spec.caption_ids(part.called(np.arange(len(part)))).astype(kind)


def _changes(data: DataKnobs, arrays: ArraySpec) -> Augmentation:
    """What training does to examples: what has a representation is moved along time alone."""
    if not arrays.medium.representations:
        return Augmentation.of(settled(data, ImageKnobs))
    time = arrays.names.index("time")
    return Augmentation(shift=settled(data, ClipKnobs).shift, fill=arrays.nothing, along=(time,))


def _native(images: Images, rows: np.ndarray) -> ArrayExamples | None:
    """The examples that these stand for, where they do."""
    if (native := images.native) is None:
        return None
    levels = Levels(native.levels, native.levels)
    return ArrayExamples(native.images, native.labels, rows, levels, captions=native.captions)
