"""`genkit train`: compose, refuse what can be refused before torch is imported, train, say what came out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit import config, runs
from genkit.cli.commands.train import TrainSettings
from genkit.cli.commands.worker import WorkerSettings
from genkit.cli.flags import FLAGS, ask
from genkit.cli.hardware import check_cores, check_device
from genkit.cli.outputs import check_writable
from genkit.config import Config
from genkit.runs.manifests import check_family
from genkit.system import slurm
from genkit.system.errors import ConfigError, GenkitError
from genkit.system.gpus import reserved_gpus, visible_gpus
from genkit.system.interrupts import end_with_parent, forwarded
from genkit.system.launchers import Rank, place, place_of
from genkit.system.terminal import say
from genkit.training import processes

if TYPE_CHECKING:
    from genkit.data.sources.kept import Given

MULTIRUN = ("-m", "--multirun")
CHECKED_JOBS = 100  # of a sweep before its first one starts; composing costs a third of a second


def train(settings: TrainSettings) -> int:
    words = list(settings.words)
    config.check_places(words)
    flags = [word.partition("=")[0] for word in words]
    if any(flag in MULTIRUN for flag in flags):
        return sweep([word for word in words if word not in MULTIRUN])
    if any(flag in FLAGS for flag in flags):
        return ask(words)
    if join(words) is not None:
        return 0
    cfg = training_config(words)
    unit, amount = cfg.budget.unit, cfg.budget.amount
    chosen = cfg.choices
    verb = "going on with" if cfg.resume else "training"
    said = (
        f"{verb} model={chosen.get('model')} on data={chosen.get('data')} for {amount:g} {unit}"
        f" (seed {cfg.seed}, batches of {cfg.batch_size}) as {cfg.name}"
    )
    say(said, flush=True)
    if not words:
        say("other models, data, recipes: genkit train --help; other commands: genkit --help", flush=True)
    from genkit.data.text.text_parts import UNDIVIDED
    from genkit.training.launch import launch

    try:
        record = launch(cfg, own_process=True)
    except BaseException as error:
        if not isinstance(error, Exception):  # a signal; the run is saved by now
            error.add_note(f"Go on with: genkit train resume={cfg.name}")
        raise
    final = {name: value for name, value in record.get("final", {}).items() if name != "step"}
    units = record.get("units", {})
    say(f"run: {record['run']} ({record.get('status')} at step {record.get('step')})")
    of = f" ({record['protocol']})" if str(record.get("protocol", "")).startswith(UNDIVIDED) else ""
    numbers = [f"{k} {v:.4f} {units.get(k.partition('/')[2], '')}".rstrip() for k, v in final.items()]
    say("  ".join(numbers) + of)
    return 0


def worker(settings: WorkerSettings) -> int:
    words = settings.words
    numbers = [int(word) for word in words[1:] if word.isdecimal()]
    if len(words) != 4 or len(numbers) != 3 or not Path(words[0]).is_dir():
        raise ConfigError("worker takes a run folder and three numbers; genkit train starts it.")
    end_with_parent()
    from genkit.training.launch import worker as work

    rank, count, port = numbers
    work(Path(words[0]), config.paths([]), Rank(rank, count, local=rank, port=port))
    return 0


def join(words: Sequence[str], given: Given | None = None) -> dict[str, object] | None:
    """Train what the first process trains, where somebody else has started this one beside it.

    Args:
        given: as for `training_config`.

    Returns:
        The run's record, with its folder as `run`; None: this process is the first, or trains alone.

    Raises:
        GenkitError: what the first one refuses too, or the first one trains nothing.
    """
    if not place().rank:
        return None
    cfg, texts = _composed(words, given)
    here = place_of(cfg.trainer.devices, cfg.trainer.num_nodes)
    if not here.rank:
        return None
    if given is not None:
        given.keep(cfg.data, cfg.paths.by_name)
    name = _shared_name(texts, here)
    folder = Path(cfg.paths.runs_dir) / name
    if "resume" in texts:
        folder = runs.find(name, cfg.paths.runs_dir)
    from genkit.training.launch import worker as work

    processes.wait_for_first(runs.Run(folder), here.start)
    work(folder, cfg.paths.by_name, here)
    return {"run": str(folder), **runs.read(folder).to_dict()}


def _shared_name(texts: Mapping[str, object], here: Rank) -> str:
    """The run's name or path, by which several processes find it.

    Raises:
        ConfigError: it is not given.
    """
    name = texts.get("resume") or texts.get("name")
    if not name:
        raise ConfigError(f"{here.count} processes train one run; give it a name=, so that they find it.")
    return str(name)


# ---------------------------------------------------------------------- before torch


def training_config(words: Sequence[str], given: Given | None = None) -> Config:
    """The checked configuration of a training, new or resumed, which has a place and readable data.

    Args:
        given: what is trained on, where the caller has it in hand.

    Raises:
        GenkitError: whatever is wrong with it.
    """
    cfg, texts = _composed(words, given)
    here, folder = place_of(cfg.trainer.devices, cfg.trainer.num_nodes), None
    if "resume" in texts:
        folder = runs.find(texts["resume"], cfg.paths.runs_dir)
        check_writable(folder)
        with runs.Run(folder).lock():
            pass
    else:
        if here.count > 1:
            _shared_name(texts, here)
        if cfg.name is None:
            name = runs.new_name(config.model_name(cfg), cfg.data.name)
            cfg = config.replace(cfg, {"name": name})
        _check_place(Path(cfg.paths.runs_dir), runs.check_run_name(str(cfg.name)))
    if cfg.init_from:
        other = runs.find(cfg.init_from, cfg.paths.runs_dir)
        check_family(runs.read(other).family, cfg.model.family, f"init_from={other.name}")
    check_device("trainer.accelerator", cfg.trainer.accelerator, "trainer=cpu")
    check_cores(cfg.trainer)
    for logger in cfg.logger.names:
        if logger != "csv" and find_spec(logger) is None:
            raise ConfigError(f"logger.names has {logger}, which is not installed: pip install {logger}.")
    from genkit.inference.run_data import open_data

    if given is not None:
        given.keep(cfg.data, cfg.paths.by_name)
    open_data(cfg, cfg.paths.by_name, run=folder).check_batch(cfg.batch_size)
    return cfg


def _composed(words: Sequence[str], given: Given | None = None) -> tuple[Config, Mapping[str, Any]]:
    """The configuration, and the free text of the words that it comes from.

    Of a job of SLURM that was queued again, those of a resumed run.

    Raises:
        GenkitError: whatever is wrong with it.
    """
    texts, _ = config.split_free_text(words)
    if slurm.is_restarted() and "resume" not in texts and _has_run(texts, words):
        kept = [word for word in words if word.startswith("paths.")]
        words = [*kept, f"resume={texts['name']}"]
        texts, _ = config.split_free_text(words)
    if "resume" not in texts:
        return config.compose("train", given.beside(words) if given else words), texts
    folder = runs.find(texts["resume"], config.paths(words)["runs_dir"])
    cfg = config.resume(config.load_frozen(folder / runs.CONFIG), words)
    changed: dict[str, object] = {"name": folder.name}
    if given is not None:
        given.taken_up(cfg.data, folder.name, accept=cfg.accept_new_data)
        changed["data.digest"] = given.digest
    return config.replace(cfg, changed), texts


def _has_run(texts: Mapping[str, Any], words: Sequence[str]) -> bool:
    """Whether a job that was queued again has begun its run before."""
    name = texts.get("name")
    return bool(name) and (Path(config.paths(words)["runs_dir"]) / str(name) / runs.CONFIG).is_file()


def _check_place(root: Path, name: str) -> None:
    """See that a run of that name can be made.

    Raises:
        ConfigError: there is one; names that differ in case alone are one name on some disks.
        Locked: there is one, and it is being trained.
        StorageError: the folder cannot be written.
    """
    if len(os.fsencode(name)) > 200:
        raise ConfigError(f"name={name[:20]}… has {len(os.fsencode(name))} bytes; a name has at most 200.")
    present = [path.name for path in root.iterdir()] if root.is_dir() else []
    for other in present:
        if runs.same_name(other, name) and not (other == name and runs.is_abandoned(root / other)):
            runs.refuse_taken(root / other)
    check_writable(root)


# ---------------------------------------------------------------------- Hydra's own words


def sweep(arguments: Sequence[str]) -> int:
    """`-m`: each combination of the values is a run of its own, in a process of its own.

    What cannot be composed is said before anything runs; a job that fails does not stop the others, and the
    exit code is that of the first failure.
    """
    from genkit.study.backends import check_launcher

    check_launcher(config.launching(arguments))
    texts, words = config.sweep(arguments)
    refused: dict[tuple[str, ...], GenkitError] = {}
    with config.one_line_errors(), config.hydra_session() as hydra:
        jobs = config.jobs(words)
        if not jobs:
            raise ConfigError(f"{' '.join(words)}: no option matches, so there is nothing to run.")
        for job in jobs[:CHECKED_JOBS]:
            try:
                config.compose("train", [*job, *texts])
            except GenkitError as error:
                refused[tuple(job)] = error
        if len(refused) == len(jobs):
            raise next(iter(refused.values()))
        for job_words, refusal in refused.items():
            say(f"genkit: job {jobs.index(list(job_words))} is left out: {refusal}", file=sys.stderr)
        folder = Path(config.paths(texts)["runs_dir"])
        check_writable(folder)
        place = folder / ".sweeps"
        results = hydra.multirun(
            config_name="train",
            task_function=partial(_run_job, texts=texts, refused=frozenset(refused)),
            overrides=[*words, f"hydra.sweep.dir={config.as_text(str(place))}", "hydra.mode=MULTIRUN"],
        )
    (place / "multirun.yaml").unlink(missing_ok=True)
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()
    codes = [job.return_value for batch in results for job in batch]
    failed = sum(code != 0 for code in codes)
    say(f"{len(codes)} jobs, {failed} of them failed" if failed else f"{len(codes)} jobs", flush=True)
    if refused:
        return next(iter(refused.values())).exit_code
    return next((code for code in codes if code), 0)


def _run_job(cfg: Any, *, texts: Sequence[str], refused: frozenset[tuple[str, ...]]) -> int:
    """One job of a sweep; a launcher may call it in another process."""
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    words = list(hydra.overrides.task)
    if tuple(words) in refused:
        return ConfigError.exit_code
    say(f"job {hydra.job.num}: {' '.join(words)}", flush=True)
    # In a session of its own, the job gets a Ctrl-C once, from us, and can save before it ends.
    command = [sys.executable, "-m", "genkit", "train", *words, *texts]
    with reserved_gpus(cfg.trainer, Path(str(cfg.paths.cache_dir)) / "gpus", visible_gpus()) as own:
        process = subprocess.Popen(command, env={**os.environ, **own}, start_new_session=True)
        with forwarded([process]) as received:
            code = process.wait()
    if received:
        raise KeyboardInterrupt
    return code if code >= 0 else 128 - code
