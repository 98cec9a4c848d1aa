"""WAV files of 16 bits, with where their clips come from; what was written here is taken apart again.

Provenance stands in the chunk `LIST INFO` behind the samples, which players show or pass over: `ISFT`, the
program, and `ICMT`, JSON in ASCII.

Legend: C channels, T samples of a clip.
"""

from __future__ import annotations

import io
import json
import struct
import wave
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np

from genkit.system.errors import ConfigError
from genkit.system.plain import parse_json
from genkit.system.schemas import conform, typed

GAP = 0.25  # seconds of silence between two clips of one file
WIDTH = 2  # bytes of a sample
MOST_BYTES, MOST_RATE, MOST_CHANNELS = 2**32 - 2**20, 2**31 - 1, 2**15 - 1  # that a header has numbers for


@dataclass(frozen=True)
class Order:
    """How the clips of one file stand in it.

    Attributes:
        count: clips.
        samples: of each.
        gap: samples of silence between two.
        captions: what each is of; () where nobody says.
    """

    count: int
    samples: int
    gap: int = 0
    captions: tuple[str, ...] = ()

    @property
    def length(self) -> int:
        """Samples of all clips with what is between them."""
        return max(0, self.count * (self.samples + self.gap) - self.gap)


@dataclass(frozen=True)
class Part:
    """One clip of a file: a file of its own, and what it is of ("": nobody says)."""

    file: bytes = field(repr=False)
    caption: str = ""


def wave_file(waveform: np.ndarray, rate: float, program: str, about: Mapping[str, object]) -> bytes:
    """A clip as a WAV file holds it.

    A header has whole samples a second: another rate is rounded, and `about` says which it is.

    Args:
        waveform: int16 (C, T).
        rate: samples a second.
        program: what has made it.
        about: where it comes from, as plain values.

    Raises:
        ConfigError: the clip is too long for such a file, or its rate or channels are none that it can have.
    """
    channels, samples = waveform.shape
    whole = max(1, round(rate))
    _check_room(samples * channels)
    if whole > MOST_RATE or channels > MOST_CHANNELS:
        raise ConfigError(f"no WAV file has {channels} channels of {rate:g} samples a second: save .npz.")
    exact = {} if whole == rate else {"rate": rate}
    comment = json.dumps({**about, **exact})
    return _with_info(_samples_file(waveform, whole), ISFT=program, ICMT=comment)


def joined_file(
    waveforms: np.ndarray,
    rate: float,
    program: str,
    about: Mapping[str, object],
    captions: Sequence[str] = (),
) -> bytes:
    """Clips one after another in one file, with short silences between them.

    Args:
        waveforms: int16 (n, C, T).
        captions: what each is of.

    Raises:
        ConfigError: see `wave_file`.
    """
    count, channels, samples = waveforms.shape
    order = Order(count, samples, max(1, round(GAP * rate)), tuple(captions))
    _check_room(order.length * channels)
    spaced = np.zeros((channels, count, samples + order.gap), np.int16)
    spaced[:, :, :samples] = waveforms.transpose(1, 0, 2)
    whole = spaced.reshape(channels, -1)[:, : order.length]
    return wave_file(whole, rate, program, {**about, "clips": asdict(order)})


def _check_room(samples: int) -> None:
    """Refuse more samples, of all channels, than a file has room for.

    Raises:
        ConfigError: what holds so many is named.
    """
    if samples * WIDTH > MOST_BYTES:
        raise ConfigError("a WAV file holds at most 4 GB: save fewer clips, a folder of them, or .npz.")


def parts(content: bytes, most: int) -> list[Part]:
    """The first clips of a file of `joined_file`, each a file of its own; of another file, the whole as one.

    Raises:
        ValueError: it is no WAV file of 16 bits.
    """
    try:
        with wave.open(io.BytesIO(content), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            frames = file.getnframes()
            data = file.readframes(frames)
    except (wave.Error, EOFError, struct.error) as error:
        raise ValueError(f"it is no WAV file: {error}") from None
    if width != WIDTH or rate < 1 or len(data) != frames * channels * WIDTH:
        raise ValueError("it is no WAV file of 16 bits, or not the whole of one")
    whole = np.frombuffer(data, "<i2").reshape(-1, channels).T
    order = _order(content, frames)
    found = []
    for i in range(min(order.count, most)):
        start = i * (order.samples + order.gap)
        own = _samples_file(whole[:, start : start + order.samples], rate)
        found.append(Part(own, order.captions[i] if order.captions else ""))
    return found


def _samples_file(waveform: np.ndarray, rate: int) -> bytes:
    """A file of samples alone, int16 (C, T)."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(len(waveform))
        file.setsampwidth(WIDTH)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(waveform.T).astype("<i2").tobytes())
    return buffer.getvalue()


def _with_info(file: bytes, **words: str) -> bytes:
    """The file with a chunk `LIST INFO` of these words behind what it has."""
    listed = b"INFO"
    for name, text in words.items():
        said = text.encode("ascii", "replace") + b"\0"
        listed += name.encode() + struct.pack("<I", len(said)) + said + b"\0" * (len(said) % 2)
    whole = file + b"LIST" + struct.pack("<I", len(listed)) + listed
    return whole[:4] + struct.pack("<I", len(whole) - 8) + whole[8:]


def _order(content: bytes, frames: int) -> Order:
    """How the clips of a file stand in it; one clip where nothing, or nothing sound, says so."""
    whole = Order(1, frames)
    try:
        said = parse_json(_comment(content))
        order = typed(conform(said, {"clips": dict})["clips"], Order)
    except (ValueError, struct.error):
        return whole
    fits = min(order.samples - 1, order.gap, order.count - 1) >= 0 and order.length == frames
    return order if fits and len(order.captions) in (0, order.count) else whole


def _comment(content: bytes) -> str:
    """What the file's chunk `LIST INFO` has under `ICMT`; "" without one."""
    for name, chunk in _chunks(content[12:]):
        if name == b"LIST" and chunk.startswith(b"INFO"):
            held = dict(_chunks(chunk[4:]))
            return held.get(b"ICMT", b"").rstrip(b"\0").decode("ascii", "replace")
    return ""


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Names and contents of chunks that stand one after another."""
    place = 0
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        yield name, content[place + 8 : place + 8 + size]
        place += 8 + size + size % 2
