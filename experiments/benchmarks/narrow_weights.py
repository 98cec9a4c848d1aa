"""What narrow weights cost: bits per byte of a run's validation text, read token by token as sampling does.

    python experiments/benchmarks/narrow_weights.py RUN [windows=64] [threads=2] [out=FILE.json]

Windows of the whole context are spread over the split and read together, one token at a time, each token
scored given those before it in its window; only the precision of the matrices differs.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import genkit
from genkit import config, runs
from genkit.data import open_dataset
from genkit.nn.incremental import Stepper
from genkit.nn.key_value_cache import KVCache
from genkit.nn.products import PRECISIONS, kept_in
from genkit.nn.transformer import Transformer


@torch.inference_mode()
def stepped_nats(network: Transformer, tokens: Tensor, precision: str) -> float:
    """Total nats of tokens[:, 1:] given those before, of (B, T + 1) with T at most the context."""
    like = network.tokens.weight
    cache = KVCache(network.config, len(tokens), like, kept_in(precision, like.device))
    step = Stepper(network, cache, precision)
    total = 0.0
    for place in range(tokens.shape[1] - 1):
        logits = step(tokens[:, place])
        nats = torch.nn.functional.cross_entropy(logits, tokens[:, place + 1], reduction="none")
        total += float(nats.double().sum())
    return total


def windows(folder: Path, context: int, count: int) -> np.ndarray:
    """`count` windows of the validation split, evenly spread, int64 (count, context + 1)."""
    cfg = config.load_frozen(folder / runs.CONFIG)
    examples: Any = open_dataset(cfg.data, config.paths([]), config.view(cfg)).split("validation")
    starts = np.linspace(0, len(examples.tokens) - context - 1, count).astype(int)
    return np.stack([examples.tokens[start : start + context + 1] for start in starts]).astype(np.int64)


def main(run: str, *words: str) -> None:
    given = dict(word.split("=", 1) for word in words)
    torch.set_num_threads(int(given.get("threads", 2)))
    folder = runs.find(run, config.paths([])["runs_dir"])
    module: Any = genkit.load(str(folder))
    made = windows(folder, module.context, int(given.get("windows", 64)))
    codec = module.spec.codec
    size = sum(len(codec.decode(row[1:]).encode()) for row in made)
    found = {
        p: stepped_nats(module.network, torch.from_numpy(made), p) / math.log(2) / size for p in PRECISIONS
    }
    for precision, bits in found.items():
        print(f"{precision:<9} {bits:.5f} bits/byte  {bits / found['float32'] - 1:+.3%}")
    if "out" in given:
        Path(given["out"]).write_text(
            json.dumps({"run": folder.name, "bits_per_byte": found}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
