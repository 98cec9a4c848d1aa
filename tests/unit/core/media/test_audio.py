"""Sounds: what is saved is read back by programs of others, what is drawn stands where it must, what is heard
is at its true level."""

import base64
import io
import json
import re
import struct
import wave

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import wavfile

from genkit import __version__
from genkit.core import media
from genkit.core.clip import MOST_PLAYERS, Clip, players
from genkit.core.media.audio import AUDIO
from genkit.core.media.medium import BoardSounds
from genkit.core.samples import Samples
from genkit.core.sound_sheet import COLOURS, coloured, decibels, envelope, sound_sheet, ticks
from genkit.core.spec import ArraySpec
from genkit.system.errors import ConfigError
from genkit.system.wave_files import joined_file, parts, wave_file

RATE = 8_000


def noise(n, channels=1, samples=1_000, seed=0):
    return np.random.default_rng(seed).integers(-(2**15), 2**15, (n, channels, samples)).astype(np.int16)


def tone(frequency, rate=RATE, samples=4_096, size=1.0):
    wave_ = size * np.sin(2 * np.pi * frequency * np.arange(samples) / rate)
    return np.round(wave_ * (2**15 - 1)).astype(np.int16)[None]


def samples_of(waveforms, rate=RATE, **more):
    """Samples whose waveforms these are: as a model that reads waveforms gives them."""
    data = torch.from_numpy((waveforms.astype(np.int64) + 2**15) / 65_535).float()
    spec = ArraySpec(*waveforms.shape[1:2], waveforms.shape[2:], 65_536, medium=AUDIO, rate=rate)
    return Samples(data, spec, seed=3, **more)


@pytest.fixture
def sounds():
    origin = {"run": "déjà", "weights": "ema"}
    return samples_of(noise(3), origin=origin, captions=["zero", "one", "two"])


def chunks(content):
    """By hand: the name and the content of each chunk of a RIFF file, whose sizes must fill it exactly."""
    kind, size, form = struct.unpack("<4sI4s", content[:12])
    assert (kind, form, size) == (b"RIFF", b"WAVE", len(content) - 8)
    place, found = 12, {}
    while place < len(content):
        name, size = struct.unpack("<4sI", content[place : place + 8])
        found[name] = content[place + 8 : place + 8 + size]
        assert len(found[name]) == size
        place += 8 + size + size % 2
    assert place == len(content)
    return found


def info(content):
    listed = chunks(content)[b"LIST"]
    assert listed[:4] == b"INFO"
    found, place = {}, 4
    while place < len(listed):
        name, size = struct.unpack("<4sI", listed[place : place + 8])
        found[name.decode()] = listed[place + 8 : place + 8 + size].rstrip(b"\0").decode("ascii")
        place += 8 + size + size % 2
    return found


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_has_the_very_samples_in_every_reader(channels):
    [waveform] = noise(1, channels)
    content = wave_file(waveform, RATE, "genkit", {"seed": 3})
    with wave.open(io.BytesIO(content)) as file:
        said = file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()
    assert said == (channels, 2, RATE, 1_000)
    rate, read = wavfile.read(io.BytesIO(content))  # warnings are errors: it knows every chunk
    assert rate == RATE
    assert np.array_equal(read.reshape(1_000, channels).T, waveform)
    by_hand = np.frombuffer(chunks(content)[b"data"], "<i2").reshape(1_000, channels).T
    assert np.array_equal(by_hand, waveform)
    assert chunks(content)[b"fmt "] == struct.pack(
        "<HHIIHH", 1, channels, RATE, RATE * 2 * channels, 2 * channels, 16
    )


def test_a_wav_says_where_it_comes_from(sounds, tmp_path):
    folder = sounds.save(tmp_path / "each")
    assert sorted(path.name for path in folder.iterdir()) == ["00000.wav", "00001.wav", "00002.wav"]
    for i, caption in enumerate(sounds.captions):
        said = info((folder / f"{i:05d}.wav").read_bytes())
        assert said["ISFT"] == f"genkit {__version__}"
        comment = json.loads(said["ICMT"])
        assert (comment["seed"], comment["sample"], comment["of"]) == (3, i, caption)
        assert comment["origin"] == {"run": "déjà", "weights": "ema"}


