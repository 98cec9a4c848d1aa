"""Recordings become clips: rates, lengths, loudness, ends; what is odd about them; and parts."""

import tracemalloc

import numpy as np
import pytest
from scipy.io import wavfile
from scipy.signal import resample_poly

from genkit.core.spec import View
from genkit.data import open_dataset, open_source
from genkit.data.audio.clips import ClipForm
from genkit.data.audio.recording import Held, Mixed, Resampled
from genkit.data.checking import check
from genkit.data.clip_knobs import AudioFolderKnobs, FsddKnobs, SpeechCommandsKnobs
from genkit.system.errors import ConfigError, DataError

WAVES = View("arrays", axes=1)


def noise(frames, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, frames)).astype(np.float32)


def tone(frames, hertz=440, rate=8000, level=0.5):
    return level * np.sin(np.arange(frames) * 2 * np.pi * hertz / rate)


def write(path, samples, rate=8000):
    path.parent.mkdir(parents=True, exist_ok=True)
    wavfile.write(path, rate, np.round(np.asarray(samples).T * 32767).astype(np.int16))


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "sounds"
    for kind, hertz in (("low", 200), ("high", 900)):
        for i in range(12):
            write(root / kind / f"{i}.wav", tone(1000 + i, hertz + i))
    return root


def opened(root, cache, **knobs):
    given = AudioFolderKnobs(name="audio_folder", path=str(root), **{"length": 1024, **knobs})
    return open_dataset(given, {"cache_dir": str(cache), "data_dir": ""}, WAVES)


# ---------------------------------------------------------------------- stretches


@pytest.mark.parametrize("rate", [8000, 16_000, 11_025, 7999])
def test_a_stretch_of_a_resampled_recording_is_as_in_the_whole(rate):
    samples = noise(5000, 2)
    recording = Resampled(Held(samples, 8000), rate)
    common = np.gcd(rate, 8000)
    whole = resample_poly(samples, rate // common, 8000 // common, axis=1)
    assert recording.frames == whole.shape[1]
    for start, stop in ((0, 10), (1234, 2345), (recording.frames - 7, recording.frames)):
        np.testing.assert_allclose(recording.read(start, stop), whole[:, start:stop], atol=1e-6)


def test_windows_over_the_ends_of_stretches_are_as_in_the_whole(monkeypatch):
    monkeypatch.setattr("genkit.data.audio.recording.STRETCH", 700)
    samples = noise(9000)
    recording = Resampled(Held(samples, 44_100), 8000)
    whole = resample_poly(samples, 80, 441, axis=1)
    for start in (0, 650, 700, 690):
        stop = min(start + 1500, recording.frames)
        np.testing.assert_allclose(recording.read(start, stop), whole[:, start:stop], atol=1e-6)


def test_a_tone_keeps_its_pitch_and_its_level_at_another_rate():
    made = Resampled(Held(tone(44_100, 1000, 44_100)[None].astype(np.float32), 44_100), 8000)
    samples = made.read(1000, 5000)[0]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(4000)))
    assert spectrum.argmax() * 8000 / 4000 == 1000
    assert abs(np.abs(samples).max() - 0.5) < 0.005


def test_one_channel_is_the_mean_and_two_are_the_same_one():
    both = np.array([[1, 0.5], [0, -0.5]], np.float32)
    np.testing.assert_array_equal(Mixed(Held(both, 8000), 1).read(0, 2), [[0.5, 0]])
    np.testing.assert_array_equal(Mixed(Held(both[:1], 8000), 2).read(0, 2), [[1, 0.5], [1, 0.5]])


# ---------------------------------------------------------------------- clips


def clips(samples, **form):
    usual = {"rate": 8000, "length": 8, "channels": 1, "fit": "crop", "peak": True, "trim": None}
    found = ClipForm(**{**usual, **form}).clips(Held(np.asarray(samples, np.float32)[None], 8000))
    return [np.round((clip[0].astype(np.int64) - 2**15) / 32767, 4).tolist() for clip in found]


