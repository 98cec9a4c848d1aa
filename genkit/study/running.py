"""Running a study: what is missing is started, one process a member, here or through a launcher of Hydra.

On this machine members begin as forks of a process that has their imports done (`genkit.system.forks`).

A launcher sweeps one integer, the member's number.  Each job starts a process on that member's frozen
configuration, waits, writes down how it ended, and never raises: one member's failure is not the others'.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from rich.text import Text

from genkit import config
from genkit.runs import rows as row_files
from genkit.runs.judgement import reported
from genkit.runs.rows import OfStudy, Place, Row
from genkit.runs.studies import TABLE, Outcome, Planned, read_members, read_outcome
from genkit.study.folder import Plan, member_trainer, write_outcome
from genkit.study.member import attempt, is_of_this_process
from genkit.study.searching import parts
from genkit.study.timing import time_left
from genkit.system import terminal
from genkit.system.errors import ConfigError, GenkitError, Locked
from genkit.system.forks import GENKIT, Forks, Started, fresh
from genkit.system.gpus import VISIBLE, reserved_gpus, visible_gpus
from genkit.system.interrupts import forwarded
from genkit.system.plain import inside
from genkit.system.progress import EVERY, duration, is_log

console = terminal.console()
MEMBER = (*GENKIT, "member")
FORKS = Forks("genkit.cli.startup:import_for_members")
EXIT_WORDS = {2: "failed", 3: "failed", 4: "failed", 5: "diverged", 6: "failed", 7: "failed"}
INTERRUPTED = (-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM)
LAUNCHER = "hydra/launcher="
AS_IT_IS = "as it is"  # what a launcher has made of the GPUs
LOOKS_EVERY = 1.0  # seconds
LAST_LINES = 4_000  # bytes of a member's output that are read for its last lines


@contextmanager
def held(plan: Plan) -> Iterator[None]:
    """Within the context the study is this process's, and its folder says what is planned.

    Raises:
        Locked: another process runs it.
        StorageError: the folder cannot be written.
    """
    plan.folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(plan.folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise Locked(f"{plan.folder} is being run by another process; wait for it, or stop it.") from None
    with lock:
        if plan.new:
            plan.write()
        yield


def run_missing(
    plan: Plan,
    paths: Mapping[str, str],
    launcher: Sequence[str] = (),
    *,
    retry: bool = False,
    program: Sequence[str] = MEMBER,
) -> None:
    """Run every member that has not ended.

    Args:
        launcher: Hydra's words, such as `["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]`.
        retry: also those that failed.
        program: what runs a member; the study's folder and the number are added.

    Raises:
        ConfigError: no such launcher.
        KeyboardInterrupt: the study was asked to stop; what ran is saved and goes on the next time.
    """
    try:
        for missing in parts(plan, retry):
            if missing:
                _launch(plan, missing, paths, launcher, program)
    finally:
        FORKS.close()


def _launch(
    plan: Plan,
    missing: Sequence[Planned],
    paths: Mapping[str, str],
    launcher: Sequence[str],
    program: Sequence[str],
) -> None:
    """One job a member: one after another in this process, or a sweep of Hydra's over their numbers."""
    how: dict[str, Any] = {
        "folder": str(plan.folder.absolute()),
        "paths": dict(paths),
        "program": list(program),
        "forked": all(word.partition("=")[2] == "joblib" for word in launcher if word.startswith(LAUNCHER)),
    }
    if not launcher:  # what Hydra's basic launcher does, less a composition for each member
        for member in missing:
            _job(member.number, alone=True, **how)
        return
    if own := [member.arm for member in missing if is_of_this_process(plan.folder, member.number)]:
        raise ConfigError(
            f"the family of arm {own[0]} is a class of this process, which no launcher can see; leave it out."
        )
    if any(
        word.endswith("launcher=submitit_local") for word in launcher
    ):  # it hides GPUs, or shows the first
        how["shown"] = os.environ.get(VISIBLE)
    numbers = ",".join(str(member.number) for member in missing)
    place = plan.folder / ".sweep"
    with config.one_line_errors(), config.hydra_session() as hydra:
        hydra.multirun(
            config_name="member",
            task_function=partial(_swept, **how),
            overrides=[
                *launcher,
                f"member={numbers}",
                f"hydra.sweep.dir={config.as_text(str(place))}",
                "hydra.mode=MULTIRUN",
            ],
        )
    shutil.rmtree(place, ignore_errors=True)


