"""Families that can be conditional on the labels of their data: what each would write about that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from genkit.core.capabilities import Conditional
from genkit.core.conditions import choose_labels, label_conditions, require_classes
from genkit.core.contract import S
from genkit.core.module import GenerativeModule
from genkit.core.noise import Noise
from genkit.core.options import LABEL, Options


class Labelled(GenerativeModule[S], Conditional):
    """Base of a family whose instances take labels or take none.  Its `options` hold `LABEL`.

    Args:
        conditional: on the labels of the data; an instance that is not lacks the option.

    Attributes:
        classes: how many there are; 0 of an instance that takes none.

    Raises:
        ConfigError: the data has no labels.
    """

    def __init__(self, spec: S, *, conditional: bool) -> None:
        super().__init__(spec)
        self.classes = require_classes(spec) if conditional else 0
        if not conditional:
            self.options = tuple(option for option in self.options if option is not LABEL)

    def conditions(self, options: Options) -> Sequence[Any]:
        """The classes that are asked for; None: any."""
        return label_conditions(options, self.spec.classes) if self.classes else [None]

    def labels(self, condition: Sequence[int | None], noise: Noise) -> Tensor | None:
        """The label of each row, int64 (B,): as asked, else drawn; None where none is taken."""
        return choose_labels(condition, self.classes, noise) if self.classes else None

    def captions(self, condition: Sequence[int | None], noise: Noise) -> Sequence[str]:
        """The class of each row, also where it was drawn."""
        labels = self.labels(condition, noise)
        return [] if labels is None else [self.spec.classes[label] for label in labels.tolist()]