def test_all_clips_stand_in_one_file_with_silence_between(sounds, tmp_path):
    rate, read = wavfile.read(sounds.save(tmp_path / "all.wav"))
    quiet = RATE // 4
    assert (rate, len(read)) == (RATE, 3 * 1_000 + 2 * quiet)
    for i, start in enumerate((0, 1_000 + quiet, 2_000 + 2 * quiet)):
        assert np.array_equal(read[start : start + 1_000], sounds.arrays[i, 0])
    assert not read[1_000 : 1_000 + quiet].any()


def test_one_sample_is_a_file_of_its_length(sounds, tmp_path):
    _, read = wavfile.read(sounds[1:2].save(tmp_path / "one.wav"))
    assert np.array_equal(read, sounds.arrays[1, 0])


def test_an_npz_has_the_waveforms_and_their_rate(sounds, tmp_path):
    with np.load(sounds.save(tmp_path / "a.npz"), allow_pickle=False) as file:
        assert file["waveforms"].dtype == np.int16
        assert np.array_equal(file["waveforms"], sounds.arrays)
        assert float(file["rate"]) == RATE
        about = json.loads(str(file["provenance"]))
        assert (about["seed"], about["captions"]) == (3, ["zero", "one", "two"])


def test_a_rate_that_is_not_whole_is_rounded_and_said(tmp_path):
    samples = samples_of(noise(2), rate=11_025.4)
    content = samples.save(tmp_path / "a.wav").read_bytes()
    with wave.open(io.BytesIO(content)) as file:
        assert file.getframerate() == 11_025
    assert json.loads(info(content)["ICMT"])["rate"] == 11_025.4
    assert "rate" not in json.loads(info(samples_of(noise(1)).save(tmp_path / "b.wav").read_bytes())["ICMT"])


def test_what_no_wav_can_hold_is_refused():
    class Long:
        shape = (1, 2**32)

    with pytest.raises(ConfigError, match=r"a WAV file holds at most 4 GB: save fewer clips, a folder"):
        wave_file(Long(), RATE, "genkit", {})
    with pytest.raises(ConfigError, match=r"no WAV file has 1 channels of 1e\+11 samples a second: save"):
        wave_file(noise(1)[0], 1e11, "genkit", {})


def test_sounds_are_saved_as_nothing_else(sounds, tmp_path):
    with pytest.raises(ConfigError, match=r"sounds are saved as \.wav, \.png, \.npz or, without a suffix"):
        sounds.save(tmp_path / "a.mp3")
    with pytest.raises(ConfigError, match=r"see \.arrays"):
        _ = sounds.images


def test_what_was_joined_is_taken_apart_again():
    clips = noise(4, channels=2)
    found = parts(joined_file(clips, RATE, "genkit", {"seed": 0}, ["a", "b", "", "d"]), 9)
    assert [part.caption for part in found] == ["a", "b", "", "d"]
    for part, clip in zip(found, clips, strict=True):
        rate, read = wavfile.read(io.BytesIO(part.file))
        assert rate == RATE
        assert np.array_equal(read.T, clip)


def test_a_file_of_others_is_one_part_and_what_is_none_is_refused():
    buffer = io.BytesIO()
    wavfile.write(buffer, RATE, noise(1)[0, 0])
    [part] = parts(buffer.getvalue(), 9)
    assert np.array_equal(wavfile.read(io.BytesIO(part.file))[1], noise(1)[0, 0])
    told = joined_file(noise(3), RATE, "genkit", {}, ["a", "b", "c"])
    for lie in (b'"count": 9', b'"count":-3', b'"gap": 1999'):  # of the length that the true words have
        key = lie.split(b":")[0]
        wrong = re.sub(
            key + rb": *-?\d+", lambda found, lie=lie: lie.ljust(len(found[0]))[: len(found[0])], told
        )
        assert wrong != told
        assert len(parts(wrong, 9)) == 1
    eight = io.BytesIO()
    wavfile.write(eight, RATE, np.zeros(10, np.uint8))
    for wrong in (b"", b"RIFF", told[:30], b"\x89PNG" * 9, eight.getvalue()):
        with pytest.raises(ValueError, match="it is no WAV file"):
            parts(wrong, 9)


