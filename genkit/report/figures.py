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
from genkit.report.numbers import amount_text, number
from genkit.report.plots import INK, ArmStyle, Plot, logarithmic, short, styles, symmetric_logarithmic
from genkit.report.sources import Curve, Member

ROOM = 0.55  # of a plot's width, in which two words above it do not meet
_ABOVE: Mapping[str, Any] = {"textcoords": "offset points", "fontsize": 8, "ha": "center", "va": "bottom"}
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
    style: Mapping[str, ArmStyle],
    at: Sequence[float] = (),
) -> Plot:
    """A plot of the arms' means with their intervals; of a single place, the arms below one another.

    Args:
        at: the few places at which there are numbers, which then stand out, on an axis by powers.
    """
    places = {float(x) for b in bands.values() for x in b.x}
    if len(places) == 1:
        return _of_place(term, f"{against}: {amount_text(places.pop())}", bands, counts, style)

    def draw(axis: Axes) -> None:
        for arm, b in bands.items():
            colour, line = style[arm]["color"], style[arm]["linestyle"]
            label = f"{short(arm)} ({counts[arm]})"
            known, few = ~np.isnan(b.low), at or len(b.x) == 1
            marker = style[arm]["marker"] if few else None
            axis.plot(b.x, b.mean, label=label, color=colour, linestyle=line, marker=marker, linewidth=1.6)
            axis.fill_between(b.x[known], b.low[known], b.high[known], color=colour, alpha=0.18, linewidth=0)
            if few:  # (a band around a single point has no width)
                axis.vlines(b.x[known], b.low[known], b.high[known], color=colour, linewidth=1.6)
        ends = [float(b.x[-1]) for b in bands.values()]
        if at:
            axis.set_xscale("log")
            axis.set_xticks(list(at), [amount_text(x) for x in at])
            axis.minorticks_off()
            axis.set_xlim(min(at) / 1.15, max(at) * 1.15)
            numbers = np.concatenate([(b.mean, b.low, b.high) for b in bands.values()], axis=1)
            widths = (numbers[2] - numbers[1])[~np.isnan(numbers[1])]
            if widths.size:
                narrow = float(np.quantile(widths, 0.25))
                symmetric_logarithmic(axis, np.nanmin(numbers), np.nanmax(numbers), narrow)
        elif max(ends) > min(ends):  # (where all go as far, their beginnings say nothing of the arms)
            logarithmic(axis, min(ends), max(ends))
        axis.set_xlabel(against)
        axis.set_ylabel(short(term))
        axis.legend()

    return Plot(f"{short(term)} against {against}: a line for each of {', '.join(map(short, bands))}", draw)


def _of_place(
    term: str,
    place: str,
    bands: Mapping[str, statistics.Band],
    counts: Mapping[str, int],
    style: Mapping[str, ArmStyle],
) -> Plot:
    """The same of one place, where there is no line: each arm's mean with its interval and its number."""
    names = list(bands)[::-1]

    def draw(axis: Axes) -> None:
        for row, arm in enumerate(names):
            b = bands[arm]
            of_arm: ArmStyle = {**style[arm], "linestyle": ""}
            axis.plot([b.low[0], b.high[0]], [row, row], color=of_arm["color"], linewidth=2.5)
            axis.plot(b.mean[:1], [row], markersize=7, **of_arm)
            axis.annotate(number(float(b.mean[0])), (b.mean[0], row), (0, 7), **_ABOVE)
        axis.set_yticks(range(len(names)), [f"{short(arm)} ({counts[arm]})" for arm in names])
        axis.set_ylim(-0.6, len(bands) - 0.3)
        axis.margins(x=0.12)
        axis.set_xlabel(f"{short(term)} ({place})")

    words = f"{short(term)} ({place}): a point for each of {', '.join(map(short, bands))}"
    return Plot(words, draw, 1.2 + 0.45 * len(bands))


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
    """Floor and ceiling as lines; one so far away that the arms would shrink beside it, as an arrow alone."""
    low, high = axis.get_xlim()
    near = [low - FAR * (high - low), high + FAR * (high - low)]
    known = [(v, name) for v, name in ((line.floor, "floor"), (line.ceiling, "ceiling")) if v is not None]
    for value, _ in known:
        if near[0] <= value <= near[1]:
            axis.axvline(value, color=INK, linewidth=1, linestyle=":")
    last = -1.0
    for value, name in sorted(known):
        said, place = f"{name} {number(value)}", float(axis.transLimits.transform((value, 0))[0])
        if not 0 <= place <= 1:
            said, place = (f"← {said}", 0.0) if place < 0 else (f"{said} →", 1.0)
        above = 13 if last >= 0 and place - last < ROOM else 3
        side = "left" if place < 0.3 else "right" if place > 0.7 else "center"
        axis.annotate(said, (place, 1.0), (0, above), **{**_ABOVE, "xycoords": "axes fraction", "ha": side})
        last = place


def fronts(primary: Line, lines: Sequence[Line]) -> tuple[list[Plot], dict[str, list[str]]]:
    """The primary metric against each cost that two arms have, and the arms on each Pareto front."""
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
        if len(points) < 2:  # one arm is ahead of nobody
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
        of_arm: ArmStyle = {**style[arm], "linestyle": ""}
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
