"""Folders of recordings against one another: to what they are brought, what is measured, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io.wavfile
import scipy.signal

from genkit.core.media.audio import AUDIO
from genkit.core.spec import ArraySpec
from genkit.data.audio.wav import WavFile
from genkit.evaluation import evaluate_files
from genkit.evaluation.own_sounds import OwnSounds
from genkit.evaluation.sound_folders import HeardForm
from genkit.system.errors import ConfigError, DataError


def folder(place, n=24, *, seed=0, rate=8000, samples=2048, scale=1.0, channels=1):
    """Recordings of fading tones in noise."""
    generator = np.random.default_rng(seed)
    place.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        time = np.arange(samples) / rate
        tone = np.sin(2 * np.pi * generator.uniform(150, 1500) * time) * np.exp(-3 * time)
        wave = (tone + generator.normal(0, 0.01, samples)) * 12_000 * scale
        columns = np.repeat(wave[:, None], channels, 1) if channels > 1 else wave
        scipy.io.wavfile.write(place / f"{i:03d}.wav", rate, columns.astype(np.int16))
    return place


def measured(real, fake, **more):
    """Rows by role and metric, and what was said."""
    said: list[str] = []
    rows = evaluate_files(real, fake, say=said.append, **more)
    return {(row.role, row.metric): row for row in rows}, said


def test_two_folders_of_one_kind_are_nearer_than_noise(tmp_path):
    rows, said = measured(folder(tmp_path / "real", 40), folder(tmp_path / "fake", 30, seed=1))
    kid = {role: rows[role, "kid_random_ear"].value for role in ("model", "floor", "ceiling")}
    assert kid["model"] < 0.1 * kid["ceiling"]
    assert abs(kid["floor"]) < 0.1 * kid["ceiling"]
    assert rows["model", "silent_share"].value == 0
    assert rows["model", "exact_copies"].value == 0
    apart = [rows[role, "sliced_wasserstein"].value for role in ("model", "ceiling")]
    assert apart[0] < 0.5 * apart[1]
    assert not any(metric.startswith(("inception", "agreement", "in_tune")) for _, metric in rows)
    assert said == []


def test_copies_are_found_sample_by_sample_and_near_ones_are_none(tmp_path):
    real = folder(tmp_path / "real", 30, scale=2.5)  # (up to full scale)
    fake = folder(tmp_path / "fake", 30, seed=1)
    names = sorted(real.iterdir())[:5]
    for i, name in enumerate(names):
        rate, wave = scipy.io.wavfile.read(name)
        if i == 4:
            wave = wave.copy()
            wave[100] += 1
        scipy.io.wavfile.write(fake / f"{i:03d}.wav", rate, wave)
    rows, _ = measured(real, fake)
    assert rows["model", "exact_copies"].value == 4
    assert "4 of 30 equal" in rows["model", "exact_copies"].note


def test_rates_lengths_and_channels_are_brought_together_and_it_is_said(tmp_path):
    real = folder(tmp_path / "real", 25, rate=16_000, samples=8_192, channels=2)
    (real / "notes.txt").write_text("of no use")
    rows, said = measured(real, folder(tmp_path / "fake", 25, seed=1))
    assert said == [
        "real= 1 files beside 25 recordings are not used: 1 .txt (notes.txt).",
        "real= 25 of 25 recordings are brought to 8,000 Hz.",
        "real= 25 of 25 recordings are mixed to one channel.",
        "real= 25 of 25 recordings are cut to 2,048 samples.",
    ]
    assert rows["model", "silent_share"].protocol["shape"] == "1×2048"
    # Another rate is no other sound.
    assert rows["model", "kid_random_ear"].value < 0.1 * rows["ceiling", "kid_random_ear"].value


def test_a_recording_of_the_form_is_heard_bit_by_bit(tmp_path):
    wave = np.array([0, 1, -1, 32_767, -32_768, 20_001, -20_001], np.int16)
    scipy.io.wavfile.write(tmp_path / "a.wav", 8000, wave)
    recording = WavFile(tmp_path / "a.wav")
    assert HeardForm(8000, 7, 1).clip(recording).tolist() == [wave.tolist()]
    assert HeardForm(8000, 9, 2).clip(recording).tolist() == [[*wave.tolist(), 0, 0]] * 2
    assert HeardForm(8000, 3, 1).clip(recording).tolist() == [[0, 1, -1]]


def test_classes_of_folders_are_what_was_asked_for(tmp_path, data_dir):
    recordings = data_dir / "fsdd" / "recordings"
    names = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    for place, indices in (("real", (0, 1)), ("fake", (2,))):
        for digit, name in enumerate(names):
            (tmp_path / place / name).mkdir(parents=True)
            for speaker in ("jackson", "nicolas", "george"):
                for index in indices:
                    source = recordings / f"{digit}_{speaker}_{index}.wav"
                    (tmp_path / place / name / source.name).write_bytes(source.read_bytes())
    # Two sevens among the fake eights.
    for speaker in ("jackson", "nicolas"):
        wrong = recordings / f"7_{speaker}_3.wav"
        (tmp_path / "fake" / "eight" / f"8_{speaker}_2.wav").write_bytes(wrong.read_bytes())
    rows, _ = measured(tmp_path / "real", tmp_path / "fake")
    agreement = rows["model", "agreement_spoken_digits"]
    assert (agreement.n, agreement.value) == (30, pytest.approx(28 / 30))
    assert rows["floor", "agreement_spoken_digits"].value > 0.95
    assert rows["model", "inception_score_spoken_digits"].value > 6


def test_what_cannot_be_heard_is_named_in_one_line(tmp_path):
    real, fake = folder(tmp_path / "real"), folder(tmp_path / "fake", seed=1)
    (fake / "bad.wav").write_bytes(b"RIFF\x00\x00\x00\x00AVI LIST")
    (fake / "empty.wav").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        evaluate_files(real, fake)
    said = str(caught.value)
    assert said.startswith("fake= 2 of 26 recordings cannot be read: bad.wav (no WAV file")
    assert "empty.wav (" in said
    assert "\n" not in said


def test_sounds_are_compared_with_sounds_alone(tmp_path):
    real = folder(tmp_path / "real")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"give two folders of pictures, two of sounds, or two files of te"):
        evaluate_files(real, tmp_path / "empty")
    with pytest.raises(ConfigError, match="extractor=digits is of images, not of sounds; extractor=r"):
        evaluate_files(real, folder(tmp_path / "fake", seed=1), name="digits")


@pytest.mark.parametrize("peak", [True, False])
def test_recordings_of_ones_own_take_the_form_of_the_runs_samples(tmp_path, peak):
    place = folder(tmp_path / "real", 3, rate=16_000, samples=6_000, scale=0.5)
    said: list[str] = []
    own = OwnSounds(place, ArraySpec(1, (4096,), 65_536, (), AUDIO, 8000.0), peak, said.append)
    heard = own.seen(None).waveforms
    assert heard.shape == (3, 1, 4096)
    assert said == [
        "real= 3 of 3 recordings are brought to 8,000 Hz.",
        "real= 3 of 3 are shorter and end in silence.".replace("3 are", "3 recordings are"),
    ]
    assert not heard[:, :, 3000:].any()
    wave = scipy.io.wavfile.read(place / "001.wav")[1]
    expected = scipy.signal.resample_poly(wave / 32_768, 1, 2)
    expected = expected / np.abs(expected).max() if peak else expected
    np.testing.assert_allclose(heard[1, 0, :3000].numpy() / 32_767, expected, atol=2e-4)
    assert (int(heard.abs().max()) == 32_767) == peak
