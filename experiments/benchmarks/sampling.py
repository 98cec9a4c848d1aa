"""Tokens per second of sampling, against transformers' `generate` on a GPT-2 of the same size.

    python experiments/benchmarks/sampling.py [batch=1,64] [precision=float32,int8] [rounds=5] [threads=2]
                                              [tokens=200] [clock=wall|cpu] [peer.nanogpt=DIR] [out=FILE.json]

Each round times every contestant once, one after another, so that a machine that slows down slows them all;
the ratio is the median of those of the rounds.  What is timed is a whole call: reading a prompt of one
token, then drawing.  Both draw from the 50 likeliest tokens; 6 layers of width 384, 6 heads, context 256, 65
characters, random weights.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import clocks
import nanogpt
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from genkit.core.codecs import CharCodec
from genkit.core.spec import TokenSpec
from genkit.families.gpt import GPT

SIZES = {"n_layer": 6, "n_head": 6, "n_embd": 384}
CONTEXT, VOCABULARY, TOP_K = 256, 65, 50
PEERS = ("transformers", "nanoGPT")


def peer(batch: int, tokens: int) -> Callable[[], object]:
    config = GPT2Config(vocab_size=VOCABULARY, n_positions=CONTEXT, bos_token_id=0, eos_token_id=0, **SIZES)
    model = GPT2LMHeadModel(config).eval()
    prompt = torch.zeros(batch, 1, dtype=torch.long)
    settings = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": True, "top_k": TOP_K}
    return lambda: model.generate(
        prompt, attention_mask=torch.ones_like(prompt), pad_token_id=0, use_cache=True, **settings
    )


def of_nanogpt(folder: str, batch: int, tokens: int) -> Callable[[], object]:
    model = nanogpt.network(folder, VOCABULARY, CONTEXT, SIZES).eval()
    prompt = torch.zeros(batch, 1, dtype=torch.long)
    return lambda: model.generate(prompt, tokens, top_k=TOP_K)


def ours(batch: int, tokens: int, precision: str) -> Callable[[], object]:
    spec = TokenSpec(CharCodec([chr(32 + i) for i in range(VOCABULARY)]))
    model = GPT(spec, block_size=CONTEXT, **SIZES).eval()
    settings = {"max_new_tokens": tokens, "top_k": TOP_K, "precision": precision, "batch_size": batch}
    return lambda: model.sample(batch, prompt=" ", **settings)


def measure(
    contestants: dict[str, Callable[[], object]], rounds: int, now: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of each call, after one call to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for round_ in range(rounds + 1):
        for name, call in contestants.items():
            begin = now()
            call()
            if round_:
                seconds[name].append(now() - begin)
    return seconds


def paired(base: list[float], times: list[float]) -> list[float]:
    """How many times as long as in each of the rounds the base took."""
    return [b / t for b, t in zip(base, times, strict=True)]


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    threads, rounds = int(given.get("threads", 2)), int(given.get("rounds", 5))
    tokens, precisions = int(given.get("tokens", 200)), given.get("precision", "float32,int8").split(",")
    clock = given.get("clock", "wall")
    torch.set_num_threads(threads)
    rows = []
    for batch in map(int, given.get("batch", "1,64").split(",")):
        contestants = {"transformers": peer(batch, tokens)}
        if folder := given.get("peer.nanogpt"):
            contestants["nanoGPT"] = of_nanogpt(folder, batch, tokens)
        contestants |= {f"genkit {p}": ours(batch, tokens, p) for p in precisions}
        seconds = measure(contestants, rounds, clocks.CLOCKS[clock])
        for name, times in seconds.items():
            median = statistics.median(times)
            row = {
                "name": name,
                "batch": batch,
                "tokens_per_second": batch * tokens / median,
                "best": batch * tokens / min(times),
                "ratios": {peer: paired(seconds[peer], times) for peer in PEERS if peer in seconds},
                "seconds": times,
            }
            rows.append(row)
            speed = f"{row['tokens_per_second']:8.0f} tokens/s (best {row['best']:8.0f})"
            medians = {peer: statistics.median(values) for peer, values in row["ratios"].items()}
            ratios = ", ".join(f"{ratio:.2f} x {peer}" for peer, ratio in medians.items())
            print(f"batch {batch:<3} {name:<16} {speed}  {ratios}", flush=True)
    if "out" in given:
        about = {"clock": clock, "threads": threads, "tokens": tokens, "torch": torch.__version__, **SIZES}
        Path(given["out"]).write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
