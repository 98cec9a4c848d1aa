"""What went wrong in a training, with an advice: numbers in, findings out.  Nothing here imports torch.

A training is measured at each validation; a measurement is a dictionary of numbers by name.  Every rule of
the table below looks at one of them.  What a model does not report is not judged, so a rule holds for every
family that has its number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Rule:
    """A number that should not be above, or below, a threshold.

    Attributes:
        code: names the finding.
        severity: "error": the result is worthless; "warning": it may be.
        measure: the name of the number; one that ends in a star stands for all that begin so, each by itself.
        above: whether too much of it is wrong, or too little.
        threshold: in the measure's own unit.
        patience: measurements in a row that must agree.
        after, since: share of the budget, and steps, before which the rule is not asked; a beginning looks
            like a failure.
        advice: what to do.
        longer: whether training longer is advised, too; never beside a finding that it was too long.
        unless: another measure, and the value from which on it shows that the model is sound in this.
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
    longer: bool = False
    unless: tuple[str, float] | None = None

    def asked(self, measured: Mapping[str, Any]) -> bool:
        """Whether one measurement is late enough, has the number, and nothing else shows the opposite."""
        late = measured["progress"] >= self.after and measured["step"] >= self.since
        sound = self.unless is not None and (measured.get(self.unless[0]) or 0.0) >= self.unless[1]
        return late and not sound and measured.get(self.measure) is not None

    def broken(self, measured: Mapping[str, Any]) -> bool:
        """Whether one measurement is on the wrong side; False where the number is not reported."""
        if not self.asked(measured):
            return False
        value: float = measured[self.measure]
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
        if self.until is not None:
            return (
                f"{self.severity} no more: {self.code} held from step {self.step} ({self.measure} was"
                f" {self.value:.4g}, {side} {self.threshold:g}) to step {self.until}."
            )
        return (
            f"{self.severity}: {self.code} at step {self.step}: {self.measure} is {self.value:.4g},"
            f" {side} {self.threshold:g}. {self.advice}"
        )


