"""The figures of a report: learning curves with bands, arms with intervals, quality against cost."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from genkit import statistics
from genkit.report.analysis import COSTS
from genkit.report.compute import UNITS, Compute
from genkit.report.lines import Line
from genkit.report.sources import Member
from genkit.system.terminal import without_controls

# Okabe and Ito's colours, which the colour-blind tell apart, without black and yellow.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = "os^Dvp"
MOST_PANELS, LONGEST_NAME = 24, 60  # of one figure; of what is written into it
LOGARITHMIC = 5  # times as much compute of one arm as of another, from which the axis is logarithmic
FAR = 1.5  # widths of the arms' range within which floor and ceiling are drawn
INK, INK_ON_DARK = "#1b1f24", "#e8eaed"
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: small, and found by a search
    "svg.hashsalt": "genkit",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


def render(figure: Figure) -> tuple[bytes, bytes]:
    """The figure as SVG and PNG, the same bytes each time."""
    svg, png = io.BytesIO(), io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name may hold characters that the measuring font lacks
        figure.draw_without_rendering()  # lays it out
        figure.set_layout_engine("none")  # once, not anew for each format
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
        figure.savefig(png, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return svg.getvalue(), png.getvalue()


def on_dark(svg: bytes) -> bytes:
    """The same figure for a dark page."""
    return svg.replace(INK.encode(), INK_ON_DARK.encode())


def _figure(panels: int, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    columns = min(2, panels)
    rows = -(-panels // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.4 * columns + 0.4, height * rows), layout="constrained")
        axes = [figure.add_subplot(rows, columns, i + 1) for i in range(panels)]
    return figure, axes


def _styles(arms: Sequence[str]) -> dict[str, dict[str, Any]]:
    return {
        arm: {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        for i, arm in enumerate(arms)
    }


def curves(members: Sequence[Member], arms: Sequence[str]) -> Figure | None:
    """A panel for each validation term: the arms' means over seeds, with Student's intervals."""
    terms: dict[str, dict[str, list[Any]]] = {}
    for member in members:
        for term, curve in member.curves.items():
            if len(curve[0]) > 1:
                terms.setdefault(term, {}).setdefault(member.arm, []).append(curve)
    if not terms:
        return None
    styles = _styles(arms)
    with matplotlib.rc_context(STYLE):
        shown = sorted(terms.items())[:MOST_PANELS]
        figure, axes = _figure(len(shown))
        for axis, (term, by_arm) in zip(axes, shown, strict=True):
            for arm, found in by_arm.items():
                label = f"{_short(arm)} ({len(found)})"
                _draw_band(axis, statistics.band(found), styles[arm]["color"], label)
            axis.set_xlabel("step")
            axis.set_ylabel(_short(term))
            axis.legend(fontsize=8)
    return figure


def compute(found: Sequence[Compute], arms: Sequence[str]) -> Figure | None:
    """A panel for each validation term and cost: the arms' means over seeds at equal compute."""
    if not found:
        return None
    styles = _styles(arms)
    with matplotlib.rc_context(STYLE):
        shown = found[:MOST_PANELS]
        figure, axes = _figure(len(shown))
        for axis, of in zip(axes, shown, strict=True):
            for arm, b in of.bands.items():
                _draw_band(axis, b, styles[arm]["color"], f"{_short(arm)} ({int(b.n.min())})")
            ends = [float(b.x[-1]) for b in of.bands.values()]
            if max(ends) > LOGARITHMIC * min(ends):
                axis.set_xscale("log")
            axis.set_xlabel(f"{of.cost}, {UNITS[of.cost]}")
            axis.set_ylabel(_short(of.term))
            axis.legend(fontsize=8)
    return figure


def _draw_band(axis: Axes, b: statistics.Band, colour: str, label: str) -> None:
    axis.plot(b.x, b.mean, label=label, color=colour, linewidth=1.6)
    known = ~np.isnan(b.low)
    axis.fill_between(b.x[known], b.low[known], b.high[known], color=colour, alpha=0.18, linewidth=0)


def intervals(line: Line) -> Figure | None:
    """The primary metric: every run a point, every arm's mean with its interval, floor and ceiling."""
    shown = [(arm, cell) for arm, cell in line.cells.items() if cell.summary]
    if not shown:
        return None
    styles = _styles(list(line.cells))
    with matplotlib.rc_context(STYLE):
        figure, (axis,) = _figure(1, 1.2 + 0.45 * len(shown))
        for place, (arm, cell) in enumerate(reversed(shown)):
            colour = styles[arm]["color"]
            axis.plot(list(cell.values.values()), [place] * len(cell.values), "o", color=colour, alpha=0.35)
            s = cell.summary
            assert s is not None
            if s.low is not None and s.high is not None:
                axis.plot([s.low, s.high], [place, place], color=colour, linewidth=2.5)
            axis.plot([s.mean], [place], "D", color=colour, markersize=7)
        _references(axis, line)
        axis.set_yticks(range(len(shown)), [_short(arm) for arm, _ in reversed(shown)])
        axis.set_ylim(-0.6, len(shown) - 0.4)
        axis.set_xlabel(_axis_name(line))
    return figure


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


def fronts(primary: Line, lines: Sequence[Line]) -> tuple[Figure | None, dict[str, list[str]]]:
    """The primary metric against each cost, and the arms on each Pareto front."""
    costs = [line for name in COSTS for line in lines if line.metric == name]
    panels: list[tuple[Line, dict[str, tuple[float, float]]]] = []
    for cost in costs:
        points = {
            arm: (spent.mean, cell.summary.mean)
            for arm, cell in primary.cells.items()
            if cell.summary and (spent := cost.cells[arm].summary)
        }
        if points:
            panels.append((cost, points))
    if not panels or primary.direction == "none":
        return None, {}
    styles, on_front = _styles(list(primary.cells)), {}
    with matplotlib.rc_context(STYLE):
        figure, axes = _figure(len(panels))
        for axis, (cost, points) in zip(axes, panels, strict=True):
            names = list(points)
            front = statistics.pareto_front(list(points.values()), ("lower", primary.direction))
            on_front[cost.metric] = [names[i] for i in front]
            line = np.array(sorted(points[names[i]] for i in front))
            axis.step(line[:, 0], line[:, 1], where="post", color=INK, linewidth=1, linestyle="--")
            for arm, (x, y) in points.items():
                axis.plot([x], [y], linestyle="", markersize=8, label=_short(arm), **styles[arm])
            axis.set_xlabel(_axis_name(cost))
            axis.set_ylabel(_axis_name(primary))
            axis.legend(fontsize=8)
    return figure, on_front


def _axis_name(line: Line) -> str:
    unit = "" if line.unit == "1" else f", {line.unit}"
    arrow: Mapping[str, str] = {"lower": " (lower is better)", "higher": " (higher is better)"}
    return f"{_short(line.name)}{_short(unit)}{arrow.get(line.direction, '')}"


def _short(name: str) -> str:
    """A name as a figure has room for it, without what no drawing can hold."""
    plain = " ".join(without_controls(name).split())
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…"
