"""Training steps per second of a small GPT: through genkit, in a bare loop over the same network, and of
transformers' GPT-2 in the same bare loop.

    python experiments/benchmarks/gpt_step.py [rounds=5] [steps=60] [threads=2] [out=FILE.json]

nanoGPT's CPU recipe: 4 layers, 4 heads, width 128, 12 windows of 64 characters (65 distinct), AdamW with
decay, the gradient clipped at 1.  Each round times every contestant once, one after another.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import GPT2Config, GPT2LMHeadModel

from genkit.core.batch import Batch
from genkit.core.budget import Budget
from genkit.core.module import Plan
from genkit.core.spec import TokenSpec
from genkit.core.tokens import CharCodec
from genkit.families.gpt import GPT

BATCH, CONTEXT, VOCABULARY = 12, 64, 65
SIZES = {"n_layer": 4, "n_head": 4, "n_embd": 128}
OPTIM = {
    **{"name": "adamw", "lr": 1e-3, "betas": [0.9, 0.99], "eps": 1e-8, "weight_decay": 0.1, "momentum": 0.9},
    **{"warmup": 0, "schedule": "constant", "final": 1.0, "clip": 1.0, "ema": None},
}
Run = Callable[[int], float]  # steps to seconds


def batches(steps: int) -> Iterator[Tensor]:
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        yield torch.randint(0, VOCABULARY, (BATCH, CONTEXT + 1), generator=generator)


def bare(network: nn.Module, loss: Callable[[Tensor], Tensor]) -> Run:
    """Forward, backward, clip, step: nothing else."""
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True
    )

    def run(steps: int) -> float:
        made = list(batches(steps))
        begin = time.perf_counter()
        for tokens in made:
            optimizer.zero_grad()
            loss(tokens).backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
        return time.perf_counter() - begin

    return run


def model() -> GPT:
    spec = TokenSpec(CharCodec([chr(32 + i) for i in range(VOCABULARY)]))
    return GPT(spec, block_size=CONTEXT, **SIZES)


def of_transformers() -> Run:
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=CONTEXT, bos_token_id=0, eos_token_id=0, **SIZES)
    config.resid_pdrop = config.embd_pdrop = config.attn_pdrop = 0.0
    network = GPT2LMHeadModel(config)

    def loss(tokens: Tensor) -> Tensor:
        logits = network(tokens[:, :-1], use_cache=False).logits
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    return bare(network, loss)


def of_the_network() -> Run:
    network = model().network

    def loss(tokens: Tensor) -> Tensor:
        return F.cross_entropy(network(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    return bare(network, loss)


class Clock(pl.Callback):
    """The time between the first and the last step."""

    def on_train_batch_start(self, trainer: pl.Trainer, *rest: object) -> None:
        if trainer.global_step == 0:
            self.begin = time.perf_counter()

    def on_train_batch_end(self, *rest: object) -> None:
        self.end = time.perf_counter()


def of_genkit() -> Run:
    module = model()

    def run(steps: int) -> float:
        module.plan = Plan(optim=OPTIM, budget=Budget("steps", steps), total_steps=steps)
        clock = Clock()
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = pl.Trainer(
            accelerator="cpu", max_epochs=1, enable_model_summary=False, callbacks=[clock], **quiet
        )
        made = [Batch(tokens, range(BATCH)) for tokens in batches(steps)]
        trainer.fit(module, _Loader(made))
        return clock.end - clock.begin

    return run


class _Loader:
    """One loader in Lightning's eyes; a list would be several."""

    def __init__(self, made: list[Batch]) -> None:
        self.made = made

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.made)

    def __len__(self) -> int:
        return len(self.made)


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    rounds, steps = int(given.get("rounds", 5)), int(given.get("steps", 60))
    torch.set_num_threads(int(given.get("threads", 2)))
    warnings.simplefilter("ignore")
    contestants = {"transformers": of_transformers(), "bare loop": of_the_network(), "genkit": of_genkit()}
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(rounds + 1):  # the first warms up
        for name, run in contestants.items():
            taken = run(steps)
            if round_:
                seconds[name].append(taken / steps)
    rows = []
    for name, times in seconds.items():
        ratio = statistics.median(seconds["transformers"]) / statistics.median(times)
        best = min(seconds["transformers"]) / min(times)
        rows.append({"name": name, "seconds": times, "ratio": ratio, "ratio_of_best": best})
        print(
            f"{name:<14} {1e3 * statistics.median(times):7.2f} ms a step (best {1e3 * min(times):6.2f})"
            f"  {ratio:5.2f} x (best {best:5.2f})"
        )
    if "out" in given:
        about = {"threads": torch.get_num_threads(), "steps": steps, "torch": torch.__version__, **SIZES}
        Path(given["out"]).write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
