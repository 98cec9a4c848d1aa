"""The tables of a report as CSV, Markdown and LaTeX; one escapes what the other would run or break on."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from genkit.report import latex
from genkit.report.analysis import Analysis
from genkit.report.lines import Cell
from genkit.report.numbers import number, reached_text, summary_text
from genkit.report.sources import Member
from genkit.runs.rows import to_plain
from genkit.statistics import Comparison, at_most, pair_in_words
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


def pairs(analysis: Analysis) -> pd.DataFrame:
    """A line for every two arms: difference, chance to be better, p-values, and what they say."""
    return pairs_of(analysis.comparisons, len(analysis.comparisons) * analysis.looks.declared)


def pairs_of(comparisons: Sequence[Comparison], count: int) -> pd.DataFrame:
    """The same of comparisons that were corrected for so many."""
    rows = [
        {
            "first": c.first,
            "second": c.second,
            "difference": "–" if c.difference is None else reached_text(c.difference, c.low, c.high),
            "P(first better)": f"{c.improvement:.2f} [{c.improvement_low:.2f}, {c.improvement_high:.2f}]",
            "p": at_most(c.p, 3),
            "p, Holm": at_most(c.p_adjusted, 3),
            "verdict": pair_in_words(c, count),
        }
        for c in comparisons
    ]
    return pd.DataFrame(rows)


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
    return "".join(f"| {' | '.join(map(marked, line))} |\n" for line in lines)


def in_latex(frame: pd.DataFrame) -> str:
    return latex.tabular(list(map(str, frame.columns)), frame.astype(str).to_numpy().tolist())


def marked(cell: str) -> str:
    """A text of a file within a line of Markdown."""
    for character in "\\`*|[]":
        cell = cell.replace(character, f"\\{character}")
    return " ".join(without_controls(cell).replace("<", "&lt;").split())
