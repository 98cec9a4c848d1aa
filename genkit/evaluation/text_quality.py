"""Samples that are texts, against held-out ones: what metrics of them look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from genkit.core.capabilities import TokenLikelihood
from genkit.core.codecs import Codec
from genkit.core.spec import TokenSpec
from genkit.data.dataset import TokenWindows
from genkit.data.dataset_knobs import PoemKnobs
from genkit.data.splits import mixed
from genkit.data.text.readings import find
from genkit.evaluation.subject import Subject
from genkit.generation.decoding import Unfolding
from genkit.metrics.bits import token_counts
from genkit.metrics.evidence import Evidence, Seen
from genkit.metrics.mauve import NGRAMS, Featuriser
from genkit.system.errors import ConfigError

PIECE = 200_000  # tokens decoded at once
BATCH = 64


@dataclass
class TextQuality:
    """The texts of a subject: its samples, the held-out ones, the training text.

    Real texts are documents where the data has them, else stretches as long as the samples; both are cut to
    the longest sample.  The ceiling is a unigram model: tokens drawn by their frequency in the training text.
    """

    subject: Subject
    spec: TokenSpec
    generated: list[str]
    length: int  # tokens of the longest sample

    @classmethod
    def of(cls, subject: Subject, spec: TokenSpec) -> TextQuality:
        """Draw the samples."""
        texts: list[str] = []
        longest = 1
        for part in subject.samples(subject.settings.n or spec.medium.drawn):
            texts += part.texts
            longest = max(longest, *(len(ids) for ids in part.data))
        return cls(subject, spec, texts, longest)

    @property
    def offers(self) -> frozenset[str]:
        """What these samples offer metrics."""
        verse = isinstance(self.subject.cfg.data, PoemKnobs)
        return self.subject.offers if verse else self.subject.offers - {"verse"}

    def evidence(self, role: str, train: bool) -> Evidence:
        """Of a role: the samples, other real texts, or unigrams, beside held-out texts.

        Args:
            train: for metrics that need training examples as texts.
        """
        floor, against = self._floor
        made, real = {
            "model": (Seen.of_texts(self.generated), self._judging),
            "floor": (Seen.of_texts(floor), Seen.of_texts(against)),
            "ceiling": (self._noise, self._judging),
        }[role]
        learnt = Seen(texts=lambda: self.real("train"))
        return Evidence(made, real, learnt, self.source, None, None, self._featuriser(), role == "model")

    @cached_property
    def _noise(self) -> Seen:
        return Seen(texts=self.unigrams)

    @cached_property
    def _judging(self) -> Seen:
        return Seen.of_texts(self.real(self.subject.settings.split))

    @cached_property
    def _floor(self) -> tuple[Sequence[str], Sequence[str]]:
        """Real texts in the place of samples, and those that they are set against."""
        real, other = self._judging.texts, self.subject.another()
        return (self.real(other), real) if other is not None else (real[::2], real[1::2])

    def tokens(self, split: str) -> np.ndarray:
        examples = self.subject.dataset.split(split)
        assert isinstance(examples, TokenWindows)
        return examples.tokens

    def real(self, split: str) -> list[str]:
        """Texts of a split, at most as many as there are samples, from all of it."""
        tokens = self.tokens(split)
        starts, stops = bounds(tokens, self.spec) if self.spec.separator else stretches(tokens, self.length)
        chosen = mixed(len(starts))[: len(self.generated)]
        decode = self.spec.codec.decode
        return [decode(tokens[starts[i] : min(stops[i], starts[i] + self.length)]) for i in chosen]

    def source(self) -> Iterator[str]:
        """The training text, in pieces."""
        return text_pieces(self.spec.codec, self.tokens("train"))

    def unigrams(self) -> Sequence[str]:
        """As many texts of as many tokens as the samples, drawn by frequency, without the separator."""
        counts = token_counts(self.tokens("train"), self.spec.vocab_size)
        sizes = [len(self.spec.encode(text)) for text in self.generated]
        generator = np.random.Generator(np.random.Philox(0))
        return self.spec.medium.noise(self.spec, sizes, generator, counts).texts

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


def text_pieces(codec: Codec, tokens: np.ndarray) -> Iterator[str]:
    """Tokens as texts that join to the text of them all."""
    unfolding = Unfolding(codec)
    for start in range(0, len(tokens), PIECE):
        yield unfolding.add(tokens[start : start + PIECE].tolist())
    yield unfolding.rest()


def bounds(tokens: np.ndarray, spec: TokenSpec) -> tuple[np.ndarray, np.ndarray]:
    """Where the documents begin and where they end, separators and empty documents left out, (N,) each."""
    assert spec.separator is not None
    ends = find(tokens, spec.mark)
    starts = np.concatenate(([0], ends + len(spec.mark)))
    stops = np.append(ends, len(tokens))
    return starts[stops > starts], stops[stops > starts]


def documents(tokens: np.ndarray, spec: TokenSpec) -> list[np.ndarray]:
    """The tokens between separators, those of empty documents left out."""
    return [tokens[a:b] for a, b in zip(*bounds(tokens, spec), strict=True)]


def stretches(tokens: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Where whole stretches of so many tokens begin and end, side by side, (N,) each."""
    starts = np.arange(0, len(tokens) - length + 1, length)
    return starts, starts + length
