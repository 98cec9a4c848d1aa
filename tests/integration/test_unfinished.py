"""Commands and calls on a run that was not trained to its end say so, and give what they would give else."""

import json
import shutil

import pytest

import genkit as library


@pytest.fixture
def run(trained, tmp_path):
    """A copy of a trained run that may be said to be anything."""
    return shutil.copytree(trained("vae"), tmp_path / "run")


def interrupt(run):
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**record, "status": "interrupted"}))


SAID = (
    "run is not finished, and has checkpoints up to step 4: it was interrupted;"
    " genkit train resume=run goes on.\n"
)


def test_samples_are_those_of_a_finished_one(run, genkit, tmp_path):
    places = tmp_path / "finished.npz", tmp_path / "interrupted.npz"
    code, _, err = genkit("sample", f"run={run}", "n=2", f"out={places[0]}")
    assert (code, err) == (0, "")
    interrupt(run)
    code, _, err = genkit("sample", f"run={run}", "n=2", f"out={places[1]}")
    assert (code, err) == (0, f"note: {SAID}")
    assert places[0].read_bytes() == places[1].read_bytes()


def test_an_evaluation_says_so_before_its_table(run, genkit):
    interrupt(run)
    code, out, err = genkit("evaluate", f"run={run}", "metrics=nll", "checkpoint=last")
    assert (code, err) == (0, f"note: {SAID}")
    assert "nll" in out


def test_a_model_is_loaded_with_a_note(run, capsys):
    library.load(run)
    assert capsys.readouterr().err == ""
    interrupt(run)
    library.load(run)
    assert capsys.readouterr().err == f"note: {SAID}"
