"""`genkit report`, declared."""

from __future__ import annotations

from pathlib import Path

from genkit.cli.command import Command, word
from genkit.cli.shared import Placed


class ReportSettings(Placed):
    study: str | None = word(
        None, "a study's folder, or its name in paths.runs_dir", kind="folder", shown="NAME"
    )
    runs: tuple[str, ...] = word(
        (), "any runs; those that differ in their seed alone are one arm", name="run", kind="run"
    )
    out: Path | None = word(
        None,
        "gets report.html, tables/ and figures/ (default: report/ in the study, else here)",
        kind="output",
        shown="FOLDER",
    )


COMMAND = Command(
    "one page about runs",
    ReportSettings,
    "genkit.cli.report:report",
    usage="study=NAME | run=RUN run=RUN … [out=FOLDER]",
    more="Exit code 3: a run cannot be read; the page is made of the others, and says which.",
)
