"""Which arm is ahead of which: mean ranks with the critical difference, and chances to be better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from genkit.report.plots import COLOURS, INK, Plot, short
from genkit.statistics import Comparison, Ranking

LETTERS = 24  # of a name beside the ranks
MOST_PAIRS = 45  # those of ten arms; of more the table alone tells


def ranks(found: Ranking | None) -> list[Plot]:
    """Demšar's diagram: arms at their mean ranks, the best on the left, bars over those not told apart."""
    if found is None:
        return []
    names, half = list(found.ranks), (len(found.ranks) + 1) // 2
    k, bars = len(names), len(found.alike)
    first = -0.6 - 0.3 * bars  # where the names begin, below the axis and the bars

    def draw(axis: Axes) -> None:
        axis.set_axis_off()
        axis.plot([1, k], [0, 0], color=INK, linewidth=1)
        for tick in range(1, k + 1):
            axis.plot([tick, tick], [0, 0.12], color=INK, linewidth=1)
            axis.annotate(f"{tick}", (tick, 0.18), ha="center", va="bottom", fontsize=8)
        most = min(found.critical, k - 1)  # (where it is more than the axis, no two arms can be told apart)
        axis.plot([1, 1 + most], [0.85, 0.85], color=INK, linewidth=2, marker="|", markersize=7)
        said = f"critical difference {found.critical:.2f}"
        axis.annotate(said, (1, 1.0), ha="left", va="bottom", fontsize=8)
        for place, group in enumerate(found.alike):
            ends = [found.ranks[group[0]] - 0.04, found.ranks[group[-1]] + 0.04]
            level = -0.25 - 0.3 * place
            axis.plot(ends, [level, level], color=INK, linewidth=4, solid_capstyle="butt")
        beyond = 0.06 * (k - 1)
        for place, name in enumerate(names):
            left = place < half
            level = first - 0.5 * (place if left else k - 1 - place)
            end = 1 - beyond if left else k + beyond
            rank = found.ranks[name]
            axis.plot([rank, rank, end], [0, level, level], color=INK, linewidth=0.8)
            axis.annotate(
                f"{short(name, LETTERS)}  {rank:.2f}" if left else f"{rank:.2f}  {short(name, LETTERS)}",
                (end, level),
                (-3 if left else 3, 0),
                textcoords="offset points",
                ha="right" if left else "left",
                va="center",
                fontsize=8,
            )
        room = 0.6 * (k - 1)  # for names on either side
        axis.set_xlim(1 - room, k + room)
        axis.set_ylim(first - 0.5 * half, 1.5)

    told = "; ".join(", ".join(map(short, group)) for group in found.alike) or "none"
    means = ", ".join(f"{short(name)} {rank:.2f}" for name, rank in found.ranks.items())
    words = f"Mean ranks: {means}. Critical difference {found.critical:.2f}. Not told apart: {told}"
    return [Plot(words, draw, 1.1 + 0.15 * bars + 0.28 * half)]


def improvements(
    comparisons: Sequence[Comparison], bootstraps: Mapping[tuple[str, str], tuple[float, float]]
) -> list[Plot]:
    """Of every two arms the probability that a training of the first is better (Agarwal et al. 2021)."""
    if not comparisons or len(comparisons) > MOST_PAIRS:
        return []

    def draw(axis: Axes) -> None:
        axis.axvline(0.5, color=INK, linewidth=1, linestyle=":")
        for place, c in enumerate(reversed(comparisons)):
            low, high = bootstraps[c.first, c.second]
            first = place == len(comparisons) - 1
            colour = COLOURS[0] if c.significant else COLOURS[-1]
            axis.plot(
                [c.improvement_low, c.improvement_high],
                [place, place],
                color=colour,
                linewidth=2.5,
                label="interval of the table" if first else None,
            )
            axis.plot(
                [low, high],
                [place - 0.17, place - 0.17],
                color=colour,
                linewidth=1,
                marker="|",
                markersize=5,
                label="stratified bootstrap" if first else None,
            )
            axis.plot([c.improvement], [place], "D", color=colour, markersize=6)
            pair = f"{short(c.first, LETTERS)} better than {short(c.second, LETTERS)}"
            axis.annotate(pair, (0, place), (0, 6), textcoords="offset points", fontsize=8, va="bottom")
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.6, len(comparisons) - 0.2)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
        axis.set_xlabel("probability")
        axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)

    height = 1.2 + 0.45 * len(comparisons)
    chances = ", ".join(f"{short(c.first)} over {short(c.second)} {c.improvement:.2f}" for c in comparisons)
    return [Plot(f"Probability of improvement: {chances}", draw, height)]
