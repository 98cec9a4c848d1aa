"""How likely held-out data is to a model: exact, a bound, or none with the reason."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from genkit.core.capabilities import Likelihood, TokenLikelihood
from genkit.core.codecs import Codec
from genkit.core.spec import TokenSpec
from genkit.data.dataset import TokenWindows
from genkit.evaluation.subject import Found, Subject, reasons
from genkit.inference.likelihood import Scores, score_split
from genkit.metrics.bits import (
    OF_EXAMPLE,
    OF_TOKENS,
    example_measures,
    token_counts,
    token_measures,
    uniform_measures,
    unigram_log_likelihoods,
)
from genkit.runs.rows import missing
from genkit.system.errors import Unmeasurable


def likelihood(subject: Subject) -> Found:
    """Of the whole split; the ceiling is a uniform model of pictures, a unigram model of texts."""
    module, settings, examples = subject.module, subject.settings, subject.examples
    if not isinstance(module, Likelihood):
        return _none(subject, f"none: {type(module).__name__} has no likelihood, only samples")
    kind = module.likelihood_kind()
    if kind.absent:
        return _none(subject, f"none: {kind.note}")
    k = 1 if kind.final else settings.importance_samples
    with module.weights(settings.weights):
        scores = score_split(
            module,
            examples,
            stride=settings.stride,
            batch_size=settings.batch_size,
            importance_samples=k,
        )
    tokens = isinstance(module, TokenLikelihood) and isinstance(examples, TokenWindows)
    try:
        found = _of_tokens(subject, scores) if tokens else _of_examples(subject, scores, k)
    except Unmeasurable as error:
        return Found(missing=reasons([error]))
    validated = subject.cfg.trainer.precision
    if not validated.startswith("32"):
        computed = str(next(module.parameters()).dtype).removeprefix("torch.")
        found.notes["nll"] = (
            f"computed in {computed}, where the run's own validations computed in {validated}"
        )
    return found


def _of_tokens(subject: Subject, scores: Scores) -> Found:
    spec, train, judging = subject.dataset.spec, subject.dataset.split("train"), subject.examples
    assert isinstance(spec, TokenSpec)
    assert isinstance(train, TokenWindows)
    assert isinstance(judging, TokenWindows)
    unigram = unigram_log_likelihoods(train.tokens, judging.tokens, spec.vocab_size)
    digest = hashlib.sha256(json.dumps(spec.codec.to_dict(), sort_keys=True).encode()).hexdigest()
    scored = judging.tokens
    how: dict[str, Any] = {
        "sizes": _sizes(spec.codec, scored),
        "documents": _documents(spec, scored),
        "size": scores.size or judging.bytes or len(scored),
        "stride": subject.settings.stride or "half the context",
        "codec": f"{spec.codec.name} {digest[:12]}",
    }
    found = Found(token_measures(scores.values, **how), ceiling=token_measures(unigram, **how))
    if judging.lost:
        kept = [[m for m in role if m.metric != "bits_per_byte"] for role in (found.model, found.ceiling)]
        note = f"none: the tokeniser {judging.lost}"
        return Found(kept[0], ceiling=kept[1], missing=[missing("bits_per_byte", "bits/byte", note)])
    if not found.model[0].interval:
        found.notes["bits_per_byte"] = (
            f"no interval: one running text of {scores.size:,} bytes says too little"
        )
    return found


def _sizes(codec: Codec, tokens: np.ndarray) -> np.ndarray:
    """Bytes of UTF-8 that each token stands for, as far as a token stands for characters, (N,)."""
    counts = token_counts(tokens, codec.vocab_size)
    sizes = np.zeros(len(counts), np.int32)
    for i in np.flatnonzero(counts).tolist():
        sizes[i] = len(codec.decode([i]).encode("utf-8", "replace"))
    return sizes[tokens]


def _documents(spec: TokenSpec, tokens: np.ndarray) -> np.ndarray | None:
    """The number of each token's document, a separator counted with what it ends; None without documents."""
    if spec.separator is None:
        return None
    mark = spec.opening
    ends = np.ones(len(tokens), bool)
    for back, part in enumerate(mark[::-1]):
        ends[back:] &= tokens[: len(tokens) - back] == part
        ends[:back] = False
    return np.cumsum(ends) - ends


def _of_examples(subject: Subject, scores: Scores, k: int) -> Found:
    image = subject.dataset.spec.image
    assert image is not None
    about: dict[str, Any] = {"of": scores.likelihood.of, "given": scores.given, "levels": image.levels}
    if subject.dataset.unpadded is not None:  # bits per dimension are then of known zeros, too
        about["padded_from"] = "×".join(map(str, subject.dataset.unpadded))
    values = np.asarray(scores.values)
    model = example_measures(values, scores.likelihood.kind, image.size, k, about)  # type: ignore[arg-type]
    # Equal chances of all levels are a probability; a density has no such ceiling.
    uniform = uniform_measures(image.size, image.levels, len(values), about)
    return Found(model, ceiling=uniform if scores.likelihood.certain_at_zero else [])


def _none(subject: Subject, note: str) -> Found:
    """Rows for a model that has no likelihood."""
    is_text = subject.dataset.spec.is_text
    names = OF_TOKENS if is_text else OF_EXAMPLE
    units = {"nll": "nats/token" if is_text else "nats/example", "bits_per_dimension": "bits/dimension"}
    return Found(missing=[missing(name, units.get(name, "1"), note) for name in names])
