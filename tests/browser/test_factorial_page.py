"""The page of a factorial study on a telephone: every budget of every block, every arm of every metric."""

from __future__ import annotations

import pytest

from genkit.report import factorial_report
from tests.unit.report.test_factorials import MEANS, write_factorial


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("factorial")
    return factorial_report(write_factorial(folder / "g", MEANS), folder / "out")


@pytest.fixture
def opened(browser, written):
    with browser.new_context(viewport={"width": 390, "height": 800}) as context:
        page = context.new_page()
        page.goto(written.as_uri())
        yield page


def named(row):
    """What the cells of a row say of themselves, and what they hold."""
    return row.locator("td").evaluate_all(
        "all => all.filter(c => c.getClientRects().length)"
        ".map(c => [JSON.parse(getComputedStyle(c, '::before').content), c.innerText.split('\\n')[0]])"
    )


def test_orders_stand_below_their_block_each_with_its_budget(opened):
    rows = opened.locator("#orders tbody tr").all()
    assert [row.locator("th").inner_text() for row in rows] == ["digits", "sounds"]
    assert named(rows[0]) == [["100 steps", "a, then b"], ["400 steps", "b, then a"]]


def test_every_arm_is_read_and_nothing_is_cut(opened):
    opened.locator("details").evaluate_all("all => all.forEach(d => { d.open = true; })")
    assert opened.evaluate("document.documentElement.scrollWidth") == 390
    tables = opened.locator(".wide").all()
    assert len(tables) == 1 + 2 + 4  # orders, numbers of two blocks, pairs of four cells
    for table in tables:
        assert table.evaluate("e => e.scrollWidth <= e.clientWidth"), table.get_attribute("aria-label")
    for row in opened.locator("#block-1 tbody tr").all():
        assert [name for name, _ in named(row)] == ["a", "b"]
