"""WAV files of every kind that is read, against other readers, and files that are none."""

import io
import struct
import wave

import numpy as np
import pytest
from scipy.io import wavfile

from genkit.data.audio.formats import SoundFile, open_recording
from genkit.data.audio.wav import WavFile


def riff(chunks: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def chunk(name: bytes, content: bytes, length: int | None = None) -> bytes:
    size = len(content) if length is None else length
    return name + struct.pack("<I", size) + content + b"\0" * (len(content) % 2)


def form(kind=1, channels=1, rate=8000, bits=16, more=b"") -> bytes:
    block = channels * bits // 8
    return chunk(
        b"fmt ", struct.pack("<HHIIHH", kind, channels, rate, rate * block & 0xFFFFFFFF, block, bits) + more
    )


def all_of(recording):
    return recording.read(0, recording.frames)


@pytest.mark.parametrize(
    ("dtype", "scale", "middle"),
    [("u1", 128, 128), ("<i2", 2**15, 0), ("<i4", 2**31, 0), ("<f4", 1, 0), ("<f8", 1, 0)],
)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_what_scipy_writes_is_read(tmp_path, dtype, scale, middle, channels):
    drawn = np.random.default_rng(0).uniform(-1, 1, (50, channels))
    values = np.asarray(
        np.round(drawn * (scale - 1)) + middle if np.dtype(dtype).kind in "iu" else drawn, dtype
    )
    wavfile.write(tmp_path / "a.wav", 11_025, values)
    recording = WavFile(tmp_path / "a.wav")
    assert (recording.rate, recording.channels, recording.frames) == (11_025, channels, 50)
    np.testing.assert_allclose(all_of(recording), (values.T.astype(np.float64) - middle) / scale, atol=1e-7)
    np.testing.assert_array_equal(recording.read(7, 9), all_of(recording)[:, 7:9])


def test_24_bits_are_read_with_their_sign(tmp_path):
    values = [0, 1, -1, 2**23 - 1, -(2**23), 123_456]
    raw = b"".join(v.to_bytes(3, "little", signed=True) for v in values)
    (tmp_path / "a.wav").write_bytes(riff(form(bits=24) + chunk(b"data", raw)))
    np.testing.assert_allclose(all_of(WavFile(tmp_path / "a.wav"))[0], np.array(values) / 2**23, atol=1e-7)
    with wave.open(str(tmp_path / "a.wav")) as other:
        assert other.readframes(6) == raw


def test_an_extensible_header_says_its_kind_behind(tmp_path):
    more = struct.pack("<HHI", 22, 16, 4) + struct.pack("<H", 1) + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    raw = np.array([5, -6], "<i2").tobytes()
    (tmp_path / "a.wav").write_bytes(riff(form(0xFFFE, more=more) + chunk(b"data", raw)))
    np.testing.assert_allclose(all_of(WavFile(tmp_path / "a.wav"))[0] * 2**15, [5, -6])


def test_other_chunks_are_stepped_over_and_a_length_that_was_never_written_is_all_that_follows(tmp_path):
    raw = np.arange(4, dtype="<i2").tobytes()
    odd = chunk(b"LIST", b"INFOx")  # of an odd length, with a byte to fill it up
    (tmp_path / "a.wav").write_bytes(riff(odd + form() + odd + chunk(b"data", raw) + odd))
    assert WavFile(tmp_path / "a.wav").frames == 4
    (tmp_path / "b.wav").write_bytes(riff(form() + chunk(b"data", raw, 0xFFFFFFFF)))
    assert WavFile(tmp_path / "b.wav").frames == 4


TWO = np.zeros(2, "<i2").tobytes()
BAD = {
    "empty": (b"", "no WAV file: it is empty"),
    "a video": (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "no WAV file: it is an MP4 file"),
    "another video": (b"RIFF\0\0\0\0AVI LIST", "no WAV file: it is an AVI video"),
    "a tagged MP3": (b"ID3\4\0\0\0\0\0\0\0\0\0", "no WAV file: it is an MP3 file"),
    "a page": (b"<!DOCTYPE html><html>not found</html>", "no WAV file: it is a page"),
    "something": (b"something else that is long", "no WAV file: it begins with 'something el'"),
    "big endian": (b"RIFX\0\0\0\0WAVE", "RIFX"),
    "no samples": (riff(form() + chunk(b"data", b"")), "no samples"),
    "no data": (riff(form()), "no samples"),
    "no samples before a list": (
        riff(form() + chunk(b"data", b"") + chunk(b"LIST", b"INFO" * 9)),
        "no samples",
    ),
    "hardly any samples": (riff(form() + chunk(b"data", TWO) + b"\xff\x01\x80\x03" * 99), "396 more follow"),
    "no form": (riff(chunk(b"data", TWO)), "before"),
    "cut off": (riff(form() + chunk(b"data", TWO, 4_000_000_000)), "4,000,000,000 bytes"),
    "a lying chunk": (riff(chunk(b"LIST", b"abcd", 2**31) + form() + chunk(b"data", TWO)), "beyond the file"),
    "rate 0": (riff(form(rate=0) + chunk(b"data", TWO)), "0 Hz"),
    "rate 1e9": (riff(form(rate=10**9) + chunk(b"data", TWO)), "1,000,000,000 Hz"),
    "100 channels": (riff(form(channels=100) + chunk(b"data", b"\0" * 400)), "100 channels"),
    "0 channels": (riff(form(channels=0) + chunk(b"data", TWO)), "channels"),
    "a short form": (riff(chunk(b"fmt ", b"\1\0\1\0") + chunk(b"data", TWO)), "not said"),
    "ADPCM": (riff(form(2, bits=4) + chunk(b"data", TWO)), "ADPCM"),
    "12 bits": (riff(form(bits=12) + chunk(b"data", TWO)), "12 bits"),
    "a wrong block": (
        riff(chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 0, 7, 16)) + chunk(b"data", TWO)),
        "7 bytes",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_none_is_refused_with_the_reason(tmp_path, name):
    content, reason = BAD[name]
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ValueError, match=reason) as refusal:
        WavFile(tmp_path / "a.wav")
    assert "\n" not in str(refusal.value)


