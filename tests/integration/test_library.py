"""The library without the command line: what a notebook types."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

import genkit
from genkit.cli import main
from genkit.config import load_frozen
from genkit.families.vae import VAE
from genkit.system.errors import ConfigError, DataError
from tests.conftest import IMAGES, Batches, images
from tests.integration.conftest import QUICK, TINY, weights_of


def test_a_run_is_loaded_by_its_name_from_where_runs_are(trained, tmp_path, monkeypatch):
    run = trained("vae")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENKIT_RUNS_DIR", str(run.parent))
    assert genkit.load(run.name).origin["run"] == run.name
    monkeypatch.delenv("GENKIT_RUNS_DIR")
    with pytest.raises(ConfigError, match=f"no run 'vae' here or in {tmp_path / 'runs'}"):
        genkit.load(run.name)
    assert genkit.load(run).origin["run"] == run.name


def trainer():
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return pl.Trainer(max_epochs=1, accelerator="cpu", **quiet)


@pytest.mark.filterwarnings("ignore")
def test_a_family_in_a_trainer_of_lightnings_says_what_it_needs():
    module = VAE(IMAGES, width=4, hidden=8, latent_size=2)
    with pytest.raises(ConfigError, match="VAE has no plan: train it by"):
        trainer().fit(module, Batches([images(4)]))


@pytest.mark.filterwarnings("ignore")
def test_a_loader_of_tensors_is_told_what_a_batch_is():
    from genkit.core.plan import TrainingPlan
    from genkit.testing import OPTIM

    module = VAE(IMAGES, width=4, hidden=8, latent_size=2)
    module.plan = TrainingPlan(optim=OPTIM)
    with pytest.raises(ConfigError, match=r"learns from .*Batch\(data, rows\), not from list"):
        trainer().fit(module, DataLoader(TensorDataset(torch.zeros(4, 1, 8, 8)), batch_size=2))


def test_every_name_that_is_exported_exists():
    for name in genkit.__all__:
        assert getattr(genkit, name) is not None


# ---------------------------------------------------------------------- objects in the place of files

X = np.random.default_rng(0).random((60, 8, 8), dtype=np.float32)
LABELS = [i % 3 for i in range(60)]


def on_objects(family, tmp_path, name, *more):
    """The words of a tiny training, but for its data."""
    own = [word for word in TINY[family] if not word.startswith("data=")]
    return [*own, *QUICK, f"paths.runs_dir={tmp_path / 'runs'}", f"name={name}", *more]


def test_an_array_trains_the_weights_that_its_file_trains(tmp_path):
    np.savez(tmp_path / "x.npz", images=X, labels=LABELS)
    steps = ["budget.steps=3", "model.conditional=true"]
    file = ["data=arrays", f"data.path={tmp_path / 'x.npz'}"]
    filed = genkit.train([*on_objects("vae", tmp_path, "file", *steps), *file])
    given = genkit.train(on_objects("vae", tmp_path, "array", *steps), data=(X, LABELS))
    assert weights_of(filed["run"], 3) == weights_of(given["run"], 3)
    assert {filed[key] == given[key] for key in ("fingerprint", "counts", "protocol", "final")} == {True}
    data = load_frozen(tmp_path / "runs" / "array" / "config.yaml").plain["data"]
    assert (data["name"], data["digest"][:7]) == ("memory_images", "sha256:")


def test_a_run_goes_on_with_the_same_object_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GENKIT_CACHE_DIR", str(tmp_path / "cache"))
    words = on_objects("vae", tmp_path, "a", "budget.steps=4")
    genkit.train([*words[:-2], "name=whole", "budget.steps=4"], data=X)
    run = genkit.train([*words[:-1], "budget.steps=2"], data=X)["run"]
    places, going_on = words[-3], ["resume=a", "budget.steps=4"]
    before = {p: p.read_bytes() for p in (tmp_path / "runs" / "a").rglob("*") if p.is_file()}
    with pytest.raises(DataError, match=r"the data has changed since a began: .*give the same"):
        genkit.train([*going_on, places], data=X[::-1])
    with pytest.raises(DataError, match=r"the data has changed since a began"):
        genkit.train([*going_on, places], data=["a text"] * 100)
    shutil.rmtree(tmp_path / "cache")
    capsys.readouterr()
    assert main(["train", *going_on, places]) == 4
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert 'give them again in Python, as in genkit.train(["resume=RUN"], data=OBJECT)' in err
    assert {p: p.read_bytes() for p in (tmp_path / "runs" / "a").rglob("*") if p.is_file()} == before
    with pytest.raises(DataError, match="does not hold them"):
        genkit.evaluate(run, n=20)
    genkit.train([*going_on, places], data=X)
    assert weights_of(run, 4) == weights_of(tmp_path / "runs" / "whole", 4)
    # What is kept by its digest is the same data: then nobody needs the object.
    assert main(["train", "resume=a", "budget.steps=5", places]) == 0
    assert genkit.load(run).sample(2, seed=0).data.shape == (2, 1, 8, 8)


def test_new_data_may_be_accepted_and_are_the_run_s_from_then_on(tmp_path):
    words = on_objects("vae", tmp_path, "a", "budget.steps=2")
    run = genkit.train(words, data=X)["run"]
    other, places = X[::-1].copy(), words[-3]
    genkit.train(["resume=a", "budget.steps=3", "accept_new_data=true", places], data=other)
    assert genkit.train(["resume=a", "budget.steps=4", places], data=other)["step"] == 4
    assert genkit.evaluate(run, data=other, metrics=("likelihood",))
    with pytest.raises(DataError, match="the data has changed since a began"):
        genkit.evaluate(run, data=X)


def test_a_run_on_files_takes_no_object(trained, tmp_path):
    with pytest.raises(ConfigError, match=r"vae was trained on data=digits, no object; leave data= out"):
        genkit.evaluate(trained("vae"), data=X)
    with pytest.raises(ConfigError, match=r"data=digits: the data are given as an object"):
        genkit.train([*on_objects("vae", tmp_path, "a", "budget.steps=2"), "data=digits"], data=X)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("given", ["texts", "pixels"])
def test_a_gpt_reads_objects_as_tokens(tmp_path, given):
    data = [f"line {i} of a text" for i in range(80)] if given == "texts" else (X > 0.5)
    more = ["model.block_size=8"] if given == "texts" else []
    words = [word for word in on_objects("gpt", tmp_path, "a", "budget.steps=2") if "block_size" not in word]
    words = [*words, *more]
    run = genkit.train(words, data=data)["run"]
    drawn = genkit.load(run).sample(2, seed=0)
    assert len(drawn) == 2
    names = {row.metric for row in genkit.evaluate(run, data=data, n=20, metrics=("likelihood",))}
    assert ("bits_per_byte" if given == "texts" else "bits_per_dimension") in names


def test_a_metric_of_ones_own_is_measured_beside_others(tmp_path):
    """Its answer is known: the mean of images of one value."""
    run = genkit.train(
        on_objects("vae", tmp_path, "a", "budget.steps=2"), data=np.full((260, 8, 8), 51, np.uint8)
    )["run"]
    brightness = genkit.Metric(
        *("brightness", "1", "none", ("arrays",), lambda seen: float(seen.real.arrays.float().mean())),
        help="mean level",
    )
    rows = genkit.evaluate(run, metrics=[brightness, "likelihood"], n=20)
    (row,) = [row for row in rows if row.metric == "brightness" and row.role == "model"]
    assert row.value == pytest.approx(51 / 255)
    assert "nll" in {row.metric for row in rows}


def test_one_name_of_metrics_is_a_name_and_likelihoods_are_one_number_an_example(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 17, (300, 8, 8), dtype=np.uint8)
    words = on_objects("vae", tmp_path, "a", "budget.steps=2", "model.likelihood=categorical")
    run = genkit.train(words, data=images)["run"]
    one, listed = (genkit.evaluate(run, metrics=asked) for asked in ("likelihood", ["likelihood"]))
    assert [row.metric for row in one] == [row.metric for row in listed]
    scored = VAE.log_likelihood
    monkeypatch.setattr(VAE, "log_likelihood", lambda self, *a, **more: scored(self, *a, **more)[:, None])
    with pytest.raises(ConfigError, match=r"VAE\.log_likelihood returned a tensor of shape \(\d+, 1\)"):
        genkit.evaluate(run, metrics="likelihood")


@pytest.mark.slow
def test_several_processes_read_what_the_first_was_given(tmp_path):
    words = on_objects("vae", tmp_path, "two", "budget.steps=2")
    words = ["trainer=ddp_cpu" if word == "trainer=cpu" else word for word in words]
    one = genkit.train(on_objects("vae", tmp_path, "one", "budget.steps=2"), data=X)
    two = genkit.train(words, data=X)
    assert (two["status"], two["fingerprint"]) == ("finished", one["fingerprint"])
