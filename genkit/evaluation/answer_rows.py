"""What a model answers to held-out prompts: one answer to each, beside those that know nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from genkit.core.pairs import Pair
from genkit.core.spec import TokenSpec
from genkit.data.dataset import Examples
from genkit.data.splits import mixed
from genkit.data.tasks.judges import Judge, judge_of
from genkit.evaluation.subject import GREEDY, Found, Subject, reasons
from genkit.metrics.alike_texts import most_alike
from genkit.metrics.answers import Answers
from genkit.metrics.declaration import Metric
from genkit.metrics.evidence import Evidence
from genkit.metrics.measure import Protocol
from genkit.metrics.panel import beside, measured
from genkit.system import storage
from genkit.system.errors import Unmeasurable

LEARNT = 10_000  # pairs of the training part that are looked at
SPARE = 8  # tokens that an answer may have beyond the longest right one
FILE = "answers.jsonl"


def answered(subject: Subject, spec: TokenSpec, metrics: Sequence[Metric], folder: Path) -> Found:
    """One answer to each prompt of the part that judges, or to `n` of them from all of it.

    They are drawn greedily, unless options of sampling say otherwise.

    Args:
        folder: where the answers are written, the wrong ones first.

    Raises:
        StorageError: it cannot be written.
    """
    judge = judge_of(subject.cfg.data)
    asked = some_pairs(subject.examples, subject.settings.n)
    longest = max((len(spec.encode(pair.answer)) for pair in asked), default=0)
    options = {**GREEDY, "max_new_tokens": longest + SPARE, **subject.settings.sampling}
    said = list(subject.answers([pair.prompt for pair in asked], options))
    about = {"answers": f"one to each prompt, {in_words(options)}", "right": judge.by}
    learnt = some_pairs(subject.dataset.split("train"), LEARNT)
    made = _judged(judge, asked, said, about, _blind(judge, asked, learnt))
    refused: list[Unmeasurable] = []
    evidence = Evidence(answers=made)
    model = measured(metrics, evidence, refused)
    ceiling = beside(metrics, "ceiling", evidence, lambda: evidence)
    _keep(asked, made, folder)
    return Found(model, ceiling=ceiling, missing=reasons(refused))


def some_pairs(examples: Examples, most: int | None) -> list[Pair]:
    """At most so many of the questions (all), in the one order that `mixed` draws."""
    return examples.asked(mixed(examples.questions)[:most])


def in_words(options: Mapping[str, object]) -> str:
    """How answers are drawn."""
    said = {name: value for name, value in options.items() if value is not None}
    greedy = said.pop("temperature", 1.0) == 0
    most = said.pop("max_new_tokens", None)
    how = [] if most is None else [f"at most {most} tokens"]
    how += [f"{name}={value}" for name, value in sorted(said.items())]
    if not greedy:
        how.insert(0, f"temperature={options.get('temperature', 1.0)}")
    return ", ".join(["drawn greedily" if greedy else "drawn at random", *how])


def _blind(judge: Judge, asked: Sequence[Pair], learnt: Sequence[Pair]) -> dict[str, Answers]:
    """What is right without knowing anything of the question, by the names of `of_answers.TRIVIAL`."""
    commonest = Counter(pair.answer for pair in learnt).most_common(1)[0][0]
    places = most_alike([pair.prompt for pair in asked], [pair.prompt for pair in learnt])
    said = {
        "commonest_exact_match": [commonest] * len(asked),
        "copied_exact_match": [learnt[place].answer for place in places.tolist()],
    }
    return {name: _judged(judge, asked, answers, {}) for name, answers in said.items()}


def _judged(
    judge: Judge,
    asked: Sequence[Pair],
    said: Sequence[str],
    about: Protocol,
    blind: Mapping[str, Answers] | None = None,
) -> Answers:
    right = [judge.right(pair, answer) for pair, answer in zip(asked, said, strict=True)]
    return Answers(said, [pair.answer for pair in asked], right, blind or {}, about)


def _keep(asked: Sequence[Pair], made: Answers, folder: Path) -> None:
    """A line for each prompt, the wrong answers first."""
    lines = [
        {"right": right, "prompt": pair.prompt, "answer": pair.answer, "said": said}
        for pair, said, right in zip(asked, made.said, made.correct, strict=True)
    ]
    lines.sort(key=lambda line: bool(line["right"]))
    storage.make_folder(folder)
    text = "".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines)
    storage.write_text(folder / FILE, text)
