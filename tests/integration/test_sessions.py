"""A run that goes on: what is refused changes no byte, what goes on otherwise is said and written down."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from pytorch_lightning.callbacks import Callback

import genkit as library
from genkit import config, runs, train
from genkit.runs import Run, checkpoints, read
from genkit.system.errors import CheckpointError, ConfigError, StorageError
from genkit.system.interrupts import Interrupted
from tests.integration.conftest import weights_of, words


def digest(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, links by what they say."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = os.readlink(path)
        elif path.is_file():
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def typed(runs_dir: Path, name: str, *more: str) -> list[str]:
    """What to type for a tiny VAE; the last word for a key counts."""
    return list({word.partition("=")[0]: word for word in words("vae", runs_dir, name, *more)}.values())


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a finished run of the VAE, of 4 steps."""
    return Path(shutil.copytree(trained("vae"), tmp_path / "runs" / "vae"))


def resume(run, *more):
    return train([f"resume={run}", f"paths.runs_dir={run.parent}", *more])


# ---------------------------------------------------------------------- a refused command changes no byte


REFUSED = {
    "resume with an average that was never kept": [
        "train",
        "resume=vae",
        "optim.ema=null",
        "optim.ema=0.5",
        "x",
    ],
    "resume with another optimiser": ["train", "resume=vae", "optim.name=muon", "budget.steps=9"],
    "resume with a term that is not validated": [
        *("train", "resume=vae", "callbacks.early_stopping.metric=val/nope", "budget.steps=9"),
    ],
    "resume with another model": ["train", "resume=vae", "model.width=8"],
    "resume with an unknown key": ["train", "resume=vae", "optim.lrr=1"],
    "resume with a value out of range": ["train", "resume=vae", "optim.lr=-1"],
    "resume with a precision that there is not": ["train", "resume=vae", "trainer.precision=8-true"],
    "resume on another accelerator": ["train", "resume=vae", "trainer=gpu", "budget.steps=9"],
    "train under a name that is taken": ["train", "name=vae", "model=vae", "data=digits"],
    "sample with an unknown option": ["sample", "run=vae", "tempo=1"],
    "sample from no checkpoint": ["sample", "run=vae", "checkpoint=step-9"],
    "sample into a file of another kind": ["sample", "run=vae", "out=x.txt"],
    "sample into a folder that holds something": ["sample", "run=vae", "n=1", "out=vae"],
    "score a text": ["score", "run=vae", "text=a"],
    "talk with images": ["chat", "run=vae"],
    "a page at a port that there is not": ["app", "run=vae", "port=70000"],
    "a page of no checkpoint": ["app", "run=vae", "checkpoint=step-9", "port=0"],
    "evaluate without a metric": ["evaluate", "run=vae", "metrics=nope"],
    "evaluate with weights of no extractor": ["evaluate", "run=vae", "extractor.weights=x.pth"],
    "evaluate with weights that are not there": [
        *("evaluate", "run=vae", "extractor=dinov2", "extractor.weights=x.pth"),
    ],
    "evaluate with an extractor that lacks weights": ["evaluate", "run=vae", "extractor=dinov2"],
    "restyle to no class": ["restyle", "run=vae"],
    "export images": ["export", "run=vae", "out=exported"],
    "put on the hub under no name": ["push", "run=vae", "to=../x"],
    "interpolate with a word": ["interpolate", "run=vae", "path=straight"],
    "reconstruct into a text": ["reconstruct", "run=vae", "out=x.txt"],
    "restyle without labels": ["restyle", "run=vae", "label=1"],
    "complete by a mask that there is not": ["complete", "run=vae", "mask=half"],
    "denoise by too much": ["denoise", "run=vae", "scale=99"],
    "upscale by what does not divide": ["upscale", "run=vae", "factor=3"],
    "report into a folder of something else": ["report", "run=vae", "out=vae"],
    "compare with none": ["compare", "vae", "none"],
    "look into none": ["runs", "run=none"],
    "verify none": ["verify", "run=none"],
    "a study that there is not": ["study", "study=none"],
    "show a part that there is not": ["data", "show", "data=digits", "part=all"],
    "show digits into a text": ["data", "show", "data=digits", "out=x.txt"],
    "check an unknown key": ["data", "check", "data=digits", "data.sizes=3"],
    "pack nothing": ["data", "pack", "data=arrays", "data.path=none.npy"],
}


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    """A runs folder with two finished runs, of which one has no average."""
    folder = tmp_path_factory.mktemp("refused")
    shutil.copytree(trained("vae"), folder / "vae")
    train(typed(folder, "plain", "optim.ema=null", "budget.steps=2"))
    return folder


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_command_changes_no_byte(what, folder, genkit, monkeypatch):
    monkeypatch.chdir(folder)
    before = digest(folder)
    code, out, err = genkit(*REFUSED[what], f"paths.runs_dir={folder}")
    assert code in (2, 3, 4, 5), (code, out, err)
    assert err.strip().splitlines()[-1].startswith("genkit: "), err
    assert digest(folder) == before


