"""What the tests of forks run, forked and in a process of its own: the first word says what it does."""

from __future__ import annotations

import atexit
import ctypes
import json
import os
import random
import resource
import signal
import sys
import threading
import time


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def prepare() -> None:
    """Import nothing."""


def prepare_with_a_thread() -> None:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()


def prepare_badly() -> None:
    raise RuntimeError("cannot be imported")


def prepare_watched() -> None:
    """What members import, where whoever asks for a GPU fails."""
    import torch

    def touched(*_: object) -> None:
        raise AssertionError("an import asks for a GPU")

    for name in ("is_available", "device_count", "init", "_lazy_init", "current_device"):
        setattr(torch.cuda, name, touched)
    torch.accelerator.is_available = torch.accelerator.device_count = touched
    from genkit.cli.startup import OF_MEMBERS, import_for_members

    import_for_members()
    assert set(OF_MEMBERS) <= set(sys.modules)


def late() -> int:
    threading.Thread(target=lambda: (time.sleep(0.2), say("a thread ends"))).start()
    atexit.register(say, "at exit")
    say("main ends")
    return 0


def from_c() -> int:
    libc = ctypes.CDLL(None)
    libc.puts(b"of a buffer of C")
    os.write(2, b"to the file itself\n")
    say("of Python")
    sys.stdout.flush()
    return 0


def too_large() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
    return len(bytearray(2**33))


def about() -> int:
    state = {
        "words": sys.argv[1:],
        "program": os.path.basename(sys.argv[0]),
        "folder": os.getcwd(),
        "own session": os.getsid(0) == os.getpid(),
        "environment": {name: os.environ.get(name) for name in ("TOLD", "LEFT", "CUDA_VISIBLE_DEVICES")},
        "seen by others": dict(
            line.partition("=")[::2] for line in os.popen("env").read().splitlines() if line[:4] == "TOLD"
        ),
        "terminal": [stream.isatty() for stream in (sys.stdout, sys.stderr)],
        "signals": [str(signal.getsignal(number)) for number in signal.valid_signals()],
        "blocked": [*signal.pthread_sigmask(signal.SIG_BLOCK, [])],
        "files": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "open": sorted(
            os.readlink(f"/proc/self/fd/{file}").partition(":")[0]
            for file in os.listdir("/proc/self/fd")
            if int(file) > 2 and os.path.exists(f"/proc/self/fd/{file}")
        ),
    }
    say(json.dumps(state))
    return 0


def server() -> int:
    """What there is of the process that this one is forked from, and in this one."""
    import numpy
    import torch

    say(
        json.dumps(
            {
                "threads": len(os.listdir(f"/proc/{os.getppid()}/task")),
                "devices": [
                    link
                    for file in os.listdir(f"/proc/{os.getppid()}/fd")
                    if "null" not in (link := os.readlink(f"/proc/{os.getppid()}/fd/{file}"))
                    and link.startswith("/dev/")
                ],
                "cuda": torch.cuda.is_initialized() or torch.cuda._is_in_bad_fork(),
                "drawn": [float(torch.rand(())), numpy.random.rand(), random.random()],  # noqa: NPY002
                "threads here": torch.get_num_threads(),
            }
        )
    )
    return 0


def sleep() -> int:
    from genkit.system.interrupts import end_with_parent

    end_with_parent()
    say("begun")
    sys.stdout.flush()
    time.sleep(600)
    return 0


def main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell ignores it for what runs behind it
    does = {
        "exits": lambda: 7,
        "leaves": lambda: sys.exit("it says why"),
        "raises": lambda: [][1],
        "dies": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "aborts": os.abort,
        "is asked to end": lambda: os.kill(os.getpid(), signal.SIGTERM),
        "is interrupted": lambda: os.kill(os.getpid(), signal.SIGINT),
        **{"late": late, "from C": from_c, "too large": too_large, "about": about, "server": server},
        "sleeps": sleep,
    }
    return int(does[sys.argv[1]]() or 0)


if __name__ == "__main__":
    sys.exit(main())
