"""Strings that are computed: in tune, each by its number alone, dying away, and as many as are asked for."""

import numpy as np

from genkit.core.notes import frequency, note
from genkit.data import open_source
from genkit.data.arrays.duplicates import compared, exact_pairs
from genkit.data.audio.plucks import LENGTH, LOWEST, RATE, string
from genkit.data.clip_knobs import PlucksKnobs
from genkit.system.errors import StorageError


def opened(cache="", **knobs):
    return open_source(PlucksKnobs(name="plucks", **knobs), {"cache_dir": str(cache), "data_dir": ""})


def cents_off(samples, hertz):
    """How far the loudest frequency near one is from it: the windowed transform at many frequencies."""
    cents = np.arange(-60, 60.01, 0.5)
    tried = hertz * 2 ** (cents / 1200)
    waves = np.exp(-2j * np.pi * tried[:, None] * np.arange(len(samples)) / RATE)
    return cents[np.abs(waves @ (samples * np.hanning(len(samples)))).argmax()]


def test_strings_are_in_tune():
    for semitone in range(24):
        hertz = 220 * 2 ** (semitone / 12)
        for index in (semitone, semitone + 7_777):
            assert abs(cents_off(string(index, LOWEST + semitone), hertz)) <= 1, (semitone, index)


def test_every_partial_that_is_heard_is_near_a_multiple_of_the_fundamental():
    """The label is the pitch of the whole sound, not of its lowest partial alone."""
    spectrum = np.abs(np.fft.rfft(string(3, LOWEST) * np.hanning(LENGTH)))
    loud = [i for i in range(1, len(spectrum) - 1) if spectrum[i] == spectrum[i - 1 : i + 2].max()]
    loud = [i for i in loud if spectrum[i] > 0.05 * spectrum.max()]
    assert len(loud) >= 3
    partials = np.array(loud) * RATE / LENGTH / 220
    assert np.abs(partials - np.round(partials)).max() < 0.03


def test_a_string_is_one_attack_that_dies_away_and_is_never_clipped():
    for index in range(40):
        samples = string(index, LOWEST + index % 12).astype(np.int64)
        assert 32_767 * 10 ** (-12 / 20) - 1 <= np.abs(samples).max() <= 32_767
        energy = np.square(samples).reshape(8, -1).mean(1)
        assert energy.argmax() == 0
        assert energy[-1] < energy[0] / 4


def test_a_string_depends_on_its_number_alone():
    few, many = opened(examples=100, pitches=12), opened(examples=300, pitches=12)
    np.testing.assert_array_equal(few.images, many.images[:100])
    assert len({row.tobytes() for row in many.images}) == 300
    # The same with every version of what computes them, to within a level.
    known = [3655, 3811, 3917, 2437, 1104, 685, 564, 2087]
    np.testing.assert_allclose(string(0, LOWEST)[100:108], known, atol=1)


def test_strings_that_differ_by_a_level_repeat_one_another_no_more():
    images = np.repeat(opened(examples=100).images[:1], 3, 0)
    images[1, 0, 2000] += 1
    numbers = compared(images, 2**16)
    assert exact_pairs(numbers, np.arange(3)).tolist() == [[2, 0]]


def test_classes_are_the_names_of_notes_and_come_equally_often():
    source = opened(examples=100, pitches=5)
    assert source.classes == ("A3", "Bb3", "B3", "C4", "Db4")
    assert np.bincount(source.labels).tolist() == [20] * 5
    assert (source.images.dtype, source.images.shape) == (np.uint16, (100, 1, LENGTH))
    assert (source.levels, source.rate) == (2**16, 8000.0)
    for i in range(24):
        assert abs(frequency(note(LOWEST + i)) - 220 * 2 ** (i / 12)) < 1e-9


def test_strings_are_kept_once_and_computed_where_nothing_can_be_kept(tmp_path, monkeypatch):
    kept = opened(tmp_path / "cache", examples=100)
    assert isinstance(kept.images, np.memmap)

    def refused(*given):
        raise StorageError("no room")

    monkeypatch.setattr("genkit.data.audio.plucks.packed", refused)
    np.testing.assert_array_equal(opened(tmp_path / "cache", examples=100).images, kept.images)
    monkeypatch.undo()
    monkeypatch.setattr("genkit.data.audio.plucks.string", None)
    assert opened(tmp_path / "cache", examples=100).digest == kept.digest
