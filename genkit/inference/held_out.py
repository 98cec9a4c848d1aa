"""Samples that are asked what held-out examples are: how a model of captions, or of pairs, is judged and
shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from genkit.core.module import GenerativeModule
from genkit.core.samples import Samples
from genkit.data.dataset import Examples
from genkit.data.splits import mixed

ASKED = "prompt"  # the option of sampling that says what is asked for


def sample_held_out(
    module: GenerativeModule,
    n: int,
    examples: Examples | None,
    *,
    seed: int = 0,
    first: int = 0,
    batch_size: int | None = None,
    weights: str = "ema",
    **options: Any,
) -> Samples:
    """As `module.sample`; where it reads captions, or answers prompts, and none is given, sample i is asked
    what example i is, or asks, in the one mixed order that examples have, round and round.

    Args:
        examples: None: nothing is known of the data, and nothing is asked for.
    """
    texts = [] if ASKED in options else held_out_prompts(module, examples, range(first, first + n))
    if texts:
        n, options = 1, {**options, ASKED: texts}
    return module.sample(n, seed=seed, first=first, batch_size=batch_size, weights=weights, **options)


def held_out_prompts(module: GenerativeModule, examples: Examples | None, numbers: range) -> list[str]:
    """What samples of these numbers are asked; [] of a model that reads no captions and no pairs."""
    if module.spec.kind != "tokens" or not examples:
        return []
    if module.spec.pairs is not None and examples.questions:
        order = mixed(examples.questions)
        pairs = examples.asked(order[np.arange(numbers.start, numbers.stop) % len(order)])
        return [pair.prompt for pair in pairs]
    if module.spec.captions is None:
        return []
    order = examples.some()
    return examples.called(order[np.arange(numbers.start, numbers.stop) % len(order)])
