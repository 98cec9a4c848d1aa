"""Videos: what is saved is read back by other programs, frame for frame; what is laid out stands where a hand
puts it; a page and a board hold the very pixels."""

import base64
import io
import json
import re

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from genkit.core import media
from genkit.core.animation import Animation
from genkit.core.media import video
from genkit.core.media.medium import BoardVideos, Shown
from genkit.core.media.video import VIDEO
from genkit.core.samples import Samples
from genkit.core.spec import ArraySpec
from genkit.system import films
from genkit.system.errors import ConfigError
from genkit.training.loggers import BoardHistory

WORDS = ["zero", "one", "two"]


def clips(n=3, channels=1, frames=20, side=64, seed=0):
    shape = (n, channels, frames, side, side)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def samples_of(arrays, rate=10.0, **more):
    """Samples of which these are what is shown."""
    spec = ArraySpec(arrays.shape[1], arrays.shape[2:], 256, medium=VIDEO, rate=rate)
    return Samples(torch.from_numpy(arrays / 255).float(), spec, seed=3, **more)


@pytest.fixture
def videos():
    return samples_of(clips(), origin={"run": "déjà", "weights": "ema"}, captions=WORDS)


def read(path, lasting=100):
    """Frames by the time that they last, uint8 (T, H, W, 3)."""
    found = []
    with Image.open(path) as file:
        for frame in ImageSequence.Iterator(file):
            pixels = np.asarray(frame.convert("RGB"))
            found += [pixels] * round(frame.info["duration"] / lasting)
    return np.stack(found)


def coloured(arrays):
    """Clips (n, C, T, H, W) as files have them, (n, T, H, W, 3)."""
    frames = np.moveaxis(arrays, 1, -1)
    return np.broadcast_to(frames, (*frames.shape[:-1], 3))


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_one_video_is_a_file_of_its_very_frames(suffix, tmp_path):
    arrays = clips(1)
    arrays[:, :, [1, 10, 19]] = arrays[:, :, [0, 9, 18]]
    saved = samples_of(arrays).save(tmp_path / f"a{suffix}")
    assert np.array_equal(read(saved), coloured(arrays)[0])


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("still", [False, True])
def test_several_videos_are_a_grid_that_moves(suffix, still, tmp_path):
    arrays = clips(3, frames=4, side=32)
    arrays = np.repeat(arrays[:, :, :1], 4, 2) if still else arrays
    frames = read(samples_of(arrays).save(tmp_path / f"a{suffix}"))
    by_hand = np.full((4, 67, 67, 3), 128, np.uint8)
    for clip, top, left in zip(coloured(arrays), (1, 1, 34), (1, 34, 1), strict=True):
        by_hand[:, top : top + 32, left : left + 32] = clip
    assert np.array_equal(frames, by_hand)


def test_small_videos_are_enlarged_in_a_grid(tmp_path):
    arrays = clips(2, frames=3, side=16)
    frames = read(samples_of(arrays).save(tmp_path / "a.gif"))
    assert frames.shape == (3, 36, 70, 3)  # twice 16 with a border, and twice two of them with three
    assert np.array_equal(frames[:, 2:34:2, 2:34:2], coloured(arrays)[0])
    assert np.array_equal(frames[:, 3:34:2, 37:68:2], coloured(arrays)[1])


def test_columns_are_as_they_are_asked_for(tmp_path):
    shown = samples_of(clips(4, frames=2, side=32)).shown
    VIDEO.save(Shown(arrays=shown.arrays, array=shown.array, columns=4), tmp_path / "a.gif")
    assert read(tmp_path / "a.gif").shape == (2, 34, 133, 3)


@pytest.mark.parametrize("channels", [1, 3])
def test_an_npz_has_the_videos_and_their_rate(channels, tmp_path):
    samples = samples_of(clips(2, channels), captions=WORDS[:2])
    with np.load(samples.save(tmp_path / "a.npz"), allow_pickle=False) as file:
        assert file["videos"].dtype == np.uint8
        assert np.array_equal(file["videos"], np.moveaxis(samples.arrays, 1, -1))
        assert file["videos"].shape == (2, 20, 64, 64, channels)
        assert float(file["rate"]) == 10
        about = json.loads(str(file["provenance"]))
        assert (about["seed"], about["captions"], about["rate"]) == (3, WORDS[:2], 10)


def test_a_folder_has_a_file_each_with_the_very_frames(videos, tmp_path):
    folder = videos.save(tmp_path / "each")
    assert sorted(path.name for path in folder.iterdir()) == ["00000.gif", "00001.gif", "00002.gif"]
    for i, path in enumerate(sorted(folder.iterdir())):
        assert np.array_equal(read(path), coloured(videos.arrays)[i])
        with Image.open(path) as file:
            said = json.loads(file.info["comment"])
        assert (said["seed"], said["sample"], said["of"]) == (3, i, WORDS[i])
        assert said["origin"] == {"run": "déjà", "weights": "ema"}