def test_a_clip_is_the_beginning_as_loud_as_can_be_and_ends_in_silence():
    assert clips([0.25, -0.5, 0.125]) == [[0.5, -1, 0.25, 0, 0, 0, 0, 0]]
    assert clips([0.25, -0.5, 0.125], peak=False) == [[0.25, -0.5, 0.125, 0, 0, 0, 0, 0]]
    assert clips([0.0] * 3) == [[0.0] * 8]  # silence is not made louder
    (cut,) = clips([0.5] * 20)
    assert cut == [1.0] * 8


def test_samples_that_are_not_made_louder_are_kept_bit_for_bit():
    samples = np.array([-(2**15), -1, 0, 1, 12_345, 2**15 - 1])
    (clip,) = ClipForm(8000, 6, 1, "crop", False, None).clips(
        Held(samples[None].astype(np.float32) / 2**15, 8000)
    )
    assert (clip[0].astype(np.int64) - 2**15).tolist() == samples.tolist()


def test_windows_are_those_that_lie_within_and_a_short_recording_is_one():
    ramp = np.arange(1, 21) / 20
    first, second = clips(ramp, fit="windows")
    assert (first, second) == (np.round(ramp[:8], 4).tolist(), np.round(ramp[8:16], 4).tolist())
    assert len(clips(ramp[:3], fit="windows")) == 1


def test_what_is_far_below_the_peak_is_cut_from_the_ends_alone():
    assert clips([0.001, 0, 1, 0, -0.5, 0.002], trim=40) == [[1, 0, -0.5, 0, 0, 0, 0, 0]]
    assert clips([0.0, 0.0], trim=40) == [[0.0] * 8]


