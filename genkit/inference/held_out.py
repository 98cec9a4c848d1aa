"""Samples that are asked to be what held-out examples are: how a model of captions is judged and shown."""

from __future__ import annotations

from typing import Any

import numpy as np

from genkit.core.module import GenerativeModule
from genkit.core.samples import Samples
from genkit.data.dataset import Examples

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
    """As `module.sample`; where it reads captions and none is asked for, sample i is asked to be what example
    i is, in the one mixed order that examples have, round and round.

    Args:
        examples: None: nothing is known of the data, and nothing is asked for.
    """
    texts = [] if ASKED in options else held_out_captions(module, examples, range(first, first + n))
    if texts:
        n, options = 1, {**options, ASKED: texts}
    return module.sample(n, seed=seed, first=first, batch_size=batch_size, weights=weights, **options)


def held_out_captions(module: GenerativeModule, examples: Examples | None, numbers: range) -> list[str]:
    """The captions that samples of these numbers are asked for; [] of a model that reads none."""
    if module.spec.kind != "tokens" or module.spec.captions is None or not examples:
        return []
    order = examples.some()
    return examples.called(order[np.arange(numbers.start, numbers.stop) % len(order)])
