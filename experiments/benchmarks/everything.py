"""Every comparison with a peer, one after another, and the table and the plot of their ratios.

    python experiments/benchmarks/everything.py data_dir=DIR out=FOLDER [peer.nanogpt=DIR] [peer.examples=DIR]
        [peer.pythae=PYTHON] [only=NAME,…] [rounds=3] [write=true]

Each script below runs in a process of its own on idle cores and leaves `out/<name>.json`; what is there
already is not measured again.  `write=true` puts the table and the plot into this folder's README.  A peer
that is not named is left out, with its rows.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
BEGIN, END = "<!-- the table -->", "<!-- the end of the table -->"
Found = Mapping[str, Any]


@dataclass(frozen=True)
class Benchmark:
    """A script and how it is run; `peers` are the words that name peers to it."""

    script: str
    words: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    data: bool = False
    rounds: int | None = None  # None: as many as are asked for


BENCHMARKS = {
    "nanogpt_step": Benchmark("nanogpt_step.py", peers=("peer.nanogpt",), data=True),
    "gpt_step": Benchmark("gpt_step.py", ("steps=60",)),
    "gpt_step_large": Benchmark("gpt_step.py", ("size=large", "steps=4"), rounds=2),
    "time_to_quality": Benchmark("time_to_quality.py", peers=("peer.nanogpt",), rounds=2),
    "sampling": Benchmark("sampling.py", ("batch=1,64", "precision=float32,bfloat16,int8")),
    "sampling_nanogpt": Benchmark("sampling.py", ("batch=1", "precision=float32"), ("peer.nanogpt",)),
    "vae_epochs": Benchmark("vae_epochs.py", peers=("peer.examples", "peer.pythae"), data=True, rounds=2),
    "dcgan_step": Benchmark("dcgan_step.py", peers=("peer.examples",), data=True),
    "fid": Benchmark("metrics.py", ("panel=false",)),
}


@dataclass(frozen=True)
class Row:
    """A line of the table: how many times as fast genkit is, or the share of the ceiling that it reaches."""

    work: str
    against: str
    ratio: float
    goal: float
    share: bool = False

    def shown(self) -> str:
        form = "{:.0%}" if self.share else "{:.2f} ×"
        met = "yes" if self.ratio >= self.goal else "no"
        goal = form.format(self.goal)
        return f"| {self.work} | {self.against} | {form.format(self.ratio)} | {goal} | {met} |"


def rows(name: str, found: Found) -> Iterator[Row]:
    """What a script's JSON says about the goals."""
    times = found.get("times_as_long", {})
    if name == "nanogpt_step":
        yield Row("GPT step, nanoGPT's CPU recipe", "nanoGPT's train.py", times["nanoGPT"], 1.15)
    elif name == "gpt_step":
        by = {row["name"]: row["genkit_is_faster_by"] for row in found["rows"]}
        yield Row("GPT step, the same network size", "transformers", by["transformers"], 1.3)
        yield Row("GPT step, the same network", "a bare PyTorch loop", by["bare loop"], 0.97)
    elif name == "gpt_step_large":
        own = next(row for row in found["rows"] if row["name"] == "genkit")
        yield Row("GPT step, 6 × 384", "the matmul ceiling", own["utilisation"], 0.6, share=True)
    elif name == "time_to_quality":
        yield Row("Shakespeare to 1.898 nats, whole process", "nanoGPT's recipe", found["ratio"], 4)
    elif name == "sampling":
        goals = {("1", "float32"): 1.8, ("64", "float32"): 2, ("1", "int8"): 3}
        for row in found["rows"]:
            precision = row["name"].split()[-1]
            if goal := goals.get((str(row["batch"]), precision)):
                work = f"GPT sampling, 10.7 M, batch {row['batch']}, {precision}"
                yield Row(work, "transformers' generate", row["to_transformers"], goal)
    elif name == "sampling_nanogpt":
        own = next(row for row in found["rows"] if row["name"].startswith("genkit"))
        yield Row("GPT sampling, 10.7 M, batch 1, float32", "nanoGPT", own["to_nanogpt"], 6)
    elif name == "vae_epochs":
        for peer, goal in (("pytorch/examples", 2.5), ("pythae", 2)):
            if peer in times:
                yield Row("VAE, ten MNIST epochs, whole process", peer, times[peer], goal)
    elif name == "dcgan_step":
        work, used = "DCGAN step, 64×64, batch 64", statistics.median(found["about"]["utilisation"])
        yield Row(work, "pytorch/examples", times["pytorch/examples"], 1.35)
        yield Row(work, "the matmul ceiling", used, 0.7, share=True)
    elif name == "fid":
        yield Row("FID of 10,000 pictures, same network", "torch-fidelity", times["torch-fidelity"], 1)


def measure(name: str, given: Mapping[str, str], out: Path) -> Found | None:
    """The script's numbers, from its file where it has run; None where its peers are not named."""
    benchmark, path = BENCHMARKS[name], out / f"{name}.json"
    named = [f"{peer}={given[peer]}" for peer in benchmark.peers if peer in given]
    if benchmark.peers and not named:
        print(f"{name}: left out, needs {' or '.join(benchmark.peers)}")
        return None
    if not path.is_file():
        words = [*benchmark.words, *named, f"out={path.absolute()}"]
        words += [f"data_dir={given['data_dir']}"] if benchmark.data else []
        words += [f"rounds={benchmark.rounds or given.get('rounds', 3)}"]
        print(f"{name}:", flush=True)
        subprocess.run([sys.executable, str(HERE / benchmark.script), *words], check=True)
    return dict(json.loads(path.read_text(encoding="utf-8")))


def table(found: list[Row]) -> str:
    lines = ["| work | against | genkit | goal | met |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(row.shown() for row in found)]) + "\n"


def plot(found: list[Row], path: Path) -> None:
    """Each ratio as a share of its goal: a bar that reaches the line meets it."""
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(found) + 1))
    shares = [row.ratio / row.goal for row in found]
    names = [f"{row.work}: {row.against}" for row in found]
    colours = ["#2a7f62" if share >= 1 else "#c0792a" for share in shares]
    axes.barh(names, shares, color=colours)
    axes.axvline(1, color="black", linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("of its goal")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    out = Path(given["out"])
    out.mkdir(parents=True, exist_ok=True)
    wanted = given["only"].split(",") if "only" in given else list(BENCHMARKS)
    found = {name: numbers for name in wanted if (numbers := measure(name, given, out)) is not None}
    lines = [row for name, numbers in found.items() for row in rows(name, numbers)]
    print(shown := table(lines))
    (out / "table.md").write_text(shown, encoding="utf-8")
    plot(lines, out / "ratios.svg")
    if given.get("write") == "true":
        plot(lines, HERE / "ratios.svg")
        readme = (HERE / "README.md").read_text(encoding="utf-8")
        before, rest = readme.split(BEGIN)
        readme = f"{before}{BEGIN}\n{shown}{END}{rest.split(END)[1]}"
        (HERE / "README.md").write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
