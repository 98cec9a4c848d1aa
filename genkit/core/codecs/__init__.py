"""Codecs: texts, or arrays, to token ids and back.

A codec is plain data (`to_dict`) and is rebuilt by its registered name, so a saved run can read a prompt
without importing any data module and without executing anything.  Only the model of a `LearnedCodec` is
attached by who loads it.  Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping

from genkit.core.array_spec import ArraySpec
from genkit.core.codecs.array_codec import ArrayCodec
from genkit.core.codecs.character_codecs import ByteCodec, CharCodec
from genkit.core.codecs.codec import Codec
from genkit.core.codecs.learned_codec import Coder, LearnedCodec
from genkit.core.codecs.patch_codec import PatchCodec
from genkit.core.codecs.pixel_codec import PixelCodec
from genkit.core.codecs.subword_codec import SubwordCodec
from genkit.system.schemas import typed

__all__ = [
    "ArrayCodec",
    "ByteCodec",
    "CharCodec",
    "Codec",
    "Coder",
    "LearnedCodec",
    "PatchCodec",
    "PixelCodec",
    "SubwordCodec",
    "codec_from_dict",
]


def codec_from_dict(plain: Mapping[str, object]) -> Codec:
    """Rebuild a codec by its registered name.

    Raises:
        ValueError: no such codec, or it cannot be rebuilt.
    """
    name = plain.get("name")
    if name == CharCodec.name:
        return CharCodec([chr(point) for point in typed(plain.get("characters"), list[int], "characters")])
    if name == ByteCodec.name:
        return ByteCodec()
    if name == SubwordCodec.name:
        return SubwordCodec(typed(plain.get("tokenizer"), str, "tokenizer"))
    if name == PixelCodec.name:
        return PixelCodec(ArraySpec.from_form(plain))
    if name == PatchCodec.name:
        return PatchCodec(ArraySpec.from_form(plain), typed(plain.get("patch"), tuple[int, ...], "patch"))
    if name == LearnedCodec.name:
        return LearnedCodec.from_form(plain)
    codecs = (CharCodec, ByteCodec, SubwordCodec, PixelCodec, PatchCodec, LearnedCodec)
    known = ", ".join(codec.name for codec in codecs)
    raise ValueError(f"unknown codec {name!r}; known: {known}")
