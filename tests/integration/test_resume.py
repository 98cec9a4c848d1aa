"""The same words give the same bytes; an interrupted training ends where an uninterrupted one does."""

from __future__ import annotations

import csv
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from pytorch_lightning.callbacks import Callback
from safetensors.torch import load_file

import genkit as library
from genkit import train
from genkit.runs import Run, checkpoints, read
from genkit.system.errors import CheckpointError, ConfigError, DataError
from genkit.system.interrupts import Interrupted
from tests.integration.conftest import MORE, TINY, weights_of, words

FAMILIES = list(TINY)
STEPS = [
    "budget.steps=7",
    "trainer.val_every=3",
    "trainer.log_every=1",
    "callbacks.checkpoint.every=1",
    "callbacks.checkpoint.keep=9",
]


class StopAt(Callback):
    """What a signal does, at a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_end(self, trainer, module, *args):
        if trainer.global_step == self.step:
            raise Interrupted(15)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """`whole(family)`: an uninterrupted run of 7 steps, made once."""
    folder, made = tmp_path_factory.mktemp("whole"), {}

    def of(family):
        if family not in made:
            made[family] = train(words(family, folder, family, *STEPS))["run"]
        return made[family]

    return of


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_words_give_the_same_bytes(family, whole, tmp_path):
    again = train(words(family, tmp_path, "again", *STEPS))["run"]
    assert weights_of(again, 7) == weights_of(whole(family), 7)
    assert set(weights_of(again, 7)) == {"weights.safetensors", "ema.safetensors", "trainer.safetensors"}
    # The noise of step t does not depend on the steps before it, so equal ends could hide unequal ways.
    assert weights_of(again, 3) == weights_of(whole(family), 3)
    one, two = (library.load(run).sample(3, seed=5) for run in (whole(family), again))
    assert (str(one), [s.tolist() for s in one.data]) == (str(two), [s.tolist() for s in two.data])


@pytest.mark.parametrize("family", FAMILIES)
def test_another_seed_gives_other_weights(family, whole, tmp_path):
    other = train(words(family, tmp_path, "other", "seed=1", *STEPS))["run"]
    assert weights_of(other, 7)["weights.safetensors"] != weights_of(whole(family), 7)["weights.safetensors"]


@pytest.mark.parametrize("family", [*FAMILIES, *MORE])
@pytest.mark.parametrize("step", [2, 4])  # within the warm-up, just after a validation
def test_resume_is_exact(family, step, whole, tmp_path):
    typed = words(family, tmp_path, "run", *STEPS)
    with pytest.raises(Interrupted):
        library.train(typed, callbacks=[StopAt(step)])
    assert read(tmp_path / "run").status == "interrupted"
    record = train([f"paths.runs_dir={tmp_path}", "resume=run"])
    assert record["status"] == "finished"
    assert record["step"] == 7
    assert weights_of(tmp_path / "run", 7) == weights_of(whole(family), 7)
    assert record["final"] == read(Path(whole(family))).final
    rows = history(tmp_path / "run")
    assert rows == history(whole(family))
    validated = [row["step"] for row in rows if any(v for k, v in row.items() if k.startswith("val/"))]
    assert validated == ["3", "6", "7"]


def history(run):
    """metrics.csv without what the clock decides."""
    with open(f"{run}/metrics.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "examples_per_second"} for row in rows]


# ---------------------------------------------------------------------- going on


@pytest.fixture
def stopped(tmp_path):
    """A run of the VAE that stopped at step 3 of 7."""
    with pytest.raises(Interrupted):
        library.train(words("vae", tmp_path, "run", *STEPS), callbacks=[StopAt(3)])
    return tmp_path / "run"


def resume(run, *more):
    return train([f"resume={run}", f"paths.runs_dir={run.parent}", *more])


def test_a_damaged_last_checkpoint_is_left_for_the_one_before(stopped, whole, capsys):
    last = stopped / "checkpoints" / "step-3"
    (last / "weights.safetensors").write_bytes(b"")
    with pytest.raises(CheckpointError, match="use checkpoint=step-2, or delete"):
        library.load(stopped)
    resume(stopped)
    said = capsys.readouterr().err
    assert "step-3/weights.safetensors has 0 bytes" in said
    assert "Going on from step-2: 1 steps are trained again." in said
    assert weights_of(stopped, 7) == weights_of(whole("vae"), 7)
    assert weights_of(stopped, 3) == weights_of(whole("vae"), 3)


def test_pointers_that_a_kill_left_behind_are_set_right(whole, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(whole("vae"), run)
    wanted = {name: (run / "checkpoints" / name).read_text() for name in ("last", "best")}
    best = read(run).best
    (run / "checkpoints" / "last").write_text("step-3\n")
    (run / "checkpoints" / "best").unlink()
    Run(run).update(status="running", best=None, step=3)
    (run / ".run.json.14411000012").write_text("{")  # the record, as a kill after the last checkpoint left it
    record = resume(run)
    assert not list(run.glob(".run.json*"))
    assert {name: (run / "checkpoints" / name).read_text() for name in wanted} == wanted
    assert (record["best"], record["step"], record["status"]) == (asdict(best), 7, "finished")


def test_a_finished_run_has_nothing_to_do_and_more_is_more(stopped, capsys):
    resume(stopped)
    before = weights_of(stopped, 7)
    record = resume(stopped)
    assert "nothing to do" in capsys.readouterr().err
    assert (record["status"], record["step"], weights_of(stopped, 7)) == ("finished", 7, before)
    assert resume(stopped, "budget.steps=9")["step"] == 9


def test_changed_data_is_refused_unless_accepted(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("abcdefgh\n" * 300)
    typed = [
        "data=text_file",
        f"data.path={text}",
        "model.block_size=16",
        "model.n_embd=16",
        "model.n_layer=1",
    ]
    typed += ["batch_size=4", "trainer=cpu", "callbacks.progress=none", "callbacks.samples.n=0"]
    typed += [f"paths.runs_dir={tmp_path}", "name=run", "logger=none", "budget.steps=2"]
    train(typed)
    text.write_text("abcdefgh\n" * 299 + "hgfedcba\n")
    with pytest.raises(DataError, match=r"has changed.*accept_new_data=true"):
        resume(tmp_path / "run", "budget.steps=3")
    assert resume(tmp_path / "run", "budget.steps=3", "accept_new_data=true")["step"] == 3


def test_where_and_how_it_is_watched_may_change(stopped):
    moved = stopped.rename(stopped.parent / "moved")
    record = resume(moved, "logger=none", "callbacks.checkpoint.every=3")
    assert record["name"] == "moved"
    assert weights_of(moved, 6)


@pytest.mark.parametrize("family", FAMILIES)
def test_init_from_begins_with_the_weights_of_another_run(family, trained, tmp_path):
    begun = tmp_path / "begun"
    more = [f"init_from={trained(family)}", "budget.steps=1", "optim.lr=1e-30", "seed=3"]
    record = train(words(family, tmp_path, "begun", *more))
    given = load_file(trained(family) / "checkpoints" / "step-4" / "weights.safetensors")
    ends = load_file(begun / "checkpoints" / "step-1" / "weights.safetensors")
    moved = ("running_mean", "running_var", "num_batches_tracked")  # statistics of the data, no weights
    for name, tensor in given.items():
        assert name.endswith(moved) or ends[name].allclose(tensor, rtol=1e-6, atol=1e-9), name
    assert record["step"] == 1


def test_init_from_weights_that_do_not_fit(trained, tmp_path):
    with pytest.raises(CheckpointError, match=r"init_from=vae is a vae, not a dcgan"):
        train(words("dcgan", tmp_path, "run", f"init_from={trained('vae')}"))
    with pytest.raises(CheckpointError, match="of another shape"):
        train(
            words(
                "vae", tmp_path, "run2", f"init_from={trained('vae')}", "model.network=conv", "data.size=12"
            )
        )
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "run2").exists()


# ---------------------------------------------------------------------- when it ends


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        ("budget.steps=3", 3),
        ("budget.epochs=0.02", 4),  # 1,437 // 8 = 179 batches; 3.58 of them, and a step is whole
        ("budget.examples=17", 3),  # two whole batches of 8 and a part of one
    ],
)
def test_budgets_in_steps_epochs_and_examples(budget, steps, tmp_path):
    record = train(words("vae", tmp_path, "run", budget))
    assert (record["step"], record["status"]) == (steps, "finished")
    assert record["final"]["step"] == steps


@pytest.mark.parametrize(("window", "steps"), [(8, 8), (32, 2)])
def test_runs_with_other_windows_read_the_same_number_of_tokens(window, steps, tmp_path):
    typed = words("gpt", tmp_path, "run", f"model.block_size={window}", "budget.tokens=512")
    assert train(list({word.partition("=")[0]: word for word in typed}.values()))["step"] == steps
    assert steps * window * 8 == 512  # in batches of 8


def test_a_budget_in_seconds_counts_what_was_spent_before(tmp_path):
    typed = words("vae", tmp_path, "run", "budget.seconds=1", "trainer.val_every=1000000")
    record = train(typed)
    assert record["status"] == "finished"
    assert record["seconds"] >= 1
    assert record["step"] >= 1
    again = resume(tmp_path / "run")
    assert again["step"] <= record["step"] + 1  # nothing is left but the step that finds it out


def test_a_resumed_run_takes_up_changed_settings_of_its_optimiser(tmp_path):
    still = ["optim.lr=1e-30", "optim.betas=[0.5,0.6]", "budget.steps=2"]
    run = Path(train(words("vae", tmp_path, "run", *still))["run"])
    before = load_file(run / "checkpoints" / "step-2" / "weights.safetensors")
    resume(run, "optim.lr=0.01", "optim.betas=[0.9,0.99]", "budget.steps=4")
    after = load_file(run / "checkpoints" / "step-4" / "weights.safetensors")
    assert all((after[name] - before[name]).abs().mean() > 1e-3 for name in before if "weight" in name)
    state = checkpoints.load(run / "checkpoints" / "step-4", trainer=True).trainer
    assert [tuple(group["betas"]) for group in state["optimizers"][0]["param_groups"]] == [(0.9, 0.99)] * 2


def test_early_stopping_ends_a_run(tmp_path):
    more = ["optim.lr=1e-30", "callbacks.early_stopping.metric=val/neg_elbo"]
    more += ["callbacks.early_stopping.patience=2", "budget.steps=50", "trainer.val_every=2"]
    record = train(words("vae", tmp_path, "run", *more))
    # The first validation is the best, as nothing is learnt; two more are waited for.
    assert (record["status"], record["step"]) == ("finished", 6)


class SignalAtValidation(Callback):
    """A signal that arrives while a validation ends; the checkpoint is written by then."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_validation_end(self, trainer, module):
        if trainer.global_step == self.step:
            raise Interrupted(15)