def test_a_long_recording_needs_no_memory(tmp_path):
    long = np.memmap(tmp_path / "long", np.float32, "w+", shape=(1, 12_000_000))
    long[:, 5_000_000] = 1
    form = ClipForm(4000, 4096, 1, "windows", True, None)
    tracemalloc.start()
    count = sum(1 for _ in form.clips(Held(long, 8000)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 6_000_000 // 4096
    assert most < 48e6  # 48 MB is the recording itself


# ---------------------------------------------------------------------- folders


def test_a_folder_of_recordings_has_classes_and_is_packed_once(folder, tmp_path, monkeypatch):
    dataset = opened(folder, tmp_path / "cache")
    spec = dataset.spec
    assert (spec.shape, spec.levels, spec.rate, spec.classes) == ((1, 1024), 2**16, 8000.0, ("high", "low"))
    assert sum(dataset.counts.values()) == 24
    data, labels, _ = dataset.split("train").gather(np.arange(3))
    assert (data.dtype, data.max()) == (np.uint16, 2**15 + 32767)
    assert labels is not None
    monkeypatch.setattr("genkit.data.audio.recordings.open_recording", None)  # nothing is read again
    assert opened(folder, tmp_path / "cache").fingerprint == dataset.fingerprint


def test_every_policy_is_in_the_fingerprint_and_the_place_is_not(folder, tmp_path):
    policies = [{}, {"rate": 4000}, {"length": 512}, {"normalise": "none"}, {"channels": 2}, {"trim": 3.0}]
    policies.append({"fit": "windows", "length": 256})
    found = {opened(folder, tmp_path / "cache", **policy).fingerprint for policy in policies}
    assert len(found) == len(policies)
    moved = folder.rename(tmp_path / "elsewhere")
    assert opened(moved, tmp_path / "other").fingerprint in found


def ramps(root, frames, parts=("",)):
    """Recordings that are told from one another by their level."""
    for part in parts:
        for i, count in enumerate(frames):
            write(root / part / f"{i}.wav", np.full(count, (i + 1) / 10))


def levels_of(dataset):
    """The levels that windows of each part have."""
    parts = {}
    for part, n in dataset.counts.items():
        waves = dataset.split(part).gather(np.arange(n))[0].astype(np.int64) - 2**15
        parts[part] = set(np.round(waves[:, 0, 0] / 3276.7).tolist())
    return parts


def test_three_long_recordings_are_three_parts_of_many_windows(tmp_path):
    ramps(tmp_path / "long", (6400, 3200, 1600))
    windows = {"length": 64, "fit": "windows", "normalise": "none"}
    dataset = opened(tmp_path / "long", tmp_path / "cache", **windows)
    assert sorted(dataset.counts.values()) == [25, 50, 100]
    of = levels_of(dataset)
    assert set.union(*of.values()) == {1, 2, 3}
    assert all(len(levels) == 1 for levels in of.values())
    peer = opened(tmp_path / "long", tmp_path / "cache", split="peer", **windows)
    of = levels_of(peer)
    assert of["validation"] == of["test"] != of["train"]


def test_parts_of_long_recordings_may_be_given_and_a_missing_one_is_taken_as_a_whole(tmp_path):
    ramps(tmp_path / "long", (640, 640), ("train", "test"))
    windows = {"length": 64, "fit": "windows", "normalise": "none"}
    of = levels_of(opened(tmp_path / "long", tmp_path / "cache", **windows))
    assert of["train"].isdisjoint(of["validation"])
    assert of["test"] == {1, 2}
    (tmp_path / "long" / "train" / "1.wav").unlink()
    with pytest.raises(DataError, match=r"one to train on: give two, or a validation part"):
        opened(tmp_path / "long", tmp_path / "cache", **windows)


@pytest.mark.parametrize(("count", "split"), [(2, "three"), (1, "peer")])
def test_too_few_long_recordings_are_refused_with_how_many_it_takes(count, split, tmp_path):
    ramps(tmp_path / "long", (640,) * count)
    with pytest.raises(DataError, match=rf"{count} recordings, whose windows .* give at least {count + 1}"):
        opened(tmp_path / "long", tmp_path / "cache", length=64, fit="windows", split=split)


def test_rates_and_lengths_that_differ_are_asked_about(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"1,000 to 1,011 samples.*data\.length=1024"):
        opened(folder, tmp_path / "cache", length=None)
    write(folder / "low" / "other.wav", tone(2000), 16_000)
    with pytest.raises(ConfigError, match=r"8,000 Hz \(24\), 16,000 Hz \(1\); set data\.rate=8000"):
        opened(folder, tmp_path / "cache")


def test_files_that_cannot_be_read_are_named_and_nothing_is_left(folder, tmp_path):
    (folder / "low" / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=r"1 of 25 recordings cannot be read: low.broken\.wav \(no WAV file"):
        opened(folder, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("audio_folder*"))
    dataset = opened(folder, tmp_path / "cache", on_bad="skip")
    assert sum(dataset.counts.values()) == 24
    assert any("left out" in line for line in dataset.notices)


def test_a_check_names_what_is_odd(folder, tmp_path):
    write(folder / "low" / "silent.wav", np.zeros(1000))
    write(folder / "low" / "clipped.wav", np.sign(tone(1000)))
    write(folder / "low" / "offset.wav", tone(1000) / 2 + 0.2)
    write(folder / "low" / "short.wav", tone(50, 480))
    write(folder / "low" / "fast.wav", tone(2000), 16_000)
    write(folder / "high" / "copy.wav", tone(1000, 200))
    (folder / "low" / "empty.wav").write_bytes(b"")
    knobs = AudioFolderKnobs(name="audio_folder", path=str(folder))
    paths = {"cache_dir": str(tmp_path / "cache"), "data_dir": ""}
    report = dict(check("audio_folder", open_source(knobs, paths), knobs, paths))
    said = {"silent": "silent", "clipped": "clipped", "DC offset": "offset", "too short": "short"}
    for topic, name in {**said, "other rate": "fast", "unreadable": "empty"}.items():
        assert report[topic].startswith("1"), topic
        assert f"{name}.wav" in report[topic], topic
    assert {"low/0.wav", "high/copy.wav"} == set(report["exact duplicates"][3:].split(" = "))


def test_a_training_is_told_once_what_is_odd(folder, tmp_path):
    write(folder / "low" / "silent.wav", np.zeros(1000))
    write(folder / "low" / "square.wav", np.sign(tone(1000)))
    write(folder / "low" / "loud.wav", tone(1000, level=1.0))  # whose peaks touch full scale, one by one
    write(folder / "high" / "stereo.wav", np.stack((tone(1000, 300), tone(1000, 301))))
    notices = opened(folder, tmp_path / "cache").notices
    for said in (
        "1 of 28 recordings are silent: low/silent.wav.",
        "1 of 28 recordings are clipped (samples at full scale): low/square.wav.",
        "1 of 28 recordings have several channels, which are mixed: high/stereo.wav.",
    ):
        assert sum(said in line for line in notices) == 1, said
    floats = tmp_path / "floats"
    for i in range(12):
        floats.mkdir(exist_ok=True)
        wavfile.write(floats / f"{i}.wav", 8000, (tone(1000, 200 + i) * (3 if i == 7 else 1)).astype("f4"))
    beyond = "1 of 12 recordings go beyond full scale and are clipped"
    assert any(beyond in line for line in opened(floats, tmp_path / "cache", normalise="none").notices)
    assert not any(beyond in line for line in opened(floats, tmp_path / "cache").notices)


def test_a_folder_without_recordings_says_what_it_has(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(DataError, match=r"no recording: it has 1 \.txt"):
        opened(tmp_path, tmp_path / "cache")


# ---------------------------------------------------------------------- named sets


def spoken(root, digits=(0, 1), speakers=("theo", "lucas"), count=8):
    for digit in digits:
        for speaker in speakers:
            for i in range(count):
                write(root / "fsdd" / "recordings" / f"{digit}_{speaker}_{i}.wav", tone(300 + i, 100 + i))


def test_spoken_digits_have_the_published_test_part_or_a_speaker_left_out(tmp_path):
    spoken(tmp_path, speakers=("lucas", "nicolas", "theo"))
    paths = {"cache_dir": str(tmp_path / "cache"), "data_dir": str(tmp_path)}
    published = open_dataset(FsddKnobs(name="fsdd", length=256), paths, WAVES)
    assert published.counts["test"] == 2 * 3 * 5
    assert published.spec.classes[:2] == ("zero", "one")
    left_out = open_dataset(
        FsddKnobs(name="fsdd", length=256, split="speakers", speaker="lucas"), paths, WAVES
    )
    assert left_out.counts == {"train": 2 * 8, "validation": 2 * 8, "test": 2 * 8}
    assert "test is the speaker lucas, validation nicolas; training hears neither" in left_out.protocol
    absent = FsddKnobs(name="fsdd", length=256, split="speakers", speaker="george")
    with pytest.raises(ConfigError, match="the speakers are lucas, nicolas, theo"):
        open_dataset(absent, paths, WAVES)


def test_spoken_words_have_the_published_lists(tmp_path):
    root = tmp_path / "speech_commands_v0.02"
    for word in ("one", "two", "bed", "_background_noise_"):
        for i in range(8):
            write(root / word / f"{i}_nohash_0.wav", tone(100, 100 + i))
    (root / "validation_list.txt").write_text("one/1_nohash_0.wav\ntwo/1_nohash_0.wav\n")
    (root / "testing_list.txt").write_text("two/2_nohash_0.wav\n")
    paths = {"cache_dir": str(tmp_path / "cache"), "data_dir": str(tmp_path)}
    digits = open_dataset(SpeechCommandsKnobs(name="speech_commands", length=128), paths, WAVES)
    assert (digits.spec.classes, digits.counts) == (("one", "two"), {"train": 13, "validation": 2, "test": 1})
    every = open_dataset(SpeechCommandsKnobs(name="speech_commands", length=128, words="all"), paths, WAVES)
    assert every.spec.classes == ("bed", "one", "two")
