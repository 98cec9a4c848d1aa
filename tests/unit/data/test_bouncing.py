"""Digits that bounce, against a loop that is written from the words of the rule, one place after another."""

import math

import numpy as np
import pytest

from genkit.data.arrays.made import PartlyKept
from genkit.data.video.bouncing import BouncingDigits, Cast, Motion, uniform

SHAPES = pytest.mark.parametrize(
    ("size", "side", "frames", "speed"),
    [(64, 28, 20, 0.1), (16, 8, 8, 0.18), (32, 14, 40, 0.35), (20, 18, 9, 0.9)],
)


def walked(size, side, frames, speed, start, direction):
    """Corners of one digit, (top, left) of each frame: "placed at random, moves a step in a direction, and is
    reflected at the walls"."""
    free = size - side
    y, x = start
    dy, dx = math.sin(direction), math.cos(direction)
    corners = []
    for _ in range(frames):
        corners.append((int(y * free), int(x * free)))
        y += speed * dy
        x += speed * dx
        if y <= 0:
            y, dy = max(y, 0.0), -dy
        elif y >= 1:
            y, dy = min(y, 1.0), -dy
        if x <= 0:
            x, dx = max(x, 0.0), -dx
        elif x >= 1:
            x, dx = min(x, 1.0), -dx
    return corners


def painted(size, frames, pictures, corners):
    """One clip (T, H, W), pixel by pixel: the brighter one is seen."""
    clip = [[[0] * size for _ in range(size)] for _ in range(frames)]
    for picture, places in zip(pictures, corners, strict=True):
        for t, (top, left) in enumerate(places):
            for i, line in enumerate(picture.tolist()):
                for j, value in enumerate(line):
                    seen = clip[t][top + i][left + j]
                    clip[t][top + i][left + j] = max(seen, value)
    return np.array(clip, np.uint8)


def drawn(seed=0, count=200):
    generator = np.random.default_rng(seed)
    return generator.random((count, 2)), generator.random(count) * 2 * math.pi


def cast(clips, side=8, pictures=40, seed=0):
    """Pictures of ten classes, each class of as many, of random grey."""
    grey = np.random.default_rng(seed).integers(1, 256, (pictures, side, side)).astype(np.uint8)
    return Cast(grey, np.arange(pictures) % 10, clips)


def three(objects=1, train=30, test=20, size=16, frames=8):
    casts = {"train": cast(train), "validation": cast(10, seed=1), "test": cast(test, seed=2)}
    return BouncingDigits(Motion(size, 8, frames, objects), casts)


# ---------------------------------------------------------------------- the rule


@SHAPES
def test_the_way_is_that_of_the_rule(size, side, frames, speed):
    starts, directions = drawn()
    found = Motion(size, side, frames, speed=speed).places(starts, directions)
    for start, direction, corners in zip(starts, directions, found, strict=True):
        assert walked(size, side, frames, speed, start, direction) == [
            tuple(place) for place in corners.tolist()
        ]


@SHAPES
def test_nothing_leaves_the_frame_and_it_turns_at_walls_alone(size, side, frames, speed):
    starts, directions = drawn(seed=1, count=500)
    free = size - side
    found = Motion(size, side, frames, speed=speed).places(starts, directions)
    assert found.min() >= 0
    assert found.max() <= free
    steps = np.diff(found, axis=1)  # (n, T - 1, 2)
    assert np.abs(steps).max() <= math.ceil(speed * free)
    turned = steps[:, 1:] * steps[:, :-1] < 0
    assert turned.any(), "nothing is seen to bounce"
    # Before a turn it stood at the wall, to within the pixel that its place is rounded down to.
    at = found[:, 1:-1][turned]
    assert np.minimum(at, free - at).max() <= 1
    # In between it goes straight and evenly: a step differs from the next by a pixel at most.
    inner = np.minimum(found, free - found) > 1
    between = inner[:, :-2] & inner[:, 1:-1] & inner[:, 2:]
    assert np.abs(steps[:, 1:] - steps[:, :-1])[between].max(initial=0) <= 1


def test_clips_are_painted_by_the_brighter_pixel():
    motion = Motion(14, 6, 5, objects=3)
    starts, directions = drawn(seed=2, count=12)
    pictures = np.random.default_rng(3).integers(0, 256, (4, 3, 6, 6)).astype(np.uint8)
    places = motion.places(starts.reshape(4, 3, 2), directions.reshape(4, 3))
    clips = motion.drawn(pictures, places)
    assert clips.shape == (4, 1, 5, 14, 14)
    for i in range(4):
        corners = [[tuple(place) for place in places[i, k].tolist()] for k in range(3)]
        assert np.array_equal(clips[i, 0], painted(14, 5, pictures[i], corners))


