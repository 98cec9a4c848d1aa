"""One member of a study in this process: trained, evaluated, and how that ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from genkit import config, runs
from genkit.families import FAMILIES
from genkit.runs import rows as row_files
from genkit.runs.studies import read_members
from genkit.study.folder import codec_config, load_declaration, member_config, member_families
from genkit.system.errors import Diverged, GenkitError
from genkit.system.interrupts import Interrupted, end_with_parent
from genkit.system.plain import inside


def run_member(folder: Path, number: int, device: str | None = None) -> None:
    """Train and evaluate one member in this process, which was started for it.

    Args:
        device: torch's name of where it is evaluated; None: a GPU where there is one.

    Raises:
        GenkitError: whatever went wrong.
    """
    end_with_parent()
    train_and_evaluate(folder, number, config.paths([]), device)  # (the study has set the environment)


def train_and_evaluate(
    folder: Path,
    number: int,
    paths: Mapping[str, str],
    device: str | None = None,
    *,
    own_process: bool = True,
) -> None:
    """As `run_member`, where nobody else started this process.

    Args:
        paths: the group `paths`.
        own_process: see `genkit.training.launch.launch`.
    """
    cfg = member_config(folder, number, paths)
    run = runs.Run(inside(folder, str(cfg.name)))
    _wait_for_lock(run)
    import torch

    from genkit.training.launch import launch

    if run.record().status != "finished":
        if not (run.path / runs.CODEC / runs.CONFIG).is_file():  # (else it is this run's already)
            _train_codec(folder, number, paths, own_process)
        launch(cfg, own_process=own_process)
    from genkit.evaluation import evaluate

    settings = dict(load_declaration(folder).evaluate)
    checkpoint = settings.pop("checkpoint", None)
    if next(m for m in read_members(folder) if m.number == number).trial is not None:
        settings["split"] = "validation"  # what the study reports must not choose
        checkpoint = "best" if (run.checkpoints / "best").is_file() else "last"
    if isinstance(checkpoint, str):
        checkpoint = checkpoint.split(",")
    if settings.get("metrics") is not None:
        settings["metrics"] = tuple(settings["metrics"])
    declared = {option.name for option in run.record().options}
    given = settings.pop("sampling", {})
    settings["sampling"] = {name: value for name, value in given.items() if name in declared}
    settings["device"] = device or ("cuda" if torch.cuda.is_available() else "cpu")
    (run.path / row_files.FILE).unlink(missing_ok=True)  # of an evaluation that was cut short
    evaluate(run.path, checkpoint, paths=cfg.paths.by_name, **settings)


def _train_codec(folder: Path, number: int, paths: Mapping[str, str], own_process: bool) -> None:
    """The codec of a member's arm, where that has one, as far as it is not trained yet."""
    from genkit.training.launch import launch

    if (cfg := codec_config(folder, number, paths)) is None:
        return
    run = runs.Run(inside(folder, str(cfg.name)))
    _wait_for_lock(run)
    if run.record().status != "finished":
        launch(cfg, own_process=own_process)


def _wait_for_lock(run: runs.Run, seconds: float = 60.0) -> None:
    """A member of a study that was killed may still be saving."""
    if not run.path.is_dir():
        return
    ends = time.monotonic() + seconds
    while True:
        try:
            run.lock().release()
            return
        except GenkitError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.5)


# ---------------------------------------------------------------------- a class of this process


def is_of_this_process(folder: Path, number: int) -> bool:
    """Whether a member's family, or its codec's, is a class that the caller has in hand, which no other
    process can see."""
    return any(FAMILIES.own(family) is not None for family in member_families(folder, number))


def attempt(folder: Path, number: int, paths: Mapping[str, str]) -> tuple[str, str, int]:
    """Run a member here: how it ended, why, and the exit code that a process of its own would have had.

    Raises:
        KeyboardInterrupt: it was asked to stop; what was trained is saved.
    """
    try:
        train_and_evaluate(folder, number, paths, own_process=False)
    except Interrupted as error:
        raise KeyboardInterrupt from error
    except GenkitError as error:
        return "diverged" if isinstance(error, Diverged) else "failed", str(error)[:500], error.exit_code
    except Exception as error:  # of the class, which may raise anything
        return "failed", f"{type(error).__name__}: {error}"[:500], 1
    return "finished", "", 0
