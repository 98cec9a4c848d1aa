"""What stands in the environment stays there: no output of a command and no file has it."""

import pytest

from tests.integration.conftest import words

SECRET = "canary-2f9c71d4"
VARIABLES = (
    "API_KEY",
    "AWS_SECRET_ACCESS_KEY",
    "HF_TOKEN",
    "WANDB_API_KEY",
    "GENKIT_PASSWORD",
    "DATABASE_URL",
)


@pytest.fixture(autouse=True)
def secrets(monkeypatch):
    for name in VARIABLES:
        monkeypatch.setenv(name, SECRET)


def files_with_it(folder):
    return [
        str(path) for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()
    ]


def test_no_output_of_a_run_has_a_secret(tmp_path, genkit):
    run = tmp_path / "run"
    commands = [
        ["train", *(w for w in words("vae", tmp_path, "run", "budget.steps=2") if w != "logger=csv")],
        ["sample", f"run={run}", "n=2"],
        ["evaluate", f"run={run}", "n=8", "metrics=nll"],
        ["runs", f"run={run}"],
        ["verify", f"run={run}"],
        ["report", f"run={run}", f"out={tmp_path / 'page'}"],
        ["train", "resume=run", f"paths.runs_dir={tmp_path}", "budget.steps=3"],
        ["train", "--cfg", "job", "model=vae", "data=digits"],
    ]
    for command in commands:
        code, out, err = genkit(*command)
        assert code == 0, (command, err)
        assert SECRET not in out + err, command
    assert len(list(tmp_path.rglob("*"))) > 20
    assert not files_with_it(tmp_path)


@pytest.mark.parametrize(
    "typed",
    [
        ["train", "model.norm=${oc.env:API_KEY}"],
        ["train", "model.norm=a${oc.env:API_KEY}b"],
        ["train", "seed=${oc.env:API_KEY}"],
        ["train", "model.norm=[${oc.env:API_KEY}]"],
        ["train", "model.norm=[[{a: ${oc.env:API_KEY}}]]"],
        ["train", "model.norm=${oc.${model.activation}:API_KEY}"],
        ["train", "--cfg", "all", "--resolve", "model.norm=[${oc.env:API_KEY}]"],
        ["train", "--info", "config", "model.norm=[${oc.env:API_KEY}]"],
        ["train", "-m", "model.norm=[${oc.env:API_KEY}],[b]"],
        ["train", "+x=${oc.env:API_KEY}"],
        ["train", "-m", "model.norm=${oc.env:API_KEY},b"],
        ["train", "--cfg", "job", "model.norm=${oc.env:API_KEY}"],
        ["train", "name=${oc.env:API_KEY}/x"],
        ["train", "model.n_head=3", "paths.runs_dir=${oc.env:API_KEY}"],
        ["sample", "run=${oc.env:API_KEY}"],
        ["runs", "run=${oc.env:API_KEY}"],
        ["data", "look", "data=text_file", "data.path=${oc.env:API_KEY}"],
        ["study", "study=${oc.env:API_KEY}"],
        ["study", "study=arm.yaml"],
        ["study", "study=quickstart", "hydra.launcher.a=[${oc.env:API_KEY}]"],
    ],
)
def test_no_refusal_tells_a_secret(typed, tmp_path, genkit, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "arm.yaml").write_text(
        'arms: {a: ["model.norm=[${oc.env:API_KEY}]"]}\nseeds: 1\nbudget: {steps: 1}\n'
    )
    code, out, err = genkit(*typed)
    assert code in (2, 4), err
    assert err.startswith("genkit: ")
    assert SECRET not in out + err
    assert not files_with_it(tmp_path)
