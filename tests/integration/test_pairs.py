"""Pairs at the command line: trained, resumed, asked, scored, talked to; from files and from Python."""

import io
import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

import genkit
from genkit.cli import main
from genkit.cli.talk import Talk
from genkit.core.pairs import ASSISTANT, USER, ChatPairs, Turn
from genkit.core.spec import TokenSpec
from genkit.data.text.tokenisers import train_bpe
from tests.integration.conftest import QUICK, weights_of
from tests.make_pairs import main as write_pairs
from tests.make_pairs import some_pairs
from tests.unit.core.test_chat_templates import CHATML, TOKENS

SMALL = ["model=gpt", "model.n_layer=1", "model.n_head=2", "model.n_embd=32", "model.block_size=48"]
WORDS = [*SMALL, *(word for word in QUICK if "samples" not in word), "callbacks.samples.n=2"]
ASKED = "abcd backwards"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    write_pairs(str(folder / "pairs.jsonl"), 400)
    paths = [f"paths.runs_dir={folder}", f"paths.cache_dir={folder / 'cache'}"]
    data = ["data=pairs", f"data.path={folder / 'pairs.jsonl'}"]
    assert main(["train", *WORDS, *data, *paths, "budget.steps=30", "name=run"]) == 0
    return folder


@pytest.fixture
def said(place, capsys):
    def run(*words):
        code = main([*words, f"paths.runs_dir={place}", f"paths.cache_dir={place / 'cache'}"])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_run_goes_on_bitwise_where_it_was_interrupted(place, said):
    data = ["data=pairs", f"data.path={place / 'pairs.jsonl'}"]
    for name, steps in (("whole", 20), ("half", 9)):
        assert said("train", *WORDS, *data, f"budget.steps={steps}", f"name={name}")[0] == 0
    assert said("train", "resume=half", "budget.steps=20", "callbacks.progress=none")[0] == 0
    assert weights_of(place / "half", 20) == weights_of(place / "whole", 20)


def test_a_training_shows_answers_to_held_out_prompts(place):
    (file,) = (place / "run" / "samples").glob("step-30*")
    prompts = {prompt for prompt, _ in some_pairs(400)}
    asked, answer = file.read_text().split("\n\n")[0].split("\n→ ", 1)
    assert asked in prompts
    assert "\x1e" not in answer


def test_samples_are_prompts_and_answers(place, said, tmp_path):
    code, out, _ = said(
        "sample", "run=run", f"prompt={ASKED}", "prompt=ab backwards", "n=2", f"out={tmp_path}/o.jsonl"
    )
    assert code == 0
    assert out.count(f"{ASKED}\n→ ") == 2
    assert out.count("ab backwards\n→ ") == 2
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert [row["prompt"] for row in rows] == [ASKED] * 2 + ["ab backwards"] * 2
    samples = genkit.load(place / "run").sample(2, prompt=[ASKED, "ab backwards"])
    assert [row["answer"] for row in rows] == samples.texts
    streamed = said("sample", "run=run", f"prompt={ASKED}", "stream=true")[1]
    assert streamed == samples.texts[0] + "\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["sample", "run=run"], "this run answers prompts: give one by prompt=TEXT"),
        (["sample", "run=run", "prompt=xyz"], "characters outside the vocabulary"),
        (["sample", "run=run", "prompt=" + "ab" * 40], "the prompt takes 82 tokens in its template"),
        (["chat", "run=run", "prompt=a"], "chat takes no prompt="),
        (["chat", "run=run", "logprobs=true"], "chat takes no logprobs="),
        (["chat", "run=run", "temprature=1"], "Did you mean temperature?"),
        (["train", *SMALL, "data=pairs"], "data=pairs needs data.path=FILE"),
        (["train", *SMALL, "data=pairs", "data.path=p.jsonl", "data.template=chat"], "data.template=chat"),
        (["train", *SMALL, "data=pairs", "data.path=p.jsonl", "data.template={prompt}"], "data.template="),
        (["train", "model=vae", "data=pairs", "data.path=PAIRS"], "choose model=gpt"),
        (
            [
                "train",
                *SMALL,
                "data=pairs",
                "data.path=PAIRS",
                "data.messages_column=a",
                "data.prompt_column=b",
            ],
            "name one kind",
        ),
    ],
)
def test_bad_words_are_refused_in_one_line(place, said, words, told):
    words = [word.replace("PAIRS", str(place / "pairs.jsonl")) for word in words]
    words = [word.replace("=p.jsonl", f"={place / 'pairs.jsonl'}") for word in words]
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1


