"""A factorial study from the command line: what is declared, run, gone on with and reported."""

from __future__ import annotations

import json

import pytest

import genkit as library
from genkit.families.vae import VAE
from genkit.study.declaring import read_declaration, read_plain
from genkit.study.factorial import check_factorial
from genkit.system.errors import ConfigError

TINY = ["model=vae", "model.width=4", "model.hidden=16", "model.latent_size=4"]
FACTORIAL = {
    "question": "Which?",
    "common": ["trainer=cpu", "batch_size=8", "trainer.val_batches=1", "callbacks.samples.n=0", "logger=csv"],
    "blocks": {
        "digits": {"common": ["data=digits"], "arms": {"a": TINY, "b": [*TINY, "model.beta=2"]}},
        "plucks": {
            "common": ["data=plucks", "data.examples=100", "data.view=mel"],
            "arms": {"a": TINY, "b": [*TINY, "model.beta=2"]},
            "evaluate": {"n": 20},
        },
    },
    "seeds": 1,
    "budgets": {"steps": [1, 2]},
    "primary": "kid",
    "evaluate": {"n": 16, "checkpoint": "last", "metrics": ["kid"]},
}


def written(folder, **changed):
    file = folder / "factorial_of_two.yaml"
    file.write_text(json.dumps({**FACTORIAL, **changed}))
    return file


def test_a_cell_is_the_study_of_its_block_under_its_budget(tmp_path):
    factorial = check_factorial(*read_plain(str(written(tmp_path))))
    assert [study.name for study in factorial.cells] == ["digits-1", "plucks-1", "digits-2", "plucks-2"]
    assert (factorial.size, factorial.comparisons, factorial.budgets) == (8, 4, ("steps", (1.0, 2.0)))
    plucks = factorial.cells[3]
    assert plucks.budget == ("steps", 2)
    assert plucks.arms["b"] == [
        *FACTORIAL["common"],
        *FACTORIAL["blocks"]["plucks"]["common"],
        *TINY,
        "model.beta=2",
    ]
    assert plucks.evaluate == {"n": 20, "checkpoint": "last", "metrics": ["kid"]}
    assert factorial.cells[0].evaluate["n"] == 16


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"block": {}}, "a factorial study has no block. Did you mean blocks?"),
        ({"blocks": {}}, "blocks: is no mapping"),
        ({"blocks": {"digits": []}}, "block digits is no mapping"),
        ({"blocks": {"digits": {"arm": {}}}}, "block digits has no arm. Did you mean arms?"),
        ({"blocks": {"digits": {"arms": {}}}}, "block digits: a study needs arms"),
        ({"blocks": {"../up": {"arms": {"a": TINY}}}}, "cannot name a study"),
        ({"blocks": {"digits": {"arms": {"a": TINY}, "common": "data=digits"}}}, "common: is no list"),
        ({"blocks": {"digits": {"arms": {"a": TINY}, "evaluate": [1]}}}, "evaluate: is no mapping"),
        ({"primary": None}, "needs a metric that decides"),
        ({"budgets": None}, "write one unit and its amounts"),
        ({"budgets": {"steps": 5}}, "write one unit and its amounts"),
        ({"budgets": {"steps": []}}, "write one unit and its amounts"),
        ({"budgets": {"steps": [2, 1]}}, "from the least to the most"),
        ({"budgets": {"steps": [1, 1.0]}}, "from the least to the most"),
        ({"budgets": {"steps": ["many"]}}, "many is no number of steps"),
        ({"budgets": {"epochs": [1]}}, "no budget in epochs"),
        ({"budgets": {"steps": [-1]}}, "is no positive number"),
        ({"seeds": 0}, "needs seeds"),
        ({"name": "../up"}, "cannot name a study"),
        ({"looks": 2}, "a factorial study has no looks"),
    ],
)
def test_what_no_grid_can_be_is_refused(tmp_path, changed, said):
    with pytest.raises(ConfigError) as caught:
        check_factorial(*read_plain(str(written(tmp_path, **changed))))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_grid_is_no_single_study(tmp_path):
    with pytest.raises(ConfigError, match="is a factorial study"):
        read_declaration(str(written(tmp_path)))


