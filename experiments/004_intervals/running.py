"""How often the interval of a running text's likelihood holds what the rest of the text says.

    python experiments/004_intervals/running.py TEXT

A character model by counts of n-grams reads every tenth block of 2,000 characters.  Stretches of the other
blocks, in their order, are the evaluations, and the mean of all of them is the quantity.  Beside the interval
of `genkit.metrics.value_intervals.running` stands that of 50 stretches taken for independent ones.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from genkit.metrics import value_intervals

BLOCK, EVERY, WINDOWS, WEIGHT = 2_000, 10, 400, 5.0
LENGTHS, ORDERS = (20_000, 50_000, 75_000, 111_000), (1, 2, 3)


def nats(text: str, order: int) -> np.ndarray:
    """Of each character not taught, given the `order` before it, by counts of all shorter contexts."""
    ids = np.unique(list(text), return_inverse=True)[1].astype(np.int64)
    size, count = int(ids.max()) + 1, len(ids)
    taught = np.arange(count) // BLOCK % EVERY == 0
    chances, context = np.full(count, 1 / size), np.zeros(count, np.int64)
    for back in range(order + 1):
        if back:
            context = context * size + np.concatenate((np.zeros(back, np.int64), ids[:-back]))
        seen, both = (_counts(keys, taught) for keys in (context, context * size + ids))
        chances = (both + WEIGHT * chances) / (seen + WEIGHT)
    return -np.log(chances[~taught])


def _counts(keys: np.ndarray, taught: np.ndarray) -> np.ndarray:
    """How often each key stands among those taught."""
    _, places = np.unique(keys, return_inverse=True)
    return np.bincount(places[taught], minlength=places.max() + 1)[places]


def independent(part: np.ndarray, stretches: int = 50) -> value_intervals.Interval:
    return value_intervals.mean(part[: len(part) // stretches * stretches].reshape(stretches, -1).mean(1))


def main(path: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    for length in LENGTHS:
        for order in ORDERS:
            found = nats(text, order)
            starts = np.linspace(0, len(found) - length, WINDOWS).astype(int)
            parts = [found[start : start + length] for start in starts]
            both = (
                [value_intervals.running(p, np.ones(length)) for p in parts],
                [independent(p) for p in parts],
            )
            held = [np.mean([low <= found.mean() <= high for _, low, high in each]) for each in both]
            half = [np.median([(high - low) / 2 for _, low, high in each]) for each in both]
            print(
                f"{length:7,} characters, order {order}: held {held[0]:.3f} (half-width {half[0]:.4f});"
                f" 50 independent stretches {held[1]:.3f} ({half[1]:.4f})",
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1])
