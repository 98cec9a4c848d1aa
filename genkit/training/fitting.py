"""fit: a configuration becomes a run folder with a trained model in it, in one process or several."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import Callback

from genkit import config, runs
from genkit.core.budget import Size, check_unit
from genkit.core.module import GenerativeModule, TrainingPlan
from genkit.core.noise import mix
from genkit.data import open_dataset
from genkit.data.dataset import Dataset, TokenWindows
from genkit.data.loading import DataModule, FirstBatch
from genkit.data.packing import written_down
from genkit.diagnostics import strict
from genkit.inference.models import build_module, check_size
from genkit.runs import Run, checkpoints
from genkit.runs.checkpoints import Checkpoint
from genkit.system import slurm, terminal
from genkit.system.errors import CheckpointError, ConfigError, DataError, Diverged, StorageError
from genkit.system.interrupts import Interrupted, Remembered, raised
from genkit.system.launchers import Rank, place_of
from genkit.system.process import LIGHTNING, restored
from genkit.system.processor import compute_float32, flush_tiny_numbers, keep_freed_memory
from genkit.training import checkpointing, ranks, sessions
from genkit.training.memory import check_fits, held_bytes, kept_bytes, sizes, validation_batch
from genkit.training.sessions import Session
from genkit.training.trainer import build_trainer

console = terminal.console()

# ---------------------------------------------------------------------- the run around the training


def launch(
    cfg: dict[str, Any], *, callbacks: list[Callback] | None = None, own_process: bool = False
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


def _launch(cfg: dict[str, Any], callbacks: list[Callback] | None, own_process: bool) -> dict[str, Any]:
    place, resumed = place_of(cfg["trainer"]), cfg.get("resume")
    if callbacks and int(cfg["trainer"]["devices"]) * int(cfg["trainer"]["num_nodes"]) > 1:
        raise ConfigError("callbacks= works in one process; set trainer.devices=1.")
    run = Run(runs.find(resumed, cfg["paths"]["runs_dir"])) if resumed else _new_run(cfg)
    with run.lock():
        if not resumed and (run.path / runs.CONFIG).exists():  # somebody was quicker, and is done
            runs.refuse_taken(run.path, locked=True)
        before = run.record()
        _speak_of(run, before)
        own = {"status": "running", "pid": os.getpid(), "start": place.start, "schema": runs.SCHEMA}
        if resumed:
            cleared = {"reason": None} if before.get("status") == "diverged" else {}
            session = Session.of(run, cfg, {**own, **cleared})
        else:
            session = Session(run)
            run.sweep()
            runs.write_atomically(run.path / runs.CONFIG, config.freeze(cfg))
            run.update(**own, created=sessions.now())
        try:
            _train(cfg, run, place, session, callbacks, own_process)
        except BaseException as error:
            with contextlib.suppress(StorageError):  # (the folder may be gone, which is what is said then)
                if not resumed or sessions.count(run.record()) > sessions.count(before):
                    _end_badly(run, error, new=not resumed)
            if isinstance(error, Interrupted):
                slurm.requeue(error.number)
            raise
        finally:
            run.unshare()
        if run.record().get("status") != "finished":
            run.update(status="finished", ended=sessions.now())
    return {"run": str(run.path), **run.record()}


def _train(
    cfg: dict[str, Any],
    run: Run,
    place: Rank,
    session: Session,
    callbacks: list[Callback] | None,
    own_process: bool,
) -> None:
    """In this process, or in several."""
    resumed = sessions.count(run.record()) if cfg.get("resume") else None
    if resumed is not None and int(cfg["trainer"]["devices"]) * int(cfg["trainer"]["num_nodes"]) > 1:
        session.share(cfg)
    if place.count < int(cfg["trainer"]["devices"]):
        ranks.train(run, cfg)
    else:
        ending = partial(_ended_while_waiting, run, resumed)
        more: dict[str, Any] = {"session": session, "ending": ending, "own_process": own_process}
        fit(cfg, run, place, callbacks=callbacks, **more)


def _speak_of(run: Run, record: Mapping[str, Any]) -> None:
    """What a person should know of the end of the session before."""
    if left := run.left_behind(max(checkpoints.available(run.checkpoints), default=0)):
        console.print(f"note: {left}")
    if record.get("status") == "diverged":
        console.print(
            f"note: it ended as diverged at step {record.get('step', 0)}: {record.get('reason')}",
        )


def _end_badly(run: Run, error: BaseException, *, new: bool) -> None:
    """Write down how a training ended that did not finish; a new one without a checkpoint is removed."""
    if isinstance(error, Interrupted):
        run.update(status="interrupted", ended=sessions.now())
        return
    # Of several processes the first one's error is a code here.
    status = "diverged" if getattr(error, "exit_code", 1) == Diverged.exit_code else "failed"
    run.update(status=status, reason=f"{type(error).__name__}: {error}"[:500], ended=sessions.now())
    refused = isinstance(error, ConfigError | DataError | CheckpointError | StorageError)
    if refused and new and not checkpoints.available(run.checkpoints):
        run.discard()


def _new_run(cfg: Mapping[str, Any]) -> Run:
    name = cfg.get("name") or runs.new_name(cfg["model"]["family"], cfg["data"]["name"])
    return Run.create(cfg["paths"]["runs_dir"], name)


def _ended_while_waiting(run: Run, resumed: int | None, number: int) -> None:
    """What is written down of a training that a signal ended where it waited, and could not save.

    Args:
        resumed: sessions before this one, of a run that goes on; while they are as many, nothing is written.
    """
    if resumed is None or sessions.count(run.record()) > resumed:
        run.update(status="interrupted", ended=sessions.now())
    run.unshare()
    slurm.requeue(number)


def worker(path: Path, paths: Mapping[str, str], place: Rank) -> None:
    """One rank of several: train what the first process of this start has written down."""
    run = Run(path)
    run.bind()
    cfg, session = sessions.joined(run)
    with raised():
        fit({**cfg, "paths": dict(paths)}, run, place, session=session, own_process=True)


# ---------------------------------------------------------------------- the training


def fit(
    cfg: dict[str, Any],
    run: Run,
    place: Rank,
    *,
    callbacks: list[Callback] | None = None,
    session: Session | None = None,
    ending: Callable[[int], None] | None = None,
    own_process: bool = False,
) -> GenerativeModule:
    """Train in this process, from the run's last checkpoint if it has one.

    Args:
        place: of this process among those of the training.
        session: what is written down as soon as nothing is left that could be refused.
        ending: called with the signal that ends a wait, see `genkit.system.interrupts.Deadline`.
        own_process: see `launch`.
    """
    session = session or Session(run)
    _quieten_lightning()
    trainer_cfg, seed = cfg["trainer"], int(cfg["seed"])
    _set_threads(trainer_cfg)
    automatic = trainer_cfg["accelerator"] == "auto"
    if trainer_cfg["accelerator"] == "cpu" or (automatic and not torch.accelerator.is_available()):
        flush_tiny_numbers()
        if own_process:
            keep_freed_memory()
    compute_float32(trainer_cfg["matmul"])
    dataset = open_dataset(cfg["data"], cfg["paths"], config.view(cfg))
    data = DataModule(dataset, seed=seed, batch_size=cfg["batch_size"])
    if checkpoints.available(run.checkpoints):
        check_size(cfg["model"], dataset.spec, run)
    check_fits(cfg, dataset.spec)
    module = build_module(cfg["model"], dataset.spec, seed=mix(seed, 0))
    if trainer_cfg["compile"] and (reason := module.uncompilable()):
        raise ConfigError(f"trainer.compile=true: {reason}")
    budget, size = sessions.budget_of(cfg["budget"]), _size(dataset)
    check_unit(budget.unit, dataset.spec.is_text, dataset.name)
    total_steps = budget.steps(cfg["batch_size"], size)
    runs.check_room(run.path, held_bytes(module, cfg["optim"]))
    checkpoint = _checkpoint(cfg, run, module, place)
    start = checkpoint.step if checkpoint else 0
    module.plan = TrainingPlan(
        optim=cfg["optim"],
        seed=seed,
        budget=budget,
        total_steps=total_steps,
        accumulate=trainer_cfg["accumulate"],
        fused=trainer_cfg["precision"] != "16-mixed",
        seconds_before=checkpoint.trainer["seconds"] if checkpoint else 0.0,
        wall_seconds_before=checkpoint.trainer["wall_seconds"] if checkpoint else 0.0,
    )
    _check_data(run, cfg, dataset)
    if checkpoint is not None:
        checkpointing.check_state(checkpoint, module)

    def begin() -> None:
        run.sweep()
        session.begin(start, torch.get_num_threads(), **_described(run, cfg, module, dataset))

    with Remembered(ending) as signals:
        trainer = build_trainer(
            cfg, run, module, data, total_steps, checkpoint, callbacks or [], signals, place, begin
        )
        _check_arithmetic(trainer_cfg, trainer.strategy.root_device)
        data.device, data.resident = trainer.strategy.root_device, bool(cfg["data"].get("on_device"))
        if trainer.is_global_zero:
            console.print(_costs(cfg, module))
            _say_arithmetic(trainer_cfg, trainer.strategy.root_device)
            said = sessions.notices(session, cfg, module, start, size) if checkpoint else []
            if cfg["batch_size"] > size.examples:
                said.append(
                    f"batch_size={cfg['batch_size']} is more than the windows that {dataset.name} has at once"
                    f" ({size.examples:,}): a batch holds the text several times, cut at other places."
                )
            for notice in [*dataset.notices, *said]:
                console.print(f"note: {notice}")
        if checkpoint is not None and _is_spent(module, start):
            if checkpointing.is_validated(checkpoint):
                if cfg.get("strict"):
                    strict.refuse_unsound(run)
                if trainer.is_global_zero:
                    run.sweep()  # a kill after the last checkpoint, while its record was written
                    checkpointing.settle(run, checkpoint)
                    amount = f"{budget.amount:g} {budget.unit}"
                    console.print(f"nothing to do: {run.name} has spent its budget of {amount}.")
                return module
            total_steps = start + 1  # Lightning enters no empty loop; nothing of it is trained
        rank, world = trainer.global_rank, trainer.world_size
        data.eval_batch_size = validation_batch(cfg, module, data, world)  # by the networks as they are
        if trainer_cfg["compile"]:
            if trainer.is_global_zero:
                console.print("note: compiling; the first step and the first validation may take minutes.")
            for network in module.children():
                network.compile()
        stream = data.train_stream(start, total_steps, rank, world)
        batches = FirstBatch(stream) if trainer_cfg["overfit"] else stream
        trainer.fit(module, batches, data.eval_loader("validation", rank, world))
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # a thread of it that is left aborts the process at its end
    return module


def _size(dataset: Dataset) -> Size:
    examples = dataset.split("train")
    return Size(len(examples), examples.block_size if isinstance(examples, TokenWindows) else 1)


def _is_spent(module: GenerativeModule, step: int) -> bool:
    """Whether nothing is left of the budget after a step."""
    plan = module.plan
    if plan.total_steps is None:
        return plan.seconds_before >= plan.budget.amount
    return step >= plan.total_steps


def _costs(cfg: Mapping[str, Any], module: GenerativeModule) -> str:
    """The size of what is trained, and an estimate of what a step takes."""
    parameters, trained = sizes(module)
    said = [f"{parameters:,} parameters" + (f", {trained:,} of them trained" if trained < parameters else "")]
    costs = module.costs()
    if "flops" in costs:
        said.append(f"{costs['flops'] * cfg['batch_size'] / 1e9:,.1f} GFLOP a step")
    if "activations" in costs:
        memory = held_bytes(module, cfg["optim"]) + kept_bytes(module, cfg)
        said.append(f"about {memory / 1e6:,.0f} MB in float32")
    return "; ".join(said)


def _check_arithmetic(trainer: Mapping[str, Any], device: torch.device) -> None:
    """Refuse what a GPU would only emulate.

    Raises:
        ConfigError: bfloat16 on a GPU without it.
    """
    asked = device.type == "cuda" and trainer["precision"] == "bf16-mixed"
    if asked and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ConfigError(
            f"trainer.precision=bf16-mixed: {torch.cuda.get_device_name(device)} has no bfloat16;"
            " choose 16-mixed or 32-true."
        )


def _say_arithmetic(trainer: Mapping[str, Any], device: torch.device) -> None:
    """What a GPU would do faster, where nobody has asked for it."""
    if device.type == "cuda" and (trainer["precision"], trainer["matmul"]) == ("32-true", "highest"):
        console.print(
            "note: float32 throughout; faster on a GPU: trainer.precision=bf16-mixed, or trainer.matmul=high"
            " (TF32 in products and convolutions)."
        )


def _quieten_lightning() -> None:
    """Lightning's hints speak of its own options; what a user of ours must know, we say."""
    for name in LIGHTNING:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"pytorch_lightning|lightning_fabric")
    # Of kernels with a side of 1, whose strides are a matter of taste.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides", UserWarning)


