"""A visitor of a page of runs, in a browser."""

from __future__ import annotations

import re

TOOK = re.compile(r"\d s$")  # what is said at the end: seconds


class Visit:
    """A visitor's page, and what went wrong on it.

    Attributes:
        page: of Playwright.
        asked: the addresses that were asked for.
        faults: what the console says, what is thrown, what the page's policy has refused.
    """

    def __init__(self, browser, address, **look):
        self._context = browser.new_context(**{"viewport": {"width": 1280, "height": 860}, **look})
        self.page = self._context.new_page()
        self.asked, self.faults = [], []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.goto(address)
        self.page.locator(".control").first.wait_for()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._context.close()

    def column(self, name):
        """What is drawn of a run."""
        return self.page.get_by_role("region", name=name, exact=True)

    def mode(self, name):
        self.page.locator("#modes label", has_text=name).click()

    def only(self, *names):
        """Switch on these runs alone."""
        for chip in self.page.locator("#runs label").all():
            if chip.locator("input").is_checked() != (chip.inner_text() in names):
                chip.click()

    def fill(self, name, value):
        """Type a number for an option."""
        self.page.locator(f'[data-name="{name}"] input[type=number]').fill(str(value))

    def draw(self, *names):
        """Draw, and wait until each of these runs has said how long it took."""
        self.page.locator("#go").click()
        self.ended(*names)

    def ended(self, *names):
        for name in names:
            self.column(name).locator(".said", has_text=TOOK).wait_for()


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
