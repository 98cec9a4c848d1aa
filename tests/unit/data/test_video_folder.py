"""Videos in a folder become clips: lengths, strides, rates, shapes, parts; what is odd about them is said."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from genkit.core.array_spec import ArraySpec
from genkit.core.media.video import VIDEO
from genkit.core.spec import View
from genkit.data import open_dataset, open_source
from genkit.data.checking import check
from genkit.data.given_example import read_given_example
from genkit.data.video_knobs import MovingDigitsKnobs, VideoFolderKnobs
from genkit.system.errors import ConfigError, DataError
from tests.videos import animated, compressed, moving, numbered


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "videos"
    for kind in ("left", "right"):
        for i in range(6):
            clip = moving(seed=i + 10 * (kind == "left"))
            animated(root / kind / f"{i}.gif", clip if kind == "right" else clip[..., ::-1])
            numbered(root / kind / f"{i}_frames", moving(seed=i + 100 + 10 * (kind == "left")))
    return root


def opened(root, cache, **knobs):
    given = VideoFolderKnobs(name="video_folder", path=str(root), **knobs)
    return open_dataset(given, {"cache_dir": str(cache), "data_dir": ""}, View("arrays"))


def every(dataset):
    """All clips of all parts, by the number of the example."""
    parts = [dataset.split(part).gather(np.arange(n))[0] for part, n in dataset.counts.items()]
    return np.concatenate(parts)


def checked(root, cache, **knobs):
    given = VideoFolderKnobs(name="video_folder", path=str(root), **knobs)
    paths = {"cache_dir": str(cache), "data_dir": ""}
    return dict(check("video_folder", open_source(given, paths), given, paths))


def refused(root, cache, kind=DataError, **knobs):
    with pytest.raises(kind) as caught:
        opened(root, cache, **knobs)
    said = str(caught.value)
    assert "\n" not in said
    return said


# ---------------------------------------------------------------------- clips


def test_a_folder_of_videos_has_classes_and_is_packed_once(folder, tmp_path, monkeypatch):
    dataset = opened(folder, tmp_path / "cache")
    spec = dataset.spec
    assert (spec.shape, spec.levels, spec.classes) == ((1, 8, 16, 16), 256, ("left", "right"))
    assert spec.rate == 8.333  # 12 hundredths of a second
    assert spec.medium == VIDEO
    assert sum(dataset.counts.values()) == 24
    assert any("12 of 24 videos say nothing of time" in line for line in dataset.notices)
    monkeypatch.setattr("genkit.data.video.videos.open_film", None)  # nothing is read again
    assert opened(folder, tmp_path / "cache").fingerprint == dataset.fingerprint


def test_a_file_and_a_folder_of_frames_give_the_same_clip(tmp_path):
    clips = [moving(seed=i) for i in range(10)]
    for i, clip in enumerate(clips):
        animated(tmp_path / "files" / f"{i}.webp", clip)
        numbered(tmp_path / "folders" / str(i), clip)
    first, second = (every(opened(tmp_path / kind, tmp_path / "cache")) for kind in ("files", "folders"))
    np.testing.assert_array_equal(first, second)
    assert {clip.tobytes() for clip in first} == {clip.tobytes() for clip in clips}


def test_every_policy_is_in_the_fingerprint_and_the_place_is_not(folder, tmp_path):
    policies = [{}, {"frames": 4}, {"frames": 2, "stride": 3}, {"stride": 2}, {"rate": 16.0, "frames": 8}]
    policies += [{"frames": 4, "cut": "windows"}, {"size": 8}, {"size": (8, 16), "fit": "crop"}]
    policies += [{"channels": 3}, {"background": 0, "size": (20, 16), "fit": "pad"}]
    policies += [{"background": 9, "size": (20, 16), "fit": "pad"}, {"size": (20, 16), "fit": "stretch"}]
    found = {opened(folder, tmp_path / "cache", **policy).fingerprint for policy in policies}
    assert len(found) == len(policies)
    moved = folder.rename(tmp_path / "elsewhere")
    assert opened(moved, tmp_path / "other").fingerprint in found


def test_parts_are_folders_and_a_changed_frame_is_another_set(tmp_path):
    root = tmp_path / "videos"
    for part, count in (("train", 5), ("val", 2), ("test", 3)):
        for i in range(count):
            numbered(root / part / f"{i}", moving(seed=i + 10 * count))
    dataset = opened(root, tmp_path / "cache")
    assert dataset.counts == {"train": 5, "validation": 2, "test": 3}
    numbered(root / "train" / "0", moving(seed=99))
    assert opened(root, tmp_path / "cache").fingerprint != dataset.fingerprint


def test_frames_stride_and_windows_choose_frames(tmp_path):
    for i in range(10):
        numbered(
            tmp_path / "v" / str(i), np.repeat(np.arange(20) + 20 * i // 2, 64).reshape(20, 8, 8).astype("u1")
        )
    crop = every(opened(tmp_path / "v", tmp_path / "cache", frames=4, stride=3))
    assert sorted(crop[:, 0, :, 0, 0].tolist())[0] == [0, 3, 6, 9]
    dataset = opened(tmp_path / "v", tmp_path / "cache", frames=4, stride=2, cut="windows")
    assert sum(dataset.counts.values()) == 20
    assert "windows of one video, of 10, stay in one part" in dataset.protocol
    of = {}
    for part, n in dataset.counts.items():
        firsts = dataset.split(part).gather(np.arange(n))[0][:, 0, :, 0, 0].tolist()
        of[part] = {tuple(row) for row in firsts}
    every_window = set.union(*of.values())
    assert {(0, 2, 4, 6), (8, 10, 12, 14)} <= every_window
    for windows in of.values():  # both windows of a video stand in one part
        assert all(
            (row[0] + (8 if row[0] % 10 == 0 else -8)) in {other[0] for other in windows} for row in windows
        )


def test_shapes_that_differ_are_asked_about_and_then_fitted(tmp_path):
    for i in range(10):
        animated(tmp_path / "v" / f"{i}.gif", moving(side=16, seed=i))
    animated(tmp_path / "v" / "wide.gif", moving(side=16)[:, :8])
    said = refused(tmp_path / "v", tmp_path / "cache")
    assert "2 sizes: 16×16 (10), 16×8 (1). Say data.size=[16,16]" in said
    assert "videos of 16×8 become 16×16" in refused(tmp_path / "v", tmp_path / "cache", size=16)
    for fit in ("crop", "pad", "stretch"):
        assert opened(tmp_path / "v", tmp_path / "cache", size=16, fit=fit).spec.sizes == (8, 16, 16)
    padded = every(opened(tmp_path / "v", tmp_path / "cache", size=16, fit="pad", background=77))
    assert (padded[:, 0, :, 0] == 77).all((1, 2)).sum() == 1


def test_grey_among_colour_is_told_and_colour_may_become_grey(tmp_path):
    for i in range(10):
        animated(tmp_path / "v" / f"{i}.webp", moving(channels=3 if i < 4 else 1, seed=i))
    colour = opened(tmp_path / "v", tmp_path / "cache")
    assert colour.spec.channels == 3
    assert any("6 of 10 videos are grey among colour" in line for line in colour.notices)
    grey = opened(tmp_path / "v", tmp_path / "cache", channels=1)
    assert grey.spec.channels == 1
    assert any("4 of 10 videos of colour become grey" in line for line in grey.notices)


def test_rates_that_differ_are_asked_about_and_then_made_one(tmp_path):
    for i in range(10):
        animated(tmp_path / "v" / f"{i}.gif", moving(16, seed=i), 50 if i else 100)
    said = refused(tmp_path / "v", tmp_path / "cache", ConfigError)
    assert said.endswith("frames a second differ, 20 (9), 10 (1); set data.rate=20.")
    dataset = opened(tmp_path / "v", tmp_path / "cache", rate=10.0, frames=8)
    assert (dataset.spec.rate, dataset.spec.sizes[0]) == (10.0, 8)
    assert any("9 of 10 videos are brought to 10 frames a second" in line for line in dataset.notices)
    slow = opened(tmp_path / "v", tmp_path / "cache", rate=10.0, frames=4, stride=2)
    assert slow.spec.rate == 5.0


def test_various_times_transparency_and_stillness_are_told(tmp_path):
    for i in range(10):
        animated(tmp_path / "v" / f"{i}.gif", moving(seed=i), 100)
    animated(tmp_path / "v" / "odd.gif", moving(6, seed=50), [70, 110, 130, 170, 90, 250])
    numbered(tmp_path / "v" / "still", np.full((8, 16, 16), 9, np.uint8))
    clear = np.zeros((8, 16, 16, 4), np.uint8)
    clear[np.arange(8), np.arange(8)] = 255
    animated(tmp_path / "v" / "clear.webp", clear, 100)
    notices = opened(tmp_path / "v", tmp_path / "cache", rate=10.0).notices
    for said in (
        "1 of 13 videos are still, all frames of each are the same: still.",
        "1 of 13 videos have frames seen for various times: they are looked at at even times: odd.gif.",
        "1 of 13 videos are transparent and are laid on the background: clear.webp.",
    ):
        assert sum(said in line for line in notices) == 1, said


def test_compressed_videos_are_read_through_the_extra(tmp_path):
    pytest.importorskip("av")
    for i in range(10):
        compressed(
            tmp_path / "v" / f"{i}.{'mp4' if i % 2 else 'webm'}",
            moving(side=32, seed=i),
            codec="libx264" if i % 2 else "libvpx-vp9",
        )
    dataset = opened(tmp_path / "v", tmp_path / "cache", size=16)
    assert (dataset.spec.shape, dataset.spec.rate) == ((1, 8, 16, 16), 8.0)


def test_without_the_extra_the_files_and_what_to_install_are_named(tmp_path, monkeypatch):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "a.mp4").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    said = refused(tmp_path / "v", tmp_path / "cache")
    assert "a.mp4 (.mp4 needs PyAV: pip install 'generator-kit[video]')" in said


# ---------------------------------------------------------------------- what is wrong


def test_lengths_that_do_not_fit_are_refused_with_what_there_is(folder, tmp_path):
    said = refused(folder, tmp_path / "cache", ConfigError, frames=9)
    assert said.startswith("data.frames=9: no video has as many, the longest 8 (left/0.gif); set 8 or fewer")
    animated(folder / "left" / "long.gif", moving(13))
    assert "8 to 13 frames, half of them 8 or more" in refused(folder, tmp_path / "cache", ConfigError)
    said = refused(folder, tmp_path / "cache", frames=10)
    assert (
        "24 of 25 videos cannot be read: left/0.gif (it has 8 frames, and data.frames=10 asks for more)"
        in said
    )
    assert any(
        "1 of 25 videos are longer than 8 frames and are cut" in line
        for line in opened(folder, tmp_path / "cache", frames=8).notices
    )


def test_what_cannot_be_read_is_named_and_nothing_is_left(folder, tmp_path):
    (folder / "left" / "text.gif").write_text("no")
    Image.fromarray(moving(1)[0]).save(folder / "left" / "one.gif")
    whole = animated(folder / "left" / "cut.gif", moving(seed=77)).read_bytes()
    (folder / "left" / "cut.gif").write_bytes(whole[: len(whole) // 2])
    (numbered(folder / "left" / "gap", moving()) / "005.png").unlink()
    os.mkfifo(folder / "left" / "pipe.gif")
    said = refused(folder, tmp_path / "cache")
    assert said.startswith("5 of 29 videos cannot be read: ")
    for part in (
        "left/text.gif (no picture that can be identified)",
        "left/one.gif (it is one picture, and no video)",
        "left/gap (frame 5 is missing between 0 and 7)",
        "left/pipe.gif (no file)",
        "left/cut.gif (after picture",
    ):
        assert part in said, part
    assert not list((tmp_path / "cache").glob("video_folder*"))
    dataset = opened(folder, tmp_path / "cache", on_bad="skip", max_bad=0.2)
    assert sum(dataset.counts.values()) == 24
    assert any("left out" in line for line in dataset.notices)


def test_a_folder_of_frames_that_holds_videos_is_refused_and_a_stray_picture_is_not_used(folder, tmp_path):
    numbered(folder / "mixed", moving())
    animated(folder / "mixed" / "a.gif", moving())
    said = refused(folder, tmp_path / "cache")
    assert (
        "mixed (it holds 8 frames (000.png) and 1 files of videos (a.gif); a folder is one video, or" in said
    )
    shutil.rmtree(folder / "mixed")
    numbered(folder / "left", moving())
    assert "left (it holds 8 frames (000.png) and 6 files of videos" in refused(folder, tmp_path / "cache")
    for file in (folder / "left").glob("0*.png"):
        file.unlink()
    Image.fromarray(moving(1)[0]).save(folder / "poster.jpg")
    assert any("1 .jpg (poster.jpg)" in line for line in opened(folder, tmp_path / "cache").notices)


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_a_damaged_file_that_may_be_a_video_is_no_stray_picture(folder, tmp_path, suffix):
    file = animated(folder / "left" / f"cut{suffix}", moving(seed=77))
    file.write_bytes(file.read_bytes()[:9])
    said = refused(folder, tmp_path / "cache")
    assert said.startswith(f"1 of 25 videos cannot be read: left/cut{suffix} (no picture that can be")


def test_animated_pngs_are_files_and_single_ones_are_frames(tmp_path):
    for i in range(10):
        animated(tmp_path / "moving" / f"{i}.png", moving(seed=i))
        numbered(tmp_path / "frames" / str(i), moving(seed=i))
    assert sum(opened(tmp_path / "moving", tmp_path / "cache").counts.values()) == 10
    assert sum(opened(tmp_path / "frames", tmp_path / "cache").counts.values()) == 10


def test_empty_folders_say_what_they_have(tmp_path):
    (tmp_path / "v").mkdir()
    assert "holds no video: it has no files" in refused(tmp_path / "v", tmp_path / "cache")
    (tmp_path / "v" / "notes.txt").write_text("nothing")
    assert "holds no video: it has 1 .txt" in refused(tmp_path / "v", tmp_path / "cache")
    assert "is missing" in refused(tmp_path / "w", tmp_path / "cache")
    Image.fromarray(moving(1)[0]).save(tmp_path / "v" / "a.png")
    assert "v" in (said := refused(tmp_path / "v", tmp_path / "cache"))
    assert "no numbers by which to order them" in said


# ---------------------------------------------------------------------- checks


def test_a_check_names_what_is_odd(folder, tmp_path):
    numbered(folder / "left" / "still", np.full((8, 16, 16), 9, np.uint8))
    both = moving(12)
    numbered(folder / "right" / "cut", np.concatenate([both[:6] // 8, 255 - both[6:] // 8]))
    animated(folder / "right" / "fast.gif", moving(seed=60), 40)
    animated(folder / "right" / "short.gif", moving(3, seed=61))
    shutil.copy(folder / "left" / "0.gif", folder / "right" / "copy.gif")
    (folder / "left" / "empty.gif").write_bytes(b"")
    animated(folder / "left" / "small.gif", moving(side=12))
    report = checked(folder, tmp_path / "cache", frames=8)
    assert report["files"] == "31"
    assert report["unreadable"].startswith("1 of 31 videos cannot be read: left/empty.gif")
    assert report["sizes"] == "16×16 (29), 12×12 (1)"
    assert report["rates"].startswith("8 15, 25 1, unsaid 14") or "25 1" in report["rates"]
    assert report["frames"] == "3 to 12, half of them 8 or more"
    assert report["still"] == "1: left/still"
    assert report["jumps"] == "1: right/cut"
    assert "have fewer than data.frames=8" in report["too short"]
    assert {"left/0.gif", "right/copy.gif"} <= set(
        report["exact duplicates"][3:].replace(",", " =").split(" = ")
    )


def test_overlaps_between_parts_are_counted(tmp_path):
    root = tmp_path / "videos"
    for number, part in enumerate(("train", "val", "test")):
        for i in range(4):
            animated(root / part / f"{i}.gif", moving(seed=10 * number + i))
    for i in range(2):
        shutil.copy(root / "train" / f"{i}.gif", root / "test" / f"{i}.gif")
    report = checked(root, tmp_path / "cache")
    assert report["exact overlap"] == "2 videos of test repeat one of train"


# ---------------------------------------------------------------------- one of the user's own

DIGITS = ArraySpec(1, (8, 16, 16), 17, medium=VIDEO, rate=8.0)
MOVING = MovingDigitsKnobs(name="moving_digits")


def given(path, array=DIGITS, data=MOVING, fit=None):
    return read_given_example("in", path, array, data, fit, lambda: None)


def refused_given(path, **more):
    with pytest.raises(DataError) as caught:
        given(path, **more)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("factor", [1, 3, 8])
def test_a_clip_as_the_model_has_them_is_read_without_a_loss(suffix, factor, tmp_path):
    levels = np.random.default_rng(0).integers(0, 17, (1, 1, 8, 16, 16)).astype(np.uint8)
    levels[:, :, 3:6] = levels[:, :, 3:4]  # equal frames, which Pillow joins
    shown = DIGITS.shown(levels).arrays[0, 0].repeat(factor, 1).repeat(factor, 2)
    found = given(animated(tmp_path / f"a{suffix}", shown))
    np.testing.assert_array_equal(found.levels, levels)
    np.testing.assert_array_equal(found.native, DIGITS.shown(levels).arrays)
    resized = f"in=a{suffix}: {16 * factor}×{16 * factor} is reduced to 16×16."
    assert found.notices == ([] if factor == 1 else [resized])


def test_a_still_clip_that_its_file_has_joined_has_the_frames_of_its_time(tmp_path):
    path = animated(tmp_path / "a.gif", np.full((8, 16, 16), 255, np.uint8))
    found = given(path)
    assert (found.levels == 16).all()
    assert found.notices == ["in=a.gif: it is still: all its frames are the same."]


def test_what_is_made_of_a_clip_is_said(tmp_path):
    clip = moving(12, side=20, channels=3)
    said = given(animated(tmp_path / "a.webp", clip, 40)).notices
    assert said == [
        "in=a.webp: it has 25 frames a second and the data 8: they are taken one by one.",
        "in=a.webp: of its 12 frames the first 8 are taken.",
        "in=a.webp: its colour becomes grey, as the data has no colour.",
        "in=a.webp: 20×20 is reduced to 16×16.",
        "in=a.webp: its values become 17 levels, as many as the data has.",
    ]


def test_a_clip_is_treated_as_the_runs_data_was(tmp_path):
    data = VideoFolderKnobs(name="video_folder", path="", stride=2, rate=10.0, fit="pad", background=0)
    array = ArraySpec(3, (4, 16, 16), 256, medium=VIDEO, rate=5.0)
    clip = np.repeat(np.arange(16) * 10, 16 * 8).reshape(16, 8, 16).astype(np.uint8)
    found = given(animated(tmp_path / "a.gif", clip, 50), array, data)
    # Looked at ten times a second, every other: at 0.05, 0.25, 0.45, 0.65.
    assert found.levels[0, :, :, 8, 8].tolist() == [[10, 50, 90, 130]] * 3
    assert (found.levels[..., 0, :] == 0).all()
    assert any("10 times a second" in line for line in found.notices)


def test_a_folder_of_frames_may_be_given(tmp_path):
    found = given(numbered(tmp_path / "frames", moving()))
    assert found.levels.shape == (1, 1, 8, 16, 16)


def test_what_cannot_be_given_is_refused_in_a_line(tmp_path):
    short = animated(tmp_path / "short.gif", moving(5))
    assert "has 5 frames, and the model's videos 8" in refused_given(short)
    one = tmp_path / "one.gif"
    Image.fromarray(moving(1)[0]).save(one)
    assert "has one frame" in refused_given(one)
    wide = animated(tmp_path / "wide.gif", moving()[:, :8])
    assert "is 16×8 and becomes 16×16: say how with fit=crop, pad or stretch" in refused_given(wide)
    assert given(wide, fit="crop").levels.shape == (1, 1, 8, 16, 16)
    text = tmp_path / "text.gif"
    text.write_text("no")
    assert "is no video that can be read: no picture that can be identified" in refused_given(text)
    (tmp_path / "a.txt").write_text("no")
    assert "is no video by its name" in refused_given(tmp_path / "a.txt")
    assert "cannot be read: No such file" in refused_given(tmp_path / "gone.gif")
    os.mkfifo(tmp_path / "pipe.gif")
    assert "cannot be read" in refused_given(tmp_path / "pipe.gif")
    (numbered(tmp_path / "gap", moving()) / "005.png").unlink()
    assert "frame 5 is missing" in refused_given(tmp_path / "gap")
