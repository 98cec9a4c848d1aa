"""The report in a browser: on a desk, on a telephone, in the dark, on paper, by keyboard, and alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from genkit.core.grid import grid
from genkit.report import report
from genkit.system.animations import gif_file
from genkit.system.wave_files import joined_file
from tests.unit.report.report_runs import row, write_run, write_study

SIZES = {"desk": 1200, "telephone": 390}
# Of every text the ratio of its colour to what lies behind it (WCAG 2.2, 1.4.3), the worst first.
CONTRASTS = """() => {
  const parts = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const light = (c) => parts(c).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = getComputedStyle(e).backgroundColor, p = parts(c); if (p.length === 3 || p[3] > 0) return c; }
    return "rgb(255, 255, 255)"; };
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  for (let node; (node = walk.nextNode());) {
    const e = node.parentElement, style = getComputedStyle(e);
    if (!node.textContent.trim() || !e.getClientRects().length) continue;
    const [a, b] = [light(style.color), light(behind(e))].sort((x, y) => y - x);
    const text = node.textContent.trim().slice(0, 40);
    found.push({ratio: (a + 0.05) / (b + 0.05), size: parseFloat(style.fontSize), text});
  }
  return found.sort((a, b) => a.ratio - b.ratio);
}"""

# What stands out of a paper of so many pixels, or is cut off by a box of its own.
CUT = """(width) => [...document.body.querySelectorAll("*")]
  .filter((e) => e.getClientRects().length)
  .filter((e) => e.getBoundingClientRect().right > width + 1
    || (getComputedStyle(e).overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1))
  .map((e) => [e.tagName, e.className, e.textContent.slice(0, 30)])"""
FOCUSED = """() => {
  const e = document.activeElement, name = e.id || e.getAttribute("href") || e.getAttribute("aria-label");
  return [e.tagName, name || e.textContent.slice(0, 20), getComputedStyle(e).outlineStyle];
}"""


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A study of three arms with pictures, sounds and videos, a run that failed and one with findings."""
    folder, members, rng = tmp_path_factory.mktemp("study") / "digits", [], np.random.default_rng(0)
    for arm, mean in (("pictures", 1.0), ("sounds", 3.0), ("videos", 2.0)):
        for seed in range(6):
            if (arm, seed) == ("sounds", 5):
                members.append((arm, seed, {"status": "failed", "reason": "it ended"}))
                continue
            members.append((arm, seed, {"status": "finished"}))
            kid = mean + 0.1 * rng.normal()
            rows = [row("kid", kid), row("kid", 0.1, role="floor"), row("kid", 9.0, role="ceiling")]
            rows += [row("training_flops", 1e9 * 10**mean), row("training_examples", 3_200)]
            run = write_run(folder / f"{arm}-{seed}", arm, seed, rows)
            sheet = run / "samples" / "step-100.png"
            grid(rng.integers(0, 255, (16, 8, 8, 1), dtype=np.uint8)).save(sheet)
            if arm == "sounds":
                tone = (8_000 * np.sin(np.arange(1_600) / 5)).astype(np.int16)
                sheet.with_suffix(".wav").write_bytes(
                    joined_file(np.stack([tone, tone])[:, None], 8_000, "genkit", {})
                )
                Image.new("RGB", (900, 300), "navy").save(sheet)
            if arm == "videos":
                frames = rng.integers(0, 255, (4, 40, 40, 1), dtype=np.uint8)
                sheet.with_suffix(".gif").write_bytes(gif_file(frames, 8, "genkit", {}))
    study = write_study(folder, members, primary="kid", name="Digits, sounds and videos")
    return report(study, tmp_path_factory.mktemp("out") / "out")


@pytest.fixture
def opened(browser, written):
    """`opened(size, scheme)`: the report as somebody sees it."""
    contexts = []

    def call(size="desk", scheme="light"):
        context = browser.new_context(
            viewport={"width": SIZES[size], "height": 800}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.asked, page.told = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.told.append(message.text))
        page.goto(written.as_uri())
        return page

    yield call
    for context in contexts:
        context.close()


def test_nothing_leaves_the_machine_and_nothing_is_refused(opened, written):
    page = opened()
    page.wait_for_load_state("load")
    assert {url for url in page.asked if not url.startswith("data:")} == {written.as_uri()}
    assert page.told == []
    assert page.locator("script").count() == 0


@pytest.mark.parametrize("size", SIZES)
def test_everything_is_seen_and_nothing_runs_out_of_the_page(opened, size):
    page = opened(size)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == SIZES[size]
    pictures = page.evaluate(
        "[...document.images].filter(i => i.getClientRects().length)"
        ".map(i => [i.alt, i.naturalWidth, i.getBoundingClientRect().right])"
    )
    assert len(pictures) >= 8
    for words, natural, right in pictures:
        assert words
        assert natural > 0
        assert right <= SIZES[size]
    smallest = min(found["size"] for found in page.evaluate(CONTRASTS))
    assert smallest >= 11


def test_a_telephone_shows_every_arm_of_every_row_and_cuts_none_off(opened):
    page = opened("telephone")
    page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true; })")
    for table in page.locator(".wide").all():
        assert table.evaluate("e => e.scrollWidth <= e.clientWidth"), table.get_attribute("aria-label")
    kid = page.locator("#table tbody tr", has=page.locator("th", has_text="kid"))
    shown = kid.locator("td").evaluate_all(
        "all => all.filter(c => c.getClientRects().length)"
        ".map(c => [JSON.parse(getComputedStyle(c, '::before').content), c.innerText.split('\\n')[0]])"
    )
    assert [name for name, _ in shown] == ["pictures", "sounds", "videos", "floor", "ceiling"]
    for (_, text), near in zip(shown, (1.0, 3.0, 2.0, 0.1, 9.0), strict=True):
        assert float(text.split()[0]) == pytest.approx(near, abs=0.2)
    # What has neither floor nor ceiling has no lines for them.
    costs = page.locator("#table tbody tr", has=page.locator("th", has_text="flops")).locator("td.none")
    assert [one.is_visible() for one in costs.all()] == [False, False]


