"""Documents to token arrays: read once to learn what is in them, divided, encoded as a stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genkit.core.codecs import Codec, codec_from_dict
from genkit.core.codecs.subword_codec import shortened
from genkit.data.dataset_knobs import DocumentKnobs
from genkit.data.packing import Appended, check_space, digest_of, open_array, packed, within_ceiling
from genkit.data.text.readings import Reading, accept
from genkit.data.text.scan import Scan, scan_texts
from genkit.data.text.streams import Texts
from genkit.data.text.text_parts import FEWEST, UNDIVIDED, Stream, streams_of
from genkit.data.text.tokenisers import learnt_from
from genkit.system.errors import DataError
from genkit.system.progress import progress

# Settings that leave the tokens alone.
NOT_CONTENT = ("path", "on_bad", "max_bad", "on_device", "lossy", "documents")
READING = 2  # of texts; 1 read long ones line by line
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
    notices += [f"{name}: {line}." for line in learnt_from(data, about["characters"])]
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
    with progress("encoding", scan.characters) as advance:
        for part, pieces in streams.each():
            with closing(Appended(folder / f"{part}.npy", narrow(codec))) as target:
                for text, ids in reading.ids(part, pieces):
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
