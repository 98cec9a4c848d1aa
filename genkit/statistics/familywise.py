"""Arms within several blocks, such as datasets: every two of each, corrected for those of all blocks."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import replace
from typing import TypeVar

from genkit.statistics.comparisons import ALPHA, Arm, Comparison, compare_all, goodness, holm
from genkit.statistics.permutations import least_p, permutation_test
from genkit.statistics.phrases import at_most, count

Key = TypeVar("Key", bound=Hashable)


def compare_blocks(
    blocks: Mapping[Key, Mapping[str, Arm]],
    direction: str,
    bounds: Mapping[Key, Collection[str]] | None = None,
    planned: int = 0,
) -> dict[Key, list[Comparison]]:
    """Every two arms of every block, by `permutation_test`, with Holm's correction over all of all blocks.

    Differences and intervals are those of `compare`, of pairs of one seed.

    Args:
        direction: "lower" or "higher" is better.
        bounds: of each block the arms whose numbers are bounds on better ones.
        planned: comparisons of all blocks, those to come included; they count as the ones with the largest p.
    """
    found: dict[Key, list[Comparison]] = {}
    for key, arms in blocks.items():
        compared = compare_all(arms, direction, (bounds or {}).get(key, ()))
        found[key] = [_dealt(c, arms, direction) for c in compared]
    p_values = [c.p for several in found.values() for c in several]
    adjusted = iter(holm([*p_values, *[1.0] * (planned - len(p_values))]))
    return {key: [replace(c, p_adjusted=next(adjusted)) for c in several] for key, several in found.items()}


def _dealt(c: Comparison, arms: Mapping[str, Arm], direction: str) -> Comparison:
    """A comparison with the p-value of permutations in the place of that of flips of signs."""
    seeds = sorted(set(arms[c.first]) & set(arms[c.second]))
    x, y = (goodness([arms[arm][seed] for seed in seeds], direction) for arm in (c.first, c.second))
    p, test = permutation_test(x, y)
    return replace(c, p=p, test=test)


def reach_of_blocks(comparisons: int, seeds: int) -> str:
    """Whether so many seeds can show anything in so many comparisons of all blocks, before any training."""
    smallest = at_most(min(1.0, comparisons * least_p(seeds)))
    of = f"{count(comparisons, 'comparison')} of all blocks (smallest p after Holm: {smallest})"
    can = f"can reach p ≤ {ALPHA} in {of}"
    if comparisons * least_p(seeds) <= ALPHA:
        return f"{count(seeds, 'seed')} {can}."
    needed = next(n for n in range(1, 1_000) if comparisons * least_p(n) <= ALPHA or n == 999)
    return f"Too few seeds to tell: {count(seeds, 'seed')} can not {can[4:]}; {needed} can."
