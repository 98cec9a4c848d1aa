"""Sounds through the command line, on tiny runs: trained, drawn, saved, completed, given, reported."""

import io
import json
import os
import wave

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import wavfile

from genkit import load
from genkit.cli import main
from genkit.core.spec import View
from genkit.evaluation.array_quality import ArrayQuality
from genkit.metrics.memorisation import NearestPairs
from genkit.report.embedded import players
from genkit.system.wave_files import parts
from tests.conftest import open_plain

DATA = ["data=plucks", "data.examples=120"]
WORDS = ["debug=fast", "callbacks.progress=none", "logger=none", "callbacks.samples.n=4", "batch_size=16"]
SMALL = ["model=vae", "model.width=4", "model.hidden=16"]
MODELS = {
    "mel": [*SMALL, "model.conditional=true", "data.bands=16"],
    "wave": [*SMALL, "data.view=waveform", "model.likelihood=discretised_logistic"],
    "gpt": ["model=gpt_tiny", "data.view=mel", "data.bands=16", "model.conditional=true"],
}
ANSWERS = {
    "interpolate": {"mel", "wave"},
    "reconstruct": {"mel", "wave"},
    "restyle": {"mel"},
    "complete": {"mel", "wave", "gpt"},
    "denoise": {"mel", "wave"},
    "upscale": {"mel", "wave"},
}
RATE, LENGTH = 8_000, 4_096


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, words in MODELS.items():
        assert main(["train", *words, *DATA, *WORDS, f"name={name}", f"paths.runs_dir={folder}"]) == 0
    return folder


def heard(file):
    """The clips of a file, int16 (n, T), and what each is of."""
    found = parts(file.read_bytes(), 1_000)
    return np.stack([wavfile.read(io.BytesIO(part.file))[1] for part in found]), [p.caption for p in found]


