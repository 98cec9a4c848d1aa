"""Notes by their names: of known frequencies, there and back, and what is the name of none."""

import pytest

from genkit.core.notes import frequency, hertz, note


@pytest.mark.parametrize(
    ("name", "expected"),
    [("A4", 440), ("C4", 261.6256), ("Bb3", 233.0819), ("F#5", 739.9888), ("A-1", 13.75), ("Fb4", 329.6276)],
)
def test_notes_have_the_frequencies_of_equal_temperament(name, expected):
    assert frequency(name) == pytest.approx(expected, rel=1e-6)


def test_a_sharp_is_the_flat_above_it():
    for sharp, flat in (("A#3", "Bb3"), ("E#4", "F4"), ("B#3", "C4"), ("Cb4", "B3")):
        assert frequency(sharp) == pytest.approx(frequency(flat), rel=1e-12)


def test_names_lead_back_to_their_number():
    for number in range(12, 120):
        assert frequency(note(number)) == hertz(number)


@pytest.mark.parametrize("name", ["one", "H3", "A", "", "a4", "A44", "A##3"])
def test_what_is_the_name_of_no_note(name):
    assert frequency(name) is None
