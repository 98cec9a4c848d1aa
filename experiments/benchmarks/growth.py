"""How time and memory grow with the sizes of model, data and output, against the exponents that are expected.

    python experiments/benchmarks/growth.py [axes=width,…] [repeat=5] [out=FILE.json] [plot=FILE.svg]

Each point is measured in a process of its own on one thread: the most memory of the first call above what the
process held before it, then processor seconds, the least of several calls.  An exponent is the slope of the
logarithms.  What should be flat has the exponent 0.  Linux only, for the memory.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Work = Callable[[], object]
GPT = {"n_layer": 4, "n_head": 4, "n_embd": 128}


@dataclass(frozen=True)
class Axis:
    """What varies, over which values, and the exponents that time and memory should not exceed."""

    work: Callable[[int], Work]
    values: Sequence[int]
    time: float
    memory: float
    about: str


# ---------------------------------------------------------------------- the works, each prepared by its size


def gpt_step(batch: int = 12, context: int = 64, **sizes: int) -> Work:
    import torch

    from genkit.core.batch import Batch
    from genkit.core.phase import StepNoise

    module = gpt(context, **sizes)
    optimizer = torch.optim.AdamW(module.parameters(), fused=True)
    rows = range(batch)
    tokens = torch.randint(0, 65, (batch, context + 1))

    def step() -> None:
        (phase,) = module.phases()
        phase.loss(Batch(tokens, rows), StepNoise(0, rows, step=0)).total.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def gpt(context: int, **sizes: int) -> Any:
    from genkit.core.codecs import CharCodec
    from genkit.core.spec import TokenSpec
    from genkit.families.gpt import GPT as Family

    spec = TokenSpec(CharCodec([chr(32 + i) for i in range(65)]))
    return Family(spec, block_size=context, **{**GPT, **sizes})


def dcgan_step(batch: int) -> Work:
    import torch

    from genkit.core.batch import Batch
    from genkit.core.phase import StepNoise
    from genkit.core.spec import ArraySpec
    from genkit.families.dcgan import DCGAN

    module = DCGAN(ArraySpec(1, (32, 32), levels=256), width=32)
    rows = range(batch)
    images = torch.rand(batch, 1, 32, 32)

    def step() -> None:
        noise = StepNoise(0, rows, step=0)
        for phase in module.phases():
            phase.loss(Batch(images, rows), noise).total.backward()

    return step


def drawing(tokens: int) -> Work:
    module = gpt(256).eval()
    return lambda: module.sample(4, prompt=" ", max_new_tokens=tokens, batch_size=4)


def images(n: int) -> Work:
    from genkit.core.spec import ArraySpec
    from genkit.families.vae import VAE

    module = VAE(ArraySpec(1, (28, 28), levels=256)).eval()
    return lambda: module.sample(n, batch_size=64)


def features(n: int) -> Work:
    import torch

    from genkit.metrics.extractors import extractor
    from genkit.metrics.features import collect

    made = extractor("digits")

    def batches() -> Any:
        for start in range(0, n, 250):
            yield torch.randint(0, 256, (min(250, n - start), 1, 28, 28), dtype=torch.uint8)

    return lambda: collect(made, batches())


def neighbourhoods(n: int) -> Work:
    """Precision, recall, density and coverage: all distances, of which few are kept."""
    import torch

    from genkit.metrics.neighbours import neighbours

    one, other = torch.randn(2, n, 64)
    return lambda: neighbours(one, other)


def dataset(characters: int) -> Work:
    """Opening a packed text and reading two batches; pages of the file that are read count as memory."""
    import numpy as np

    from genkit import config
    from genkit.data import open_dataset

    folder = Path(tempfile.mkdtemp())
    (folder / "text.txt").write_text("the quick brown fox jumps over\n" * (characters // 31))
    words = [f"data.path={folder / 'text.txt'}", "model=gpt_tiny", "data=text_file"]
    cfg = config.compose("train", [*words, f"paths.cache_dir={folder}"])

    def read() -> None:
        examples = open_dataset(cfg.data, cfg.paths.by_name, config.view(cfg)).split("train")
        for i in range(2):
            examples.gather(np.arange(i, len(examples), len(examples) // 12)[:12])

    read()  # packs
    return read


AXES: Mapping[str, Axis] = {
    "width": Axis(lambda v: gpt_step(n_embd=v), (64, 128, 256, 512), 2.0, 2.0, "GPT step, width"),
    "depth": Axis(lambda v: gpt_step(n_layer=v), (2, 4, 8, 16), 1.0, 1.0, "GPT step, layers"),
    "context": Axis(
        lambda v: gpt_step(batch=4, context=v), (64, 128, 256, 512), 2.0, 2.0, "GPT step, tokens of context"
    ),
    "batch": Axis(lambda v: gpt_step(batch=v), (4, 8, 16, 32), 1.0, 1.0, "GPT step, windows"),
    "pictures": Axis(dcgan_step, (8, 16, 32, 64), 1.0, 1.0, "DCGAN step, pictures"),
    "tokens": Axis(drawing, (200, 400, 800, 1600), 1.0, 0.0, "drawing, new tokens (context 256)"),
    "samples": Axis(images, (500, 1000, 2000, 4000), 1.0, 1.0, "drawing, pictures"),
    "features": Axis(features, (4000, 8000, 16000, 32000), 1.0, 1.0, "features kept, pictures"),
    "pairs": Axis(neighbourhoods, (2000, 4000, 8000), 2.0, 1.0, "precision, recall, …, pictures"),
    "data": Axis(dataset, (3_000_000, 30_000_000, 300_000_000), 0.0, 0.0, "opening and reading, characters"),
}


# ---------------------------------------------------------------------- measuring


def point(axis: str, value: int, repeat: int) -> dict[str, float]:
    """Least processor seconds and most bytes of one work; called in a process of its own."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    work = AXES[axis].work(value)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back to the present
    work()
    held = max(0, memory("VmHWM") - before)
    times = []
    for _ in range(repeat):
        begin = time.process_time()
        work()
        times.append(time.process_time() - begin)
    return {"value": value, "seconds": min(times), "bytes": held}


