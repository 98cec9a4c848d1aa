"""The page of runs in a real browser: a talk has turns, and a sound is heard while it is drawn."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tests.browser.conftest import HEARD
from tests.browser.visit import captions

pytestmark = pytest.mark.slow  # of which most is the training of what is looked at


def say(one, text):
    one.page.locator('[data-name="say"] textarea').fill(text)
    one.page.keyboard.press("Enter")
    one.ended("talks")


def turns(one):
    return one.column("talks").locator(".talk li").all_inner_texts()


def begun(visit, tokens=6):
    one = visit()
    one.only("talks")
    one.mode("Chat")
    one.page.locator("summary").click()
    one.fill("max_new_tokens", tokens)
    return one


def test_one_talks_in_turns(visit):
    one = begun(visit)
    assert one.page.locator("#go").inner_text() == "Send"
    say(one, "ab")
    say(one, "ab again")
    found = turns(one)
    assert [found[0], found[2]] == ["ab", "ab again"]
    assert len(found) == 4
    command = one.column("talks").locator("code").inner_text()
    assert command.startswith("printf '%s\\n' ab 'ab again' | genkit chat run=")
    one.page.locator("#again").click()  # a new talk
    assert turns(one) == []
    say(one, "ab")
    assert turns(one) == found[:2]  # from the same seed the same is answered


def test_an_answer_is_stopped_and_the_talk_goes_on(visit):
    one = begun(visit, 10**6)
    one.page.locator('[data-name="stop"] input').fill("☃")
    one.page.locator('[data-name="temperature"] input[type=number]').fill("5")
    one.page.locator('[data-name="say"] textarea').fill("ab")
    one.page.keyboard.press("Enter")
    one.column("talks").locator(".answers", has_text="a").wait_for()
    one.page.keyboard.press("Escape")
    one.column("talks").locator(".said", has_text="stopped").wait_for()
    one.fill("max_new_tokens", 3)
    say(one, "cd")
    assert [turns(one)[i] for i in (0, 2)] == ["ab", "cd"]
    assert len(turns(one)) == 4


def test_what_is_refused_was_not_said(visit):
    one = begun(visit)
    say(one, "ab")
    one.page.locator('[data-name="say"] textarea').fill("☃")
    one.page.keyboard.press("Enter")
    one.column("talks").locator(".said.error", has_text="☃").wait_for()
    assert len(turns(one)) == 2
    assert one.page.locator('[data-name="say"] textarea').input_value() == "☃"  # to be said otherwise
    say(one, "ba")
    assert turns(one)[2] == "ba"


def test_what_is_answered_is_text_and_never_a_page(visit):
    one, written = begun(visit), "<img src=x onerror=alert(1)>"
    lines = '{"event":"piece","number":0,"text":"' + written + '"}\n{"event":"done"}\n'
    one.page.route("**/chat", lambda route: route.fulfill(body=lines, content_type="application/x-ndjson"))
    say(one, written)
    assert turns(one) == [written, written]
    assert one.column("talks").locator("img").count() == 0


def heard_of(one, samples):
    """Wait until so many samples have been given to the loudspeaker."""
    while int(one.column("waves").locator(".heard").get_attribute("data-told")) < samples:
        one.page.wait_for_timeout(20)


def test_a_sound_is_heard_before_it_is_whole(visit, monkeypatch):
    """The second half of it is not drawn before the first is played."""
    import genkit.families.gpt as family
    from genkit.app import draw_request

    monkeypatch.setattr(draw_request, "MOMENT", 0)  # every piece is told by itself
    goes_on, real = threading.Event(), family.GPT.stream

    def held(self, **given):
        pieces = [*real(self, **given)]
        whole = np.concatenate(pieces, axis=1)
        for number, piece in enumerate(np.split(whole, 8, axis=1)):
            if number == 6:
                assert goes_on.wait(60)
            yield piece

    one = visit()
    one.only("waves")
    one.fill("n", 1)
    one.draw("waves")  # as it is
    assert one.column("waves").locator("audio").count() == 1
    monkeypatch.setattr(family.GPT, "stream", held)
    one.page.locator("#go").click()
    heard = one.column("waves").locator(".heard")
    heard.wait_for()
    one.column("waves").locator(".heard span", has_text="0.10 of 0.13 s").wait_for()
    heard.get_by_role("button").click()
    heard_of(one, 8)
    assert one.column("waves").locator("audio").count() == 0  # and the sound is not there yet
    assert not goes_on.is_set()
    goes_on.set()
    one.ended("waves")
    heard_of(one, HEARD)
    assert one.column("waves").locator("audio").count() == 1
    assert captions(one.column("waves"))[0] in ("low", "high")
