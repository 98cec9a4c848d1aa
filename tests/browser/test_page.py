"""The page of runs in a real browser: drawn, streamed, stopped, compared."""

from __future__ import annotations

import pytest

from tests.browser.visit import Visit, addresses, captions
from tests.page_server import served

pytestmark = pytest.mark.slow  # of which most is the training of what is looked at

ENDLESS = 10**6  # tokens, of a text that never says what ends it


def test_every_medium_is_drawn_and_below_it_stands_its_command(visit):
    one = visit()
    one.draw("digits", "others", "texts", "sounds", "videos")
    assert len(addresses(one.column("digits"))) == 4
    assert all(address.startswith("data:image/png") for address in addresses(one.column("digits")))
    assert all(address.startswith("data:image/gif") for address in addresses(one.column("videos")))
    players = one.column("sounds").locator("audio")
    assert players.count() == 4
    assert players.first.evaluate(
        "player => new Promise(done => player.readyState ? done(player.duration)"
        " : player.addEventListener('loadedmetadata', () => done(player.duration)))"
    ) == pytest.approx(0.5, abs=0.6)
    assert one.column("texts").locator("pre").count() == 4
    assert "genkit sample run=" in one.column("texts").locator("code").inner_text()


def test_controls_are_those_that_are_declared(visit):
    one = visit()
    one.only("digits")
    assert one.page.locator('[data-name="label"] input').count() == 10
    one.page.locator('[data-name="label"] label', has_text="7").click()
    one.fill("n", 2)
    one.draw("digits")
    assert captions(one.column("digits")) == ["7", "7"]
    assert "label=7" in one.column("digits").locator("code").inner_text()
    one.only("texts")
    assert one.page.locator('[data-name="label"]').count() == 0
    assert one.page.locator('[data-name="prompt"] textarea').count() == 1


def test_a_slider_and_its_number_are_one(visit):
    one = visit()
    one.only("digits")
    slider = one.page.get_by_label("temperature, slider")
    slider.focus()
    one.page.keyboard.press("Home")
    assert one.page.locator('[data-name="temperature"] input[type=number]').input_value() == "0"
    one.draw("digits")
    assert "temperature=0" in one.column("digits").locator("code").inner_text()


def test_runs_beside_one_another_are_drawn_from_the_same_seed(runs, browser):
    digits = runs("digits")
    with served(*digits, *digits) as page, Visit(browser, page.address) as one:
        one.fill("seed", 3)
        one.page.locator("#go").click()
        one.page.locator(".said", has_text=" s").nth(1).wait_for()
        first, second = (addresses(one.page.locator(".run").nth(i)) for i in (0, 1))
        assert first == second
        one.page.locator("#again").click()
        one.page.locator("code", has_text="seed=4").nth(1).wait_for()
        one.page.locator(".said", has_text=" s").nth(1).wait_for()
        assert addresses(one.page.locator(".run").nth(0)) != first


def test_a_text_grows_while_it_is_drawn_and_is_stopped(visit):
    one = visit()
    one.only("texts")
    one.fill("n", 1)
    one.page.locator("summary").click()
    one.fill("max_new_tokens", ENDLESS)
    one.page.locator('[data-name="stop"] input').fill("☃")
    one.page.locator("#go").click()
    text = one.column("texts").locator("pre")
    text.wait_for()
    lengths = []
    while len(lengths) < 3:
        if (length := len(text.inner_text())) > (lengths[-1] if lengths else 0):
            lengths.append(length)
        one.page.wait_for_timeout(20)
    one.page.keyboard.press("Escape")
    one.column("texts").locator(".said", has_text="stopped").wait_for()
    assert one.page.locator("#stop").is_disabled()
    one.fill("max_new_tokens", 5)
    one.draw("texts")  # the queue is free again
