"""The table and the figures of a study from its stored rows, by the report's present code.

    python experiments/redraw.py FOLDER [primary=coverage]

FOLDER holds `rows.jsonl`.  The table is printed; `intervals.svg` and, where it is there, `costs.svg` are
drawn anew.  Learning curves are not among the rows, so `curves.svg` stays.
"""

from __future__ import annotations

import sys
from pathlib import Path

from genkit.report import figures, tables
from genkit.report.analysis import analyse
from genkit.report.page import in_words
from genkit.report.sources import Member
from genkit.runs import rows


def members(file: Path) -> list[Member]:
    """The runs that rows are of, trials of a search left out."""
    found: dict[tuple[str, int], Member] = {}
    for row in rows.read(file):
        if (of := row.study) is not None and of.trial is None:
            arm, seed = of.arm, of.training_seed
            member = found.setdefault((arm, seed), Member(arm, seed, Path(f"{arm}-{seed}"), of.status))
            member.rows.append(row)
    return list(found.values())


def main(folder: Path, primary: str | None) -> None:
    analysis = analyse(members(folder / "rows.jsonl"), primary)
    print(in_words(analysis), end="\n\n")
    print(tables.markdown(tables.summary(analysis)).replace("\\", ""))
    assert analysis.primary is not None
    drawn = {"intervals": figures.intervals(analysis.primary)}
    drawn["costs"], _ = figures.fronts(analysis.primary, analysis.lines)
    for name, figure in drawn.items():
        if figure is not None and (folder / f"{name}.svg").is_file():
            (folder / f"{name}.svg").write_bytes(figures.render(figure)[0])


if __name__ == "__main__":
    main(Path(sys.argv[1]), next((word[8:] for word in sys.argv[2:] if word.startswith("primary=")), None))
