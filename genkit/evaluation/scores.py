"""How likely held-out data is to a model: exact, a bound, or none with the reason."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from genkit.core.capabilities import Likelihood, TokenLikelihood
from genkit.core.spec import TokenSpec
from genkit.data.dataset import TokenWindows
from genkit.evaluation.subject import Found, Subject
from genkit.metrics.likelihood import (
    example_measures,
    token_measures,
    uniform_measures,
    unigram_log_likelihoods,
)
from genkit.rows import missing
from genkit.scoring import score_split


def likelihood(subject: Subject) -> Found:
    """Of the whole split; the ceiling is a uniform model of pictures, a unigram model of texts."""
    module, settings, examples = subject.module, subject.settings, subject.examples
    unit = "nats/token" if subject.dataset.spec.is_text else "nats/example"
    if not isinstance(module, Likelihood):
        note = f"none: {type(module).__name__} has no likelihood, only samples"
        return Found(missing=[missing("nll", unit, note)])
    kind = module.likelihood_kind()
    if kind.kind == "none":
        return Found(missing=[missing("nll", unit, f"none: {kind.note}")])
    k = 1 if kind.kind == "exact" else settings.importance_samples
    with module.weights(settings.weights):
        scores = score_split(
            module,
            examples,
            stride=settings.stride,
            batch_size=settings.batch_size,
            importance_samples=k,
        )
    spec = subject.dataset.spec
    if isinstance(module, TokenLikelihood) and isinstance(examples, TokenWindows):
        assert isinstance(spec, TokenSpec)
        stride = settings.stride or "half the context"
        train = subject.dataset.split("train")
        assert isinstance(train, TokenWindows)
        unigram = unigram_log_likelihoods(train.tokens, examples.tokens[1:], spec.vocab_size)
        digest = hashlib.sha256(json.dumps(spec.codec.to_dict(), sort_keys=True).encode()).hexdigest()
        how: dict[str, Any] = {
            "size": scores.size,
            "stride": stride,
            "codec": f"{spec.codec.name} {digest[:12]}",
        }
        return Found(token_measures(scores.values, **how), ceiling=token_measures(unigram, **how))
    image = spec.image
    assert image is not None
    values = np.asarray(scores.values)
    model = example_measures(values, scores.kind, image.size, k)  # type: ignore[arg-type]
    return Found(model, ceiling=uniform_measures(image.size, image.levels))
