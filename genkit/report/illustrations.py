"""A report's figures as files for a paper, and as pictures of its page, a plot each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from genkit.report import embedded, figures, plots, rank_figures
from genkit.report.analysis import Analysis
from genkit.report.compute import UNITS
from genkit.report.plots import MOST_PLOTS, Plot
from genkit.report.sources import Member
from genkit.system import storage


@dataclass(frozen=True)
class Illustration:
    """A plot as the page shows it: its address on a light and on a dark page, and what it shows."""

    light: str
    dark: str
    words: str


@dataclass(frozen=True)
class Illustrations:
    """All that is drawn.

    Attributes:
        pictures: by the name of the figure, its plots.
        fronts: by cost, the arms that no other beats both in quality and in that cost.
    """

    pictures: Mapping[str, Sequence[Illustration]] = field(default_factory=dict)
    fronts: Mapping[str, Sequence[str]] = field(default_factory=dict)


def illustrate(members: Sequence[Member], analysis: Analysis, folder: Path) -> Illustrations:
    """Draw every figure, and write each as SVG and PNG into a folder that there is.

    Raises:
        OSError: it cannot be written.
    """
    drawn: dict[str, list[Plot]] = {"curves": figures.curves(members, analysis.arms)}
    for cost in UNITS:
        of_cost = [of for of in analysis.compute if of.cost == cost and of.shared]
        drawn[f"curves_{cost}"] = figures.compute(of_cost, analysis.arms)
    fronts: dict[str, list[str]] = {}
    if analysis.primary is not None:
        drawn["intervals"] = figures.intervals(analysis.primary)
        drawn["ranks"] = rank_figures.ranks(analysis.ranking)
        drawn["improvements"] = rank_figures.improvements(analysis.comparisons, analysis.bootstraps)
        drawn["costs"], fronts = figures.fronts(analysis.primary, analysis.lines)
    pictures = {name: written(name, several, folder) for name, several in drawn.items() if several}
    return Illustrations(pictures, fronts)


def written(name: str, several: Sequence[Plot], folder: Path) -> list[Illustration]:
    """A figure in its files; its plots one by one, as a narrow page has room for them."""
    svg, png = plots.render(plots.assembled(several))
    storage.write_bytes(folder / f"{name}.svg", svg)
    storage.write_bytes(folder / f"{name}.png", png)
    if len(several) == 1:
        return [_picture(svg, several[0].words)]
    return [_picture(plots.vector(plots.assembled([one])), one.words) for one in several[:MOST_PLOTS]]


def _picture(svg: bytes, words: str) -> Illustration:
    light, dark = (embedded.address(found, embedded.SVG) for found in (svg, plots.on_dark(svg)))
    return Illustration(light, dark, words)
