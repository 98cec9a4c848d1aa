"""What a model thought of the tokens of a sample that it has drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class DrawnTokens:
    """The drawn tokens of one sample: without its prompt, and without what has ended it.

    Attributes:
        ids: int64 (T,).
        pieces: what each says by itself; a part of a character is U+FFFD.
        logprobs: the natural logarithm of each one's probability given what the model read before it, float32
            (T,): its own, before temperature, filters, penalties and guidance.
    """

    ids: np.ndarray
    pieces: Sequence[str]
    logprobs: np.ndarray

    def said(self) -> str:
        """In a few words."""
        count, total = len(self.ids), float(self.logprobs.sum(dtype=np.float64))
        if not count:
            return "ln p = 0, no tokens"
        return f"ln p = {total:.4f}, {count} tokens, {total / count:.4f} a token"

    def to_dict(self) -> dict[str, object]:
        return {
            "tokens": self.ids.tolist(),
            "pieces": list(self.pieces),
            "logprobs": [float(number) for number in self.logprobs],
        }


def joined(samples: Sequence[DrawnTokens]) -> dict[str, np.ndarray]:
    """Those of all samples one after another, and how many each has; {} of none."""
    if not samples:
        return {}
    return {
        "tokens": np.concatenate([sample.ids for sample in samples]),
        "logprobs": np.concatenate([sample.logprobs for sample in samples]),
        "lengths": np.array([len(sample.ids) for sample in samples]),
    }
