"""Sampling from a Llama-shaped network of 135 M parameters, against transformers' `generate` on one as large.

    python experiments/benchmarks/sampling_llama.py [batch=1,16] [prompt=32,512] [precision=float32,bfloat16]
                                        [tokens=128] [rounds=3] [threads=2] [clock=wall|cpu] [peer=bfloat16]
                                        [same=true] [out=FILE.json]

The sizes are SmolLM's: 30 layers of width 576, 9 heads of 64 on 3 of keys and values, 1,536 hidden, 49,152
tokens, tied, of random weights.  Prompts are of random tokens, a different one each row, or with `same=true`
one for all rows; both draw from the 50 likeliest at temperature 1, and generate keeps its keys and values as
it does by itself.  Each round times every contestant once, one after another; a ratio is the median of those
of the rounds.  What is timed is a whole call; `first` is a call for one token, and `drawing` the rest of it.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path

import clocks
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from genkit.generation.decoding import decode
from genkit.nn.transformer import Transformer
from genkit.nn.transformer_config import TransformerConfig

CONTEXT, VOCABULARY, TOP_K = 2048, 49_152, 50
SIZES = TransformerConfig(
    vocab_size=VOCABULARY,
    block_size=CONTEXT,
    n_layer=30,
    n_head=9,
    n_kv_head=3,
    n_embd=576,
    hidden=1536,
    norm="rms",
    norm_eps=1e-5,
    activation="swiglu",
    positions="rotary",
    rotary_base=10_000.0,
)
Call = Callable[[int], object]  # of how many tokens to draw


def of_transformers(prompts: Tensor, dtype: torch.dtype) -> Call:
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=SIZES.n_embd,
        intermediate_size=SIZES.hidden_width,
        num_hidden_layers=SIZES.n_layer,
        num_attention_heads=SIZES.n_head,
        num_key_value_heads=SIZES.kv_heads,
        max_position_embeddings=CONTEXT,
        rms_norm_eps=SIZES.eps,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = LlamaForCausalLM(config).to(dtype).eval()
    seen = torch.ones_like(prompts)
    settings = {"do_sample": True, "top_k": TOP_K, "pad_token_id": 0, "use_cache": True}
    return lambda tokens: model.generate(
        prompts, attention_mask=seen, max_new_tokens=tokens, min_new_tokens=tokens, **settings
    )


def ours(network: Transformer, prompts: Tensor, precision: str) -> Call:
    options = {"temperature": 1.0, "top_k": TOP_K, "top_p": None, "min_p": None, "repetition_penalty": 1.0}
    options["precision"] = precision
    return lambda tokens: list(
        decode(network, list(prompts), torch.rand(tokens, len(prompts)).clamp(max=1 - 2**-24), options)
    )


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    threads, rounds = int(given.get("threads", 2)), int(given.get("rounds", 3))
    tokens, now = int(given.get("tokens", 128)), clocks.CLOCKS[given.get("clock", "wall")]
    precisions = given.get("precision", "float32,bfloat16").split(",")
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network, rows = Transformer(SIZES).eval(), []
    for batch in map(int, given.get("batch", "1,16").split(",")):
        for length in map(int, given.get("prompt", "32,512").split(",")):
            prompts = torch.randint(1, VOCABULARY, (batch, length))
            if given.get("same") == "true":
                prompts = prompts[:1].repeat(batch, 1)
            contestants = {"transformers": of_transformers(prompts, torch.float32)}
            if "peer" in given:
                contestants[f"transformers {given['peer']}"] = of_transformers(
                    prompts, getattr(torch, given["peer"])
                )
            contestants |= {f"genkit {p}": ours(network, prompts, p) for p in precisions}
            seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
            for round_ in range(rounds + 1):
                for name, call in contestants.items():
                    times = []
                    for count in (1, tokens if round_ else 2):
                        begin = now()
                        call(count)
                        times.append(now() - begin)
                    if round_:  # after one call to warm up
                        seconds[name].append((times[0], times[1]))
            base = seconds["transformers"]
            for name, times_of in seconds.items():
                first, whole = (statistics.median(column) for column in zip(*times_of, strict=True))
                pairs = list(zip(base, times_of, strict=True))
                row = {
                    "name": name,
                    "batch": batch,
                    "prompt": length,
                    "first_seconds": first,
                    "tokens_per_second": batch * tokens / whole,
                    "to_transformers": statistics.median(b[1] / t[1] for b, t in pairs),
                    "first_to_transformers": statistics.median(b[0] / t[0] for b, t in pairs),
                    "drawing_to_transformers": statistics.median(
                        (b[1] - b[0]) / (t[1] - t[0]) for b, t in pairs
                    ),
                    "seconds": times_of,
                }
                rows.append(row)
                print(
                    f"batch {batch:<3} prompt {length:<4} {name:<22} first {first:6.3f} s"
                    f" ({row['first_to_transformers']:.2f} x), whole {row['tokens_per_second']:7.1f} tokens/s"
                    f" ({row['to_transformers']:.2f} x), drawing ({row['drawing_to_transformers']:.2f} x)",
                    flush=True,
                )
    if "out" in given:
        about = {"threads": threads, "tokens": tokens, "torch": torch.__version__, "clock": str(now)}
        Path(given["out"]).write_text(json.dumps({"about": about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
