"""Documents to token arrays: read once to learn what is in them, divided, encoded as a stream."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from genkit.core.codecs import Codec, codec_from_dict
from genkit.core.codecs.subword_codec import shortened
from genkit.data.dataset_knobs import DocumentKnobs
from genkit.data.packing import Appended, check_space, digest_of, open_array, packed, progress, within_ceiling
from genkit.data.text.readings import Reading, accept
from genkit.data.text.streams import CONTROLS, Document, Texts, clean
from genkit.system.errors import DataError

CHUNK = 2**20  # characters encoded at once, at least
UNICODE = 0x110000  # code points
SHARES = {"three": (0.9, 0.95), "peer": (0.9,)}
FEWEST = {"three": 400, "peer": 200}  # characters of a text that is divided: 20 of them in a held-out part
WORDS = {
    "three": "train 90 % / validation 5 % / test 5 % of the text, in order",
    "peer": "train 90 % / validation 10 % of the text, in order; test is the validation part",
}
# Settings that leave the tokens alone.
NOT_CONTENT = ("path", "on_bad", "max_bad", "on_device", "lossy", "documents")
READING = 2  # of texts; 1 read long ones line by line
UNDIVIDED = "validation and test are the training text"  # how the protocol of a short text begins
Stream = Callable[[], Iterator[str]]
MakeCodec = Callable[["Scan", Stream], Codec]


@dataclass(frozen=True)
class Tokens:
    """A text as ids.

    Attributes:
        parts: ids of each part, uint16 or uint32; two names may share one.
        separator: what ends a document, where there are documents.
        bytes: UTF-8 of the text of each part.
        lost: what the codec does not give back, in words; "" where it gives back everything.
        digest: of the contents, where it is known; else it is computed.
        notices: what a user should know.
        apart: whether each document is read by itself.
    """

    parts: Mapping[str, np.ndarray]
    codec: Codec
    protocol: str
    separator: str | None = None
    bytes: Mapping[str, int] = field(default_factory=dict)
    lost: str = ""
    digest: str | None = None
    notices: tuple[str, ...] = ()
    apart: bool = False


def narrow(codec: Codec) -> type:
    """The smallest type that holds the ids."""
    return np.uint16 if codec.vocab_size <= 2**16 else np.uint32


def code_points(text: str) -> np.ndarray:
    """uint32, one for each character."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def pack_texts(
    name: str,
    texts: Texts,
    data: DocumentKnobs,
    content: Mapping[str, object],
    cache_dir: str,
    make_codec: MakeCodec,
) -> Tokens:
    """Encode all documents, in memory that does not grow with them.

    Args:
        data: the group `data`.
        content: values that with the listing of the texts decide the content.
        make_codec: the codec for a scan and a way to read the training part.

    Raises:
        DataError: documents that cannot be read, or none.
    """
    settings = {key: value for key, value in content.items() if key not in NOT_CONTENT}
    if settings.get("column") is None:  # as it was before there were columns
        settings.pop("column", None)
    if texts.size <= 4 * max(FEWEST.values()):  # bytes; versions before this one divided every text
        settings["fewest"] = FEWEST[data.split]

    def build(folder: Path) -> dict[str, object]:
        return _build(name, texts, data, folder, make_codec)

    folder, about = packed(cache_dir, name, {"listing": texts.listing, "reading": READING, **settings}, build)
    total = about["documents"] + len(about["repeated"]) + len(about["refused"])
    notices = [f"{name}: {line}." for line in texts.notices]
    notices += within_ceiling(about["refused"], total, data, "documents")
    apart = data.documents == "reset"
    if apart and (within := about.get("within")):
        notices.append(
            f"{name}: documents hold data.separator={shortened(str(data.separator))} themselves, {within:,}"
            " times, and are divided there; choose one that no document holds."
        )
    if nulls := about.get("nulls"):
        notices.append(f"{name}: {nulls:,} rows hold no text (null or empty) and are left out.")
    if about["repeated"]:
        notices.append(f"{len(about['repeated']):,} documents repeat others and are left out.")
    notices += accept(about["lost"], data.lossy)
    if about["parts"]["validation"] == about["parts"]["train"]:
        notices.append(
            f"{name}: {about['characters']:,} characters are too few to hold some out, so {UNDIVIDED}:"
            " val/… says how well it is remembered, not how unseen text is predicted, and samples are apt to"
            " repeat it."
        )
    parts = {part: open_array(folder / f"{file}.npy") for part, file in about["parts"].items()}
    return Tokens(
        parts,
        codec_from_dict(about["codec"]),
        about["protocol"],
        data.separator,
        {part: about["bytes"][file] for part, file in about["parts"].items()},
        about["lost"],
        about["digest"],
        tuple(notices),
        apart,
    )