def test_every_command_is_among_the_refused():
    from genkit.cli import COMMANDS

    assert {typed[0] for typed in REFUSED.values()} >= set(COMMANDS) - {"families"}  # which refuses nothing


def test_a_refused_resume_is_not_remembered(folder, genkit):
    for word in ("optim.ema=0.9", "optim.name=muon"):
        change = ("resume=plain", word, "budget.steps=3", f"paths.runs_dir={folder}")
        assert genkit("train", *change)[0] in (2, 3)
    assert train(["resume=plain", "budget.steps=3", f"paths.runs_dir={folder}"])["step"] == 3


def test_nothing_to_do_changes_no_byte(run, genkit):
    before = digest(run)
    for more in ([], ["budget.steps=3"], ["optim.lr=0.5"]):
        assert genkit("train", f"resume={run}", *more)[0] == 0
        assert digest(run) == before


# ---------------------------------------------------------------------- sessions


def test_the_configuration_stays_and_sessions_are_appended(run):
    frozen = (run / "config.yaml").read_bytes()
    first = read(run).provenance
    resume(run, "budget.steps=6", "optim.lr=0.01")
    resume(run, "budget.steps=7")
    assert (run / "config.yaml").read_bytes() == frozen
    record = read(run)
    assert record.provenance == first
    assert [session.step for session in record.sessions] == [0, 4, 6]
    assert [session.overrides for session in record.sessions] == [
        {},
        {"budget.steps": 6, "optim.lr": 0.01},
        {"budget.steps": 7},
    ]
    for session in record.sessions:
        assert session.threads == torch.get_num_threads()
        assert session.versions["torch"] == torch.__version__.partition("+")[0] or torch.__version__
        assert session.command
    cfg = config.load_frozen(run / "config.yaml")
    assert (cfg.budget.steps, cfg.optim.lr) == (7, 0.01)
    # A session's change holds until another changes it: the run has no other rate than the last one.
    state = checkpoints.load(run / "checkpoints" / "step-7", trainer=True).trainer
    assert state["optimizers"][0]["param_groups"][0]["base_lr"] == 0.01


def test_a_resume_that_is_cut_off_goes_on_as_it_was_changed(run):
    with pytest.raises(Interrupted):
        library.train([f"resume={run}", "budget.steps=9"], callbacks=[StopAt(6)])
    assert read(run).status == "interrupted"
    assert resume(run)["step"] == 9


class StopAt(Callback):
    def __init__(self, step, do=None):
        self.step, self.do = step, do

    def on_train_batch_end(self, trainer, module, *args):
        if trainer.global_step == self.step:
            if self.do is None:
                raise Interrupted(15)
            self.do()


