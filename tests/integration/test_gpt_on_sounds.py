"""A GPT on the samples of small recordings, from the command line: sampled, streamed, scored, completed."""

import io
import json
import wave
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from genkit.cli import main

QUICK = ["callbacks.progress=none", "logger=none", "callbacks.samples.n=0", "trainer=cpu", "batch_size=8"]
SIZES = ["model=gpt_pixels", "model.n_layer=1", "model.n_head=2", "model.n_embd=16"]
LENGTH = 64


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two classes of tones, 64 samples each, and a run on their samples, a run on their pictures."""
    root = tmp_path_factory.mktemp("sounds")
    generator = np.random.default_rng(0)
    for name, period in (("low", 32), ("high", 8)):
        (root / "tones" / name).mkdir(parents=True)
        for i in range(110):
            phase, end = generator.random(), 40 + i % 24
            tone = np.sin(2 * np.pi * (np.arange(end) / period + phase)) * 20_000
            wavfile.write(root / "tones" / name / f"{i}.wav", 8000, tone.astype(np.int16))
    data = ["data=audio_folder", f"data.path={root / 'tones'}", f"data.length={LENGTH}"]
    paths = [f"paths.runs_dir={root / 'runs'}", f"paths.cache_dir={root / 'cache'}"]
    labels, waves = ["model.conditional=true"], ["data.view=mu_law", "data.levels=16", "data.patch=2"]
    mels = ["data.view=mel", "data.bands=8", "data.hop=8", "data.levels=4", "data.patch=2"]
    for name, words in (("waves", [*labels, *waves]), ("mels", mels)):
        words = ["train", *SIZES, *data, *words, *QUICK, "budget.steps=60", "optim.lr=3e-3", f"name={name}"]
        assert main([*words, *paths]) == 0
    return paths


@pytest.fixture
def run(place, capsysbinary):
    def run(*words):
        code = main([*words, *place])
        said = capsysbinary.readouterr()
        return code, said.out, said.err.decode()

    return run


def heard(content):
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_a_stream_is_a_wav_of_the_sample(run, tmp_path):
    out = tmp_path / "one.wav"
    code, streamed, err = run("sample", "run=waves", "stream=true", "label=low", "seed=3")
    assert (code, err) == (0, "")
    assert run("sample", "run=waves", "n=1", "label=low", "seed=3", f"out={out}")[0] == 0
    np.testing.assert_array_equal(heard(streamed), heard(out.read_bytes()))
    assert len(heard(streamed)) == LENGTH


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run=mels"], "draws sounds by log_mel, whose way back needs the whole of each; leave it out."),
        (["run=waves", "n=2"], "set n=1"),
        (["run=waves", "label=low", "label=high"], "one sample"),
        (["run=waves", "out=x.wav"], "leave out= out"),
        (["run=waves", "prompt=1 2"], "takes label=, no prompt="),
    ],
)
def test_what_is_no_stream_is_refused_in_one_line(run, words, said):
    code, out, err = run("sample", "stream=true", *words)
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert said in err


def test_a_terminal_hears_nothing(run, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    code, out, err = run("sample", "run=waves", "stream=true")
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert "send it on, as in | aplay" in err


def test_bits_are_of_samples_and_less_than_of_chance(run, place, tmp_path):
    out = tmp_path / "scores.jsonl"
    code, said, _ = run("score", "run=waves", "split=test", f"out={out}")
    assert code == 0
    row = json.loads(out.read_text())
    expected = row["nats"] / np.log(2) / LENGTH / row["examples"]
    assert row["bits_per_sample"] == pytest.approx(expected)
    assert expected < 4
    assert b"bits/sample (exact)" in said
    lengths = [40 + i % 24 for i in range(110)]  # of 64; the shortest test clips have a third of silence
    silence = float(said.split(b"note: ")[1].split(b" %")[0]) / 100
    assert 1 - max(lengths) / LENGTH < silence < 1 - min(lengths) / LENGTH
    assert f"at most {expected / (1 - silence):.2f}"[:-1].encode() in said
    assert run("evaluate", "run=waves", "metrics=likelihood", "split=test")[0] == 0
    folder = Path(place[0].partition("=")[2])
    rows = [json.loads(line) for line in (folder / "waves" / "evaluation.jsonl").read_text().splitlines()]
    bits = next(row for row in rows if row["metric"] == "bits_per_dimension")
    assert bits["value"] == pytest.approx(expected, rel=1e-5)
    about = bits["protocol"]
    assert (about["levels"], about["dimensions"], about["representation"]) == (16, LENGTH, "mu_law")
    assert about["silent_end"] == pytest.approx(silence, abs=1e-3)


@pytest.mark.parametrize("name", ["waves", "mels"])
def test_the_rest_of_a_clip_is_completed(run, name, tmp_path):
    out = tmp_path / "completed.wav"
    code, _, err = run("complete", f"run={name}", "n=2", "draws=2", "mask=end", f"out={out}")
    assert code == 0, err
    assert out.stat().st_size > 44
    code, _, err = run("complete", f"run={name}", "n=2", "mask=start", f"out={out}")
    assert (code, err.count("\n")) == (2, 1)
    assert "mask=end" in err


def test_mels_are_sampled_as_sounds(run, tmp_path):
    out = tmp_path / "clips"
    assert run("sample", "run=mels", "n=3", f"out={out}")[0] == 0
    assert [len(heard(path.read_bytes())) for path in sorted(out.glob("*.wav"))] == [LENGTH] * 3
