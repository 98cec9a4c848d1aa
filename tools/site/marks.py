"""A Sphinx extension: lays the made pages before a build, leads links to experiments to their pages, shows
which blocks no test runs, and why, and reads docstrings as what they are.

In a page `<!-- not run: it needs a GPU -->` stands before the block; a reader sees the reason below it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

from tools.site.pages import pages, write
from tools.site.results import to_pages

NOT_RUN = re.compile(r"<!-- not run: (.*?) -->", re.S)


class NotRun(SphinxTransform):
    """Puts the reason below its block."""

    default_priority = 210

    def apply(self, **_: Any) -> None:
        for comment in [*self.document.findall(nodes.raw)]:
            if not (found := NOT_RUN.fullmatch(comment.astext().strip())):
                continue
            block = comment.next_node(nodes.literal_block, descend=False, siblings=True)
            if block is not None:
                note = nodes.paragraph("", f"Not run by the tests: {found[1]}.", classes=["not-run"])
                block.parent.insert(block.parent.index(block) + 1, note)
            comment.parent.remove(comment)


def as_plain(app: Sphinx, what: str, name: str, found: object, options: object, lines: list[str]) -> None:
    """A star in a docstring is one, such as that of `*shape`, and no emphasis."""
    lines[:] = [re.sub(r"(`[^`]*`)|(?<!\\)\*", lambda each: each[1] or r"\*", line) for line in lines]


def with_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Links to an experiment's file, which work where there is no site, lead to its page."""
    source[:] = map(to_pages, source)


def setup(app: Sphinx) -> dict[str, object]:
    app.add_transform(NotRun)
    app.connect("autodoc-process-docstring", as_plain, priority=900)  # after napoleon
    app.connect("source-read", with_pages)
    app.connect("config-inited", lambda app, _: write(Path(app.srcdir), pages()))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
