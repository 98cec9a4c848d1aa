"""The page of runs over HTTP: talks that are those of `genkit chat`, and sounds that come piece by piece."""

from __future__ import annotations

import base64
import io
import json
import shlex
import shutil
import subprocess
import sys
import threading
import wave
from contextlib import closing

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra app is not installed")
pytest.importorskip("uvicorn", reason="the extra app is not installed")

from genkit import train
from genkit.cli import main
from tests.integration.conftest import QUICK
from tests.page_server import said, served, texts
from tests.spoken import LENGTH, talk, write_tones

SIZES = ["model.n_layer=1", "model.n_head=2", "model.n_embd=16"]
TALKS, WAVES, SINGLE = "0", "1", "2"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run on dialogues, one on the samples of tones with labels, one on single pairs."""
    made = tmp_path_factory.mktemp("streams")
    write_tones(made / "tones")
    paths = [f"paths.runs_dir={made / 'runs'}", f"paths.cache_dir={made / 'cache'}", "budget.steps=20"]
    words = ["model=gpt", *SIZES, "model.block_size=48", *QUICK, *paths]
    train([*words, "name=talks"], data=[talk(i) for i in range(64)])
    train([*words, "name=single"], data=[(f"{i}", f"{i * 2}") for i in range(64)])
    waves = ["data=audio_folder", f"data.path={made / 'tones'}", f"data.length={LENGTH}", "data.view=mu_law"]
    more = ["data.levels=16", "data.patch=2", "model.conditional=true"]
    train(["model=gpt_pixels", *SIZES, *waves, *more, *QUICK, *paths, "name=waves"])
    return made


@pytest.fixture(scope="module")
def page(folder):
    with served(*(folder / "runs" / name for name in ("talks", "waves", "single"))) as found:
        yield found


def answered(page, run, *turns, **words):
    """The answer to what was said last, and the events."""
    status, events = page.asked("chat", run, turns=list(turns), **words)
    assert status == 200, events
    return texts(events)[-1], events


def repeated(command):
    """What a shell writes to standard output when it is told the command that a page shows."""
    own = f"{shlex.quote(sys.executable)} -m genkit "
    shell = command.replace("| genkit ", f"| {own}", 1)
    assert own in shell
    return subprocess.run(["sh", "-c", shell], capture_output=True, check=True).stdout.decode()


# ---------------------------------------------------------------------- talks


def test_a_talk_is_offered_to_runs_of_pairs_alone(page):
    runs = json.loads(page.ask("GET", "/runs")[2])["runs"]
    assert ["chat" in run["verbs"] for run in runs] == [True, False, True]
    names = [own["name"] for own in runs[0]["verbs"]["chat"]]
    assert names[:3] == ["say", "seed", "system"]
    assert "temperature" in names
    assert not {"prompt", "logprobs", "n"} & {*names}


def test_every_answer_of_a_talk_is_that_of_the_command(page):
    words = {"seed": 3, "max_new_tokens": 6, "temperature": 0.8}
    turns = ["ab", "cd again", "it's b; $c"]
    turns[2] = "ba again"
    said_so_far, events = [], []
    for question in turns:
        said_so_far.append(question)
        answer, events = answered(page, TALKS, *said_so_far, **words)
        said_so_far.append(answer)
    command = said(events, "asked")[0]["command"]
    assert command.startswith("printf '%s\\n' ab 'cd again' 'ba again' | genkit chat run=")
    assert repeated(command).split("\n")[:-1] == "\n".join(said_so_far[1::2]).split("\n")


def test_what_was_said_before_is_heard(page):
    """The last answer depends on the turns before it where a run was trained on dialogues, else on itself."""
    words = {"temperature": 0, "max_new_tokens": 8}
    assert "again" not in answered(page, TALKS, "ab", **words)[0]
    own = [answered(page, SINGLE, *turns, "7", **words)[0] for turns in ([], ["3", "6"], ["3", "9999"])]
    assert own[0] == own[1] == own[2]
    from genkit import load
    from genkit.core.pairs import Turn

    asked = ["ab", "ba", "ab again"]
    roles = ("user", "assistant", "user")
    direct = load(page_run(page, TALKS)).stream(
        turns=[Turn(role, text) for role, text in zip(roles, asked, strict=True)], seed=1, **words
    )
    assert answered(page, TALKS, *asked, **words)[0] == "".join(direct)


def page_run(page, number):
    runs = json.loads(page.ask("GET", "/runs")[2])["runs"]
    words = shlex.split(answered(page, number, "ab", max_new_tokens=1)[1][0]["command"])
    assert runs[int(number)]["name"] == "talks"
    return next(word for word in words if word.startswith("run=")).removeprefix("run=")


def test_a_long_talk_drops_its_oldest_turns_and_says_so(page):
    turns = ["ab", "ba"] * 20
    answer, events = answered(page, TALKS, *turns, "cd", max_new_tokens=4)
    assert [note["said"] for note in said(events, "note")] == [
        "the oldest turns are dropped: the model reads 48 tokens."
    ]
    assert answer is not None


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ({}, "turns are texts"),
        ({"turns": []}, "turns are texts"),
        ({"turns": ["a", "b"]}, "turns are texts"),
        ({"turns": "a"}, "turns are texts"),
        ({"turns": [1]}, "turns are texts"),
        ({"turns": [" "]}, "nothing is said"),
        ({"turns": ["a\nb"]}, "is one line"),
        ({"turns": ["a\0"]}, "NUL"),
        ({"turns": ["a" * 10**6]}, "1,000,000 letters"),
        ({"turns": ["a"] * 201}, "201 turns"),
        ({"turns": ["a"], "n": 10**6}, "n"),
        ({"turns": ["a"], "prompt": "a"}, "prompt"),
        ({"turns": ["a"], "seed": -1}, "seed takes an integer"),
        ({"turns": ["a"], "temperature": "hot"}, "temperature takes a number"),
    ],
)
def test_what_is_no_talk_is_refused_in_one_line(page, words, what):
    status, line = page.asked("chat", TALKS, **words)
    assert status == 400
    assert what in line
    assert "\n" not in line


def test_what_the_model_does_not_know_is_refused_in_one_line(page):
    assert "☃" in page.asked("chat", TALKS, turns=["☃"])[1][-1]["said"]
    assert answered(page, TALKS, "☃ab", unk="skip", max_new_tokens=2)[1][-1]["event"] == "done"
    assert "is not asked to chat here" in page.asked("chat", WAVES, turns=["a"])[1]


def test_two_visitors_talk_at_once(page):
    asked = {0: ["ab"], 1: ["ab", "ba", "ab again"], 2: ["ba"]}
    alone = {i: answered(page, TALKS, *turns, seed=i, max_new_tokens=8)[0] for i, turns in asked.items()}
    found = {}

    def visit(i):
        found[i] = answered(page, TALKS, *asked[i], seed=i, max_new_tokens=8)[0]

    visitors = [threading.Thread(target=visit, args=(i,)) for i in asked]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert found == alone


def test_a_run_deleted_in_a_talk_is_said_to_be(folder, tmp_path):
    copy = shutil.copytree(folder / "runs" / "talks", tmp_path / "gone")
    with served(copy) as page:
        assert answered(page, "0", "ab", max_new_tokens=2)
        shutil.rmtree(copy)
        status, line = page.asked("chat", "0", turns=["ab"])
        assert (status, "gone was deleted" in line) == (410, True)


# ---------------------------------------------------------------------- sounds


def played(content):
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


def test_a_sound_comes_in_pieces_and_is_that_of_the_command(page, tmp_path):
    events = page.asked("draw", WAVES, n=2, seed=3, label=["low", "high"])[1]
    begun, whole = said(events, "sample"), said(events, "whole")
    assert [event["kind"] for event in begun] == ["stream"] * 4
    assert [event["caption"] for event in whole] == ["low", "low", "high", "high"]
    assert {(event["rate"], event["channels"], event["samples"]) for event in begun} == {(8000, 1, LENGTH)}
    came = [
        np.concatenate(
            [
                np.frombuffer(base64.b64decode(event["sound"]), "<i2")
                for event in said(events, "piece")
                if event["number"] == number
            ]
        )
        for number in range(4)
    ]
    kept = [played(base64.b64decode(event["address"].partition(",")[2])) for event in whole]
    assert np.array_equal(came, kept)
    command = said(events, "asked")[0]["command"]
    assert main([*shlex.split(command)[1:], f"out={tmp_path / 'own.npz'}"]) == 0
    with np.load(tmp_path / "own.npz") as archive:
        own = next(archive[key] for key in archive.files if archive[key].dtype == np.int16)
    assert np.array_equal(came, own.reshape(4, LENGTH))


def test_a_class_that_is_drawn_is_named(page):
    """Without a label each sound is of a class that its own noise chooses, as the command's are."""
    events = page.asked("draw", WAVES, n=4, seed=1)[1]
    names = [event["caption"] for event in said(events, "whole")]
    from genkit import load

    run = next(word for word in shlex.split(events[0]["command"]) if word.startswith("run="))
    assert names == list(load(run.removeprefix("run=")).sample(4, seed=1, batch_size=1).captions)


def test_a_sound_is_told_before_it_is_whole(page, monkeypatch):
    """Its first piece is there while the rest is still to be drawn."""
    import genkit.families.gpt as family

    goes_on, real = threading.Event(), family.decode

    def held(*given):
        for number, token in enumerate(real(*given)):
            if number == 8:
                assert goes_on.wait(60)
            yield token

    monkeypatch.setattr(family, "decode", held)
    asked = {"run": WAVES, "words": {"n": 1, "label": "low"}}
    with closing(page.connection()) as connection:
        connection.request("POST", "/draw", json.dumps(asked), {"content-type": "application/json"})
        with connection.getresponse() as answer:
            seen = [json.loads(answer.readline())["event"] for _ in range(4)]
            assert not goes_on.is_set()
            goes_on.set()
            rest = [json.loads(line)["event"] for line in answer.read().decode().splitlines()]
    assert seen == ["asked", "begun", "sample", "piece"]
    assert rest[-3:] == ["whole", "progress", "done"]
