"""What `draw` gives where the log-probabilities of what it draws are asked for, too."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor


class ScoredSequences(list[Tensor]):
    """Sequences of tokens, int64 (T_i,), and the log-probability of each drawn token.

    Attributes:
        logprobs: float32 (N_i,) each, of the last N_i tokens of each sequence.
    """

    def __init__(self, sequences: Iterable[Tensor], logprobs: Iterable[Tensor]) -> None:
        super().__init__(sequences)
        self.logprobs = list(logprobs)
