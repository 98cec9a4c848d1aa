"""Strips of clips that belong together, pixel by pixel."""

import numpy as np

from genkit.core.media import find
from genkit.core.media.medium import Shown
from genkit.core.media.shown_rows import ShownRows
from genkit.core.prediction_strip import prediction_strip
from genkit.core.spec import ArraySpec

SIDE = 40  # of a frame that is not enlarged


def clips(n, frames, channels=1):
    """Each frame has one level of its own, that of its clip and its time."""
    levels = np.arange(n * frames, dtype=np.uint8).reshape(n, 1, frames, 1, 1)
    return np.broadcast_to(levels, (n, channels, frames, SIDE, SIDE)).copy()


def red(picture):
    return (picture == (214, 40, 40)).all(-1)


def test_each_frame_stands_once_those_of_a_clip_from_left_to_right():
    picture = np.asarray(prediction_strip(clips(4, 5), [""] * 4, 2))
    places = {}
    for level in range(20):
        ys, xs = np.nonzero((picture == level).all(-1))
        assert len(ys) == SIDE * SIDE
        places[level] = int(ys.min()), int(xs.min())
        assert (ys.max() - ys.min(), xs.max() - xs.min()) == (SIDE - 1, SIDE - 1)
    for clip in range(4):
        tops, lefts = zip(*(places[clip * 5 + frame] for frame in range(5)), strict=True)
        assert len(set(tops)) == 1
        assert list(lefts) == sorted(set(lefts))
        assert lefts == tuple(left for _, left in (places[frame] for frame in range(5)))
    tops = [places[clip * 5][0] for clip in range(4)]
    assert tops[2] - tops[1] > tops[1] - tops[0] == tops[3] - tops[2]  # groups stand apart


def test_a_line_goes_through_a_group_where_what_is_given_ends():
    unknown = np.zeros((5, SIDE, SIDE), bool)
    unknown[2:4, 3, 3] = True  # something of them is left open
    sheet = np.asarray(prediction_strip(clips(4, 5), [""] * 4, 2, unknown))
    assert not red(np.asarray(prediction_strip(clips(4, 5), [""] * 4, 2))).any()
    columns = np.flatnonzero(red(sheet).any(0))
    starts = [int(np.nonzero((sheet == level).all(-1))[1].min()) for level in range(5)]
    sides = [sum(left < column for left in starts) for column in columns]
    assert sorted(set(sides)) == [2, 4]
    rows = red(sheet)[:, columns[0]]
    tops = [int(np.nonzero((sheet == 5 * clip).all(-1))[0].min()) for clip in range(4)]
    assert rows[tops[0] : tops[1] + SIDE].all()
    assert rows[tops[2] : tops[3] + SIDE].all()
    assert not rows[tops[1] + SIDE : tops[2]].any()


def test_small_frames_are_enlarged_by_a_whole_factor_and_colours_stay():
    clip = np.zeros((1, 3, 2, 3, 4), np.uint8)
    clip[0, :, 1, 2, 3] = (10, 200, 30)
    picture = np.asarray(prediction_strip(clip, [""], 1))
    ys, _ = np.nonzero((picture == (10, 200, 30)).all(-1))
    assert len(ys) == 10 * 10


def test_captions_stand_before_their_clips_in_one_line_without_controls():
    plain, said = (prediction_strip(clips(2, 3), words, 2) for words in (["", ""], ["input", "a\x1b[2J\nb"]))
    assert said.width > plain.width
    assert said.height == plain.height


def rows(across):
    array = ArraySpec(1, (2, 1, 1), medium=find("video"))
    given, made = clips(2, 2)[..., :1, :1], clips(2, 2)[..., :1, :1] + 100
    return ShownRows([Shown(arrays=x, array=array, captions=[f"{k}{i}" for i in range(2)])
                      for k, x in (("in", given), ("out", made))], across)  # fmt: skip


def test_what_belongs_together_is_listed_together():
    column, row = rows(across=False), rows(across=True)
    assert list(column.listed.captions) == ["in0", "out0", "in1", "out1"]
    assert column.listed.arrays[:, 0, 0, 0, 0].tolist() == [0, 100, 2, 102]
    assert list(row.listed.captions) == list(column.whole.captions) == ["in0", "in1", "out0", "out1"]
    assert (column.together, row.together, column.columns) == (2, 2, 2)


def test_of_videos_the_frames_that_were_left_open_are_compared():
    unknown = np.zeros((4, 2, 2), bool)
    unknown[[1, 3], 0, 0] = True
    arrays = np.random.default_rng(0).integers(0, 255, (3, 1, 4, 2, 2))
    np.testing.assert_array_equal(find("video").compared(arrays, unknown), arrays[:, :, [1, 3]])
    np.testing.assert_array_equal(find("video").compared(arrays, None), arrays)
    np.testing.assert_array_equal(find("audio").compared(arrays[0, 0], unknown[0]), arrays[0, 0])