def _swept(cfg: Any, **how: Any) -> int:
    """One job of the sweep; a launcher may call it in another process or on another machine."""
    return _job(int(cfg.member), **how)


def _job(
    number: int,
    *,
    folder: str,
    paths: Mapping[str, str],
    program: Sequence[str],
    forked: bool,
    shown: str | None = AS_IT_IS,
    alone: bool = False,
) -> int:
    """Run one member to its end.

    Args:
        forked: whether this process starts several, on the machine of the study.
        alone: whether no other member writes on this terminal meanwhile.
        shown: which GPUs there are to choose from, as `CUDA_VISIBLE_DEVICES` says it.
    """
    if shown != AS_IT_IS:
        os.environ.pop(VISIBLE, None)
        os.environ.update({} if shown is None else {VISIBLE: shown})
    listed = read_members(Path(folder))
    name = next(m.name for m in listed if m.number == number)
    title = f"[{number + 1}/{len(listed)}] {name}"
    console.print(title)
    log = inside(Path(folder), f".{name}.log")
    environment = {f"GENKIT_{key.upper()}": str(value) for key, value in paths.items()}
    begun = time.monotonic()
    if is_of_this_process(Path(folder), number):
        return _written(Path(folder), number, title, begun, *attempt(Path(folder), number, paths), alone)
    trainer, locks = member_trainer(Path(folder), number), Path(paths["cache_dir"]) / "gpus"
    started: list[Started] = []
    with (
        open(log, "wb") as output,
        reserved_gpus(trainer, locks, visible_gpus()) as own,
        forwarded(started) as received,
    ):
        start, words = FORKS.start if forked else fresh, [*program, folder, str(number)]
        process = start(words, environment=environment | own, output=output)
        started.append(process)
        for signalled in received:  # while it was being started
            process.send_signal(signalled)
        if alone and console.is_terminal:
            code = _waited(process, log, title)
        else:
            code = _logged(process, log, title) if alone and is_log() else process.wait()
    if received and not 0 <= code < 128:  # it has saved, and goes on the next time
        raise KeyboardInterrupt
    status, reason = ("finished", "") if code == 0 else _ended(code, log)
    _written(Path(folder), number, title, begun, status, reason, code, alone)
    if code == 0:
        log.unlink(missing_ok=True)
        if received:
            raise KeyboardInterrupt
    return code


def _written(
    folder: Path, number: int, title: str, begun: float, status: str, reason: str, code: int, alone: bool
) -> int:
    """Write down and say how a member ended that began at a time of the clock; returns the exit code."""
    seconds = round(time.monotonic() - begun, 3)
    write_outcome(folder, number, Outcome(status, reason, code, seconds))
    if status == "finished":
        left = _left(folder) if alone else ""  # (several at once take less than one after another)
        console.print(f"{title}: finished after {seconds:.0f} s{_but(folder, number)}{left}")
    else:
        console.print(f"{title.rpartition(' ')[2]} {status}: {reason}")
    return code


def _but(folder: Path, number: int) -> str:
    """That the report will take the numbers of a member which has finished for nothing, and why; "" else."""
    name = next(member.name for member in read_members(folder) if member.number == number)
    with suppress(GenkitError, OSError, ValueError):  # (whoever reads the run says what is wrong with it)
        if code := reported(inside(folder, name)).worthless:
            return f", but worthless: {code}"
    return ""