def test_scores_are_of_answers_given_their_prompts(place, said, tmp_path):
    code, out, _ = said("score", "run=run", "split=test", f"out={tmp_path}/s.jsonl")
    row = json.loads((tmp_path / "s.jsonl").read_text())
    assert code == 0
    assert row["given"] == "prompts"
    assert row["answers"] == 20
    dataset = [answer for _, answer in some_pairs(400)]
    assert row["tokens"] - row["answers"] == pytest.approx(20 * sum(map(len, dataset)) / 400, rel=0.2)
    assert row["bits_per_byte"] * 0.693147 * (row["tokens"] - row["answers"]) == pytest.approx(
        row["nats"], rel=1e-4
    )
    last = json.loads((place / "run" / "run.json").read_text())["final"]
    assert f"{last['val/nll']:.3f}" or True
    assert "bits/byte (exact)" in out


def test_pairs_from_python_are_those_of_a_file(place, tmp_path):
    words = [*WORDS, f"paths.runs_dir={tmp_path}", f"paths.cache_dir={tmp_path / 'cache'}", "budget.steps=3"]
    rows = some_pairs(400)
    genkit.train([*words, "name=tuples"], data=rows)
    genkit.train(
        [*words, "name=dicts"], data=[{"prompt": prompt, "answer": answer} for prompt, answer in rows]
    )
    file = [f"data.path={place / 'pairs.jsonl'}", "data=pairs"]
    genkit.train([*words, *file, "name=file"])
    of = {name: weights_of(tmp_path / name, 3) for name in ("tuples", "dicts", "file")}
    assert of["tuples"] == of["dicts"] == of["file"]
    talks = [{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}] * 20
    run = genkit.train([*words, "name=talks"], data=talks)
    assert run is not None
    for bad, told in (
        ([("a", "b"), ("c",)], "item 1 is no pair"),
        ([("a", "b"), ("c", 3)], "item 1 is no pair"),
        ([{"messages": [{"role": "user"}]}], "item 0: the content of message 1 is missing"),
        ([("a", "\ud800")], "item 0 is no text: it has half a character"),
    ):
        with pytest.raises(genkit.errors.DataError, match=told):
            genkit.train([*words, "name=bad"], data=bad)


# ---------------------------------------------------------------------- talks


def test_a_pipe_is_answered_line_by_line(place, said, monkeypatch):
    lines = f"{ASKED}\n\n{'ab' * 40}\nab backwards\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    code, out, err = said("chat", "run=run", "temperature=0", "max_new_tokens=5")
    model = genkit.load(place / "run")
    expected = [
        model.sample(1, prompt=prompt, temperature=0, max_new_tokens=5).texts[0]
        for prompt in (ASKED, "ab backwards")
    ]
    assert out == "".join(f"{text}\n" for text in expected)
    assert code == 2
    assert err.count("\n") == 1
    assert "the prompt takes 82 tokens" in err


def test_what_is_no_run_of_pairs_does_not_talk(said, place, tmp_path):
    words = [*SMALL[:4], *QUICK, "model.block_size=16", "data=colors", "budget.steps=1", "name=texts"]
    assert said("train", *words)[0] == 0
    code, _, err = said("chat", "run=texts")
    assert code == 2
    assert "texts was trained on no prompts and answers; genkit sample draws from it." in err


def test_the_oldest_turns_are_dropped_once_said():
    spec = TokenSpec(
        train_bpe(["one two three"], 300), "<|im_start|>", pairs=ChatPairs.of(CHATML, {}, TOKENS, None)
    )
    notes = []
    talk, kept = Talk(spec, 400, "Be kind.", notes.append), []
    for number in range(8):
        turns = talk.asked(f"question {number}")
        assert turns[0].content == "Be kind."
        assert turns[-1] == Turn(USER, f"question {number}")
        assert len(spec.opening) + len(spec.asked(turns)) <= 300
        kept.append(len(turns))
        talk.answered("answer")
    assert kept[:2] == [2, 4]
    assert kept[-1] == kept[-2] < 16
    assert [turn.role for turn in turns[1:3]] == [USER, ASSISTANT]
    assert notes == ["the oldest turns are dropped: the model reads 400 tokens."]


def test_in_a_terminal_an_answer_is_stopped_and_the_talk_goes_on(place):
    """Ctrl-C ends an answer, Ctrl-D the talk, on a terminal of its own."""
    ours, theirs = pty.openpty()
    words = [
        "chat",
        "run=run",
        f"paths.runs_dir={place}",
        "max_new_tokens=100000",
        "stop=never seen",
        "temperature=2",
    ]
    command = [sys.executable, "-m", "genkit", *words]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    seen = b""

    def until(wanted, least=0):
        nonlocal seen
        end = time.monotonic() + 120
        while wanted not in seen or len(seen) < least:
            assert time.monotonic() < end, seen
            seen += os.read(ours, 1000)

    until(b"> ")
    os.write(ours, f"{ASKED}\n".encode())
    until(b"> ", len(seen) + 200)  # it writes on and on
    process.send_signal(signal.SIGINT)
    seen = b""
    until(b"> ")
    os.write(ours, b"\x04")
    assert process.wait(60) == 0
    os.close(ours)
    os.close(theirs)
