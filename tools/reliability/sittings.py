"""One sitting: several commands, and calls from Python, one after another in a forked process under guard.

The process has 2 GB more than it begins with, and 20 s of a processor for each command.  An audit hook
writes down what touches anything outside the trial's folder, opens its secrets, unpickles, connects or starts
a program; it can also change a file at the very moment when it is opened.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.reliability import children
from tools.reliability.processes import Answer, server

SECONDS, WALL = 20, 60.0  # a command: of a processor; before it counts as hanging
READS = ("open", "os.listdir", "os.scandir")
CHANGES = (
    *("os.remove", "os.rename", "os.rmdir", "shutil.rmtree", "os.mkdir", "os.symlink", "os.link"),
    *("os.truncate", "os.chmod", "os.chown"),
)
RUNS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "pty.spawn")
NEVER = ("pickle.find_class", "socket.connect", "socket.getaddrinfo", "webbrowser.open", "ctypes.dlopen")
CACHES = tuple(
    filter(None, [os.environ.get("GENKIT_CACHE_DIR")])
)  # where genkit may write without being told
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass(frozen=True)
class Guard:
    """What a sitting is held to.

    Attributes:
        folder: of the trial; nothing outside is changed.
        secret: a folder in it that nobody opens.
        swap: a file's name and what takes its place, at the moment when it is opened first: a link to a
            target, or a file's content from a path.
        unprivileged: whether the modes of files hold.
    """

    folder: str
    secret: str
    swap: tuple[str, str] | None = None
    unprivileged: bool = False


@dataclass
class Seen:
    """What a sitting did: the answer of each command that ran, and what the hook saw."""

    answers: list[tuple[list[str], Answer]] = field(default_factory=list)
    harm: list[str] = field(default_factory=list)


def sit(commands: Sequence[Sequence[str]], guard: Guard) -> Seen:
    """Run commands until the last; an AssertionError if one hangs or the process dies."""
    place = Path(guard.folder) / "sitting"
    place.mkdir()
    process = server().Process(target=_work, args=([list(c) for c in commands], guard, str(place)))
    process.start()
    process.join(WALL + SECONDS * len(commands))
    hangs = process.is_alive()
    if hangs:
        os.kill(process.pid, 9)
        process.join()
    seen = Seen()
    for number, words in enumerate(commands):
        out, err, code = (place / f"{number}.{kind}" for kind in ("out", "err", "code"))
        if not out.exists():
            break
        said = [file.read_text(errors="replace") for file in (out, err)]
        died = "hangs" if hangs else f"the process died ({process.exitcode})"
        assert code.exists(), f"{words[:2]}: {died}: {said[1][-300:]}"
        seen.answers.append((list(words), Answer(int(code.read_text()), *said)))
    assert len(seen.answers) == len(commands), f"only {len(seen.answers)} of {len(commands)} ran"
    seen.harm = (place / "harm").read_text().splitlines()
    shutil.rmtree(place)
    return seen


# ---------------------------------------------------------------------- in the process


def _work(commands: list[list[str]], guard: Guard, place: str) -> None:
    os.chdir(Path(guard.folder) / "here")
    tempfile.tempdir = os.environ["TMPDIR"] = str(Path(guard.folder) / "tmp")
    sys.path.insert(0, str(Path(guard.folder) / "modules"))
    now = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (now + children.MEMORY, now + children.MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    harm = open(Path(place) / "harm", "w", buffering=1)  # noqa: SIM115 (until the process ends)
    if guard.unprivileged:
        children.without_privileges()
    sys.addaudithook(_hook(guard, harm.write))
    for number, words in enumerate(commands):
        files = [os.open(f"{place}/{number}.{kind}", os.O_WRONLY | os.O_CREAT) for kind in ("out", "err")]
        for descriptor, handle in zip((1, 2), files, strict=True):
            os.dup2(handle, descriptor)
            os.close(handle)
        used = resource.getrusage(resource.RUSAGE_SELF)
        spent = int(used.ru_utime + used.ru_stime) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (spent + SECONDS, resource.RLIM_INFINITY))
        code = _answer(words)
        sys.stdout.flush()
        sys.stderr.flush()
        Path(f"{place}/{number}.code").write_text(str(code))
    os._exit(0)


def _answer(words: list[str]) -> int:
    """What a command or a call from Python ends with."""
    from genkit.cli import main
    from genkit.system.errors import GenkitError

    try:
        if words[0] != "python":
            return main(words)
        CALLS[words[1]](*words[2:])
        return 0
    except GenkitError as error:
        print(f"genkit: {error}", file=sys.stderr)
        return error.exit_code
    except BaseException:
        traceback.print_exc()
        return 1


def _load(run: str) -> None:
    import genkit

    genkit.load(run).sample(1)


def _evaluate(run: str, cache: str) -> None:
    import genkit

    paths = {"data_dir": os.environ["GENKIT_DATA_DIR"], "runs_dir": "runs", "cache_dir": cache}
    genkit.evaluate(run, n=8, metrics=("likelihood",), paths=paths)


def _report(out: str, *sources: str) -> None:
    from genkit.report import is_study, report

    folders = [Path(source) for source in sources]
    report(folders[0] if is_study(folders[0]) else folders, Path(out))


CALLS: dict[str, Callable[..., None]] = {"load": _load, "evaluate": _evaluate, "report": _report}


def _hook(guard: Guard, tell: Callable[[str], object]) -> Callable[[str, tuple[Any, ...]], None]:
    busy, swapped = [False], [False]
    folder, secret = guard.folder, guard.secret

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if busy[0] or event not in (*READS, *CHANGES, *RUNS, *NEVER):
            return
        busy[0] = True
        try:
            said = _judged(event, args, folder, secret)
            if said:
                tell(f"{said}\n")
            if event == "open" and guard.swap and not swapped[0]:
                name, target = guard.swap
                if isinstance(args[0], str | bytes | os.PathLike) and str(args[0]).endswith(name):
                    swapped[0] = True
                    path = Path(os.fsdecode(args[0]))
                    if not path.is_absolute():  # opened below a folder that is open, of a run
                        path = next((Path(folder) / "runs" / "run").rglob(path.name))
                    _swap(path, name, target)
        finally:
            busy[0] = False

    return hook


def _judged(event: str, args: tuple[Any, ...], folder: str, secret: str) -> str:
    """What is wrong with an event; "" where it is fine."""
    if event in NEVER:
        return "" if event == "ctypes.dlopen" and "stranger" not in str(args) else f"{event} {args}"[:200]
    if event in RUNS:
        return "" if event == "subprocess.Popen" and "git" in str(args[:2]) else f"{event} {args}"[:200]
    for given in args[:2] if event in ("os.rename", "os.symlink", "os.link") else args[:1]:
        if not isinstance(given, str | bytes | os.PathLike):
            continue
        path = os.path.abspath(os.fsdecode(given))
        follows = event in READS and not (event == "open" and args[2] & os.O_NOFOLLOW)
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        real = os.path.realpath(path) if follows else real
        if real == secret or real.startswith(secret + os.sep):
            return f"{event} of a secret: {path}"
        changes = event in CHANGES or (event == "open" and args[2] & WRITING)
        if changes and not real.startswith((folder + os.sep, "/dev/", "/proc/", *CACHES)):
            return f"{event} outside: {path}"
    return ""


def _swap(path: Path, name: str, target: str) -> None:
    """Put something else where a file, or a folder above it, is about to be opened."""
    kind, _, what = target.partition(":")
    if kind == "parent":  # the folder becomes a link to one outside
        path.parent.rename(path.parent.with_name("moved-away"))
        path.parent.symlink_to(what)
    elif kind == "link":
        path.unlink()
        path.symlink_to(what)
    elif kind == "pipe":
        path.unlink()
        os.mkfifo(path)
    elif kind == "folder":
        path.unlink()
        path.mkdir()
    elif kind == "gone":
        path.unlink()
    elif kind == "shorter":
        os.truncate(path, 100)
    else:
        Path(f"{path}.new").write_bytes(Path(what).read_bytes())
        os.replace(f"{path}.new", path)
