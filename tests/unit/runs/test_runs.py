"""The run folder: names, atomic writes, the lock, the record, the order of a list."""

import json
import os
import sys
import time
from types import SimpleNamespace

import pytest

from genkit import cli, config, runs
from genkit.core.codecs import CharCodec
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.runs import Record, Run
from genkit.runs.record import plain
from genkit.system.errors import CheckpointError, ConfigError, Locked, StorageError


def made(folder, name, **record):
    run = Run.create(folder, name)
    (run.path / runs.CONFIG).write_text("model: {}\n")
    run.update(**record)
    return run


@pytest.mark.parametrize("name", ["a", "A-1_b.c", "字 和 blank", "a=b,c", "$x", "'q'", "100%", "x" * 120])
def test_names_that_can_be_folders(name, tmp_path):
    assert runs.check_run_name(name) == name
    assert Run.create(tmp_path, name).path.parent == tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".x",
        "a/b",
        "/a",
        "a\\b",
        "../a",
        "a\0b",
        "a\nb",
        "a\tb",
        "\x1b[1m",
        " a",
        "a ",
        "\u202ea",
        "\u2028",
        "x" * 121,
    ],
)
def test_names_that_lead_elsewhere_or_cannot_be_read(name, tmp_path):
    with pytest.raises(ConfigError, match="cannot name a run"):
        Run.create(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_new_names_say_what_runs_and_do_not_collide():
    names = {runs.new_name("gpt", "colors") for _ in range(50)}
    assert len(names) == 50
    assert all(name.startswith("gpt-colors-") and runs.check_run_name(name) for name in names)


def test_a_name_is_taken_once(tmp_path):
    (Run.create(tmp_path, "a").path / "config.yaml").write_text("")
    with pytest.raises(ConfigError, match=r"a run named a exists.*another name=.*resume=a"):
        Run.create(tmp_path, "a")


def test_a_place_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot make .*paths.runs_dir"):
        Run.create(tmp_path / "file", "a")


# ---------------------------------------------------------------------- writing


def test_a_write_that_fails_leaves_the_old_text(tmp_path, monkeypatch):
    file = tmp_path / "run.json"
    runs.write_atomically(file, "old")

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"No space left.*Free space"):
        runs.write_atomically(file, "new")
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_text_is_on_the_disk_before_it_replaces_the_old_one(tmp_path, monkeypatch):
    order = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append("fsync"), fsync(handle))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (order.append("replace"), replace(a, b))[1])
    runs.write_atomically(tmp_path / "a", "字\n")
    assert order == ["fsync", "replace"]
    assert (tmp_path / "a").read_bytes() == "字\n".encode()


def test_records_are_merged(tmp_path):
    run = made(tmp_path, "a", status="running", pid=1)
    run.update(status="finished", name="字")
    assert run.record() == Record(status="finished", pid=1, name="字")
    assert "字" in (run.path / runs.RECORD).read_text(encoding="utf-8")


@pytest.mark.parametrize("content", [b"{", b"", b"\xff", b"[]", b"3"])
def test_a_damaged_record_is_refused_by_name(content, tmp_path):
    run = made(tmp_path, "a")
    (run.path / runs.RECORD).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run.json"):
        run.record()


def test_no_record_is_an_empty_one(tmp_path):
    assert not Run.create(tmp_path, "a").record().known


# ---------------------------------------------------------------------- the lock


def test_a_lock_is_exclusive_and_can_be_taken_again(tmp_path):
    run = made(tmp_path, "a", pid=4711)
    with run.lock(), pytest.raises(Locked, match="a is being trained by process 4711") as refused:
        Run(run.path).lock()
    assert refused.value.exit_code == 7
    run.lock().release()


def test_a_lock_file_left_behind_locks_nothing(tmp_path):
    run = made(tmp_path, "a", pid=4711, status="running")
    (run.path / ".lock").write_text("4711")
    run.lock().release()


