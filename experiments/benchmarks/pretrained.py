"""A pretrained model of 135 M parameters: loading it, and a step of fine-tuning it, beside transformers.

    python experiments/benchmarks/pretrained.py [what=load|step|lora] [dtype=float32|bfloat16] [rounds=3]
                                                [steps=4] [threads=2] [clock=wall|cpu] [out=FILE.json]

The folder is of SmolLM-135M's sizes, with random weights: 30 layers, width 576, 9 heads, 3 of keys and
values, feed-forward width 1,536, 49,152 tokens, tied.  Every contestant is a process of its own, one after
another: `load` takes what is loaded and read once (8 tokens) in float32, in seconds and in megabytes above
what the libraries took; `step` is one of 4 windows of 128 tokens by AdamW, clipped at 1, through genkit's
trainer and through transformers' `Trainer`; `lora` the same with updates of rank 8 of all matrices (peft).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import alternating
import clocks
from loader import Loader

VOCABULARY, BATCH, CONTEXT, RANK = 49_152, 4, 128, 8
SIZES = {
    **{"hidden_size": 576, "intermediate_size": 1_536, "num_hidden_layers": 30, "num_attention_heads": 9},
    **{"num_key_value_heads": 3, "max_position_embeddings": 2_048, "tie_word_embeddings": True},
    **{"vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0},
}
MATRICES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
OPTIM = {
    **{"name": "adamw", "lr": 1e-5, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0, "momentum": 0.9},
    **{"warmup": 0, "schedule": "constant", "final": 1.0, "clip": 1.0, "ema": None},
}


def make(folder: Path, dtype: str) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**SIZES)).to(getattr(torch, dtype)).save_pretrained(folder)


def batches(steps: int) -> list[Any]:
    import torch

    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, VOCABULARY, (BATCH, CONTEXT + 1), generator=generator) for _ in range(steps)]


def highest() -> float:
    """Megabytes that this process has held at most."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1e3


# ---------------------------------------------------------------------- each in a process of its own


def genkit_model(folder: Path, rank: int | None = None) -> Any:
    from genkit.core.codecs import CharCodec
    from genkit.core.spec import TokenSpec
    from genkit.families.gpt import GPT
    from genkit.interop import model_folder, pretrained
    from genkit.nn.initialisation import undrawn

    points = [*range(0x4E00, 0x9FFF), *range(0x20000, 0x2A000)][:VOCABULARY]
    knobs: dict[str, Any] = pretrained.knobs_of(pretrained.network_of(folder)[1])
    spec = TokenSpec(CharCodec([chr(point) for point in points]))
    begin = now()
    with undrawn():
        module = GPT(spec, **knobs, lora_rank=rank)
    model_folder.read(module, folder)
    return module, now() - begin


def transformers_model(folder: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    begin = now()
    module = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return module, now() - begin


def load(who: str, folder: Path) -> dict[str, float]:
    import torch
    import transformers.models.llama.modeling_llama  # noqa: F401  of both: what libraries take is no part

    import genkit.families.gpt  # noqa: F401

    tokens, before = torch.zeros(1, 8, dtype=torch.int64), highest()
    made, seconds = genkit_model(folder) if who == "genkit" else transformers_model(folder)
    begin = now()
    with torch.no_grad():
        made.network(tokens) if who == "genkit" else made(tokens)
    return {"seconds": seconds + now() - begin, "megabytes": highest() - before, "unread": seconds}


def step(who: str, folder: Path, steps: int, rank: int | None) -> dict[str, float]:
    return {"seconds": (by_genkit if who == "genkit" else by_transformers)(folder, steps, rank)}


def by_genkit(folder: Path, steps: int, rank: int | None) -> float:
    import pytorch_lightning as pl

    from genkit.core.batch import Batch
    from genkit.core.budget import Budget
    from genkit.core.plan import TrainingPlan
    from genkit.nn.dense_layer import prefer_onednn
    from genkit.system.processor import flush_tiny_numbers, keep_freed_memory, multiplies_slowly

    flush_tiny_numbers()  # as `genkit train` does
    prefer_onednn(multiplies_slowly())
    keep_freed_memory()
    module = genkit_model(folder, rank)[0]
    module.plan = TrainingPlan(optim=OPTIM, budget=Budget("steps", steps + 1), total_steps=steps + 1)
    made = [Batch(tokens, range(BATCH)) for tokens in batches(steps + 1)]
    clock = Steps()

    class Each(pl.Callback):
        def on_train_batch_end(self, *rest: object) -> None:
            clock.tick()

    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, enable_model_summary=False, callbacks=[Each()], **quiet
    )
    trainer.fit(module, Loader(made))
    return clock.median()


