"""The page of runs in a real browser: walks that are dragged, examples that are begun with."""

from __future__ import annotations

import pytest

from tests.browser.visit import addresses, captions, dragged

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


def test_the_frames_of_a_video_are_marked(visit):
    one = visit()
    one.only("videos")
    one.mode("Complete")
    film = one.page.locator(".over.film")
    film.wait_for()
    frames = one.page.locator("output").inner_text().rpartition(" ")[2]
    dragged(one.page, film, (0.3, 0.5), (0.6, 0.5))
    begin, end = 1 + (0.3 * int(frames)) // 1 - 1, (0.6 * int(frames)) // 1 + 1
    assert one.page.locator("output").inner_text() == f"{begin:.0f} to {end:.0f} of {frames}"
    assert one.page.get_by_label("stretch").is_checked()
    one.draw("videos")
    assert f"mask={begin:.0f}:{end:.0f}" in one.column("videos").locator("code").inner_text()
    assert all(address.startswith("data:image/gif") for address in addresses(one.column("videos")))
    assert len(addresses(one.column("videos"))) == 5
    one.page.get_by_label("begin of what is hidden").focus()
    one.page.keyboard.press("Home")  # by keys, too
    assert one.page.locator("output").inner_text() == f"0 to {end:.0f} of {frames}"


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("Denoise", ["input", "answer 1", "answer 2", "answer 3", "truth"]),
        ("Upscale", ["input", "answer 1", "answer 2", "answer 3", "truth"]),
        ("Restyle", ["input", "as 3", "as 8"]),
    ],
)
def test_something_is_made_of_an_example_and_of_a_picture_of_ones_own(visit, tmp_path, mode, names):
    from PIL import Image

    Image.new("L", (8, 8), 99).save(tmp_path / "mine.png")
    one = visit()
    one.only("digits")
    one.mode(mode)
    one.page.locator(".example figure img").wait_for()
    own = "from" if mode == "Restyle" else "label"  # which says what a file is of
    assert one.page.locator(f'[data-name="{own}"]').is_hidden()
    for label in ("3", "8") if mode == "Restyle" else ():
        one.page.locator('[data-name="label"] label', has_text=label).click()
    one.draw("digits")
    found = [caption.partition(",")[0] for caption in captions(one.column("digits"))]
    assert found == names
    one.page.locator("#example-file").set_input_files(tmp_path / "mine.png")
    one.page.locator(f'[data-name="{own}"] select, [data-name="{own}"] input').first.wait_for()
    choose(one, own, "5")
    one.draw("digits")
    code = one.column("digits").locator("code").inner_text()
    assert code.startswith(f"genkit {mode.lower()} run=")
    assert "in=mine.png" in code
    assert f"{own}=5" in code


def choose(one, name, value):
    """A class of a control that has one or several."""
    box = one.page.locator(f'[data-name="{name}"]')
    if box.locator("select").count():
        box.locator("select").select_option(value)
    else:
        box.locator("label", has_text=value).click()


def test_a_sound_is_denoised(visit):
    one = visit()
    one.only("sounds")
    one.mode("Denoise")
    one.page.locator(".example audio").wait_for()
    one.draw("sounds")
    assert one.column("sounds").locator("audio").count() == 5


def test_too_many_answers_are_refused_in_one_line(visit):
    one = visit()
    one.only("digits")
    for mode in ("Denoise", "Upscale"):
        one.mode(mode)
        one.fill("draws", 10**6)
        one.page.locator("#go").click()
        one.column("digits").locator(".said.error", has_text="draws takes an integer from 1 to 16").wait_for()
        one.fill("draws", 1)
    one.draw("digits")
    one.faults[:] = [fault for fault in one.faults if "400" not in fault]