def test_what_changes_is_said_with_its_old_value(run, capsys):
    more = ["trainer.accumulate=2", "optim.betas=[0.8,0.9]", "trainer.precision=bf16-mixed"]
    resume(run, "budget.steps=5", "optim.schedule=constant", *more)
    said = capsys.readouterr().err
    for key in ("budget.steps=5 (was 4)", "optim.betas=[0.8,0.9] (was [0.9,0.999])"):
        assert key in said
    assert "trainer.accumulate=2 (was 1)" in said
    assert "trainer.precision=bf16-mixed (was 32-true)" in said


def test_a_learning_rate_that_a_new_budget_lifts_is_said_and_can_be_kept(run, capsys):
    """Cosine from 1 to 0.1: finished at 4 of 4 steps the factor is 0.1; at 4 of 40 it is near 1."""
    lr = config.load_frozen(run / "config.yaml").plain["optim"]["lr"]
    with pytest.raises(Interrupted):
        train([f"resume={run}", "budget.steps=40", "callbacks.checkpoint.every=1"], callbacks=[StopAt(5)])
    said = capsys.readouterr().err
    assert f"and not at {0.1 * lr:.3g}" in said
    advice = said.split("anew: ")[1].split(" keeps it")[0].split()
    lifted = checkpoints.load(run / "checkpoints" / "step-5", trainer=True).trainer
    assert lifted["optimizers"][0]["param_groups"][0]["lr"] > 0.9 * lr
    with pytest.raises(Interrupted):
        train([f"resume={run}", *advice], callbacks=[StopAt(6)])
    kept = checkpoints.load(run / "checkpoints" / "step-6", trainer=True).trainer
    assert kept["optimizers"][0]["param_groups"][0]["lr"] == pytest.approx(0.1 * lr, rel=0.01)


def test_other_threads_and_versions_are_said(run, capsys):
    record = json.loads((run / "run.json").read_text())
    record["sessions"][-1]["threads"] += 1
    record["sessions"][-1]["versions"]["torch"] = "1.0"
    (run / "run.json").write_text(json.dumps(record))
    resume(run, "budget.steps=5")
    said = capsys.readouterr().err
    assert "with other versions (torch 1.0, now" in said
    assert f"trainer.threads={torch.get_num_threads() + 1} keeps the bits" in said
    capsys.readouterr()
    resume(run, "budget.steps=6")
    said = capsys.readouterr().err
    assert "other versions" not in said
    assert "threads" not in said


def test_a_key_that_this_version_has_not_is_refused(run):
    cfg = yaml.safe_load((run / "config.yaml").read_text())
    cfg["optim"]["learning_rate"] = cfg["optim"].pop("lr")
    (run / "config.yaml").write_text(yaml.safe_dump(cfg))
    with pytest.raises(CheckpointError, match=r"optim.learning_rate, which this version does not know"):
        resume(run, "budget.steps=9")


def test_a_record_of_a_later_version_asks_for_an_update(run):
    assert read(run).schema == runs.SCHEMA
    Run(run).update(schema=runs.SCHEMA + 1, reader="7.2.0", parameters="many")
    with pytest.raises(CheckpointError, match=r"has schema 2.*genkit 7.2.0 or later reads it; update genkit"):
        library.load(run)


@pytest.mark.parametrize(
    "overrides",
    [{"model.width": 9}, {"seed": 3}, {"a.b": {"_target_": "os.system"}}, {"optim.lr.x": 3}, [], 3],
)
def test_sessions_that_a_stranger_has_written_are_refused(overrides, run):
    record = json.loads((run / "run.json").read_text())
    record["sessions"].append({"step": 4, "overrides": overrides})
    (run / "run.json").write_text(json.dumps(record))
    with pytest.raises(CheckpointError):
        library.load(run)


# ---------------------------------------------------------------------- a clock that has run out


def test_a_spent_clock_trains_no_step_more(tmp_path, capsys):
    step = train(typed(tmp_path, "run", "budget.seconds=1", "trainer.val_every=1000000"))["step"]
    before = digest(tmp_path / "run")
    for _ in range(2):
        assert resume(tmp_path / "run")["step"] == step
        assert "has spent its budget of 1 seconds" in capsys.readouterr().err
    assert digest(tmp_path / "run") == before


