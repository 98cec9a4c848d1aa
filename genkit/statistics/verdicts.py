"""What the numbers allow to be said, in words; that they allow nothing is said too, with what would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from genkit.statistics.intervals import summarise
from genkit.statistics.pairs import ALPHA, MOST_SEEDS, Comparison, compare_all, power_seeds, seeds_needed


@dataclass(frozen=True)
class Verdict:
    """What a table of arms says.

    Attributes:
        kind: "best" (one arm beats every other), "differences" (some pairs differ, no arm beats all), "none"
            (nothing is told apart) or "too few seeds" (nothing could be).
        best: the arm that beats every other; None without one.
        words: one sentence.
        comparisons: of every two arms.
    """

    kind: str
    best: str | None
    words: str
    comparisons: Sequence[Comparison]


def verdict(arms: Mapping[str, Mapping[int, float]], direction: str, metric: str = "the metric") -> Verdict:
    """What the arms' values by seed allow to be said.

    Args:
        direction: "lower" or "higher" is better.
        metric: its name, for the sentence.
    """
    arms = {name: values for name, values in arms.items() if values}
    found = compare_all(arms, direction)
    if not found:
        return Verdict("none", None, f"There is nothing to compare by {metric}.", found)
    wins = [(c.better, c.second if c.better == c.first else c.first) for c in found if c.significant]
    beaten = {name: {loser for winner, loser in wins if winner == name} for name in arms}
    best = next((name for name in arms if len(beaten[name]) == len(arms) - 1), None)
    if best is not None:
        others = _listed([name for name in arms if name != best])
        return Verdict("best", best, f"{best} is better than {others} by {metric}{_proof(found)}.", found)
    if wins:
        said = [
            f"{name} is better than {_listed(sorted(losers))}" for name, losers in beaten.items() if losers
        ]
        words = f"By {metric}, {_listed(said)}{_proof(found)}; no arm beats all others."
        return Verdict("differences", None, words, found)
    if all(c.n < seeds_needed(len(found)) for c in found):
        return Verdict("too few seeds", None, f"{_ahead(arms, direction, metric)} {_too_few(found)}", found)
    return Verdict("none", None, f"{_ahead(arms, direction, metric)} {_not_shown(found)}", found)


def reach_in_words(arms: int, seeds: int) -> str:
    """Whether so many seeds can show anything about so many arms, before a single training."""
    comparisons = arms * (arms - 1) // 2
    if not comparisons:
        return "One arm: there is nothing to compare."
    needed = seeds_needed(comparisons)
    of = f"{_count(comparisons, 'comparison')} of {arms} arms"
    smallest = min(1.0, 2 * comparisons / 2**seeds)
    if seeds < needed:
        return (
            f"Too few seeds to tell: with {_count(seeds, 'seed')} no difference can reach p ≤ {ALPHA} in"
            f" {of} (smallest p after Holm: {smallest:.2g}); {needed} seeds can."
        )
    return f"{_count(seeds, 'seed')} can reach p ≤ {ALPHA} in {of} (smallest p after Holm: {smallest:.2g})."


def pair_in_words(comparison: Comparison, comparisons: int) -> str:
    """What one comparison of so many says."""
    c, needed = comparison, seeds_needed(comparisons)
    if c.significant:
        return f"{c.better} is better"
    if c.n < needed:
        return f"too few seeds to tell: {c.n} of at least {needed}"
    if c.effect is None:
        return "not told apart"
    would = power_seeds(c.effect, comparisons)
    number = f"about {would}" if would else f"more than {MOST_SEEDS:,}"
    return f"not told apart; an effect of this size would take {number} seeds"


def _ahead(arms: Mapping[str, Mapping[int, float]], direction: str, metric: str) -> str:
    means = {name: summarise(list(values.values())).mean for name, values in arms.items()}
    front = (min if direction == "lower" else max)(means, key=lambda name: means[name])
    return f"{front} has the best mean of {metric}, but that proves nothing:"


def _too_few(found: Sequence[Comparison]) -> str:
    most, needed = max(c.n for c in found), seeds_needed(len(found))
    return (
        f"too few seeds to tell. With {_count(most, 'pair')} of runs no difference can reach p ≤ {ALPHA} in"
        f" {_count(len(found), 'comparison')}; {needed} seeds can."
    )


def _not_shown(found: Sequence[Comparison]) -> str:
    least = min(found, key=lambda c: c.p_adjusted)
    effects = [abs(c.effect) for c in found if c.effect is not None]
    would = power_seeds(max(effects), len(found)) if effects else None
    number = f"about {would}" if would else f"more than {MOST_SEEDS:,}"
    return (
        f"no two arms are told apart (smallest p after Holm: {least.p_adjusted:.2g}). An effect of the size"
        f" seen would take {number} seeds."
    )


def _proof(found: Sequence[Comparison]) -> str:
    shown = [c for c in found if c.significant]
    pairs = sorted({c.n for c in shown})
    n = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    return f" (p ≤ {max(c.p_adjusted for c in shown):.2g} after Holm, {n} paired seeds)"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
