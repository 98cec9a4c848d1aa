"""Moving pictures as GIF, WebP and films: other programs get every frame back, as long as it lasts."""

import io
import json
import struct

import numpy as np
import pytest
from PIL import Image, ImageSequence

from genkit.system import films
from genkit.system.animations import Change, exact_as_gif, gif_extent, gif_file, webp_file
from genkit.system.errors import ConfigError

ABOUT = {"seed": 3, "origin": {"run": "déjà", "weights": "ema"}}
RATES = (8, 10, 24, 25, 30, 60)
# By hand, milliseconds: as near to the rate as whole hundredths or thousandths of a second are.
LASTING = {
    "gif": {8: {120, 130}, 10: {100}, 24: {40}, 25: {40}, 30: {30}, 60: {20}},
    "webp": {8: {125}, 10: {100}, 24: {42}, 25: {40}, 30: {33}, 60: {17}},
}
WRITERS = {"gif": gif_file, "webp": webp_file}


def grey(frames=20, side=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (frames, side, side, 1), dtype=np.uint8)


def coloured(frames=6, side=24, colours=256, seed=0):
    """So many colours in each frame, others in every one."""
    rng = np.random.default_rng(seed)
    clip = np.empty((frames, side, side, 3), np.uint8)
    for frame in clip:
        places = rng.permutation(np.r_[np.arange(colours), rng.integers(0, colours, side * side - colours)])
        table = rng.choice(2**24, colours, replace=False)
        frame[:] = np.stack([table >> 16, table >> 8 & 255, table & 255], -1)[places].reshape(side, side, 3)
    return clip


def moving(frames=20, side=64):
    """A square on black, that is cut off at the end."""
    clip = np.zeros((frames, side, side, 1), np.uint8)
    for t in range(frames):
        clip[t, 3 * t : 3 * t + 9, 2 * t : 2 * t + 9] = 100 + t
    return clip


def with_equal(clip, *places):
    """Frames at these places are as the ones before."""
    for place in places:
        clip[place] = clip[place - 1]
    return clip


def still(clip):
    return np.repeat(clip[:1], len(clip), 0)


