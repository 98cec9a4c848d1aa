"""Values at the edges of what can be typed: answered in one line, before memory is taken for them."""

from __future__ import annotations

import pytest
import torch

from genkit import config
from genkit.core import size_limit
from genkit.core.codecs import CharCodec
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.system.errors import ConfigError
from genkit.training.memory import check_fits, of_machine

LONG = "a" * 5_000
NESTED = "[" * 100 + "1" + "]" * 100
PATHS = {
    "train": ["data.path", "data.tokenizer_path", "resume", "init_from", "pretrained", "paths.runs_dir"],
    "sample": ["run", "prompt_file", "out"],
    "score": ["run", "file", "out", "data.path"],
    "evaluate": ["run", "real", "fake", "out"],
    "complete": ["run", "out"],
    "export": ["run", "out"],
    "push": ["run"],
    "study": ["study", "paths.data_dir"],
    "report": ["study", "run", "out"],
    "verify": ["run"],
    "runs": ["run", "paths.runs_dir"],
    "data": ["data.path", "paths.cache_dir"],
}


@pytest.mark.parametrize("value", ["~nosuchuser/x", LONG, f"/{LONG}", "/x" * 3_000])
@pytest.mark.parametrize("command", PATHS)
def test_paths_that_lead_nowhere(command, value, genkit):
    for key in PATHS[command]:
        more = ["study=quickstart"] if command == "study" and key != "study" else []
        code, _, err = genkit(command, *more, f"{key}={value}")
        assert (code, err.count("\n")) == (2, 1), (key, err)
        assert f"{key}=" in err
        assert "there is no user nosuchuser" in err or "longer than a disk can name" in err
        assert len(err) < 400


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["train", "budget.steps=1e26"], "budget.steps"),
        (["train", "seed=1e3"], "seed"),
        (["train", "model=vae", "data=digits", "model.hidden=3000000000"], "nearest: model.hidden=1000000"),
        (["train", "model.n_layer=100000000"], "nearest: model.n_layer=1000"),
        (["train", "model.block_size=1000000000"], "nearest: model.block_size=1000000"),
        (["train", "callbacks.samples.n=1000000000"], "nearest: callbacks.samples.n=10000"),
        (["train", "model=vae", "data=digits", "data.size=1000000"], "nearest: data.size=4096"),
        (["train", "trainer.accumulate=1000000000"], "nearest: trainer.accumulate=32)"),
        (["train", f"optim.betas={NESTED}"], "nested more than 8 deep"),
        (["train", f"model.norm={NESTED}"], "nested more than 8 deep"),
        (["train", f"data={LONG}"], "there is no such data"),
        (["train", f"model={LONG}"], "there is no such model"),
        (["train", f"name={LONG}"], "cannot name a run"),
        (["study", "study=quickstart", "seeds=2001-99-99"], "seeds=2001-99-99 cannot be read"),
        (["study", "study=quickstart", "seeds=[[[[1]]]]"], "seed"),
        (["runs", "last=²"], "last takes an integer from 1"),
        (["runs", f"last={'9' * 5_000}"], "last takes an integer from 1"),
        (["train", "-m", "seed=0,1", "hydra/launcher=null"], "hydra/launcher"),
        (["train", "-m", "seed=0,1", "hydra/launcher=[basic]"], "hydra/launcher"),
        (["train", "-m", "seed=0,1", "hydra.sweeper.params="], "hydra.sweeper.params"),
    ],
)
def test_values_out_of_any_bound(typed, said, genkit):
    code, _, err = genkit(*typed)
    assert (code, err.count("\n")) == (2, 1), err
    assert said in err
    assert len(err) < 500


def test_a_model_that_no_machine_holds_is_refused_before_memory_is_taken():
    """In 25 GB and less: 300 GB of weights, and 57 GB of what a step would keep."""
    vast = config.compose("train", ["model=vae", "data=digits", "model.hidden=1000000", "model.width=50000"])
    with pytest.raises(ConfigError, match=r"its parameters alone take more than the [\d.]+ GB"):
        check_fits(vast, ArraySpec(1, (8, 8), levels=17))
    words = ["model=gpt", "data=colors", "model.block_size=16384", "batch_size=100000"]
    with pytest.raises(ConfigError, match=r"there are [\d.]+ GB: most is kept of batch_size=100000 examples"):
        check_fits(config.compose("train", words), TokenSpec(CharCodec.of("abc\n")))
    check_fits(config.compose("train", ["model=vae", "data=digits"]), ArraySpec(1, (8, 8), levels=17))


def test_the_estimate_is_of_the_memory_that_is_there():
    with open("/proc/meminfo", encoding="utf-8") as file:
        total = int(next(line.split()[1] for line in file if line.startswith("MemTotal"))) * 1024
    assert 0 < of_machine() <= total
    with pytest.raises(size_limit.TooLarge):
        size_limit.check_size(lambda: torch.zeros(of_machine()), of_machine())


def test_a_study_in_a_file_here_is_named_by_its_folder(tmp_path, monkeypatch, genkit):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "study.yaml").write_text(
        "arms: {a: [model=vae]}\ncommon: [data=digits]\nseeds: 1\nbudget: {steps: 1}\n"
    )
    monkeypatch.chdir(folder)
    code, out, err = genkit("study", "study=study.yaml", "dry=true", f"paths.runs_dir={tmp_path / 'runs'}")
    assert code == 0, err
    assert "study mine in" in out


def test_a_folder_in_the_place_of_a_dataset_is_told_where_folders_go(tmp_path, monkeypatch, genkit):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    code, _, err = genkit("train", "model=vae", "data=mine")
    assert code == 2
    assert "data=mine: there is no such data." in err
    assert "For your own folder: data=audio_folder or image_folder or text_folder or video_folder" in err
    assert "with data.path=." in err
