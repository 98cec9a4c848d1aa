"""One video, shown alone."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image, ImageSequence

from genkit.core.animation import Animation
from genkit.core.contact_sheet import contact_sheet
from genkit.system import films
from genkit.system.errors import ConfigError


def clip(frames=20, side=64, channels=1, seed=0):
    shape = (frames, side, side, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def read(content):
    """Frames by Pillow, uint8 (T, H, W, 3): each as often as it lasts longer than the shortest."""
    found = []
    with Image.open(io.BytesIO(content)) as file:
        for frame in ImageSequence.Iterator(file):
            pixels = np.asarray(frame.convert("RGB"))
            found.append((pixels, frame.info["duration"]))
    shortest = min(lasting for _, lasting in found)
    return np.stack([pixels for pixels, lasting in found for _ in range(round(lasting / shortest))])


def in_page(page):
    """The kind of the picture of a page, and what is in it."""
    kind, coded = re.search(r'src="data:image/(\w+);base64,([^"]*)"', page).groups()
    return kind, base64.b64decode(coded)


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_a_video_saves_and_reads_back_exactly(suffix, tmp_path):
    frames = clip()
    frames[[1, 10, 19]] = frames[[0, 9, 18]]
    saved = Animation(frames, 10.0).save(tmp_path / "new" / f"a{suffix}")
    assert np.array_equal(read(saved.read_bytes()), np.broadcast_to(frames, (20, 64, 64, 3)))


def test_its_contact_sheet_is_a_png(tmp_path):
    frames = clip(5, 32)
    with Image.open(Animation(frames, 8.0, "seven").save(tmp_path / "a.PNG")) as file:
        assert np.array_equal(np.asarray(file), np.asarray(contact_sheet(frames[None], ["seven"])))


@pytest.mark.parametrize("suffix", films.SUFFIXES)
def test_it_is_saved_as_a_film(suffix, tmp_path):
    av = pytest.importorskip("av")
    path = Animation(clip(9, 32) // 8, 8.0).save(tmp_path / f"a{suffix}")
    with av.open(str(path)) as file:
        assert len(list(file.decode(video=0))) == 9


def test_other_suffixes_are_refused_with_those_that_there_are(tmp_path):
    for out in ("a.wav", "a", "a.apng"):
        with pytest.raises(ConfigError, match=r"saved as \.gif, \.webp, \.mp4, \.webm, or as \.png of its"):
            Animation(clip(2, 8), 8.0).save(tmp_path / out)
    assert not list(tmp_path.iterdir())


def test_a_film_without_its_extra_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(films.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"^\.mp4 needs PyAV: pip install 'generator-kit\[video\]'; \.gif"):
        Animation(clip(2, 8), 8.0).save(tmp_path / "a.mp4")
    assert not list(tmp_path.iterdir())


def test_it_moves_in_a_notebook_with_its_very_pixels():
    animation = Animation(clip(6, 16), 8.0, "a <b> & c")
    page = animation._repr_html_()
    kind, content = in_page(page)
    assert kind == "gif"
    assert np.array_equal(read(content)[..., :1], animation.frames)
    assert 'width="240" height="240"' in page
    assert "image-rendering:pixelated" in page
    assert "<figcaption>a &lt;b&gt; &amp; c</figcaption>" in page
    assert "figcaption" not in Animation(clip(2, 300), 8.0)._repr_html_()
    assert 'width="300" height="300"' in Animation(clip(2, 300), 8.0)._repr_html_()


def test_what_a_gif_would_lose_is_a_webp_in_a_notebook():
    frames = clip(3, 24, 3)  # 576 colours in each
    kind, content = in_page(Animation(frames, 10.0)._repr_html_())
    assert kind == "webp"
    assert np.array_equal(read(content), frames)


def test_it_says_what_it_is():
    animation = Animation(clip(20, 64), 8.0, "seven")
    assert animation.seconds == 2.5
    assert repr(animation) == "Animation(20 frames of seven, 2.5 s at 8 a second, 1×64×64)"
    assert repr(Animation(clip(3, 8, 3), 12.5)) == "Animation(3 frames, 0.24 s at 12.5 a second, 3×8×8)"