# The thresholds are reasoned from what the numbers mean, and looked at on trainings of seeds 100 to 299.
BEFORE: dict[str, Any] = {"patience": 1, "after": 0.0, "since": 0}  # judged from the first measurement on
LONGER = " Or train longer."
# A latent costs what it says, so one in use is one that the decoder reads; a young decoder's means are alike,
# for they are blurred: 0.24, 0.41, 0.48 of the data's diversity at 180, 240, 300 steps of MNIST's recipe.
IN_USE = ("active_share", 0.1)
RULES = (
    # ------------------------------------------------------------------ numbers
    Rule(
        *("not_finite", ERROR, "not_finite", True, 0),
        "Lower optim.lr, set optim.clip, or go on from the checkpoint before.",
        **BEFORE,
    ),
    Rule(
        *("loss_spike", WARNING, "spike", True, 10),
        "A step's loss stood far above those before it: set optim.clip or optim.warmup, or lower optim.lr.",
        **BEFORE,
    ),
    Rule(
        *("loss_rose", ERROR, "risen", True, 10),
        "The loss is far above what it was, so the training came apart: lower optim.lr or set optim.clip.",
    ),
    # ------------------------------------------------------------------ what does not move
    Rule(
        *("standing_still", ERROR, "moved/*", False, 1e-6),
        "This network's weights do not move: raise its optim.lr; look whether the optimiser holds them and"
        " whether the loss depends on them.",
        patience=1,
        after=0.0,
        since=1,
    ),
    Rule(
        *("no_gradient", ERROR, "gradient/*", False, 1e-20),
        "This phase's loss does not depend on its weights: look for a detached tensor or a term of weight 0.",
        patience=1,
        after=0.0,
        since=1,
    ),
    Rule(
        *("schedule_too_long", ERROR, "rising/model.*", True, 1),
        "The run ends before this part of the loss has its full weight, so another loss was trained: shorten"
        " the schedule, or raise the budget.",
        **BEFORE,
    ),
    Rule(
        *("warmup_too_long", WARNING, "rising/learning rate", True, 1),
        "The run ends before the learning rate is there: shorten optim.warmup, or raise the budget.",
        **BEFORE,
    ),
    # ------------------------------------------------------------------ the data
    Rule(
        *("data_is_constant", ERROR, "distinct_examples", False, 0.05),
        "Hardly any two examples differ, so there is nothing to learn: look at the data (genkit data check).",
        **BEFORE,
    ),
    Rule(
        *("data_is_repeated", ERROR, "known_examples", True, 0.9),
        "The validation texts stand in the training data, so no score says anything: look at the data"
        " (genkit data check), or split it anew.",
        **BEFORE,
    ),
    # ------------------------------------------------------------------ a likelihood
    Rule(
        *("learned_nothing", ERROR, "beyond_uniform", False, 0.02),
        "The model knows no more than that there are so many tokens (its loss is ln V): lower optim.lr, or"
        " set optim.warmup.",
        longer=True,
    ),
    Rule(
        *("learned_frequencies", ERROR, "beyond_frequencies", False, 0.0),
        "The model knows no more than how frequent each token is: lower optim.lr, or look whether"
        " the data has an order to be learnt.",
        after=0.5,
        longer=True,
    ),
    Rule(
        *("memorised", ERROR, "gap", True, 1.0),
        "The loss on unseen data is twice that of the training: take the best checkpoint, and get more data,"
        " train less, or set model.dropout or optim.weight_decay.",
        patience=1,
    ),
    Rule(
        *("overfitting", WARNING, "gap", True, 0.3),
        "The loss on unseen data is far above that of the training: take the best checkpoint, or train less.",
        patience=1,
    ),
    # ------------------------------------------------------------------ a game
    Rule(
        *("discriminator_saturated", ERROR, "discriminator/accuracy", True, 0.995),
        "The discriminator is always right, so the generator learns nothing from it: lower"
        " optim.discriminator.lr, or set model.r1, model.spectral_norm or model.augment.",
        patience=3,
        after=0.4,
    ),
    Rule(
        *("discriminator_blind", ERROR, "discriminator_ranks", False, 0.35),
        "The discriminator takes generated images for real ones rather than the real: raise"
        " optim.discriminator.lr or model.discriminator_steps, or lower optim.generator.lr.",
    ),
    Rule(
        *("discriminator_constant", ERROR, "discriminator_spread", False, 1e-3),
        "The discriminator says the same of everything: change the seed, or lower optim.discriminator.lr.",
    ),
    # A critic whose slope is at most 1 tells pictures of 64×64×3 in [-1, 1] apart by 222 at most, and a
    # probability is 0 or 1 in float32 long before.
    Rule(
        *("discriminator_exploded", ERROR, "discriminator_spread", True, 1_000),
        "The discriminator's outputs are so far apart that no gradient is left of them: lower optim.lr, or"
        " set model.r1 or model.spectral_norm.",
    ),
    # ------------------------------------------------------------------ samples
    Rule(
        *("collapsed", ERROR, "diversity", False, 0.25),
        "The samples are much alike: change the seed, or lower optim.lr; for a GAN set model.r1 or"
        " model.loss=hinge, for a VAE lower model.beta.",
        after=0.4,
        longer=True,
        unless=IN_USE,
    ),
    Rule(
        *("little_diversity", WARNING, "diversity", False, 0.6),
        "The samples vary less than the data: enlarge the model.",
        longer=True,
    ),
    Rule(
        *("classes_collapsed", ERROR, "class_diversity", False, 0.25),
        "The samples of a class are much alike: change the seed, or lower optim.lr; for a GAN set"
        " model.loss=hinge or model.r1.",
        after=0.4,
        longer=True,
        unless=IN_USE,
    ),
    Rule(
        *("label_ignored", WARNING, "label_effect", False, 0.1),
        "The samples hardly change with the label: set model.conditional=false.",
        longer=True,
    ),
    Rule(
        *("repetition_loops", ERROR, "looping", True, 0.4),
        "The texts drawn go round in circles: look whether the targets are the next tokens, or draw with a"
        " higher temperature.",
        longer=True,
    ),
    Rule(
        *("copies", ERROR, "copied", True, 0.5),
        "Most samples are training examples: get more data, train less, or take a smaller model.",
        patience=1,
    ),
    # ------------------------------------------------------------------ latents
    Rule(
        *("posterior_collapse", ERROR, "active_units", False, 1),
        "No latent says anything about its image: lower model.beta or raise model.beta_warmup, or set"
        " model.free_bits.",
        after=0.4,
    ),
    Rule(
        *("few_active_units", WARNING, "active_share", False, 0.1),
        "Hardly any latent is in use: lower model.latent_size or model.beta, or set model.free_bits.",
    ),
)
# A gap is of means over many steps, and copies are a majority: neither is there by chance for a moment, so
# they need no second measurement, and what has come up at the last one is said.
# What says that a training was too long, so that none is advised to be longer.
TOO_LONG = ("memorised", "overfitting", "copies")
# What a rule already says more severely, or for a reason that lies deeper, is not said again.
IMPLIED: dict[str, tuple[str, ...]] = {
    "little_diversity": ("collapsed",),
    "classes_collapsed": ("collapsed",),
    "few_active_units": ("posterior_collapse",),
    "overfitting": ("memorised",),
    "learned_frequencies": ("learned_nothing", "data_is_constant", "memorised"),
    "learned_nothing": ("data_is_constant", "memorised"),
    "copies": ("data_is_constant", "data_is_repeated"),
    "data_is_repeated": ("data_is_constant",),
    "standing_still": ("no_gradient",),
}


