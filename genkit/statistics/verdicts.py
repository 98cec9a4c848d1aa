"""What the numbers allow to be said, in words; that they allow nothing is said too, with what would."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from genkit.statistics.comparisons import ALPHA, Arm, Comparison, compare_all
from genkit.statistics.phrases import at_most, count, listed
from genkit.statistics.power import MOST_SEEDS, power_seeds, seeds_needed


@dataclass(frozen=True)
class Verdict:
    """What a table of arms says.

    Attributes:
        kind: "best" (one arm beats every other), "differences" (some pairs differ, no arm beats all), "none"
            (nothing is told apart) or "too few seeds" (nothing could be).
        best: the arm that beats every other; None without one.
        words: a sentence; a second one where trainings failed.
        comparisons: of every two arms.
    """

    kind: str
    best: str | None
    words: str
    comparisons: Sequence[Comparison]


def verdict(
    arms: Mapping[str, Arm],
    direction: str,
    metric: str = "the metric",
    *,
    bounds: Collection[str] = (),
    looks: int = 1,
    planned: Mapping[str, int] | None = None,
    margin: float | None = None,
) -> Verdict:
    """What the arms' values by seed allow to be said.

    Args:
        arms: a training that failed has the value None; it is worse than any that did not.
        direction: "lower" or "higher" is better.
        metric: its name, for the sentence.
        bounds: arms whose numbers are bounds on better ones: that such an arm is worse cannot be shown
            beside an arm whose numbers are exact.
        looks: times that the seeds may be looked at while more are added, this one included.
        planned: trainings of each arm, where some are neither numbers nor failures; None: there are none.
        margin: of equivalence, in the metric's unit, stated beforehand; None: it is not tested.
    """
    kind, best, words, found = _judged(arms, direction, metric, bounds, looks, margin)
    said = [words, *_equivalent(found, metric, looks), *_trained(arms, planned or {})]
    return Verdict(kind, best, " ".join(said), found)


def _judged(
    arms: Mapping[str, Arm],
    direction: str,
    metric: str,
    bounds: Collection[str],
    looks: int,
    margin: float | None,
) -> tuple[str, str | None, str, Sequence[Comparison]]:
    arms = {name: values for name, values in arms.items() if values}
    found = compare_all(arms, direction, bounds, looks, margin)
    if not found:
        return "none", None, f"There is nothing to compare by {metric}.", found
    wins = [(c.better, c.second if c.better == c.first else c.first) for c in found if c.significant]
    beaten = {name: {loser for winner, loser in wins if winner == name} for name in arms}
    best = next((name for name in arms if len(beaten[name]) == len(arms) - 1), None)
    if best is not None:
        others = listed([name for name in arms if name != best])
        return "best", best, f"{best} is better than {others} by {metric}{_proof(found, looks)}.", found
    if wins:
        said = [
            f"{name} is better than {listed(sorted(losers))}" for name, losers in beaten.items() if losers
        ]
        words = f"By {metric}, {listed(said)}{_proof(found, looks)}; no arm beats all others."
        return "differences", None, words, found
    if all(c.n < seeds_needed(len(found) * looks) for c in found):
        return "too few seeds", None, f"{_ahead(arms, direction, metric)} {_too_few(found, looks)}", found
    return "none", None, _not_shown(arms, direction, metric, found, looks), found


def _ahead(arms: Mapping[str, Arm], direction: str, metric: str) -> str:
    numbers = {name: [v for v in values.values() if v is not None] for name, values in arms.items()}
    means = {name: sum(values) / len(values) for name, values in numbers.items() if values}
    if not means:
        return f"No run has a number of {metric}:"
    among = "" if all(len(numbers[name]) == len(arms[name]) for name in arms) else " of the runs that trained"
    front = (min if direction == "lower" else max)(means, key=lambda name: means[name])
    return f"{front} has the best mean of {metric}{among}, but that proves nothing:"


def _too_few(found: Sequence[Comparison], looks: int) -> str:
    most, needed = max(c.n for c in found), seeds_needed(len(found) * looks)
    of = count(len(found), "comparison") + ("" if looks == 1 else f" and {looks} looks")
    return (
        f"too few seeds to tell. With {count(most, 'pair')} of runs no difference can reach p ≤ {ALPHA} in"
        f" {of}; {needed} seeds can."
    )


def _not_shown(
    arms: Mapping[str, Arm], direction: str, metric: str, found: Sequence[Comparison], looks: int
) -> str:
    if all(c.difference == 0 and c.p == 1 for c in found):
        return f"By {metric} the arms are equal in every pair of runs: there is no difference to look for."
    ahead, least = _ahead(arms, direction, metric), min(found, key=lambda c: c.p_adjusted)
    smallest = f"smallest p after {_corrections(looks)}: {at_most(least.p_adjusted)}"
    said = f"{ahead} no two arms are told apart ({smallest})."
    if any(c.p_adjusted <= ALPHA and not c.settled for c in found):
        worse = sorted({c.second if c.better == c.first else c.first for c in found if not c.settled})
        return f"{said} The numbers of {listed(worse)} are bounds: that they are worse says nothing."
    effects = [abs(c.effect) for c in found if c.effect is not None]
    if not effects:
        return said
    would = power_seeds(max(effects), len(found) * looks)
    number = f"about {would}" if would else f"more than {MOST_SEEDS:,}"
    return f"{said} An effect of the size seen would take {number} seeds."


def _proof(found: Sequence[Comparison], looks: int) -> str:
    shown = [c for c in found if c.significant]
    pairs = sorted({c.n for c in shown})
    n = f"{pairs[0]}" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]}"
    failed = "; a run that failed is the worst" if any(c.failed for c in shown) else ""
    p = at_most(max(c.p_adjusted for c in shown))
    return f" (p ≤ {p} after {_corrections(looks)}, {n} paired seeds{failed})"


def _equivalent(found: Sequence[Comparison], metric: str, looks: int) -> list[str]:
    """Which arms were shown to be equivalent, where a margin was stated: a sentence, or none."""
    if not found or found[0].margin is None:
        return []
    within, shown = f"within ±{found[0].margin:g} of {metric}", [c for c in found if c.equivalent]
    if not shown:
        return [f"No two arms are shown to be equivalent {within}."]
    pairs = listed([f"{c.first} with {c.second}" for c in shown])
    p = at_most(max(c.p_equivalent for c in shown if c.p_equivalent is not None))
    return [f"Equivalent {within}: {pairs} (p ≤ {p} after {_corrections(looks)})."]


def _corrections(looks: int) -> str:
    return "Holm" if looks == 1 else f"Holm and {looks} looks"


def _trained(arms: Mapping[str, Arm], planned: Mapping[str, int]) -> list[str]:
    """How many trainings of each arm reached a number, where one did not: a sentence, or none."""
    counts = {
        name: (sum(value is not None for value in values.values()), planned.get(name, len(values)))
        for name, values in arms.items()
        if values
    }
    if all(trained == of for trained, of in counts.values()):
        return []
    return [f"Runs that trained: {', '.join(f'{name} {n} of {m}' for name, (n, m) in counts.items())}."]
