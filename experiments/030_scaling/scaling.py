"""Memory and communication of each process by model size and strategy, and from where a strategy pays.

    python experiments/030_scaling/scaling.py [gpu=h100|a100] [share=0.4] [network=3200,100] [out=FILE.json]

Sizes are counted on the networks themselves (GPTs without memory for their weights, on torch's meta device;
image models by the tensors that one step keeps).  Times are what the hardware's data sheet allows: operations
at `share` of its peak, bytes at its links' rate.  An efficiency is a range: nothing of the communication
hidden behind the work, or as much as the backward pass, two thirds of the work, is long.  `network` is what a
machine sends to others by all its ports together, in Gb/s: rings share them.

Strategies, of N processes (Rajbhandari et al. 2020, ZeRO, sections 5 and 7; Patarasuk and Yuan 2009 for the
ring): `ddp` keeps everything everywhere and sums gradients, 2 (N-1)/N of their bytes a step; `fsdp` keeps
1/N of weights, gradients and moments, and moves 3 (N-1)/N of the weights' bytes, which it rounds to bfloat16.
The choice is the one that fits and hides more; `ddp`, which is simpler, where both hide all.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.core.batch import Batch
from genkit.core.module import GenerativeModule
from genkit.core.phase import StepNoise
from genkit.core.spec import ArraySpec
from genkit.evaluation.costs import flops_per_phase
from genkit.families.dcgan import DCGAN
from genkit.families.vae import VAE
from genkit.nn.operations import activations_per_token, flops_per_token
from genkit.nn.transformer import Transformer
from genkit.nn.transformer_config import TransformerConfig

FLOAT, HALF = 4, 2  # bytes
STATE = 4 * FLOAT  # of each weight: itself, its gradient and Adam's two moments
GPT2 = {"vocab_size": 50257, "block_size": 1024, "bias": True, "activation": "gelu_tanh"}
SIZES = {  # Radford et al. 2019, table 2: layers, heads, width
    "gpt2": (12, 12, 768),
    "gpt2_medium": (24, 16, 1024),
    "gpt2_large": (36, 20, 1280),
    "gpt2_xl": (48, 25, 1600),
}
BACKWARD = 2 / 3  # of a step's work
WINDOWS, PICTURES = 8, 128  # examples of a process and step


@dataclass(frozen=True)
class Machine:
    """From the data sheets of NVIDIA's SXM modules and a common network.

    Attributes:
        flops: dense bfloat16 operations a second.
        memory: bytes.
        link: bytes a second and direction from one to another in a machine of eight (NVLink).
    """

    flops: float
    memory: float
    link: float


MACHINES = {"h100": Machine(989e12, 80e9, 450e9), "a100": Machine(312e12, 80e9, 300e9)}
PLACES = ((2, 1), (8, 1), (64, 8))  # processes, and the machines that they are spread over


@dataclass(frozen=True)
class Model:
    """What one step of one process takes; activations as bytes in mixed precision."""

    name: str
    examples: int
    parameters: int
    flops: float
    activations: float


def models() -> Iterator[Model]:
    for name, (layers, heads, width) in SIZES.items():
        with torch.device("meta"):
            network = Transformer(TransformerConfig(**GPT2, n_layer=layers, n_head=heads, n_embd=width))
        tokens = WINDOWS * network.config.block_size
        kept = activations_per_token(network) * HALF / FLOAT * tokens
        weights = sum(p.numel() for p in network.parameters())
        yield Model(name, WINDOWS, weights, flops_per_token(network) * tokens, kept)
    spec = ArraySpec(3, (64, 64), levels=256)
    yield of_images("dcgan, 64×64×3", DCGAN(spec))
    yield of_images("vae, 64×64×3", VAE(spec))


def of_images(name: str, module: GenerativeModule) -> Model:
    """By what a step of four pictures keeps and computes, times their number."""
    count = 4
    assert isinstance(module.spec, ArraySpec)
    shape = module.spec.channels, module.spec.height, module.spec.width
    batch = Batch(torch.rand(count, *shape), range(count))
    noise = StepNoise(0, range(count), step=0)
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    weights = {p.untyped_storage().data_ptr() for p in module.parameters()}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        totals = [phase.loss(batch, noise).total for phase in module.phases()]
    activations = sum(size for place, size in kept.items() if place not in weights) / count
    del totals
    flops = sum(flops_per_phase(module, batch)) / count
    parameters = sum(p.numel() for p in module.parameters())
    return Model(name, PICTURES, parameters, flops * PICTURES, activations * HALF / FLOAT * PICTURES)


def plan(model: Model, machine: Machine, share: float, processes: int, link: float) -> dict[str, Any]:
    """Both strategies at a number of processes in a ring whose slowest link has `link` bytes a second."""
    ring = (processes - 1) / processes
    gradients = FLOAT * model.parameters
    held = {
        "ddp": STATE * model.parameters + model.activations,
        "fsdp": STATE * model.parameters / processes + model.activations,
    }
    moved = {"ddp": 2 * ring * gradients, "fsdp": 3 * ring * HALF * model.parameters}
    work = model.flops / (share * machine.flops)
    row: dict[str, Any] = {"processes": processes, "link": link, "work_ms": work * 1e3}
    for name in held:
        time = moved[name] / link
        row |= {
            f"{name}_gb": held[name] / 1e9,
            f"{name}_moved_gb": moved[name] / 1e9,
            f"{name}_least": work / (work + time),
            f"{name}_most": work / (work + max(0.0, time - BACKWARD * work)),
        }
    fitting = [name for name, size in held.items() if size <= machine.memory]
    best = max(fitting, key=lambda name: row[f"{name}_most"], default="neither")
    return {**row, "choice": best}


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    machine, share = MACHINES[given.get("gpu", "h100")], float(given.get("share", 0.4))
    networks = [float(word) for word in given.get("network", "3200,100").split(",")]
    head = ("model", "parameters", "processes", "work, ms", "ddp: GB held", "moved", "efficiency")
    head += ("fsdp: GB held", "moved", "efficiency", "choice")
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    rows = []
    for model in models():
        for processes, machines in PLACES:
            for network in networks if machines > 1 else [None]:
                link = machine.link if network is None else min(machine.link, network * 1e9 / 8)
                row = plan(model, machine, share, processes, link)
                rows.append({**asdict(model), **row})
                where = f"{processes}" if network is None else f"{processes}, {network:,.0f} Gb/s"
                print(f"| {' | '.join(cells(model, where, row))} |")
    if "out" in given:
        Path(given["out"]).write_text(json.dumps(rows, indent=1) + "\n")


def cells(model: Model, where: str, row: dict[str, Any]) -> list[str]:
    found = [model.name, f"{model.parameters / 1e6:,.1f} M", where, f"{row['work_ms']:.1f}"]
    for name in ("ddp", "fsdp"):
        held, moved = row[f"{name}_gb"], row[f"{name}_moved_gb"]
        least, most = row[f"{name}_least"], row[f"{name}_most"]
        found += [f"{held:.1f}", f"{moved:.2f}", f"{least:.0%} to {most:.0%}"]
    return [*found, str(row["choice"])]


if __name__ == "__main__":
    main(sys.argv[1:])
