"""Files and folders that are replaced in one step: whatever fails, what was there stays, and nothing else."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from genkit.core.codecs import CharCodec
from genkit.core.samples import Samples
from genkit.core.spec import ArraySpec, TokenSpec
from genkit.runs import rows
from genkit.system import storage
from genkit.system.errors import ConfigError, StorageError


def images(n=3):
    return Samples(torch.rand(n, 1, 4, 4), ArraySpec(1, (4, 4)), seed=0)


def texts():
    codec = CharCodec.of("ab\n字")
    return Samples([torch.tensor([1, 2]), torch.tensor([2, 1])], TokenSpec(codec), seed=0)


CALLS = {"open": "builtins.open", "fsync": "os.fsync", "replace": "os.replace", "rename": "os.rename"}
OUTPUTS = {
    "grid.png": images,
    "all.npz": images,
    "texts.npz": texts,
    "texts.txt": texts,
    "texts.jsonl": texts,
}


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize("name", OUTPUTS)
def test_samples_that_cannot_be_written_leave_what_was_there(name, call, tmp_path, monkeypatch):
    (tmp_path / name).write_bytes(b"old")

    def fails(*arguments, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    samples = OUTPUTS[name]()
    with monkeypatch.context() as patched:
        patched.setattr(CALLS[call], fails)
        with pytest.raises(StorageError, match=rf"cannot write .*{name}: No space left on device\.") as told:
            samples.save(tmp_path / name)
    assert told.value.exit_code == 6
    assert (tmp_path / name).read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]
    samples.save(tmp_path / name)
    assert (tmp_path / name).read_bytes() != b"old"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("call", ["fsync", "rename"])
@pytest.mark.parametrize("make", [images, texts])
def test_a_folder_of_samples_is_there_whole_or_not_at_all(make, call, tmp_path, monkeypatch):
    def fails(*arguments, **more):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(CALLS[call], fails)
        with pytest.raises(StorageError, match=r"cannot write .*many: Input/output error"):
            make().save(tmp_path / "many")
    assert list(tmp_path.iterdir()) == []
    made = make().save(tmp_path / "many")
    assert len(list(made.iterdir())) == len(make())


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    images().save(tmp_path / "empty")
    before = {path.name: path.read_bytes() for path in (tmp_path / "empty").iterdir()}
    with pytest.raises(ConfigError, match="is not empty; choose a new folder"):
        images(2).save(tmp_path / "empty")
    assert {path.name: path.read_bytes() for path in (tmp_path / "empty").iterdir()} == before


def test_a_folder_decodes_its_samples_once(tmp_path, monkeypatch):
    seen = []
    decode = CharCodec.decode
    monkeypatch.setattr(CharCodec, "decode", lambda self, ids: (seen.append(1), decode(self, ids))[1])
    samples = texts()
    samples.save(tmp_path / "each")
    assert len(seen) == len(samples)
    made = []
    whole = Samples.shown.fget
    monkeypatch.setattr(Samples, "shown", property(lambda self: (made.append(1), whole(self))[1]))
    images(5).save(tmp_path / "pictures")
    assert len(made) == 1


def test_a_process_killed_while_it_writes_leaves_nothing_under_the_final_name(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from genkit.system import storage\n"
        "with storage.written(Path(sys.argv[1]) / 'a') as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    assert ended.returncode == -9
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 1
    assert left[0].startswith(".a.")  # what `Run.sweep` takes away


def test_a_picture_of_the_array_comes_back(tmp_path):
    samples = images()
    samples.save(tmp_path / "all.npz")
    with np.load(tmp_path / "all.npz") as held:
        assert np.array_equal(held["images"], samples.images)


@pytest.mark.parametrize("name", ["x" * 300, "folder"])
def test_places_that_cannot_be_files(name, tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(StorageError, match=r"cannot write|no plain file"):
        storage.write_text(tmp_path / name, "a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder"]


def test_long_names_are_written(tmp_path):
    storage.write_text(tmp_path / ("字" * 80), "a")  # 240 bytes: a name beside it must not be longer
    assert [path.name for path in tmp_path.iterdir()] == ["字" * 80]


@pytest.mark.parametrize("count", [3, storage.FLUSHED_ONE_BY_ONE + 1])
def test_every_file_of_a_folder_is_flushed_before_it_gets_its_name(count, tmp_path, monkeypatch):
    order = []
    for name in ("fsync", "sync", "rename"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, r=real: (order.append(n), r(*a))[1])
    with storage.made(tmp_path / "a") as place:
        for number in range(count):
            (place / str(number)).write_text("")
        (place / "below").mkdir()
        (place / "below" / "file").write_text("")
    flushed = order[: order.index("rename")]
    assert flushed == (["fsync"] * 6 if count == 3 else ["sync", "fsync"])


APPENDING = """
import sys
from pathlib import Path
from genkit.runs import rows
while not Path(sys.argv[1], "go").exists():
    pass
for number in range(50):
    rows.write(Path(sys.argv[1], "rows.jsonl"), [rows.Row(f"{sys.argv[2]}/{number}")], append=True)
"""


def test_rows_that_processes_append_at_once_are_all_kept(tmp_path):
    processes = [subprocess.Popen([sys.executable, "-c", APPENDING, tmp_path, str(n)]) for n in range(4)]
    (tmp_path / "go").write_text("")
    assert [process.wait(120) for process in processes] == [0] * 4
    kept = [row.metric for row in rows.read(tmp_path / "rows.jsonl")]
    assert sorted(kept) == sorted(f"{n}/{number}" for n in range(4) for number in range(50))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["go", "rows.jsonl"]


def test_where_folders_cannot_be_locked_a_file_is(tmp_path, monkeypatch):
    import fcntl

    monkeypatch.setattr(storage, "_locked", lambda *a: False)
    with storage.one_at_a_time(tmp_path), open(tmp_path / ".writing") as held, pytest.raises(BlockingIOError):
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
