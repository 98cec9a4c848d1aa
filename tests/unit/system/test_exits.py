"""The end of a process: what an interpreter does at its end is done, and what was said has been written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HELD_BACK = {name: said for name, said in os.environ.items() if name != "PYTHONUNBUFFERED"}
LEAVE = "from genkit.system.exits import leave; leave({code})"


def ended(program, **how):
    """A process that runs a program whose last words are `leave(code)`."""
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, **how)


@pytest.mark.parametrize("code", [0, 3])
@pytest.mark.parametrize("last", [LEAVE, "import sys; sys.exit({code})"], ids=["leave", "sys.exit"])
def test_threads_exit_functions_and_unwritten_words_are_waited_for_as_by_the_interpreter(
    tmp_path, last, code
):
    program = f"""
import atexit, sys, tempfile, threading, time
folder = tempfile.TemporaryDirectory(dir={str(tmp_path)!r})
def late():
    time.sleep(0.2)
    print("thread")
atexit.register(lambda: print("exit"))
threading.Thread(target=late).start()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
sys.stdout.write("words ")
sys.stderr.write("said")
{last.format(code=code)}
"""
    done = ended(program, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (code, "words thread\nexit\n", "said")
    assert not list(tmp_path.iterdir())


def test_words_that_cannot_be_written_are_an_error_as_by_the_interpreter():
    if not Path("/dev/full").exists():
        pytest.skip("no device that is full")
    codes = []
    for last in (LEAVE, "import sys; sys.exit({code})"):
        with open("/dev/full", "wb") as full:
            program = f"print('words')\n{last.format(code=0)}"
            words = [sys.executable, "-c", program]
            done = subprocess.run(words, cwd=ROOT, env=HELD_BACK, stdout=full, stderr=subprocess.DEVNULL)
            codes.append(done.returncode)
    assert codes == [120, 120]


def test_a_command_leaves_with_its_code():
    for word, code in (("--help", 0), ("no_such_command", 2)):
        done = subprocess.run([sys.executable, "-m", "genkit", word], cwd=ROOT, capture_output=True)
        assert done.returncode == code, done.stderr
