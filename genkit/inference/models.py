"""From a run folder to a model that draws: loading reads safetensors and plain values only."""

from __future__ import annotations

import inspect
import os
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch

from genkit import config, runs
from genkit.core import size_limit
from genkit.core.codecs import LearnedCodec
from genkit.core.ema import MovingAverage
from genkit.core.knobs import ModelKnobs
from genkit.core.module import GenerativeModule
from genkit.core.spec import Spec
from genkit.families import FAMILIES
from genkit.inference.run_coder import as_codec
from genkit.nn.initialisation import undrawn
from genkit.runs import Run, checkpoints, codec_folder, manifests
from genkit.system.errors import CheckpointError, ConfigError

# What a network may take while it is built: its own numbers several times over, of 2 or 4 bytes each.
FIRST_NUMBERS, NUMBERS_PER_BYTE = 1_000_000, 4


def build_module(
    model: ModelKnobs, spec: Spec, *, seed: int = 0, weights_follow: bool = False
) -> GenerativeModule:
    """The untrained model that a configuration describes.

    Args:
        model: the group `model`: a family's name, what it says to the house, and the family's knobs.
        seed: of the initial weights; the global generator is as before afterwards.
        weights_follow: whether all parameters are about to get other numbers: then none are drawn.

    Raises:
        ConfigError: no such family, or knobs that do not fit it or the data.
    """
    family = FAMILIES.load(model.family)
    own = [name for name in model.__struct_fields__ if name not in ModelKnobs.__struct_fields__]
    knobs = {name: getattr(model, name) for name in own}
    try:
        inspect.signature(family).bind(spec, **knobs)
    except TypeError as error:  # of a knob that it lacks; one from within the family is a fault of the family
        raise ConfigError(f"model: {error}; see `genkit families`.") from None
    with torch.random.fork_rng(devices=[]), undrawn() if weights_follow else nullcontext():
        torch.default_generator.manual_seed(seed)
        made: GenerativeModule = family(spec, **knobs)
        return made


def check_size(model: ModelKnobs, spec: Spec, folder: Run) -> None:
    """See that a configuration describes a model about as large as a run's weights, before it takes memory.

    Raises:
        CheckpointError: it describes a far larger one, or none that can be built.
    """
    files = [place / manifests.WEIGHTS for place in folder.checkpoints.glob("step-*")]
    held = max(map(_size, files), default=0)
    where = folder.path / runs.CONFIG
    try:
        size_limit.check_size(lambda: build_module(model, spec), FIRST_NUMBERS + NUMBERS_PER_BYTE * held)
    except size_limit.TooLarge:
        raise CheckpointError(
            f"{where} or {runs.SPEC} describes a far larger model than that of the weights of {held:,} bytes;"
            " restore it from a copy."
        ) from None
    except (ArithmeticError, AssertionError, RuntimeError, *manifests.MALFORMED) as error:
        raise CheckpointError(
            f"{where} describes no model that can be built ({manifests.short(error)});"
            " restore it from a copy."
        ) from None


def _size(file: Path) -> int:
    """Bytes of a file; 0 where there is none (any more: a trainer deletes old checkpoints)."""
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0


def load(
    run: str | Path,
    checkpoint: str = "last",
    *,
    runs_dir: str | Path | None = None,
    allow_nonfinite: bool = False,
) -> GenerativeModule:
    """The model of a run, in evaluation mode on the CPU.

    Args:
        run: a run folder, or its name below `runs_dir`.
        runs_dir: None: where the command line looks, GENKIT_RUNS_DIR or `runs`.
        checkpoint: "last", "best" or "step-N".
        allow_nonfinite: whether weights may be NaN or infinite.

    Raises:
        ConfigError: no such run.
        CheckpointError: the run holds no such checkpoint, or one that is damaged.
    """
    folder = Run(folder_of(run, runs_dir))
    cfg = config.load_frozen(folder.path / runs.CONFIG)
    config.check_given(cfg.plain)
    spec = attached(runs.spec(folder.path), folder.path)
    config.check_reads(cfg, spec, folder.path / runs.CONFIG)
    place, saved = checkpoints.load_named(folder.checkpoints, checkpoint)
    checkpoints.check_family(saved, cfg.model.family, place)
    checkpoints.check_belongs(saved, config.digest(cfg.plain["model"]), runs.spec_digest(folder.path))
    check_size(cfg.model, spec, folder)
    module = build_module(cfg.model, spec, weights_follow=True)
    if not allow_nonfinite:
        checkpoints.check_finite(saved, place)
    checkpoints.restore_module(module, saved.weights, place)
    if saved.ema:
        try:
            module.average = MovingAverage(module, saved.ema, decay=0.0)
            module.average.load(saved.ema)
        except (*manifests.MALFORMED, RuntimeError) as error:
            raise CheckpointError(
                f"{place / manifests.EMA} is no average of this model ({manifests.short(error)}); restore it."
            ) from None
    module.origin = {"run": folder.path.name, "checkpoint": place.name, "digest": saved.digest}
    return module.eval()


def folder_of(run: str | Path, runs_dir: str | Path | None = None) -> Path:
    """The folder of a run, as for `load`.

    Raises:
        ConfigError: no such run.
        CheckpointError: the folder is no run's, or holds links, pipes or devices.
    """
    if runs_dir is None:  # a path needs none, and to ask takes a third of a second
        runs_dir = "." if os.sep in str(run) else config.paths([])["runs_dir"]
    return runs.find(str(run), runs_dir)


# ---------------------------------------------------------------------- codecs


def codec_of(folder: Path) -> LearnedCodec:
    """The codec that the model of a run is, the run being one that makes codes, or a copy of it."""
    module = load(folder.absolute())
    if (average := module.average) is not None:
        with average.applied():
            weights = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        module.average = None
        module.load_state_dict(weights)
    return as_codec(module, codec_folder.sha256(folder))


def attached(spec: Spec, folder: Path) -> Spec:
    """The spec of a run, with the model that reads its codes where its data are codes.

    Raises:
        CheckpointError: that model is missing in the run's folder, damaged or another.
    """
    if spec.kind != "tokens" or (codec := spec.learned_codec) is None:
        return spec
    codec_folder.check(folder, codec.origin.sha256)
    found = codec_of(folder / runs.CODEC)
    if found.to_dict() != codec.to_dict():
        raise CheckpointError(
            f"{folder / runs.SPEC} speaks of other codes than {folder / runs.CODEC} makes; restore it."
        )
    return replace(spec, codec=found)
