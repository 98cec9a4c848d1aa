"""What a GPU makes of genkit: training steps beside bare loops, and drawing beside transformers' `generate`.

    python experiments/benchmarks/gpu.py [out=FOLDER] [device=cuda|cpu] [size=full|tiny] [rounds=3]
        [steps=60] [only=gpt,dcgan,vae,flow,sampling,compiled]

Contestants of a part take turns in one process, A B A B; each turn is timed from its 11th step on, from an
idle device to an idle device; what is compiled, which takes a minute, in one turn.  A ratio is how many times
as long the peer takes, the median of those of the rounds, with the smallest and the largest.  genkit's steps
are those of `genkit.train`, with its data, noise, checks and callbacks; the bare loops (gpu_peers.py) look at
no number and know neither runs nor validations.  A part that fails is a row, and the rest goes on.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import gpu_peers as peers
import numpy as np
import torch
from pytorch_lightning.callbacks import Callback

import genkit
from genkit.core.codecs import CharCodec
from genkit.core.spec import TokenSpec
from genkit.families.gpt import GPT

WARM_UP = 10
VOCABULARY, CONTEXT = 65, 256
Turn = Callable[[], float]  # seconds of one step, or of one call
# Layers, heads, width and windows of the GPT; widths and batches; tokens drawn.
SIZES: dict[str, dict[str, Any]] = {
    "full": {
        **{"gpt": (6, 6, 384), "windows": 64, "drawn": 200, "batches": (1, 64)},
        **{"dcgan": 64, "flow": 64, "pictures": 128},
    },
    "tiny": {
        **{"gpt": (1, 2, 32), "windows": 4, "drawn": 8, "batches": (1, 2)},
        **{"dcgan": 4, "flow": 8, "pictures": 8},
    },
}


class Work:
    """Data in a folder of its own, and what every contestant does with them."""

    def __init__(self, folder: Path, device: str, size: str, steps: int) -> None:
        self.folder, self.device, self.sizes, self.steps = folder, device, SIZES[size], steps
        random = np.random.default_rng(0)
        characters = random.integers(0, VOCABULARY, 300_000, dtype=np.uint8)
        (folder / "text.txt").write_bytes((characters + 48).tobytes())
        self.text = torch.from_numpy(characters)
        self.pictures = {side: random.integers(0, 256, (2_048, side, side, c), dtype=np.uint8) for side, c in
                         ((64, 3), (32, 3), (28, 1))}  # fmt: skip
        for side, values in self.pictures.items():
            np.save(folder / f"{side}.npy", values)

    def table(self, side: int) -> torch.Tensor:
        return torch.from_numpy(self.pictures[side]).permute(0, 3, 1, 2).contiguous()

    def idle(self) -> float:
        """The time when the device has nothing left to do."""
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def bare(self, make: Callable[[], peers.Step]) -> Turn:
        """Steps of a bare loop, made once."""
        made: list[peers.Step] = []

        def turn() -> float:
            step = made[0] if made else make()
            made[:] = [step]
            for _ in range(WARM_UP):
                step()
            begin = self.idle()
            for _ in range(self.steps):
                step()
            return (self.idle() - begin) / self.steps

        return turn

    def genkit(self, precision: str, *words: str) -> Turn:
        """Steps of a training by these words."""
        trainer = "gpu" if self.device == "cuda" else "cpu"
        steps = WARM_UP + self.steps
        quiet = [f"trainer={trainer}", f"trainer.precision={precision}", "trainer.val_batches=1"]
        quiet += ["callbacks.samples.n=0", "callbacks.progress=none"]
        quiet += [f"budget.steps={steps + 1}", f"trainer.val_every={steps + 1}"]

        def turn() -> float:
            clock = Clock(self, WARM_UP, steps)
            with tempfile.TemporaryDirectory(dir=self.folder) as runs:
                places = [f"paths.runs_dir={runs}", f"paths.cache_dir={self.folder}/cache"]
                genkit.train([*words, *quiet, *places], callbacks=[clock])
            return (clock.end - clock.begin) / self.steps

        return turn

    def pictures_of(self, side: int) -> list[str]:
        return ["data=arrays", f"data.path={self.folder}/{side}.npy"]


class Clock(Callback):
    """The time from the end of one step to the end of another."""

    def __init__(self, work: Work, first: int, last: int) -> None:
        self.work, self.first, self.last, self.begin, self.end = work, first, last, 0.0, 0.0

    def on_train_batch_end(self, trainer: Any, *rest: object) -> None:
        if trainer.global_step == self.first:
            self.begin = self.work.idle()
        if trainer.global_step == self.last:
            self.end = self.work.idle()


# ---------------------------------------------------------------------- parts: genkit first, then its peers

Part = Iterator[tuple[str, dict[str, Callable[[], Turn]]]]


def of_gpt(work: Work, *, compiled: bool = False) -> Part:
    layers, heads, width = work.sizes["gpt"]
    batch = work.sizes["windows"]
    words = ["model=gpt", f"model.n_layer={layers}", f"model.n_head={heads}", f"model.n_embd={width}"]
    words += [f"model.block_size={CONTEXT}", "model.dropout=0.0", "optim=adamw", f"batch_size={batch}"]
    words += [
        "data=text_file",
        f"data.path={work.folder}/text.txt",
        f"trainer.compile={str(compiled).lower()}",
    ]

    def bare() -> peers.Step:
        return peers.gpt(
            work.text, batch, CONTEXT, (layers, heads, width), work.device, "bf16-mixed", compiled
        )

    yield (
        f"GPT step, {layers} layers of {width}, {batch} × {CONTEXT}, bf16" + ", compiled" * compiled,
        {
            "genkit": lambda: work.genkit("bf16-mixed", *words),
            "nanoGPT's loop": lambda: work.bare(bare),
        },
    )


def of_dcgan(work: Work) -> Part:
    width, batch = work.sizes["dcgan"], work.sizes["pictures"]
    words = [
        "model=dcgan",
        f"model.width={width}",
        "model.select=null",
        f"batch_size={batch}",
        *work.pictures_of(64),
    ]
    for precision in ("32-true", "bf16-mixed"):
        yield (
            f"DCGAN step, 64×64, batch {batch}, {precision}",
            {
                "genkit": lambda precision=precision: work.genkit(precision, *words),
                "pytorch/examples' loop": lambda precision=precision: work.bare(
                    lambda: peers.dcgan(work.table(64), batch, width, work.device, precision)
                ),
            },
        )


def of_vae(work: Work) -> Part:
    words = [
        "model=vae_mlp",
        "model.hidden=400",
        "model.latent_size=20",
        "batch_size=128",
        *work.pictures_of(28),
    ]
    yield (
        "VAE step, 784-400-20, batch 128, 32-true",
        {
            "genkit": lambda: work.genkit("32-true", *words),
            "pytorch/examples' loop": lambda: work.bare(lambda: peers.vae(work.table(28), 128, work.device)),
        },
    )


def of_flow(work: Work) -> Part:
    width, batch = work.sizes["flow"], work.sizes["pictures"]
    words = [
        "model=flow",
        f"model.width={width}",
        "model.patch=1",
        f"batch_size={batch}",
        *work.pictures_of(32),
    ]
    yield (
        f"flow step, U-Net of {width}, 32×32×3, batch {batch}, bf16",
        {
            "genkit": lambda: work.genkit("bf16-mixed", *words),
            "a bare loop": lambda: work.bare(
                lambda: peers.flow(work.table(32), batch, width, work.device, "bf16-mixed")
            ),
        },
    )


def of_sampling(work: Work) -> Part:
    layers, heads, width = work.sizes["gpt"]
    sizes, tokens = {"n_layer": layers, "n_head": heads, "n_embd": width}, work.sizes["drawn"]

    def timed(call: Callable[[], object]) -> Turn:
        def turn() -> float:
            begin = work.idle()
            call()
            return work.idle() - begin

        turn()
        return turn

    def ours(batch: int, precision: str) -> Turn:
        spec = TokenSpec(CharCodec([chr(32 + i) for i in range(VOCABULARY)]))
        model = GPT(spec, block_size=CONTEXT, **sizes).eval().to(work.device)
        settings = {"max_new_tokens": tokens, "top_k": 50, "precision": precision, "batch_size": batch}
        return timed(lambda: model.sample(batch, prompt=" ", **settings))

    def theirs(batch: int, kind: torch.dtype) -> Turn:
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            vocab_size=VOCABULARY, n_positions=CONTEXT, bos_token_id=0, eos_token_id=0, **sizes
        )
        model = GPT2LMHeadModel(config).eval().to(work.device, kind)
        prompt = torch.zeros(batch, 1, dtype=torch.long, device=work.device)
        settings = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": True, "top_k": 50}
        return timed(
            lambda: model.generate(
                prompt, attention_mask=torch.ones_like(prompt), pad_token_id=0, use_cache=True, **settings
            ).cpu()
        )

    for batch in work.sizes["batches"]:
        yield (
            f"GPT sampling, {layers} layers of {width}, batch {batch}, {tokens} tokens",
            {
                "genkit": lambda batch=batch: ours(batch, "float32"),
                "genkit bfloat16": lambda batch=batch: ours(batch, "bfloat16"),
                "transformers": lambda batch=batch: theirs(batch, torch.float32),
                "transformers bfloat16": lambda batch=batch: theirs(batch, torch.bfloat16),
            },
        )


PARTS: dict[str, Callable[[Work], Part]] = {
    "gpt": of_gpt,
    "dcgan": of_dcgan,
    "vae": of_vae,
    "flow": of_flow,
    "sampling": of_sampling,
    "compiled": partial(of_gpt, compiled=True),
}


# ---------------------------------------------------------------------- turns and the table


def measured(makers: Mapping[str, Callable[[], Turn]], rounds: int) -> dict[str, Any]:
    """Seconds of every contestant in each round; what fails says why and takes no further turn."""
    seconds: dict[str, list[float]] = {}
    failed: dict[str, str] = {}
    turns: dict[str, Turn] = {}
    for round_ in range(1 - (rounds > 1), rounds + 1):  # the first one warms up, where there are several
        for name, make in makers.items():
            if name in failed:
                continue
            try:
                turns[name] = turns.get(name) or make()
                taken = turns[name]()
            except Exception as error:
                traceback.print_exc()
                failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[
                    :200
                ]
                continue
            if round_:
                seconds.setdefault(name, []).append(taken)
    return {"seconds": seconds, "failed": failed}


def lines_of(work: str, found: Mapping[str, Any]) -> list[str]:
    """Rows of the table."""
    seconds, lines = found["seconds"], []
    base = seconds.get("genkit", [])
    for name, times in seconds.items():
        shown = f"{1e3 * statistics.median(times):.3f} ({1e3 * min(times):.3f}–{1e3 * max(times):.3f})"
        ratios = [theirs / ours for theirs, ours in zip(times, base, strict=False)]
        ratio = f"{statistics.median(ratios):.2f} × ({min(ratios):.2f}–{max(ratios):.2f})" if ratios else "–"
        lines.append(f"| {work} | {name} | {shown} | {ratio if name != 'genkit' else ''} |")
    return [*lines, *(f"| {work} | {name} | failed: {why} | – |" for name, why in found["failed"].items())]


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    device, size = given.get("device", "cuda"), given.get("size", "full")
    rounds, steps = int(given.get("rounds", 3)), int(given.get("steps", 60))
    chosen = given.get("only", ",".join(PARTS)).split(",")
    warnings.simplefilter("ignore")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = (
        False  # as genkit's trainings do
    )
    card = torch.cuda.get_device_name() if device == "cuda" else "CPU"
    head = [f"On {card}, torch {torch.__version__}, {rounds} rounds of {steps} steps.", ""]
    head += ["| work | contestant | ms, median (spread) | takes … times genkit's |", "|---|---|---|---|"]
    lines, results = list(head), dict[str, Any]()
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        work = Work(Path(folder), device, size, steps)
        for name in chosen:
            for title, makers in PARTS[name](work):
                results[title] = measured(makers, 1 if name == "compiled" else rounds)
                lines += lines_of(title, results[title])
                if device == "cuda":
                    torch.cuda.empty_cache()
                if out := given.get("out"):  # after every part: whatever ends the rest, this much is there
                    Path(out).mkdir(parents=True, exist_ok=True)
                    Path(out, "gpu.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
                    about = {"card": card, "torch": torch.__version__, "steps": steps, "size": size}
                    kept = json.dumps({"about": about, "parts": results}, indent=1)
                    Path(out, "gpu.json").write_text(kept + "\n", encoding="utf-8")
    print("\n".join(lines))
    print(f"\n{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
