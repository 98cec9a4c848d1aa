"""Prompts from the command line: a model of digits, asked for one in a word, judged, completed, resumed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from genkit import load
from genkit.cli import main
from genkit.metrics.extractors import extractor
from genkit.metrics.features import collect
from tests.integration.conftest import weights_of

WORDS = ["callbacks.progress=none", "logger=none", "trainer=cpu", "batch_size=64", "trainer.threads=1"]
MODEL = ["model=gpt", "model.n_layer=2", "model.n_head=2", "model.n_embd=64", "optim.lr=4e-3"]
DATA = ["data=digits", "data.levels=2", "data.patch=[2,2]", "data.captions=classes"]
NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    words = [*MODEL, *DATA, *WORDS, "budget.steps=500", "callbacks.samples.n=4", "name=asked"]
    assert main(["train", *words, f"paths.runs_dir={folder}"]) == 0
    return folder


@pytest.fixture
def run(runs: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*words: str) -> tuple[int, str, str]:
        code = main([*words, f"paths.runs_dir={runs}"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_a_prompt_gives_the_digit_that_it_names(runs: Path) -> None:
    samples = load(runs / "asked").sample(20, prompt=list(NAMES), seed=1)
    assert list(samples.captions) == [name for name in NAMES for _ in range(20)]
    assert samples.spec.array is not None
    seen = extractor("digits").reading(samples.spec.array.native)
    found = collect(seen, [torch.from_numpy(samples.arrays)]).probabilities
    assert found is not None
    right = (found.argmax(1) == torch.arange(10).repeat_interleave(20)).float().mean().item()
    assert right > 0.3  # by chance 0.1; 200 samples, so that 0.17 is four deviations of that


def test_an_evaluation_asks_for_what_the_held_out_part_holds(run: Run, runs: Path) -> None:
    shutil.copytree(runs / "asked", runs / "judged")
    code, out, err = run("evaluate", "run=judged", "n=150", "metrics=likelihood,agreement")
    assert code == 0, err
    rows = [json.loads(line) for line in (runs / "judged" / "evaluation.jsonl").read_text().splitlines()]
    known = {row["metric"]: row for row in rows if row["role"] == "model"}
    assert known["agreement_digits"]["value"] > 0.3
    assert known["agreement_digits"]["n"] == 150
    assert known["nll"]["protocol"]["given"] == "captions"
    assert "captions of the test part" in out
    scored = run("score", "run=judged", "split=test")[1]
    assert f"{known['bits_per_dimension']['value']:.4f} bits/dimension (exact)" in scored


def test_samples_of_a_training_are_of_captions(runs: Path) -> None:
    assert list((runs / "asked" / "samples").glob("step-500*.png"))


def test_several_prompts_and_guidance(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "drawn.npz"
    drawn = []
    for more in ([], ["guidance=1"], ["guidance=3"]):
        code, _, err = run("sample", "run=asked", "prompt=seven", "prompt=zero", "n=3", f"out={out}", *more)
        assert code == 0, err
        drawn.append(np.load(out)["images"])
        assert drawn[-1].shape == (6, 8, 8, 1)
    assert np.array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])
    assert run("sample", "run=asked", "n=2", f"out={out}")[0] == 0  # of nothing: anything
    assert run("sample", "run=asked", "n=2", f"out={out}", "prompt=🜁 ü?")[0] == 0  # words that it never read


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "prompt=a very large seven"], "the prompt has 18 tokens, captions here have 8 at most"),
        (["sample", "prompt=seven", "unk=skip"], "gpt takes no unk= in sampling"),
        (["sample", "prompt=seven", "guidance=-1"], "guidance takes a number from 0 to 100, not -1"),
        (["sample", "label=7"], "gpt takes no label= in sampling"),
        (["complete", "label=7", "image=x.png"], "x.png"),
        (["score", "text=seven"], "reads no texts; give split=validation"),
    ],
)
def test_what_a_model_of_captions_is_not_asked(run: Run, tmp_path: Path, words: list[str], said: str) -> None:
    out = [] if words[0] == "score" else [f"out={tmp_path / 'x.png'}"]
    code, _, err = run(words[0], "run=asked", *out, *words[1:])
    assert code
    assert err.count("\n") == 1
    assert said in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "each given its caption"),
        (["prompt=three"], "given prompt=three"),
        (["prompt="], "given no prompt"),
    ],
)
def test_the_rest_of_a_digit_is_drawn_given_words(
    run: Run, tmp_path: Path, words: list[str], told: str
) -> None:
    code, out, err = run("complete", "run=asked", "n=2", "draws=2", f"out={tmp_path / 'c.png'}", *words)
    assert code == 0, err
    assert told in out


def test_prompts_of_runs_without_captions(runs: Path, run: Run, tmp_path: Path) -> None:
    words = [*MODEL, *DATA[:3], *WORDS, "budget.steps=2", "callbacks.samples.n=0", "name=plain"]
    assert run("train", *words)[0] == 0
    code, _, err = run("complete", "run=plain", "prompt=three", f"out={tmp_path / 'c.png'}")
    assert (code, err.count("\n")) == (2, 1)
    assert "plain was trained without captions" in err
    code, _, err = run("sample", "run=plain", "guidance=2", f"out={tmp_path / 'c.png'}")
    assert (code, err.count("\n")) == (2, 1)
    assert "takes no guidance= in sampling" in err
    code, _, err = run("train", *words[:-1], "name=none", "model.caption_dropout=0.2")
    assert (code, err.count("\n")) == (2, 1)
    assert "these data have no captions" in err


def test_a_training_that_is_resumed_leaves_out_the_same_captions(run: Run, runs: Path) -> None:
    short = [*MODEL, *DATA, *WORDS, "callbacks.samples.n=0", "model.caption_dropout=0.5"]
    assert run("train", *short, "name=whole", "budget.steps=6")[0] == 0
    assert run("train", *short, "name=twice", "budget.steps=3")[0] == 0
    assert run("train", "resume=twice", "budget.steps=6")[0] == 0
    assert weights_of(runs / "whole", 6) == weights_of(runs / "twice", 6)
    assert run("train", *short[:-1], "name=none", "budget.steps=6", "model.caption_dropout=0")[0] == 0
    assert weights_of(runs / "whole", 6) != weights_of(runs / "none", 6)


def test_a_table_that_changes_is_noticed(run: Run, runs: Path, tmp_path: Path) -> None:
    table = tmp_path / "words.tsv"
    table.write_text("class\tname\n" + "".join(f"{i}\t{name}\n" for i, name in enumerate(NAMES)))
    words = [*MODEL, *DATA[:3], f"data.captions={table}", *WORDS, "callbacks.samples.n=0", "budget.steps=2"]
    assert run("train", *words, "name=table")[0] == 0
    assert run("score", "run=table", "split=test")[0] == 0
    assert run("verify", "run=table")[0] == 0
    table.write_text(table.read_text().replace("seven", "siete"))
    code, _, err = run("score", "run=table", "split=test")
    assert (code, err.count("\n")) == (4, 1)
    assert "the data has changed since table was trained" in err


def test_a_report_of_a_run_of_captions(run: Run, runs: Path, tmp_path: Path) -> None:
    code, _, err = run("report", "run=judged", f"out={tmp_path / 'report'}")
    assert code == 0, err
    code, _, err = run("compare", "asked", "judged")
    assert code == 0, err


def test_a_shell_offers_what_a_model_can_be_asked_for(
    run: Run, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_LINE", f"genkit sample paths.runs_dir={runs} run=asked prompt=s")
    assert run("--shell-completion", "query=bash")[1].split()[:2] == ["prompt=six", "prompt=seven"]
    monkeypatch.setenv("COMP_LINE", f"genkit sample paths.runs_dir={runs} run=asked gui")
    assert run("--shell-completion", "query=bash")[1].split() == ["guidance="]
