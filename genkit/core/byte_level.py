"""What the content of a tokenizer.json proves of byte-level tokenisers, GPT-2's and those like it.

Nothing is claimed of a step that is not listed here.  Nothing here knows a library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from genkit.core.word_cuts import GPT2, LLAMA3, WordCuts

Step = Mapping[str, object]
PLACES = {  # where a text may be cut, by the pattern of its words
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|" + numbers + r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+": LLAMA3
    for numbers in (r"\p{N}{1,3}", r"\p{N}")  # Llama 3's, Qwen 2's
}


def steps_of(step: object) -> Iterator[Step]:
    """The steps in one, in their order; none of null."""
    if isinstance(step, Mapping):
        inner = next((step[key] for key in ("pretokenizers", "normalizers", "decoders") if key in step), None)
        if isinstance(inner, list):
            for part in inner:
                yield from steps_of(part)
        else:
            yield step


def byte_of_letters() -> dict[str, int]:
    """The byte that each letter of GPT-2's alphabet stands for: printable ones for themselves, others for
    letters from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(0x100 + i): byte for i, byte in enumerate(others)}


LETTERS = byte_of_letters()


def is_exact(about: Step) -> bool:
    """Whether the ids of any text say just that text: bytes are its letters, all of which are known, and no
    step adds, changes or drops any."""
    model, steps = about.get("model"), list(steps_of(about.get("pre_tokenizer")))
    if (
        not isinstance(model, Mapping)
        or about.get("normalizer") is not None
        or not _is_byte_level(about, model)
    ):
        return False
    return bool(steps) and all(_keeps(step, last=step is steps[-1]) for step in steps)


def _is_byte_level(about: Step, model: Step) -> bool:
    """Whether a model merges bytes and a decoder makes them bytes again, and so of each token beside them."""
    vocab = model.get("vocab")
    decoders = [step.get("type") for step in steps_of(about.get("decoder"))]
    if model.get("type") != "BPE" or decoders != ["ByteLevel"]:
        return False
    if not isinstance(vocab, Mapping) or not set(LETTERS) <= set(vocab):
        return False
    marked = ("continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")
    return not any(model.get(key) for key in marked) and all(map(_is_itself, _added(about)))


def _added(about: Step) -> list[Step]:
    """The tokens beside those of the model."""
    found = about.get("added_tokens")
    return [token for token in found if isinstance(token, Mapping)] if isinstance(found, list) else []


def _is_itself(token: Step) -> bool:
    """Whether a token beside the model's stands for its content alone, and is decoded to it."""
    if any(token.get(key) for key in ("lstrip", "rstrip", "single_word")):
        return False
    content = str(token.get("content"))
    read = [LETTERS.get(letter) for letter in content]
    known = [byte for byte in read if byte is not None]
    return len(known) < len(read) or bytes(known) == content.encode()


def _keeps(step: Step, *, last: bool) -> bool:
    """Whether a step divides a text into words and leaves out nothing; the last also makes bytes letters."""
    kind = step.get("type")
    if kind == "ByteLevel":
        return last and step.get("add_prefix_space") is False
    return not last and kind in ("Split", "Punctuation", "Digits") and step.get("behavior") != "Removed"


def cuts_of(about: Step) -> WordCuts | None:
    """Where a text may be cut with the same ids on both sides; None: nothing is known."""
    model, normalisers = about.get("model"), [step.get("type") for step in steps_of(about.get("normalizer"))]
    if not isinstance(model, Mapping) or normalisers not in ([], ["NFC"]) or not _is_byte_level(about, model):
        return None
    if (pattern := _pattern(list(steps_of(about.get("pre_tokenizer"))))) is None:
        return None
    contents = [str(token.get("content")) for token in _added(about)]
    return WordCuts(pattern, tuple(content for content in contents if {" ", "\n"} & {*content}))


def _pattern(steps: Sequence[Step]) -> str | None:
    """Of the places where words may be parted, for the steps that divide a text into words."""
    while steps and steps[0].get("type") == "Digits":
        steps = steps[1:]
    kinds = [step.get("type") for step in steps]
    if not steps or steps[-1].get("add_prefix_space") is not False:
        return None
    if kinds == ["ByteLevel"] and steps[0].get("use_regex", True):
        return GPT2
    if kinds == ["Split", "ByteLevel"] and not steps[1].get("use_regex", True):
        pattern = steps[0].get("pattern")
        regex = pattern.get("Regex") if isinstance(pattern, Mapping) else None
        plain = steps[0].get("behavior") == "Isolated" and not steps[0].get("invert")
        return PLACES.get(str(regex)) if plain else None
    return None
