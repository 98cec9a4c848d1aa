"""How long the members of a study may still take, by those that have finished."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from genkit.runs.studies import Outcome, Planned


def time_left(
    members: Sequence[Planned], outcomes: Mapping[int, Outcome], missing: Sequence[Planned]
) -> float | None:
    """Seconds of the missing members one after another; None while an arm of theirs has not finished one.

    Args:
        outcomes: by number, of all members.
    """
    taken: dict[str, list[float]] = {}
    for member in members:
        ended = outcomes[member.number]
        if ended.finished and ended.seconds is not None:
            taken.setdefault(member.arm, []).append(float(ended.seconds))
    if any(member.arm not in taken for member in missing):
        return None
    return sum(statistics.mean(taken[member.arm]) for member in missing)
