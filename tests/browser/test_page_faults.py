"""The page of runs in a real browser: what goes wrong is said in a line, and the page goes on."""

from __future__ import annotations

import json

import pytest

from tests.browser.visit import Visit, addresses
from tests.page_server import served

pytestmark = pytest.mark.slow  # of which most is the training of what is looked at


def test_too_much_is_refused_in_one_line_and_the_page_goes_on(visit):
    one = visit()
    one.only("digits")
    one.fill("n", 10**6)
    one.page.locator("#go").click()
    said = one.column("digits").locator(".said.error")
    said.wait_for()
    assert "n takes an integer from 1 to 64, not 1000000" in said.inner_text()
    one.fill("n", 1)
    one.draw("digits")
    one.faults[:] = [fault for fault in one.faults if "400" not in fault]  # the console says it, too


def test_a_prompt_of_a_million_letters_is_refused_in_one_line(visit):
    one = visit()
    one.only("texts")
    one.page.locator('[data-name="prompt"] textarea').evaluate(
        "(box, n) => { box.value = 'a'.repeat(n) }", 10**6
    )
    one.page.locator("#go").click()
    said = one.column("texts").locator(".said.error")
    said.wait_for()
    assert "1,000,000 letters" in said.inner_text()
    one.faults[:] = [fault for fault in one.faults if "400" not in fault]


def test_what_a_model_writes_is_text_and_never_a_page(visit):
    one, written = visit(), "<img src=x onerror=alert(1)><script>alert(2)</script>"
    one.only("texts")
    told = [
        {"event": "asked", "command": written, "before": 0},
        {
            "event": "sample",
            "number": 0,
            "kind": "text",
            "text": written,
            "caption": written,
            "said": written,
        },
        {"event": "piece", "number": 0, "text": written},
        {"event": "error", "said": written},
    ]
    lines = "".join(json.dumps(event) + "\n" for event in told)
    one.page.route("**/draw", lambda route: route.fulfill(body=lines, content_type="application/x-ndjson"))
    one.page.locator("#go").click()
    column = one.column("texts")
    column.locator(".said.error").wait_for()
    assert column.locator("pre").inner_text() == 2 * written
    for place in (".said.error", ".asked", "code", "figcaption"):
        assert column.locator(place).inner_text() == written
    assert column.locator("img, script").count() == 0


def test_two_visitors_get_what_each_asked_for(visit):
    one, other = visit(), visit()
    for visitor, seed in ((one, 1), (other, 2)):
        visitor.only("digits")
        visitor.fill("seed", seed)
    one.page.locator("#go").click()
    other.page.locator("#go").click()
    one.ended("digits")
    other.ended("digits")
    found = addresses(one.column("digits"))
    assert found != addresses(other.column("digits"))
    other.fill("seed", 1)
    other.draw("digits")
    assert addresses(other.column("digits")) == found


def test_a_server_that_has_ended_is_said_to_have(runs, browser):
    with served(*runs("digits")) as page:
        one = Visit(browser, page.address)
    one.page.locator("#go").click()
    one.page.locator(".said.error", has_text="is genkit app still running?").wait_for()
    one.__exit__()
