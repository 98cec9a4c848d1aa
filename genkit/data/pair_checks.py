"""What is wrong or odd in prompts and answers, as a report in words."""

from __future__ import annotations

from collections import Counter

import numpy as np

from genkit.core.pairs.conversation import ASSISTANT, USER, fault
from genkit.data.pair_table import PairSource

SHOWN = 5  # examples of each kind


def check_pairs(source: PairSource) -> list[tuple[str, str]]:
    """(topic, finding) in the order of reading, before any template."""
    refused: list[str] = []
    lengths: dict[str, list[int]] = {USER: [], ASSISTANT: []}
    prompts: Counter[int] = Counter()
    pairs: Counter[int] = Counter()
    for row in source.rows():
        if wrong := row.fault or fault(row.turns):
            refused.append(f"{row.place} ({wrong})")
            continue
        for turn in row.turns:
            lengths.setdefault(turn.role, []).append(len(turn.content))
        prompts[hash(row.turns[:-1])] += 1
        pairs[hash(row.turns)] += 1
    report = [("rows", f"{pairs.total():,}")]
    listed = "; ".join(refused[:SHOWN]) + ("; …" if len(refused) > SHOWN else "")
    report.append(("unreadable", f"{len(refused):,}: {listed}" if refused else "none"))
    for topic, role in (("prompts", USER), ("answers", ASSISTANT)):
        if counted := lengths[role]:
            middle = int(np.median(counted))
            report.append(
                (
                    topic,
                    f"{len(counted):,} of {min(counted):,} to {max(counted):,} characters, half of"
                    f" them of at most {middle:,}",
                )
            )
    again = pairs.total() - len(pairs)
    others = len(prompts)
    report.append(("repeated", f"{again:,} rows repeat others" if again else "none"))
    if several := len(pairs) - others:
        report.append(("several answers", f"{several:,} rows have the prompt of another and another answer"))
    return report
