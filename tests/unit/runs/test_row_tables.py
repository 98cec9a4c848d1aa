"""Panels: which rows may stand in one column, and how tables show them."""

import re
from dataclasses import replace

import pytest

from genkit.runs import row_tables, rows
from genkit.runs.rows import Place
from genkit.system.errors import ConfigError
from tests.unit.runs.test_rows import row


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"protocol": {"extractor": "random"}}, "extractor is random, not digits"),
        ({"n": 200}, "n is 200, not 100"),
        ({"judged": "eee"}, "judged is eee, not fff"),
        ({"judged": "0123456789ab" + "f" * 52}, "judged is 0123456789ab, not fff"),
        ({"unit": "nats"}, "unit is nats, not 1"),
        ({"kind": "bound"}, "kind is bound, not estimate"),
    ],
)
def test_numbers_of_different_protocols_refuse_one_column(other, said):
    with pytest.raises(ConfigError, match=f"do not belong in one column.*{said}"):
        row_tables.column([row(), row(run="b", **other)])
    with pytest.raises(ConfigError, match=said):
        row_tables.comparison([row(), row(run="b", **other)])


def test_a_bound_stands_beside_an_exact_number_and_says_so():
    bound = row("nll", 8.0, 7.8, 8.2, run="b", kind="bound", protocol={"k": 5})
    made = row_tables.comparison([row("nll", 7.0, 6.8, 7.2, kind="exact"), bound])
    assert made.cells == [("nll ↓", "7.00 [6.80, 7.20]", "≤ 8.00 [7.80, 8.20]")]


def test_numbers_of_one_protocol_stand_side_by_side():
    place = Place("b", "last", 1, "raw", "", 0, "test", "x", "fff")
    none = rows.missing("nll", "nats", "a GAN has none", place)
    made = row_tables.comparison([row(), row("nll", 7.0, None, None), row(run="b", value=2.0), none])
    assert made.head == ("metric", "a/last", "b/last")
    assert made.cells[0] == ("recall ↓", "1.00 [0.90, 1.10]", "2.00 [0.90, 1.10]")
    assert made.cells[1] == ("nll ↓", "7", "none")
    assert made.notes[0] == "nll: none: a GAN has none"


def test_why_metrics_have_no_number_stands_first_below_the_table_once_a_reason():
    place, few = Place("a", "last"), "need at least 321 real pictures; there are 237."
    absent = [
        rows.missing("fid", "1", few, place),
        rows.missing("nll", "nats", "none: a GAN has only samples", place),
        rows.missing("fid_infinity", "1", few, place),
        rows.missing("bits_per_dimension", "bits", "none: a GAN has only samples", place),
    ]
    made = row_tables.panel([row(note="by all of them"), *absent])
    assert made.notes[:2] == [
        f"fid, fid_infinity: none: {few}",
        "nll, bits_per_dimension: none: a GAN has only samples",
    ]
    assert [note for note in made.notes if note.startswith("recall: by all")] == ["recall: by all of them"]


def test_a_panel_has_a_floor_and_a_ceiling_beside_each_number():
    made = row_tables.panel([row(), row(value=0.1, role="floor", n=20), row(value=9.0, role="ceiling")])
    beside = ("100 / 50", "0.10 (n 20 / 50)", "9.00")
    assert made.cells == [("recall", "1.00 [0.90, 1.10]", "", "↓", "estimate", *beside)]
    assert any(note.startswith("recall: extractor digits") for note in made.notes)
    assert "a/last: step 3, raw weights, 0123456789ab, seed 0, against test, data fff" in made.notes
    assert made.markdown().startswith("| metric | value [95 %] |")
    with pytest.raises(ConfigError, match="one column"):
        row_tables.panel([row(), row(n=7)])


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (123.456, 120.1, 126.9, "123.5 [120.1, 126.9]"),
        (0.01234, 0.0121, 0.0126, "0.01234 [0.01210, 0.01260]"),
        (3.0, None, None, "3"),
        (0.123456, None, None, "0.1235"),
        (4.2e9, None, None, "4.200e+09"),
        (None, None, None, "none"),
    ],
)
def test_values_have_the_digits_that_their_interval_leaves(value, low, high, shown):
    assert row_tables.valued(replace(row(), value=value, low=low, high=high)) == shown


# ---------------------------------------------------------------------- in a notebook


def cells(page):
    """The texts of a page of HTML, table by table."""
    return [
        [re.findall(r"<t[hd]>(.*?)</t[hd]>", line) for line in re.findall(r"<tr>(.*?)</tr>", table)]
        for table in re.findall(r"<table>(.*?)</table>", page)
    ]


def test_a_notebook_shows_rows_as_the_tables_of_the_command():
    alone = row_tables.TabledRows([row(), row(value=0.1, role="floor", n=20)])
    (head, line), *others = cells(alone._repr_html_())
    assert (head[:2], others) == (["metric", "value [95 %]"], [])
    assert line == ["recall", "1.00 [0.90, 1.10]", "", "↓", "estimate", "100 / 50", "0.10 (n 20 / 50)", "–"]
    both = alone + row_tables.TabledRows([row(run="b", value=2.0)])
    assert isinstance(both, list)
    assert cells(both._repr_html_()) == [
        [["metric", "a/last", "b/last"], ["recall ↓", "1.00 [0.90, 1.10]", "2.00 [0.90, 1.10]"]]
    ]


def test_rows_that_no_column_may_hold_stand_below_one_another():
    page = row_tables.TabledRows([row(), row(run="b", n=7)])._repr_html_()
    assert [table[1][0] for table in cells(page)] == ["recall", "recall"]
    assert page.index("<p>a/last</p>") < page.index("<p>b/last</p>")


def test_what_a_row_says_is_no_markup():
    page = row_tables.TabledRows([row(note="<script>x</script>\x1b[2J")])._repr_html_()
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    assert "\x1b" not in page