def test_a_name_in_use_says_who_uses_it(tmp_path):
    run = made(tmp_path, "a", pid=4711)
    with run.lock(), pytest.raises(Locked, match="process 4711"):
        Run.create(tmp_path, "a")
    with pytest.raises(ConfigError, match="resume=a"):
        Run.create(tmp_path, "a")


@pytest.mark.parametrize(
    ("logged", "said"),
    [
        ("step,a\n1,2\n7,3\n", "; 3 or more steps after it are lost and trained again."),
        ("step,a\n4,3\n", "is of step 4."),
        ("step,a\n4,3\n7\0", "is of step 4."),
        (None, "is of step 4."),
    ],
)
def test_a_trainer_that_died_is_spoken_of(logged, said, tmp_path):
    run = made(tmp_path, "a", pid=4711, status="running")
    if logged is not None:
        (run.path / "metrics.csv").write_text(logged)
    assert run.left_behind(4).startswith("a was left by process 4711, which is no more; its last checkpoint")
    assert run.left_behind(4).endswith(said)
    for status in ("finished", "interrupted", "failed", "diverged"):
        run.update(status=status)
        assert run.left_behind(4) is None


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({}, None),
        ({"status": "finished"}, None),
        ({"status": "interrupted"}, "it was interrupted; genkit train resume=a goes on."),
        ({"status": "running"}, "process 4711 left it, and is no more; genkit train resume=a goes on."),
        (
            {"status": "diverged", "reason": "Diverged: the loss is NaN."},
            "it diverged: Diverged: the loss is NaN.",
        ),
        ({"status": "failed"}, "it is failed."),
    ],
)
def test_who_uses_a_run_that_is_not_finished_is_told(record, said, tmp_path):
    run = made(tmp_path, "a", pid=4711, **record)
    assert run.unfinished() == (said and f"a is not finished: {said}")
    (run.checkpoints / "step-20").mkdir(parents=True)
    (run.checkpoints / "step-8").mkdir()
    assert run.unfinished() == (said and f"a is not finished, and has checkpoints up to step 20: {said}")


def test_a_run_that_is_being_trained_is_told_from_one_that_was_left(tmp_path):
    run = made(tmp_path, "a", pid=4711, status="running")
    with run.lock():
        assert Run(run.path).unfinished() == "a is not finished: process 4711 is training it."
    assert "is no more" in run.unfinished()
    run.lock().release()  # and whoever asked holds nothing


def test_a_disk_without_room_for_two_checkpoints(tmp_path, monkeypatch):
    monkeypatch.setattr(runs.run.shutil, "disk_usage", lambda place: SimpleNamespace(free=50_000_000))
    runs.check_room(tmp_path, 25_000_000)
    with pytest.raises(StorageError, match=r"has 50 MB free, and two checkpoints .* need 60 MB.*runs_dir"):
        runs.check_room(tmp_path / "run", 30_000_000)


# ---------------------------------------------------------------------- finding


def test_runs_are_listed_by_creation_not_by_the_clock_of_the_files(tmp_path):
    for name, created in (("b", "2026-01-03"), ("c", "2026-01-01"), ("a", "2026-01-02")):
        run = made(tmp_path, name, created=created)
        os.utime(run.path, (0, 0) if name == "b" else (time.time(), time.time()))
        os.utime(run.path / runs.RECORD, (0, 0) if name == "b" else None)
    made(tmp_path, "undated")
    (tmp_path / "no-run").mkdir()
    (tmp_path / "file").write_text("")
    assert [record.name for record in runs.list_runs(tmp_path)] == ["undated", "c", "a", "b"]
    assert runs.list_runs(tmp_path / "none") == []


def test_find_by_path_and_by_name(tmp_path, monkeypatch):
    run = made(tmp_path / "runs", "a")
    assert runs.find("a", tmp_path / "runs") == run.path
    assert runs.find(str(run.path), "elsewhere") == run.path
    monkeypatch.chdir(tmp_path)
    assert runs.find("runs/a", "elsewhere").samefile(run.path)


