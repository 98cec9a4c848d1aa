"""`genkit data check`: what is wrong or odd in a dataset, as a report in words; nothing is changed."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from msgspec.structs import replace

from genkit.core.knobs import DataKnobs
from genkit.data.arrays.duplicates import (
    across,
    as_8_bits,
    compared,
    distinct,
    exact_pairs,
    near_pairs,
    shared,
)
from genkit.data.arrays.folders import Pictures
from genkit.data.arrays.images import by_precedence, divided, known_hashes, packed_images
from genkit.data.arrays.made import MadeArrays
from genkit.data.arrays.surveys import look_at
from genkit.data.audio.recording_checks import check_recordings
from genkit.data.audio.recordings import Recordings
from genkit.data.captioning import captioned
from genkit.data.clip_knobs import AudioKnobs
from genkit.data.dataset_knobs import DocumentKnobs, PictureKnobs
from genkit.data.example_knobs import ExampleKnobs
from genkit.data.packing import printable
from genkit.data.pair_checks import check_pairs
from genkit.data.pair_table import PairSource
from genkit.data.sources import Images, Text
from genkit.data.text.scan import Scan, scan_texts
from genkit.data.text.streams import BLANKS, CONTROLS, Texts
from genkit.data.text.text_parts import read, streams_of
from genkit.data.video.video_checks import check_videos
from genkit.data.video.videos import Videos
from genkit.data.video_knobs import VideoFolderKnobs
from genkit.data.views import settled
from genkit.system.errors import DataError

SHOWN = 5  # examples of each kind
LOOKED, BYTES = 500, 2**26  # examples of each part that are looked at where they are computed, at most
LINE = 20  # characters of a line that is worth comparing
Report = list[tuple[str, str]]


def check(
    name: str,
    source: Images | PairSource | Pictures | Recordings | Text | Texts | Videos,
    data: DataKnobs,
    paths: Mapping[str, str],
) -> Report:
    """(topic, finding) in the order of reading."""
    if isinstance(source, PairSource):
        return check_pairs(source)
    if isinstance(source, Texts):
        between = "\n" if source.rows else None  # by which lines that repeat are found
        texts = replace(settled(data, DocumentKnobs), on_bad="skip", max_bad=1.0, separator=between)
        return _check_texts(source, texts)
    if isinstance(source, Text):
        return _check_parts(source.parts)
    report: Report = []
    if isinstance(source, Pictures):
        report += _check_files(source, paths["cache_dir"])
        files = settled(data, PictureKnobs)
        # (A policy is needed to compare them.)
        square = replace(files, on_bad="skip", max_bad=1.0, dedupe="off", fit=files.fit or "stretch")
        source = packed_images(name, source, square, paths["cache_dir"], ())
        bad = [line for line in source.notices if "cannot be read" in line]
        report += [("unreadable", line) for line in bad] or [("unreadable", "none")]
        report += [("note", line) for line in source.notices if line not in bad]
    if isinstance(source, Recordings):
        clips = settled(data, AudioKnobs)
        report, source = check_recordings(name, source, clips, paths["cache_dir"])
    if isinstance(source, Videos):
        films = settled(data, VideoFolderKnobs)
        report, source = check_videos(name, source, films, paths["cache_dir"])
    own = settled(data, ExampleKnobs)
    try:
        source = captioned(name, source, own, data)
    except DataError as error:  # of a table, which says nothing against the rest
        report += [("captions", str(error))]
    else:
        report += _check_captions(source)
    return report + _check_images(source, replace(own, dedupe="off"), paths["cache_dir"])


def _check_captions(images: Images) -> Report:
    """How many there are, and those of several examples."""
    if images.captions is None:
        return []
    counted = Counter(images.captions[row] for row in images.usable.tolist())
    often = [f"{printable(text)} {count:,}" for text, count in counted.most_common(SHOWN) if count > 1]
    listed = f", most often {', '.join(often)}" if often else ""
    return [("captions", f"{len(images.usable):,}, {len(counted):,} of them different{listed}")]


# ---------------------------------------------------------------------- images


def _check_files(pictures: Pictures, cache_dir: str) -> Report:
    look = look_at(pictures, cache_dir)
    modes = ", ".join(f"{mode} {count:,}" for mode, count in Counter(look.modes).most_common())
    return [("files", f"{len(pictures):,}"), ("sizes", look.histogram()), ("modes", modes)]


def _check_images(images: Images, data: ExampleKnobs, cache_dir: str) -> Report:
    many = images.medium.many
    parts, protocol = divided(images, data, cache_dir)
    shape = "×".join(map(str, images.images.shape[1:]))
    report = [(many, f"{len(images.usable):,} of {shape}"), ("split", protocol)]
    looked, own = images, parts
    if isinstance(images.images, MadeArrays):
        looked = _some(images, parts)
        own, _ = divided(looked, data, cache_dir)
        report.append(("looked at", f"{len(looked.images):,}, the first of each part, for they are computed"))
    numbers, order = known_hashes(looked, cache_dir), by_precedence(looked)
    found = {"exact": exact_pairs(numbers, order)}
    overlaps = {"exact": shared(numbers, own)}
    if images.medium.pictorial:
        near = near_pairs(looked.kept, numbers, order, looked.levels)
        found["near"] = near[numbers[near[:, 0], 0] != numbers[near[:, 1], 0]]
        overlaps["near"] = across(found["near"], own)
    for what, pairs in found.items():
        shown = ", ".join(f"{_name(looked, a)} = {_name(looked, b)}" for a, b in pairs[:SHOWN].tolist())
        report.append(
            (f"{what} duplicates", f"{len(np.unique(pairs[:, 0])):,}" + (f": {shown}" if shown else ""))
        )
        for (first, second), count in overlaps[what].items():
            report.append((f"{what} overlap", f"{count:,} {many} of {second} repeat one of {first}"))
    if images.labels is not None:
        for part, rows in distinct(parts).items():
            counts = np.bincount(images.labels[rows], minlength=len(images.classes))
            listed = ", ".join(f"{c} {n:,}" for c, n in zip(images.classes, counts, strict=False))
            report.append((f"classes, {part}", listed))
    return report + _check_blank(looked, order)


def _some(images: Images, parts: Mapping[str, np.ndarray]) -> Images:
    """Computed examples, the first of each part, as they are in the first epoch."""
    most = max(1, min(LOOKED, BYTES // int(np.prod(images.images.shape[1:]))))
    rows = np.concatenate([own[:most] for own in distinct(parts).values()])
    arrays = images.images[rows]
    return dataclasses.replace(
        images,
        images=arrays,
        labels=None if images.labels is None else images.labels[rows],
        part=None if images.part is None else [images.part[row] for row in rows.tolist()],
        rows=None,
        names=[_name(images, row) for row in rows.tolist()],
        hashes=compared(arrays, images.levels),
        groups=None if images.groups is None else images.groups[rows],
        captions=None,
        digest=None,
    )


def _name(images: Images, row: int) -> str:
    return str(row) if images.names is None else printable(images.names[row])


def _check_blank(images: Images, rows: np.ndarray) -> Report:
    """Images of one value, and places that never vary."""
    blank: list[int] = []
    low = np.full(images.images.shape[1:], 255, np.uint8)
    high = np.zeros(images.images.shape[1:], np.uint8)
    step = max(1, min(1000, BYTES // max(1, low.size)))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        values = as_8_bits(images.images[part], images.levels)
        flat = values.reshape(len(values), -1)
        blank += part[flat.min(1) == flat.max(1)].tolist()
        low, high = np.minimum(low, values.min(0)), np.maximum(high, values.max(0))
    shown = ", ".join(_name(images, row) for row in blank[:SHOWN])
    report = [(f"blank {images.medium.many}", f"{len(blank):,}" + (f": {shown}" if shown else ""))]
    if (low == high).all():
        report.append(("content", f"variance 0: all {images.medium.many} are the same"))
    elif (share := float((low == high).mean())) > 0:
        report.append(("content", f"{share:.0%} of the entries are the same in all {images.medium.many}"))
    return report


# ---------------------------------------------------------------------- texts


def _check_texts(texts: Texts, data: DocumentKnobs) -> Report:
    scan = scan_texts(texts, replace(data, dedupe="exact"))
    near = scan_texts(texts, replace(data, dedupe="near"))
    report = [
        ("documents", f"{scan.documents + len(scan.repeated):,} with {scan.characters:,} characters"),
        *([("rows without a text", f"{scan.nulls:,}")] if scan.nulls else []),
        ("unreadable", _listed(_reasons(texts, scan))),
        ("exact duplicates", _listed(scan.repeated)),
        ("near duplicates", _listed([name for name in near.repeated if name not in scan.repeated])),
    ]
    if not scan.characters:
        return [*report, ("content", "empty")]
    everything = Scan(scan.documents, scan.characters + _length(texts, data, scan), scan.points, scan.refused)
    streams, _, protocol = streams_of(texts, data, everything)
    report.append(("split", protocol))
    return report + _check_streams(streams)


def _reasons(texts: Texts, scan: Scan) -> list[str]:
    """Why documents cannot be read; of a row also which."""
    return [f"{name} {reason}" if texts.rows else reason for name, reason in scan.refused.items()]


def _length(texts: Texts, data: DocumentKnobs, scan: Scan) -> int:
    """Characters of the repeated documents, which the check leaves in."""
    if not scan.repeated:
        return 0
    return sum(map(len, read(texts, data, set(scan.refused)))) - scan.characters


def _check_parts(parts: Mapping[str, str]) -> Report:
    distinct = {name: text for name, text in parts.items() if name != "test" or text != parts["validation"]}
    report = [("characters", ", ".join(f"{name} {len(text):,}" for name, text in distinct.items()))]
    return report + _check_streams({name: (lambda text=text: [text]) for name, text in distinct.items()})


def _check_streams(streams: Mapping[str, Any]) -> Report:
    """What each part holds that training does not, that repeats training, or that nobody sees."""
    characters: dict[str, set[str]] = {}
    lines: dict[str, np.ndarray] = {}
    odd: Counter[str] = Counter()
    for part, stream in streams.items():
        characters[part], hashed = set(), []
        for text in stream():
            characters[part].update(text)
            odd["control or invisible"] += len(CONTROLS.findall(text))
            odd["unusual blanks"] += len(BLANKS.findall(text))
            odd["\\r\\n"] += text.count("\r\n")
            hashed += [hash(line) for line in text.split("\n") if len(line) >= LINE]
        lines[part] = np.array(hashed, np.int64)
    report: Report = []
    for part in [name for name in streams if name != "train"]:
        unknown = sorted(characters[part] - characters["train"])
        shown = " ".join(map(ascii, unknown[:20]))
        report.append((f"unseen in {part}", f"{len(unknown):,} characters" + (f": {shown}" if shown else "")))
        common = int(np.isin(lines[part], lines["train"]).sum())
        share = common / max(1, len(lines[part]))
        report.append((f"{part} in train", f"{common:,} of {len(lines[part]):,} longer lines ({share:.1%})"))
    report.append(("odd characters", ", ".join(f"{what} {n:,}" for what, n in odd.items() if n) or "none"))
    return report


def _listed(items: Sequence[str]) -> str:
    if not items:
        return "none"
    more = f"; and {len(items) - SHOWN:,} more" if len(items) > SHOWN else ""
    return f"{len(items):,}: " + "; ".join(printable(item) for item in items[:SHOWN]) + more
