"""What went wrong in a training, with an advice: numbers in, findings out.  Nothing here imports torch.

A training is measured at each validation; a measurement is a mapping of numbers by name.  Every rule looks at
one of them.  What a model does not report is not judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from genkit.core.rule import Measurement, Rule, Severity, number
from genkit.diagnostics.general_rules import RULES


@dataclass(frozen=True)
class Finding:
    """A rule that a training broke.

    Attributes:
        step: of the measurement that settled it.
        value: of the measure then.
        until: the step at which it held no longer; None if it holds at the end.
    """

    code: str
    severity: Severity
    step: int
    measure: str
    value: float
    threshold: float
    advice: str
    until: int | None = None

    def __str__(self) -> str:
        side = "above" if self.value > self.threshold else "below"
        if self.until is not None:
            return (
                f"{self.severity} no more: {self.code} held from step {self.step} ({self.measure} was"
                f" {self.value:.4g}, {side} {self.threshold:g}) to step {self.until}."
            )
        return (
            f"{self.severity}: {self.code} at step {self.step}: {self.measure} is {self.value:.4g},"
            f" {side} {self.threshold:g}. {self.advice}"
        )


LONGER = " Or train longer."


def judge(history: Sequence[Measurement], rules: Sequence[Rule] = RULES) -> list[Finding]:
    """The findings of a training so far: those that hold, then those that do no longer, each in the order of
    the rules.

    Args:
        history: its measurements, oldest first; each has "step" and "progress" (share of the budget spent),
            besides what its model reports.
    """
    named = _named(rules, history)
    found = [(rule, finding) for rule in named if (finding := _of(rule, history))]
    too_long = any(rule.too_long and finding.until is None for rule, finding in found)
    told = [
        replace(finding, advice=finding.advice + LONGER) if rule.longer and not too_long else finding
        for rule, finding in found
        if not any(_says(other, rule, finding) for _, other in found)
    ]
    return sorted(told, key=lambda finding: finding.until is not None)  # what holds comes first


def _says(deeper: Finding, rule: Rule, finding: Finding) -> bool:
    """Whether a finding is said by another, which holds for as long."""
    lasts = deeper.until is None or finding.until is not None
    return lasts and deeper.code in rule.said_by


def _named(rules: Iterable[Rule], history: Sequence[Measurement]) -> list[Rule]:
    """The rules with every star replaced by what was measured."""
    known = dict.fromkeys(name for measured in history for name in measured)
    named: list[Rule] = []
    for rule in rules:
        start = rule.measure.removesuffix("*")
        meant = [rule.measure] if start == rule.measure else [n for n in known if n.startswith(start)]
        named += [replace(rule, measure=name) for name in meant]
    return named


def _of(rule: Rule, history: Sequence[Measurement]) -> Finding | None:
    """The last stretch of measurements, at least `patience` long, that broke the rule.

    At the end of a training that asks it fewer times, every measurement must agree.
    """
    patience = rule.patience
    if history and number(history[-1], "progress") >= 1:
        patience = max(1, min(patience, sum(map(rule.asked, history))))
    stretch = 0
    finding: Finding | None = None
    for measured in history:
        step = int(number(measured, "step"))
        if rule.broken(measured):
            stretch += 1
            if stretch == patience:
                finding = Finding(
                    code=rule.code,
                    severity=rule.severity,
                    step=step,
                    measure=rule.measure,
                    value=float(number(measured, rule.measure)),
                    threshold=rule.threshold,
                    advice=rule.advice,
                )
        else:
            if stretch >= patience and finding is not None:
                finding = replace(finding, until=step)
            stretch = 0
    return finding


def to_plain(history: Sequence[Measurement], findings: Sequence[Finding]) -> dict[str, object]:
    """What findings.json holds: `{"findings": [...], "history": [...]}`, JSON's own values only.

    Each finding says whether it `holds` at the end of the history; the advice of one that does not is past.
    """
    rows = [{key: _plain(value) for key, value in row.items()} for row in history]
    told = [{**asdict(finding), "holds": finding.until is None} for finding in findings]
    return {"findings": told, "history": rows}


def _plain(value: Any) -> Any:
    """A number that JSON can hold."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