def test_on_a_desk_a_row_is_one_line_below_its_head(opened):
    page = opened()
    heads = [one.inner_text() for one in page.locator("#table thead th").all()]
    assert heads == ["metric", "pictures", "sounds", "videos", "floor", "ceiling"]
    tops = (
        page.locator("#table tbody tr")
        .first.locator("td")
        .evaluate_all(
            "all => all.map(c => [c.getBoundingClientRect().top, getComputedStyle(c, '::before').content])"
        )
    )
    assert len({top for top, _ in tops}) == 1
    assert {named for _, named in tops} == {"none"}


@pytest.mark.parametrize("size", SIZES)
def test_a_pixel_of_a_model_s_is_a_whole_number_of_the_page_s(opened, size):
    page = opened(size)
    (of_pictures,) = page.evaluate(
        "[...document.images].filter(i => i.alt === 'samples of pictures')"
        ".map(i => [i.naturalWidth, i.getBoundingClientRect().width, getComputedStyle(i).imageRendering])"
    )
    natural, shown, how = of_pictures
    assert how == "pixelated"
    assert shown / natural == pytest.approx(round(shown / natural), abs=1e-3)
    assert shown >= 290  # 16 digits of 8 pixels, 64 of the page's each
    (moving,) = page.evaluate(
        "[...document.images].filter(i => i.alt === 'samples of videos, moving')"
        ".map(i => i.getBoundingClientRect().width / i.naturalWidth)"
    )
    assert moving == pytest.approx(round(moving), abs=1e-3)
    assert moving >= 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(opened, scheme):
    page = opened(scheme=scheme)
    page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true; })")
    found = page.evaluate(CONTRASTS)
    assert len(found) > 200
    for text in found:
        assert text["ratio"] >= 4.5, text
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") == (scheme == "light")


def test_clips_can_be_heard(opened):
    page = opened()
    sounds = page.locator("audio")
    assert sounds.count() == 2
    for sound in sounds.all():
        assert sound.get_attribute("src").startswith("data:audio/wav;base64,")
        sound.evaluate("a => a.readyState >= 1 || new Promise(done => { a.onloadedmetadata = done; })")
        assert sound.evaluate("a => a.duration") == pytest.approx(0.2, abs=0.01)
        assert sound.evaluate("a => a.controls")


def test_the_keyboard_alone_is_enough(opened):
    page = opened()
    seen, outlines = [], []
    for _ in range(250):
        page.keyboard.press("Tab")
        tag, name, outline = page.evaluate(FOCUSED)
        if tag == "BODY":
            break
        seen.append((tag, name))
        if tag != "AUDIO":  # (whose buttons show it)
            outlines.append(outline)
    assert tag == "BODY"  # the last thing was reached, and nothing held the focus
    assert seen[0] == ("A", "#table")
    assert ("INPUT", "against-1") in seen
    assert ("DIV", "Results, a line a metric") in seen  # which scrolls on a telephone
    assert sum(tag == "AUDIO" for tag, _ in seen) >= 2  # each has buttons of its own
    assert any(tag == "SUMMARY" for tag, _ in seen)
    assert "none" not in outlines

    def shown():
        return [one.get_attribute("aria-label") for one in page.locator(".choice").all() if one.is_visible()]

    assert shown() == ["Against examples seen"]
    page.locator("#against-1").focus()
    page.keyboard.press("ArrowRight")
    assert shown() == ["Against FLOP"]
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("details").first.evaluate("d => d.open")


def test_on_paper_it_is_black_on_white_and_whole(opened):
    page = opened(scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
    for text in page.evaluate(CONTRASTS):
        assert text["ratio"] >= 4.5, text
    assert all(one.is_visible() for one in page.locator(".choice").all())
    assert not page.locator("nav").is_visible()
    assert not page.locator("#against-1").is_visible()
    assert not [one for one in page.locator("audio, details").all() if one.is_visible()]  # no use on paper
    said = page.evaluate("getComputedStyle(document.querySelector('.players'), '::before').content")
    assert said == '"Sounds that the page plays."'
    moving, sheet = page.get_by_alt_text("samples of videos", exact=False).all()
    assert (moving.is_visible(), sheet.is_visible()) == (False, True)  # its frames, not the first alone
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert (
        2
        <= printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") + printed.count(b"/Type /Page/")
        <= 30
    )


def test_no_paper_cuts_anything_off(opened):
    page = opened()
    page.emulate_media(media="print")
    for width in (718, 740):  # of A4 and of letter between margins of a centimetre, at 96 pixels an inch
        page.set_viewport_size({"width": width, "height": 1000})
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(CUT, width) == []


def test_whoever_hears_the_page_is_told_what_it_has(opened):
    page = opened()
    assert page.locator("h1").count() == 1
    assert page.locator("main").count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(h => +h.tagName[1])")
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for scrolled in page.locator(".wide").all():
        assert scrolled.get_attribute("aria-label")
    assert page.get_by_role("radio", name="FLOP").count() == 1
    assert page.get_by_role("navigation", name="Parts of this report").count() == 1
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1