def test_a_folder_has_a_webp_where_a_gif_would_lose_colours(tmp_path):
    arrays = clips(2, 3, 4, 24)
    arrays[1] //= 64  # four levels of three colours
    folder = samples_of(arrays).save(tmp_path / "each")
    assert sorted(path.name for path in folder.iterdir()) == ["00000.webp", "00001.gif"]
    for path, clip in zip(sorted(folder.iterdir()), coloured(arrays), strict=True):
        assert np.array_equal(read(path), clip)


@pytest.mark.parametrize("suffix", films.SUFFIXES)
def test_films_have_all_frames(suffix, tmp_path):
    av = pytest.importorskip("av")
    for n, side in ((1, 256), (3, 4 * 67)):  # eight times 32; a grid of 67 four times, not thrice
        path = samples_of(clips(n, frames=5, side=32) // 4).save(tmp_path / f"{n}{suffix}")
        with av.open(str(path)) as file:
            assert [(frame.height, frame.width) for frame in file.decode(video=0)] == [(side, side)] * 5


def test_films_are_refused_before_anything_is_drawn(monkeypatch):
    monkeypatch.setattr(films.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"^\.webm needs PyAV: pip install 'generator-kit\[video\]'; \.gif"):
        VIDEO.check_suffix("a.webm")
    assert VIDEO.check_suffix("a.gif") == ".gif"
    assert VIDEO.check_suffix("folder") == ""


def test_videos_are_saved_as_nothing_else(videos, tmp_path):
    said = r"videos are saved as \.gif, \.webp, \.mp4, \.webm, \.png, \.npz or, without a suffix, as a folder"
    with pytest.raises(ConfigError, match=said):
        videos.save(tmp_path / "a.avi")
    with pytest.raises(ConfigError, match=r"see \.arrays"):
        _ = videos.images


def test_a_contact_sheet_is_a_png(videos, tmp_path):
    with Image.open(videos.save(tmp_path / "a.png")) as file:
        assert np.array_equal(np.asarray(file), np.asarray(videos.grid()))
        assert file.width > 10 * 65  # ten of twenty frames, and captions
        assert file.height == 16 + 3 * 65 + 1


# ---------------------------------------------------------------------- shown


def test_one_sample_is_an_animation(videos):
    one = videos[1]
    assert isinstance(one, Animation)
    assert (one.rate, one.caption, one.seconds) == (10, "one", 2)
    assert np.array_equal(one.frames[..., 0], videos.arrays[1, 0])
    assert videos[-1].caption == "two"


def moving(page):
    """What moves in a page: the kind of file, and what is in it."""
    [(kind, coded)] = re.findall(r'src="data:image/(\w+);base64,([^"]+)"', page)
    return kind, io.BytesIO(base64.b64decode(coded))


def test_in_a_notebook_they_move_in_one_grid(videos, tmp_path):
    kind, file = moving(videos._repr_html_())
    assert kind == "gif"
    assert np.array_equal(read(file), read(videos.save(tmp_path / "a.gif")))
    assert "not shown" not in videos._repr_html_()
    kind, file = moving(videos[2:]._repr_html_())
    assert np.array_equal(read(file), coloured(videos.arrays)[2])
    assert "<figcaption>two</figcaption>" in videos[2:]._repr_html_()


def test_a_notebook_is_kept_small_and_says_how_many_are_left_out(monkeypatch):
    monkeypatch.setattr(video, "MOST_LETTERS", 100_000)
    samples = samples_of(clips(9, frames=3, side=64))
    page = samples._repr_html_()
    assert 50_000 < len(page) < 100_200
    left, shown = re.search(
        r"<p>(\d) more are not shown: take a part, as in samples\[(\d):\], or", page
    ).groups()
    assert int(left) + int(shown) == 9
    grid = read(moving(page)[1])
    assert np.array_equal(grid, read(moving(samples[: int(shown)]._repr_html_())[1]))


def test_a_terminal_says_what_they_are(videos):
    assert str(videos) == "3 videos of 1×20×64×64, seed 3"
    assert VIDEO.terminal(videos.shown) is None


def test_where_nobody_says_how_fast_they_are_there_are_eight_frames_a_second():
    assert samples_of(clips(1, frames=2), rate=None)[0].rate == 8


def test_the_medium_is_known_by_its_name():
    assert media.find("video") == VIDEO
    assert VIDEO.keeps == (".gif", ".png")
    assert VIDEO.fault() == ""


def test_boards_have_a_grid_that_moves_and_a_contact_sheet():
    board = samples_of(clips(20, frames=3, side=32)).board
    assert isinstance(board, BoardVideos)
    assert board.moving.frames.shape == (3, 133, 133, 1)  # of the first sixteen
    assert board.picture.height == 16 * 33 + 1


def test_tensorboard_has_the_bytes_of_the_gif(videos, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = BoardHistory(tmp_path)
    history.log_samples(videos, 7)
    history.log_metrics({"a": 1.0}, 7)
    history.save()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    [logged] = events.Images("samples/moving")
    assert (logged.step, logged.width, logged.height) == (7, 131, 131)
    assert logged.encoded_image_string.startswith(b"GIF89a")
    assert np.array_equal(
        read(io.BytesIO(logged.encoded_image_string)), read(videos.save(tmp_path / "a.gif"))
    )
    assert events.Images("samples")[0].width == videos.grid().width
