"""The rules that hold for any family: what a training must keep, and what its samples and losses must.

They read what is measured of every training (`health`, `symptoms`); a family that measures what no other does
has rules of its own beside them.  Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from genkit.core.rule import ERROR, WARNING, Rule

# The thresholds are reasoned from what the numbers mean, and looked at on trainings of seeds 100 to 299.
# What needs no second look is judged from the first measurement on: patience=1, after=0, since=0.
# A latent costs what it says, so one in use is one that the decoder reads; a young decoder's means are alike,
# for they are blurred: 0.24, 0.41, 0.48 of the data's diversity at 180, 240, 300 steps of MNIST's recipe.
IN_USE = ("active_share", 0.1)
OF_TRAINING = (
    # ------------------------------------------------------------------ numbers
    Rule(
        code="not_finite",
        severity=ERROR,
        measure="not_finite",
        above=0,
        advice="Lower optim.lr, set optim.clip, or go on from the checkpoint before.",
        patience=1,
        after=0.0,
        since=0,
    ),
    Rule(
        code="loss_spike",
        severity=WARNING,
        measure="spike",
        above=10,
        advice="A step's loss stood far above those before it: set optim.clip or optim.warmup, or lower"
        " optim.lr.",
        patience=1,
        after=0.0,
        since=0,
    ),
    Rule(
        code="loss_rose",
        severity=ERROR,
        measure="risen",
        above=10,
        advice="The loss is far above what it was, so the training came apart: lower optim.lr or set"
        " optim.clip.",
    ),
    # ------------------------------------------------------------------ what does not move
    Rule(
        code="standing_still",
        severity=ERROR,
        measure="moved/*",
        below=1e-6,
        advice="This network's weights do not move: raise its optim.lr; look whether the optimiser holds them"
        " and whether the loss depends on them.",
        patience=1,
        after=0.0,
        since=1,
        said_by=("no_gradient",),
    ),
    Rule(
        code="no_gradient",
        severity=ERROR,
        measure="gradient/*",
        below=1e-20,
        advice="This phase's loss does not depend on its weights: look for a detached tensor or a term of"
        " weight 0.",
        patience=1,
        after=0.0,
        since=1,
    ),
    Rule(
        code="schedule_too_long",
        severity=ERROR,
        measure="rising/model.*",
        above=1,
        advice="The run ends before this part of the loss has its full weight, so another loss was trained:"
        " shorten the schedule, or raise the budget.",
        patience=1,
        after=0.0,
        since=0,
    ),
    Rule(
        code="warmup_too_long",
        severity=WARNING,
        measure="rising/learning rate",
        above=1,
        advice="The run ends before the learning rate is there: shorten optim.warmup, or raise the budget.",
        patience=1,
        after=0.0,
        since=0,
    ),
    # ------------------------------------------------------------------ the data
    Rule(
        code="data_is_constant",
        severity=ERROR,
        measure="distinct_examples",
        below=0.05,
        advice="Hardly any two examples differ, so there is nothing to learn: look at the data (genkit data"
        " check).",
        patience=1,
        after=0.0,
        since=0,
    ),
    Rule(
        code="data_is_repeated",
        severity=ERROR,
        measure="known_examples",
        above=0.9,
        advice="The validation texts stand in the training data, so no score says anything: look at the data"
        " (genkit data check), or split it anew.",
        said_by=("data_is_constant",),
        patience=1,
        after=0.0,
        since=0,
    ),
)
# A gap is of means over many steps, and copies are a majority: neither is there by chance for a moment, so
# they need no second measurement, and what has come up at the last one is said.
OF_RESULTS = (
    # ------------------------------------------------------------------ a likelihood
    Rule(
        code="memorised",
        severity=ERROR,
        measure="gap",
        above=1.0,
        advice="The loss on unseen data is twice that of the training: take the best checkpoint, and get more"
        " data, train less, or set optim.weight_decay.",
        patience=1,
        too_long=True,
    ),
    Rule(
        code="overfitting",
        severity=WARNING,
        measure="gap",
        above=0.3,
        advice="The loss on unseen data is far above that of the training: take the best checkpoint, or train"
        " less.",
        patience=1,
        too_long=True,
        said_by=("memorised",),
    ),
    # ------------------------------------------------------------------ samples of sound
    Rule(
        code="silent",
        severity=ERROR,
        measure="silent",
        above=0.25,
        advice="Many sounds drawn are silent beside the data: look whether the data are (genkit data check),"
        " or set data.normalise=peak.",
        longer=True,
    ),
    Rule(
        code="constant",
        severity=ERROR,
        measure="constant",
        above=0.25,
        advice="Many sounds drawn stand still beside silence: change the seed, or lower optim.lr.",
        longer=True,
    ),
    Rule(
        code="clipped",
        severity=WARNING,
        measure="clipped",
        above=0.25,
        advice="Many sounds drawn are cut off at full scale, as the data are not: lower optim.lr.",
        longer=True,
    ),
    Rule(
        code="one_period",
        severity=WARNING,
        measure="one_period",
        above=0.5,
        advice="The sounds drawn are one period over and over, as the data are not: enlarge the model.",
        longer=True,
        said_by=("constant",),
    ),
    # ------------------------------------------------------------------ samples of video
    Rule(
        code="freezing",
        severity=WARNING,
        measure="freezing",
        above=0.25,
        advice="Many videos drawn stand still at their end, as the data do not: enlarge the model.",
        after=0.4,
        longer=True,
        said_by=("collapsed",),
    ),
    Rule(
        code="looping_videos",
        severity=WARNING,
        measure="looping_videos",
        above=0.25,
        advice="Many videos drawn repeat a few frames over and over, as the data do not: enlarge the model.",
        longer=True,
    ),
    Rule(
        code="flicker",
        severity=WARNING,
        measure="flicker",
        above=0.25,
        advice="Many videos drawn change from frame to frame far more than the data: lower optim.lr.",
        longer=True,
    ),
    # ------------------------------------------------------------------ samples
    Rule(
        code="collapsed",
        severity=ERROR,
        measure="diversity",
        below=0.25,
        advice="The samples are much alike: change the seed, or lower optim.lr.",
        after=0.4,
        longer=True,
        unless=IN_USE,
        said_by=("repetition_loops", "silent", "constant"),
    ),
    Rule(
        code="little_diversity",
        severity=WARNING,
        measure="diversity",
        below=0.6,
        advice="The samples vary less than the data: enlarge the model.",
        longer=True,
        said_by=("collapsed", "repetition_loops", "silent", "constant"),
    ),
    Rule(
        code="classes_collapsed",
        severity=ERROR,
        measure="class_diversity",
        below=0.25,
        advice="The samples of a class are much alike: change the seed, or lower optim.lr.",
        after=0.4,
        longer=True,
        unless=IN_USE,
        said_by=("collapsed",),
    ),
    Rule(
        code="label_ignored",
        severity=WARNING,
        measure="label_effect",
        below=0.1,
        advice="The samples hardly change with the label: set model.conditional=false.",
        longer=True,
    ),
    Rule(
        code="repetition_loops",
        severity=ERROR,
        measure="looping",
        above=0.4,
        advice="The texts drawn go round in circles: look whether the targets are the next tokens, or draw"
        " with a higher temperature.",
        longer=True,
    ),
    Rule(
        code="copies",
        severity=ERROR,
        measure="copied",
        above=0.5,
        advice="Most samples are training examples: get more data, train less, or take a smaller model.",
        patience=1,
        too_long=True,
        said_by=("data_is_constant", "data_is_repeated"),
    ),
)
RULES = (*OF_TRAINING, *OF_RESULTS)


def rules_for(own: Sequence[Rule], remedies: Mapping[str, str]) -> tuple[Rule, ...]:
    """The rules that a family is judged by: its own stand before the general ones of results, and say why.

    Args:
        own: the family's; one of a code that is general takes the general one's place.
        remedies: what it can do about general findings, by their code.
    """
    codes = {rule.code for rule in own}
    named = [replace(rule, advice=_with(rule.advice, remedies.get(rule.code, ""))) for rule in RULES]
    kept = [rule for rule in named if rule.code not in codes]
    first = sum(rule.code not in codes for rule in OF_TRAINING)
    return (*kept[:first], *own, *kept[first:])


def _with(advice: str, remedy: str) -> str:
    return f"{advice.removesuffix('.')}; or {remedy}." if remedy else advice