CLIPS = {
    "grey noise": grey(),
    "equal at the start": with_equal(grey(), 1, 2),
    "equal in the middle": with_equal(grey(), 9, 10, 11),
    "equal at the end": with_equal(grey(), 18, 19),
    "all equal": still(grey()),
    "all black": np.zeros((20, 64, 64, 1), np.uint8),
    "small": grey(8, 16),
    "one pixel": grey(5, 1),
    "one frame": grey(1),
    "a square": moving(),
    "two levels": grey(8, 16) // 128 * 255,
    "the darkest levels": grey(8, 16) // 64,
    "colours": coloured(),
    "few colours": coloured(colours=3),
    "equal colours": with_equal(coloured(), 1, 3, 5),
    "all equal colours": still(coloured()),
    "grey, then colours": np.concatenate([grey(4, 24) // 16 * np.ones(3, np.uint8), coloured(4)]),
    "black colours": np.zeros((4, 9, 9, 3), np.uint8),
    "oblong": grey(6, 33)[:, :17],
}


def read(content, lasting):
    """Every frame by the time that it lasts, uint8 (T, H, W, 3), as Pillow has it, and how often it loops."""
    frames = []
    with Image.open(io.BytesIO(content)) as file:
        for frame in ImageSequence.Iterator(file):
            pixels = np.asarray(frame.convert("RGB"))
            times = frame.info["duration"] / lasting
            assert times == round(times) >= 1
            frames += [pixels] * round(times)
        return np.stack(frames), file.info.get("loop")


def first_duration(content):
    with Image.open(io.BytesIO(content)) as file:
        file.load()
        return file.info["duration"]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("name", CLIPS)
def test_a_reader_by_durations_gets_every_frame_exactly(kind, name):
    clip = CLIPS[name]
    content = WRITERS[kind](clip, 10, "genkit", ABOUT)
    frames, loop = read(content, 100)
    assert np.array_equal(frames, np.broadcast_to(clip, (*clip.shape[:3], 3)))
    assert loop == 0  # for ever


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("rate", RATES)
def test_no_frame_is_lost_at_any_rate(kind, rate):
    for clip in (with_equal(grey(side=16), 1, 9, 10, 19), still(grey(side=16)), coloured()):
        content = WRITERS[kind](clip, rate, "genkit", {})
        lasting = first_duration(content)
        assert lasting in LASTING[kind][rate]
        frames, _ = read(content, lasting)
        assert np.array_equal(frames, np.broadcast_to(clip, (*clip.shape[:3], 3)))


@pytest.mark.parametrize("kind", WRITERS)
def test_as_many_frames_stand_in_the_file_as_there_are(kind):
    """Also for who counts frames, and does not look how long they last."""
    for clip in (still(grey()), with_equal(coloured(), 2, 3)):
        with Image.open(io.BytesIO(WRITERS[kind](clip, 8, "genkit", {}))) as file:
            assert file.n_frames == len(clip)


def test_pillows_own_gif_would_join_what_is_equal():
    """Why the container is written here."""
    pictures = [Image.fromarray(frame[..., 0]) for frame in still(grey())]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=100)
    with Image.open(buffer) as file:
        assert file.n_frames == 1


@pytest.mark.parametrize("rate", [0.001, 0.5, 1_000, 1e9])
def test_odd_rates_are_brought_to_what_a_file_can_say(rate):
    clip = grey(3, 8)
    for kind, least, most in (("gif", 20, 655_350), ("webp", 11, 2**24 - 1)):
        content = WRITERS[kind](clip, rate, "genkit", {})
        lasting = first_duration(content)
        assert lasting == min(max(least, 1_000 / rate), most if kind == "gif" else 1_000_000)
        assert np.array_equal(read(content, lasting)[0][..., :1], clip)


def test_files_say_where_they_come_from():
    long = {**ABOUT, "captions": ["seven"] * 500}  # more than one block of a GIF holds
    with Image.open(io.BytesIO(gif_file(grey(2, 8), 8, "genkit 1", long))) as file:
        said = json.loads(file.info["comment"].decode("ascii"))
    assert said == {**long, "program": "genkit 1", "rate": 8}
    with Image.open(io.BytesIO(webp_file(grey(2, 8), 8, "genkit 1", long))) as file:
        exif = file.getexif()
    assert json.loads(exif[0x010E]) == {**long, "rate": 8}
    assert exif[0x0131] == "genkit 1"


def test_more_colours_than_a_gif_has_are_brought_to_near_ones():
    rng = np.random.default_rng(0)
    x, y = np.mgrid[:32, :32]
    smooth = np.stack([8 * x, 8 * y, 4 * (x + y)], -1).astype(np.uint8)  # 1,024 colours
    clip = np.stack([smooth, smooth, rng.integers(0, 256, smooth.shape, np.uint8), coloured(1, 32)[0]])
    assert not exact_as_gif(clip)
    frames, _ = read(gif_file(clip, 10, "genkit", {}), 100)
    errors = np.abs(frames.astype(int) - clip).mean((1, 2, 3))
    assert 0 < errors[0] < 8
    assert np.array_equal(frames[0], frames[1])  # what does not move does not flicker
    assert 0 < errors[2] < 40
    assert errors[3] == 0  # a frame of 256 colours is exact, whatever stood before it
    assert np.array_equal(read(webp_file(clip, 10, "genkit", {}), 100)[0], clip)


def test_it_is_known_what_a_gif_holds_exactly():
    assert exact_as_gif(grey())
    assert exact_as_gif(coloured(colours=256))
    assert not exact_as_gif(coloured(colours=257))
    assert not exact_as_gif(np.concatenate([coloured(), coloured(1, colours=300)]))


def test_what_changes_is_one_rectangle():
    before = np.zeros((10, 12, 1), np.uint8)
    after = before.copy()
    after[3, 5] = after[7, 9] = 1
    change = Change.between(before, after)
    assert (change.left, change.top, change.width, change.height) == (5, 3, 5, 5)
    even = Change.between(before, after, 2)  # as a WebP has to say it
    assert (even.left, even.top, even.width, even.height) == (4, 2, 6, 6)
    nothing = Change.between(after, after.copy())
    assert nothing.pixels.shape == (1, 1, 1)


def test_a_file_is_as_large_as_what_moves_in_it():
    square, noise = moving(), grey()
    for kind, write in WRITERS.items():
        assert len(write(square, 8, "genkit", {})) < 3_000, kind
        assert len(write(still(noise), 8, "genkit", {})) < 1.4 * len(write(noise[:1], 8, "genkit", {})), kind


def test_frames_that_no_file_can_say_are_refused():
    class Wide:
        shape = (8, 70_000, 1)

    with pytest.raises(ConfigError, match=r"\.gif holds frames of at most 65,535 pixels a side, and these"):
        gif_file(iter([Wide()]), 8, "genkit", {})
    with pytest.raises(ConfigError, match=r"\.webp holds .* 16,383 .* 70,000×8: save fewer videos"):
        webp_file(iter([Wide()]), 8, "genkit", {})


@pytest.mark.parametrize("name", ["grey noise", "all equal", "colours", "one frame", "oblong"])
def test_how_large_a_gif_is_is_known_without_decoding_it(name):
    frames, height, width, _ = CLIPS[name].shape
    assert gif_extent(gif_file(CLIPS[name], 8, "genkit", ABOUT)) == (width, height, frames)


def test_a_gif_of_pillows_is_measured_too():
    pictures = [Image.fromarray(frame[..., 0]) for frame in grey(5, 30)]
    buffer = io.BytesIO()
    pictures[0].save(buffer, "GIF", save_all=True, append_images=pictures[1:], duration=100, comment="a")
    assert gif_extent(buffer.getvalue()) == (30, 30, 5)


def test_what_is_no_whole_gif_is_refused():
    content = gif_file(grey(3, 16), 8, "genkit", ABOUT)
    for end in (0, 5, 12, 13, 700, 790, 900, len(content) - 1):
        with pytest.raises(ValueError, match=r"it is no GIF|cut off"):
            gif_extent(content[:end] if end else b"RIFF" * 10)
    for place in range(13 + 768, 13 + 768 + 20):
        with pytest.raises(ValueError, match=r"damaged|cut off"):
            gif_extent(content[:place] + b"\x05" + content[place:])
    start = content.index(b"," + struct.pack("<HHHH", 0, 0, 16, 16))
    for side in (1, 3, 5, 7):  # left, top, width, height, each a byte that is too large
        with pytest.raises(ValueError, match="lies outside"):
            gif_extent(content[: start + side] + b"\x11" + content[start + side + 1 :])


def chunks(content):
    """By hand: names and contents of a RIFF file's chunks, which must fill it exactly."""
    assert (content[:4], struct.unpack("<I", content[4:8])[0]) == (b"RIFF", len(content) - 8)
    place, found = 12, []
    while place < len(content):
        name, size = struct.unpack("<4sI", content[place : place + 8])
        found.append((name, content[place + 8 : place + 8 + size]))
        place += 8 + size + size % 2
    assert place == len(content)
    return found


def test_a_webp_is_built_as_its_specification_says():
    found = chunks(webp_file(grey(3, 9), 8, "genkit", ABOUT))
    assert [name for name, _ in found] == [b"VP8X", b"ANIM", b"ANMF", b"ANMF", b"ANMF", b"EXIF"]
    assert found[0][1] == bytes([0x0A, 0, 0, 0]) + b"\x08\0\0" * 2
    assert found[1][1][4:] == b"\0\0"
    assert found[2][1][:16] == b"\0\0\0" * 2 + b"\x08\0\0" * 2 + b"\x7d\0\0" + b"\x02"
    assert found[2][1][16:20] == b"VP8L"


# ---------------------------------------------------------------------- films


def decoded(content):
    av = pytest.importorskip("av")
    with av.open(io.BytesIO(content)) as file:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)])
        said = {key.lower(): value for key, value in file.metadata.items()}
        return frames, file.streams.video[0].average_rate, json.loads(said["comment"])