def test_a_signal_does_not_undo_early_stopping(tmp_path):
    more = ["optim.lr=1e-30", "callbacks.early_stopping.metric=val/neg_elbo"]
    more += ["callbacks.early_stopping.patience=2", "budget.steps=50", "trainer.val_every=2"]
    with pytest.raises(Interrupted):
        train(words("vae", tmp_path, "run", *more), callbacks=[SignalAtValidation(6)])
    assert read(tmp_path / "run").status == "interrupted"
    for _ in range(2):  # also where it had ended by itself
        record = resume(tmp_path / "run")
        assert (record["status"], record["step"], record["final"]["step"]) == ("finished", 6, 6)
    # Who wants to wait longer says so.
    record = resume(tmp_path / "run", "callbacks.early_stopping.patience=4")
    assert (record["status"], record["step"]) == ("finished", 10)


def test_early_stopping_on_what_is_not_validated(tmp_path):
    with pytest.raises(ConfigError, match=r"early_stopping.metric=val/nll is not validated.*val/kl"):
        train(words("vae", tmp_path, "run", "callbacks.early_stopping.metric=val/nll"))
    assert not (tmp_path / "run").exists()


def test_divergence_says_so_and_keeps_the_run(tmp_path, genkit):
    code, _, err = genkit("train", *words("vae", tmp_path, "run", "optim.lr=1e30", "budget.steps=20"))
    assert code == 5
    assert "step" in err
    assert "Lower optim.lr" in err
    assert read(tmp_path / "run").status == "diverged"
