"""Samples that are texts, against held-out ones: diversity, repetition, novelty, copying, MAUVE."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from genkit.core.capabilities import TokenLikelihood
from genkit.core.codecs import Codec
from genkit.core.spec import TokenSpec
from genkit.data.dataset import TokenWindows
from genkit.data.splits import mixed
from genkit.data.text.readings import find
from genkit.evaluation.subject import Found, Subject, reasons
from genkit.generation.decoding import Unfolding
from genkit.metrics import copying, wording
from genkit.metrics.bits import token_counts
from genkit.metrics.mauve import DRAWS, mauve, ngram_features
from genkit.metrics.measure import Measure
from genkit.system.errors import ConfigError, Unmeasurable

N = 500
PIECE = 200_000  # tokens decoded at once
BATCH = 64
Featuriser = Callable[[Sequence[str]], np.ndarray]  # texts to (n, d)
NGRAMS: tuple[str, Featuriser] = ("hashed runs of 1 to 3 characters", ngram_features)


@dataclass
class TextQuality:
    """The texts of a subject: its samples, the held-out ones, the training text.

    Real texts are documents where the data has them, else stretches as long as the samples; both are cut to
    the longest sample.  The ceiling is a unigram model: tokens drawn by their frequency in the training text.
    """

    subject: Subject
    generated: list[str]
    length: int  # tokens of the longest sample

    @classmethod
    def of(cls, subject: Subject) -> TextQuality:
        """Draw the samples."""
        n = N if subject.settings.n is None else subject.settings.n
        texts: list[str] = []
        longest = 1
        for part in subject.samples(n):
            texts += part.texts
            longest = max(longest, *(len(ids) for ids in part.data))
        return cls(subject, texts, longest)

    @property
    def spec(self) -> TokenSpec:
        assert isinstance(self.subject.dataset.spec, TokenSpec)
        return self.subject.dataset.spec

    def tokens(self, split: str) -> np.ndarray:
        examples = self.subject.dataset.split(split)
        assert isinstance(examples, TokenWindows)
        return examples.tokens

    def real(self, split: str) -> list[str]:
        """TextQuality of a split, at most as many as there are samples, from all of it."""
        tokens = self.tokens(split)
        starts, stops = bounds(tokens, self.spec) if self.spec.separator else stretches(tokens, self.length)
        chosen = mixed(len(starts))[: len(self.generated)]
        decode = self.spec.codec.decode
        return [decode(tokens[starts[i] : min(stops[i], starts[i] + self.length)]) for i in chosen]

    def source(self) -> Iterator[str]:
        """The training text, in pieces."""
        return text_pieces(self.spec.codec, self.tokens("train"))

    def unigrams(self) -> list[str]:
        """As many texts of as many tokens as the samples, drawn by frequency, without the separator."""
        counts = token_counts(self.tokens("train"), self.spec.vocab_size).astype(np.float64)
        if self.spec.separator:
            counts[self.spec.opening] = 0
        generator = np.random.Generator(np.random.Philox(0))
        encode, decode = self.spec.encode, self.spec.codec.decode
        sizes = [len(encode(text_)) for text_ in self.generated]
        drawn = generator.choice(len(counts), sum(sizes), p=counts / counts.sum())
        return [decode(part) for part in np.split(drawn, np.cumsum(sizes)[:-1])]

    def _roles(self) -> tuple[list[str], list[str], list[str]]:
        """Real texts, and for the floor: real ones as samples, real ones to compare them with."""
        split, other = self.subject.settings.split, self.subject.another()
        real = self.real(split)
        if other is not None:
            return real, self.real(other), real
        return real, real[::2], real[1::2]

    def quality(self) -> Found:
        real, floor, against = self._roles()
        refused: list[Unmeasurable] = []
        featuriser = self._featuriser()
        model = style(self.generated, real, refused, featuriser)
        if not model:
            raise refused[0]
        least = style(floor, against, None, featuriser)
        noise = style(self.unigrams(), real, None, featuriser)
        return Found(model, least, noise, reasons(refused))

    def _featuriser(self) -> tuple[str, Featuriser]:
        if self.subject.settings.featuriser == "ngrams":
            return NGRAMS
        return f"own network {str(self.subject.module.origin['digest'])[:12]}, last state", self._own_features

    @torch.no_grad()
    def _own_features(self, texts: Sequence[str]) -> np.ndarray:
        """The network's state after the last token of each text, of which it reads the end, (n, D)."""
        module, codec = self.subject.module, self.spec.codec
        if not isinstance(module, TokenLikelihood):
            raise ConfigError(f"mauve by featuriser=own: {type(module).__name__} reads no tokens.")
        if not texts:
            return np.empty((0, 1), np.float32)
        found = []
        with module.weights(self.subject.settings.weights):
            for start in range(0, len(texts), BATCH):
                encoded = [self.spec.encode(text)[-module.context :] for text in texts[start : start + BATCH]]
                rows = np.full((len(encoded), max(1, *map(len, encoded))), codec.start)
                for row, ids in zip(rows, encoded, strict=True):
                    row[: len(ids)] = ids
                states = module.token_features(torch.from_numpy(rows).to(module.device))
                last = torch.tensor([max(1, len(ids)) - 1 for ids in encoded], device=states.device)
                found.append(states[torch.arange(len(last)), last].float().cpu().numpy())
        return np.concatenate(found)

    def memory(self) -> Found:
        real, floor, against = self._roles()
        refused: list[Unmeasurable] = []
        model = copied(self.generated, real, self.source, refused)
        noise = copied(self.unigrams(), real, self.source, [])
        return Found(model, copied(floor, against, self.source, []), noise, reasons(refused))