# ---------------------------------------------------------------------- the sheet


@pytest.mark.parametrize("frequency", [500, 1_000, 3_500])
@pytest.mark.parametrize("size", [1.0, 0.1])
def test_a_tone_lies_at_its_frequency_with_its_level(frequency, size):
    loud = decibels(tone(frequency, size=size)[0] / 2**15, RATE, height=200, width=50)
    inner = loud[:, 5:-5]
    at = (199.5 - inner.argmax(0)) / 200 * (RATE / 2)
    assert np.abs(at - frequency).max() <= RATE / 2 / 200
    # (A row may be 10 Hz away, a third of a bin, where a Hann window has lost 0.6 dB.)
    assert np.abs(inner.max(0) - 20 * np.log10(size)).max() < 0.65


def test_a_click_lies_at_its_time():
    clip = np.zeros(8_000)
    clip[6_000] = 1
    loud = decibels(clip, RATE, height=50, width=100).max(0)
    heard = np.flatnonzero(loud > loud.max() - 3)
    assert 73 <= heard.min() <= 75 <= heard.max() <= 76


def test_silence_is_dark_and_colours_rise_evenly_in_lightness():
    assert (coloured(decibels(np.zeros(100), RATE, 4, 4)) == COLOURS[0]).all()
    shown = coloured(np.linspace(-80, 0, 81)) / 255
    linear = np.where(shown <= 0.04045, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(
        luminance > (6 / 29) ** 3, 116 * np.cbrt(luminance) - 16, luminance * (29 / 3) ** 3
    )  # L* of CIE 1976
    assert np.abs(lightness - np.linspace(lightness[0], lightness[-1], 81)).max() < 2.5
    assert (np.diff(lightness) > 0).all()
    assert lightness[-1] - lightness[0] > 90


@pytest.mark.parametrize("samples", [7, 100, 5_003])
def test_the_waveform_reaches_its_peaks_and_has_no_gaps(samples):
    clip = noise(1, samples=samples)[0, 0] / 2**15
    low, high = envelope(clip, 90)
    assert low.shape == high.shape == (90,)
    assert (high[1:] >= low[:-1]).all()
    assert (low[1:] <= high[:-1]).all()
    if samples > 4 * 90:
        assert (low.min(), high.max()) == (clip.min(), clip.max())
        peak = int(np.abs(clip).argmax())
        column = peak * 90 // samples
        assert max(-low[column], high[column]) == np.abs(clip[peak])


def test_axes_have_round_marks():
    assert ticks(0.512, 5) == pytest.approx([0, 0.2, 0.4])
    assert ticks(0.512, 12) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5])
    assert ticks(4_000, 5) == [0, 1_000, 2_000, 3_000, 4_000]
    assert ticks(3, 1) == [0, 5][:1]


def test_a_sheet_has_a_place_for_each_clip_and_their_captions():
    tones = np.stack([tone(500), tone(3_500), tone(2_000)])
    plain = np.asarray(sound_sheet(tones, RATE, columns=3))
    said = np.asarray(sound_sheet(tones, RATE, ["low", "high", "a caption that is much too long " * 9], 3))
    assert said.shape[0] > plain.shape[0]
    assert said.shape[1] == plain.shape[1]
    assert not np.array_equal(said, np.asarray(sound_sheet(tones, RATE, ["low", "low", "x"], 3)))
    stacked = sound_sheet(tones, RATE, columns=1)
    assert stacked.height > 2 * plain.shape[0]
    assert sound_sheet(noise(0), RATE).size == sound_sheet(noise(1), RATE).size


