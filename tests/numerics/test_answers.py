"""Metrics of answers against sacrebleu's and rouge_score's own commands, by hand, and by simulation."""

from __future__ import annotations

import csv
import subprocess
import sys

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from genkit.metrics import answers
from genkit.metrics.answers import Answers
from genkit.metrics.catalogue import BUILT_IN
from genkit.metrics.evidence import Evidence
from genkit.metrics.panel import beside, measured
from genkit.system.errors import Unmeasurable

OURS = [metric for metric in BUILT_IN.values() if metric.group == "answers"]


def evidence(said, right, **more):
    correct = [one == other for one, other in zip(said, right, strict=True)]
    return Evidence(answers=Answers(said, right, correct, **more))


def sentences(n, seed, least=1, most=12, words="the a cat dog sat ran on under mat, house. big-eyed 17 42nd"):
    """Pairs of an answer and the right one: of the second some words are lost, doubled or changed."""
    generator, known = np.random.default_rng(seed), words.split(" ")
    right, said = [], []
    for _ in range(n):
        tokens = [known[i] for i in generator.integers(0, len(known), generator.integers(least, most))]
        right.append(" ".join(tokens))
        changed = [
            known[generator.integers(len(known))] if generator.random() < 0.2 else token
            for token in tokens
            if generator.random() > 0.1
        ]
        said.append(" ".join(changed))
    return said, right


def chinese(n, seed):
    generator, known = np.random.default_rng(seed), list("零一二三四五六七八九十百千万亿")
    right = ["".join(generator.choice(known, generator.integers(1, 9))) for _ in range(n)]
    said = ["".join(c for c in text if generator.random() > 0.2) + "一" for text in right]
    return said, right


