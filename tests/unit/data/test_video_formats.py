"""Films are read frame by frame as they were written, by how long each is seen; damaged ones are refused."""

import os
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from genkit.core.animation import moving_file
from genkit.data.arrays.pictures import Form
from genkit.data.video.film import Film, Pace, Shot, frames_of
from genkit.data.video.film_clips import DEEP, FilmForm, Watched
from genkit.data.video.film_formats import open_film
from tests.videos import animated, compressed, moving, numbered


def read(path, rate=None, channels=1):
    """All frames of a film, uint8 (T, H, W) or (T, H, W, C)."""
    film = open_film(path)
    watched = Watched.of(film)
    form = FilmForm(
        watched.frames_at(rate), 1, rate, "crop", Form(channels, watched.height, watched.width, ranges=DEEP)
    )
    clip = next(form.clips(film, watched.pace))
    return clip[0] if channels == 1 else clip.transpose(1, 2, 3, 0)


def refusal(path):
    with pytest.raises((OSError, ValueError)) as caught:
        Watched.of(open_film(path))
    return str(caught.value)


@pytest.fixture(scope="module")
def still_in_places():
    """20×64×64 of noise, with equal frames at the beginning, amid and at the end."""
    clip = np.random.default_rng(0).integers(0, 256, (20, 64, 64)).astype(np.uint8)
    for first, last in ((0, 4), (9, 12), (15, 20)):
        clip[first:last] = clip[first]
    return clip


# ---------------------------------------------------------------------- exact


@pytest.mark.parametrize("milliseconds", [40, 100, 120, 125, 33])
@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".apng"])
def test_a_grey_clip_with_equal_frames_is_read_as_it_was(still_in_places, suffix, milliseconds, tmp_path):
    path = animated(tmp_path / f"a{suffix}", still_in_places, milliseconds)
    with Image.open(path) as image:
        assert image.n_frames == 11  # Pillow has joined what is equal
    np.testing.assert_array_equal(read(path), still_in_places)


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_a_clip_in_colour_is_read_as_it_was(suffix, tmp_path):
    clip = np.random.default_rng(1).integers(0, 256, (9, 12, 20, 3)).astype(np.uint8)
    clip[3:6] = clip[3]
    path = animated(tmp_path / f"a{suffix}", clip)
    np.testing.assert_array_equal(read(path, channels=3), clip)
    assert not Watched.of(open_film(path)).grey


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
@pytest.mark.parametrize("rate", [8.0, 12.0, 25.0, 30.0])
def test_what_we_write_is_read_as_it_was(still_in_places, suffix, rate, tmp_path):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(moving_file(suffix, still_in_places[..., None], rate, {}))
    np.testing.assert_array_equal(read(path), still_in_places)
    still = tmp_path / f"still{suffix}"
    still.write_bytes(moving_file(suffix, still_in_places[:4, ..., None], rate, {}))
    np.testing.assert_array_equal(read(still), still_in_places[:4])


def test_palettes_that_differ_and_disposal_give_what_a_viewer_shows(tmp_path):
    """A red square, a green one over a part of it, and a blue one alone."""
    whole = np.zeros((3, 8, 8, 3), np.uint8)
    whole[0] = 10, 20, 30
    whole[0, 2:6, 2:6] = 250, 0, 0
    whole[1] = whole[0]
    whole[1, :4, :4] = 0, 250, 0
    whole[2] = 10, 20, 30
    whole[2, 4:, 4:] = 0, 0, 250
    frames = [Image.fromarray(frame).quantize(16) for frame in whole]
    for disposal in (0, 1, 2):
        path = animated(tmp_path / f"{disposal}.gif", frames, 100, disposal=disposal)
        np.testing.assert_array_equal(read(path, channels=3), whole)


def test_a_folder_of_frames_is_in_the_order_of_its_numbers(tmp_path):
    clip = moving(12)
    np.testing.assert_array_equal(read(numbered(tmp_path / "a", clip, "frame_{}.png")), clip)
    np.testing.assert_array_equal(read(numbered(tmp_path / "c", clip, "s1_f{}_delay-0.1s.png")), clip)
    np.testing.assert_array_equal(read(numbered(tmp_path / "b", clip, "{:05d} of 12.bmp", first=7)), clip)


