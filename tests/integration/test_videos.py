"""Videos through the command line, on a tiny run: trained, drawn, saved, looked at, reported."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from genkit import load
from genkit.cli import main
from genkit.core.spec import View
from genkit.evaluation.array_quality import ArrayQuality
from genkit.metrics.memorisation import NearestPairs
from genkit.report.embedded import moving
from tests.conftest import open_plain

DATA = ["data=moving_digits", "data.examples=100"]
WORDS = ["debug=fast", "callbacks.progress=none", "callbacks.samples.n=4", "batch_size=16"]
SMALL = ["model=vae", "model.width=4", "model.hidden=16", "model.conditional=true"]
QUIETER = pytest.mark.filterwarnings("ignore")  # other people's libraries at their import
LASTING = 120  # milliseconds, as a GIF has eight frames a second


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    words = ["model.select=null", "logger=default", "name=vae", f"paths.runs_dir={folder}"]
    assert main(["train", *SMALL, *DATA, *WORDS, *words]) == 0
    return folder


def read(file, lasting=LASTING):
    """Frames by the time that they last, uint8 (T, H, W)."""
    frames = []
    with Image.open(file) as opened:
        for frame in ImageSequence.Iterator(opened):
            pixels = np.asarray(frame.convert("L"))
            frames += [pixels] * round(frame.info["duration"] / lasting)
    return np.stack(frames)


# ---------------------------------------------------------------------- drawn


def test_a_training_keeps_a_grid_that_moves_and_a_contact_sheet(runs):
    step = next((runs / "vae" / "samples").glob("step-*.gif"))
    assert read(step).shape == (8, 70, 70)
    with Image.open(step.with_suffix(".png")) as sheet:
        assert sheet.height == 4 * 33 + 1
        assert sheet.width > 8 * 33 + 1  # the classes stand on the left


@QUIETER
def test_tensorboard_has_the_bytes_of_that_grid(runs):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(runs / "vae" / "tensorboard"))
    events.Reload()
    logged = events.Images("samples/moving")[-1]
    kept = runs / "vae" / "samples" / f"step-{logged.step}.gif"
    assert (logged.width, logged.height) == (70, 70)
    assert logged.encoded_image_string[:6] == b"GIF89a"
    assert np.array_equal(read(io.BytesIO(logged.encoded_image_string)), read(kept))


def test_samples_are_saved_by_suffix_with_the_class_that_was_asked_for(verb, runs, tmp_path):
    for out in ("all.npz", "all.gif", "all.webp", "all.png", "each"):
        code, said, err = verb("sample", "run=vae", "n=2", "label=7", "label=0", f"out={tmp_path / out}")
        assert (code, err) == (0, "")
        assert f"4 samples: {tmp_path / out}" in said
    with np.load(tmp_path / "all.npz") as file:
        videos = file["videos"][..., 0]
        assert json.loads(str(file["provenance"]))["captions"] == ["7", "7", "0", "0"]
    assert videos.shape == (4, 8, 16, 16)
    for name, lasting in (("all.gif", 120), ("all.webp", 125)):
        grid = read(tmp_path / name, lasting)[:, ::2, ::2]  # in which they are enlarged twice
        for clip, top, left in zip(videos, (1, 1, 18, 18), (1, 18, 1, 18), strict=True):
            assert np.array_equal(grid[:, top : top + 16, left : left + 16], clip)
    files = sorted((tmp_path / "each").iterdir())
    assert [file.name for file in files] == [f"{i:05d}.gif" for i in range(4)]
    for file, clip in zip(files, videos, strict=True):
        assert np.array_equal(read(file), clip)
    with Image.open(files[0]) as file:
        said = json.loads(file.info["comment"])
    assert (said["of"], said["origin"]["run"]) == ("7", "vae")
    with Image.open(tmp_path / "all.png") as sheet:
        strips = np.asarray(sheet)[:, -(8 * 33 + 1) :]
    for i, clip in enumerate(videos):
        row = strips[33 * i + 1 : 33 * i + 33 : 2]
        assert np.array_equal(np.stack([row[:, 33 * t + 1 : 33 * t + 33 : 2] for t in range(8)]), clip)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_samples_are_saved_as_films(verb, tmp_path, suffix):
    av = pytest.importorskip("av")
    code, _, err = verb("sample", "run=vae", "n=1", f"out={tmp_path / f'a{suffix}'}")
    assert code == 0, err
    with av.open(str(tmp_path / f"a{suffix}")) as file:
        frames = [frame.to_ndarray(format="gray") for frame in file.decode(video=0)]
    assert np.shape(frames) == (8, 256, 256)


def test_without_a_place_a_grid_that_moves_is_written_into_the_run(verb, runs):
    code, said, _ = verb("sample", "run=vae", "n=3", "seed=5")
    assert code == 0
    file = runs / "vae" / "samples" / "sample-seed5-n3.gif"
    assert str(file) in said
    assert read(file).shape == (8, 70, 70)


def test_other_suffixes_are_refused_in_a_line(verb, tmp_path):
    code, _, err = verb("sample", "run=vae", "n=2", f"out={tmp_path / 'a.wav'}")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "videos are saved as .gif, .webp, .mp4, .webm, .png, .npz or, without a suffix, as a folder" in err


def test_the_data_is_shown_moving(genkit, tmp_path):
    code, said, err = genkit("data", "show", *DATA, "n=4", f"out={tmp_path / 'a.gif'}")
    assert code == 0, err
    assert "4 examples of moving_digits" in said
    assert read(tmp_path / "a.gif").shape == (8, 70, 70)


# ---------------------------------------------------------------------- reported


def test_samples_move_above_the_training_videos_that_they_are_nearest_to(runs, tmp_path):
    module = load(runs / "vae")
    dataset = open_plain({"name": "moving_digits", "examples": 100}, {}, View("arrays"))

    class Subject:
        def sample(self, n, first):
            return module.sample(n, first=first)

    Subject.dataset = dataset
    pairs = NearestPairs(
        torch.tensor([3, 1, 0]), torch.tensor([0, 4, 2]), torch.zeros(3), torch.zeros(3, dtype=torch.bool)
    )
    ArrayQuality(Subject(), None, dataset.spec, 4, None).show(pairs, tmp_path / "step-3")
    grid = read(tmp_path / "step-3" / "nearest.gif")
    assert grid.shape == (8, 70, 104)  # three samples, and a training video below each
    train = dataset.split("train")
    given = dataset.spec.shown(train.gather(train.some()[[0, 4, 2]])[0]).arrays[:, 0]
    drawn = module.sample(4).arrays[[3, 1, 0], 0]
    for i in range(3):
        across = slice(34 * i + 2, 34 * i + 34, 2)
        assert np.array_equal(grid[:, 36:68:2, across], given[i])
        assert np.abs(grid[:, 2:34:2, across].astype(int) - drawn[i]).max() <= 1  # of another batch
    nearest = moving(tmp_path / "step-3" / "nearest.png", tmp_path)
    assert nearest is not None
    assert nearest.address.startswith("data:image/gif;base64,R0lGODlh")


def test_a_report_shows_what_its_runs_have_drawn_moving(verb, runs, tmp_path):
    code, _, err = verb("report", "run=vae", f"out={tmp_path}")
    assert code == 0, err
    page = (tmp_path / "report.html").read_text()
    [coded] = re.findall(r'<img [^>]*src="data:image/gif;base64,([^"]+)"', page)
    kept = max((runs / "vae" / "samples").glob("step-*.gif"))
    assert base64.b64decode(coded) == kept.read_bytes()
    assert page.count('src="data:image/png;base64,') >= 1
