"""How far work has come: a bar on a terminal, lines in a log, nothing elsewhere, nothing of what is short."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from genkit.system import progress as module
from genkit.system.progress import DELAY, EVERY, duration, each, followed, progress


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


class Clock:
    """Time that passes when it is told to, and what is to happen by then."""

    def __init__(self):
        self.now, self.waiting = 0.0, []

    def __call__(self):
        return self.now

    def later(self, seconds, call):
        entry = [self.now + seconds, call]
        self.waiting.append(entry)

        class Waiting:
            def cancel(own):
                if entry in self.waiting:
                    self.waiting.remove(entry)

        return Waiting()

    def passes(self, seconds):
        self.now += seconds
        for entry in [e for e in self.waiting if e[0] <= self.now]:
            self.waiting.remove(entry)
            entry[1]()


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "clock", clock)
    monkeypatch.setattr(module, "later", clock.later)
    return clock


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")

    def begin():  # in the test itself, for pytest sets its own streams before that
        terminal = Terminal()
        monkeypatch.setattr(sys, "stderr", terminal)
        return terminal

    return begin


def test_what_is_short_shows_nothing_on_a_terminal(clock, terminal):
    terminal = terminal()
    with progress("packing", 10) as advance:
        clock.passes(DELAY - 0.1)
        advance(10)
    clock.passes(100)
    assert terminal.getvalue() == ""
    assert clock.waiting == []


def test_what_takes_longer_has_a_bar_even_before_its_first_unit_and_leaves_none(clock, terminal):
    terminal = terminal()
    with progress("packing", 1_000) as advance:
        clock.passes(DELAY)
        assert "\x1b[?25l" in terminal.getvalue()  # the cursor is hidden
        advance(400)
        module._SCREEN._bars.refresh()
        assert "packing" in terminal.getvalue()
        assert "400/1000" in terminal.getvalue()
    shown = terminal.getvalue()
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l")  # and shown again
    assert shown.rindex("\x1b[2K") > shown.rindex("packing")  # what was drawn is erased
    assert module._SCREEN._bars is None


def test_work_within_work_stands_below_it(clock, terminal):
    terminal = terminal()
    with progress("measuring", 10) as advance:
        clock.passes(DELAY)
        with progress("drawing", 5) as inner:
            clock.passes(DELAY)
            inner(2)
            module._SCREEN._bars.refresh()
            below = terminal.getvalue().rpartition("measuring")[2]
            assert "drawing" in below
            assert "2/5" in below
        advance(3)
        module._SCREEN._bars.refresh()
        last = terminal.getvalue().rpartition("measuring")[2]
        assert "3/10" in last
        assert "drawing" not in last
    assert terminal.getvalue().count("\x1b[?25l") == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_ends_it_the_terminal_is_as_it_was(clock, terminal, error):
    terminal = terminal()

    def work():
        with progress("packing", 10):
            clock.passes(DELAY)
            raise error

    with pytest.raises(error):
        work()
    assert module._SCREEN._bars is None
    assert terminal.getvalue().rindex("\x1b[?25h") > terminal.getvalue().rindex("\x1b[?25l")


def test_a_name_cannot_steer_a_terminal_or_colour_it(clock, terminal):
    terminal = terminal()
    with progress("a\x1b]0;x\x07[red]b[/red]", 10):
        clock.passes(DELAY)
        module._SCREEN._bars.refresh()
    assert "\x1b]0" not in terminal.getvalue()
    assert "[red]b[/red]" in terminal.getvalue()


@pytest.fixture
def log(monkeypatch, tmp_path):
    with open(tmp_path / "log", "w+", encoding="utf-8") as file:

        def begin():
            monkeypatch.setattr(sys, "stderr", file)
            return tmp_path / "log"

        yield begin


def test_a_log_has_a_line_now_and_then(clock, log):
    log = log()
    with progress("packing", 4_000) as advance:
        for _ in range(4):
            clock.passes(EVERY / 2)
            advance(1_000)
        clock.passes(EVERY)
    assert log.read_text().splitlines() == [
        "packing: 2,000 of 4,000, about 30 s left",
        "packing: 4,000 of 4,000",
        f"packing: done after {duration(3 * EVERY)}",
    ]


def test_what_ends_before_a_line_is_due_leaves_the_log_alone(clock, log):
    log = log()
    for _ in each("packing", range(3), 3):
        clock.passes(EVERY / 4)
    assert log.read_text() == ""


def test_a_log_does_not_say_that_what_failed_is_done(clock, log):
    log = log()

    def work():
        with progress("packing", 10) as advance:
            clock.passes(EVERY)
            advance(1)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()
    assert log.read_text() == f"packing: 1 of 10, about {duration(9 * EVERY)} left\n"


def test_a_pipe_and_what_is_no_file_get_nothing(clock, monkeypatch):
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        for stream in (pipe, io.StringIO(), None):
            monkeypatch.setattr(sys, "stderr", stream)
            with progress("packing", 2) as advance:
                clock.passes(100)
                advance(2)
            assert clock.waiting == []
    assert os.read(reader, 100) == b""
    os.close(reader)


def test_batches_and_items_pass_as_they_are_and_count_when_they_were_used(monkeypatch):
    told = []

    class Kind:
        def __init__(self, what, total):
            told.append((what, total))

        def __enter__(self):
            return self

        def advance(self, done):
            told.append(done)

        def __exit__(self, *error):
            told.append("over")

    monkeypatch.setattr(module, "_kind", lambda: Kind)
    for batch in followed("b", iter([[1, 2], [3]]), 3):
        told.append(batch)
    assert told == [("b", 3), [1, 2], 2, [3], 1, "over"]
    told.clear()
    assert list(each("e", "ab", 2)) == ["a", "b"]
    assert told == [("e", 2), 1, 1, "over"]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 s"),
        (45, "45 s"),
        (89, "89 s"),
        (90, "2 min"),
        (720, "12 min"),
        (3_599, "1 h 0 min"),
        (11_100, "3 h 5 min"),
    ],
)
def test_durations_are_as_exact_as_an_estimate_is(seconds, said):
    assert duration(seconds) == said


PROGRAM = """
import signal, sys, time
from genkit.system import progress
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background has ignored
progress.DELAY = 0.0
try:
    with progress.progress("packing", 10) as advance:
        advance(1)
        time.sleep(60)
except KeyboardInterrupt:
    print("ended")
    sys.exit(130)
"""


def test_at_a_real_terminal_an_interrupt_gives_the_line_and_the_cursor_back():
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(follower)
    seen, sent, until = b"", False, time.monotonic() + 60
    try:
        while time.monotonic() < until:
            if not select.select([leader], [], [], 1.0)[0]:
                continue
            try:
                part = os.read(leader, 4_096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            seen += part
            if not sent and b"1/10" in seen:
                process.send_signal(signal.SIGINT)
                sent = True
    finally:
        process.kill() if process.poll() is None and not sent else None
        code = process.wait(timeout=60)
        os.close(leader)
    text = seen.decode()
    assert code == 130, text
    assert "Traceback" not in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert re.search(r"\x1b\[2K[^\n]*ended\r\n$", text)