def text_pieces(codec: Codec, tokens: np.ndarray) -> Iterator[str]:
    """Tokens as texts that join to the text of them all."""
    unfolding = Unfolding(codec)
    for start in range(0, len(tokens), PIECE):
        yield unfolding.add(tokens[start : start + PIECE].tolist())
    yield unfolding.rest()


def bounds(tokens: np.ndarray, spec: TokenSpec) -> tuple[np.ndarray, np.ndarray]:
    """Where the documents begin and where they end, separators and empty documents left out, (N,) each."""
    assert spec.separator is not None
    ends = find(tokens, spec.opening)
    starts = np.concatenate(([0], ends + len(spec.opening)))
    stops = np.append(ends, len(tokens))
    return starts[stops > starts], stops[stops > starts]


def documents(tokens: np.ndarray, spec: TokenSpec) -> list[np.ndarray]:
    """The tokens between separators, those of empty documents left out."""
    return [tokens[a:b] for a, b in zip(*bounds(tokens, spec), strict=True)]


def stretches(tokens: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Where whole stretches of so many tokens begin and end, side by side, (N,) each."""
    starts = np.arange(0, len(tokens) - length + 1, length)
    return starts, starts + length


def style(
    texts: Sequence[str],
    real: Sequence[str],
    refused: list[Unmeasurable] | None = None,
    featuriser: tuple[str, Featuriser] | None = None,
) -> list[Measure]:
    """Everything that looks at texts beside real ones.

    Args:
        refused: where given, the reasons for what cannot be measured are added; without, the texts stand
            beside a model's, and need no costly interval.
    """
    draws = 0 if refused is None else DRAWS
    name, of = featuriser or NGRAMS
    parts: list[Callable[[], Measure | list[Measure]]] = [
        *(partial(wording.distinct, texts, (order,)) for order in wording.ORDERS),
        lambda: wording.self_bleu(texts),
        lambda: wording.repeated(texts),
        lambda: wording.looping(texts),
        lambda: wording.lengths(texts),
        lambda: wording.vocabulary_overlap(texts, real),
        lambda: mauve(of(texts), of(real), name, draws=draws),
    ]
    return measured(parts, [] if refused is None else refused)


def copied(
    texts: Sequence[str],
    held_out: Sequence[str],
    source: Callable[[], Iterable[str]],
    refused: list[Unmeasurable],
) -> list[Measure]:
    """Everything that looks at texts beside the training text."""
    parts: list[Callable[[], Measure | list[Measure]]] = [
        partial(copying.novelty, texts, source, (order,)) for order in copying.ALL_ORDERS
    ]
    return measured([*parts, lambda: copying.copied_spans(texts, held_out, source)], refused)


def measured(
    parts: Sequence[Callable[[], Measure | list[Measure]]], refused: list[Unmeasurable]
) -> list[Measure]:
    """What can be measured; the reasons for what cannot are added to `refused`."""
    found: list[Measure] = []
    for part in parts:
        try:
            made = part()
            found += made if isinstance(made, list) else [made]
        except Unmeasurable as error:
            refused.append(error)
    return found
