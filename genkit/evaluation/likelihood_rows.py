"""How likely held-out data is to a model: exact, a bound, or none with the reason."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genkit.core.capabilities import Likelihood, TokenLikelihood
from genkit.core.codecs import Codec
from genkit.core.separators import completed
from genkit.core.spec import TokenSpec
from genkit.data.dataset import TokenWindows
from genkit.data.pair_windows import PairWindows
from genkit.data.real import silent_end
from genkit.evaluation.subject import Found, Subject, reasons
from genkit.inference.scoring import Scores, score_split
from genkit.metrics.bits import ExampleScores, TokenScores, token_counts, unigram_log_likelihoods
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence
from genkit.metrics.measure import Kind
from genkit.metrics.panel import beside, measured
from genkit.runs.rows import missing
from genkit.system.errors import Unmeasurable


def likelihood(subject: Subject, metrics: Sequence[Metric]) -> Found:
    """Of the whole split; the ceiling is a uniform model of arrays, a unigram model of texts."""
    module, settings, examples = subject.module, subject.settings, subject.examples
    if not isinstance(module, Likelihood):
        return _none(subject, metrics, f"none: {type(module).__name__} has no likelihood, only samples")
    kind = module.likelihood_kind()
    if kind.absent:
        return _none(subject, metrics, f"none: {kind.note}")
    k = 1 if kind.final else settings.importance_samples
    with module.weights(settings.weights):
        scores = score_split(
            module,
            examples,
            stride=settings.stride,
            batch_size=settings.batch_size,
            importance_samples=k,
        )
    text = examples if isinstance(module, TokenLikelihood) and isinstance(examples, TokenWindows) else None
    of: TokenScores | ExampleScores
    if isinstance(examples, PairWindows):
        of = _of_answers(subject, scores, examples)
    else:
        of = _of_examples(subject, scores, k) if text is None else _of_tokens(subject, scores, text)
    evidence = Evidence(likelihoods=of)
    try:
        model = measured(metrics, evidence)
    except Unmeasurable as error:
        return Found(missing=reasons([error]))
    found = Found(model, ceiling=beside(metrics, "ceiling", evidence, lambda: evidence))
    if kind.fixed and (asked := settings.importance_samples) > 1:
        found.notes["nll"] = f"a bound of one number, which importance_samples={asked} makes no tighter"
    if isinstance(of, TokenScores) and of.lossy:
        lost = examples.lost if isinstance(examples, PairWindows | TokenWindows) else ""
        note = f"none: the tokeniser {lost}"
        return replace(found, missing=[missing("bits_per_byte", "bits/byte", note)])
    if text is not None and model and not model[0].interval:
        found.notes["bits_per_byte"] = (
            f"no interval: one running text of {scores.size:,} bytes says too little"
        )
    validated = subject.cfg.trainer.precision
    if not validated.startswith("32"):
        computed = str(next(module.parameters()).dtype).removeprefix("torch.")
        said = f"computed in {computed}, where the run's own validations computed in {validated}"
        found.notes["nll"] = "; ".join(filter(None, (found.notes.get("nll"), said)))
    return found


def _of_tokens(subject: Subject, scores: Scores, judging: TokenWindows) -> TokenScores:
    spec, train = subject.dataset.spec, subject.dataset.split("train")
    assert spec.kind == "tokens"
    assert isinstance(train, TokenWindows)
    scored = judging.tokens
    return TokenScores(
        scores.values,
        unigram_log_likelihoods(train.tokens, scored, spec.vocab_size),
        size=scores.size or judging.bytes or len(scored),
        stride=subject.settings.stride or "half the context",
        codec=_called(spec.codec),
        sizes=_sizes(spec.codec, scored),
        documents=_documents(spec, scored),
        lossy=bool(judging.lost),
    )


def _of_answers(subject: Subject, scores: Scores, judging: PairWindows) -> TokenScores:
    """Each answer is a document, with the end of it; what it is given has no size."""
    spec, train = subject.dataset.spec, subject.dataset.split("train")
    assert spec.kind == "tokens"
    assert isinstance(train, PairWindows)
    assert scores.bounds is not None
    targets = judging.targets()
    return TokenScores(
        scores.values,
        unigram_log_likelihoods(train.targets(), targets, spec.vocab_size),
        size=scores.size or len(targets),
        stride="whole answers, given their prompts",
        codec=_called(spec.codec),
        sizes=_sizes(spec.codec, targets),
        documents=np.repeat(np.arange(len(scores.bounds) - 1), np.diff(scores.bounds)),
        lossy=bool(judging.lost),
    )


def _called(codec: Codec) -> str:
    digest = hashlib.sha256(json.dumps(codec.to_dict(), sort_keys=True).encode()).hexdigest()
    return f"{codec.name} {digest[:12]}"


def _sizes(codec: Codec, tokens: np.ndarray) -> np.ndarray:
    """Bytes of UTF-8 that each token stands for, as far as a token stands for characters, (N,)."""
    counts = token_counts(tokens, codec.vocab_size)
    sizes = np.zeros(len(counts), np.int32)
    for i in np.flatnonzero(counts).tolist():
        sizes[i] = len(codec.decode([i]).encode("utf-8", "replace"))
    found: np.ndarray = sizes[tokens]
    return found


def _documents(spec: TokenSpec, tokens: np.ndarray) -> np.ndarray | None:
    """The number of each token's document, a separator counted with what it ends; None without documents."""
    if spec.separator is None:
        return None
    ends = completed(tokens, spec.mark)
    found: np.ndarray = np.cumsum(ends) - ends
    return found


def _of_examples(subject: Subject, scores: Scores, k: int) -> ExampleScores:
    array = subject.dataset.spec.array
    assert array is not None
    about: dict[str, str | int | float | bool | None] = {"of": scores.likelihood.of, "given": scores.given}
    about["levels"] = array.levels
    if array.representation is not None:
        about["representation"] = array.representation.name
    if subject.dataset.unpadded is not None:  # bits per dimension are then of known zeros, too
        about["padded_from"] = "×".join(map(str, subject.dataset.unpadded))
    if share := silent_end(subject.dataset.spec, subject.examples):  # and of known silence
        about["silent_end"] = round(share, 4)
    worth, values = scores.likelihood, np.asarray(scores.values)
    kind: Kind = "estimate" if worth.kind == "none" else worth.kind
    through = "codes" if subject.coded else ""
    of = (array.size, array.levels, None if worth.fixed else k, worth.certain_at_zero)
    return ExampleScores(values, kind, *of, about, through)


def _none(subject: Subject, metrics: Sequence[Metric], note: str) -> Found:
    """Rows for a model that has no likelihood."""
    of = subject.dataset.spec.medium.nll
    units = {m.name: of if of.startswith(f"{m.unit}/") else m.unit for m in metrics}
    return Found(missing=[missing(m.name, units[m.name], note) for m in metrics])
