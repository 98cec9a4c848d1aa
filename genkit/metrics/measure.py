"""Measure: one number, the interval around it, and everything that one must know to compare it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from genkit.core.identity import fingerprint

Direction = Literal["lower", "higher", "none"]
Kind = Literal["exact", "bound", "estimate"]
Protocol = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Measure:
    """One measured number.

    Attributes:
        metric: its name, lower case, such as "recall" or "bits_per_byte".
        value: the number.
        unit: of the value; "1" for a pure number.
        direction: which way is better.
        kind: "exact" (a property of the model), "bound" on one, or an "estimate" from samples.
        n: generated samples (or scored examples) that it rests on.
        n_real: real examples that it rests on; None where it needs none.
        low, high: a 95 % interval; None where there is none.
        interval: of which quantity that interval is, in words; "" where there is none.
        protocol: the choices that make two numbers comparable: extractor and digest, resizer, k, version.
    """

    metric: str
    value: float
    unit: str
    direction: Direction
    kind: Kind
    n: int
    n_real: int | None = None
    low: float | None = None
    high: float | None = None
    interval: str = ""
    protocol: Protocol = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits of the metric, its protocol and the numbers of examples.

        Numbers of different fingerprints do not belong in one column: most of these metrics depend on how
        many examples they see.
        """
        return fingerprint(self.metric, self.n, self.n_real, self.protocol)
