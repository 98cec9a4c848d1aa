"""Forked processes: whoever starts one sees what a process of its own would have shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from genkit.system import forks
from genkit.system.forks import GENKIT, Forked, Forks, fresh

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every process begins by itself")
HERE = "tests.unit.system.forked_program"
ROOT = Path(__file__).parents[3]


@contextmanager
def forking(prepare="prepare"):
    """Forks that call the program of these tests."""
    made = Forks(f"{HERE}:{prepare}", f"{HERE}:main")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # as on most machines


@pytest.fixture(scope="module")
def shared():
    with forking() as made:
        yield made


def ended(started, output):
    code = started.wait(60)
    return code, output.read_text()


def forked(made, tmp_path, *words, **environment):
    """Exit code and output of a forked process."""
    output = tmp_path / "forked.log"
    with open(output, "wb") as file:
        process = made.start([*GENKIT, *words], environment=environment, output=file)
    assert isinstance(process, Forked)
    return ended(process, output)


def alone(tmp_path, *words, **environment):
    """The same of a process that was started for it."""
    output = tmp_path / "alone.log"
    with open(output, "wb") as file:
        process = fresh([sys.executable, "-m", HERE, *words], environment=environment, output=file)
    return ended(process, output)


ENDS = {
    "exits": 7,
    "leaves": 1,
    "raises": 1,
    "dies": -signal.SIGKILL,
    "aborts": -signal.SIGABRT,
    "is asked to end": -signal.SIGTERM,
    "is interrupted": -signal.SIGINT,
    "late": 0,
    "from C": 0,
    "too large": 1,
}


@pytest.mark.parametrize("does", ENDS)
def test_a_fork_ends_and_says_what_a_process_of_its_own_does(shared, tmp_path, does):
    code, said = forked(shared, tmp_path, does)
    own_code, own_said = alone(tmp_path, does)
    assert code == own_code == ENDS[does]
    # Of a traceback the lines that are this program's: below them stands what has called it.
    lines = [
        text.splitlines()[-1:] if "Traceback" in text else text.splitlines() for text in (said, own_said)
    ]
    assert sorted(lines[0]) == sorted(lines[1])


def test_a_fork_is_like_a_process_of_its_own(shared, tmp_path, monkeypatch):
    environment = {"TOLD": "wörter ${x}\x01", "CUDA_VISIBLE_DEVICES": "3"}
    monkeypatch.setenv("LEFT", "as it was")
    states = [
        json.loads(run(tmp_path, "about", "name=ä b", "", **environment)[1])
        for run in (lambda *a, **k: forked(shared, *a, **k), alone)
    ]
    names = [state.pop("program") for state in states]
    assert names == ["__main__.py", "forked_program.py"]
    assert states[0] == states[1]
    assert states[0]["environment"] == {**environment, "LEFT": "as it was"}
    assert states[0]["words"] == ["about", "name=ä b", ""]
    assert states[0]["own session"]


def test_several_run_at_once_and_end_each_with_its_code(shared, tmp_path):
    with open(tmp_path / "log", "wb") as file:
        sleeping = [shared.start([*GENKIT, "sleeps"], environment={}, output=file) for _ in range(3)]
        ending = shared.start([*GENKIT, "exits"], environment={}, output=file)
    assert ending.wait(60) == 7
    for process, number in zip(sleeping, (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP), strict=True):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(number)
        assert process.wait(60) == -number
        process.send_signal(number)  # it has ended: nobody else gets it


def test_the_server_is_begun_anew_where_this_process_has_changed(tmp_path, monkeypatch):
    with forking() as made:
        before = json.loads(forked(made, tmp_path, "about")[1])
        monkeypatch.setenv("LEFT", "now")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        after = json.loads(forked(made, tmp_path, "about")[1])
    assert (before["environment"]["LEFT"], after["environment"]["LEFT"]) == (None, "now")
    assert (before["folder"], after["folder"]) == (str(ROOT), str(tmp_path))


@pytest.mark.parametrize("prepare", ["prepare_badly", "prepare_with_a_thread", "missing"])
def test_where_there_can_be_no_server_a_process_begins_by_itself(tmp_path, prepare):
    with forking(prepare) as made, open(tmp_path / "log", "wb") as file:
        for _ in range(2):
            process = made.start([*GENKIT, "--version"], environment={}, output=file)
            assert isinstance(process, subprocess.Popen)
            assert process.wait(60) == 0
    assert (tmp_path / "log").read_text().startswith("genkit ")


def test_another_program_begins_by_itself(shared, tmp_path):
    with open(tmp_path / "log", "wb") as file:
        process = shared.start([sys.executable, "-c", "print(3)"], environment={}, output=file)
    assert isinstance(process, subprocess.Popen)
    assert ended(process, tmp_path / "log") == (0, "3\n")


def test_on_other_systems_every_process_begins_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(forks.sys, "platform", "darwin")
    with forking() as made, open(tmp_path / "log", "wb") as file:
        process = made.start([*GENKIT, "--version"], environment={}, output=file)
    assert isinstance(process, subprocess.Popen)
    assert process.wait(60) == 0


# ---------------------------------------------------------------------- what is killed


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(pid, seconds=30):
    """Whether a process ends in time."""
    end = time.monotonic() + seconds
    while runs(pid):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def test_a_killed_server_ends_what_it_has_forked_and_the_next_begins_by_itself(tmp_path):
    with forking() as made, open(tmp_path / "log", "wb") as file:
        process = made.start([*GENKIT, "sleeps"], environment={}, output=file)
        os.kill(made._server.process.pid, signal.SIGKILL)
        assert process.wait(60) == -signal.SIGTERM
        assert gone(process.pid)
        later = made.start([*GENKIT, "--version"], environment={}, output=file)
        assert later.wait(60) == 0


DRIVER = f"""
import sys, time
from genkit.system.forks import GENKIT, Forks
made = Forks("{HERE}:prepare", "{HERE}:main")
with open(sys.argv[1], "wb") as file:
    process = made.start([*GENKIT, "sleeps"], environment={{}}, output=file)
print(process.pid, made._server.process.pid, flush=True)
process.wait()
"""


def test_who_is_killed_leaves_no_orphans(tmp_path):
    log = tmp_path / "log"
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(log)], stdout=subprocess.PIPE)
    pids = [int(word) for word in driver.stdout.readline().split()]
    while "begun" not in log.read_text():
        time.sleep(0.05)
    driver.kill()
    driver.wait()
    driver.stdout.close()
    assert all(gone(pid) for pid in pids)


# ---------------------------------------------------------------------- what members are forked from


@pytest.mark.slow
def test_members_are_forked_from_one_thread_that_has_asked_for_no_gpu(tmp_path):
    with forking("prepare_watched") as made:
        first, second = (forked(made, tmp_path, "server") for _ in range(2))
    own = json.loads(alone(tmp_path, "server")[1])
    assert first[0] == second[0] == 0
    found, other = json.loads(first[1]), json.loads(second[1])
    assert (found["threads"], found["devices"], found["cuda"]) == (1, [], False)
    assert found["threads here"] == own["threads here"]
    assert not {*found["drawn"]} & {*other["drawn"]}  # nor do two processes draw the same
