"""What went wrong in a training, with an advice: numbers in, findings out.  Nothing here imports torch.

A training is measured at each validation; a measurement is a dictionary of numbers by name.  Every rule of
the table below looks at one of them.  What a model does not report is not judged, so a rule holds for every
family that has its number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Rule:
    """A number that should not be above, or below, a threshold.

    Attributes:
        code: names the finding.
        severity: "error": the result is worthless; "warning": it may be.
        measure: the name of the number.
        above: whether too much of it is wrong, or too little.
        threshold: in the measure's own unit.
        patience: measurements in a row that must agree.
        after, since: share of the budget, and steps, before which the rule is not asked; a beginning looks
            like a failure.
        advice: what to do.
    """

    code: str
    severity: str
    measure: str
    above: bool
    threshold: float
    advice: str
    patience: int = 2
    after: float = 0.2
    since: int = 20

    def broken(self, measured: Mapping[str, Any]) -> bool:
        """Whether one measurement is on the wrong side; False where the number is not reported."""
        value = measured.get(self.measure)
        if value is None or measured["progress"] < self.after or measured["step"] < self.since:
            return False
        return value > self.threshold if self.above else value < self.threshold


@dataclass(frozen=True)
class Finding:
    """A rule that a training broke.

    Attributes:
        step: of the measurement that settled it.
        value: of the measure then.
        until: the step at which it held no longer; None if it holds at the end.
    """

    code: str
    severity: str
    step: int
    measure: str
    value: float
    threshold: float
    advice: str
    until: int | None = None

    def __str__(self) -> str:
        side = "above" if self.value > self.threshold else "below"
        return (
            f"{self.severity}: {self.code} at step {self.step}: {self.measure} is {self.value:.4g},"
            f" {side} {self.threshold:g}. {self.advice}"
        )


RULES = (
    Rule(
        *("discriminator_saturated", ERROR, "discriminator/accuracy", True, 0.99),
        "The discriminator is always right, so the generator learns nothing from it: lower"
        " optim.discriminator.lr, or set model.r1, model.spectral_norm or model.augment.",
    ),
    Rule(
        *("collapsed", ERROR, "diversity", False, 0.25),
        "The samples are much alike: change the seed, lower optim.lr, or train longer; for a GAN set model.r1"
        " or model.loss=hinge, for a VAE lower model.beta.",
    ),
    Rule(
        *("little_diversity", WARNING, "diversity", False, 0.6),
        "The samples vary less than the data: train longer, or enlarge the model.",
    ),
    Rule(
        *("classes_collapsed", ERROR, "class_diversity", False, 0.25),
        "The samples of a class are much alike: change the seed, lower optim.lr, or train longer; for a GAN"
        " set model.loss=hinge or model.r1.",
    ),
    Rule(
        *("label_ignored", WARNING, "label_effect", False, 0.1),
        "The samples hardly change with the label: train longer, or set model.conditional=false.",
    ),
    Rule(
        *("posterior_collapse", ERROR, "active_units", False, 1),
        "No latent says anything about its image: lower model.beta or raise model.beta_warmup, or set"
        " model.free_bits.",
    ),
    Rule(
        *("few_active_units", WARNING, "active_share", False, 0.1),
        "Hardly any latent is in use: lower model.latent_size or model.beta, or set model.free_bits.",
    ),
)
# What a rule already says more severely is not said again.
IMPLIED = {
    "little_diversity": "collapsed",
    "classes_collapsed": "collapsed",
    "few_active_units": "posterior_collapse",
}


def judge(history: Sequence[Mapping[str, Any]], rules: Sequence[Rule] = RULES) -> list[Finding]:
    """The findings of a training so far, in the order of the rules.

    Args:
        history: its measurements, oldest first; each has "step" and "progress" (share of the budget spent),
            besides what its model reports.
    """
    found = {rule.code: finding for rule in rules if (finding := _of(rule, history))}
    return [f for code, f in found.items() if IMPLIED.get(code) not in found]


def _of(rule: Rule, history: Sequence[Mapping[str, Any]]) -> Finding | None:
    """The last stretch of measurements, at least `patience` long, that broke the rule."""
    stretch: list[Mapping[str, Any]] = []
    finding: Finding | None = None
    for measured in history:
        if rule.broken(measured):
            stretch.append(measured)
            if len(stretch) == rule.patience:
                value = float(measured[rule.measure])
                finding = Finding(
                    *(rule.code, rule.severity, int(measured["step"]), rule.measure, value, rule.threshold),
                    rule.advice,
                )
        else:
            if len(stretch) >= rule.patience and finding is not None:
                finding = Finding(**{**asdict(finding), "until": int(measured["step"])})
            stretch = []
    return finding


def to_plain(history: Sequence[Mapping[str, Any]], findings: Sequence[Finding]) -> dict[str, Any]:
    """What findings.json holds: `{"findings": [...], "history": [...]}`, JSON's own values only."""
    rows = [{key: _plain(value) for key, value in row.items()} for row in history]
    return {"findings": [asdict(finding) for finding in findings], "history": rows}


def _plain(value: Any) -> Any:
    """A number that JSON can hold."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
