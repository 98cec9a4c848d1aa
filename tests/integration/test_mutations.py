"""No leaf of a persisted file can be so wrong that anything answers with a traceback.

A seeded sample of the mutations; `GENKIT_MUTATIONS=all` takes every one of them.
"""

import json
import os
import random
import shutil

import numpy as np
import pytest

from genkit import config, runs
from genkit.data import open_dataset
from genkit.evaluation import evaluate
from genkit.inference import models
from genkit.report import page, report
from genkit.report.illustrations import Illustrations
from genkit.runs.verification import verify
from genkit.study import read_declaration
from genkit.study.folder import load_plan, member_config
from genkit.study.running import write_table
from genkit.system.errors import GenkitError
from tests.integration.conftest import words
from tests.integration.mutations import mutations
from tests.unit.report.report_runs import write_study

SAMPLE = 12  # of each file; there are some 2,000 each


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`run(family)`: a run of four steps that was evaluated."""
    from genkit import train

    folder, made = tmp_path_factory.mktemp("runs"), {}

    def of(family):
        if family not in made:
            train(words(family, folder, family, "budget.steps=4", "trainer.val_every=2"))
            evaluate(folder / family, n=8, metrics=("likelihood", "cost"), paths=config.paths([]))
            made[family] = folder / family
        return made[family]

    return of


@pytest.fixture
def quick(monkeypatch):
    """No figures are drawn, and what the words of a command say of paths is composed once."""
    monkeypatch.setattr(page, "illustrate", lambda *arguments: Illustrations())
    known = config.paths([])
    monkeypatch.setattr(config, "paths", lambda typed: {**known, **_typed(typed)})


def _typed(typed):
    found = (word.partition("=") for word in typed if word.startswith("paths."))
    return {key.removeprefix("paths."): value for key, _, value in found}


def sampled(file):
    every = list(mutations(file))
    if os.environ.get("GENKIT_MUTATIONS") == "all":
        return every
    return random.Random(file.name).sample(every, min(SAMPLE, len(every)))


def refused_or_fine(asked):
    """Ask; a refusal of ours is an answer, and so is an answer."""
    try:
        return asked()
    except GenkitError as error:
        return error


def tried(file, name, content, asked):
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    for ask in asked:
        try:
            refused_or_fine(ask)
        except Exception as error:
            pytest.fail(f"{file.name}: {name}: {type(error).__name__}: {str(error)[:300]}", pytrace=True)


# ---------------------------------------------------------------------- a run's


def commands(genkit, folder, *typed):
    """A command of the line, which must not end with a traceback."""

    def ask():
        code, out, err = genkit(*typed, f"paths.runs_dir={folder.parent}")
        assert code != 1, err[-2_000:]
        assert "\x1b" not in out + err

    return ask


RECORD = ("runs", "runs run", "compare", "verify", "report", "sample", "resume")
READERS = {
    "run.json": RECORD,
    "config.yaml": ("load", "resume", "compare", "report", "verify", "score"),
    "spec.json": ("load", "verify"),
    "checkpoints/step-4/manifest.json": ("load", "verify"),
    "checkpoints/step-4/trainer.json": ("load", "verify"),
    "findings.json": ("report", "verify", "resume"),
    "evaluation.jsonl": ("report", "verify", "compare"),
}


@pytest.mark.parametrize(
    ("family", "name"), [*(("vae", n) for n in READERS), ("gpt", "config.yaml"), ("gpt", "spec.json")]
)
def test_no_file_of_a_run_can_make_a_traceback(name, family, run, tmp_path, genkit, quick):
    folder = tmp_path / family
    shutil.copytree(run(family), folder)
    shutil.copytree(run(family), tmp_path / "other")
    file = folder / name
    before = file.read_bytes()
    asked = {
        "runs": commands(genkit, folder, "runs"),
        "runs run": commands(genkit, folder, "runs", f"run={family}"),
        "compare": commands(genkit, folder, "compare", f"run={family}", "run=other"),
        "verify": lambda: verify(folder),
        "report": lambda: report([folder], tmp_path / "report"),
        "sample": commands(genkit, folder, "sample", f"run={family}", "n=1", f"out={tmp_path / 'out.npz'}"),
        "score": commands(genkit, folder, "score", f"run={family}", "split=validation", "batch_size=64"),
        "load": lambda: models.load(folder),
        "resume": lambda: resumed(folder),
    }
    for what, content in sampled(file):
        tried(file, what, content, [asked[reader] for reader in READERS[name]])
        if name == "config.yaml":
            answer = refused_or_fine(lambda: config.load_frozen(file))
            assert not isinstance(answer, GenkitError) or answer.exit_code == 3, what
    file.write_bytes(before)
    assert not verify(folder).wrong


def resumed(folder):
    """What a resume reads before it trains."""
    from genkit.diagnostics.health import read
    from genkit.training.history import CSVHistory

    cfg = config.resume(config.load_frozen(folder / runs.CONFIG), ["resume=x"])
    record = runs.read(folder)
    read(runs.Run(folder)), runs.spec(folder), config.view(cfg)
    CSVHistory(folder / "metrics.csv", 2)
    return record


# ---------------------------------------------------------------------- a study's


@pytest.fixture
def study(run, tmp_path):
    folder = tmp_path / "runs" / "few"
    for seed in (0, 1):
        shutil.copytree(run("vae"), folder / f"a-{seed}")
        cfg = (folder / f"a-{seed}" / "config.yaml").read_text().replace("name: vae", f"name: a-{seed}")
        (folder / f"a-{seed}" / "config.yaml").write_text(cfg)
        (folder / "members").mkdir(exist_ok=True)
        (folder / "members" / f"{seed:04d}.yaml").write_text(cfg)
    ended = {"status": "finished", "seconds": 1.5}
    write_study(folder, [("a", 0, ended), ("a", 1, ended)], arms={"a": ["model=vae"]}, seeds=[0, 1])
    best = {"run": "a-0", "values": {"optim.lr": 0.1}, "value": 1.0, "direction": "lower"}
    (folder / "search.json").write_text(json.dumps({"a": {"best": best, "trials": [best]}}))
    return folder


@pytest.mark.parametrize(
    "name", ["study.yaml", "members.json", "members/0000.yaml", "outcomes/0000.json", "search.json"]
)
def test_no_file_of_a_study_can_make_a_traceback(name, study, tmp_path, genkit, quick):
    file = study / name
    before = file.read_bytes()
    asked = [
        lambda: load_plan(study),
        lambda: write_table(load_plan(study)),
        lambda: member_config(study, 0, {}),
        lambda: report(study, tmp_path / "report"),
    ]
    if name == "study.yaml":
        asked.append(lambda: read_declaration(str(file)))
    for what, content in sampled(file):
        tried(file, what, content, asked)
    file.write_bytes(before)
    assert len(load_plan(study).members) == 2
    assert (study / "a-0" / "config.yaml").is_file()


# ---------------------------------------------------------------------- packed data


def test_no_description_of_packed_data_can_make_a_traceback(tmp_path):
    """A pack whose description is damaged is refused or made anew, and then it is what it was."""
    np.savez(tmp_path / "x.npz", images=np.arange(40 * 64, dtype=np.uint8).reshape(40, 8, 8))
    typed = [
        "data=arrays",
        f"data.path={tmp_path / 'x.npz'}",
        "model=vae",
        f"paths.cache_dir={tmp_path / 'c'}",
    ]
    cfg = config.compose("train", typed)

    def opened():
        return open_dataset(cfg.data, cfg.paths.by_name, config.view(cfg)).fingerprint

    fingerprint = opened()
    (file,) = (tmp_path / "c").glob("*/dataset.json")
    before = file.read_bytes()
    for what, content in sampled(file):
        tried(file, what, content, [opened])
        file.write_bytes(before)
    assert opened() == fingerprint
