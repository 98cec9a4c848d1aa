"""The pages of results: each experiment's README with its figures, and the claims that they bear out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tools.site.markdown import contents

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "experiments"
PICTURES = (".png", ".svg", ".gif")
OF_EXPERIMENT = re.compile(r"\]\((?P<up>(?:\.\./)*)\.\./experiments/(?:(?P<name>\w+)/)?README\.md\)")
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")


def pages() -> Iterator[tuple[str, str]]:
    """Place and text of each page; the overview says in which order they stand, the first claim first."""
    told_in = (EXPERIMENTS / "README.md").read_text(encoding="utf-8")
    names = [file.parent.name for file in EXPERIMENTS.glob("*/README.md")]
    names.sort(key=lambda name: (f"({name})" not in told_in, told_in.find(f"({name})"), name))
    for name in names:
        yield f"results/{name}.md", relinked(EXPERIMENTS / name / "README.md")
    overview = relinked(EXPERIMENTS / "README.md")
    told = "What was found, each with its question, method, result and limits. Their commands are those by"
    told += " which the figures were made; they take minutes to hours, and no test runs them again."
    title, rest = overview.split("\n", 1)
    yield (
        "results/index.md",
        f"{title.replace('Experiments', 'Results')}\n\n{told}\n{rest}\n{contents(names)}\n",
    )


def relinked(file: Path) -> str:
    """The text of an experiment's file for a page in `docs/results`: its links lead to pages and figures."""
    return LINK.sub(lambda found: _link(found, file.parent), file.read_text(encoding="utf-8"))


def _link(found: re.Match[str], folder: Path) -> str:
    image, text, target = found["image"], found["text"], found["target"]
    if "://" in target:
        return found[0]
    path = (folder / target).resolve()
    if (path / "README.md").is_file():
        return f"[{text}]({path.name}.md)"
    place = path.relative_to(ROOT)
    if image or path.suffix in PICTURES:
        return f"{image}[{text}](../../{place})"
    return f"{text} (`{place}`)"


def to_pages(text: str) -> str:
    """The text of a page that is written, whose links to experiments lead to files: on the site to pages."""
    return OF_EXPERIMENT.sub(lambda found: f"]({found['up']}results/{found['name'] or 'index'}.md)", text)