def test_frames_of_sixteen_bits_are_scaled(tmp_path):
    deep = (np.arange(3 * 64).reshape(3, 8, 8) * 257).astype(np.uint16)
    np.testing.assert_array_equal(read(numbered(tmp_path / "a", deep)), deep // 257)


@pytest.mark.parametrize(("name", "codec", "pixels"), [("a.mkv", "ffv1", "bgr0"), ("a.mov", "png", "rgb24")])
def test_lossless_films_are_read_as_they_were(name, codec, pixels, tmp_path):
    pytest.importorskip("av")
    clip = np.random.default_rng(2).integers(0, 256, (10, 16, 24, 3)).astype(np.uint8)
    np.testing.assert_array_equal(
        read(compressed(tmp_path / name, clip, codec=codec, pixels=pixels), channels=3), clip
    )


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mpeg4"), ("a.MOV", "libx264")],
)
def test_compressed_films_are_read_nearly_so(name, codec, tmp_path):
    pytest.importorskip("av")
    smooth = np.add.outer(np.arange(20) * 4, np.add.outer(np.arange(32), np.arange(32)) * 2).astype(np.uint8)
    path = compressed(tmp_path / name, smooth, codec=codec, rate=8)
    watched = Watched.of(open_film(path))
    assert (watched.frames, watched.pace.even, round(watched.pace.rate, 2)) == (20, True, 8.0)
    assert watched.grey
    assert np.abs(read(path).astype(int) - smooth).mean() < 5


# ---------------------------------------------------------------------- time


def frames(durations, grain=0.01):
    pace = Pace.of(durations, grain)
    return [pace.frames(duration) for duration in durations], pace


@pytest.mark.parametrize(
    ("durations", "counts", "rate"),
    [
        ([0.1, 0.1, 0.5, 0.1], [1, 1, 5, 1], 10),
        ([0.12, 0.12, 0.25, 1.0], [1, 1, 2, 8], 8),  # of 125 milliseconds, cut off to hundredths
        ([0.12, 0.12, 3.6], [1, 1, 30], 8.333),  # of 120 indeed
        ([0.03, 0.04, 0.03, 0.03, 0.04], [1] * 5, 29.4),  # a thirtieth, rounded where each begins
        ([0.033, 0.034, 0.033, 0.333], [1, 1, 1, 10], 30),
    ],
)
def test_pictures_are_as_many_frames_as_they_are_seen(durations, counts, rate):
    found, pace = frames(durations, 0.001 if 0.033 in durations else 0.01)
    assert (found, pace.even) == (counts, True)
    assert pace.rate == pytest.approx(rate, rel=0.005)


