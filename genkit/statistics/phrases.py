"""What single numbers of a comparison say, in words."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, Context, Decimal

from genkit.statistics.comparisons import ALPHA, Comparison
from genkit.statistics.power import MOST_SEEDS, power_seeds, seeds_needed


def at_most(p: float, digits: int = 2) -> str:
    """A p-value rounded up, so that it is never said to be less than it is: 0.03125 is at most 0.032."""
    rounded = Context(prec=digits, rounding=ROUND_CEILING).create_decimal(Decimal(repr(p)))
    return f"{float(rounded):.{digits}g}"


def reach_in_words(arms: int, seeds: int, looks: int = 1) -> str:
    """Whether so many seeds can show anything about so many arms, before a single training.

    Args:
        looks: times that the seeds may be looked at while more are added.
    """
    comparisons = arms * (arms - 1) // 2
    if not comparisons:
        return "One arm: there is nothing to compare."
    needed = seeds_needed(comparisons * looks)
    of = f"{count(comparisons, 'comparison')} of {arms} arms"
    correction = "Holm" if looks == 1 else f"Holm and {looks} looks"
    smallest = at_most(min(1.0, 2 * comparisons * looks / 2**seeds))
    if seeds < needed:
        return (
            f"Too few seeds to tell: with {count(seeds, 'seed')} no difference can reach p ≤ {ALPHA} in"
            f" {of} (smallest p after {correction}: {smallest}); {needed} seeds can."
        )
    return (
        f"{count(seeds, 'seed')} can reach p ≤ {ALPHA} in {of} (smallest p after {correction}: {smallest})."
    )


def pair_in_words(comparison: Comparison, comparisons: int) -> str:
    """What one comparison of so many says.

    Args:
        comparisons: of the table, times the looks that were declared.
    """
    said = _difference_in_words(comparison, comparisons)
    if comparison.margin is None:
        return said
    if comparison.p_equivalent is None:
        return f"{said}; equivalence cannot be tested"
    within, p = f"within ±{comparison.margin:g}", at_most(comparison.p_equivalent)
    return f"{said}; {'' if comparison.equivalent else 'not shown to be '}equivalent {within} (p ≤ {p})"


def _difference_in_words(c: Comparison, comparisons: int) -> str:
    if c.significant:
        return f"{c.better} is better"
    if not c.settled:
        return "nothing follows: the worse numbers are bounds on better ones"
    if c.n < seeds_needed(comparisons):
        return f"not told apart by {count(c.n, 'pair')}"
    if c.effect is None:
        return (
            "equal in every pair" if c.p == 1 and c.improvement == 0.5 and c.failed == 0 else "not told apart"
        )
    would = power_seeds(c.effect, comparisons)
    number = f"about {would}" if would else f"more than {MOST_SEEDS:,}"
    return f"not told apart; an effect of this size would take {number} seeds"


def listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
