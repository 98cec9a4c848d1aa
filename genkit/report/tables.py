"""The tables of a report as CSV, Markdown and LaTeX; one escapes what the other would run or break on."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from genkit.report.analysis import Analysis
from genkit.report.lines import Cell
from genkit.report.numbers import number, summary_text
from genkit.report.sources import Member
from genkit.runs.rows import to_plain
from genkit.system.terminal import inert, without_controls

COLUMNS = (
    *("metric", "role", "value", "low", "high", "unit", "direction", "kind", "n", "n_real", "checkpoint"),
    *("step", "split", "selected", "trained", "fingerprint", "digest", "note"),
)


def values(members: Sequence[Member]) -> pd.DataFrame:
    """One line for each number of each run, and one for each run that has none."""
    rows = []
    for m in members:
        why = m.reason or (f"worthless: {m.worthless}" if m.worthless else "")
        about = {"arm": m.arm, "seed": m.seed, "run": m.path.name, "status": m.status, "reason": why}
        found = [to_plain(row) for row in m.rows if m.finished] or [{}]
        rows += [{**about, **{key: plain.get(key) for key in COLUMNS}} for plain in found]
    return pd.DataFrame(rows)


def summary(analysis: Analysis) -> pd.DataFrame:
    """A line a metric, a column an arm: mean over seeds with its interval, or a dash."""
    rows = []
    for line in analysis.lines:
        arrow = {"lower": "↓", "higher": "↑"}.get(line.direction, "")
        rows.append(
            {
                "metric": f"{line.name} {arrow}".strip(),
                "unit": "" if line.unit == "1" else line.unit,
                **{arm: _with_count(cell) for arm, cell in line.cells.items()},
                "floor": number(line.floor),
                "ceiling": number(line.ceiling),
            }
        )
    return pd.DataFrame(rows, columns=["metric", "unit", *analysis.arms, "floor", "ceiling"])


def _with_count(cell: Cell) -> str:
    """Mean [interval] and the trainings behind it; of how many, where some reached nothing."""
    if cell.summary is None:
        return f"– (n=0 of {cell.planned})" if cell.failed else "–"
    n, text = cell.summary.n, summary_text(cell.summary, "≤ " if cell.bound else "")
    return f"{text} (n={n})" if n == cell.planned else f"{text} (n={n} of {cell.planned})"


def csv(frame: pd.DataFrame) -> str:
    """A text that begins like a formula is not left for a spreadsheet to run."""
    return str(frame.rename(columns=inert).map(inert).to_csv(index=False, lineterminator="\n"))


def markdown(frame: pd.DataFrame) -> str:
    """A table of GitHub's Markdown, in which no cell ends a column or begins a tag."""
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    return "".join(f"| {' | '.join(map(_marked, line))} |\n" for line in lines)


def latex(frame: pd.DataFrame) -> str:
    """A tabular; LaTeX's own characters are escaped."""
    shown = frame.replace({"↓": r"(lower)", "↑": r"(higher)", "–": "--"}, regex=True)
    columns = "l" * len(frame.columns)
    body = [" & ".join(map(_escaped, line)) + r" \\" for line in shown.astype(str).to_numpy().tolist()]
    head = " & ".join(map(_escaped, map(str, frame.columns))) + r" \\"
    rules = (r"\hline", head, r"\hline", *body, r"\hline")
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *rules, r"\end{tabular}"]) + "\n"


def _marked(cell: str) -> str:
    for character in "\\`*|[]":
        cell = cell.replace(character, f"\\{character}")
    return " ".join(without_controls(cell).replace("<", "&lt;").split())


def _escaped(cell: str) -> str:
    special = {c: rf"\{c}" for c in "&%$#_{}"}
    special |= {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
    plain = " ".join(without_controls(cell).split())
    return "".join(special.get(character, character) for character in plain)