@pytest.mark.parametrize(
    ("run", "error", "said"),
    [
        ("alpah", ConfigError, "Did you mean alpha?"),
        ("", ConfigError, "no run ''"),
        ("https://host/a", ConfigError, "copy the run folder"),
        ("a\0b", ConfigError, "NUL"),
        ("other", CheckpointError, "config.yaml is missing"),
        (sys.executable, ConfigError, "is a file"),
    ],
)
def test_what_is_no_run(run, error, said, tmp_path):
    made(tmp_path, "alpha")
    (tmp_path / "other").mkdir()
    with pytest.raises(error) as refused:
        runs.find(run, tmp_path)
    assert said in str(refused.value)


# ---------------------------------------------------------------------- spec and provenance


@pytest.mark.parametrize(
    "spec", [ArraySpec(3, (8, 9), 17, ("a", "字")), TokenSpec(CharCodec.of("ab\n字"), separator="\n")]
)
def test_a_spec_comes_back(spec, tmp_path):
    run = made(tmp_path, "a")
    (run.path / runs.SPEC).write_text(json.dumps(spec.to_dict()), encoding="utf-8")
    assert runs.spec(run.path).to_dict() == spec.to_dict()


def test_another_spec_than_the_recorded_one_is_refused(tmp_path):
    run = made(tmp_path, "a", spec_sha256="0" * 64)
    (run.path / runs.SPEC).write_text(json.dumps(ArraySpec(1, (8, 8)).to_dict()))
    with pytest.raises(CheckpointError, match="not the one that the run was trained with"):
        runs.spec(run.path)


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"kind": "arrays"}', '{"kind": "arrays", "shape": [1]}']
)
def test_a_damaged_spec_is_refused(content, tmp_path):
    run = made(tmp_path, "a")
    (run.path / runs.SPEC).write_text(content)
    with pytest.raises(CheckpointError, match=r"spec.json is damaged"):
        runs.spec(run.path)


def test_provenance_is_plain_and_says_versions_and_command(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["/some/where/genkit", "train", "seed=1"])
    monkeypatch.chdir(tmp_path)  # no checkout
    made = runs.provenance()
    said = json.loads(json.dumps(plain({"provenance": made})))["provenance"]
    assert said["command"] == ["genkit", "train", "seed=1"]
    assert said["python"] == ".".join(map(str, sys.version_info[:3]))
    assert said["versions"]["numpy"] == __import__("numpy").__version__
    assert said["git"] is None
    assert list(said) == ["command", "python", "versions", "hardware", "git"]


def closed(monkeypatch, folder):
    """A folder that nobody may look into, also for who may look everywhere."""

    def shut(name):
        real = getattr(os, name)

        def refused(path, *args, **how):
            within = str(path).startswith(f"{folder}{os.sep}")
            if within or (name == "scandir" and str(path) == str(folder)):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path, *args, **how)

        monkeypatch.setattr(os, name, refused)

    for name in ("stat", "lstat", "scandir", "open"):
        shut(name)


def test_a_run_that_nobody_may_look_into_is_named_and_hides_no_other(tmp_path, monkeypatch):
    shut, other = made(tmp_path, "shut"), made(tmp_path, "other")
    closed(monkeypatch, shut.path)
    with pytest.raises(
        CheckpointError, match=r"shut is a folder that cannot be looked into \(Permission denied"
    ):
        runs.find("shut", tmp_path)
    assert runs.find("other", tmp_path) == other.path
    listed = {record.name: record for record in runs.list_runs(tmp_path)}
    assert listed["shut"].status == "damaged"
    assert "Permission denied" in listed["shut"].reason
    with pytest.raises(CheckpointError, match=r"config.yaml cannot be read: Permission denied"):
        config.load_frozen(shut.path / "config.yaml")


def test_a_place_that_nobody_may_look_at_is_one_line(tmp_path, monkeypatch, capsys):
    def refused(words):
        raise PermissionError(13, "Permission denied", "/root/x")

    monkeypatch.setattr(cli, "_dispatch", refused)
    assert cli.main(["runs"]) == 6
    assert capsys.readouterr().err == "genkit: /root/x: Permission denied; see whose it is.\n"
