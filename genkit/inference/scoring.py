"""How likely given data is: of texts token by token, of whole splits for every family with a likelihood.

A text longer than the context is read in windows.  Each scores its last `stride` tokens, given those before
them in the window, and the first window all of its tokens; so a token sees at least context - stride tokens
before it, where there are as many.  A stride of the context tiles the text, as validation does; of 1, every
token sees all that it can, at as many times the cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from genkit.core.capabilities import Likelihood, LikelihoodKind, TokenLikelihood
from genkit.core.codecs import Codec
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import LABEL
from genkit.core.returned import check_likelihoods
from genkit.core.separators import completed
from genkit.data.array_windows import CodeWindows
from genkit.data.dataset import Examples, TokenWindows
from genkit.data.loading import Gather
from genkit.data.pair_windows import PairWindows
from genkit.generation.decoding import Unfolding
from genkit.inference.pair_scoring import OF_ANSWERS, answer_scores
from genkit.system.errors import ConfigError
from genkit.system.progress import followed, followed_ranges

ABOVE_CERTAIN = 1e-2  # nats of rounding that a probability of 1 may have
OF_TOKENS = LikelihoodKind("exact", "of each token given those before it", of="probability")


@dataclass(frozen=True)
class Scores:
    """Log-likelihoods in nats of each part of something, float64: of the tokens of a text, or of examples.

    Attributes:
        values: (N,).
        unit: what each is of: "token" or "example".
        likelihood: what they are worth, and of what.
        size: of all together, in the unit `per`: bytes of UTF-8, or numbers of an example; 0 where the tokens
            do not say the whole text, which then has no likelihood.
        importance_samples: k of a bound; None where there is none.
        given: what each is conditional on: "labels", "captions", "prompts", or "nothing".
        bounds: where the tokens of each answer begin and the last end, (M + 1,); None where there are none.
    """

    values: np.ndarray
    unit: str
    likelihood: LikelihoodKind
    size: int
    per: str
    importance_samples: int | None = None
    given: str = "nothing"
    bounds: np.ndarray | None = None

    @cached_property
    def nats(self) -> float:
        """Minus the log-likelihood of everything."""
        return -math.fsum(self.values)

    @property
    def perplexity(self) -> float:
        """exp of the nats per unit."""
        return math.exp(self.nats / len(self.values)) if len(self.values) else math.nan

    @property
    def bits(self) -> float:
        """Bits per byte, or per dimension."""
        return self.nats / math.log(2) / self.size if self.size else math.nan

    def to_dict(self) -> dict[str, object]:
        tightened = {} if self.importance_samples is None else {"importance_samples": self.importance_samples}
        return {
            "kind": self.likelihood.kind,
            "of": self.likelihood.of,
            "given": self.given,
            **tightened,
            "nats": self.nats,
            **({} if self.bounds is None else {"answers": len(self.bounds) - 1}),
            f"{self.unit}s": len(self.values),
            f"nats_per_{self.unit}": self.nats / max(1, len(self.values)),
            "perplexity": self.perplexity,
            f"bits_per_{self.per}": self.bits if self.size else None,
        }


def score_text(
    module: GenerativeModule, text: str, *, stride: int | None = None, batch_size: int = 32
) -> Scores:
    """Every token of a text, the first given what a text begins with (the separator, else the start token).

    Args:
        stride: tokens that a window scores, 1 to the context; half of it by default.

    Raises:
        ConfigError: the model scores no tokens, the text is empty or holds unknown characters.
    """
    spec = module.spec
    if not isinstance(module, TokenLikelihood) or spec.kind != "tokens" or spec.array is not None:
        raise ConfigError(f"{type(module).__name__} scores no texts; give split=validation.")
    ids = spec.encode(text)
    if not len(ids):
        raise ConfigError("an empty text has no likelihood; give at least one character.")
    opened = np.concatenate((spec.opening, ids))
    values = score_tokens(module, opened, stride=stride, batch_size=batch_size)[len(spec.opening) - 1 :]
    whole = spec.codec.decode(opened)
    kept = whole[len(spec.codec.decode(spec.opening)) :] == text or spec.codec.decode(ids) == text
    size = len(text.encode("utf-8", "replace")) if kept else 0
    return Scores(values, "token", OF_TOKENS, size, "byte")


def score_split(
    module: GenerativeModule,
    examples: Examples,
    *,
    stride: int | None = None,
    batch_size: int = 32,
    importance_samples: int = 1,
) -> Scores:
    """A whole split: every token of a text (the first given what a text begins with), or every example.

    So the bytes of a text are the same for every tokeniser, and bits per byte are of all of them.

    Args:
        importance_samples: of a model whose likelihood is a bound, to make it tighter.

    Raises:
        ConfigError: the model has no likelihood of this data, or an exact one is to be tightened.
    """
    spec = module.spec
    if importance_samples > 1 and isinstance(module, Likelihood) and module.likelihood_kind().final:
        what = "a bound of one number" if module.likelihood_kind().fixed else "exact"
        raise ConfigError(
            f"importance_samples={importance_samples} tighten a bound, and the likelihood of"
            f" {type(module).__name__} is {what}; leave them out."
        )
    if isinstance(module, TokenLikelihood) and isinstance(examples, PairWindows):
        values, bounds = answer_scores(module, examples, batch_size)
        size = 0 if examples.lost else examples.bytes_of()
        return Scores(values, "token", OF_ANSWERS, size, "byte", given="prompts", bounds=bounds)
    if isinstance(module, TokenLikelihood) and isinstance(examples, TokenWindows) and spec.kind == "tokens":
        if spec.apart:  # the first document is opened as the others are
            opened = np.concatenate((spec.opening, examples.tokens))
            values = score_tokens(module, opened, stride=stride, batch_size=batch_size)
        else:
            first = score_tokens(module, np.append(spec.opening, examples.tokens[:1]))[-1:]
            others = score_tokens(module, examples.tokens, stride=stride, batch_size=batch_size)
            values = np.concatenate((first, others))
        size = examples.bytes if examples.bytes is not None else _bytes(spec.codec, examples.tokens)
        return Scores(values, "token", OF_TOKENS, 0 if examples.lost else size, "byte")
    if not isinstance(module, Likelihood):
        raise ConfigError(
            f"{type(module).__name__} has no likelihood; see genkit families for those that do."
        )
    kind = module.likelihood_kind()
    if kind.absent:
        raise ConfigError(f"{type(module).__name__} has no likelihood of this data: {kind.note}.")
    values = _examples(module, examples, batch_size, importance_samples)
    if isinstance(examples, CodeWindows) and examples.remainder is not None:
        values = values + examples.remainder  # log p(x) ≥ log p(c(x)) + log p(x | c(x))
    k = importance_samples if kind.tightens else None
    if kind.certain_at_zero and len(values) and values.max() > ABOVE_CERTAIN:
        raise ConfigError(
            f"{type(module).__name__} says that its likelihood is a probability, and gives an example"
            f" {values.max():.4g} nats, more than certainty: its LikelihoodKind is of a density."
        )
    size, given = spec.numbers * len(examples), conditions(module)
    per = spec.array.entry if spec.array is not None else "dimension"
    return Scores(values, "example", kind, size, per, k, given)


def conditions(module: GenerativeModule) -> str:
    """What a likelihood is given: a family that draws by label reads the labels of what it scores, and one of
    captions reads those."""
    if module.spec.kind == "tokens" and module.spec.captions is not None:
        return "captions"
    return "labels" if any(option.name == LABEL.name for option in module.options) else "nothing"


@torch.inference_mode()
def score_tokens(
    module: TokenLikelihood, tokens: np.ndarray, *, stride: int | None = None, batch_size: int = 32
) -> np.ndarray:
    """Log-probability of every token but the first, float64 (N,) of (N + 1,), in windows.

    Of documents that are apart each window sees, of the one in which it begins, what it reads of it.

    Raises:
        ConfigError: the stride is not from 1 to the context.
    """
    context = module.context
    stride = max(1, context // 2) if stride is None else stride
    if not 1 <= stride <= context:
        raise ConfigError(f"stride={stride} is not from 1 to the context of {context} tokens.")
    values = np.zeros(len(tokens) - 1)
    device = next(cast(nn.Module, module).parameters()).device
    spans = windows(len(values), context, stride)
    document = _documents(module, tokens)
    parts = iter(lambda: list(islice(spans, batch_size)), [])
    count = 1 + max(0, -(-(len(values) - context) // stride))
    for part in followed("scoring windows", parts, count):
        rows = np.full((len(part), context + 1), -1, dtype=np.int64)
        for row, (begin, _, end) in zip(rows, part, strict=True):
            row[: end - begin + 1] = tokens[begin : end + 1]
        given = torch.from_numpy(rows).to(device)
        if document is None:
            found = module.token_log_likelihood(given)
        else:
            places = np.array([begin for begin, _, _ in part])[:, None] + np.arange(context)
            segments = document[places.clip(max=len(tokens) - 1)]
            found = module.token_log_likelihood(given, torch.from_numpy(segments).to(device))
        scored = found.double().cpu().numpy()
        for row, (begin, start, end) in zip(scored, part, strict=True):
            values[start:end] = row[start - begin : end - begin]
    return values


def _documents(module: TokenLikelihood, tokens: np.ndarray) -> np.ndarray | None:
    """Of which document each token is as an input, int32 (N,); None where they go on into one another."""
    spec = module.spec if isinstance(module, GenerativeModule) else None
    if spec is None or spec.kind != "tokens" or not spec.apart:
        return None
    return np.cumsum(completed(tokens, spec.mark), dtype=np.int32)


def windows(count: int, context: int, stride: int) -> Iterator[tuple[int, int, int]]:
    """(begin, start, end) of each: it reads from `begin` and scores the targets start … end - 1."""
    start = 0
    while start < count:
        end = min(count, start + (stride if start else context))
        yield max(0, start + stride - context), start, end
        start = end


@torch.no_grad()
def _examples(
    module: GenerativeModule, examples: Examples, batch_size: int, importance_samples: int
) -> np.ndarray:
    """Log-likelihoods of whole examples, float64 (N,)."""
    assert isinstance(module, Likelihood)
    parts: list[Tensor] = []
    gather = Gather(examples, torch.device("cpu"))
    for rows in followed_ranges("scoring examples", len(examples), batch_size):
        noise = Noise(0, rows, purpose="score", device=module.device)
        batch = module.prepare(gather(np.arange(rows.start, rows.stop), rows).to(module.device))
        found = module.log_likelihood(batch, noise, importance_samples=importance_samples)
        check_likelihoods(found, len(rows), type(module).__name__)
        parts.append(found.double().cpu())
    return torch.cat(parts).numpy()


def _bytes(codec: Codec, tokens: np.ndarray, piece: int = 100_000) -> int:
    """Bytes of UTF-8 that tokens stand for."""
    text = Unfolding(codec)
    count = 0
    for start in range(0, len(tokens), piece):
        count += len(text.add(tokens[start : start + piece].tolist()).encode("utf-8", "replace"))
    return count + len(text.rest().encode("utf-8", "replace"))
