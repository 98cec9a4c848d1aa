"""A process that has its imports done, and is forked for each that `genkit.system.forks` asks for.

    python -m genkit.system.fork_server SOCKET PREPARE CALLED

`PREPARE` is called once and imports; `CALLED` is called in every process that is forked, and what it returns
is the exit code (`module:function` both).  A request is the length of a JSON, with the files that become
standard output and error and the one to which the process's number and later its exit code are written; then
the JSON, {"words": …, "environment": …}.

The process that is forked leaves the loop below and goes on as the main program: it ends as Python ends one,
with its exit code, its buffers written and its threads joined.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import pkgutil
import select
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from genkit.system.exits import leave

LOOKS_EVERY = 1.0  # seconds between looks at whether whoever asks is still there
WIDTH = 8  # bytes of a number
UNSOUND = 3  # exit code of a server that nothing may be forked from


@dataclass(frozen=True)
class ForkRequest:
    """What is to be begun.

    Attributes:
        words: of its command line.
        environment: variables that it has beside the server's.
        files: standard output, standard error, and where its number and its exit code are written.
    """

    words: list[str]
    environment: dict[str, str]
    files: tuple[int, int, int]


def tell(file: int, number: int) -> None:
    """Write a number for whoever waits; they may be gone."""
    with contextlib.suppress(OSError):
        os.write(file, number.to_bytes(WIDTH, "little", signed=True))


def asked(control: socket.socket) -> ForkRequest | None:
    """The next request; None: there will be none."""
    head, files, *_ = socket.recv_fds(control, WIDTH, 3)
    if len(head) < WIDTH or len(files) < 3:
        return None
    length, body = int.from_bytes(head, "little", signed=True), b""
    while len(body) < length:
        part = control.recv(length - len(body))
        if not part:
            return None
        body += part
    return ForkRequest(**json.loads(body), files=(files[0], files[1], files[2]))


def fault() -> str:
    """Why nothing may be forked from this process; "" if it may.

    A fork has one thread, whatever locks others held, and a driver of a GPU does not survive it.
    """
    threads = os.listdir("/proc/self/task")
    if len(threads) > 1:
        return f"it has {len(threads)} threads"
    for file in os.listdir("/proc/self/fd"):
        try:
            device = os.readlink(f"/proc/self/fd/{file}")
        except OSError:  # that of the listing itself
            continue
        if device.startswith(("/dev/nvidia", "/dev/kfd", "/dev/dri")):
            return f"it has opened {device}"
    return ""


def settle() -> None:
    """Leave nothing behind that forked processes would have to bear.

    numpy's OpenBLAS has threads from its import on, which it ends before a fork, and begins anew where they
    are wanted next.
    """
    gc.collect()
    gc.freeze()  # else the first collection of every process writes to all pages, and none would be shared
    if (forked := os.fork()) == 0:
        os._exit(0)
    os.waitpid(forked, 0)


def serve(control: socket.socket) -> ForkRequest | None:
    """Fork for every request.

    Returns:
        In a process that was forked, what it was asked to be; None in the server, when nobody asks any more
        and all have ended, or whoever asked is gone, which those that run see by the end of their server.
    """
    parent, running = os.getppid(), dict[int, int]()
    woken, wake = os.pipe()
    heard: list[socket.socket | int] = [control, woken]
    for end in (woken, wake):
        os.set_blocking(end, False)
    before = signal.signal(signal.SIGCHLD, lambda *_: None)  # (else it wakes nobody)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    while os.getppid() == parent and (control in heard or running):
        ready = select.select(heard, [], [], LOOKS_EVERY)[0]
        if woken in ready:
            os.read(woken, 4096)
        while running and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            file = running.pop(ended[0])
            tell(file, os.waitstatus_to_exitcode(ended[1]))
            os.close(file)
        if control not in ready:
            continue
        if (request := asked(control)) is None:
            heard.remove(control)
            continue
        if (forked := os.fork()) == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, before or signal.SIG_DFL)
            for end in (woken, wake, request.files[2], *running.values()):
                os.close(end)
            control.close()
            return request
        running[forked] = request.files[2]
        tell(request.files[2], forked)
        for file in request.files[:2]:
            os.close(file)
    return None


def become(request: ForkRequest) -> None:
    """Be the process that was asked for, as if it had been started by its words."""
    os.setsid()
    for place, file in enumerate(request.files[:2], start=1):
        os.dup2(file, place)
        os.close(file)
    if isinstance(sys.stdout, io.TextIOWrapper):  # made for what the server writes to
        sys.stdout.reconfigure(line_buffering=sys.stdout.isatty())
    os.environ.update(request.environment)
    sys.argv = [str(Path(__file__).parents[1] / "__main__.py"), *request.words]
    if numpy := sys.modules.get("numpy"):  # which has drawn a seed when it was imported, as torch has
        numpy.random.seed()
    if torch := sys.modules.get("torch"):
        torch.default_generator.seed()


def main() -> NoReturn:
    number, prepare, called = sys.argv[1:]
    control = socket.socket(fileno=int(number))
    pkgutil.resolve_name(prepare)()
    settle()
    if fault():
        os._exit(UNSOUND)
    request = serve(control)
    if request is None:
        os._exit(0)
    become(request)
    leave(int(pkgutil.resolve_name(called)()))


if __name__ == "__main__":
    main()
