"""Conversations as packed arrays: read once and checked, divided, laid out by their template, encoded.

turns.npy, turn_places.npy   what is said in each row, JSON in UTF-8, and where each row begins
tokens.npy, answered.npy     the ids of all examples one after another, and which are of answers
starts.npy, lasts.npy        where each example begins; ids of its last answer and what follows it
sizes.npy, owners.npy        bytes of UTF-8 of its answers; the row that it is of
train.npy, …                 the rows of each part
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from genkit.core.codecs import Codec, SubwordCodec, codec_from_dict
from genkit.core.pairs import ASSISTANT, Pairs, Turn, pairs_from_dict
from genkit.core.pairs.conversation import fault
from genkit.core.seams import Segment
from genkit.data.packing import Appended, digest_of, open_array, packed, within_ceiling
from genkit.data.pair_knobs import PairKnobs
from genkit.data.pair_rows import Laid, RowWriter, SaidRows, plain_laid, plain_turns
from genkit.data.pair_table import PairRow, PairSource
from genkit.data.splits import divide
from genkit.data.text.readings import Losses, accept
from genkit.data.text.scan import UNICODE, code_points
from genkit.data.text.tokenising import narrow
from genkit.system.errors import ConfigError, DataError
from genkit.system.progress import progress

READING = 1  # of pairs; another one makes new folders
ROWS = 1_000  # encoded at once
CONTENT = ("tokens.npy", "answered.npy", "starts.npy", "turns.npy")  # what a fingerprint rests on
MakeCodec = Callable[[np.ndarray, Callable[[], Iterator[str]]], Codec]


@dataclass(frozen=True)
class PackedPairs:
    """Conversations as ids.

    Attributes:
        said: what is said in each row.
        tokens: of all examples one after another, uint16 or uint32.
        answered: which of them are of answers, bool.
        starts: where each example begins, and where the last ends, int64 (N + 1,).
        lasts: ids from the beginning of an example's last answer to its end, int64 (N,).
        sizes: bytes of UTF-8 of the answers of each, int64 (N,).
        owners: the row that each is of, int64 (N,), increasing.
        parts: rows of each part, increasing; two names may share one.
        codec, pairs, separator: what made ids of them.
        lost: what the codec does not give back, in words.
        digest: of the contents.
        protocol, notices: what a user should know.
    """

    said: SaidRows
    tokens: np.ndarray
    answered: np.ndarray
    starts: np.ndarray
    lasts: np.ndarray
    sizes: np.ndarray
    owners: np.ndarray
    parts: dict[str, np.ndarray]
    codec: Codec
    pairs: Pairs
    separator: str
    lost: str
    digest: str
    protocol: str
    notices: tuple[str, ...]


def pack_pairs(
    name: str,
    source: PairSource,
    data: PairKnobs,
    content: dict[str, object],
    cache_dir: str,
    pairs: Pairs,
    separator: str,
    make_codec: MakeCodec,
) -> PackedPairs:
    """Encode all conversations, in memory that does not grow with what they say.

    Args:
        content: values that with the listing of the source decide the content.
        pairs, separator: how they are laid out.
        make_codec: the codec for the code points that occur, and a way to read the texts to train on.

    Raises:
        DataError: rows that cannot be read, or too few.
        ConfigError: the separator is not one token.
    """
    laid_out = {"separator": separator, "pairs": pairs.to_dict()}
    key = {"listing": source.listing, "reading": READING, **laid_out, **content}
    folder, about = packed(
        cache_dir, name, key, lambda place: _build(name, source, data, place, pairs, separator, make_codec)
    )

    def kept(own: str) -> np.ndarray:
        return open_array(folder / f"{own}.npy")

    total = about["rows"] + len(about["refused"])
    notices = [*(f"{name}: {line}." for line in source.notices)]
    notices += within_ceiling(about["refused"], total, data, "rows")
    notices += accept(about["lost"], data.lossy)
    if about["repeated"]:
        notices.append(f"{name}: {about['repeated']}.")
    return PackedPairs(
        SaidRows.of(folder, "turns"),
        kept("tokens"),
        kept("answered").view(np.bool_),
        kept("starts"),
        kept("lasts"),
        kept("sizes"),
        kept("owners"),
        {part: kept(file) for part, file in about["parts"].items()},
        codec_from_dict(about["codec"]),
        pairs_from_dict(about["pairs"]),
        separator,
        about["lost"],
        about["digest"],
        about["protocol"],
        tuple(notices),
    )


@dataclass
class Readings:
    """What a first reading says.

    Attributes:
        points: the code points of what is laid out, and of the separator, increasing.
        rows: how many are kept.
        parts: of each of them, where the source has parts.
        asked: a digest of what each row asks, uint64.
        refused: reason by place.
        several: whether a row has several answers.
    """

    points: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint32))
    rows: int = 0
    parts: list[str] = field(default_factory=list)
    asked: array[int] = field(default_factory=lambda: array("Q"))
    refused: dict[str, str] = field(default_factory=dict)
    several: bool = False


def _build(
    name: str,
    source: PairSource,
    data: PairKnobs,
    folder: Path,
    pairs: Pairs,
    separator: str,
    make_codec: MakeCodec,
) -> dict[str, object]:
    read = _read(source, data, folder, pairs, separator)
    rows = read.rows
    within_ceiling(read.refused, rows + len(read.refused), data, "rows")
    if not rows:
        raise DataError(f"data={name} has no rows; write a prompt and its answer a row.")
    parts, protocol = divide(np.arange(rows), read.parts if source.has_parts else None, None, data.split)
    if source.protocol:
        counted = " / ".join(f"{part} {len(own):,}" for part, own in parts.items())
        protocol = f"{counted}; {source.protocol}"
    laid = SaidRows.of(folder, "laid")
    codec = make_codec(read.points, lambda: _training_texts(laid, parts["train"]))
    if len(mark := codec.mark(separator)) != 1:
        raise ConfigError(
            f"data.separator={separator!r} is {len(mark)} tokens of this tokeniser, and stands for the end of"
            " an example as one; give one of its own, such as its end of text."
        )
    losses = _encode(laid, codec, separator, pairs.end, folder)
    accept(str(losses), data.lossy)
    files: dict[str, str] = {}
    for part, own in parts.items():
        same = next((other for other in files if parts[other] is own), part)
        files[part] = same
        if same == part:
            np.save(folder / f"{part}.npy", own)
    for name in ("laid", "laid_places"):
        (folder / f"{name}.npy").unlink()
    return {
        "name": name,
        "protocol": protocol,
        "parts": files,
        "rows": rows,
        "refused": read.refused,
        "repeated": _repeated(np.array(read.asked, np.uint64), parts),
        "lost": str(losses),
        "tokeniser_sha256": codec.sha256(),
        "digest": digest_of(folder, CONTENT),
        "digest_of": list(CONTENT),
        "codec": codec.to_dict(),
        "pairs": pairs.of_several(read.several).to_dict(),
    }


# ---------------------------------------------------------------------- the first reading


def _read(source: PairSource, data: PairKnobs, folder: Path, pairs: Pairs, separator: str) -> Readings:
    """Write down what every row says, and how it is laid out; a row that will not do is refused."""
    found, seen = Readings(), np.zeros(UNICODE, bool)
    seen[code_points(separator)] = True
    with closing(RowWriter(folder, "turns")) as said, closing(RowWriter(folder, "laid")) as laid:
        for row in source.rows():
            texts, wrong = _laid_out(row, pairs)
            if wrong:
                if data.on_bad == "error":
                    raise DataError(
                        f"{row.place}: {wrong}; mend it, or leave such out with data.on_bad=skip."
                    )
                found.refused[row.place] = wrong
                continue
            for stretch in (stretch for text in texts for stretch in text):
                seen[code_points(stretch.text)] = True
            said.add(plain_turns(row.turns))
            laid.add(plain_laid(texts))
            answers = sum(turn.role == ASSISTANT for turn in row.turns)
            found.several |= answers > 1
            found.rows += 1
            if source.has_parts:
                found.parts.append(row.part)
            found.asked.append(_digest(row.turns))
    found.points = np.flatnonzero(seen).astype(np.uint32)
    return found


def _laid_out(row: PairRow, pairs: Pairs) -> tuple[list[Laid], str]:
    """The texts of a row, and what is wrong with it."""
    if wrong := row.fault or fault(row.turns):
        return [], wrong
    try:
        return pairs.laid_out(row.turns), ""
    except DataError as error:
        return [], str(error).rstrip(".")


def _digest(turns: Sequence[Turn]) -> int:
    """Of all that is said before the first answer."""
    before = turns[: [turn.role for turn in turns].index(ASSISTANT)]
    said = "\0".join(turn.content for turn in before).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest())


def _repeated(asked: np.ndarray, parts: dict[str, np.ndarray]) -> str:
    """What to say of prompts that stand in several parts; "": none does."""
    shared = {
        part: int(np.isin(asked[rows], asked[parts["train"]]).sum())
        for part, rows in parts.items()
        if part != "train"
    }
    if not any(shared.values()):
        return ""
    told = " and ".join(
        f"{n:,} of {len(parts[part]):,} of the {part} part" for part, n in shared.items() if n
    )
    return f"prompts of the training part stand in others too ({told}), where answers may be remembered"


# ---------------------------------------------------------------------- as tokens


def _encode(laid: SaidRows, codec: Codec, separator: str, end: str, folder: Path) -> Losses:
    """Write the ids of all texts, and what is to be known of them."""
    losses, opening = Losses(), codec.mark(separator)
    lossless = not isinstance(codec, SubwordCodec)
    starts, lasts, sizes, owners = array("q", [0]), array("q"), array("q"), array("q")
    every = range(len(laid))
    with ExitStack() as stack, progress("encoding", len(laid)) as advance:
        tokens = stack.enter_context(closing(Appended(folder / "tokens.npy", narrow(codec))))
        answered = stack.enter_context(closing(Appended(folder / "answered.npy", np.uint8)))
        for rows in (every[i : i + ROWS] for i in range(0, len(every), ROWS)):
            texts = [(row, text) for row in rows for text in laid.texts(row)]
            stretches = [stretch for _, text in texts for stretch in text]
            ids = iter(codec.each_after(separator, [stretch.text for stretch in stretches]))
            for row, text in texts:
                last, size, length = 0, 0, 0
                for stretch in text:
                    own = next(ids)
                    if not lossless:
                        losses.add(codec, Segment(stretch.text, own, opening))
                    tokens.append(own)
                    answered.append(np.full(len(own), stretch.answered))
                    last = len(own) + (0 if stretch.answered else last)
                    length += len(own)
                    if stretch.answered:
                        size += len(stretch.text.removesuffix(end).encode("utf-8", "surrogatepass"))
                starts.append(starts[-1] + length)
                lasts.append(last)
                sizes.append(size)
                owners.append(row)
            advance(len(rows))
    for name, values in {"starts": starts, "lasts": lasts, "sizes": sizes, "owners": owners}.items():
        np.save(folder / f"{name}.npy", np.array(values, np.int64))
    return losses


def _training_texts(laid: SaidRows, rows: np.ndarray) -> Iterator[str]:
    """What byte-pair encoding learns from."""
    for row in rows.tolist():
        for text in laid.texts(row):
            yield from (stretch.text for stretch in text)
