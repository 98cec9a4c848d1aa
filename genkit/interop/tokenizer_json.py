"""Our codecs as the content of a tokenizer.json.  Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from genkit.core.codecs import ByteCodec, CharCodec, Codec, SubwordCodec
from genkit.system.errors import ConfigError


def tokenizer_json(codec: Codec) -> str:
    """A codec as the content of a tokenizer.json.

    Raises:
        ConfigError: there is no such tokeniser.
    """
    for kind, make in TOKENIZERS.items():
        if isinstance(codec, kind):
            return make(codec)
    raise ConfigError(f"the codec {codec.name} has no Hugging Face form.")


def _of_characters(codec: Any) -> str:
    """Every character a word of its own; one that is not known is an error, as it is here."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({c: i for i, c in enumerate(codec.characters)}))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    return tokenizer.to_str()


def _of_bytes(codec: Any) -> str:
    """Byte-level BPE without merges; GPT-2 writes each byte as a printable character."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer = Tokenizer(models.BPE(vocab=dict(zip(_byte_characters(), range(256), strict=True)), merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = level, decoders.ByteLevel()
    return tokenizer.to_str()


def _byte_characters() -> list[str]:
    """GPT-2's character of each byte: itself where it can be printed, else one from U+0100 on."""
    kept = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return [chr(byte if byte in kept else next(others)) for byte in range(256)]


TOKENIZERS: dict[type[Codec], Callable[[Any], str]] = {
    CharCodec: _of_characters,
    ByteCodec: _of_bytes,
    SubwordCodec: lambda codec: codec.to_dict()["tokenizer"],
}
