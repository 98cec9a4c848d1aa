"""How likely the answers of pairs are, each given its prompt, whatever else stands in its window.

Legend: B windows, T tokens.
"""

from __future__ import annotations

import numpy as np
import torch

from genkit.core.capabilities import LikelihoodKind, TokenLikelihood
from genkit.core.module import GenerativeModule
from genkit.data.loading import Gather
from genkit.data.pair_windows import PairWindows
from genkit.system.progress import followed_ranges

OF_ANSWERS = LikelihoodKind("exact", "of each token of an answer given its prompt", of="probability")


@torch.inference_mode()
def answer_scores(
    module: GenerativeModule, examples: PairWindows, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Log-probability of every token of the answers and their ends, float64 (N,), example by example, and
    where those of each example begin, int64 (M + 1,)."""
    assert isinstance(module, TokenLikelihood)
    gather, found, owners = Gather(examples, torch.device("cpu")), [], []
    for rows in followed_ranges("scoring answers", len(examples), batch_size):
        indices = np.arange(rows.start, rows.stop)
        batch = module.prepare(gather(indices, rows).to(module.device))
        packing = batch.packing
        assert packing is not None
        assert packing.scored is not None
        scored = module.token_log_likelihood(batch.data, packing.segments)[packing.scored]
        found.append(scored.double().cpu().numpy())
        owners.append(examples.owners(indices))
    values, examples_of = np.concatenate(found), np.concatenate(owners)
    order = np.argsort(examples_of, kind="stable")
    counts = np.bincount(examples_of, minlength=examples.answers)
    return values[order], np.concatenate(([0], np.cumsum(counts)))