def test_the_grid_that_is_shipped_can_tell_its_arms_apart():
    from genkit.statistics import reach_of_blocks

    factorial = check_factorial(*read_plain("families_by_medium"))
    assert {len(study.arms) for study in factorial.cells} == {4}
    assert "can reach p" in reach_of_blocks(factorial.comparisons, 8)
    assert not reach_of_blocks(factorial.comparisons, 8).startswith("Too few")


class Small(VAE):
    """A family of this process."""


@pytest.mark.slow
def test_a_factorial_study_is_run_from_python_with_a_class_of_ones_own(tmp_path):
    blocks = {
        "digits": {
            "common": ["data=digits"],
            "arms": {"a": [Small, *TINY[1:]], "b": [Small, *TINY[1:], "model.beta=2"]},
        }
    }
    told = {**FACTORIAL, "blocks": blocks, "evaluate": {"n": 16, "checkpoint": "last", "metrics": ["kid"]}}
    found = library.study({**told, "name": "both"}, runs_dir=tmp_path)
    assert {path.name for path in (tmp_path / "both").iterdir()} == {
        *("factorial.yaml", "report", "digits-1", "digits-2"),
    }
    assert found.page == tmp_path / "both" / "report" / "report.html"
    assert found.verdict == (found.page.parent / "verdict.txt").read_text().strip()
    members = [f"digits-{amount}/{arm}-0" for amount in (1, 2) for arm in "ab"]
    assert found.ended == dict.fromkeys(members, "finished")
    assert {(row.place.run, row.metric) for row in found.rows if row.role == "model"} == {
        (run, "kid_digits") for run in members
    }
    assert [(c.first, c.second) for c in found.comparisons] == [
        (f"digits-{amount}/a", f"digits-{amount}/b") for amount in (1, 2)
    ]
    again = library.report("both", runs_dir=tmp_path)
    assert (again.verdict, again.ended, again.rows) == (found.verdict, found.ended, found.rows)
    with pytest.raises(
        ConfigError, match=r"data= is of a single dataset, and each of the blocks names its own"
    ):
        library.study({**told, "name": "both"}, data=["a text"], runs_dir=tmp_path)


@pytest.mark.slow
def test_a_factorial_study_runs_goes_on_and_is_reported_anew(tmp_path, genkit):
    words = ["study", f"study={written(tmp_path)}", f"paths.runs_dir={tmp_path / 'runs'}"]
    code, out, err = genkit(*words, "dry=true")
    assert code == 0, err
    assert "2 blocks × 2 budgets of steps, 8 runs; 8 of them to run" in out
    assert "Too few seeds to tell" in out
    assert not (tmp_path / "runs").exists()
    code, out, err = genkit(*words)
    assert code == 0, err
    folder = tmp_path / "runs" / "factorial_of_two"
    assert {path.name for path in folder.iterdir()} == {
        *("factorial.yaml", "report", "digits-1", "digits-2", "plucks-1", "plucks-2"),
    }
    page = folder / "report" / "report.html"
    assert f"report: {page}" in out
    assert "plucks under 2 steps" in page.read_text()
    said = (folder / "report" / "verdict.txt").read_text()
    assert "digits: " in said
    assert "plucks: " in said
    assert "to run" not in said
    page.unlink()
    code, out, err = genkit("report", "study=factorial_of_two", f"paths.runs_dir={tmp_path / 'runs'}")
    assert code == 0, err
    assert page.is_file()
    # A second seed is added, a study of another kind is not.
    code, out, err = genkit(*words, "seeds=2")
    assert code == 0, err
    assert len((folder / "digits-1" / "members.json").read_text().split("number")) == 1 + 4
    written(tmp_path, seeds=2, primary="recall", evaluate={"n": 17})
    code, out, err = genkit(*words)
    assert code == 2
    assert "digits-1: " in err
    assert "was made with evaluate" in err
