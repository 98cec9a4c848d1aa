"""Prompts and answers as the tokens that a model reads, by their template and tokeniser.  No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from genkit.core.codecs import Codec, SubwordCodec
from genkit.core.pairs import ChatPairs, Pairs, PlainPairs
from genkit.core.spec import TokenSpec, View
from genkit.data.dataset import Dataset, fingerprint
from genkit.data.packing import folder_of
from genkit.data.pair_knobs import PairKnobs
from genkit.data.pair_packing import pack_pairs
from genkit.data.pair_table import PairSource
from genkit.data.pair_windows import Fitting, PairWindows
from genkit.data.text.chat_folders import chat_of
from genkit.data.text.tokenisers import identity, make_codec, ready_made
from genkit.system.errors import ConfigError, DataError

TEMPLATE = "{prompt}\n{answer}"  # unless told otherwise
CHAT = "chat"  # in the place of a template: the tokeniser's own
SEPARATOR = "\x1e"  # ASCII's record separator, which stands in no text


def pair_windows(
    name: str, source: PairSource, data: PairKnobs, paths: Mapping[str, str], view: View
) -> Dataset:
    """The pairs of a source as windows of whole examples.

    Raises:
        DataError: rows that cannot be read, too few, or too long for the context.
        ConfigError: a template that is none, or a separator that is not one token.
    """
    pairs, separator = layout(data)

    def codec(points: np.ndarray, training: Callable[[], Iterator[str]]) -> Codec:
        return make_codec(data, separator, points, training)

    content: dict[str, object] = {"tokenizer": data.tokenizer, "split": data.split, "hf": identity(data)}
    if data.tokenizer == "bpe":
        content["vocab_size"] = data.vocab_size
    packed = pack_pairs(name, source, data, content, paths["cache_dir"], pairs, separator, codec)
    spec = TokenSpec(packed.codec, separator, pairs=packed.pairs)
    block_size = view.block_size or spec.context
    fitting = {part: Fitting.of(packed, rows, block_size) for part, rows in packed.parts.items()}
    for part, own in fitting.items():
        if not len(own.examples):
            raise DataError(
                f"data={name}: no answer of its {part} part fits into a context of {block_size} tokens;"
                f" model.block_size={own.longest - 1} holds all."
            )
    windows: dict[str, PairWindows] = {}
    for part, rows in packed.parts.items():
        same = next((other for other in windows if packed.parts[other] is rows), None)
        moving = part == "train"
        windows[part] = (
            windows[same] if same else PairWindows(packed, rows, fitting[part], block_size, moving=moving)
        )
    notices = [*packed.notices, *_cut(name, fitting.values(), block_size)]
    print_ = fingerprint(spec, packed.digest, packed.parts)
    folder = folder_of(packed.tokens)
    return Dataset(name, spec, windows, packed.protocol, print_, notices, () if folder is None else (folder,))


def layout(data: PairKnobs) -> tuple[Pairs, str]:
    """How pairs are texts, and what separates them.

    Raises:
        ConfigError: a template that is none, or nothing separates examples.
    """
    asked = data.template
    if data.tokenizer == "hf" and asked in (None, CHAT):
        chat = chat_of(data.tokenizer_path)
        if chat is not None and chat.template:
            pairs = ChatPairs.of(chat.template, chat.words, chat.tokens, data.separator)
            return pairs, pairs.separator
    if asked == CHAT:
        raise ConfigError(
            "data.template=chat is the template of a tokeniser's folder, and there is none: give"
            " data.tokenizer=hf data.tokenizer_path=FOLDER, or a text with {prompt} and {answer}."
        )
    separator = data.separator or _separator(data)
    # (A shell types no line ends.)
    template = asked.replace("\\n", "\n").replace("\\t", "\t") if asked else TEMPLATE
    return PlainPairs.of(template, separator), separator


def _separator(data: PairKnobs) -> str:
    """A token of a ready-made tokeniser that ends, or begins, a text; else what stands in none."""
    if data.tokenizer != "hf":
        return SEPARATOR
    codec = ready_made(data.tokenizer_path)
    for text in SubwordCodec.OPENINGS:
        if len(mark := codec.mark(text)) == 1 and codec.decode(mark) == text:
            return text
    raise ConfigError(
        f"the tokeniser {data.tokenizer_path} has none of {', '.join(SubwordCodec.OPENINGS)} to end examples"
        " with; name one of its tokens by data.separator."
    )


def _cut(name: str, parts: Iterable[Fitting], block_size: int) -> list[str]:
    """What to say of examples that are longer than the context."""
    own = list({id(part): part for part in parts}.values())
    cut = sum(int((part.cut > 0).sum()) for part in own)
    left_out = sum(part.left_out for part in own)
    total = sum(len(part.examples) + part.left_out for part in own)
    if not cut and not left_out:
        return []
    said = [f"{cut:,} keep their answer and the end of their prompt"] if cut else []
    said += [f"{left_out:,}, whose answer alone is longer, are left out"] if left_out else []
    longest = max(part.longest for part in own)
    return [
        f"{name}: {cut + left_out:,} of {total:,} examples are longer than the context of {block_size}"
        f" tokens: {' and '.join(said)}; model.block_size={longest - 1} holds all."
    ]