@pytest.mark.parametrize(("said", "right"), [sentences(60, 0), chinese(60, 1)], ids=["English", "Chinese"])
def test_chrf_and_bleu_are_those_of_sacrebleus_command(said, right, tmp_path):
    """Its command reads files of lines, counts no effective order, and rounds as it is asked to."""
    (tmp_path / "said").write_text("\n".join(said) + "\n", encoding="utf-8")
    (tmp_path / "right").write_text("\n".join(right) + "\n", encoding="utf-8")
    tokens = "zh" if "一" in "".join(right) else "13a"
    command = [
        sys.executable,
        "-m",
        "sacrebleu",
        "right",
        "-i",
        "said",
        "-m",
        "bleu",
        "chrf",
        "-b",
        "-w",
        "9",
    ]
    told = subprocess.run(
        [*command, "--tokenize", tokens], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    bleu, chrf = map(float, told.stdout.replace("[", "").replace("]", "").replace(",", "").split())
    of = evidence(said, right)
    assert answers.bleu(of).value == pytest.approx(bleu, abs=1e-8)
    assert answers.bleu(of).protocol["tokens"] == tokens
    assert answers.chrf(of).value == pytest.approx(chrf, abs=1e-8)


def test_answers_of_one_word_have_a_bleu():
    """Without an effective order, that of perfect answers of one word would be 0."""
    said = [str(i) for i in range(100, 140)]
    perfect = answers.bleu(evidence(said, said))
    assert perfect.value == pytest.approx(100)
    assert (perfect.low, perfect.high, perfect.interval) == (None, None, "")
    assert BLEU().corpus_score(said, [said]).score == 0
    other = evidence([*said[:30], *["999"] * 10], said)
    assert answers.bleu(other).value == pytest.approx(75)
    assert answers.chrf(other).value == pytest.approx(CHRF().corpus_score(other.answers.said, [said]).score)


def test_empty_answers_are_wrong_ones():
    right = sentences(30, 2)[1]
    found = {m.metric: m.value for m in measured(OURS, evidence([""] * 30, right))}
    assert set(found.values()) == {0.0}


def test_rouge_is_that_of_rouge_scores_command(tmp_path):
    said, right = sentences(80, 3)
    for name, texts in (("said", said), ("right", right)):
        (tmp_path / name).write_text("\n".join(texts) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "rouge_score.rouge", "--target_filepattern=right", "--noaggregate"]
    command += ["--prediction_filepattern=said", "--output_filename=found.csv", "--delimiter=\n"]
    command += ["--rouge_types=rouge1,rouge2,rougeL", "--nouse_stemmer"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    with (tmp_path / "found.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    theirs = {
        name: np.mean([float(row[f"{kind}-F"]) for row in rows if row["id"] != ""])
        for name, kind in (("rouge_1", "rouge1"), ("rouge_2", "rouge2"), ("rouge_l", "rougeL"))
    }
    for measure in answers.rouge(evidence(said, right)):
        assert measure.value == pytest.approx(theirs[measure.metric], abs=1e-6)


def test_rouge_counts_chinese_by_characters():
    """rouge_score's own words are Latin alone: of Chinese it would find nothing in common."""
    said, right = ["一万二千"] * 25, ["一万三千"] * 25
    found = {measure.metric: measure.value for measure in answers.rouge(evidence(said, right))}
    assert found == pytest.approx({"rouge_1": 3 / 4, "rouge_2": 1 / 3, "rouge_l": 3 / 4})


def test_words_in_common_by_hand():
    assert answers.shared_words("a b c", "b c d e") == pytest.approx(4 / 7)
    assert answers.shared_words("a a", "a") == pytest.approx(2 / 3)
    assert answers.shared_words("2 figs, 1 plum", "1 plum, 2 figs") == 1
    assert answers.shared_words("", "") == 1
    assert answers.shared_words("一百二十", "一百二") == pytest.approx(6 / 7)
    half = answers.token_f1(evidence(["a b"] * 20 + ["a"] * 20, ["a b"] * 40))
    assert half.value == pytest.approx((1 + 2 / 3) / 2)


def test_exact_matches_are_counted_and_what_knows_nothing_beside():
    said, right = ["1"] * 30 + ["2"] * 10, ["1"] * 20 + ["2"] * 20
    blind = {
        "commonest_exact_match": evidence(["1"] * 40, right).answers,
        "copied_exact_match": evidence(["3"] * 40, right).answers,
    }
    of = evidence(said, right, blind=blind, about={"answers": "one, drawn greedily"})
    found = {measure.metric: measure for measure in measured(OURS, of)}
    assert [found[name].value for name in ("exact_match", *blind)] == [0.75, 0.5, 0.0]
    assert found["exact_match"].protocol == {"answers": "one, drawn greedily"}
    assert found["exact_match"].low == pytest.approx(0.5981, abs=1e-4)  # Wilson's, of 30 of 40
    ceilings = {m.metric: m for m in beside(OURS, "ceiling", of, lambda: of)}
    assert ceilings["exact_match"].value == 0.5
    assert ceilings["token_f1"].value == ceilings["rouge_1"].value == 0.5
    assert all(ceilings[name].fingerprint == found[name].fingerprint for name in ceilings)
    assert "commonest_exact_match" not in ceilings


def test_too_few_answers_are_not_measured():
    with pytest.raises(Unmeasurable, match="needs at least 20 answers; there are 3"):
        answers.chrf(evidence(["a"] * 3, ["a"] * 3))


@pytest.mark.parametrize("name", ["chrf", "bleu"])
def test_intervals_of_all_answers_together_cover(name):
    """What a bootstrap over 200 prompts holds of the value of 20,000 from the same source."""
    said, right = sentences(20_000, 0, 3, 8)
    function = getattr(answers, name)
    library = {"chrf": CHRF(), "bleu": BLEU(effective_order=True)}[name]
    truth = library.corpus_score(said, [right]).score
    held = []
    for start in range(0, 20_000, 200):
        own = slice(start, start + 200)
        measure = function(evidence(said[own], right[own]))
        held.append(measure.low <= truth <= measure.high)
    assert 0.88 < np.mean(held) < 0.995  # (of 100: 95 ± 2.2)


def test_intervals_of_means_near_one_cover():
    """Of answers of which few have lost anything."""

    def interval(generator):
        right = ["one two three four"] * 300
        said = ["one two three" if lost else "one two three four" for lost in generator.random(300) < 0.03]
        return answers.token_f1(evidence(said, right))

    truth = 1 - 0.03 * (1 - 6 / 7)
    generator = np.random.default_rng(0)
    found = [interval(generator) for _ in range(400)]
    assert 0.92 < np.mean([one.low <= truth <= one.high for one in found]) <= 0.99
    certain = answers.token_f1(evidence(["a"] * 300, ["a"] * 300))
    assert certain.value == certain.high == 1
    assert 0.98 < certain.low < 0.99  # no loss in 300 is not none for certain
