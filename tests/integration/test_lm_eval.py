"""lm-eval on an exported run, by the command that is documented: the log-likelihoods of `genkit score`."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genkit import load, train
from genkit.cli import main
from genkit.inference.scoring import score_text

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
TASKS = "experiments/lm_eval"
WORDS = ["data=colors", "model=gpt_tiny", "trainer=cpu", "callbacks.progress=none", "budget.steps=30"]


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> tuple[Path, list[dict], list[dict]]:
    """Of a GPT on characters: where its run is, and what lm-eval writes of each sample of the two tasks."""
    folder = tmp_path_factory.mktemp("lm_eval")
    train([*WORDS, "optim.lr=1e-2", "name=r", f"paths.runs_dir={folder}"])
    assert main(["export", "run=r", "format=hf", f"out={folder / 'model'}", f"paths.runs_dir={folder}"]) == 0
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(folder / "hf")}
    command = [
        *(sys.executable, "-m", "lm_eval", "--model", "hf"),
        *("--model_args", f"pretrained={folder / 'model'},prefix_token_id=0", "--device", "cpu"),
        *("--tasks", "colors_texts,colors_endings", "--include_path", TASKS),
        *("--log_samples", "--output_path", str(folder / "out")),
    ]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **offline}, capture_output=True, text=True, timeout=240
    )
    assert ended.returncode == 0, ended.stderr[-2_000:]
    found = [_samples(folder / "out", task) for task in ("colors_texts", "colors_endings")]
    return folder, found[0], found[1]


def _samples(folder: Path, task: str) -> list[dict]:
    (file,) = folder.rglob(f"samples_{task}_*.jsonl")
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_whole_texts_are_as_likely_as_score_says(results):
    folder, texts, _ = results
    module = load("r", runs_dir=folder)
    assert len(texts) == 40
    for sample in texts:
        theirs = float(sample["filtered_resps"][0])
        assert theirs == pytest.approx(-score_text(module, sample["doc"]["text"]).nats, abs=1e-3)


def test_ends_given_their_beginnings_are_as_likely_as_score_says(results):
    """The model has a separator before every text, so that the task's beginnings have one, too."""
    folder, _, endings = results
    module = load("r", runs_dir=folder)
    assert len(endings) == 40
    for sample in endings:
        doc = sample["doc"]
        ours = []
        for (theirs, _), ending in zip(sample["filtered_resps"], doc["endings"], strict=True):
            values = score_text(module, doc["beginning"] + ending).values
            ours.append(float(values[-len(ending) :].sum()))  # a character is a token
            assert float(theirs) == pytest.approx(ours[-1], abs=1e-3)
        assert sample["acc"] == float(int(np.argmax(ours)) == doc["label"])
    assert {sample["acc"] for sample in endings} == {0.0, 1.0}
