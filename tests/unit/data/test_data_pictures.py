"""Every kind of picture becomes uint8 of the form that was asked for: scaled, upright, on the background."""

import numpy as np
import pytest
from PIL import Image

from genkit.data.arrays.pictures import Form, deep_kind, deep_ranges, hashes, measure, to_array

GREY, COLOUR = Form(1, 4, 4), Form(3, 4, 4)


def reopened(image, path):
    image.save(path)
    return Image.open(path)


def deep(values):
    """The form of a dataset whose pictures hold these values."""
    mode = deep_kind(Image.fromarray(values).mode)
    found = {mode: (float(values.min()), float(values.max()))}
    return Form(1, 4, 4, ranges=deep_ranges(found, None))


def ramp(dtype, top):
    return np.linspace(0, top, 16).round().reshape(4, 4).astype(dtype)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (ramp(np.uint16, 65535), np.linspace(0, 255, 16)),
        (ramp(np.uint16, 65535) // 2, np.linspace(0, 127.5, 16)),
        (ramp(np.int32, 2**31 - 1), np.linspace(0, 255, 16)),
        (np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4), np.linspace(0, 255, 16)),
        (np.linspace(0, 255, 16, dtype=np.float32).reshape(4, 4), np.linspace(0, 255, 16)),
    ],
)
def test_deep_grey_is_scaled_and_not_clipped(values, expected, tmp_path):
    picture = to_array(reopened(Image.fromarray(values), tmp_path / "deep.tiff"), deep(values))
    assert picture.shape == (1, 4, 4)
    assert np.abs(picture.ravel() - expected).max() <= 1


def test_16_bit_png_is_scaled(tmp_path):
    values = ramp(np.uint16, 65535)
    picture = to_array(reopened(Image.fromarray(values), tmp_path / "deep.png"), deep(values))
    assert picture.ravel().tolist() == [17 * i for i in range(16)]


@pytest.mark.parametrize("background", [0, 255])
def test_transparency_shows_the_background(background):
    clear = Image.new("RGBA", (4, 4), (200, 10, 10, 0))
    half = Image.new("LA", (4, 4), (100, 128))
    form = Form(3, 4, 4, background=background)
    assert (to_array(clear, form) == background).all()
    assert np.abs(to_array(half, form).astype(int) - (100 * 128 + background * 127) / 255).max() <= 1


def test_palette_with_a_transparent_colour(tmp_path):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "palette.png", transparency=0)
    with Image.open(tmp_path / "palette.png") as opened:
        assert measure(opened) == (4, 4, "PA")
        picture = to_array(opened, Form(3, 4, 4, background=255))
    assert picture[:, 0, 1].tolist() == [0, 255, 0]
    assert picture[:, 1, 1].tolist() == [255, 255, 255]


def test_exif_orientation_is_applied(tmp_path):
    wide = np.zeros((4, 8, 3), np.uint8)
    wide[:, 4:] = 255  # white on the right
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    Image.fromarray(wide).save(tmp_path / "turned.jpg", exif=exif, quality=100)
    with Image.open(tmp_path / "turned.jpg") as image:
        assert measure(image)[:2] == (4, 8)
        picture = to_array(image, Form(1, 8, 4))
    assert picture[0, :4].mean() < 10
    assert picture[0, 4:].mean() > 245


def test_cmyk_and_lab_become_the_colour_that_they_are(tmp_path):
    red = Image.new("RGB", (4, 4), (255, 0, 0))
    cmyk = to_array(reopened(red.convert("CMYK"), tmp_path / "cmyk.jpg"), COLOUR)
    assert b"Adobe" in (tmp_path / "cmyk.jpg").read_bytes()  # whose inks are stored inverted
    assert cmyk[0].min() > 220
    assert cmyk[1:].max() < 35
    lab = to_array(reopened(Image.new("LAB", (4, 4), (255, 128, 128)), tmp_path / "lab.tiff"), COLOUR)
    assert lab.min() > 220  # L = 100, a = b = 0 (which is stored as 128): white


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_channels_are_the_models(mode):
    white = Image.new(mode, (4, 4), "white")
    assert (to_array(white, COLOUR) == 255).all()
    assert (to_array(white, GREY) == 255).all()


def test_fits():
    wide = np.zeros((4, 8), np.uint8)
    wide[:, 2:6] = 255  # a white middle
    image = Image.fromarray(wide)
    with pytest.raises(ValueError, match="8×4"):
        to_array(image, GREY)
    assert (to_array(image, Form(1, 4, 4, "crop")) == 255).all()
    padded = to_array(image, Form(1, 8, 8, "pad", background=7))
    assert (padded[0, :2] == 7).all()
    assert (padded[0, 2:6] == wide).all()
    assert to_array(image, Form(1, 4, 4, "stretch"))[0, 0, 0] < 64


def test_hashes_tell_equal_and_alike_from_different():
    generator = np.random.default_rng(0)
    blocks = generator.integers(0, 256, (8, 8)).astype(np.uint8)
    picture = np.kron(blocks, np.ones((8, 8), np.uint8))[None]
    lighter = (picture // 2 + 100).astype(np.uint8)
    other = generator.integers(0, 256, picture.shape).astype(np.uint8)
    numbers = hashes(np.stack((picture, lighter, other, picture)))
    exact, looks = numbers[:, 0].tolist(), numbers[:, 1].tolist()
    assert exact[0] != exact[1]
    assert numbers[0].tolist() == numbers[3].tolist()
    assert (looks[0] ^ looks[1]).bit_count() <= 4
    assert (looks[0] ^ looks[2]).bit_count() > 12


def test_the_hash_of_looks_compares_neighbours():
    rising = np.tile(np.arange(18, dtype=np.uint8) * 10, (1, 1, 16, 1))
    half = rising.copy()
    half[..., :8, :] = half[..., :8, ::-1]
    numbers = hashes(np.concatenate((rising, rising[..., ::-1], half)))[:, 1].tolist()
    assert [number.bit_count() for number in numbers] == [64, 0, 32]
    assert hashes(np.full((1, 3, 5, 7), 9, np.uint8))[0, 1] == 0  # smaller than the raster, and flat
