"""A run around its training: made or taken up, locked, and its end written down, however it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pytorch_lightning.callbacks import Callback

from genkit import config, runs
from genkit.config import Config
from genkit.runs import Record, Run, codec_folder, manifests
from genkit.system import slurm, terminal
from genkit.system.errors import CheckpointError, ConfigError, DataError, Diverged, StorageError
from genkit.system.interrupts import Interrupted, raised
from genkit.system.launchers import Rank, place_of
from genkit.system.process import restored
from genkit.training import processes, sessions
from genkit.training.fit import fit
from genkit.training.sessions import Session

console = terminal.console()


def launch(
    cfg: Config, *, callbacks: list[Callback] | None = None, own_process: bool = False
) -> dict[str, Any]:
    """Train as `cfg` says and return the run's record, with the folder as `run`.

    With several processes, each starts from the frozen configuration in the run's folder.

    Args:
        cfg: a composed and validated configuration of `train`.  With `resume`, the run's own.
        callbacks: further Lightning callbacks; they need a single process.
        own_process: whether the process is there for this training alone, so that what cannot be set back may
            be set.

    Raises:
        GenkitError: whatever is wrong with configuration, data, checkpoint, storage or numbers.
        Interrupted: by a signal; the run is saved.
    """
    with raised(), restored():
        return _launch(cfg, callbacks, own_process)


def _launch(cfg: Config, callbacks: list[Callback] | None, own_process: bool) -> dict[str, Any]:
    place, resumed = place_of(cfg.trainer.devices, cfg.trainer.num_nodes), cfg.resume
    if callbacks and cfg.trainer.processes > 1:
        raise ConfigError("callbacks= works in one process; set trainer.devices=1.")
    run = Run(runs.find(resumed, cfg.paths.runs_dir)) if resumed else _new_run(cfg)
    with run.lock():
        if not resumed and (run.path / runs.CONFIG).exists():  # somebody was quicker, and is done
            runs.refuse_taken(run.path, locked=True)
        before = run.record()
        _speak_of(run, before)
        own = {"status": "running", "pid": os.getpid(), "start": place.start}
        own |= {"schema": runs.SCHEMA, "reader": runs.READERS[runs.SCHEMA]}
        if resumed:
            cleared = {"reason": None} if before.status == "diverged" else {}
            session = Session.of(run, cfg, {**own, **cleared})
        else:
            session = Session(run)
            run.sweep()
            runs.write_atomically(run.path / runs.CONFIG, config.freeze(cfg))
            run.update(**own, created=sessions.now())
        try:
            if not resumed and (codec := cfg.data.coded_by):
                codec_folder.copy(codec_folder.source(codec, cfg.paths.runs_dir), run.path)
            _train(cfg, run, place, session, callbacks, own_process)
        except BaseException as error:
            with contextlib.suppress(StorageError):  # (the folder may be gone, which is what is said then)
                if not resumed or len(run.record().sessions) > len(before.sessions):
                    _end_badly(run, error, new=not resumed)
            if isinstance(error, Interrupted):
                slurm.requeue(error.number)
            raise
        finally:
            run.unshare()
        if run.record().status != "finished":
            run.update(status="finished", ended=sessions.now())
    return {"run": str(run.path), **run.record().to_dict()}


def _train(
    cfg: Config,
    run: Run,
    place: Rank,
    session: Session,
    callbacks: list[Callback] | None,
    own_process: bool,
) -> None:
    """In this process, or in several."""
    resumed = len(run.record().sessions) if cfg.resume else None
    if resumed is not None and cfg.trainer.processes > 1:
        session.share(cfg)
    if place.count < cfg.trainer.devices:
        processes.train(run, cfg)
    else:
        ending = partial(_ended_while_waiting, run, resumed)
        more: dict[str, Any] = {"session": session, "ending": ending, "own_process": own_process}
        fit(cfg, run, place, callbacks=callbacks, **more)


def _speak_of(run: Run, record: Record) -> None:
    """What a person should know of the end of the session before."""
    if left := run.left_behind(max(manifests.available(run.checkpoints), default=0)):
        console.print(f"note: {left}")
    if record.status == "diverged":
        console.print(f"note: it ended as diverged at step {record.step or 0}: {record.reason}")


def _end_badly(run: Run, error: BaseException, *, new: bool) -> None:
    """Write down how a training ended that did not finish; a new one without a checkpoint is removed."""
    if isinstance(error, Interrupted):
        run.update(status="interrupted", ended=sessions.now())
        return
    # Of several processes the first one's error is a code here.
    status = "diverged" if getattr(error, "exit_code", 1) == Diverged.exit_code else "failed"
    run.update(status=status, reason=f"{type(error).__name__}: {error}"[:500], ended=sessions.now())
    refused = isinstance(error, ConfigError | DataError | CheckpointError | StorageError)
    if refused and new and not manifests.available(run.checkpoints):
        run.discard()


def _new_run(cfg: Config) -> Run:
    name = cfg.name or runs.new_name(cfg.model.family, cfg.data.name)
    return Run.create(cfg.paths.runs_dir, name)


def _ended_while_waiting(run: Run, resumed: int | None, number: int) -> None:
    """What is written down of a training that a signal ended where it waited, and could not save.

    Args:
        resumed: sessions before this one, of a run that goes on; while they are as many, nothing is written.
    """
    if resumed is None or len(run.record().sessions) > resumed:
        run.update(status="interrupted", ended=sessions.now())
    run.unshare()
    slurm.requeue(number)


def worker(path: Path, paths: Mapping[str, str], place: Rank) -> None:
    """One rank of several: train what the first process of this start has written down."""
    run = Run(path)
    run.bind()
    cfg, session = sessions.joined(run)
    with raised():
        fit(config.replace(cfg, {"paths": dict(paths)}), run, place, session=session, own_process=True)
