"""Answers to held-out prompts, beside the one that is right: how many are, and how much the others share.

Of a task what is right is judged by parsing, where several answers are; elsewhere the texts must be the same,
blanks at both ends aside.  BLEU and chrF are of all answers together, so that their intervals are those of a
bootstrap over prompts; the others are means over prompts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np

from genkit.metrics import value_intervals
from genkit.metrics.measure import Direction, Measure, Protocol
from genkit.metrics.ngrams import CJK, RULE, words
from genkit.metrics.of_answers import OVERLAPS
from genkit.metrics.value_intervals import Interval
from genkit.system.errors import Unmeasurable

if TYPE_CHECKING:
    from genkit.metrics.evidence import Evidence

LEAST = 20  # answers
ORDER, BETA = 6, 2  # of chrF: the longest runs of characters, and how much recall weighs
RESAMPLES = 999
OF = "the value of endlessly many prompts like these, this network held fixed"
ROUGE_WORDS = re.compile(rf"[a-z0-9]+|[{CJK}]|[^\W_\x00-\x7f{CJK}]+")  # rouge_score's own has the first alone
ROUGE_RULE = "those of rouge_score, letters of other scripts and CJK characters"


@dataclass(frozen=True)
class Answers:
    """What was answered, one answer to each prompt.

    Attributes:
        said, right: the answers given, and those that are right.
        correct: whether each is.
        blind: the answers of what knows nothing of the question, by the names of `of_answers.TRIVIAL`.
        about: what the numbers depend on: how answers are drawn, and how they are judged.
    """

    said: Sequence[str]
    right: Sequence[str]
    correct: Sequence[bool]
    blind: Mapping[str, Answers] = field(default_factory=dict)
    about: Protocol = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.said)


def exact(evidence: Evidence) -> list[Measure]:
    """The share of answers that are right, and that of each of what knows nothing.

    Raises:
        Unmeasurable: fewer than 20 answers.
    """
    found = _answers(evidence, ("exact_match",))
    of: dict[str, tuple[Answers, Direction]] = {"exact_match": (found, "higher")}
    of |= {name: (answers, "none") for name, answers in found.blind.items()}
    return [
        _measure(name, value_intervals.share(sum(answers.correct), len(answers)), found, direction=direction)
        for name, (answers, direction) in of.items()
    ]


def blind(evidence: Evidence) -> list[Measure]:
    """Of each metric the best that is reached without knowing anything of the question."""
    best: dict[str, Measure] = {}
    for answers in _answers(evidence, ("exact_match",)).blind.values():
        own = replace(evidence, answers=replace(answers, about=_answers(evidence, ()).about))
        for of in (exact, chrf, bleu, rouge, token_f1):
            try:
                made = of(own)
            except Unmeasurable:  # a library is missing, as the model's own row says
                continue
            for measure in made if isinstance(made, list) else [made]:
                best[measure.metric] = max(measure, best.get(measure.metric, measure), key=lambda m: m.value)
    return list(best.values())


# ---------------------------------------------------------------------- of all answers together


def bleu(evidence: Evidence) -> Measure:
    """BLEU of all answers (Papineni et al. 2002), by sacrebleu, 0 to 100.

    Where all answers are shorter than four words it is of the longest runs that there are; else that changes
    nothing.  Chinese is counted by characters, where the right answers have any.

    Raises:
        Unmeasurable: sacrebleu is missing, or fewer than 20 answers.
    """
    found = _answers(evidence, ("bleu",))
    _need_library("bleu", "sacrebleu")
    from sacrebleu.metrics.bleu import BLEU

    tokenize = "zh" if re.search(f"[{CJK}]", "".join(found.right)) else "13a"
    whole = BLEU(tokenize=tokenize, effective_order=True)
    each = [whole.sentence_score(said, [right]) for said, right in zip(found.said, found.right, strict=True)]
    counts = np.array([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in each])
    orders = counts.shape[1] // 2 - 1

    def score(sums: np.ndarray) -> float:
        correct, total = sums[:orders].tolist(), sums[orders : 2 * orders].tolist()
        lengths = int(sums[-2]), int(sums[-1])
        return float(BLEU.compute_bleu(correct, total, *lengths, "exp", effective_order=True).score)

    about: Protocol = {"sacrebleu": version("sacrebleu"), "tokens": tokenize, "effective_order": True}
    return _measure("bleu", _resampled(counts, score), found, about, unit="0-100")


def chrf(evidence: Evidence) -> Measure:
    """chrF2 of all answers (Popović 2015), 0 to 100: that of sacrebleu, blanks left out.

    Raises:
        Unmeasurable: fewer than 20 answers.
    """
    found = _answers(evidence, ("chrf",))
    counts = np.array(
        [_shared_characters(said, right) for said, right in zip(found.said, found.right, strict=True)]
    )
    about: Protocol = {"order": ORDER, "beta": BETA}
    return _measure("chrf", _resampled(counts, chrf_of), found, about, unit="0-100")


def _shared_characters(said: str, right: str) -> list[int]:
    """Of each order the runs of characters of both texts, of the second, and that they share."""
    counts: list[int] = []
    one, other = ("".join(text.split()) for text in (said, right))
    for order in range(1, ORDER + 1):
        made, known = (
            Counter(text[i : i + order] for i in range(len(text) - order + 1)) for text in (one, other)
        )
        # (Of an order that the right answer has nothing of, sacrebleu counts nothing.)
        counts += [made.total() if known else 0, known.total(), (made & known).total()]
    return counts


def chrf_of(counts: np.ndarray) -> float:
    """The F-score of mean precision and mean recall over the orders that both sides have."""
    made, known, shared = counts.reshape(ORDER, 3).T
    there = (made > 0) & (known > 0)
    if not there.any():
        return 0.0
    precision, recall = (shared[there] / made[there]).mean(), (shared[there] / known[there]).mean()
    whole = BETA**2 * precision + recall
    return float(100 * (1 + BETA**2) * precision * recall / whole) if whole else 0.0


def _resampled(
    counts: np.ndarray, score: Callable[[np.ndarray], float]
) -> Interval | tuple[float, None, None]:
    """A score of the sums of counts, and the middle 95 % of those of as many prompts drawn with replacement.

    Args:
        counts: of each answer, (n, K).

    None for its ends where all answers count alike, as of perfect ones: nothing is then known of its spread.
    """
    value, n = score(counts.sum(0)), len(counts)
    generator = np.random.Generator(np.random.Philox(0))
    times = (generator.multinomial(n, np.full(n, 1 / n)) for _ in range(RESAMPLES))
    drawn = np.sort([score(own @ counts) for own in times])
    if drawn[0] == drawn[-1]:
        return value, None, None
    low, high = np.quantile(drawn, [(1 - value_intervals.LEVEL) / 2, (1 + value_intervals.LEVEL) / 2])
    return value, min(value, float(low)), max(value, float(high))


# ---------------------------------------------------------------------- of each answer


class RougeWords:
    """Words as rouge_score has them, and those of other scripts, which it leaves out."""

    def tokenize(self, text: str) -> list[str]:
        return ROUGE_WORDS.findall(text.lower())


def rouge(evidence: Evidence) -> list[Measure]:
    """ROUGE-1, -2 and -L (Lin 2004), the means of each answer's F1 by rouge_score, no stemming.

    Raises:
        Unmeasurable: rouge_score is missing, or fewer than 20 answers.
    """
    found = _answers(evidence, tuple(OVERLAPS))
    _need_library(tuple(OVERLAPS), "rouge-score")
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], tokenizer=RougeWords())
    pairs = zip(found.right, found.said, strict=True)
    each = np.array([[one.fmeasure for one in scorer.score(*pair).values()] for pair in pairs])
    about: Protocol = {"rouge_score": version("rouge-score"), "tokens": ROUGE_RULE}
    return [_mean(name, each[:, i], found, about) for i, name in enumerate(OVERLAPS)]


def token_f1(evidence: Evidence) -> Measure:
    """The mean of each answer's F1 of words (Rajpurkar et al. 2016, without their normalisation).

    Raises:
        Unmeasurable: fewer than 20 answers.
    """
    found = _answers(evidence, ("token_f1",))
    values = [shared_words(*pair) for pair in zip(found.said, found.right, strict=True)]
    return _mean("token_f1", np.array(values), found, {"tokens": RULE})


def shared_words(said: str, right: str) -> float:
    """2 · shared / (words of one + words of the other); 1 where neither has any."""
    made, known = Counter(words(said)), Counter(words(right))
    total = made.total() + known.total()
    return 2 * (made & known).total() / total if total else 1.0


def _mean(name: str, values: np.ndarray, found: Answers, about: Protocol) -> Measure:
    """Of values from 0 to 1, most of which may be 1 (or 0): an interval as that of rare losses (or gains)."""
    if values.mean() > 0.5:
        loss, least, most = value_intervals.rare(1 - values, np.ones(len(values)))
        interval = value_intervals.within((1 - loss, 1 - most, 1 - least))
    else:
        interval = value_intervals.rare(values, np.ones(len(values)))
    return _measure(name, interval, found, about)


# ---------------------------------------------------------------------- measures


def _answers(evidence: Evidence, metrics: Sequence[str]) -> Answers:
    """
    Raises:
        Unmeasurable: there are fewer than 20 answers.
    """
    found = evidence.answers
    if found is None:
        raise LookupError("this evidence holds no answers: a metric that reads them says that it needs them")
    if metrics and len(found) < LEAST:
        verb = "needs" if len(metrics) == 1 else "need"
        raise Unmeasurable(metrics, f"{verb} at least {LEAST} answers; there are {len(found)}.")
    return found


def _need_library(metrics: str | Sequence[str], library: str) -> None:
    if find_spec(library.replace("-", "_")) is None:
        verb = "needs" if isinstance(metrics, str) else "need"
        raise Unmeasurable(metrics, f"{verb} {library}: pip install {library}.")


def _measure(
    name: str,
    interval: Interval | tuple[float, None, None],
    found: Answers,
    about: Protocol | None = None,
    *,
    unit: str = "1",
    direction: Direction = "higher",
) -> Measure:
    value, low, high = interval
    protocol = {**found.about, **(about or {})}
    of = "" if low is None else OF
    return Measure(name, value, unit, direction, "estimate", len(found), None, low, high, of, protocol)