def test_what_is_clipped_is_red_and_a_single_peak_is_not():
    def red(clip):
        pixels = np.asarray(sound_sheet(clip[None, None], RATE, legend=False)).astype(int)
        return ((pixels[..., 0] == 214) & (pixels[..., 1] == 40)).any()

    clip = np.zeros(4_096, np.int16)
    clip[1_000] = 2**15 - 1
    assert not red(clip)
    clip[1_000:1_004] = -(2**15)
    assert red(clip)


@pytest.mark.parametrize(("channels", "samples", "rate"), [(2, 3, 44_100.0), (1, 1, 8_000.0), (1, 50, 0.5)])
def test_odd_clips_have_a_sheet(channels, samples, rate):
    shown = samples_of(noise(2, channels, samples), rate)
    assert shown.grid().width > 200
    assert shown._repr_html_().count("<audio") == 2


# ---------------------------------------------------------------------- listening


def test_one_sample_is_a_clip_that_plays_what_it_is(sounds, tmp_path):
    quiet = samples_of(tone(440, size=0.1)[None], captions=["a"])
    clip = quiet[0]
    assert isinstance(clip, Clip)
    assert (clip.rate, clip.caption, clip.seconds) == (RATE, "a", pytest.approx(0.512))
    assert repr(clip) == "Clip(0.512 s of a, 8000 samples a second, 1 channels)"
    [address] = re.findall(r'src="data:audio/wav;base64,([^"]+)"', clip._repr_html_())
    rate, read = wavfile.read(io.BytesIO(base64.b64decode(address)))
    assert (rate, abs(read).max()) == (RATE, 3_277)  # a tenth of full scale, not brought to all of it
    assert np.array_equal(read, quiet.arrays[0, 0])
    assert np.array_equal(wavfile.read(clip.save(tmp_path / "new" / "a.wav"))[1], read)
    with Image.open(clip.save(tmp_path / "a.png")) as picture:
        assert picture.size == clip.picture.size
    with pytest.raises(ConfigError, match=r"a clip is saved as \.wav, or as \.png"):
        clip.save(tmp_path / "a.flac")
    assert sounds[-1].caption == "two"


def test_a_notebook_has_a_player_each_and_says_how_many_are_left_out(sounds):
    page = sounds._repr_html_()
    assert page.count("<audio controls") == page.count("<img") == 3
    assert re.findall(r"<figcaption>(\w+)", page) == ["zero", "one", "two"]
    many = [Clip(clip, RATE, "<b>") for clip in noise(MOST_PLAYERS + 5)]
    page = players(many)
    assert page.count("<audio") == MOST_PLAYERS
    assert "5 more are not shown" in page
    assert "<b>" not in page
    long = players([Clip(clip, RATE) for clip in noise(4, samples=1_000_000)])
    assert long.count("<audio") < 4
    assert "more are not shown" in long


def test_a_part_of_samples_keeps_its_captions(sounds):
    assert sounds[1:].captions == ["one", "two"]
    assert sounds[1:].shown.captions == ["one", "two"]
    assert [clip.caption for clip in sounds.board.clips] == ["zero", "one", "two"]


def test_the_medium_of_sound_is_known_by_its_name():
    assert media.find("audio") == AUDIO
    assert AUDIO.keeps == (".wav", ".png")
    assert media.find("image").keeps == (".png",)


def test_boards_have_a_picture_and_some_clips():
    board = samples_of(noise(20)).board
    assert isinstance(board, BoardSounds)
    assert len(board.clips) == 8


def test_tensorboard_plays_the_very_samples(sounds, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from genkit.training.loggers import BoardHistory

    board = BoardHistory(tmp_path)
    board.log_samples(sounds, 7)
    board.experiment.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert sorted(events.Tags()["audio"]) == ["samples/0", "samples/1", "samples/2"]
    [logged] = events.Audio("samples/1")
    assert (logged.step, logged.sample_rate, logged.content_type) == (7, RATE, "audio/wav")
    assert np.array_equal(wavfile.read(io.BytesIO(logged.encoded_audio_string))[1], sounds.arrays[1, 0])
    assert events.Images("samples")[0].width == sounds.grid().width
