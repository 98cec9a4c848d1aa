"""Examples as a page shows them: texts, pictures, sounds to be heard, videos that move.

What an example is shown as is what its medium says that a single one is.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image

from genkit.core.animation import Animation
from genkit.core.clip import Clip
from genkit.core.grid import png
from genkit.core.media.medium import Shown, Single
from genkit.core.sound_sheet import FULL, coloured, decibels

ACROSS, HIGH = 480, 120  # pixels of a sound's spectrogram, which is nothing else, so that time is its width
TYPES = {".gif": "image/gif", ".webp": "image/webp"}


def exhibits(shown: Shown, *, film: bool = False) -> Iterator[dict[str, object]]:
    """One after another, as plain values; pictures, sounds and videos hold their files as addresses.

    Args:
        film: whether of what moves its frames come as well, beside one another.
    """
    if shown.array is None:
        captions = shown.captions or [""] * len(shown)
        for i, text in enumerate(shown.texts):
            said = shown.tokens[i].said() if shown.tokens else ""
            yield {"kind": "text", "text": text, "caption": captions[i], "said": said}
        return
    medium = shown.array.medium
    for i in range(len(shown)):
        one = replace(shown[i : i + 1], tokens=())
        single = medium.single(one)
        more = {"film": _film(single)} if film and isinstance(single, Animation) else {}
        yield {**exhibit(single), **more, "caption": one.captions[0] if one.captions else ""}


def exhibit(single: Single) -> dict[str, object]:
    """A single example."""
    if isinstance(single, str):
        return {"kind": "text", "text": single}
    if isinstance(single, Clip):
        wave = single.waveform.mean(0) / FULL
        picture = Image.fromarray(coloured(decibels(wave, single.rate, HIGH, ACROSS)))
        return {
            "kind": "sound",
            "address": address("audio/wav", single.wav),
            "picture": address("image/png", png(picture)),
            "seconds": single.seconds,
        }
    if isinstance(single, Animation):
        suffix, content = single.exact
        height, width = single.frames.shape[1:3]
        return {
            "kind": "video",
            "address": address(TYPES[suffix], content),
            "width": width,
            "height": height,
            "seconds": single.seconds,
        }
    file = address("image/png", png(single))
    return {"kind": "picture", "address": file, "width": single.width, "height": single.height}


def _film(video: Animation) -> str:
    """The frames as one picture, the first of them left."""
    frames = video.frames if video.frames.shape[-1] == 3 else video.frames[..., 0]
    return address("image/png", png(Image.fromarray(np.concatenate([*frames], axis=1))))


def address(kind: str, content: bytes) -> str:
    """A file as an address that holds it."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
