"""Contact sheets: every frame stands where a hand puts it."""

import numpy as np
import pytest

from genkit.core.contact_sheet import GAP, HEAD, HIGHEST, WIDEST, contact_sheet

PAPER, LINE = 255, 128


def clips(n, frames, height=32, width=None, channels=1, seed=0):
    shape = (n, frames, height, width or height, channels)
    return np.random.default_rng(seed).integers(0, 120, shape, dtype=np.uint8)


def pixels(sheet):
    array = np.asarray(sheet)
    return array if array.ndim == 3 else array[..., None]


@pytest.mark.parametrize("channels", [1, 3])
def test_clips_stand_below_one_another_and_frames_side_by_side(channels):
    given = clips(2, 3, 32, 40, channels)
    by_hand = np.full((2 * 33 + 1, 3 * 41 + 1, channels), LINE)
    by_hand[1:33, 1:41], by_hand[1:33, 42:82], by_hand[1:33, 83:123] = given[0]
    by_hand[34:66, 1:41], by_hand[34:66, 42:82], by_hand[34:66, 83:123] = given[1]
    assert np.array_equal(pixels(contact_sheet(given)), by_hand)


def test_small_frames_are_enlarged_by_a_whole_factor():
    given = clips(1, 2, 8)
    by_hand = np.full((4 * 8 + 2, 2 * 33 + 1, 1), LINE)
    for t, left in enumerate((1, 34)):
        by_hand[1:33, left : left + 32] = np.kron(given[0, t, :, :, 0], np.ones((4, 4), np.uint8))[..., None]
    assert np.array_equal(pixels(contact_sheet(given)), by_hand)


def test_a_border_is_as_wide_as_it_is_asked_for():
    given = clips(1, 2)
    by_hand = np.full((32 + 6, 2 * 32 + 9, 1), LINE)
    by_hand[3:35, 3:35], by_hand[3:35, 38:70] = given[0]
    assert np.array_equal(pixels(contact_sheet(given, border=3)), by_hand)
    assert np.array_equal(pixels(contact_sheet(given, border=0)), np.concatenate(list(given[0]), 1))


def test_columns_stand_apart_and_are_read_from_left_to_right():
    given = clips(5, 2)
    strip = 2 * 33 + 1
    by_hand = np.full((3 * 33 + 1, 2 * strip + GAP, 1), PAPER)
    by_hand[:, :strip] = LINE
    by_hand[: 2 * 33 + 1, strip + GAP :] = LINE
    for i in range(5):
        top, left = 1 + 33 * (i // 2), 1 + (strip + GAP) * (i % 2)
        by_hand[top : top + 32, left : left + 32] = given[i, 0]
        by_hand[top : top + 32, left + 33 : left + 65] = given[i, 1]
    assert np.array_equal(pixels(contact_sheet(given, columns=2)), by_hand)


def test_columns_without_room_stand_below_and_keep_together():
    """What is made of an example stands below it, also where many examples are asked for side by side."""
    given = clips(6, 10, 128)  # three examples, and below each its answer: one has room
    strip, stack = 10 * 129 + 1, 2 * 129 + 1
    sheet = pixels(contact_sheet(given, columns=3))
    assert sheet.shape == (3 * stack + 2 * GAP, strip, 1)
    for i, (example, answer) in enumerate(((0, 3), (1, 4), (2, 5))):
        top = i * (stack + GAP)
        assert np.array_equal(sheet[top + 1 : top + 129, 1:129], given[example, 0])
        assert np.array_equal(sheet[top + 130 : top + 258, 1:129], given[answer, 0])
        assert np.all(sheet[top + stack : top + stack + GAP] == PAPER)


@pytest.mark.parametrize(
    ("frames", "size", "numbers"),
    [
        (16, 64, range(16)),
        (17, 64, range(0, 17, 2)),
        (20, 64, range(0, 20, 2)),
        (40, 16, range(0, 40, 3)),
        (100, 64, range(0, 100, 7)),
        (16, 128, range(16)),
        (16, 256, range(0, 16, 2)),
        (1_024, 512, range(0, 1_024, 256)),
    ],
)
def test_of_many_frames_some_are_shown_evenly(frames, size, numbers):
    given = clips(1, frames, size)
    sheet = pixels(contact_sheet(given))
    factor = max(1, 32 // size)
    cell, head = factor * size + 1, HEAD if len(numbers) < frames else 0
    assert sheet.shape == (head + cell + 1, len(numbers) * cell + 1, 1)
    for place, number in enumerate(numbers):
        shown = sheet[head + 1 : head + cell : factor, 1 + place * cell : (place + 1) * cell : factor]
        assert np.array_equal(shown, given[0, number])


def test_their_numbers_stand_above():
    """The same number is drawn in the same way, wherever it stands; where all are shown there is none."""
    every_second = pixels(contact_sheet(clips(2, 20, 64)))[:HEAD]
    every_third = pixels(contact_sheet(clips(1, 40, 64)))[:HEAD]
    cells = [every_second[:, 1 + 65 * i : 65 * (i + 1)] for i in range(10)]
    assert all((cell < 200).any() for cell in cells)
    assert len({cell.tobytes() for cell in cells}) == 10
    others = [every_third[:, 1 + 65 * i : 65 * (i + 1)] for i in range(14)]
    assert np.array_equal(cells[0], others[0])  # 1
    assert np.array_equal(cells[3], others[2])  # 7
    assert np.array_equal(cells[6], others[4])  # 13
    assert not np.array_equal(cells[1], others[1])  # 3, and 4


@pytest.mark.parametrize("channels", [1, 3])
def test_captions_stand_on_the_left(channels):
    given = clips(3, 4, 32, channels=channels)
    bare = pixels(contact_sheet(given))
    said = pixels(contact_sheet(given, ["seven", "", "seven"]))
    left = said.shape[1] - bare.shape[1]
    assert 20 < left < 80
    assert np.array_equal(said[:, left:], bare)
    rows = [said[33 * i + 1 : 33 * i + 33, :left] for i in range(3)]
    assert (rows[0] < 200).any()
    assert np.array_equal(rows[0], rows[2])
    assert np.all(rows[1] == PAPER)


def test_a_caption_without_room_or_with_controls_is_cut():
    long = np.asarray(contact_sheet(clips(1, 4), ["sample 12 of a model that has much to say " * 3]))
    assert long.shape[1] < 4 * 33 + 1 + 180
    odd = np.asarray(contact_sheet(clips(1, 4), ["a\x1b[31m\nb"]))
    plain = np.asarray(contact_sheet(clips(1, 4), ["a\N{REPLACEMENT CHARACTER}[31m b"]))
    assert np.array_equal(odd, plain)


@pytest.mark.parametrize(
    ("n", "frames", "size"), [(1, 8, 16), (16, 8, 16), (64, 8, 16), (16, 20, 64), (64, 20, 64), (16, 16, 128)]
)
def test_sheets_of_usual_clips_are_as_large_as_a_screen_is_wide(n, frames, size):
    width, height = contact_sheet(clips(n, frames, size), ["seven"] * n).size
    assert width <= WIDEST + 60
    assert height <= max(HIGHEST + 40, n * (size + 1) * width // WIDEST + 2_100)
    if size == 16:
        assert height <= HIGHEST
