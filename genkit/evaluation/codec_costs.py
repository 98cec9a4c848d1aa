"""What the codec of a run cost before the run began, to be counted with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genkit import config, runs
from genkit.data.array_windows import CodeWindows
from genkit.data.dataset import Dataset
from genkit.evaluation.step_costs import flops_per_step
from genkit.inference.models import build_module
from genkit.runs import manifests

# Of two stages: what is spent is added, what must fit is the larger.
ADDED = ("parameters", "training_steps", "training_examples", "training_flops", "training_seconds")
LARGER = ("training_memory",)
DECODED = "codes are drawn, and decoded"


@dataclass(frozen=True)
class Stage:
    """What a training cost.

    Attributes:
        costs: by the names of the metrics; what nobody recorded is left out.
        trained_on: the machine.
    """

    costs: Mapping[str, float]
    trained_on: str


def codec_costs(run: Path, dataset: Dataset) -> Stage | None:
    """What the codec of a run cost; None where the run reads no codes."""
    train = dataset.split("train")
    if not isinstance(train, CodeWindows):
        return None
    folder = run / runs.CODEC
    cfg, record = config.load_frozen(folder / runs.CONFIG), runs.read(folder)
    steps = manifests.available(folder / "checkpoints")[-1]
    fresh = build_module(cfg.model, runs.spec(folder))
    costs: dict[str, float] = {
        "parameters": sum(p.numel() for p in fresh.parameters()),
        "training_steps": steps,
        "training_examples": steps * cfg.batch_size,
        "training_flops": flops_per_step(fresh, train.images, cfg.batch_size, cfg.plain["optim"]) * steps,
    }
    costs |= {} if record.seconds is None else {"training_seconds": record.seconds}
    costs |= {} if record.peak_memory is None else {"training_memory": record.peak_memory}
    return Stage(costs, hardware_of(record))


def hardware_of(record: runs.Record) -> str:
    """The machine that a run was trained on, in words."""
    hardware = record.provenance.hardware if record.provenance else {}
    return f"{hardware.get('machine', '?')}, {hardware.get('cores', '?')} cores"


def together(codec: Stage, model: Mapping[str, float]) -> tuple[dict[str, float], dict[str, str]]:
    """The costs of both stages, with those of the codec by themselves, and of each total its parts."""
    found, parts = dict(model), dict[str, str]()
    for name, own in codec.costs.items():
        if name not in model:
            continue
        after = model[name]
        found[name] = own + after if name in ADDED else max(own, after)
        how = "and" if name in ADDED else "at most, of"
        parts[name] = f"codec {_number(own)} {how} model {_number(after)}"
    for name in ("training_flops", "training_seconds"):
        if name in codec.costs:
            found[name.replace("training", "codec")] = codec.costs[name]
    parts["samples_per_second"] = DECODED
    return found, parts


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) and value < 1e6 else f"{value:.4g}"
