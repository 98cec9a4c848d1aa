"""`genkit report`: a study, or any runs, as one page with tables and figures."""

from __future__ import annotations

import os
from pathlib import Path

from genkit import runs
from genkit.cli.commands.report import ReportSettings
from genkit.cli.outputs import REPLACES, check_writable
from genkit.system.errors import CheckpointError, ConfigError, nearest
from genkit.system.paths import place, sought
from genkit.system.terminal import say

OWN = ("report.html", "verdict.txt", "figures", "tables", "paper")


def report(settings: ReportSettings) -> int:
    if bool(settings.runs) == (settings.study is not None):
        raise ConfigError("report needs study=NAME, or run=RUN (as often as there are runs).")
    runs_dir = settings.paths["runs_dir"]
    source: Path | list[Path]
    if settings.study is None:
        source = [runs.find(run, runs_dir) for run in settings.runs]
        out = settings.out or Path("report")
    else:
        source = find_study(settings.study, runs_dir)
        out = settings.out or source / "report"
    if out.suffix or out.is_file():
        raise ConfigError(f"out={out}: a report is a folder; leave the suffix out.")
    was_there = check_place(out)
    check_writable(out)
    from genkit.report import factorial_report, is_factorial
    from genkit.report.page import write
    from genkit.report.sources import read

    if isinstance(source, Path) and is_factorial(source):
        say(f"report: {factorial_report(source, out)}{REPLACES if was_there else ''}")
        return 0
    told = read(source)
    page = write(told, out)
    say(f"report: {page}{REPLACES if was_there else ''}")
    if told.damaged:  # (others may be in the report, so it is made; who reads no page is told all the same)
        first, count = told.damaged[0], len(told.damaged)
        raise CheckpointError(
            f"{count} of {len(told.members)} runs cannot be read, and {page} says so in place of numbers:"
            f" {first.path.name}{f' and {count - 1} more' if count > 1 else ''}: {first.reason}"
        )
    return 0


def check_place(out: Path) -> bool:
    """Whether a report is there, which is made anew; a folder of something else is not written into.

    Raises:
        ConfigError: it is such a folder.
    """
    if out.is_dir() and any(p.name not in OWN and not p.name.startswith(".") for p in out.iterdir()):
        raise ConfigError(f"out={out} holds something else than a report; choose a new folder.")
    return (out / "report.html").is_file()


def find_study(name: str, runs_dir: str) -> Path:
    """The folder of a study or a factorial study, given as a path or as a name below `runs_dir`.

    Raises:
        ConfigError: there is none; the nearest is named.
    """
    from genkit.report import is_factorial, is_study

    for path in (place(name, "study"), Path(runs_dir) / name):
        if name and path.is_dir() and (is_study(path) or is_factorial(path)):
            return path
    root = Path(runs_dir)
    there = root.iterdir() if root.is_dir() else ()
    known = [path.name for path in there if is_study(path) or is_factorial(path)]
    hint = sought(name) if os.sep in name else nearest(name, known)
    said = f"no study {name!r} here or in {os.path.abspath(runs_dir)}."
    raise ConfigError(f"{said}{hint or ' Run one with genkit study study=NAME.'}")
