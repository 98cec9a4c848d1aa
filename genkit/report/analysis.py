"""From rows to a table and its verdict: what the numbers of a study say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from genkit import statistics
from genkit.metrics.catalogue import answers, group_of
from genkit.report.compute import Compute, against_costs
from genkit.report.lines import Line, lines_of
from genkit.report.numbers import number
from genkit.report.sources import Looks, Member
from genkit.runs.row_tables import OF_BOUNDS
from genkit.statistics import Comparison, Ranking, Verdict

COSTS = ("training_seconds", "training_flops", "parameters")
PREFERRED = ("kid", "fid", "bits_per_byte", "bits_per_dimension", "nll")
BESIDE = "recall"  # a picture of quality alone is good where a network draws few things well


@dataclass
class Analysis:
    """Everything that a report says in numbers.

    Attributes:
        primary: the line of the verdict.
        selected: which arms' checkpoints were chosen, or trained, on the examples that judge them; or "".
        margin: the difference of the primary metric below which arms count as equal; None: none was stated.
        compute: learning curves against what they cost, those that arms share first.
        ranking: the arms by mean ranks over the seeds that decide; None where there are too few, and where
            bounds stand beside exact numbers.
        bootstraps: of every two arms that are compared, the bootstrapped interval of the probability that the
            first is better.
        remark: what the verdict is not of: seeds that were added after looking, runs that are still to run.
    """

    arms: list[str]
    lines: list[Line]
    primary: Line | None
    verdict: Verdict | None
    notes: list[str]
    looks: Looks
    remark: str = ""
    selected: str = ""
    margin: float | None = None
    compute: Sequence[Compute] = ()
    ranking: Ranking | None = None
    bootstraps: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)

    @property
    def comparisons(self) -> Sequence[Comparison]:
        return self.verdict.comparisons if self.verdict else ()


def analyse(
    members: Sequence[Member],
    primary: str | None = None,
    looks: Looks | None = None,
    margin: float | None = None,
) -> Analysis:
    """The table of the members, and what its primary metric allows to be said.

    Args:
        primary: the metric of the verdict; None: the first of the usual ones that most arms have.
        looks: how often the seeds may be looked at, and were; None: once.
        margin: the difference of the primary metric below which arms count as equal; None: none was stated.
    """
    looks = looks or Looks()
    arms = list(dict.fromkeys(member.arm for member in members))
    lines = lines_of(members, arms)
    main = _primary(lines, primary)
    said, remark, ranks, resampled = None, "", None, {}
    if main is not None and main.direction in ("lower", "higher"):
        to_run = sum(not member.ended for member in members)
        if to_run:
            remark = (
                f"The study has not ended: {to_run} of {len(members)} runs are still to run."
                " A verdict is given when all have ended."
            )
        else:
            arms_by_seed = _deciding(main, looks)
            said, remark = _verdict(main, arms_by_seed, looks, margin)
            if len({cell.bound for cell in main.cells.values() if cell.values}) == 1:
                ranks = statistics.ranking(arms_by_seed, main.direction, looks.declared)
            resampled = _bootstraps(said.comparisons, arms_by_seed, main.direction)
            if (beside := _recall(main, lines)) and said.comparisons:
                said = replace(said, words=f"{said.words} {beside}")
    notes = _notes(lines)
    if primary and main is None:
        notes.insert(0, f"No run has a number of the primary metric {primary}.")
    compute = against_costs(members)
    return Analysis(
        arms,
        lines,
        main,
        said,
        notes,
        looks,
        remark,
        _selected(members),
        margin,
        compute,
        ranks,
        resampled,
    )


def _deciding(line: Line, looks: Looks) -> dict[str, statistics.Arm]:
    """What the trainings of each arm reached, of the seeds that may decide."""
    decides = looks.deciding
    return {
        arm: {seed: value for seed, value in cell.outcomes.items() if decides is None or seed in decides}
        for arm, cell in line.cells.items()
    }


def _bootstraps(
    comparisons: Sequence[Comparison], arms: Mapping[str, statistics.Arm], direction: str
) -> dict[tuple[str, str], tuple[float, float]]:
    found = {}
    for c in comparisons:
        seeds = sorted(set(arms[c.first]) & set(arms[c.second]))
        x, y = (
            statistics.goodness([arms[arm][seed] for seed in seeds], direction) for arm in (c.first, c.second)
        )
        found[c.first, c.second] = statistics.improvement_bootstrap(x, y)
    return found


def _verdict(
    line: Line, arms: Mapping[str, statistics.Arm], looks: Looks, margin: float | None
) -> tuple[Verdict, str]:
    """The verdict on the seeds that may decide, and what is said of the others."""
    decides = looks.deciding
    bounds = {arm for arm, cell in line.cells.items() if cell.bound}
    exact = any(cell.values and not cell.bound for cell in line.cells.values())
    found = statistics.verdict(
        arms,
        line.direction,
        line.name if exact else f"the bound on {line.name}",
        bounds=bounds,
        looks=looks.declared,
        planned={arm: cell.planned for arm, cell in line.cells.items()} if decides is None else None,
        margin=margin,
    )
    if decides is None:
        return found, ""
    later = sorted({seed for cell in line.cells.values() for seed in cell.outcomes} - set(decides))
    times = "once" if looks.declared == 1 else f"{looks.declared} times"
    return found, (
        f"That is of the first {len(decides)} seeds. {len(later)} were added after the results had been"
        f" looked at {times}: they decide nothing, for a study that is looked at until it"
        " says something says too much. Declare looks: beforehand to add seeds."
    )


def _selected(members: Sequence[Member]) -> str:
    """Of which arms the numbers are of checkpoints that were selected on the examples that judge them."""
    places = [(m.arm, row.place) for m in members for row in m.rows if row.role == "model"]
    by = {(arm, place.selected) for arm, place in places if place.selected}
    said = []
    if by:
        arms = ", ".join(f"{arm} (by {term})" for arm, term in sorted(by))
        said.append(f"Selected on the examples that judge them, which flatters: the checkpoints of {arms}.")
    if learnt := sorted({arm for arm, place in places if place.trained}):
        said.append(
            f"Judged by the examples that they were trained on, which tells what they remember:"
            f" {', '.join(learnt)}."
        )
    return " ".join(said)


def _recall(main: Line, lines: Sequence[Line]) -> str:
    """The recall of the arms, which a metric of quality does not tell; "" where it was not measured."""
    judge = main.sample.place.own
    line = next((li for li in lines if (li.metric, li.sample.place.own) == (BESIDE, judge)), None)
    if line is None or line is main or group_of(main.metric) != group_of(BESIDE):
        return ""
    said = [f"{arm} {number(c.summary.mean, 0.1)}" for arm, c in line.cells.items() if c.summary]
    return f"Recall beside it: {', '.join(said)}."


def _primary(lines: Sequence[Line], asked: str | None) -> Line | None:
    wanted = (asked,) if asked else PREFERRED
    for name in wanted:
        same = [line for line in lines if answers(line.metric, name)]
        if same:
            return max(same, key=lambda line: (not line.sample.place.own, _filled(line)))
    of_data_first = sorted(lines, key=lambda line: bool(line.sample.place.own))
    quality = (line for line in of_data_first if line.direction != "none" and group_of(line.metric) != "cost")
    return None if asked else next(quality, None)  # (what a run costs decides where that is asked for)


def _filled(line: Line) -> int:
    """In how many arms a line has numbers."""
    return sum(bool(cell.values) for cell in line.cells.values())


def _notes(lines: Sequence[Line]) -> list[str]:
    """The protocol of each line, lines of one protocol together."""
    grouped: dict[str, list[str]] = {}
    for line in lines:
        protocol = ", ".join(
            f"{key} {value}"
            for key, value in line.sample.protocol.items()
            if not (line.sample.kind == "bound" and key in OF_BOUNDS)  # each bound has its own
        )
        n = f"n {line.sample.n}" if line.sample.n else ""
        of = f"evaluation interval of {line.sample.interval}" if line.sample.interval else ""
        text = "; ".join(part for part in (", ".join(line.kinds), n, protocol, of) if part)
        grouped.setdefault(text, []).append(line.name)
    return [f"{', '.join(dict.fromkeys(metrics))}: {text}" for text, metrics in grouped.items()]