def _build(
    name: str, texts: Texts, data: DocumentKnobs, folder: Path, make_codec: MakeCodec
) -> dict[str, object]:
    scan = scan_texts(texts, data)
    total = scan.documents + len(scan.repeated) + len(scan.refused)
    within_ceiling(scan.refused, total, data, "documents")
    if not scan.characters:
        raise DataError(f"data={name} is empty; give a text.")
    if not scan.visible:
        raise DataError(
            f"data={name} holds {scan.characters:,} characters, of which none is seen; give a text."
        )
    streams, files, protocol = streams_of(texts, data, scan)
    codec = make_codec(scan, streams["train"])
    reading = Reading(codec, data.separator)
    check_space(folder, scan.characters * np.dtype(narrow(codec)).itemsize)
    with progress("encoding", scan.characters, 20_000_000) as advance:
        for part, stream in streams.items():
            with closing(Appended(folder / f"{part}.npy", narrow(codec))) as target:
                for text, ids in reading.ids(part, stream()):
                    target.append(ids)
                    advance(len(text))
    reading.accept(data.lossy)
    encoded = [f"{part}.npy" for part in sorted(streams)]
    return {
        "name": name,
        "protocol": protocol,
        "parts": files,
        "documents": scan.documents,
        "characters": scan.characters,
        "tokeniser_sha256": codec.sha256(),
        "bytes": reading.bytes,
        "lost": str(reading.losses),
        "refused": scan.refused,
        "repeated": scan.repeated,
        "nulls": scan.nulls,
        "within": scan.within,
        "clean": data.clean,
        "dedupe": data.dedupe,
        "digest": digest_of(folder, encoded),
        "digest_of": encoded,
        "codec": codec.to_dict(),
    }


# ---------------------------------------------------------------------- the first reading


@dataclass
class Scan:
    """What a first reading says.

    Attributes:
        documents, characters: how many are kept, separators included.
        points: the code points that occur, increasing.
        refused: reason by name.
        repeated: names of documents that repeat an earlier one.
        nulls: rows of tables that hold no text.
        within: separators that documents hold themselves, where they are several.
        visible: whether any is more than a blank, a line end or what is not shown.
    """

    documents: int = 0
    characters: int = 0
    points: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint32))
    refused: dict[str, str] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    nulls: int = 0
    within: int = 0
    visible: bool = False


def scan_texts(texts: Texts, data: DocumentKnobs) -> Scan:
    """Read everything once: which documents are kept, and what is in them."""
    scan = Scan(refused=dict(texts.missing))
    seen, known = np.zeros(UNICODE, bool), set()
    separator = data.separator or ""
    counted = bool(separator) and not texts.single  # one text is divided by those that it holds
    with progress("reading", texts.size, 50_000_000) as advance:
        for document in texts.documents():
            # What a refused document holds before its first bad byte is no part of the vocabulary.
            own = np.zeros(UNICODE, bool) if data.on_bad == "skip" else seen
            length, within, mark = 0, 0, _Mark(data.dedupe)
            try:
                for text in treated(document, data):
                    own[code_points(text)] = True
                    length += len(text)
                    within += text.count(separator) if counted else 0
                    mark.update(text)
                    advance(len(text.encode("utf-8", "surrogatepass")))
            except DataError as error:
                if texts.single:
                    raise
                if texts.rows and data.on_bad == "error":
                    raise DataError(
                        f"{document.name} {error}. Mend it, or leave such rows out with data.on_bad=skip."
                    ) from None
                scan.refused[document.name] = str(error).rstrip(".")
                continue
            if mark.kind != "off" and mark.digest() in known:
                scan.repeated.append(document.name)
                continue
            known.add(mark.digest())
            np.logical_or(seen, own, out=seen)
            scan.characters += length + len(separator)
            scan.documents += 1
            scan.within += within
    scan.nulls = texts.nulls
    present = "".join(chr(point) for point in np.flatnonzero(seen).tolist())
    scan.visible = bool(CONTROLS.sub("", present).strip())
    if scan.documents:
        seen[code_points(separator)] = True
    scan.points = np.flatnonzero(seen).astype(np.uint32)
    return scan