def tone(file, rate=RATE, seconds=0.3, size=0.1, channels=1):
    time = np.arange(round(rate * seconds)) / rate
    samples = np.round(size * 32_767 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    wavfile.write(file, rate, np.stack([samples] * channels, 1))
    return file


# ---------------------------------------------------------------------- drawn


def test_a_training_keeps_what_is_to_be_heard_and_what_is_to_be_seen(runs):
    for run in MODELS:
        steps = {path.name for path in (runs / run / "samples").glob("step-3.*")}
        assert steps == {"step-3.wav", "step-3.png"}
        clips, captions = heard(runs / run / "samples" / "step-3.wav")
        assert clips.shape == (4, LENGTH)
        classes = load(runs / run).spec.classes
        assert all(caption in classes for caption in captions) == (run != "wave")


def test_samples_are_saved_by_suffix_with_the_class_that_was_asked_for(verb, runs, tmp_path):
    for out in ("all.wav", "all.npz", "all.png", "each"):
        code, said, err = verb("sample", "run=mel", "n=2", "label=1", "label=0", f"out={tmp_path / out}")
        assert (code, err) == (0, "")
        assert f"4 samples: {tmp_path / out}" in said
    clips, captions = heard(tmp_path / "all.wav")
    classes = load(runs / "mel").spec.classes
    assert captions == [classes[1], classes[1], classes[0], classes[0]]
    with np.load(tmp_path / "all.npz") as file:
        assert np.array_equal(file["waveforms"][:, 0], clips)
        assert json.loads(str(file["provenance"]))["captions"] == captions
    names = sorted(path.name for path in (tmp_path / "each").iterdir())
    assert names == [f"{i:05d}.wav" for i in range(4)]
    for i, name in enumerate(names):
        assert np.array_equal(wavfile.read(tmp_path / "each" / name)[1], clips[i])
    code, _, err = verb("sample", "run=mel", "n=2", f"out={tmp_path / 'a.mp3'}")
    assert code == 2
    assert "sounds are saved as .wav, .png, .npz or" in err


def test_one_sample_is_a_file_that_others_play(verb, tmp_path):
    assert verb("sample", "run=gpt", "n=1", f"out={tmp_path / 'one.wav'}")[0] == 0
    with wave.open(str(tmp_path / "one.wav")) as file:
        assert (file.getnframes(), file.getframerate(), file.getnchannels()) == (LENGTH, RATE, 1)


def test_score_gives_bits_per_sample_of_what_has_a_likelihood(verb):
    code, out, _ = verb("score", "run=gpt", "split=test")
    assert code == 0
    assert "bits/dimension (exact)" in out  # of a log-mel picture, whose entries are no samples
    code, out, _ = verb("score", "run=wave", "split=test")
    assert code == 0
    assert "bits/sample (bound)" in out
    code, _, err = verb("score", "run=gpt", "text=a")
    assert (code, len(err.splitlines())) == (2, 1)


# ---------------------------------------------------------------------- verbs


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", ANSWERS)
def test_each_verb_answers_with_sounds_or_a_reason(verb, tmp_path, name, model):
    out = tmp_path / "made.wav"
    answers = name in ("complete", "denoise", "upscale")
    more = ["draws=2"] if answers else ["label=1"] if (name, model) == ("interpolate", "mel") else []
    more += ["label=C4,2"] if name == "restyle" else []
    code, said, err = verb(name, f"run={model}", "n=2", *more, f"out={out}")
    if model not in ANSWERS[name]:
        assert code == 2
        assert len(err.splitlines()) == 1
        assert not out.exists()
        return
    assert code == 0, err
    clips, captions = heard(out)
    assert clips.shape[1] == LENGTH
    if answers:
        assert [caption.split(",")[0] for caption in captions] == [
            "input",
            "answer 1",
            "answer 2",
            "truth",
        ] * 2
        assert "2 answers" in said
    elif name == "reconstruct":
        assert [caption.split(",")[0] for caption in captions] == ["input", "result"] * 2
    elif name == "restyle":
        assert [caption.split(",")[0] for caption in captions] == ["input", "C4", "B3"] * 2
    else:
        assert len(captions) == 2 * 9
        assert captions[0] == "0%"
        assert captions[8] == "100%"


def test_what_is_hidden_of_a_waveform_is_silent_and_the_rest_is_kept(verb, runs, tmp_path):
    third = LENGTH // 4
    for part, away in {
        "end": slice(LENGTH // 2, None),
        "start": slice(0, LENGTH // 2),
        "middle": slice(third, LENGTH - third),
    }.items():
        out = tmp_path / f"{part}.wav"
        assert verb("complete", "run=wave", "n=1", "draws=1", f"mask={part}", f"out={out}")[0] == 0
        (given, answer, truth), _ = heard(out)
        hidden = np.zeros(LENGTH, bool)
        hidden[away] = True
        assert not given[hidden].any()
        assert np.array_equal(given[~hidden], truth[~hidden])
        assert np.array_equal(answer[~hidden], truth[~hidden])
        assert not np.array_equal(answer[hidden], truth[hidden])


def test_of_a_log_mel_picture_a_band_can_be_hidden(verb, tmp_path):
    for part in ("high", "low"):
        out = tmp_path / f"{part}.wav"
        code, _, err = verb("complete", "run=mel", "in=0", "draws=1", f"mask={part}", f"out={out}")
        assert code == 0, err
        (given, _, truth), _ = heard(out)
        middle = np.searchsorted(np.fft.rfftfreq(LENGTH, 1 / RATE), 1_100)  # hertz, about half of all mels
        away = slice(middle + 200, None) if part == "high" else slice(0, middle - 200)
        lost, had = (np.square(np.abs(np.fft.rfft(x.astype(float))))[away].sum() for x in (given, truth))
        assert lost < 0.05 * had


def test_without_a_place_a_verb_writes_sounds_and_their_sheet_into_the_run(verb, runs):
    code, said, _ = verb("complete", "run=wave", "in=3", "draws=1")
    assert code == 0
    for suffix in (".wav", ".png"):
        file = runs / "wave" / "samples" / f"complete-3-seed0{suffix}"
        assert str(file) in said
        assert file.is_file()
    assert [player.caption.split(",")[0] for player in players(file, runs)] == ["input", "answer 1", "truth"]
    with Image.open(file) as picture:
        assert picture.height > 2 * 200


def test_one_example_is_asked_for_by_its_number(verb, tmp_path):
    out = tmp_path / "a.wav"
    assert verb("reconstruct", "run=wave", "in=2", f"out={out}")[0] == 0
    (truth, _), (caption, _) = heard(out)
    assert verb("reconstruct", "run=wave", "n=12", f"out={tmp_path / 'all.wav'}")[0] == 0
    clips, captions = heard(tmp_path / "all.wav")
    [place] = [i for i in range(0, len(clips), 2) if np.array_equal(clips[i], truth)]
    assert captions[place] == caption


@pytest.mark.parametrize("words", [("reconstruct",), ("denoise", "scale=0.05", "draws=2")])
def test_how_far_answers_are_from_the_truth_is_said(verb, tmp_path, words):
    out = tmp_path / "a.wav"
    code, said, _ = verb(*words, "run=wave", "n=2", f"out={out}")
    assert code == 0
    clips, captions = heard(out)
    rows = {}
    for clip, caption in zip(clips.astype(np.float64), captions, strict=True):
        rows.setdefault(caption.split(",")[0], []).append(clip)
    truth = rows.get("truth", rows["input"])

    def ratio(name):
        pairs = zip(rows[name], truth, strict=True)
        return np.mean([10 * np.log10(np.square(x).sum() / np.square(y - x).sum()) for y, x in pairs])

    lines = dict(line.split(": ", 1) for line in said.splitlines() if ": " in line)
    told = dict(part.rsplit(" ", 1) for part in lines["SNR, dB"].split(", "))
    if "result" in rows:
        wanted = {"result": ratio("result")}
    else:
        wanted = {"input": ratio("input"), "answers": (ratio("answer 1") + ratio("answer 2")) / 2}
    assert {name: float(value) for name, value in told.items()} == pytest.approx(wanted, rel=0.01)
    for name in (
        "SI-SDR, dB",
        "spectral convergence",
        "log-spectral distance, dB",
        "multi-scale STFT distance",
    ):
        assert name in lines


# ---------------------------------------------------------------------- a recording of the user's own


def test_a_recording_of_the_datas_kind_is_taken_as_it_is(verb, tmp_path):
    own = tone(tmp_path / "own.wav", seconds=LENGTH / RATE, size=0.5)
    code, _, err = verb("reconstruct", "run=wave", f"in={own}", f"out={tmp_path / 'a.wav'}")
    assert (code, err) == (0, "")
    (given, _), captions = heard(tmp_path / "a.wav")
    assert np.abs(given.astype(int) - wavfile.read(own)[1]).max() <= 1
    assert captions == ["input", "result"]


def test_what_becomes_of_another_recording_is_said(verb, tmp_path):
    own = tone(tmp_path / "own.wav", 44_100, 0.2, channels=2)
    code, _, err = verb("complete", "run=mel", f"in={own}", "label=2", "draws=1", f"out={tmp_path / 'a.wav'}")
    assert code == 0, err
    for said in (
        "44,100 samples a second become 8,000",
        "2 channels become one",
        "1,600 samples, and silence",
    ):
        assert said in err
    (_, _, truth), captions = heard(tmp_path / "a.wav")
    assert truth.any()
    assert not truth[1_700:].any()
    assert captions[-1].startswith("truth, ")
    loud = np.abs(np.fft.rfft(truth[:1_600].astype(float)))
    assert np.fft.rfftfreq(1_600, 1 / RATE)[loud.argmax()] == pytest.approx(440, abs=3)
    long = tone(tmp_path / "long.wav", seconds=2)
    _, _, err = verb("reconstruct", "run=wave", f"in={long}", f"out={tmp_path / 'b.wav'}")
    assert "of its 16,000 samples the first 4,096 are taken" in err


def nan(file):
    wavfile.write(file, RATE, np.full(100, np.nan, np.float32))


ODD = {
    "missing": (lambda file: None, "cannot be read"),
    "folder": (lambda file: file.mkdir(), "no plain file"),
    "pipe": (lambda file: os.mkfifo(file), "no plain file"),
    "video": (lambda file: file.write_bytes(b"\0\0\0\x18ftypmp42" * 9), "no WAV file"),
    "empty": (lambda file: file.write_bytes(b""), "no WAV file"),
    "silentless": (lambda file: wavfile.write(file, RATE, np.empty(0, np.int16)), "no samples"),
    "nan": (nan, "NaN"),
    "many": (lambda file: wavfile.write(file, RATE, np.zeros((9, 100), np.int16)), "100 channels"),
    "fast": (lambda file: wavfile.write(file, 10**9, np.zeros(9, np.int16)), "1,000,000,000"),
    "circle": (lambda file: file.symlink_to(file), "cannot be read"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_recording_is_refused_in_a_line(verb, tmp_path, kind):
    make, hint = ODD[kind]
    make(tmp_path / "odd.wav")
    for name in ("reconstruct", "complete"):
        code, out, err = verb(name, "run=wave", f"in={tmp_path / 'odd.wav'}", f"out={tmp_path / 'o.wav'}")
        assert (code, out) == (4, "")
        assert len(err.splitlines()) == 1
        assert hint in err
        assert not (tmp_path / "o.wav").exists()


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        (["complete", "run=mel", "in=OWN"], 2, "say which the recording has by label=: "),
        (["complete", "run=wave", "in=OWN", "label=1"], 2, "without labels"),
        (["complete", "run=wave", "in=OWN", "n=2"], 2, "n= is of examples of the data, and in= is one file"),
        (["complete", "run=wave", "in=OWN", "fit=crop"], 2, "fit= is of pictures"),
        (["complete", "run=wave", "in=3", "n=2"], 2, "n= is of what in= does not name"),
        (["complete", "run=wave", "in=99999"], 2, "the test part has examples 0 to "),
        (["complete", "run=wave", "in=OWN", "image=OWN"], 2, "leave image= out"),
        (["complete", "run=wave", "image=OWN"], 2, "image= is a picture, and wave models sounds"),
        (["complete", "run=wave", "in=OWN", "out=OWN"], 2, "itself"),
        (["complete", "run=wave", "in="], 4, "in="),
        (["complete", "run=wave", "in=notes.txt"], 4, "cannot be read"),
        (["complete", "run=wave", "mask=high"], 2, "mask=high is none of end, start, middle, random"),
        (["complete", "run=mel", "mask=lower"], 2, "Did you mean low?"),
        (["upscale", "run=mel", "factor=3"], 2, "factor=3 does not divide the sides"),
        (["denoise", "run=gpt"], 2, "it answers complete with mask=end"),
        (["sample", "run=mel", "stream=true", "n=1"], 2, "stream=true"),
        (["sample", "run=mel", "prompt=a"], 2, "prompt"),
    ],
)
def test_words_that_do_not_go_together_are_refused_in_a_line(verb, tmp_path, words, code, hint):
    own = tone(tmp_path / "own.wav", seconds=LENGTH / RATE)  # of which nothing is lost, and nothing said
    found, out, err = verb(*(word.replace("OWN", str(own)) for word in words))
    assert (found, out) == (code, "")
    assert len(err.splitlines()) == 1
    assert hint in err


# ---------------------------------------------------------------------- reported


def test_samples_are_shown_above_the_training_sounds_that_they_are_nearest_to(runs, tmp_path):
    """As an evaluation keeps them: two pairs, to be seen in a sheet and to be heard."""
    module, dataset = load(runs / "mel"), open_plain({"name": "plucks", "examples": 120}, {}, View("arrays"))

    class Subject:
        def sample(self, n, first):
            return module.sample(n, first=first)

    Subject.dataset = dataset
    pairs = NearestPairs(
        torch.tensor([3, 1]), torch.tensor([0, 4]), torch.zeros(2), torch.zeros(2, dtype=torch.bool)
    )
    ArrayQuality(Subject(), None, dataset.spec, 4, None).show(pairs, tmp_path / "step-3")
    clips, captions = heard(tmp_path / "step-3" / "nearest.wav")
    train = dataset.split("train")
    rows = train.some()[[0, 4]]
    assert captions == ["sample 3", "sample 1", *(f"training {row}" for row in rows)]
    drawn = module.sample(4).arrays[[3, 1], 0].astype(int)
    assert np.abs(clips[:2] - drawn).max() <= 8  # of 32,768: the rounding of another batch
    assert np.abs(clips[:2] - drawn[::-1]).max() > 80
    assert np.array_equal(clips[2:].astype(int) + 2**15, train.native.gather(rows)[0][:, 0])
    found = players(tmp_path / "step-3" / "nearest.png", tmp_path)
    assert [player.caption for player in found] == captions


def test_a_report_plays_what_its_runs_have_drawn(verb, runs, tmp_path):
    code, _, err = verb("report", "run=mel", "run=wave", f"out={tmp_path}")
    assert code == 0, err
    page = (tmp_path / "report.html").read_text()
    assert page.count('<audio controls preload="metadata"') == 2 * 4
    assert page.count('src="data:audio/wav;base64,') == 2 * 4
    assert "media-src data:" in page
