"""Training steps of a small GPT: through genkit, in bare loops over the same network, and of its peers.

    python experiments/benchmarks/gpt_step.py [size=recipe|large] [peer.nanogpt=DIR] [rounds=5] [steps=60]
                                              [threads=2] [clock=wall|cpu] [out=FILE.json]

The recipe is nanoGPT's for CPUs: 4 layers, 4 heads, width 128, 12 windows of 64 characters (65 distinct),
AdamW with decay, the gradient clipped at 1; `large` has 6 layers, 6 heads, width 384 and 16 windows of 256.
Each round times every contestant once, one after another; a ratio is the median of those of the rounds, so
that a machine that slows down slows both.  FLOPs are counted by torch; the ceiling is that of a product of
two 2048×2048 matrices in the same round.
"""

from __future__ import annotations

import json
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import clocks
import nanogpt
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from loader import Loader
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from genkit.core.batch import Batch
from genkit.core.budget import Budget
from genkit.core.codecs import CharCodec
from genkit.core.plan import TrainingPlan
from genkit.core.spec import TokenSpec
from genkit.evaluation.step_costs import counting
from genkit.families.gpt import GPT

VOCABULARY = 65
# Windows, context, the network
SETTINGS: dict[str, tuple[int, int, dict[str, int]]] = {
    "recipe": (12, 64, {"n_layer": 4, "n_head": 4, "n_embd": 128}),
    "large": (16, 256, {"n_layer": 6, "n_head": 6, "n_embd": 384}),
}
OPTIM = {
    **{"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.1, "momentum": 0.9},
    **{"warmup": 0, "schedule": "constant", "final": 1.0, "clip": 1.0, "ema": None},
}
CEILING = 2048
CLOCK = "wall"
Run = Callable[[int], float]  # steps to seconds


def now() -> float:
    return clocks.CLOCKS[CLOCK]()


class Work:
    """What every contestant does at a size."""

    def __init__(self, size: str) -> None:
        self.batch, self.context, self.sizes = SETTINGS[size]

    def batches(self, steps: int) -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(0)
        for _ in range(steps):
            yield torch.randint(0, VOCABULARY, (self.batch, self.context + 1), generator=generator)

    def model(self) -> GPT:
        spec = TokenSpec(CharCodec([chr(32 + i) for i in range(VOCABULARY)]))
        return GPT(spec, block_size=self.context, **self.sizes)

    def flops(self) -> int:
        """Of a forward and a backward pass."""
        network, tokens = self.model().network, next(self.batches(1))
        with counting() as counter:
            cross_entropy(network(tokens[:, :-1]), tokens).backward()
        return counter.get_total_flops()

    # ------------------------------------------------------------------ in a bare loop

    def bare(
        self,
        network: nn.Module,
        loss: Callable[[Tensor], Tensor],
        optimizer: torch.optim.Optimizer | None = None,
    ) -> Run:
        """Forward, backward, clip, step: nothing else."""
        stepping = optimizer or adamw(network)

        def run(steps: int) -> float:
            made = list(self.batches(steps))
            begin = now()
            for tokens in made:
                loss(tokens).backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                stepping.step()
                stepping.zero_grad()
            return now() - begin

        return run

    def of_transformers(self) -> Run:
        config = GPT2Config(
            vocab_size=VOCABULARY, n_positions=self.context, bos_token_id=0, eos_token_id=0, **self.sizes
        )
        config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = 0.0
        network = GPT2LMHeadModel(config)
        return self.bare(
            network, lambda tokens: cross_entropy(network(tokens[:, :-1], use_cache=False).logits, tokens)
        )

    def of_nanogpt(self, folder: str) -> Run:
        """With the loss and the optimiser that it makes itself, in eager mode."""
        network = nanogpt.network(folder, VOCABULARY, self.context, self.sizes)
        optimizer = network.configure_optimizers(0.1, 1e-3, (0.9, 0.99), "cpu")
        return self.bare(
            network, lambda tokens: network(tokens[:, :-1], tokens[:, 1:].contiguous())[1], optimizer
        )

    def of_the_network(self) -> Run:
        network = self.model().network
        return self.bare(network, lambda tokens: cross_entropy(network(tokens[:, :-1]), tokens))

    # ------------------------------------------------------------------ in Lightning

    def of_lightning(self) -> Run:
        module = Bare(self.model().network)
        return lambda steps: through_lightning(module, list(self.batches(steps)))

    def of_genkit(self) -> Run:
        module = self.model()

        def run(steps: int) -> float:
            module.plan = TrainingPlan(optim=OPTIM, budget=Budget("steps", steps), total_steps=steps)
            rows = range(self.batch)
            return through_lightning(module, [Batch(tokens, rows) for tokens in self.batches(steps)])

        return run


def cross_entropy(logits: Tensor, tokens: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def adamw(network: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)


class Bare(pl.LightningModule):
    """What Lightning itself takes: manual optimisation of the same network, nothing else."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.network = network

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return adamw(self.network)

    def training_step(self, batch: Tensor, batch_idx: int) -> None:
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(cross_entropy(self.network(batch[:, :-1]), batch))
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        optimizer.step()


class Clock(pl.Callback):
    """The time between the first and the last step."""

    def on_train_batch_start(self, trainer: pl.Trainer, *rest: object) -> None:
        if trainer.global_step == 0:
            self.begin = now()

    def on_train_batch_end(self, *rest: object) -> None:
        self.end = now()


def through_lightning(module: pl.LightningModule, made: list[Any]) -> float:
    clock = Clock()
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, enable_model_summary=False, callbacks=[clock], **quiet
    )
    trainer.fit(module, Loader(made))
    return clock.end - clock.begin


def ceiling() -> float:
    """FLOP/s of one large product."""
    a, b = torch.randn(2, CEILING, CEILING)
    begin = now()
    for _ in range(5):
        a @ b
    return 5 * 2 * CEILING**3 / (now() - begin)


def main(words: list[str]) -> None:
    global CLOCK
    given = dict(word.split("=", 1) for word in words)
    CLOCK = given.get("clock", "wall")
    size, rounds, steps = (
        given.get("size", "recipe"),
        int(given.get("rounds", 5)),
        int(given.get("steps", 60)),
    )
    torch.set_num_threads(int(given.get("threads", 2)))
    warnings.simplefilter("ignore")
    work = Work(size)
    contestants = {"transformers": work.of_transformers()}
    if folder := given.get("peer.nanogpt"):
        contestants["nanoGPT"] = work.of_nanogpt(folder)
    contestants |= {"bare loop": work.of_the_network(), "Lightning": work.of_lightning()}
    contestants["genkit"] = work.of_genkit()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    ceilings = []
    for round_ in range(rounds + 1):  # the first warms up
        for name, run in contestants.items():
            taken = run(steps)
            if round_:
                seconds[name].append(taken / steps)
        ceilings.append(ceiling())
    report(given, work, seconds, ceilings[1:])


def report(given: dict[str, str], work: Work, seconds: dict[str, list[float]], ceilings: list[float]) -> None:
    flops, rows = work.flops(), []
    for name, times in seconds.items():
        ratios = [its / mine for mine, its in zip(seconds["genkit"], times, strict=True)]
        used = [flops / its / ceiling for its, ceiling in zip(times, ceilings, strict=True)]
        row = {
            "name": name,
            "seconds": times,
            "ratios": ratios,
            "genkit_is_faster_by": statistics.median(ratios),
            "utilisations": used,
        }
        rows.append(row)
        print(
            f"{name:<13} {1e3 * statistics.median(times):7.2f} ms a step"
            f" ({1e3 * min(times):.2f} to {1e3 * max(times):.2f});"
            f" genkit is {row['genkit_is_faster_by']:.3f} times as fast;"
            f" at {statistics.median(used):.0%} of {statistics.median(ceilings) / 1e9:.0f} GFLOP/s"
        )
    if "out" in given:
        about = {
            "clock": CLOCK,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "flops": flops,
            **work.sizes,
        }
        Path(given["out"]).write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