def test_every_count_of_equal_frames_is_found_at_common_rates():
    """Of all durations that Pillow writes of a clip: whole milliseconds, in hundredths cut off."""
    for milliseconds in (20, 40, 50, 62, 83, 100, 125, 166, 200):
        for counts in ([1, 2, 3, 9], [1, 1, 5, 2], [1, 4, 4, 1], [1, 2, 7, 8]):
            hundredths = [milliseconds * count // 10 / 100 for count in counts]
            found, pace = frames(hundredths)
            assert (found, pace.even) == (counts, True), (milliseconds, hundredths)


def test_pictures_without_durations_are_a_frame_each_and_a_mixture_is_refused(tmp_path):
    clip = moving(5)
    watched = Watched.of(open_film(animated(tmp_path / "a.gif", clip, 0)))
    assert (watched.frames, watched.pace.rate) == (5, None)
    assert "picture 3 does not say" in refusal(animated(tmp_path / "b.gif", clip, [100, 100, 0, 100, 100]))


def test_frames_seen_for_various_times_are_looked_at_at_even_times(tmp_path):
    levels = np.array([10, 20, 30, 40])
    clip = np.repeat(levels, 64).reshape(4, 8, 8).astype(np.uint8)
    path = animated(tmp_path / "a.gif", clip, [70, 110, 50, 170])  # they change at 0.07, 0.18 and 0.23
    watched = Watched.of(open_film(path))
    assert not watched.pace.even
    # In the middle of each twentieth of a second: 0.025, 0.075, 0.125, 0.175, …
    assert read(path, rate=20)[:, 0, 0].tolist() == [10, 20, 20, 20, 30, 40, 40, 40]
    assert watched.frames_at(20) == 8


def test_another_rate_takes_what_is_seen_then(tmp_path):
    clip = np.repeat(np.arange(12), 64).reshape(12, 8, 8).astype(np.uint8)
    path = animated(tmp_path / "a.webp", clip, 50)
    assert read(path, rate=10)[:, 0, 0].tolist() == [1, 3, 5, 7, 9, 11]
    assert read(path, rate=40)[:, 0, 0].tolist() == np.repeat(np.arange(12), 2).tolist()
    assert read(path, rate=20.3)[:, 0, 0].tolist() == list(range(12))  # what a file rounds is no other rate


def test_variable_frame_rates_of_compressed_films_are_looked_at_at_even_times(tmp_path):
    pytest.importorskip("av")
    clip = np.repeat(np.arange(6) * 40, 32 * 32).reshape(6, 32, 32).astype(np.uint8)
    path = compressed(
        tmp_path / "a.mkv", clip, codec="ffv1", pixels="bgr0", times=[0, 100, 130, 400, 420, 500]
    )
    watched = Watched.of(open_film(path))
    assert not watched.pace.even
    assert read(path, rate=10)[:5, 0, 0].tolist() == [0, 80, 80, 80, 160]  # at 0.05, 0.15, …


def test_a_film_that_is_turned_is_upright(tmp_path, monkeypatch):
    av = pytest.importorskip("av")
    from genkit.data.video import compressed as reader

    clip = np.random.default_rng(3).integers(0, 256, (4, 8, 12, 3)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(clip[0], format="rgb24")

    class Turned:
        rotation, format, to_ndarray = 90, frame.format, frame.to_ndarray

    turned = np.asarray(reader._picture(Turned()))
    np.testing.assert_array_equal(turned[::-1].transpose(1, 0, 2), clip[0])  # counterclockwise


# ---------------------------------------------------------------------- memory


class Endless(Film):
    """Frames that are told from one another, made as they are asked for."""

    def __init__(self, count):
        self.count, self.made = count, 0

    def shots(self):
        for number in range(self.count):
            self.made += 1
            yield Shot(Image.fromarray(np.full((64, 64), number % 251, np.uint8)), 0.1)


def test_a_long_film_needs_no_memory_and_its_beginning_no_more_than_that():
    film = Endless(4_000)  # 16 MB
    form = FilmForm(8, 3, None, "windows", Form(1, 64, 64))
    tracemalloc.start()
    firsts = [clip[0, :, 0, 0].tolist() for clip in form.clips(film, Pace(0.1))]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(firsts) == 4_000 // 24 == form.count(4_000)
    assert firsts[1] == list(range(24, 48, 3))
    assert most < 2e6
    film = Endless(4_000)
    next(FilmForm(8, 3, None, "crop", Form(1, 64, 64)).clips(film, Pace(0.1)))
    assert film.made == 22


# ---------------------------------------------------------------------- what a film is


def test_what_is_odd_about_a_film_is_seen(tmp_path):
    still = Watched.of(open_film(numbered(tmp_path / "still", np.full((5, 8, 8), 7, np.uint8))))
    assert still.still
    assert not still.jumps
    clip = moving(12)
    steady = Watched.of(open_film(animated(tmp_path / "a.gif", clip)))
    assert (steady.still, steady.jumps, steady.grey, steady.transparent) == (False, 0, True, False)
    cut = np.concatenate([clip // 8, 255 - clip // 8])
    assert Watched.of(open_film(animated(tmp_path / "b.gif", cut))).jumps == 1


def test_transparency_is_laid_on_the_background(tmp_path):
    clip = np.zeros((3, 8, 8, 4), np.uint8)
    clip[:, 2:6, 2:6] = 200, 200, 200, 255
    clip[1, 2, 2] = clip[2, 3, 3] = 90, 90, 90, 255
    film = open_film(animated(tmp_path / "a.webp", clip))
    watched = Watched.of(film)
    assert watched.transparent
    found = next(FilmForm(3, 1, None, "crop", Form(1, 8, 8, background=30)).clips(film, watched.pace))[0]
    assert (found[0, 0, 0], found[0, 2, 2], found[1, 2, 2]) == (30, 200, 90)


def test_what_was_enlarged_by_repeating_pixels_comes_back_exactly(tmp_path):
    clip = np.random.default_rng(4).integers(0, 256, (5, 16, 16)).astype(np.uint8)
    film = open_film(animated(tmp_path / "a.gif", clip.repeat(6, 1).repeat(6, 2)))
    found = next(FilmForm(5, 1, None, "crop", Form(1, 16, 16, "stretch")).clips(film, Pace(0.12)))
    np.testing.assert_array_equal(found[0], clip)


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95])
def test_a_file_that_is_cut_off_is_refused(suffix, share, tmp_path):
    path = animated(tmp_path / f"a{suffix}", moving(20, 32))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert len(refusal(path)) < 200


def test_a_gif_that_ends_between_two_pictures_is_refused(tmp_path):
    whole, part = animated(tmp_path / "a.gif", moving(9)), animated(tmp_path / "b.gif", moving(5))
    assert whole.read_bytes()[: part.stat().st_size - 1] == part.read_bytes()[:-1]
    part.write_bytes(part.read_bytes()[:-1])
    assert refusal(part) == "it is cut off after picture 5"


@pytest.mark.parametrize(
    ("name", "codec", "share"),
    [
        ("a.mp4", "libx264", 0.5),
        ("f.mp4", "libx264", 0.7),
        ("a.webm", "libvpx-vp9", 0.6),
        ("a.avi", "mpeg4", 0.6),
    ],
)
def test_a_compressed_film_that_is_cut_off_is_refused(name, codec, share, tmp_path):
    pytest.importorskip("av")
    options = {"movflags": "faststart"} if name == "f.mp4" else {}
    noise = np.random.default_rng(5).integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    path = compressed(tmp_path / name, noise, codec=codec, **options)
    assert Watched.of(open_film(path)).frames == 40
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    said = refusal(path)
    assert "cut off after frame" in said or said == "it is no MP4 file, or a damaged one"


def test_what_is_no_film_is_refused_in_a_line(tmp_path):
    text = tmp_path / "a.gif"
    text.write_text("<html>404</html>")
    assert refusal(text) == "no picture that can be identified"
    text.write_bytes(b"")
    assert refusal(text) == "no picture that can be identified"
    os.mkfifo(tmp_path / "pipe.gif")
    assert "no plain file" in refusal(tmp_path / "pipe.gif")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty") == "it holds no pictures"
    assert "No such file" in refusal(tmp_path / "nowhere.gif")


def test_a_list_of_other_files_is_no_film(tmp_path):
    pytest.importorskip("av")
    for name in ("a.mp4", "a.webm", "a.avi"):
        (tmp_path / name).write_text("#EXTM3U\n#EXTINF:1,\nhttp://localhost:1/a.ts\n#EXT-X-ENDLIST\n")
        assert refusal(tmp_path / name).startswith(f"it is no {name[2:].upper()} file")
    (tmp_path / "b.mp4").write_text("ffconcat version 1.0\nfile a.mp4\n")
    assert refusal(tmp_path / "b.mp4") == "it is no MP4 file, or a damaged one"


@pytest.mark.parametrize("sides", [(65_535, 65_535), (10_000, 10_000), (8_000, 5_000)])
def test_a_picture_that_would_fill_the_memory_is_not_decoded(sides, tmp_path):
    content = bytearray(animated(tmp_path / "a.gif", moving(3)).read_bytes())
    content[6:10] = b"".join(side.to_bytes(2, "little") for side in sides)
    (tmp_path / "a.gif").write_bytes(content)
    assert "33,554,432 pixels" in refusal(tmp_path / "a.gif")


def test_folders_that_are_no_film_say_why(tmp_path):
    clip = moving(6)
    (numbered(tmp_path / "gap", clip) / "003.png").unlink()
    assert refusal(tmp_path / "gap") == "frame 3 is missing between 0 and 5"
    (tmp_path / "gap" / "002.png").unlink()
    assert refusal(tmp_path / "gap") == "frames 2 to 3 are missing between 0 and 5"
    numbered(tmp_path / "twice", clip)
    Image.fromarray(clip[0]).save(tmp_path / "twice" / "2.png")
    assert refusal(tmp_path / "twice") == "frame 2 is there twice: 002.png and 2.png"
    numbered(tmp_path / "two", clip, "left{}.png")
    numbered(tmp_path / "two", clip, "right{}.png")
    assert refusal(tmp_path / "two").startswith("it holds frames of 2 series: left*, right*")
    numbered(tmp_path / "sizes", clip)
    Image.fromarray(clip[0, :8]).save(tmp_path / "sizes" / "004.png")
    assert "004.png is 16×8, those before it are 16×16" in refusal(tmp_path / "sizes")
    numbered(tmp_path / "text", clip)
    (tmp_path / "text" / "001.png").write_text("no")
    assert refusal(tmp_path / "text") == "001.png: no picture that can be identified"
    numbered(tmp_path / "named", clip[:1], "a.png")
    assert "no numbers" in refusal(tmp_path / "named")


def test_without_pyav_the_line_names_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.mp4").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    assert refusal(tmp_path / "a.mp4") == ".mp4 needs PyAV: pip install 'generator-kit[video]'"


def test_frames_that_would_never_end_are_refused():
    class Frozen(Endless):
        def shots(self):
            for seconds in (0.01, 0.01, 1e7):
                yield Shot(Image.new("L", (8, 8)), seconds)

    with pytest.raises(ValueError, match=r"more than 4,194,304 frames"):
        Watched.of(Frozen(3))
    with pytest.raises(ValueError, match=r"more than 4,194,304 frames"):
        list(frames_of(Frozen(3), Pace(0.01), None))
