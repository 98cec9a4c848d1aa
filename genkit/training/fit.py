"""fit: a configuration becomes a run folder with a trained model in it, in one process or several."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import Callback

from genkit import config, runs
from genkit.config import Config
from genkit.core.budget import Size, check_unit
from genkit.core.module import GenerativeModule
from genkit.core.noise import mix
from genkit.core.plan import TrainingPlan
from genkit.data.dataset import Dataset, TokenWindows
from genkit.data.loading import DataModule, FirstBatch
from genkit.data.packing import written_down
from genkit.data.pair_windows import PairWindows
from genkit.diagnostics import strict
from genkit.inference.code_use import code_use
from genkit.inference.models import build_module, check_size
from genkit.inference.run_data import open_data
from genkit.nn.dense_layer import prefer_onednn
from genkit.runs import Run, checkpoints, manifests
from genkit.runs.checkpoints import Checkpoint
from genkit.system import terminal
from genkit.system.errors import CheckpointError, ConfigError, DataError
from genkit.system.interrupts import Remembered
from genkit.system.launchers import Rank
from genkit.system.processor import compute_float32, flush_tiny_numbers, keep_freed_memory, multiplies_slowly
from genkit.training import checkpointing, contention, expense, sessions
from genkit.training.memory import check_fits, held_bytes, sizes, validation_batch
from genkit.training.processes import others_needed
from genkit.training.sessions import Session
from genkit.training.surroundings import check_arithmetic, quieten_lightning, say_arithmetic, set_threads
from genkit.training.trainer import build_trainer

console = terminal.console()


def fit(
    cfg: Config,
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
    quieten_lightning()
    seed = cfg.seed
    set_threads(cfg.trainer)
    automatic = cfg.trainer.accelerator == "auto"
    if cfg.trainer.accelerator == "cpu" or (automatic and not torch.accelerator.is_available()):
        flush_tiny_numbers()
        prefer_onednn(multiplies_slowly())
        if own_process:
            keep_freed_memory()
    compute_float32(cfg.trainer.matmul)
    dataset = open_data(cfg, cfg.paths.by_name, run=run.path)
    data = DataModule(dataset, seed=seed, batch_size=cfg.batch_size)
    goes_on = bool(manifests.available(run.checkpoints))
    if goes_on:
        check_size(cfg.model, dataset.spec, run)
    needed = check_fits(cfg, dataset.spec)
    follow = goes_on or bool(cfg.init_from or cfg.pretrained)
    module = build_module(cfg.model, dataset.spec, seed=mix(seed, 0), weights_follow=follow)
    if cfg.trainer.compile and (reason := module.uncompilable()):
        raise ConfigError(f"trainer.compile=true: {reason}")
    budget, size = sessions.budget_of(cfg.budget), _size(dataset)
    check_unit(budget.unit, dataset.spec.medium, dataset.name)
    total_steps = budget.steps(cfg.batch_size, size)
    runs.check_room(run.path, held_bytes(module, cfg.optim))
    checkpoint = _checkpoint(cfg, run, module, place)
    start = checkpoint.step if checkpoint else 0
    module.plan = TrainingPlan(
        optim=cfg.plain["optim"],
        seed=seed,
        budget=budget,
        total_steps=total_steps,
        accumulate=cfg.trainer.accumulate,
        epoch_steps=data.steps_per_epoch(),
        fused=cfg.trainer.precision != "16-mixed",
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
        check_arithmetic(cfg.trainer, trainer.strategy.root_device)
        data.device, data.resident = trainer.strategy.root_device, bool(getattr(cfg.data, "on_device", False))
        if trainer.is_global_zero:
            console.print(_costs(cfg, module, needed))
            say_arithmetic(cfg.trainer, trainer.strategy.root_device)
            said = sessions.notices(session, cfg, module, start, size) if checkpoint else []
            if cfg.batch_size > size.examples:
                said.append(
                    f"batch_size={cfg.batch_size} is more than the windows that {dataset.name} has at once"
                    f" ({size.examples:,}): a batch holds the text several times, cut at other places."
                )
            left = None if total_steps is None else total_steps - start
            said += expense.remarks(cfg, module, trainer.strategy.root_device, left)
            for notice in [*dataset.notices, *said]:
                console.print(f"note: {notice}")
        if checkpoint is not None and _is_spent(module, start):
            if checkpointing.is_validated(checkpoint):
                if cfg.strict:
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
        if cfg.trainer.compile:
            if trainer.is_global_zero:
                console.print("note: compiling; the first step and the first validation may take minutes.")
            for network in module.children():
                network.compile()
        stream = data.train_stream(start, total_steps, rank, world)
        batches = FirstBatch(stream) if cfg.trainer.overfit else stream
        watched = contention.watches(cfg.trainer, trainer.strategy.root_device)
        with others_needed(run), contention.told() if watched else nullcontext():
            trainer.fit(module, batches, data.eval_loader("validation", rank, world))
    return module


def _size(dataset: Dataset) -> Size:
    examples = dataset.split("train")
    return Size(len(examples), examples.block_size if isinstance(examples, TokenWindows | PairWindows) else 1)


def _is_spent(module: GenerativeModule, step: int) -> bool:
    """Whether nothing is left of the budget after a step."""
    plan = module.plan
    if plan.total_steps is None:
        return plan.seconds_before >= plan.budget.amount
    return step >= plan.total_steps


def _costs(cfg: Config, module: GenerativeModule, needed: float | None) -> str:
    """The size of what is trained, and an estimate of what a step takes."""
    parameters, trained = sizes(module)
    said = [f"{parameters:,} parameters" + (f", {trained:,} of them trained" if trained < parameters else "")]
    costs = module.costs()
    if "flops" in costs:
        said.append(f"{costs['flops'] * cfg.batch_size / 1e9:,.1f} GFLOP a step")
    if needed is not None:
        said.append(f"about {max(1, round(needed / 1e6)):,} MB in float32")
    return "; ".join(said)


def _checkpoint(cfg: Config, run: Run, module: GenerativeModule, place: Rank) -> Checkpoint | None:
    """The run's last checkpoint, its weights restored; `init_from` gives a new run weights alone."""
    if manifests.available(run.checkpoints):
        checkpoint, damaged = checkpoints.newest(run.checkpoints)
        if damaged and place.rank == 0:
            lost = manifests.available(run.checkpoints)[-1] - checkpoint.step
            console.print(
                f"note: {damaged[0]} Going on from step-{checkpoint.step}: {lost} steps are trained again.",
            )
        checkpoints.check_belongs(checkpoint, config.digest(cfg.plain["model"]), runs.spec_digest(run.path))
        checkpoints.restore_module(module, checkpoint.weights, run.checkpoints / f"step-{checkpoint.step}")
        return checkpoint
    if left := sorted(run.checkpoints.glob("step-*")):  # a training that forgets them would write over them
        raise CheckpointError(
            f"{left[0]} is no checkpoint: its {manifests.MANIFEST} is missing, or no plain file."
            " Restore it, or begin anew with another name=."
        )
    if cfg.init_from:
        other = Run(runs.find(cfg.init_from, cfg.paths.runs_dir))
        named, saved = checkpoints.load_named(other.checkpoints, "last")
        checkpoints.check_family(saved, cfg.model.family, named)
        checkpoints.restore_module(module, saved.weights, named)
    if cfg.pretrained:
        from genkit.interop import model_folder

        model_folder.read(module, Path(cfg.pretrained))
    if broken := checkpoints.not_finite(module.state_dict()):
        raise CheckpointError(
            f"{cfg.init_from or cfg.pretrained}: {len(broken)} tensors are not finite"
            f" ({', '.join(broken[:5])}); begin with others."
        )
    return None


def _check_data(run: Run, cfg: Config, dataset: Any) -> None:
    """See that a run that goes on reads what it was begun on.

    Raises:
        DataError: its fingerprint is another.
    """
    recorded = run.record().fingerprint
    if recorded and recorded != dataset.fingerprint and not cfg.accept_new_data:
        raise DataError(
            f"the data has changed since {run.name} began (its fingerprint is another):"
            " restore it, or go on with accept_new_data=true."
        )


def _described(run: Run, cfg: Config, module: GenerativeModule, dataset: Any) -> dict[str, object]:
    """Write down what the data is, and return what the record says of what is trained on it."""
    spec = runs.spec_text(module.spec)
    runs.write_atomically(run.path / runs.SPEC, spec)
    codec = code_use(run.path, dataset)
    return {
        **({} if codec is None else {"codec": codec}),
        "name": run.name,
        "family": cfg.model.family,
        "model": config.model_name(cfg),
        "data": dataset.name,
        "seed": cfg.seed,
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
