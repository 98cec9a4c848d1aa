"""What the README and the pages of the site show to be typed: their blocks, and how each is checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
MADE = ("_build", "reference", "results")  # of the site, by its build
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>.*?) -->\n)?```(?P<kind>\S*)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S
)


@dataclass(frozen=True)
class Block:
    """Lines between two fences.

    Attributes:
        page: where it stands, below the checkout.
        kind: what the fence says that it is: "sh", "python", "text", …
        reason: why it is not run; "": it is.
    """

    page: str
    kind: str
    text: str
    reason: str = ""

    @property
    def lines(self) -> list[str]:
        """The commands of a block for a shell, those that go on over a line's end as one."""
        whole = re.sub(r"\\\n\s*", "", self.text)
        return [line for line in whole.splitlines() if line.strip() and not line.startswith("#")]


def written() -> list[Path]:
    """The README and every page of the site that is written, in the order of their names."""
    pages = (file for file in DOCS.rglob("*.md") if file.relative_to(DOCS).parts[0] not in MADE)
    return [README, *sorted(pages)]


def blocks() -> list[Block]:
    """All blocks of all pages."""
    found = []
    for file in written():
        page = str(file.relative_to(ROOT))
        for each in BLOCK.finditer(file.read_text(encoding="utf-8")):
            found.append(Block(page, each["kind"], each["text"], each["reason"] or ""))
    return found