def _left(folder: Path) -> str:
    """How many members are to run, and how long that may take by those that have finished; "": none are."""
    listed = read_members(folder)
    outcomes = {member.number: read_outcome(folder, member.number) for member in listed}
    missing = [member for member in listed if not outcomes[member.number].ended]
    if not missing:
        return ""
    seconds = time_left(listed, outcomes, missing)
    about = "" if seconds is None else f", about {duration(seconds)}"
    return f"; {len(missing)} left{about}"


def _waited(process: Started, log: Path, title: str) -> int:
    """The exit code of a member; until it ends, its last line is shown behind its title."""
    with terminal.console().status(title) as status:
        while True:
            try:
                return process.wait(timeout=LOOKS_EVERY)
            except subprocess.TimeoutExpired:
                last = (_lines(log) or [""])[-1]
                status.update(
                    Text(terminal.without_controls(f"{title}  {last}"), no_wrap=True, overflow="ellipsis")
                )


def _logged(process: Started, log: Path, title: str) -> int:
    """The exit code of a member; until it ends, a log has its last line now and then."""
    said = ""
    while True:
        try:
            return process.wait(timeout=EVERY)
        except subprocess.TimeoutExpired:
            last = (_lines(log) or [""])[-1]
            if last != said:
                console.print(f"{title}  {terminal.without_controls(last)}")
            said = last


def _lines(log: Path) -> list[str]:
    """The last lines of a member's output that are not empty."""
    with open(log, "rb") as file:  # (which this process has made)
        file.seek(max(0, log.stat().st_size - LAST_LINES))
        said = file.read(LAST_LINES).decode("utf-8", "replace").splitlines()
    return [line.strip() for line in said if line.strip()]


def _ended(code: int, log: Path) -> tuple[str, str]:
    """How a member ended that did not finish, and the last thing that it said."""
    if code < 0 or code in INTERRUPTED:
        number = -code if code < 0 else code - 128
        known = number in list(signal.Signals)
        return "killed", f"by {signal.Signals(number).name if known else f'signal {number}'}"
    lines = _lines(log)
    own = [line.removeprefix("genkit: ") for line in lines if line.startswith("genkit: ")]
    reason = (own or lines or [f"exit code {code}"])[-1].strip()
    return EXIT_WORDS.get(code, "failed"), reason[:500]


# ---------------------------------------------------------------------- the table


# Metrics that a clock decides; another run of one study gives others.  (So it does a checkpoint's digest, for
# the checkpoint holds the clock of its training.)  All else in the table is the same bytes each time.
TIMED = ("training_seconds", "codec_seconds", "samples_per_second", "training_memory")
TIMED_COLUMNS = ("digest",)


def write_table(plan: Plan) -> Path:
    """`rows.jsonl`: every number of every member in order, and a row for each that has none.

    A study that was killed, as often as may be, ends with the bytes of one that was not, but for the values
    and notes of `TIMED` and for `TIMED_COLUMNS`.

    Raises:
        ConfigError: a member's folder is a run of another study.
    """
    lines: list[Row] = []
    for member in plan.members:
        lines += _rows_of(plan, member)
    path = plan.folder / TABLE
    row_files.write(path, lines, append=False)
    return path


def _rows_of(plan: Plan, member: Planned) -> list[Row]:
    ended = plan.outcome(member)
    about = OfStudy(member.arm, member.seed, ended.status or "missing", member.trial)
    file = plan.path(member) / row_files.FILE
    if about.status == "finished" and file.is_file():
        return [replace(row, study=about) for row in row_files.read(file)]
    if about.status == "finished":
        about = replace(about, status="missing")
    reason = ended.reason or "it has not run, or its folder was deleted"
    none = row_files.missing("none", "1", f"{about.status}: {reason}", Place(run=member.name))
    nowhere = frozenset(row_files.PLACES) - {"run", "role"}
    return [replace(none, study=about, unsaid=nowhere)]