def by_transformers(folder: Path, steps: int, rank: int | None) -> float:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    module = transformers_model(folder)[0]
    if rank:
        from peft import LoraConfig, get_peft_model

        module = get_peft_model(module, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=MATRICES))
    clock = Steps()

    class Each(TrainerCallback):
        def on_step_end(self, *rest: object, **more: object) -> None:
            clock.tick()

    rows = [row[:CONTEXT] for tokens in batches(steps + 1) for row in tokens]
    with tempfile.TemporaryDirectory() as place:
        arguments = TrainingArguments(
            output_dir=place,
            per_device_train_batch_size=BATCH,
            max_steps=steps + 1,
            learning_rate=1e-5,
            lr_scheduler_type="constant",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        data = [{"input_ids": row, "labels": row} for row in rows]
        Trainer(module, arguments, train_dataset=data, callbacks=[Each()]).train()
    return clock.median()


class Steps:
    """The time between the ends of steps; the first one, which warms up, is left out."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def tick(self) -> None:
        self.ends.append(now())

    def median(self) -> float:
        return statistics.median(b - a for a, b in zip(self.ends, self.ends[1:], strict=False))


# ---------------------------------------------------------------------- all of them

CLOCK = "wall"


def now() -> float:
    return clocks.CLOCKS[CLOCK]()


def contestant(given: dict[str, str]) -> None:
    """What a process of its own does; its last line is what it measured."""
    import torch

    warnings.simplefilter("ignore")
    torch.set_num_threads(int(given["threads"]))
    who, folder = given["who"], Path(given["folder"])
    if given["what"] == "load":
        found = load(who, folder)
    else:
        found = step(who, folder, int(given["steps"]), RANK if given["what"] == "lora" else None)
    print(json.dumps(found))


def main(words: list[str]) -> None:
    global CLOCK
    given = {"what": "step", "dtype": "float32", "rounds": "3", "steps": "4", "threads": "2", "clock": "wall"}
    given |= dict(word.split("=", 1) for word in words)
    CLOCK = given["clock"]
    if "who" in given:
        contestant(given)
        return
    found: dict[str, list[dict[str, float]]] = {"genkit": [], "transformers": []}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        make(folder, given["dtype"])
        for _ in range(int(given["rounds"])):
            for who, runs in found.items():
                own = [f"{key}={value}" for key, value in given.items() if key != "out"]
                done = subprocess.run(
                    [sys.executable, __file__, *own, f"who={who}", f"folder={folder}"],
                    env=alternating.environment(int(given["threads"])),
                    capture_output=True,
                    text=True,
                    check=True,
                )
                runs.append(json.loads(done.stdout.splitlines()[-1]))
                print(f"{who:<13} {runs[-1]}", flush=True)
    for measure in found["genkit"][0]:
        paired = [
            its[measure] / max(mine[measure], 1e-9)
            for mine, its in zip(found["genkit"], found["transformers"], strict=True)
        ]
        print(f"{measure}: transformers takes {statistics.median(paired):.3f} times what genkit takes")
    if "out" in given:
        about = {**given, "time": time.strftime("%Y-%m-%d")}
        Path(given["out"]).write_text(json.dumps({"about": about, "runs": found}, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
