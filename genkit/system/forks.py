"""Processes of genkit that begin with their imports done: forks of one that has them, where there can be one.

Importing torch and Lightning takes seconds, of every member of a study anew.  A fork has all that its server
has imported, and nothing else of it: the server has run nothing, has one thread and has not touched a GPU.

`multiprocessing.forkserver` is not used, because what it forks is no process of its own: it imports the
caller's main program, which a script without `if __name__ == "__main__"` runs again; it ends by `os._exit`,
without what is registered for its end; it has the server's session, output and environment; and the pipe by
which the server learns that nobody is left is open in all of them, so that they outlive who was killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Protocol

from genkit.system.fork_server import WIDTH

GENKIT = (sys.executable, "-m", "genkit")
CALLED = "genkit.cli:main"


class Started(Protocol):
    """What `subprocess.Popen` and `Forked` have in common."""

    @property
    def pid(self) -> int: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int) -> None: ...


class Forked:
    """A process that a server has forked, as `subprocess.Popen` shows one; one thread waits for it.

    Args:
        words: what it was asked to do.
        pid: its number.
        told: the file from which its exit code is read.
    """

    def __init__(self, words: Sequence[str], pid: int, told: int) -> None:
        self.words, self.pid = words, pid
        self.returncode: int | None = None
        self._told = told
        try:  # so that a signal reaches no other process that has its number by then
            self._handle: int | None = os.pidfd_open(pid)
        except OSError:  # it has ended, or Linux is older than 5.3
            self._handle = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative that of a signal, once it has ended.

        Args:
            timeout: seconds.

        Raises:
            subprocess.TimeoutExpired: it runs on.
        """
        if self.returncode is None:
            ready = select.poll()
            ready.register(self._told, select.POLLIN)
            if not ready.poll(None if timeout is None else timeout * 1000):
                raise subprocess.TimeoutExpired([*GENKIT, *self.words], timeout or 0)
            code = os.read(self._told, WIDTH)
            self.returncode = int.from_bytes(code, "little", signed=True) if code else self._left_alone()
            handle, self._handle = self._handle, None
            for file in (self._told, *(() if handle is None else (handle,))):
                os.close(file)
        return self.returncode

    def _left_alone(self) -> int:
        """Wait for the end of a process whose server was killed, so that nobody has its exit code."""
        self.send_signal(signal.SIGTERM)  # as it does itself, see `interrupts.end_with_parent`
        if self._handle is not None:
            end = select.poll()
            end.register(self._handle, select.POLLIN)
            end.poll()
        return -signal.SIGTERM

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, number)
            elif self.returncode is None:
                os.kill(self.pid, number)


@dataclass(frozen=True)
class _Server:
    """A server, and what it had from this process."""

    process: subprocess.Popen[bytes]
    control: socket.socket
    owner: int
    surroundings: object

    def fork(self, words: Sequence[str], environment: Mapping[str, str], output: IO[bytes]) -> Forked | None:
        """A process of it; None: it has ended."""
        told, tell = os.pipe()
        try:
            body = json.dumps({"words": list(words), "environment": dict(environment)}).encode()
            head = len(body).to_bytes(WIDTH, "little", signed=True)
            files = [output.fileno(), output.fileno(), tell]
            try:
                socket.send_fds(self.control, [head], files)
                self.control.sendall(body)
            finally:
                os.close(tell)
            pid = os.read(told, WIDTH)
        except OSError:
            pid = b""
        if not pid:
            os.close(told)
            return None
        return Forked(words, int.from_bytes(pid, "little", signed=True), told)

    def close(self) -> None:
        self.control.close()
        if self.owner == os.getpid():
            self.process.wait()


class Forks:
    """Starts processes of genkit, by a server where there can be one; threads may share it.

    Args:
        prepare: `module:function` that imports what they need.
        called: `module:function` that they are, once their words stand in `sys.argv`.
    """

    def __init__(self, prepare: str, called: str = CALLED) -> None:
        self._functions, self._lock = (prepare, called), threading.Lock()
        self._server: _Server | None = None
        self._usable = sys.platform == "linux"

    def start(self, command: Sequence[str], *, environment: Mapping[str, str], output: IO[bytes]) -> Started:
        """Start a command in a session of its own; what does not begin with `GENKIT` begins as ever.

        Args:
            command: the program and its words.
            environment: variables that it has beside this process's.
            output: the file that has what it prints, errors too.
        """
        words = command[len(GENKIT) :]
        with self._lock:
            if [*GENKIT, *words] == [*command] and (server := self._begun()) is not None:
                if (forked := server.fork(words, environment, output)) is not None:
                    return forked
                self._close()  # it could not be made ready, or was killed
                self._usable = False
        return fresh(command, environment=environment, output=output)

    def close(self) -> None:
        """End the server once all that it forked have ended."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        self._server = None

    def _begun(self) -> _Server | None:
        """The server, which has what this process has, and is begun anew where that has changed; None: there
        can be none."""
        surroundings = dict(os.environ), os.getcwd()
        known = self._server
        if known and (known.owner, known.surroundings) != (os.getpid(), surroundings):
            self._close()
        if self._server is None and self._usable:
            ours, its = socket.socketpair()
            command = [sys.executable, "-m", "genkit.system.fork_server"]
            process = subprocess.Popen(
                [*command, str(its.fileno()), *self._functions],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                start_new_session=True,
            )
            its.close()
            self._server = _Server(process, ours, os.getpid(), surroundings)
        return self._server


def fresh(
    command: Sequence[str], *, environment: Mapping[str, str], output: IO[bytes]
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, with nothing done before it; see `Forks.start`."""
    return subprocess.Popen(
        list(command),
        stdout=output,
        stderr=subprocess.STDOUT,
        env={**os.environ, **environment},
        start_new_session=True,
    )
