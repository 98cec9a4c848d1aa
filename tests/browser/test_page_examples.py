"""The page of runs in a real browser: walks that are dragged, examples that are begun with."""

from __future__ import annotations

import pytest

from tests.browser.visit import captions, dragged

pytestmark = pytest.mark.slow  # of which most is the training of what is looked at


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