def test_samples_that_are_no_numbers_are_refused_when_they_are_read(tmp_path):
    wavfile.write(tmp_path / "a.wav", 8000, np.array([0, np.nan, np.inf], np.float32))
    with pytest.raises(ValueError, match="NaN or infinite"):
        all_of(WavFile(tmp_path / "a.wav"))


def test_every_prefix_of_a_file_is_read_or_refused_and_never_breaks(tmp_path):
    held = io.BytesIO()
    wavfile.write(held, 8000, np.arange(10, dtype=np.int16))
    for length in range(len(held.getvalue())):
        (tmp_path / "a.wav").write_bytes(held.getvalue()[:length])
        with pytest.raises(ValueError, match=r"\w"):
            WavFile(tmp_path / "a.wav")


KINDS = {".flac": 1e-4, ".aiff": 1e-4, ".ogg": 0.1, ".mp3": 0.1}


@pytest.mark.parametrize("suffix", KINDS)
def test_other_formats_are_read_by_soundfile(tmp_path, suffix):
    soundfile = pytest.importorskip("soundfile")
    tone = np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000).astype(np.float32) / 2
    soundfile.write(tmp_path / f"a{suffix}", tone, 8000)
    recording = open_recording(tmp_path / f"a{suffix}")
    assert (recording.rate, recording.channels) == (8000, 1)
    np.testing.assert_allclose(recording.read(1000, 7000)[0], tone[1000:7000], atol=KINDS[suffix])
    np.testing.assert_allclose(recording.read(500, 900)[0], tone[500:900], atol=KINDS[suffix])


@pytest.mark.parametrize("suffix", KINDS)
def test_damaged_files_of_other_formats_are_read_or_refused_and_nothing_else_is_said(tmp_path, suffix, capfd):
    soundfile = pytest.importorskip("soundfile")
    generator = np.random.default_rng(0)
    soundfile.write(tmp_path / f"a{suffix}", generator.uniform(-0.5, 0.5, 30_000), 16_000)
    whole, junk = (tmp_path / f"a{suffix}").read_bytes(), generator.bytes(2000)
    third = len(whole) // 3
    damaged = [whole[:third], whole[:third] + junk + whole[third + 2000 :], whole[:40], junk, b"", b"<html>"]
    said: list[str] = []
    for i, content in enumerate(damaged):
        path = tmp_path / f"{i}{suffix}"
        path.write_bytes(content)
        try:
            recording = open_recording(path)
            heard = sum(block.shape[1] for block in recording.blocks())
        except ValueError as refusal:
            said.append(str(refusal))
        else:
            assert i < 3  # a beginning, or a whole with a hole, may be something
            assert heard == recording.frames
    assert len(said) >= 3
    assert not any("\n" in line for line in said)
    assert capfd.readouterr() == ("", "")


def test_a_header_that_lies_about_its_length_takes_no_memory(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "a.flac", np.zeros(5000), 8000)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    content[21] |= 0x0F  # the upper bits of how many samples there are, 36 in all
    content[22:26] = b"\xff" * 4
    (tmp_path / "a.flac").write_bytes(bytes(content))
    recording = open_recording(tmp_path / "a.flac")
    assert recording.frames > 2**35
    with pytest.raises(ValueError, match=r"FLAC|cut off"):
        sum(1 for _ in recording.blocks())


def test_without_soundfile_the_line_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(ValueError, match=r"\.mp3 needs soundfile: pip install 'generator-kit\[audio\]'"):
        SoundFile(tmp_path / "a.mp3")