def memory(key: str) -> int:
    """Bytes by a line of the process's status."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[key].split()[0]) * 1024


def exponent(points: Sequence[Mapping[str, float]], what: str) -> float:
    """Slope of the logarithms by least squares; what is below a hundredth of a megabyte counts as that."""
    x = [math.log(p["value"]) for p in points]
    y = [math.log(max(p[what], 1e4 if what == "bytes" else 1e-9)) for p in points]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True))
    return above / sum((a - mean_x) ** 2 for a in x)


def plot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, places = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for place, what, unit in zip(places, ("seconds", "bytes"), ("processor seconds", "MB"), strict=True):
        for row in rows:
            values = [p["value"] / row["points"][0]["value"] for p in row["points"]]
            scale = 1e6 if what == "bytes" else 1
            place.loglog(values, [p[what] / scale for p in row["points"]], marker="o", label=row["about"])
        place.set_xlabel("size, times the smallest")
        place.set_ylabel(unit)
        place.grid(alpha=0.3)
    places[1].legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path)


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    if "point" in given:
        axis, value = given["point"].split(":")
        print(json.dumps(point(axis, int(value), int(given["repeat"]))))
        return
    rows = []
    for name in given.get("axes", ",".join(AXES)).split(","):
        axis, points = AXES[name], []
        for value in axis.values:
            command = [
                sys.executable,
                __file__,
                f"point={name}:{value}",
                f"repeat={given.get('repeat', '5')}",
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise SystemExit(done.stderr)
            points.append(json.loads(done.stdout.splitlines()[-1]))
        time_, bytes_ = exponent(points, "seconds"), exponent(points, "bytes")
        row = {"axis": name, "about": axis.about, "points": points, "time": time_, "memory": bytes_}
        rows.append({**row, "expected_time": axis.time, "expected_memory": axis.memory})
        sizes = " ".join(f"{p['value']}:{p['seconds'] * 1e3:.1f}ms/{p['bytes'] / 1e6:.0f}MB" for p in points)
        print(
            f"{axis.about:<34} time {time_:5.2f} (at most {axis.time:g})"
            f"  memory {bytes_:5.2f} (at most {axis.memory:g})  {sizes}",
            flush=True,
        )
    if "out" in given:
        Path(given["out"]).write_text(json.dumps(rows, indent=1) + "\n")
    if "plot" in given:
        plot(rows, Path(given["plot"]))


if __name__ == "__main__":
    main(sys.argv[1:])
