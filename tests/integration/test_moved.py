"""Runs and their data are found from any folder, and where they were moved to."""

from __future__ import annotations

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from genkit import runs
from genkit.system.errors import CheckpointError
from tests.integration.conftest import QUICK, TINY

LINES = "".join(f"the quick brown fox {i} jumps over the lazy dog {i * i}\n" for i in range(400))


def trained_on(genkit, tmp_path, name, *more):
    code, _, err = genkit(
        "train", *more, *QUICK, "budget.steps=2", f"name={name}", f"paths.runs_dir={tmp_path / 'runs'}"
    )
    assert code == 0, err
    return tmp_path / "runs" / name


def test_a_folder_here_hides_no_run(tmp_path, monkeypatch, genkit):
    run = trained_on(genkit, tmp_path, "digits", *TINY["vae"])
    here = tmp_path / "here"
    (here / "digits").mkdir(parents=True)
    monkeypatch.chdir(here)
    assert runs.find("digits", tmp_path / "runs") == run
    with pytest.raises(CheckpointError, match="is no run folder"):
        runs.find("./digits", tmp_path / "other")
    other = trained_on(genkit, here, "digits", *TINY["vae"])
    other.rename(here / "copy")
    assert runs.find("copy", tmp_path / "runs").resolve() == here / "copy"  # only here, so found here
    (here / "digits").rmdir()
    (here / "copy").rename(here / "digits")
    assert runs.find("digits", tmp_path / "runs") == run
    assert runs.find("./digits", tmp_path / "runs").resolve() == here / "digits"


def test_paths_typed_relative_are_found_from_another_folder(tmp_path, monkeypatch, genkit):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "text.txt").write_text(LINES)
    (tmp_path / "a" / "tokeniser").mkdir()
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    from tokenizers import decoders

    made.decoder = decoders.ByteLevel()
    made.train_from_iterator(
        [LINES], trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    )
    made.save(str(tmp_path / "a" / "tokeniser" / "tokenizer.json"))
    monkeypatch.chdir(tmp_path / "a")
    words = ["data=text_file", "data.path=text.txt", "data.tokenizer=hf", "data.tokenizer_path=tokeniser"]
    run = trained_on(genkit, tmp_path, "run", *[w for w in TINY["gpt"] if not w.startswith("data=")], *words)
    monkeypatch.chdir(tmp_path / "b")
    code, out, err = genkit("score", f"run={run}", "split=test")
    assert code == 0, err
    assert "nats" in out
    assert genkit("train", f"resume={run}", "budget.steps=3")[0] == 0


def test_moved_data_is_named_by_its_place(tmp_path, genkit):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "own.npz", images=rng.integers(0, 256, (400, 8, 8)).astype(np.uint8))
    vae = [word for word in TINY["vae"] if not word.startswith("data=")]
    run = trained_on(
        genkit,
        tmp_path,
        "run",
        *vae,
        "model.likelihood=categorical",
        "data=arrays",
        f"data.path={tmp_path / 'own.npz'}",
    )
    (tmp_path / "own.npz").rename(tmp_path / "moved.npz")
    commands = {
        "evaluate": ["metrics=images", "n=20", "extractor=random"],
        "score": ["split=test"],
        "reconstruct": ["n=4"],
        "complete": ["n=2", "draws=1"],
    }
    for command, words in commands.items():
        code, _, err = genkit(command, f"run={run}", *words)
        assert code == 4, err
        assert "data.path=" in err, err
        code, _, err = genkit(command, f"run={run}", *words, f"data.path={tmp_path / 'moved.npz'}")
        assert code == 0, err
    other = tmp_path / "other.npz"
    np.savez(other, images=rng.integers(0, 256, (400, 8, 8)).astype(np.uint8))
    code, _, err = genkit("score", f"run={run}", "split=test", f"data.path={other}")
    assert code == 4
    assert "the data has changed" in err


def test_data_without_a_path_says_what_moves_it(trained, genkit):
    code, _, err = genkit("score", f"run={trained('vae')}", "split=test", "data.path=x")
    assert code == 2
    assert "data=digits has no path; set paths.data_dir" in err