@pytest.mark.parametrize("objects", [1, 2])
def test_a_whole_clip_is_one_of_the_rule(objects):
    """From the numbers that are drawn for a row: which digit, where it begins, and where it goes."""
    made = three(objects)
    rows = np.array([0, 7, 29])
    clips = made.made(rows, 3)
    numbers = uniform(rows, 3, 4 * objects).reshape(3, objects, 4)
    own = made.casts["train"]
    for row, clip, of in zip(rows.tolist(), clips[:, 0], numbers, strict=True):
        allowed = own.pictures[own.labels == row % 10] if objects == 1 else own.pictures
        pictures = [allowed[int(n[0] * len(allowed))] for n in of]
        corners = [walked(16, 8, 8, 0.1, n[1:3], n[3] * 2 * math.pi) for n in of]
        assert np.array_equal(clip, painted(16, 8, pictures, corners))


def test_numbers_are_even_and_have_nothing_in_common():
    numbers = uniform(np.arange(4000), 0, 8)
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert np.abs(np.sort(numbers, axis=0) - (np.arange(4000)[:, None] + 0.5) / 4000).max() < 0.03
    others = np.concatenate(
        [numbers, uniform(np.arange(4000), 1, 8), uniform(2**40 + np.arange(4000), 0, 8)], 1
    )
    assert np.abs(np.corrcoef(others.T) - np.eye(24)).max() < 0.07
    assert np.abs(np.corrcoef(numbers[1:, 0], numbers[:-1, 0])[0, 1]) < 0.07


# ---------------------------------------------------------------------- rows, epochs, parts


def test_a_clip_is_decided_by_its_row_and_the_epoch_alone():
    made = three(2)
    whole = made.made(np.arange(60), 4)
    order = np.random.default_rng(0).permutation(60)
    assert np.array_equal(made.made(order, 4), whole[order])
    one_by_one = [three(2).made(np.array([row]), 4) for row in (0, 29, 30, 41, 59)]
    assert np.array_equal(np.concatenate(one_by_one), whole[[0, 29, 30, 41, 59]])
    assert np.array_equal(made[10:50], made.made(np.arange(10, 50), 0))
    assert np.array_equal(made[-5:], made.made(np.arange(55, 60), 0))
    assert made.made(np.arange(0), 0).shape == (0, 1, 8, 16, 16)
    other = made.made(np.arange(60), 5)
    assert (other != whole).any((1, 2, 3, 4)).all()
    assert len(np.unique(np.concatenate([whole, other]).reshape(120, -1), axis=0)) == 120


def test_the_clips_of_a_part_do_not_depend_on_the_others():
    few, many = three(train=30), three(train=55, test=40)
    assert np.array_equal(few[:30], many[:30])
    assert np.array_equal(few[30:60], many[55:85])
    alone = BouncingDigits(few.motion, {"test": few.casts["test"]})
    assert np.array_equal(alone[:], few[40:])
    assert few.contents() != many.contents()


def test_each_part_shows_its_own_digits_and_each_class_equally_often():
    casts = {
        part: Cast(np.full((20, 8, 8), value, np.uint8), np.arange(20) % 10, 40)
        for part, value in (("train", 50), ("validation", 100), ("test", 150))
    }
    made = BouncingDigits(Motion(16, 8, 4), casts)
    assert made[:].reshape(120, -1).max(1).tolist() == [50] * 40 + [100] * 40 + [150] * 40
    assert [made.part[row] for row in (0, 39, 40, 79, 80, 119)] == [
        *("train", "train", "validation", "validation", "test", "test")
    ]
    assert np.bincount(made.labels).tolist() == [12] * 10
    marked = {
        "train": Cast(np.repeat(np.arange(1, 11), 64).astype(np.uint8).reshape(10, 8, 8), np.arange(10), 95)
    }
    clips = BouncingDigits(Motion(16, 8, 4), marked)
    for epoch in (0, 1):
        shown = clips.made(np.arange(95), epoch).reshape(95, -1).max(1)
        assert np.array_equal(shown, clips.labels + 1)


def test_pictures_of_a_class_are_drawn_evenly():
    pictures = np.arange(1, 41, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    for objects in (1, 2):
        made = BouncingDigits(Motion(16, 8, 2, objects), {"train": Cast(pictures, np.arange(40) % 10, 4000)})
        brightest = made[:].reshape(4000, -1).max(1)
        counts = np.bincount(brightest, minlength=41)[1:]
        # Of one each is expected 100 times; of two the brighter is k with probability (2k - 1) / 40².
        expected = 100.0 * np.ones(40) if objects == 1 else (2 * np.arange(1, 41) - 1) * 4000 / 1600
        assert np.square((counts - expected) / np.sqrt(expected)).sum() < 75  # χ² of 39, beyond 0.05 %


def test_the_last_ones_may_be_kept():
    made = three()
    partly = PartlyKept(made, 255 - made[40:])
    rows = np.array([59, 3, 40, 39, 3])
    wanted = made.made(rows, 2)
    wanted[[0, 2]] = 255 - made.made(np.array([59, 40]), 0)
    assert np.array_equal(partly.made(rows, 2), wanted)
    assert np.array_equal(partly.made(rows[1:2], 7), made.made(rows[1:2], 7))
    assert len(partly) == 60
    assert partly.kept[0] is partly.end
