"""Two sets of files against one another: pictures, sounds, videos or texts that genkit need not have made."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.core.media.image import IMAGE
from genkit.core.media.text import TEXT
from genkit.core.spec import ArraySpec
from genkit.data.arrays.folders import FilePictures, image_folder
from genkit.data.arrays.pictures import GREY, Form, deep_ranges, deep_remarks, to_array
from genkit.data.arrays.surveys import Look, attempts, look
from genkit.data.dataset_knobs import FolderKnobs
from genkit.data.packing import printable, unreadable
from genkit.data.splits import mixed
from genkit.evaluation.judging import beside_real, digest_of, judged_by
from genkit.evaluation.sound_folders import holds_sounds, sounds_against
from genkit.evaluation.subject import Found, to_rows
from genkit.evaluation.video_folders import compared_as_videos, videos_against
from genkit.metrics.catalogue import OF_A_RUN, catalogue, offers
from genkit.metrics.evidence import Seen
from genkit.metrics.extractors import AskedExtractor, Extractor
from genkit.metrics.features import Features, collect
from genkit.runs.rows import Place, Row, write
from genkit.system.errors import ConfigError, DataError
from genkit.system.plain import parse_json
from genkit.system.progress import followed
from genkit.system.schemas import conform
from genkit.system.textfiles import lines_of, read_given

MAX_BYTES = 2_000_000_000  # of a file of texts
BATCH = 250
LOG = logging.getLogger("genkit")
SUFFIXES = (".txt", ".jsonl")


def evaluate_files(
    real: str | Path,
    fake: str | Path,
    *,
    name: str | None = None,
    weights: str | None = None,
    device: str = "cpu",
    out: str | Path | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Row]:
    """Measure two folders of pictures, of sounds or of videos, or two files of texts (an empty line between
    two, or a .jsonl).

    Args:
        name: of the extractor of pictures, sounds or videos; None: the one that fits them.
        weights: its file, where it does not bring its own.
        device: where it computes.
        out: a file for the rows.
        say: told what is not used, and what was made of pictures that differ from the others; None: it is
            logged.

    Raises:
        ConfigError: one is pictures and the other texts.
        DataError: a folder is missing or empty, a picture cannot be read, sizes are mixed, too few of them.
    """
    asked = AskedExtractor(name, weights)
    asked.check()
    kinds = {_kind(path) for path in (real, fake)}
    if len(kinds) > 1:
        sounds = " two of sounds," if "sounds" in kinds else ""
        raise ConfigError(
            f"real={real}, fake={fake}: give two folders of pictures,{sounds} or two files of texts."
        )
    told = say or LOG.warning
    if kinds == {"texts"}:
        found, digest, made = _texts(real, fake)
    elif kinds == {"sounds"}:
        found, digest, made = sounds_against(real, fake, asked, device, told)
    elif compared_as_videos(real, fake, asked):
        found, digest, made = videos_against(real, fake, asked, device, told)
    else:
        found, digest, made = _pictures(real, fake, asked, device, told)
    place = Place(Path(fake).name, "", 0, "", made, 0, Path(real).name, digest, digest)
    rows = to_rows([found], place)
    if out is not None:
        write(Path(out).expanduser(), rows, append=False)
    return rows


def _kind(path: str | Path) -> str:
    """What a path holds: "texts", "sounds" or "pictures", as which a folder of neither is refused."""
    return "texts" if holds_texts(path) else "sounds" if holds_sounds(path) else "pictures"


def holds_texts(path: str | Path) -> bool:
    """Whether a path is a file of texts, by its suffix."""
    return Path(path).suffix.lower() in SUFFIXES


# ---------------------------------------------------------------------- pictures


def _pictures(
    real: str | Path, fake: str | Path, asked: AskedExtractor, device: str, say: Callable[[str], None]
) -> tuple[Found, str, str]:
    """What was measured, and digests of the contents of both sets, whatever their order and names."""
    sources = {word: listed(word, path) for word, path in (("real", real), ("fake", fake))}
    looks = {word: looked_at(word, source) for word, source in sources.items()}
    form = common_form(looks)
    array = ArraySpec(form.channels, (form.height, form.width))
    chosen = asked.made(IMAGE.extractor(array)).on(device)
    sets = {word: seen_of(word, source, form, chosen) for word, source in sources.items()}
    digests = [digest_of(seen.features) for seen in sets.values()]  # all are read before a word is said
    for line in remarks(sources, looks, form, chosen.name):
        say(f"{line}.")
    metrics = catalogue().chosen(array.medium.groups, array.medium)
    there = offers(array.medium) - OF_A_RUN
    if sets["fake"].features.probabilities is None:
        there -= {"probabilities"}
    fitting = [metric for metric in metrics if there.issuperset(metric.needs)]
    found = judged_by(sets["real"], sets["fake"], chosen, array, sources["real"].label, fitting)
    return found, digests[0], digests[1]


def listed(word: str, path: str | Path) -> FilePictures:
    """The pictures below a folder.

    Raises:
        DataError: there are none.
    """
    try:
        return image_folder(FolderKnobs(path=str(path)), {})
    except DataError as error:
        raise DataError(f"{word}= {error}") from None


def looked_at(word: str, source: FilePictures) -> Look:
    """What the headers say, by the reader of all pictures.

    Raises:
        DataError: some cannot be read; they are counted and named.
    """
    seen = look(source)
    if seen.refused:
        total = len(source) + len(source.missing)
        raise DataError(f"{word}= {unreadable(seen.refused, total, 'pictures')}. Mend or remove them.")
    return seen


def common_form(looks: Mapping[str, Look]) -> Form:
    """The one size of all pictures; one channel where all are grey; one range for deep ones.

    Raises:
        DataError: sizes are mixed.
    """
    first: tuple[str, int, int] | None = None
    for word, seen in looks.items():
        for name, (width, height) in zip(seen.names, seen.sizes.tolist(), strict=True):
            said = f"{word}={printable(name)}"
            if first is not None and (width, height) != first[1:]:
                raise DataError(
                    f"{said} is {width}×{height}, {first[0]} is {first[1]}×{first[2]}:"
                    " pictures of mixed sizes; bring them to one size first."
                )
            first = first or (said, width, height)
    assert first is not None
    grey = all(set(seen.modes) <= GREY for seen in looks.values())
    return Form(1 if grey else 3, first[2], first[1], ranges=deep_ranges(_deep(looks), None))


def _deep(looks: Mapping[str, Look]) -> dict[str, tuple[float, float]]:
    """The smallest and the largest value of each deep kind in both sets."""
    joined: dict[str, tuple[float, float]] = {}
    for seen in looks.values():
        for kind, (low, high) in seen.deep.items():
            known = joined.get(kind, (low, high))
            joined[kind] = min(low, known[0]), max(high, known[1])
    return joined


def remarks(
    sources: Mapping[str, FilePictures], looks: Mapping[str, Look], form: Form, chosen: str
) -> list[str]:
    """What is not used of two folders, and what was made of pictures that differ from the others."""
    said = [f"{word}= {source.unused}" for word, source in sources.items() if source.unused]
    for word, seen in looks.items():
        if seen.moving.any():
            said.append(
                f"{word}= {seen.moving.sum():,} are animations or have several pages"
                f" ({seen.some(seen.moving)}): of each the first picture is compared"
            )
    colour = {word: ~seen.of(GREY) for word, seen in looks.items()}
    if form.channels == 3 and not all(which.all() for which in colour.values()):
        counted = [
            f"{which.sum():,} of {len(which):,} in {word}="
            + (f" ({looks[word].some(which)})" if 0 < which.sum() < len(which) else "")
            for word, which in colour.items()
        ]
        said.append(
            f"colour: {', '.join(counted)}; so all are compared as colour, by extractor={chosen}: bring them"
            " to one kind, for the numbers depend on it"
        )
    return said + deep_remarks(_deep(looks), form.ranges, None)


def seen_of(word: str, source: FilePictures, form: Form, chosen: Extractor | None) -> Seen:
    """The pictures as metrics see them; how far an extractor is with them is shown."""

    def features() -> Features:
        batches = followed(f"measuring {word}=", opened(word, source, form), len(source))
        return collect(chosen, batches)

    return Seen(features, lambda: torch.cat(list(opened(word, source, form))))


def opened(word: str, source: FilePictures, form: Form) -> Iterator[Tensor]:
    """The pictures in batches, uint8 (B, C, H, W)."""
    opener = source.opener(range(len(source)))

    def one(row: int) -> np.ndarray:
        with opener(row) as picture:
            return to_array(picture, form)

    for start in range(0, len(source), BATCH):
        rows = range(start, min(start + BATCH, len(source)))
        found = attempts(one, rows)
        for row, picture in zip(rows, found, strict=True):
            if isinstance(picture, str):
                name = printable(source.names[row])
                raise DataError(f"{word}={name} is no picture that can be read: {picture}.")
        yield torch.from_numpy(np.stack(found))


# ---------------------------------------------------------------------- texts


def _texts(real: str | Path, fake: str | Path) -> tuple[Found, str, str]:
    read = read_texts("real", real), read_texts("fake", fake)
    # A file may be sorted, and some numbers are of groups of texts that stand side by side.
    given, made = ([texts[i] for i in mixed(len(texts))] for texts in read)
    words = [text.split() for text in given]
    bag = [word for text in words for word in text]
    generator = np.random.Generator(np.random.Philox(0))
    lengths = [len(text.split()) for text in made]
    drawn = [" ".join(generator.choice(bag, length)) for length in lengths] if bag else []
    there = offers(TEXT) - OF_A_RUN - {"source", "verse"}
    metrics = [metric for metric in catalogue().chosen(TEXT.groups, TEXT) if there.issuperset(metric.needs)]
    halves = Seen.of_texts(given[::2]), Seen.of_texts(given[1::2])
    found = beside_real(
        metrics, Seen.of_texts(given), Seen.of_texts(made), halves, Seen.of_texts(drawn), _hashed
    )
    digests = [hashlib.sha256("\0".join(texts).encode("utf-8", "replace")).hexdigest() for texts in read]
    return found, digests[0], digests[1]


def _hashed(seen: Seen) -> Tensor:
    """A 64-bit hash of each text, (n,)."""
    hashes = [hashlib.blake2b(t.encode("utf-8", "replace"), digest_size=8).digest() for t in seen.texts]
    return torch.from_numpy(np.frombuffer(b"".join(hashes), dtype="<i8").copy())


def read_texts(word: str, path: str | Path) -> list[str]:
    """Texts of a file: of a .jsonl the field `text` of each line, else what stands between empty lines.

    Raises:
        DataError: it cannot be read, or holds no text.
    """
    whole = read_given(word, path, MAX_BYTES, "compare fewer texts")
    try:
        if Path(path).suffix.lower() == ".jsonl":
            plain = [conform(parse_json(line), {"text": str}) for line in whole.split("\n") if line.strip()]
            texts = [row["text"] for row in plain]
        else:
            texts = [part.strip() for part in "\n".join(lines_of(whole)).split("\n\n")]
    except ValueError as error:
        raise DataError(f"{word}={path} holds no texts: {error}.") from None
    if not any(texts):
        raise DataError(f"{word}={path} holds no text.")
    return [text for text in texts if text]
