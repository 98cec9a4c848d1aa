"""`genkit evaluate` and `genkit study` of models that answer prompts."""

from __future__ import annotations

import json

import pytest

from genkit import evaluate, study, train
from genkit.evaluation.subject import Subject
from tests.integration.conftest import QUICK

TASK = ["data=sums", "data.digits=2", "data.train=300", "data.held_out=60"]
SMALL = ["model=gpt_tiny", "model.n_embd=16", "model.n_layer=1", "model.block_size=32", "optim.warmup=3"]
OURS = {"exact_match", "chrf", "bleu", "rouge_1", "rouge_2", "rouge_l", "token_f1"}
BESIDE = {"commonest_exact_match", "copied_exact_match"}


@pytest.fixture(scope="module")
def adding(tmp_path_factory):
    """A tiny GPT that has hardly learnt to add, its answers from the last digit."""
    folder = tmp_path_factory.mktemp("adding")
    more = ["data.reversed=true", "budget.steps=4", "trainer.val_every=4", f"paths.runs_dir={folder}"]
    train([*TASK, *SMALL, *QUICK, *more, "name=adding"])
    return folder / "adding"


def of(found, role="model"):
    return {row.metric: row for row in found if row.role == role}


def answers_of(run):
    lines = (run / "evaluation" / "step-4" / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_pairs_are_judged_by_one_greedy_answer_to_every_held_out_prompt(adding, genkit):
    code, said, err = genkit("evaluate", f"run={adding}", "checkpoint=last")
    assert code == 0, err
    found = of(evaluate(adding, "last"))
    assert {"nll", "parameters", "samples_per_second"} | OURS | BESIDE <= set(found)
    assert not {"distinct_1", "copied_span", "mauve"} & set(found)
    assert {found[name].n for name in OURS | BESIDE} == {60}
    for name in OURS:
        assert found[name].protocol["answers"].startswith("one to each prompt, drawn greedily, at most ")
        assert found[name].protocol["right"] == "the value of the sum"
        assert f"{name} " in said
    assert found["exact_match"].place.options["temperature"] == 0
    assert "drawn greedily" in said
    asked = answers_of(adding)
    assert len({line["prompt"] for line in asked}) == 60
    assert [line["right"] for line in asked] == sorted(line["right"] for line in asked)
    assert found["exact_match"].value == sum(line["right"] for line in asked) / 60


def test_right_answers_are_counted_as_they_are_judged(adding, monkeypatch):
    """In the place of the model somebody who can add, and writes zeros before some sums."""

    def adds(subject, prompts, options):
        assert options["temperature"] == 0
        for number, prompt in enumerate(prompts):
            a, b = prompt.rstrip("=").split("+")
            yield str(int(a) + int(b) + (number < 15))[::-1] + "0" * (number % 2)

    monkeypatch.setattr(Subject, "answers", adds)
    found = evaluate(adding, "last", metrics="answers")
    assert of(found)["exact_match"].value == 45 / 60
    assert of(found)["token_f1"].value < 0.5  # whose words know nothing of zeros
    assert of(found, "ceiling")["exact_match"].value < 0.1
    assert {row.metric for row in found if row.role == "ceiling"} == OURS
    assert [line["right"] for line in answers_of(adding)] == [False] * 15 + [True] * 45


def test_fewer_prompts_and_another_way_of_drawing_are_said(adding):
    found = of(evaluate(adding, "last", metrics=("exact_match",), n=30, sampling={"temperature": 0.7}))
    assert set(found) == {"exact_match"} | BESIDE
    assert found["exact_match"].n == 30
    assert "drawn at random, temperature=0.7" in found["exact_match"].protocol["answers"]
    assert len(answers_of(adding)) == 30
    few = of(evaluate(adding, "last", metrics=("answers",), n=10))
    assert {row.value for row in few.values()} == {None}
    assert few["chrf"].note == "needs at least 20 answers; there are 10."


def test_what_pairs_have_not_and_what_texts_have_not_is_said(adding, trained):
    """Nothing is drawn for it."""
    for run, group, why in (
        (adding, "texts", "pairs are judged by metrics=answers"),
        (trained("gpt"), "answers", "needs data that are pairs of prompts and answers"),
    ):
        found = evaluate(run, "last", metrics=(group,), n=100)
        assert len(found) >= 7
        assert all(row.value is None and why in row.note for row in found)


def test_a_study_decides_by_exact_matches(tmp_path):
    made = study(
        name="wider",
        arms={"narrow": ["model.n_embd=8"], "wide": ["model.n_embd=16"]},
        common=[*TASK, *SMALL, "trainer=cpu"],
        seeds=2,
        budget={"steps": 3},
        primary="exact_match",
        evaluate={"metrics": ["answers"], "n": 40},
        runs_dir=tmp_path,
    )
    decided = [row for row in made.rows if row.metric == "exact_match" and row.role == "model"]
    assert len(decided) == 4
    assert "exact_match" in str(made.verdict)
