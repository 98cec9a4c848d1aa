"""The tokeniser that a configuration asks for, made from the text that it is to read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from genkit.core.codecs import ByteCodec, CharCodec, Codec, SubwordCodec
from genkit.core.word_cuts import GPT2, WordCuts
from genkit.data.text_knobs import TextKnobs
from genkit.system.errors import ConfigError, DataError, nearest
from genkit.system.paths import sought
from genkit.system.plain import read_bytes, read_text

MAX_BYTES = 256_000_000  # of a tokenizer.json
TOKENIZERS = ("chars", "bytes", "bpe", "hf")
PIECE = 2**11  # characters of a piece that byte-pair encoding learns from, about
LEARNT = 2**28  # characters that it learns from at most, evenly spread: words are counted in memory


def make_codec(
    data: TextKnobs,
    separator: str | None,
    points: np.ndarray,
    training: Callable[[], Iterable[str]],
    characters: int = 0,
) -> Codec:
    """The codec that `data.tokenizer` names.

    Args:
        points: the code points of the whole text, which are the vocabulary of `chars`.
        training: the training part, which alone decides what byte-pair encoding merges.
        characters: of a text that may be too long to learn from all of it, about.

    Raises:
        ConfigError: no such tokeniser, or its file or vocabulary will not do.
    """
    kind = data.tokenizer
    if kind == "bytes":
        return ByteCodec()
    if kind == "chars":
        return CharCodec([chr(point) for point in points.tolist()])
    if kind == "bpe":
        return train_bpe(training(), data.vocab_size, separator, characters)
    if kind == "hf":
        return ready_made(data.tokenizer_path)
    raise ConfigError(f"data.tokenizer={kind} is none.{nearest(str(kind), TOKENIZERS)}")


def train_bpe(
    texts: Iterable[str], vocab_size: int, separator: str | None = None, characters: int = 0
) -> SubwordCodec:
    """Byte-pair encoding of UTF-8 bytes, as GPT-2 has it: no text is outside its vocabulary.

    Args:
        vocab_size: of at least 257: the bytes, the separator and the merges.
        separator: a token of its own.
        characters: of the text, about, where it may have more than `LEARNT`.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(separator, normalized=False)] if separator else [],
        show_progress=False,
    )
    tokenizer.train_from_iterator(_short_pieces(texts, separator, characters), trainer)
    return SubwordCodec(tokenizer.to_str())


def _short_pieces(texts: Iterable[str], separator: str | None, characters: int = 0) -> Iterator[str]:
    """The text in pieces that have the same words as the whole, of which the library holds hundreds at once;
    of a long one so many of them that they have `LEARNT` characters.

    A separator is a token before there are words.
    """
    taken = read = 0
    for stretch in WordCuts(GPT2, (separator,) if separator else ()).stretches(texts, PIECE):
        read += len(stretch)
        if taken * max(LEARNT, characters) > read * LEARNT:
            continue
        taken += len(stretch)
        yield from stretch.split(separator) if separator else [stretch]


def learnt_from(data: TextKnobs, characters: int) -> list[str]:
    """What to say of a text of which byte-pair encoding learns from a part alone."""
    if data.tokenizer != "bpe" or characters <= LEARNT:
        return []
    return [f"byte pairs are learnt from {LEARNT:,} of {characters:,} characters, evenly spread"]


def ready_made(path: str | None) -> SubwordCodec:
    """A tokeniser from a folder, from its tokenizer.json, or by its name on the Hugging Face hub.

    Raises:
        ConfigError: none is named.
        DataError: it cannot be had.
    """
    if not path:
        raise ConfigError("data.tokenizer=hf needs data.tokenizer_path=FOLDER or the hub's name of one.")
    place = Path(path).expanduser()
    file = place / "tokenizer.json" if place.is_dir() else place
    try:
        if file.is_file():
            return SubwordCodec(read_text(file, MAX_BYTES, follow=True))
        if place.exists() or str(path).startswith((".", "/", "~")):
            raise DataError(f"{file} is missing; name a folder with a tokenizer.json.{sought(place)}")
        from tokenizers import Tokenizer

        return SubwordCodec(Tokenizer.from_pretrained(path).to_str())
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {' '.join(str(error).split())[:120]}") from None
    except DataError:
        raise
    except Exception as error:  # the hub's client raises the bare class
        reason = " ".join(str(error).split())[:120]
        raise DataError(
            f"tokeniser {path} cannot be fetched ({reason}); give a folder with a tokenizer.json."
        ) from None


def identity(data: TextKnobs) -> str:
    """What changes when the file of a ready-made tokeniser does."""
    if data.tokenizer != "hf" or not data.tokenizer_path:
        return ""
    place = Path(data.tokenizer_path).expanduser()
    file = place / "tokenizer.json" if place.is_dir() else place
    return hashlib.sha256(read_bytes(file, MAX_BYTES, follow=True)).hexdigest() if file.is_file() else ""
