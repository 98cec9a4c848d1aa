"""Videos in a folder, from the command line: looked at, trained on, completed from one of the user's own."""

import re

import numpy as np
import pytest

from genkit.cli import main
from tests.videos import animated, moving, numbered

QUICK = ["callbacks.progress=none", "logger=none", "callbacks.samples.n=0", "trainer=cpu", "batch_size=8"]


@pytest.fixture
def run(tmp_path, capsys):
    def run(*words):
        code = main([*words, f"paths.runs_dir={tmp_path / 'runs'}", f"paths.cache_dir={tmp_path / 'cache'}"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_folder_of_gifs_is_checked_and_trained_on_and_a_clip_is_completed(run, tmp_path):
    for i in range(24):
        animated(tmp_path / "videos" / f"{i}.gif", moving(seed=i))
    data = ["data=video_folder", f"data.path={tmp_path / 'videos'}"]
    code, out, _ = run("data", "check", *data)
    assert code == 0
    assert "24 of 1×8×16×16" in " ".join(out.split())
    words = [
        "model=vae",
        "model.width=8",
        "model.latent_size=4",
        "budget.steps=4",
        "name=r",
    ]
    code, _, err = run("train", *data, *words, *QUICK)
    assert code == 0, err
    own = animated(tmp_path / "own.gif", moving(seed=50).repeat(4, 1).repeat(4, 2))
    out = tmp_path / "made.npz"
    code, _, err = run("complete", "run=r", f"in={own}", "mask=end", f"out={out}")
    assert code == 0, err
    assert "note: in=own.gif: 64×64 is reduced to 16×16." in err
    made = np.load(out)["videos"]
    assert made.shape[-4:] == (8, 16, 16, 1)
    short = numbered(tmp_path / "short", moving(3))
    code, _, err = run("complete", "run=r", f"in={short}", "mask=end")
    assert code == 4
    assert err.strip().endswith("has 3 frames, and the model's videos 8; give a longer one.")


def test_what_is_wrong_with_a_folder_is_one_line_and_no_traceback(run, tmp_path):
    for i in range(12):
        animated(tmp_path / "videos" / f"{i}.gif", moving(seed=i))
    (tmp_path / "videos" / "page.gif").write_text("<html>")
    code, _, err = run("train", "data=video_folder", f"data.path={tmp_path / 'videos'}", "model=vae", *QUICK)
    assert code == 4
    assert "page.gif (no picture that can be identified)" in err
    assert len(err.strip().splitlines()) == 1


def test_what_a_run_on_own_videos_cannot_tell_is_said_with_the_words_of_videos(run, tmp_path):
    for i in range(24):
        animated(tmp_path / "videos" / ("left", "right")[i % 2] / f"{i}.gif", moving(seed=i))
    data = ["data=video_folder", f"data.path={tmp_path / 'videos'}", "model.conditional=true"]
    words = ["model=vae", "model.width=4", "model.latent_size=4", "budget.steps=2", "name=r"]
    code, _, err = run("train", *data, *words, *QUICK)
    assert code == 0, err
    own = animated(tmp_path / "own.gif", moving(seed=50))
    code, _, err = run("complete", "run=r", f"in={own}", "mask=end")
    assert code == 2
    assert err == "genkit: r was trained with labels: say which the video has by label=: left, right.\n"
    code, _, err = run("evaluate", "run=r", f"real={tmp_path / 'videos'}", "metrics=kid")
    assert (code, err.count("\n")) == (2, 1)
    assert "is a folder of pictures or of sounds, and r draws videos: leave real= out" in err
    code, out, err = run("evaluate", "run=r", "metrics=process", "n=4")  # a group that has nothing says why
    assert code == 0, err
    assert re.search(r"\bvalid_share\b.*: none: needs data that are made by the rule of bouncing digits", out)
