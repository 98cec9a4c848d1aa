"""WAV files without any further package: RIFF's chunks, integers of 8 to 32 bits and floats.

What a header claims is compared with what the file holds before anything is read or made room for.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from genkit.data.audio.recording import Recording, checked
from genkit.system.plain import open_file

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE
OTHERS = {2: "Microsoft ADPCM", 6: "A-law", 7: "μ-law", 17: "IMA ADPCM", 80: "MPEG", 85: "MP3"}
UNKNOWN = 0xFFFFFFFF  # is written where the length was not known: all that follows
MOST_CHUNKS = 1_000
# What files begin with that are something else, at a place.
BEGINNINGS = {
    (4, b"ftyp"): "an MP4 file",
    (8, b"AVI "): "an AVI video",
    (0, b"\x1aE\xdf\xa3"): "a Matroska or WebM file",
    (0, b"ID3"): "an MP3 file",
    (0, b"\xff\xfb"): "an MP3 file",
    (0, b"fLaC"): "a FLAC file",
    (0, b"OggS"): "an OGG file",
    (0, b"FORM"): "an AIFF file",
    (0, b"<"): "a page of HTML or XML",
    (0, b"version https://git-lfs"): "a pointer of Git LFS",
}


class WavFile(Recording):
    """A WAV file, mapped into memory.

    Raises:
        OSError: it cannot be read.
        ValueError: it is none, or one that is damaged or of a kind that is not read; the reason.
    """

    def __init__(self, path: str | Path) -> None:
        with open_file(Path(path), follow=True) as file:
            size = file.seek(0, 2)
            file.seek(0)
            form, (start, length) = _chunks(file.read(12), file, size)
            self.kind, self.channels, self.rate, self.bits = _form(form)
            width = self.channels * self.bits // 8
            self.frames = length // width
            self._raw = np.memmap(file, np.uint8, "r", start, (self.frames, width)) if self.frames else None
        checked(self)

    def read(self, start: int, stop: int) -> np.ndarray:
        assert self._raw is not None  # one without samples is refused
        raw = np.ascontiguousarray(self._raw[start:stop]).reshape(-1)
        samples = _floats(raw, self.kind, self.bits).reshape(-1, self.channels).T
        if self.kind == FLOAT and not np.isfinite(samples).all():
            raise ValueError("it holds NaN or infinite samples")
        return samples


def _chunks(head: bytes, file: BinaryIO, size: int) -> tuple[bytes, tuple[int, int]]:
    """The chunk that says what samples are, and where those stand and how many bytes they take."""
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RIFX", b"RF64", b"BW64") or head[8:] != b"WAVE":
        raise ValueError(f"no WAV file: {_other(head, size)}")
    if head[:4] != b"RIFF":
        raise ValueError(f"a WAV file of the kind {head[:4].decode()}, which is not read; save it as RIFF")
    form = b""
    for _ in range(MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        name, length = header[:4], struct.unpack("<I", header[4:])[0]
        start = file.tell()
        if name == b"data":
            if not form:
                raise ValueError("its samples come before what they are")
            if length == UNKNOWN:
                length = size - start
            if start + length > size:
                raise ValueError(
                    f"it is cut off: {length:,} bytes of samples, its header says, and"
                    f" {size - start:,} are there"
                )
            _check_rest(file, start + length + length % 2, size, length)
            return form, (start, length)
        if start + length > size:
            raise ValueError(f"it is damaged: its chunk {_said(name)} ends beyond the file")
        if name == b"fmt ":
            form = file.read(min(length, 40))
        file.seek(start + length + length % 2)
    raise ValueError("it has no samples")


def _check_rest(file: BinaryIO, end: int, size: int, length: int) -> None:
    """See that a header does not name a small part of what is there.

    Behind the samples stand chunks, or what some program has left; but no more than there are samples.

    Raises:
        ValueError: it does.
    """
    file.seek(end)
    name = file.read(8)[:4]
    if size - end > max(length, 8) and not (name.isascii() and name.decode("ascii").isprintable()):
        raise ValueError(
            f"it is damaged: {length:,} bytes of samples, its header says, and {size - end:,} more follow"
        )


def _form(form: bytes) -> tuple[int, int, int, int]:
    """What samples are, channels, rate and bits."""
    if len(form) < 16:
        raise ValueError("it is damaged: what its samples are is not said")
    kind, channels, rate, _, block, bits = struct.unpack("<HHIIHH", form[:16])
    if kind == EXTENSIBLE and len(form) >= 26:
        kind = struct.unpack("<H", form[24:26])[0]
    if (kind, bits) not in {*((PCM, bits) for bits in (8, 16, 24, 32)), (FLOAT, 32), (FLOAT, 64)}:
        named = OTHERS.get(kind, {PCM: "integer", FLOAT: "float"}.get(kind, f"number {kind}"))
        raise ValueError(f"its samples are {named} of {bits} bits; read are 8, 16, 24 and 32, and floats")
    if channels and block != channels * bits // 8:
        raise ValueError(f"it is damaged: {block} bytes for {channels} channels of {bits} bits")
    if not channels:
        raise ValueError("it has 0 channels")
    return kind, channels, rate, bits


def _floats(raw: np.ndarray, kind: int, bits: int) -> np.ndarray:
    """Bytes as samples, float32 with full scale [-1, 1]."""
    if kind == FLOAT:
        return np.asarray(raw.view(f"<f{bits // 8}"), np.float32)
    if bits == 8:  # alone without a sign
        return (raw.astype(np.float32) - 128) / 128
    if bits == 24:
        wide = np.zeros((len(raw) // 3, 4), np.uint8)
        wide[:, 1:] = raw.reshape(-1, 3)
        raw, bits = wide.reshape(-1), 32
    values = raw.view(f"<i{bits // 8}")
    exact = np.float32 if bits == 16 else np.float64
    return np.asarray(values.astype(exact) / 2 ** (bits - 1), np.float32)


def _other(head: bytes, size: int) -> str:
    """What begins so, as far as it is known."""
    if not size:
        return "it is empty"
    for (place, beginning), what in BEGINNINGS.items():
        if head[place:].startswith(beginning[: 12 - place]):
            return f"it is {what}"
    return f"it begins with {_said(head)}"


def _said(head: bytes) -> str:
    return repr(head.decode("ascii", "replace")[:12])