class _Mark:
    """What tells a document from others: its characters, or ("near") its letters and digits in lower case."""

    def __init__(self, kind: str) -> None:
        self.kind, self._sha = kind, hashlib.sha256()

    def update(self, text: str) -> None:
        if self.kind == "near":
            text = "".join(re.findall(r"\w", text.casefold()))
        if self.kind != "off":
            self._sha.update(text.encode("utf-8", "surrogatepass"))

    def digest(self) -> bytes:
        return self._sha.digest()


def treated(document: Document, data: DocumentKnobs) -> Iterator[str]:
    """The pieces of a document, cleaned if the configuration says so."""
    for text in document.pieces():
        yield clean(text) if data.clean else text


# ---------------------------------------------------------------------- parts


def streams_of(
    texts: Texts, data: DocumentKnobs, scan: Scan
) -> tuple[dict[str, Stream], dict[str, str], str]:
    """A stream for each part, the stream that each name stands for, and the protocol in words."""
    left_out = {*scan.refused, *scan.repeated}
    parts = {document.part for document in texts.documents()} - {""} if texts.has_parts else set()
    if parts:
        streams: dict[str, Stream] = {p: partial(read, texts, data, left_out, p) for p in sorted(parts)}
        other = "validation" if "validation" in parts else "test"
        files = {p: p if p in parts else other for p in ("train", "validation", "test")}
        two = "" if len(parts) == 3 else f"; {({'validation', 'test'} - parts).pop()} is the {other} part"
        return streams, files, f"the source's own parts{two}"
    whole = partial(read, texts, data, left_out)
    shares = SHARES[data.split]
    if scan.characters < FEWEST[data.split]:
        protocol = f"{UNDIVIDED}, all {scan.characters:,} characters"
        return {"train": whole}, dict.fromkeys(("train", "validation", "test"), "train"), protocol
    places = find_cuts(whole, scan.characters, shares, data.separator or "\n")
    bounds = [0, *places, scan.characters]
    names = ("train", "validation", "test")[: len(bounds) - 1]
    streams = {name: partial(between, whole, bounds[i], bounds[i + 1]) for i, name in enumerate(names)}
    files = {name: name if name in streams else "validation" for name in ("train", "validation", "test")}
    if data.split == "peer":
        return (
            streams,
            files,
            "train 90 % / validation 10 % of the text, in order; test is the validation part",
        )
    return streams, files, "train 90 % / validation 5 % / test 5 % of the text, in order"


def read(texts: Texts, data: DocumentKnobs, left_out: set[str], part: str = "") -> Iterator[str]:
    """The kept documents of a part (or all) in chunks that end at ends of documents or lines."""
    separator = data.separator or ""
    chunk: list[str] = []
    length = 0
    for document in texts.documents():
        if document.name in left_out or (part and document.part != part):
            continue
        for text in treated(document, data):
            chunk.append(text)
            length += len(text)
            if length >= CHUNK:
                yield "".join(chunk)
                chunk, length = [], 0
        if separator:
            chunk.append(separator)
            length += len(separator)
    if chunk:
        yield "".join(chunk)


def find_cuts(whole: Stream, total: int, shares: tuple[float, ...], boundary: str) -> list[int]:
    """Places at which to cut: the last end of a document before each share, else of a line, else exactly."""
    targets, cuts, start = [int(total * share) for share in shares], [], 0
    for text in whole():
        for target in targets:
            if start <= target < start + len(text) or (target == total == start + len(text)):
                found = [text.rfind(end, 0, target - start) + len(end) for end in (boundary, "\n")]
                found = [
                    place for place, end in zip(found, (boundary, "\n"), strict=True) if place >= len(end)
                ]
                cuts.append(start + found[0] if found else start)
        start += len(text)
    sound = all(low < high for low, high in zip([0, *cuts], [*cuts, total], strict=True))
    return cuts if sound else targets


def between(whole: Stream, start: int, stop: int) -> Iterator[str]:
    """The characters from `start` to `stop` of a stream."""
    position = 0
    for text in whole():
        piece = text[max(0, start - position) : max(0, stop - position)]
        if piece:
            yield piece
        position += len(text)
        if position >= stop:
            return
