"""The figures of a report: learning curves with bands, arms with intervals, quality against cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from genkit import statistics
from genkit.report.analysis import COSTS
from genkit.report.compute import AXES, Compute, by_term
from genkit.report.lines import Line
from genkit.report.numbers import amount_text
from genkit.report.plots import INK, Plot, logarithmic, short, styles
from genkit.report.sources import Curve, Member

FAR = 1.5  # widths of the arms' range within which floor and ceiling are drawn
Points = Mapping[str, tuple[float, float]]  # by arm: what it cost, how good it is


def curves(members: Sequence[Member], arms: Sequence[str]) -> list[Plot]:
    """A plot for each validation term: the arms' means over seeds, with Student's intervals."""
    found = []
    for (term, unit), having in by_term(members).items():
        by_arm: dict[str, list[Curve]] = {}
        for member in having:
            by_arm.setdefault(member.arm, []).append(member.curves[term])
        bands = {arm: statistics.band(several) for arm, several in by_arm.items()}
        counts = {arm: len(several) for arm, several in by_arm.items()}
        found.append(of_bands(_with_unit(term, unit), "step", bands, counts, styles(arms)))
    return found


def compute(found: Sequence[Compute], arms: Sequence[str]) -> list[Plot]:
    """A plot for each validation term: the arms' means over seeds against what they had cost."""
    plots = []
    for of in found:
        counts = {arm: int(b.n.min()) for arm, b in of.bands.items()}
        plots.append(of_bands(_with_unit(of.term, of.unit), AXES[of.cost], of.bands, counts, styles(arms)))
    return plots


def of_bands(
    term: str,
    against: str,
    bands: Mapping[str, statistics.Band],
    counts: Mapping[str, int],
    style: Mapping[str, Mapping[str, Any]],
    at: Sequence[float] = (),
) -> Plot:
    """A plot of the arms' means with their intervals.

    Args:
        at: the few places at which there are numbers, which then stand out, on an axis by powers.
    """

    def draw(axis: Axes) -> None:
        for arm, b in bands.items():
            colour, line = style[arm]["color"], style[arm]["linestyle"]
            label = f"{short(arm)} ({counts[arm]})"
            marker = style[arm]["marker"] if at else None
            axis.plot(b.x, b.mean, label=label, color=colour, linestyle=line, marker=marker, linewidth=1.6)
            known = ~np.isnan(b.low)
            axis.fill_between(b.x[known], b.low[known], b.high[known], color=colour, alpha=0.18, linewidth=0)
        ends = [float(b.x[-1]) for b in bands.values()]
        if at:
            axis.set_xscale("log")
            axis.set_xticks(list(at), [amount_text(x) for x in at])
            axis.minorticks_off()
            axis.set_xlim(min(at) / 1.15, max(at) * 1.15)
        elif max(ends) > min(ends):  # (where all go as far, their beginnings say nothing of the arms)
            logarithmic(axis, min(ends), max(ends))
        axis.set_xlabel(against)
        axis.set_ylabel(short(term))
        axis.legend()

    return Plot(f"{short(term)} against {against}: a line for each of {', '.join(map(short, bands))}", draw)


def _with_unit(term: str, unit: str) -> str:
    return f"{term}, {unit}" if unit else term


def intervals(line: Line) -> list[Plot]:
    """The primary metric: every run a point, every arm's mean with its interval, floor and ceiling."""
    shown = [(arm, cell) for arm, cell in line.cells.items() if cell.summary]
    if not shown:
        return []
    style = styles(list(line.cells))

    def draw(axis: Axes) -> None:
        for place, (arm, cell) in enumerate(reversed(shown)):
            colour = style[arm]["color"]
            axis.plot(list(cell.values.values()), [place] * len(cell.values), "o", color=colour, alpha=0.35)
            s = cell.summary
            assert s is not None
            if s.low is not None and s.high is not None:
                axis.plot([s.low, s.high], [place, place], color=colour, linewidth=2.5)
            axis.plot([s.mean], [place], "D", color=colour, markersize=7)
        _references(axis, line)
        axis.set_yticks(range(len(shown)), [short(arm) for arm, _ in reversed(shown)])
        axis.set_ylim(-0.6, len(shown) - 0.4)
        axis.set_xlabel(axis_name(line))

    return [Plot(f"{short(line.name)} of every run, with means and intervals", draw, 1.2 + 0.45 * len(shown))]


def _references(axis: Axes, line: Line) -> None:
    """Floor and ceiling as lines; one so far away that the arms would shrink beside it, as a number."""
    low, high = axis.get_xlim()
    said = {"left": 0, "right": 0}  # on that side: the next number stands above
    for value, name in ((line.floor, "floor"), (line.ceiling, "ceiling")):
        if value is None:
            continue
        if low - FAR * (high - low) <= value <= high + FAR * (high - low):
            axis.axvline(value, color=INK, linewidth=1, linestyle=":")
            axis.annotate(name, (value, 1.0), xycoords=("data", "axes fraction"), fontsize=8, rotation=90)
        else:
            side, place = ("left", 0.0) if value < low else ("right", 1.0)
            axis.annotate(
                f"← {name} {value:.4g}" if side == "left" else f"{name} {value:.4g} →",
                (place, 1.02),
                (0, 10 * said[side]),
                xycoords="axes fraction",
                textcoords="offset points",
                fontsize=8,
                horizontalalignment=side,
            )
            said[side] += 1


def fronts(primary: Line, lines: Sequence[Line]) -> tuple[list[Plot], dict[str, list[str]]]:
    """The primary metric against each cost, and the arms on each Pareto front."""
    costs = [line for name in COSTS for line in lines if line.metric == name]
    plots: list[Plot] = []
    on_front: dict[str, list[str]] = {}
    if primary.direction == "none":
        return plots, on_front
    for cost in costs:
        points = {
            arm: (spent.mean, cell.summary.mean)
            for arm, cell in primary.cells.items()
            if cell.summary and (spent := cost.cells[arm].summary)
        }
        if not points:
            continue
        names = list(points)
        front = statistics.pareto_front(list(points.values()), ("lower", primary.direction))
        on_front[cost.metric] = [names[i] for i in front]
        line = np.array(sorted(points[names[i]] for i in front))
        words = f"{short(primary.name)} against {cost.metric}, a point for each arm"
        plots.append(Plot(words, partial(_front, points=points, line=line, primary=primary, cost=cost)))
    return plots, on_front


def _front(axis: Axes, points: Points, line: np.ndarray, primary: Line, cost: Line) -> None:
    """Each arm's cost and quality, and the line of those that no other arm beats in both."""
    style = styles(list(primary.cells))
    axis.step(line[:, 0], line[:, 1], where="post", color=INK, linewidth=1, linestyle="--")
    for arm, (x, y) in points.items():
        of_arm = {**style[arm], "linestyle": ""}
        axis.plot([x], [y], markersize=8, label=short(arm), **of_arm)
    spent = [x for x, _ in points.values()]
    logarithmic(axis, min(spent), max(spent))
    axis.set_xlabel(axis_name(cost))
    axis.set_ylabel(axis_name(primary))
    axis.legend()


def axis_name(line: Line) -> str:
    """A metric with its unit, and which way is better."""
    unit = "" if line.unit == "1" else f", {line.unit}"
    arrow: Mapping[str, str] = {"lower": " (lower is better)", "higher": " (higher is better)"}
    return f"{short(line.name)}{short(unit)}{arrow.get(line.direction, '')}"
