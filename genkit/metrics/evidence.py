"""Evidence: what a metric looks at, samples beside real examples, each form made when it is first asked for.

A metric sees `evidence.generated` and `evidence.real`, and of them what it has declared that it needs.  What
several metrics look at is made once; memory goes with the number of examples times the size of a form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor

from genkit.metrics.features import Features
from genkit.metrics.mauve import NGRAMS, Featuriser

if TYPE_CHECKING:
    from genkit.core.spec import ArraySpec
    from genkit.metrics.answers import Answers
    from genkit.metrics.bits import ExampleScores, TokenScores
    from genkit.metrics.bouncing_paths import Bouncing
    from genkit.metrics.cost import Costs
    from genkit.metrics.memorisation import NearestPairs
    from genkit.metrics.prediction import Predictions
    from genkit.metrics.restyling import Restylings

T = TypeVar("T")


class Seen:
    """A set of examples as metrics see it.

    Args:
        features: makes the features; of arrays without an extractor, those of no dimension.
        arrays: makes all numbers, uint8 (n, C, *sizes), or int16 of sounds.
        texts: makes the texts.
        asked: makes the class of each, or the one that it is asked to be of; "" where none is.
    """

    def __init__(
        self,
        features: Callable[[], Features] | None = None,
        arrays: Callable[[], Tensor] | None = None,
        texts: Callable[[], Sequence[str]] | None = None,
        asked: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self._features, self._arrays, self._texts, self._asked = features, arrays, texts, asked

    @classmethod
    def of_features(cls, features: Features) -> Seen:
        return cls(lambda: features)

    @classmethod
    def of_texts(cls, texts: Sequence[str]) -> Seen:
        return cls(texts=lambda: texts)

    def __len__(self) -> int:
        if self._features is not None:
            return len(self.features)
        return len(self.texts) if self._texts is not None else 0

    def __getitem__(self, rows: slice | Tensor) -> Seen:
        """Some of the examples, of arrays."""
        places = torch.arange(len(self))[rows].tolist() if self._asked else []
        return Seen(
            lambda: self.features[rows],
            self._arrays and (lambda: self._whole[rows]),
            asked=self._asked and (lambda: [self.asked[place] for place in places]),
        )

    @property
    def protocol(self) -> Mapping[str, str | int | float | bool | None]:
        """What two numbers of such examples must share: shape, extractor; nothing of texts."""
        return {} if self._features is None else self.features.protocol

    @cached_property
    def features(self) -> Features:
        """Vectors (n, d), class probabilities (n, K), projections (n, P), keys (n,)."""
        return _made(self._features, "features")

    @property
    def vectors(self) -> Tensor:
        """An extractor's features, float32 (n, d)."""
        return self.features.vectors

    @property
    def arrays(self) -> Tensor:
        """All numbers of each example, float32 in [0, 1], (n, D); of sounds silence is ½."""
        whole = self._whole.flatten(1).float()
        return whole / 255 if self._whole.dtype == torch.uint8 else (whole + 2**15) / (2**16 - 1)

    @property
    def waveforms(self) -> Tensor:
        """Sounds as they are heard, int16 (n, C, T)."""
        return self._whole

    @property
    def clips(self) -> Tensor:
        """Moving pictures as they are shown, uint8 (n, C, T, H, W)."""
        return self._whole

    @cached_property
    def asked(self) -> Sequence[str]:
        """The class of each, or the one that it is asked to be of; "" where none is."""
        return _made(self._asked, "classes that were asked for")

    @cached_property
    def _whole(self) -> Tensor:
        return _made(self._arrays, "arrays")

    @cached_property
    def texts(self) -> Sequence[str]:
        return _made(self._texts, "texts")


def _made(maker: Callable[[], T] | None, name: str) -> T:
    if maker is None:
        raise LookupError(f"this evidence holds no {name}: a metric that reads them says that it needs them")
    return maker()


@dataclass
class Evidence:
    """What a metric may look at.

    Attributes:
        generated: the samples, or what stands in their place for a floor or a ceiling.
        real: the examples that they are set against.
        train: training examples, for metrics that need "train".
        source: the training text in pieces, from its beginning at each call, for those that need "source".
        likelihoods, costs, predictions, answers, restylings: for those that need them.
        featuriser: what makes features of texts, with its name.
        intervals: whether costly intervals are wanted; what only stands beside a model's number needs none.
        pairs: samples that are nearest to training examples, found while measuring, to be shown.
        array: what each example is, where it is an array.
        classes: what the probabilities of features are of.
        process: the rule by which the data were made; None: they were not, or nobody says so.
    """

    generated: Seen = field(default_factory=Seen)
    real: Seen = field(default_factory=Seen)
    train: Seen | None = None
    source: Callable[[], Iterable[str]] | None = None
    likelihoods: ExampleScores | TokenScores | None = None
    costs: Costs | None = None
    featuriser: tuple[str, Featuriser] = NGRAMS
    intervals: bool = True
    pairs: NearestPairs | None = None
    array: ArraySpec | None = None
    classes: Sequence[str] = ()
    predictions: Predictions | None = None
    process: Bouncing | None = None
    answers: Answers | None = None
    restylings: Restylings | None = None
