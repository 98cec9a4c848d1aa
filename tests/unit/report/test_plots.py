"""How figures look: what can be told apart, and what stands on an axis."""

from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from genkit.report.embedded import NARROW, WIDE, Sheet
from genkit.report.plots import COLOURS, INK, INK_ON_DARK, Plot, assembled, logarithmic, power, vector

PAGES = {"light": "#ffffff", "dark": "#14171b"}


def luminance(colour):
    """Relative luminance by WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", PAGES)
def test_lines_stand_out_by_three_to_one_and_letters_by_more(page):
    assert contrast("#000000", "#ffffff") == pytest.approx(21)  # as the guideline has it
    for colour in COLOURS:
        assert contrast(colour, PAGES[page]) >= 3, colour
    assert contrast(INK if page == "light" else INK_ON_DARK, PAGES[page]) >= 7


@pytest.mark.parametrize("most", [8e9, 1e12])
def test_an_axis_of_powers_is_written_in_letters_that_a_browser_shows(most):
    def draw(axis):
        axis.plot([1e9, most], [1.0, 2.0])
        logarithmic(axis, 1e9, most)

    svg = vector(assembled([Plot("", draw)])).decode()
    assert "mathdefault" not in svg
    assert "1e9" in svg


def test_powers_are_read_as_numbers():
    for x in (1.0, 20.0, 5e4, 2e8, 5e12, 1e-7):
        assert float(power(x)) == x
    assert power(2e8) == "2e8"


def test_an_axis_of_one_size_or_of_nothing_stays_straight():
    axis = Figure().add_subplot()
    for least, most in ((10, 30), (0, 100), (-1, 50)):
        logarithmic(axis, least, most)
        assert axis.get_xscale() == "linear"


@pytest.mark.parametrize("width", [1, 7, 64, 146, 233, 274, 292, 521, 1_200])
def test_a_pixel_of_a_sheet_is_a_whole_number_of_the_page_s(width):
    sheet = Sheet.of("data:", width, 10)
    wide, narrow = sheet.width / width, sheet.width / sheet.times / width
    assert wide == int(wide) >= narrow == int(narrow) >= 1
    assert sheet.height == 10 * wide
    assert sheet.width <= max(WIDE, width)
    assert sheet.width / sheet.times <= max(NARROW, width)
    assert sheet.width > WIDE / 2 or width <= 1  # nor is it smaller than it need be
    assert sheet.times <= 3  # for each of which the page's style has a rule
