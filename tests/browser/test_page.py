"""The page of runs in a real browser: drawn, streamed, stopped, painted, dragged, compared; keys, a phone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from genkit import train
from tests.browser.visit import Visit
from tests.integration.conftest import QUICK, TINY
from tests.page_server import served

pytestmark = pytest.mark.slow  # of which most is the training of what is looked at

ENDLESS = 10**6  # tokens, of a text that never says what ends it
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LOOKS = [{"color_scheme": scheme} for scheme in ("light", "dark")]
SMALL = ["model.latent_size=4", "model.width=2", "model.hidden=16"]
MODELS = {
    "digits": [*TINY["vae"], "model.conditional=true"],
    "others": [*TINY["vae"], "seed=1"],
    "texts": TINY["gpt"],
    "sounds": ["model=vae", "data=plucks", *SMALL],
    "videos": ["model=vae", "data=moving_digits", *SMALL],
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """`runs(name, …)`: folders of runs of 2 steps, each made once."""
    folder, made = tmp_path_factory.mktemp("runs"), {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GENKIT_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))

        def of(*names):
            for name in names:
                if name not in made:
                    words = [*MODELS[name], *QUICK, "budget.steps=2", f"paths.runs_dir={folder}"]
                    made[name] = Path(train([*words, f"name={name}"])["run"])
            return [made[name] for name in names]

        yield of


@pytest.fixture(scope="module")
def page(runs, browser):
    """All of the models, served."""
    with served(*runs(*MODELS)) as found:
        yield found


@pytest.fixture
def visit(page, browser):
    """`visit(**look)`: a visitor of that page; what it must not do is looked at when it leaves."""
    visits = []

    def come(**look):
        visits.append(Visit(browser, page.address, **look))
        return visits[-1]

    yield come
    for one in visits:
        one.__exit__()
        assert one.faults == []
        assert [url for url in one.asked if not url.startswith((page.address, "data:", "blob:"))] == []


def dragged(page, element, begin, end):
    """Press at a place of an element, given as shares of its sides, and let go at another."""
    box = element.bounding_box()

    def place(shares):
        return box["x"] + shares[0] * box["width"], box["y"] + shares[1] * box["height"]

    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    page.mouse.move(*place(begin))
    page.mouse.down()
    page.mouse.move(*place(end), steps=6)
    page.mouse.up()


def addresses(column):
    return [image.get_attribute("src") for image in column.locator("figure img").all()]


def captions(column):
    return [
        caption.inner_text().removesuffix("save").strip() for caption in column.locator("figcaption").all()
    ]


# ---------------------------------------------------------------------- drawing


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


# ---------------------------------------------------------------------- walks and completions


def test_a_walk_is_dragged_and_goes_by_keys(visit):
    one = visit()
    one.only("digits")
    one.mode("Walk")
    one.draw("digits")
    strip, place = one.column("digits").locator(".strip"), one.column("digits").locator(".place img")
    images = [image.get_attribute("src") for image in strip.locator("img").all()]
    assert len(set(images)) > 10
    assert place.get_attribute("src") == images[0]
    dragged(one.page, strip, (0.02, 0.5), (0.5, 0.5))
    assert place.get_attribute("src") == images[len(images) // 2]
    slider = one.column("digits").get_by_role("slider")
    slider.focus()
    one.page.keyboard.press("End")
    assert place.get_attribute("src") == images[-1]
    assert "genkit interpolate" in one.column("digits").locator("code").inner_text()


def test_what_is_painted_is_completed(visit):
    one = visit()
    one.only("digits")
    one.mode("Complete")
    one.page.locator(".example .said", has_text="example").wait_for()
    dragged(one.page, one.page.locator("canvas.paint"), (0.3, 0.3), (0.7, 0.6))
    assert one.page.get_by_label("painted").is_checked()
    one.draw("digits")
    found = [caption.partition(",")[0] for caption in captions(one.column("digits"))]
    assert found == ["input", "answer 1", "answer 2", "answer 3", "truth"]
    assert "mask=mask.png" in one.column("digits").locator("code").inner_text()
    with one.page.expect_download() as download:
        one.column("digits").get_by_role("link", name="mask.png").click()
    assert download.value.suggested_filename == "mask.png"


def test_one_paints_by_keys(visit):
    one = visit()
    one.only("digits")
    one.mode("Complete")
    one.page.locator(".example .said", has_text="example").wait_for()
    canvas = one.page.locator("canvas.paint")
    canvas.focus()
    for key in ("ArrowLeft", " ", "ArrowDown", " ", "ArrowDown", " "):
        one.page.keyboard.press(key)
    one.page.keyboard.press("Control+Enter")
    one.ended("digits")
    assert "mask=mask.png" in one.column("digits").locator("code").inner_text()


def test_a_stretch_of_sound_is_marked(visit):
    one = visit()
    one.only("sounds")
    one.mode("Complete")
    over = one.page.locator(".over.sound")
    over.wait_for()
    dragged(one.page, over, (0.25, 0.5), (0.75, 0.5))
    assert one.page.locator("output").inner_text() == "8 to 24 of 32"
    one.draw("sounds")
    assert "mask=8:24" in one.column("sounds").locator("code").inner_text()
    assert one.column("sounds").locator("audio").count() == 5


def test_a_file_of_ones_own_is_begun_with_or_refused_in_one_line(visit, tmp_path):
    from PIL import Image

    good, bad = tmp_path / "mine.png", tmp_path / "bad.png"
    Image.new("L", (8, 8), 99).save(good)
    bad.write_bytes(b"no picture")
    one = visit()
    one.only("others")
    one.mode("Complete")
    one.page.locator(".example .said", has_text="example").wait_for()
    one.page.locator("#example-file").set_input_files(bad)
    one.page.locator(".example .said.error", has_text="in=bad.png is no picture").wait_for()
    one.page.locator("#example-file").set_input_files(good)
    one.page.locator(".example .said", has_text="levels").wait_for()
    one.draw("others")
    assert "in=mine.png" in one.column("others").locator("code").inner_text()


# ---------------------------------------------------------------------- what goes wrong


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


# ---------------------------------------------------------------------- looks


CONTRAST = (Path(__file__).parent / "contrast.js").read_text("utf-8")


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look["color_scheme"])
def test_every_text_has_the_contrast_of_aa(visit, look):
    one = visit(**look)
    one.only("digits", "texts")
    one.page.locator("summary").click()
    for mode in ("Draw", "Walk", "Complete"):
        one.mode(mode)
        one.draw("digits")
        assert one.page.evaluate(CONTRAST) == []
    one.fill("draws", 99)
    one.page.locator("#go").click()
    one.page.locator(".said.error").wait_for()
    assert one.page.evaluate(CONTRAST) == []
    one.faults[:] = [fault for fault in one.faults if "400" not in fault]


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look["color_scheme"])
def test_on_a_phone_nothing_sticks_out(visit, look):
    one = visit(**PHONE, **look)
    one.page.locator("summary").click()
    for mode, names in (
        ("Draw", ("texts", "sounds", "digits")),
        ("Walk", ("digits",)),
        ("Complete", ("digits",)),
    ):
        one.mode(mode)
        one.draw(*names)
        assert one.page.evaluate("() => document.documentElement.scrollWidth") == 390
        wide = "() => [...document.querySelectorAll('body *')].filter(e => e.checkVisibility() &&"
        wide += " !e.matches('.skip, .hidden, .hidden *') && e.getBoundingClientRect().right > 391).length"
        assert one.page.evaluate(wide) == 0


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
    for mode in ("Draw", "Walk", "Complete"):
        one.mode(mode)
        one.draw("digits")
        assert one.page.evaluate(nameless) == []


def test_nothing_moves_and_nothing_waits_that_need_not(visit):
    """(How long it takes is measured elsewhere; here that the page asks for its own few files alone.)"""
    one = visit()
    assert sorted({url.rsplit("/", 1)[-1] for url in one.asked}) == sorted(
        {"", "app.css", "main.js", "runs", "column.js", "controls.js", "elements.js", "example.js"}
        | {"exhibits.js", "hidden.js", "stream.js", "walk.js"}
    )
