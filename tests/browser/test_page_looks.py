"""The page of runs in a real browser: its colours, a phone, the keyboard alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.visit import addresses

pytestmark = pytest.mark.slow  # of which most is the training of what is looked at

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LOOKS = [{"color_scheme": scheme} for scheme in ("light", "dark")]
CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look["color_scheme"])
def test_every_text_has_the_contrast_of_aa(visit, look):
    one = visit(**look)
    one.only("digits", "texts")
    one.page.locator("summary").click()
    for mode in ("Draw", "Walk", "Complete", "Denoise", "Upscale", "Restyle"):
        one.mode(mode)
        if mode == "Restyle":
            one.page.locator('[data-name="label"] label', has_text="3").click()
        one.draw("digits")
        assert one.page.evaluate(CONTRAST) == []
    one.mode("Upscale")
    one.fill("draws", 99)
    one.page.locator("#go").click()
    one.page.locator(".said.error").wait_for()
    assert one.page.evaluate(CONTRAST) == []
    one.faults[:] = [fault for fault in one.faults if "400" not in fault]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look["color_scheme"])
def test_a_talk_and_what_is_heard_have_the_contrast_of_aa(visit, look):
    one = visit(**look, reduced_motion="reduce")  # no colour is on its way to another
    one.only("talks", "waves")
    one.draw("waves")
    assert one.column("waves").locator(".heard").count() == 4
    assert one.page.evaluate(CONTRAST) == []
    one.mode("Chat")
    assert one.page.evaluate(CONTRAST) == []
    one.page.locator('[data-name="say"] textarea').fill("ab")
    one.draw("talks")
    assert one.page.evaluate(CONTRAST) == []


def test_on_paper_stands_what_was_drawn_and_no_control(visit):
    one = visit()
    one.only("digits", "texts")
    one.draw("digits", "texts")
    one.page.emulate_media(media="print")
    assert one.page.locator("form").is_hidden()
    assert one.column("digits").locator("figure img").count() == 4
    boxes = [one.column(name).bounding_box() for name in ("digits", "texts")]
    assert boxes[0]["y"] + boxes[0]["height"] <= boxes[1]["y"]  # below one another
    assert one.page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look["color_scheme"])
def test_on_a_phone_nothing_sticks_out(visit, look):
    one = visit(**PHONE, **look)
    one.page.locator("summary").click()
    for mode, names in (
        ("Draw", ("texts", "sounds", "waves", "digits")),
        ("Walk", ("digits",)),
        ("Complete", ("digits", "videos")),
        ("Denoise", ("digits", "videos")),
        ("Chat", ("talks",)),
    ):
        one.mode(mode)
        if mode == "Chat":
            one.page.locator('[data-name="say"] textarea').fill("ab")
        one.draw(*names)
        assert one.page.evaluate("() => document.documentElement.scrollWidth") == 390
        wide = "() => [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&"
        wide += " !e.matches('.skip, .hidden, .hidden *') && e.getBoundingClientRect().right > 391).length"
        assert one.page.evaluate(wide) == 0


@pytest.mark.parametrize("look", [{"viewport": {"width": 1200, "height": 900}}, PHONE], ids=["desk", "phone"])
def test_a_small_picture_is_shown_large_its_pixels_whole(visit, look):
    one = visit(**look)
    one.only("digits", "videos")
    one.draw("digits", "videos")
    shown = one.page.evaluate(
        "[...document.querySelectorAll('.items img')].map(i => [i.naturalWidth, i.naturalHeight,"
        " i.clientWidth, i.clientHeight, getComputedStyle(i).imageRendering])"
    )
    assert len(shown) == 8
    for across, down, width, height, how in shown:
        assert across < 64
        assert width >= 112
        assert width % across == 0
        assert height == down * width // across
        assert how == "pixelated"


def test_beside_the_seed_stands_what_another_one_does(visit):
    one = visit()
    one.only("digits")
    said = one.page.locator('[data-name="seed"] .help').inner_text()
    assert "same number draws the same samples again, another number others" in said
    one.draw("digits")
    first = addresses(one.column("digits"))
    one.fill("n", 6)
    one.draw("digits")
    assert addresses(one.column("digits"))[:4] == first  # "asking for more keeps the first ones"
    one.page.get_by_role("button", name="Next seed").click()
    one.ended("digits")
    assert not set(addresses(one.column("digits"))) & set(first)


def test_everything_is_reached_by_the_keyboard_alone(visit):
    one = visit()
    one.page.keyboard.press("Tab")
    assert one.page.evaluate("() => document.activeElement.textContent") == "Skip to what is drawn"
    reached = set()
    for _ in range(120):
        one.page.keyboard.press("Tab")
        name = one.page.evaluate(
            "() => { const e = document.activeElement; return e.id || e.name || e.value || e.tagName }"
        )
        reached.add(name)
        if name == "go":
            break
    assert {"run", "mode", "go", "SUMMARY"} <= reached
    one.page.keyboard.press("Enter")
    one.ended("digits", "texts")


def test_modes_are_changed_by_arrows(visit):
    one = visit()
    one.only("digits")
    one.page.locator("#modes input").first.focus()
    one.page.keyboard.press("ArrowRight")
    assert one.page.locator("#go").inner_text() == "Walk"
    one.page.keyboard.press("Control+Enter")
    one.ended("digits")


def test_every_control_has_a_name_and_a_description(visit):
    one = visit()
    nameless = """() => [...document.querySelectorAll("input, select, textarea, button, canvas, audio, img")]
      .filter((e) => !(e.labels?.length && e.labels[0].textContent.trim()) && !e.getAttribute("aria-label")
        && !e.textContent.trim() && !e.alt && !e.closest("[aria-hidden=true]")).map((e) => e.outerHTML)"""
    for mode in ("Draw", "Walk", "Complete", "Denoise", "Chat"):
        one.mode(mode)
        if mode == "Chat":
            one.page.locator('[data-name="say"] textarea').fill("ab")
        one.draw("talks" if mode == "Chat" else "digits")
        assert one.page.evaluate(nameless) == []


def test_nothing_moves_and_nothing_waits_that_need_not(visit):
    """(How long it takes is measured elsewhere; here that the page asks for its own few files alone.)"""
    one = visit()
    assert sorted({url.rsplit("/", 1)[-1] for url in one.asked}) == sorted(
        {"", "app.css", "main.js", "runs", "column.js", "controls.js", "elements.js", "example.js"}
        | {"exhibits.js", "hidden.js", "sound.js", "stream.js", "talk.js", "walk.js"}
    )
