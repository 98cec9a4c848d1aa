"""Lightning's trainer as a configuration asks for it: strategy, precision, callbacks and loggers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger
from pytorch_lightning.strategies import Strategy

from genkit import config, runs
from genkit.config import Config
from genkit.config.settings import TrainerKnobs
from genkit.core.module import GenerativeModule
from genkit.data.dataset import Dataset
from genkit.data.loading import DataModule
from genkit.data.real import same, unchanged
from genkit.diagnostics.health import Health
from genkit.diagnostics.known import training_examples
from genkit.diagnostics.strict import SoundPlan, Strict
from genkit.runs import Run
from genkit.runs.checkpoints import Checkpoint
from genkit.system import terminal
from genkit.system.errors import ConfigError, nearest
from genkit.system.interrupts import Remembered
from genkit.system.launchers import Rank
from genkit.system.terminal import shows_bars
from genkit.training import callbacks as watch
from genkit.training import checkpointing, lightning
from genkit.training.cluster_environment import Processes
from genkit.training.gradient_exchange import GradientExchange
from genkit.training.history import CSVHistory
from genkit.training.loggers import BoardHistory, MLflowHistory, WandbHistory, beginning
from genkit.training.selection import SampledMetric, sampled_metric

console = terminal.console()


def build_trainer(
    cfg: Config,
    run: Run,
    module: GenerativeModule,
    data: DataModule,
    total_steps: int | None,
    checkpoint: Checkpoint | None,
    extra: list[Callback],
    signals: Remembered,
    place: Rank,
    begin: Callable[[], None],
) -> pl.Trainer:
    """A trainer whose one epoch is the whole training.

    Args:
        total_steps: None: a budget of seconds ends it.
        checkpoint: what the training goes on from.
        extra: callbacks beside those of the configuration.
        signals: where signals are remembered.
        place: of this process among those of the training.
        begin: writes the session down, when nothing is left that could be refused.

    Raises:
        ConfigError: this machine has no such accelerator or precision, or early stopping waits for a term
            that is not validated.
    """
    own = cfg.trainer
    every = own.val_every or max(1, (total_steps or 2500) // 5)
    lightning.take_rank(place.rank)
    strategy = _strategy(own)
    watching = [*_callbacks(cfg, run, data, total_steps, checkpoint, module, signals, begin), *extra]
    loggers = _loggers(cfg.logger.names, run, checkpoint.step if checkpoint else 0)
    try:
        trainer = pl.Trainer(
            accelerator=own.accelerator,
            devices=own.devices,
            num_nodes=own.num_nodes,
            strategy=strategy,
            plugins=[Processes(place)],
            precision=own.precision,
            max_epochs=1,  # the stream of batches is the whole training; it knows the epochs of the data
            val_check_interval=every,
            check_val_every_n_epoch=None,
            num_sanity_val_steps=0,
            limit_val_batches=own.val_batches,
            logger=loggers,
            callbacks=watching,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=cfg.callbacks.progress == "rich" and shows_bars(console),
            use_distributed_sampler=False,
            inference_mode=False,  # the averaged weights are swapped in while validating
            log_every_n_steps=1,
            default_root_dir=run.path,
            profiler=lightning.Unprofiled(),
        )
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"trainer.accelerator={own.accelerator} devices={own.devices} precision={own.precision}:"
            f" {reason}" + ("" if own.accelerator == "cpu" else " Try trainer=cpu.")
        ) from error
    lightning.leave_signals(trainer)
    return trainer


def _strategy(trainer: TrainerKnobs) -> str | Strategy:
    if trainer.strategy == "ddp":
        return GradientExchange("gloo" if trainer.accelerator == "cpu" else None)
    return "auto"


def _callbacks(
    cfg: Config,
    run: Run,
    data: DataModule,
    total_steps: int | None,
    checkpoint: Checkpoint | None,
    module: GenerativeModule,
    signals: Remembered,
    begin: Callable[[], None],
) -> list[Callback]:
    own = cfg.callbacks
    made: list[Callback] = []
    known = [f"val/{name}" for name in module.units]
    select = cfg.model.select
    if (metric := sampled_metric(select)) and own.metrics.n:
        made.append(SampledMetric(metric, data.dataset, own.metrics.n, own.metrics.extractor))
        known.append(f"val/{metric}")
    if select and select not in known and not metric:
        raise ConfigError(f"model.select={select} is not validated.{nearest(select, known)}")
    unseen = holds_out(data.dataset)
    examples = training_examples(data.dataset, unseen=unseen)
    health = Health(run, checkpoint.step if checkpoint else 0, console, examples, unseen=unseen)
    made += [
        watch.BudgetStop(total_steps, cfg.budget.seconds),
        watch.History(cfg.trainer.log_every, cfg.batch_size, _settings(cfg)),
        watch.SampleWriter(run, own.samples.n, own.samples.every, data.dataset.split("validation")),
        health,
    ]
    counting: list[Callback] = [health]
    if (stop := own.early_stopping).metric:
        if stop.metric not in known:
            hint = nearest(stop.metric, known)
            raise ConfigError(f"callbacks.early_stopping.metric={stop.metric} is not validated.{hint}")
        counting.append(watch.EarlyStopping(stop.metric, patience=stop.patience, mode=stop.mode))
        made.append(counting[-1])
    recorder = checkpointing.Recorder(  # after all that counts, so that its checkpoints hold every count
        run,
        every=own.checkpoint.every,
        keep=own.checkpoint.keep,
        select=select,
        about=_about(cfg, data.dataset, module),
        start=checkpoint,
        counting=counting,
        signals=signals,
    )
    made.append(recorder)
    if cfg.strict:
        made.append(Strict(health, recorder.save))
    if own.progress == "rich" and shows_bars(console):
        made.append(watch.Progress(refresh_rate=5))
    elif own.progress != "none":
        made.append(watch.Lines(console, total_steps))
    first: list[Callback] = [checkpointing.Resume(checkpoint)] if checkpoint else []
    if cfg.strict:  # a run that goes on is refused before a byte of it changes; a new one says why
        (first if checkpoint else made).append(SoundPlan(health))
    return [*first, checkpointing.Begin(begin), *made]


def holds_out(dataset: Dataset) -> bool:
    """Whether what validates is another part of the data than what is trained on."""
    return not same(unchanged(dataset.split("train")), unchanged(dataset.split("validation")))


def _about(cfg: Config, dataset: Any, module: GenerativeModule) -> dict[str, object]:
    """What a checkpoint belongs to."""
    return {
        "family": cfg.model.family,
        "model_sha256": config.digest(cfg.plain["model"]),
        "spec_sha256": hashlib.sha256(runs.spec_text(module.spec).encode()).hexdigest(),
        "data": dataset.fingerprint,
        "versions": runs.versions(),
    }


def _settings(cfg: Config) -> dict[str, object]:
    """What a run is trained with, as its config.yaml holds it."""
    return {key: value for key, value in cfg.plain.items() if key not in config.NOT_FROZEN}


BOARDS: dict[str, Any] = {
    "tensorboard": lambda run: BoardHistory(run.path, lambda: run.path),
    "wandb": WandbHistory,
    "mlflow": MLflowHistory,
}


def _loggers(names: Sequence[str], run: Run, start: int) -> list[Logger]:
    """Loggers by name; other libraries are imported when they are named."""
    made: list[Logger] = []
    for name in names:
        if name == "csv":
            made.append(CSVHistory(run.path / "metrics.csv", start, lambda: run.path))
        else:
            with beginning(name):
                made.append(BOARDS[name](run))
    return made
