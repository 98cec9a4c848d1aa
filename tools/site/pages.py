"""All pages that are made, and how they are laid beside those that are written."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

from tools.site import commands, findings, knobs, metrics, outcomes, public_names, recipes, results
from tools.site.markdown import contents, page

SUBJECTS = (commands, knobs, metrics, findings, outcomes, recipes, public_names, results)
REFERENCE = (
    *("commands/index", "families/index", "data/index", "training", "metrics/index", "findings"),
    *("recipes", "run-folder", "exit-codes", "python"),
)
MADE = ("reference", "results")  # folders of `docs/` that hold nothing else
HERE = ("GENKIT_DATA_DIR", "GENKIT_RUNS_DIR", "GENKIT_CACHE_DIR")  # which would be shown as defaults


def pages() -> dict[str, str]:
    """The text of every page by its place below `docs/`."""
    elsewhere = {key: value for key, value in os.environ.items() if key not in HERE}
    with patch.dict(os.environ, elsewhere, clear=True):
        found = {place: text for subject in SUBJECTS for place, text in subject.pages()}
    told = "All of it is made from what the code declares, so that it says what this version does."
    return found | {"reference/index.md": page("Reference", told, contents(REFERENCE, hidden=False))}


def write(docs: Path, made: Mapping[str, str]) -> None:
    """Lay the pages below a folder: what has not changed is not written, and what is no longer made goes."""
    for folder in MADE:
        for file in (docs / folder).rglob("*.md"):
            if str(file.relative_to(docs)) not in made:
                file.unlink()
    for place, text in made.items():
        file = docs / place
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
