"""What a training must keep to be sound: a rule over one number that is measured of it.  Imports no torch.

The general rules stand in `genkit.diagnostics.general_rules`; a family that measures numbers of its own
declares the rules that read them (`Contract.rules`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

ERROR: Literal["error"] = "error"
WARNING: Literal["warning"] = "warning"
Severity = Literal["error", "warning"]
Number = float | list[float] | None
Measurement = Mapping[
    str, Number
]  # numbers by name, with "step" and "progress", the share of the budget spent


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A number that should not be above, or below, a threshold.

    Attributes:
        code: names the finding.
        severity: "error": the result is worthless; "warning": it may be.
        measure: the name of the number; one that ends in a star stands for all that begin so, each by itself.
        above, below: the threshold, in the measure's own unit, beyond which it is wrong: one of the two.
        advice: what to do.
        patience: measurements in a row that must agree.
        after, since: share of the budget, and steps, before which the rule is not asked; a beginning looks
            like a failure.
        longer: whether training longer is advised, too; never beside a finding that it was too long.
        too_long: whether this is the finding that it was.
        unless: another measure, and the value from which on it shows that the model is sound in this.
        said_by: codes that say this more severely, or for a reason that lies deeper: this is not said beside.

    Raises:
        ValueError: it has no threshold, or two.
    """

    code: str
    severity: Severity
    measure: str
    above: float | None = None
    below: float | None = None
    advice: str
    patience: int = 2
    after: float = 0.2
    since: int = 20
    longer: bool = False
    too_long: bool = False
    unless: tuple[str, float] | None = None
    said_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"rule {self.code}: give one threshold, above or below")

    @property
    def threshold(self) -> float:
        return self.above if self.above is not None else self.below or 0.0

    def asked(self, measured: Measurement) -> bool:
        """Whether one measurement is late enough, has the number, and nothing else shows the opposite."""
        late = number(measured, "progress") >= self.after and number(measured, "step") >= self.since
        sound = self.unless is not None and number(measured, self.unless[0]) >= self.unless[1]
        return late and not sound and measured.get(self.measure) is not None

    def broken(self, measured: Measurement) -> bool:
        """Whether one measurement is on the wrong side; False where the number is not reported."""
        if not self.asked(measured):
            return False
        value = number(measured, self.measure)
        return value > self.threshold if self.above is not None else value < self.threshold


def number(measured: Measurement, name: str) -> float:
    """A single number of a measurement; 0 where there is none."""
    value = measured.get(name)
    return value if isinstance(value, int | float) else 0.0
