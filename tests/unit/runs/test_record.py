"""run.json as a type: what it says, of any version, and which version reads it."""

import json
from pathlib import Path

import pytest

from genkit import runs
from genkit.core.options import Option
from genkit.runs import Best, PastSession, Record, Run, record
from genkit.runs.record import record_of
from genkit.system.errors import CheckpointError

OLD = sorted((Path(__file__).parents[2] / "old_runs").glob("*/*/run.json"))


def made(folder, plain) -> Run:
    folder.mkdir()
    (folder / "config.yaml").write_text("model: {}\n")
    (folder / "run.json").write_text(json.dumps(plain))
    return Run(folder)


@pytest.mark.parametrize("file", OLD, ids=lambda path: path.parent.name)
def test_a_record_of_an_earlier_version_is_read_and_kept(file, tmp_path):
    before = json.loads(file.read_text("utf-8"))
    run = made(tmp_path / "run", before)
    read = run.record()
    assert (read.status, read.step, read.seed) == ("finished", 6, 0)
    assert read.provenance.command[:2] == ("__main__.py", "train")
    assert [type(session) for session in read.sessions] == [PastSession]
    assert all(isinstance(option, Option) for option in read.options)
    assert not read.more
    told = read.to_dict()
    assert told == before
    run.update(status="running", reason=None)
    after = json.loads((run.path / "run.json").read_text())
    assert list(after) == list({**before, "reason": None})
    assert after == {**before, "status": "running", "reason": None}


def test_keys_of_a_later_version_are_kept_when_it_is_written_anew(tmp_path):
    best = {"step": 3, "metric": "m", "value": 1, "by": 2}
    session = {"step": 0, "overrides": {}, "zest": 1}
    later = {"status": "running", "zeal": {"a": [1, None]}, "best": best, "sessions": [session]}
    run = made(tmp_path / "run", later)
    assert run.record().more == {"zeal": {"a": [1, None]}}
    assert run.record().best == Best(3, "m", 1.0)
    run.update(status="finished")
    assert json.loads((run.path / "run.json").read_text()) == {**later, "status": "finished"}
    run.add_session(PastSession(3, {"seed": 1}, "now"), step=4)
    after = json.loads((run.path / "run.json").read_text())
    assert after["sessions"][0] == session
    assert [s.step for s in run.record().sessions] == [0, 3]
    assert {**after, "sessions": [session]} == {**later, "status": "finished", "step": 4}


def test_what_it_says_already_is_not_written(tmp_path):
    run = made(tmp_path / "run", {"status": "running", "sessions": [{"step": 0, "overrides": {}}]})
    before = (run.path / "run.json").stat().st_mtime_ns, (run.path / "run.json").read_bytes()
    run.update(status="running")
    assert ((run.path / "run.json").stat().st_mtime_ns, (run.path / "run.json").read_bytes()) == before


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        (
            {"options": [{"name": "a", "kind": "int", "default": 1, "help": ""}, 3]},
            r"options\[1\] is not a mapping",
        ),
        ({"options": [{"name": "a"}]}, r"options\[0\] has no kind"),
        ({"final": {"val/a": 1, "val/b": "x"}}, "final.val/b is not a number or null"),
        ({"sessions": [{"step": 4, "overrides": []}]}, r"sessions\[0\].overrides is not a mapping"),
        ({"provenance": {"versions": {"torch": 3}}}, "provenance.versions.torch is not a text"),
        ({"step": True}, "step is not a whole number or null"),
        ({"schema": "1"}, "schema is not a whole number"),
        ({"schema": -1}, "schema -1 was never one"),
    ],
)
def test_what_a_stranger_wrote_is_named(plain, said, tmp_path):
    with pytest.raises(CheckpointError, match=rf"run.json is damaged: {said}. Restore it"):
        made(tmp_path / "run", plain).record()


def test_a_folder_that_another_version_reads_names_it_whatever_else_it_says(tmp_path, monkeypatch):
    newer = {"schema": runs.SCHEMA + 1, "reader": "3.1.4", "status": {"of": "another shape"}}
    with pytest.raises(CheckpointError) as refused:
        made(tmp_path / "newer", newer).record()
    assert str(refused.value) == (
        f"{tmp_path / 'newer' / 'run.json'} has schema 2, and this genkit reads up to 1:"
        " genkit 3.1.4 or later reads it; update genkit."
    )
    del newer["reader"]
    with pytest.raises(CheckpointError, match="a later genkit reads it"):
        made(tmp_path / "nameless", newer).record()
    monkeypatch.setattr(record, "READERS", {1: "0.1.0"})
    monkeypatch.setattr(record, "LAST", {0: "0.4.2"})
    with pytest.raises(CheckpointError, match=r"has schema 0, which genkit 0.4.2 was the last to read"):
        made(tmp_path / "older", {"status": "finished"}).record()
    assert runs.list_runs(tmp_path)[0].status == "damaged"


def test_no_record_is_not_an_empty_one():
    assert not Record().known
    assert record_of({"zeal": 1}).known