# ---------------------------------------------------------------------- a folder that is moved


def _other(trained, place):
    """Another run under a path."""
    shutil.copytree(trained("vae"), place)


MOVED = {
    "moved": lambda trained, path: path.rename(path.with_name("elsewhere")),
    "deleted": lambda trained, path: shutil.rmtree(path),
    "replaced": lambda trained, path: (path.rename(path.with_name("elsewhere")), _other(trained, path)),
}


@pytest.mark.parametrize("what", MOVED)
@pytest.mark.parametrize("logger", ["csv", "default"])
def test_a_run_that_is_moved_while_it_trains_writes_nothing_to_its_old_path(what, logger, trained, tmp_path):
    path = tmp_path / "run"
    then = []

    def move():
        MOVED[what](trained, path)
        then.append(digest(tmp_path))

    more = ["budget.steps=9", "trainer.val_every=2", "callbacks.samples.n=2", f"logger={logger}"]
    with pytest.raises(StorageError, match="was moved, replaced or deleted"):
        train(typed(tmp_path, "run", *more), callbacks=[StopAt(5, move)])
    now = digest(tmp_path)
    there = {key: value for key, value in now.items() if key.startswith("run/")}
    assert there == {key: value for key, value in then[0].items() if key.startswith("run/")}
    if what == "deleted":
        assert not path.exists()
        train(words("vae", tmp_path, "run"))  # its name is free again
    else:
        checkpoints.verify(tmp_path / "elsewhere" / "checkpoints" / "step-4")
        assert resume(tmp_path / "elsewhere")["step"] == 9
        if what == "moved":
            return
        assert weights_of(path, 4) == weights_of(trained("vae"), 4)


# ---------------------------------------------------------------------- names


@pytest.mark.parametrize("kind", ["file", "dangling link", "link to a file", "folder"])
def test_a_name_that_something_else_has(kind, tmp_path, genkit):
    place = tmp_path / "run"
    if kind == "file":
        place.write_text("")
    elif kind == "folder":
        place.mkdir()
        (place / "notes.txt").write_text("")
    else:
        (tmp_path / "aim").write_text("") if kind == "link to a file" else None
        place.symlink_to(tmp_path / "aim")
    before = digest(tmp_path)
    code, _, err = genkit("train", *words("vae", tmp_path, "run"))
    assert code == 2
    assert f"{place} is a {kind.removeprefix('link to a ')}, and no run" in err
    assert "resume=" not in err
    assert digest(tmp_path) == before


def test_two_forms_of_one_name_are_one_run(tmp_path, genkit):
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    train(words("vae", tmp_path, composed, "budget.steps=1"))
    code, _, err = genkit("train", *words("vae", tmp_path, decomposed))
    assert code == 2
    assert "exists" in err
    assert runs.find(decomposed, tmp_path) == tmp_path / composed
    with pytest.raises(ConfigError):
        runs.find("caf\u00e8", tmp_path)


def test_a_run_of_before_there_were_tokens_takes_a_budget_of_them(trained, tmp_path):
    run = Path(shutil.copytree(trained("gpt"), tmp_path / "runs" / "gpt"))
    frozen = yaml.safe_load((run / "config.yaml").read_text())
    del frozen["budget"]["tokens"]
    (run / "config.yaml").write_text(yaml.safe_dump(frozen))
    window, batch = frozen["model"]["block_size"], frozen["batch_size"]
    assert resume(run, f"budget.tokens={6 * window * batch}")["step"] == 6


def test_images_have_no_budget_of_tokens(run):
    before = digest(run)
    with pytest.raises(ConfigError, match=r"budget.tokens is for texts, and data=digits .* budget.examples"):
        resume(run, "budget.tokens=1000")
    assert digest(run) == before
