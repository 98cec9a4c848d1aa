"""What was found wrong with a run's training, and whether that leaves its numbers worth anything."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genkit.runs import rows as row_files
from genkit.system.plain import read_json

FILE = "findings.json"
# What is read of it here.
FINDING = {"severity": str, "code": str, "step": int, "advice?": str | None, "until?": int | None}
FINDINGS = {"findings": [FINDING]}


@dataclass(frozen=True)
class Judgement:
    """Findings of a training as a checkpoint has them.

    Attributes:
        lines: one for each finding.
        worthless: the code of the error that held at the checkpoint, whose numbers are then worth nothing; ""
            without one.
    """

    lines: tuple[str, ...] = ()
    worthless: str = ""


def judged(run: Path, step: int | None) -> Judgement:
    """What a run's findings say of its checkpoint at a step; a damaged or missing file says nothing.

    Of a rule the file has the last stretch in which it was broken, so an error that is over by the step, or
    began behind it, is not of the checkpoint.

    Args:
        step: None: of no checkpoint, for none was measured.
    """
    try:
        found = read_json(run / FILE, FINDINGS)["findings"]
    except (OSError, ValueError):
        return Judgement()
    lines, worthless = [], ""
    for f in found:
        until = f.get("until")
        when = f"at step {f['step']}" if until is None else f"from step {f['step']} to {until}, then no more"
        lines.append(f"{f['severity']}: {f['code']} {when}. {f.get('advice') or ''}")
        holds = step is not None and f["step"] <= step and (until is None or step < until)
        if f["severity"] == "error" and holds:
            worthless = worthless or str(f["code"])
    return Judgement(tuple(lines), worthless)


def reported(run: Path) -> Judgement:
    """The judgement of the checkpoint whose numbers a report takes.

    Raises:
        GenkitError, OSError, ValueError: the run's rows cannot be read.
    """
    return judged(run, row_files.step_of(row_files.of_chosen(run / row_files.FILE)))
