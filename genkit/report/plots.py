"""How figures look, and how they become files: plots of one width, in colours that both pages can hold."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from genkit.system.terminal import without_controls

# Okabe and Ito's colours, which the colour-blind tell apart, as far as they stand out by 3 to 1 from a white
# page and from a dark one (WCAG 2.2, 1.4.11); ochre and grey stand for orange and sky blue, which do not.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#c46c9b", "#a87900", "#7a7a7a")
MARKERS = "os^Dvp"
LINES: Sequence[Any] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))  # (what is printed grey)
MOST_PLOTS, LONGEST_NAME = 24, 60  # of one figure; of what is written into it
WIDTH = 4.6  # inches of a plot, which a telephone shows whole
LOGARITHMIC = 5  # times as much at the end as at the beginning, from which an axis is logarithmic
FINE = 100  # widths of the narrower intervals on an axis, from which lines would hide one another
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
    "legend.fontsize": 8,
}


@dataclass(frozen=True)
class Plot:
    """One pair of axes, which is drawn when it is known on what.

    Attributes:
        words: what it shows, for who cannot see it.
        height: inches.
    """

    words: str
    draw: Callable[[Axes], None]
    height: float = 3.2


def assembled(plots: Sequence[Plot]) -> Figure:
    """At most `MOST_PLOTS` of them in one figure, two side by side."""
    plots = plots[:MOST_PLOTS]
    columns = min(2, len(plots))
    rows = -(-len(plots) // columns)
    height = rows * max(plot.height for plot in plots)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * columns, height), layout="constrained")
        for place, plot in enumerate(plots, 1):
            plot.draw(figure.add_subplot(rows, columns, place))
    return figure


def render(figure: Figure) -> tuple[bytes, bytes]:
    """The figure as SVG and PNG, the same bytes each time."""
    svg, png = vector(figure), io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.savefig(png, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return svg, png.getvalue()


def vector(figure: Figure) -> bytes:
    """The figure as SVG."""
    svg = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name may hold characters that the measuring font lacks
        if (layout := figure.get_layout_engine()) is not None:
            layout.execute(figure)
        figure.set_layout_engine("none")  # it is laid out once, not anew for each format
        figure.savefig(svg, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return svg.getvalue()


def on_dark(svg: bytes) -> bytes:
    """The same figure for a dark page."""
    return svg.replace(INK.encode(), INK_ON_DARK.encode())


class ArmStyle(TypedDict):
    """How an arm is drawn, as matplotlib's words have it."""

    color: str
    marker: str
    linestyle: Any


def styles(arms: Sequence[str]) -> dict[str, ArmStyle]:
    """Of each arm its colour, its marker and its line, the same in every figure."""
    return {
        arm: {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
            "linestyle": LINES[i % len(LINES)],
        }
        for i, arm in enumerate(arms)
    }


def logarithmic(axis: Axes, least: float, most: float) -> None:
    """Lay an x axis out by powers of ten where its numbers are of different sizes."""
    if not (least > 0 and most > LOGARITHMIC * least):
        return
    axis.set_xscale("log")
    few = most < 100 * least  # powers of ten alone would leave an axis of one or two numbers
    axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=6))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: power(x)))
    axis.xaxis.set_minor_formatter(NullFormatter())


def symmetric_logarithmic(axis: Axes, least: float, most: float, width: float) -> None:
    """Lay a y axis out by powers of ten, and straight about zero, where what is told apart would be one line.

    Args:
        least, most: what has to have room, intervals included.
        width: of the intervals that are narrow, as far apart as what is told apart may be.
    """
    if not (width > 0 and most - least > FINE * width):
        return
    axis.set_yscale("symlog", linthresh=10.0 ** round(math.log10(width)))
    ends = axis.yaxis.get_transform().transform([least, most])
    room = 0.05 * (ends[1] - ends[0])
    axis.set_ylim(*axis.yaxis.get_transform().inverted().transform([ends[0] - room, ends[1] + room]))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"−{power(-y)}" if y < 0 else power(y)))


def power(x: float) -> str:
    """200000000 is 2e8; small numbers stay as they are."""
    if x == 0 or 1e-3 <= x < 1e5:
        return f"{x:g}"
    digits, _, exponent = f"{x:.0e}".partition("e")
    return f"{digits}e{int(exponent)}"


def short(name: str, letters: int = LONGEST_NAME) -> str:
    """A name as a figure has room for it, without what no drawing can hold."""
    plain = " ".join(without_controls(name).split())
    return plain if len(plain) <= letters else f"{plain[: letters - 1]}…"