@pytest.mark.parametrize("suffix", films.SUFFIXES)
@pytest.mark.parametrize("clip", [moving(), moving(8, 16), with_equal(moving(9, 33), 1, 8), moving(3, 301)])
def test_a_film_has_every_frame_nearly(suffix, clip):
    frames, rate, about = decoded(films.film(suffix, clip, 12.5, "genkit", ABOUT))
    assert len(frames) == len(clip)
    assert rate == 12.5
    assert about == {**ABOUT, "program": "genkit", "rate": 12.5}
    _, height, width, _ = frames.shape
    assert height % 2 == width % 2 == 0
    factor = height // clip.shape[1]
    assert (height, width) == (factor * clip.shape[1], factor * clip.shape[2])
    assert 256 <= height <= 602
    middles = frames[:, factor // 2 :: factor, factor // 2 :: factor].astype(int)
    error = np.abs(middles - clip)
    assert error.mean() < 0.6
    assert error.max() < 24


@pytest.mark.parametrize("suffix", films.SUFFIXES)
def test_the_colours_of_a_film_are_those_of_the_video(suffix):
    clip = np.zeros((4, 32, 32, 3), np.uint8)
    clip[:, :16, :16], clip[:, 16:, :16], clip[:, :, 16:] = (220, 30, 40), (20, 200, 60), (30, 60, 230)
    frames, _, _ = decoded(films.film(suffix, clip, 8, "genkit", {}))
    middles = frames[:, 4::8, 4::8].astype(int)
    inside = np.ones((32, 32), bool)
    inside[14:18] = inside[:, 14:18] = False  # colours run over edges
    assert np.abs(middles - clip)[:, inside].max() < 12


def test_films_without_pyav_are_refused_in_one_line(monkeypatch):
    monkeypatch.setattr(films.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError) as refused:
        films.film(".mp4", moving(), 8, "genkit", {})
    assert str(refused.value).splitlines() == [
        ".mp4 needs PyAV: pip install 'generator-kit[video]'; .gif and .webp need nothing."
    ]
