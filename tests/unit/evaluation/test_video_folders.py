"""Folders of videos against one another: when they are so, what is measured, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from genkit.core.animation import Animation
from genkit.core.media.video import VIDEO
from genkit.core.spec import ArraySpec
from genkit.data.video.moving import moving_digits
from genkit.data.video_knobs import MovingDigitsKnobs
from genkit.evaluation import evaluate_files
from genkit.evaluation.own_videos import OwnVideos
from genkit.metrics.extractors import extractor
from genkit.system.errors import DataError

N = 60


@pytest.fixture(scope="module")
def clips():
    """Frames of two lots of videos, uint8 (N, T, H, W, 1)."""
    made = moving_digits(MovingDigitsKnobs(examples=2 * N), {}).images
    shown = np.round(np.asarray(made[: 2 * N]) * (255 / 16)).astype(np.uint8)
    frames = np.moveaxis(shown, 1, -1)
    return frames[:N], frames[N:]


def saved(place, clips, suffix=".gif", rate=8.0):
    """A file of each, or a folder of frames where there is no suffix."""
    place.mkdir(parents=True, exist_ok=True)
    for i, frames in enumerate(clips):
        if suffix:
            Animation(frames, rate, "", {}).save(place / f"{i:03}{suffix}")
            continue
        (place / f"{i:03}").mkdir()
        for t, frame in enumerate(frames):
            Image.fromarray(frame[..., 0]).save(place / f"{i:03}" / f"{t}.png")
    return place


def measured(real, fake, **more):
    """Rows by role and metric, and what was said."""
    said: list[str] = []
    rows = evaluate_files(real, fake, say=said.append, **more)
    return {(row.role, row.metric): row for row in rows}, said


def values(rows):
    return {key: row.value for key, row in rows.items()}


def test_two_folders_of_one_kind_are_near_and_what_stands_still_is_not(tmp_path, clips):
    real = saved(tmp_path / "real", clips[0])
    rows, said = measured(real, saved(tmp_path / "fake", clips[1]))
    assert said == []
    kid, frame_kid = (
        {role: rows[role, name].value for role in ("model", "floor", "ceiling")}
        for name in ("kid_moving_digits", "frame_kid")
    )
    assert abs(kid["model"]) < 0.1 * kid["ceiling"]
    assert abs(frame_kid["model"]) < 0.1 * frame_kid["ceiling"]
    assert rows["model", "exact_copies"].value == 0
    assert not any(metric.startswith(("valid", "straight", "prediction")) for _, metric in rows)
    # Of each the frame that single frames show, for as long: the very frames, and other videos.
    still = np.stack([frames[[i % 8] * 8] for i, frames in enumerate(clips[1])])
    frozen, _ = measured(real, saved(tmp_path / "still", still))
    assert frozen["model", "kid_moving_digits"].low > rows["model", "kid_moving_digits"].high
    assert frozen["model", "frame_kid"].value == pytest.approx(frame_kid["model"], abs=1e-9)


def test_files_of_all_kinds_and_folders_of_frames_are_the_same_videos(tmp_path, clips):
    given = {".gif": saved(tmp_path / "gif", clips[0][:30])}
    given[".webp"] = saved(tmp_path / "webp", clips[0][:30], ".webp")
    given[""] = saved(tmp_path / "frames", clips[0][:30], "")
    fake = saved(tmp_path / "fake", clips[1][:30])
    found = {suffix: measured(place, fake)[0] for suffix, place in given.items()}
    assert values(found[".gif"]) == values(found[".webp"]) == values(found[""])
    assert len({rows["model", "frame_kid"].place.judged for rows in found.values()}) == 1
    both, _ = measured(given[".gif"], given[".webp"])
    assert both["model", "exact_copies"].value == 30


def test_what_may_be_pictures_is_unless_an_extractor_of_videos_is_asked_for(tmp_path, clips):
    real, fake = (saved(tmp_path / str(i), lot[:20], "") for i, lot in enumerate(clips))
    as_pictures, _ = measured(real, fake)
    assert as_pictures["model", "kid_digits"].n == 160
    as_videos, _ = measured(real, fake, name="moving_digits")
    assert as_videos["model", "kid_moving_digits"].n == 20
    moving = [saved(tmp_path / f"{i}.gifs", lot[:20]) for i, lot in enumerate(clips)]
    first, said = measured(*moving, name="digits")
    assert first["model", "kid_digits"].n == 20
    assert all("of each the first picture is compared" in line for line in said)


def test_what_has_no_form_in_common_is_refused_in_one_line(tmp_path, clips):
    real = saved(tmp_path / "real", clips[0][:20])
    for name, lot, rate, told in (
        ("short", clips[1][:20, :6], 8.0, r"fake=000\.gif has 6 frames of 16×16, real=000\.gif 8 frames of"),
        ("small", clips[1][:20, :, :12], 8.0, "has 8 frames of 16×12, real=000.gif 8 frames of 16×16: vide"),
        ("fast", clips[1][:20], 25.0, "fake=000.gif has 25 frames a second, real=000.gif 8.33: videos of s"),
    ):
        with pytest.raises(DataError, match=told) as caught:
            evaluate_files(real, saved(tmp_path / name, lot, rate=rate))
        assert "\n" not in str(caught.value)
    broken = saved(tmp_path / "broken", clips[1][:20])
    whole = (broken / "003.gif").read_bytes()
    (broken / "003.gif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"^fake= 1 of 20 videos cannot be read: 003\.gif \("):
        evaluate_files(real, broken)


def test_videos_of_ones_own_have_the_form_of_the_runs_samples(tmp_path, clips):
    place = saved(tmp_path / "mine", clips[0][:20])
    spec = ArraySpec(1, (8, 16, 16), 17, medium=VIDEO, rate=8.0)
    seen = OwnVideos(place, spec, pytest.fail).seen(extractor("moving_digits"))
    assert np.array_equal(np.moveaxis(seen.clips.numpy(), 1, -1), clips[0][:20])
    for other, told in (
        (ArraySpec(1, (10, 16, 16), medium=VIDEO, rate=8.0), "8 frames of 16×16, and the run draws 10 of 16"),
        (ArraySpec(1, (8, 16, 16), medium=VIDEO, rate=25.0), "8.33 frames a second, and the run draws 25: "),
    ):
        with pytest.raises(DataError, match=told):
            OwnVideos(place, other, pytest.fail)