def judge(history: Sequence[Mapping[str, Any]], rules: Sequence[Rule] = RULES) -> list[Finding]:
    """The findings of a training so far: those that hold, then those that do no longer, each in the order of
    the rules.

    Args:
        history: its measurements, oldest first; each has "step" and "progress" (share of the budget spent),
            besides what its model reports.
    """
    named = _named(rules, history)
    found = [(rule, finding) for rule in named if (finding := _of(rule, history))]
    every = [finding for _, finding in found]
    too_long = any(finding.code in TOO_LONG and finding.until is None for finding in every)
    told = [
        replace(finding, advice=finding.advice + LONGER) if rule.longer and not too_long else finding
        for rule, finding in found
        if not any(_says(other, finding) for other in every)
    ]
    return sorted(told, key=lambda finding: finding.until is not None)  # what holds comes first


def _says(deeper: Finding, finding: Finding) -> bool:
    """Whether a finding is said by another, which holds for as long."""
    lasts = deeper.until is None or finding.until is not None
    return lasts and deeper.code in IMPLIED.get(finding.code, ())


def _named(rules: Iterable[Rule], history: Sequence[Mapping[str, Any]]) -> list[Rule]:
    """The rules with every star replaced by what was measured."""
    known = dict.fromkeys(name for measured in history for name in measured)
    named: list[Rule] = []
    for rule in rules:
        start = rule.measure.removesuffix("*")
        meant = [rule.measure] if start == rule.measure else [n for n in known if n.startswith(start)]
        named += [replace(rule, measure=name) for name in meant]
    return named


def _of(rule: Rule, history: Sequence[Mapping[str, Any]]) -> Finding | None:
    """The last stretch of measurements, at least `patience` long, that broke the rule.

    At the end of a training that asks it fewer times, every measurement must agree.
    """
    patience = rule.patience
    if history and history[-1]["progress"] >= 1:
        patience = max(1, min(patience, sum(map(rule.asked, history))))
    stretch: list[Mapping[str, Any]] = []
    finding: Finding | None = None
    for measured in history:
        if rule.broken(measured):
            stretch.append(measured)
            if len(stretch) == patience:
                value = float(measured[rule.measure])
                finding = Finding(
                    *(rule.code, rule.severity, int(measured["step"]), rule.measure, value, rule.threshold),
                    rule.advice,
                )
        else:
            if len(stretch) >= patience and finding is not None:
                finding = replace(finding, until=int(measured["step"]))
            stretch = []
    return finding


def to_plain(history: Sequence[Mapping[str, Any]], findings: Sequence[Finding]) -> dict[str, Any]:
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