def _set_threads(trainer: Mapping[str, Any]) -> None:
    """Processes on one CPU share its cores."""
    threads = trainer["threads"]
    if threads is None and trainer["accelerator"] == "cpu" and trainer["devices"] > 1:
        threads = max(1, (os.cpu_count() or 1) // int(trainer["devices"]))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads and threads > cores:  # more would wait for one another
        console.print(f"note: trainer.threads={threads}: this machine has {cores} cores, so {cores} it is.")
        threads = cores
    if threads:
        torch.set_num_threads(int(threads))


def _checkpoint(cfg: Mapping[str, Any], run: Run, module: GenerativeModule, place: Rank) -> Checkpoint | None:
    """The run's last checkpoint, its weights restored; `init_from` gives a new run weights alone."""
    if checkpoints.available(run.checkpoints):
        checkpoint, damaged = checkpoints.newest(run.checkpoints)
        if damaged and place.rank == 0:
            lost = checkpoints.available(run.checkpoints)[-1] - checkpoint.step
            console.print(
                f"note: {damaged[0]} Going on from step-{checkpoint.step}: {lost} steps are trained again.",
            )
        checkpoints.check_belongs(checkpoint, config.digest(cfg["model"]), runs.spec_digest(run.path))
        checkpoints.restore_module(module, checkpoint.weights, run.checkpoints / f"step-{checkpoint.step}")
        return checkpoint
    if left := sorted(run.checkpoints.glob("step-*")):  # a training that forgets them would write over them
        raise CheckpointError(
            f"{left[0]} is no checkpoint: its {checkpoints.MANIFEST} is missing, or no plain file."
            " Restore it, or begin anew with another name=."
        )
    if cfg.get("init_from"):
        other = Run(runs.find(cfg["init_from"], cfg["paths"]["runs_dir"]))
        named, saved = checkpoints.load_named(other.checkpoints, "last")
        checkpoints.check_family(saved, cfg["model"]["family"], named)
        checkpoints.restore_module(module, saved.weights, named)
    if cfg.get("pretrained"):
        from genkit.interop import gpt2

        gpt2.read(module, Path(cfg["pretrained"]))
    if broken := checkpoints.not_finite(module.state_dict()):
        raise CheckpointError(
            f"{cfg.get('init_from') or cfg.get('pretrained')}: {len(broken)} tensors are not finite"
            f" ({', '.join(broken[:5])}); begin with others."
        )
    return None


def _check_data(run: Run, cfg: Mapping[str, Any], dataset: Any) -> None:
    """See that a run that goes on reads what it was begun on.

    Raises:
        DataError: its fingerprint is another.
    """
    recorded = run.record().get("fingerprint")
    if recorded and recorded != dataset.fingerprint and not cfg.get("accept_new_data"):
        raise DataError(
            f"the data has changed since {run.name} began (its fingerprint is another):"
            " restore it, or go on with accept_new_data=true."
        )


def _described(run: Run, cfg: Mapping[str, Any], module: GenerativeModule, dataset: Any) -> dict[str, Any]:
    """Write down what the data is, and return what the record says of what is trained on it."""
    spec = runs.spec_text(module.spec)
    runs.write_atomically(run.path / runs.SPEC, spec)
    return {
        "name": run.name,
        "family": cfg["model"]["family"],
        "model": cfg.get("choices", {}).get("model") or cfg["model"]["family"],
        "data": dataset.name,
        "seed": cfg["seed"],
        "parameters": sum(p.numel() for p in module.parameters()),
        "capabilities": module.capabilities(),
        "units": dict(module.units),
        "options": [option.to_dict() for option in module.options],
        "fingerprint": dataset.fingerprint,
        "packed": written_down(dataset.packs),
        "protocol": dataset.protocol,
        "counts": dataset.counts,
        "spec_sha256": hashlib.sha256(spec.encode()).hexdigest(),
    }
