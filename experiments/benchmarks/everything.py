"""Every comparison with a peer, one after another, and the table and the plot of their ratios.

    python experiments/benchmarks/everything.py data_dir=DIR out=FOLDER [peer.nanogpt=DIR] [peer.examples=DIR]
        [peer.pythae=PYTHON] [only=NAME,…] [rounds=5]

Each script below runs in a process of its own on idle cores and leaves `out/<name>.json`; what is there
already is not measured again.  The table is `out/table.md`, the plot `out/ratios.svg`; a ratio is the median
of those of the rounds, with the smallest and the largest where the script keeps them.  A peer that is not
named is left out, with its rows; a script that fails is a row that says so, and the rest goes on.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

HERE = Path(__file__).parent
Found = Mapping[str, Any]  # a script's JSON


@dataclass(frozen=True)
class Row:
    """A line of the table: how many times as fast genkit is, or the share of the ceiling that it reaches.

    Attributes:
        spread: the ratios of the rounds, where they are known.
    """

    work: str
    against: str
    ratio: float
    goal: float
    share: bool = False
    spread: Sequence[float] = ()

    def shown(self) -> str:
        form = "{:.0%}" if self.share else "{:.2f} ×"
        met = "yes" if self.ratio >= self.goal else "no"
        reached = form.format(self.ratio)
        if self.spread:
            reached += f" ({min(self.spread):.2f} to {max(self.spread):.2f})"
        return f"| {self.work} | {self.against} | {reached} | {form.format(self.goal)} | {met} |"


@dataclass(frozen=True)
class Failure:
    """A line of the table in the place of those of a script that has failed."""

    script: str
    said: str

    def shown(self) -> str:
        said = self.said.replace("|", "\\|")
        return f"| {self.script} | failed: {said} | – | – | no |"


# ---------------------------------------------------------------------- what the scripts found


def against(work: str, goals: Mapping[str, float]) -> Callable[[Found], Iterator[Row]]:
    """A row for each peer of `alternating.compare` that has run."""

    def rows(found: Found) -> Iterator[Row]:
        times, rounds = found["times_as_long"], found.get("ratios", {})
        for peer, goal in goals.items():
            if peer in times:
                yield Row(work, peer, times[peer], goal, spread=rounds.get(peer, ()))

    return rows


def of_the_dcgan(found: Found) -> Iterator[Row]:
    work = "DCGAN step, 64×64, batch 64"
    yield from against(work, {"pytorch/examples": 1.5})(found)
    used = statistics.median(found["about"]["utilisation"])
    yield Row(work, "the matmul ceiling", used, 0.72, share=True)


def of_the_gpt(found: Found) -> Iterator[Row]:
    faster = {row["name"]: row["genkit_is_faster_by"] for row in found["rows"]}
    for peer, goal in (("transformers", 1.3), ("bare loop", 0.97)):
        yield Row("GPT step, 4 layers of width 128", peer, faster[peer], goal)


def of_the_large_gpt(found: Found) -> Iterator[Row]:
    used = {row["name"]: row["utilisation"] for row in found["rows"]}
    yield Row("GPT step, 6 layers of width 384", "the matmul ceiling", used["genkit"], 0.6, share=True)


def of_the_quality(found: Found) -> Iterator[Row]:
    ratios = found["ratios"]
    work = "Shakespeare to 1.898 nats, whole process"
    yield Row(work, "nanoGPT's recipe", statistics.median(ratios), 5, spread=ratios)


def of_sampling(peer: str, goals: Mapping[tuple[int, str], float]) -> Callable[[Found], Iterator[Row]]:
    """A row for each batch and precision that has a goal."""

    def rows(found: Found) -> Iterator[Row]:
        for row in found["rows"]:
            batch, precision = row["batch"], row["name"].removeprefix("genkit ")
            if (batch, precision) in goals:
                work = f"GPT sampling, 10.7 M, batch {batch}, {precision}"
                yield Row(work, peer, row[f"to_{peer.lower()}"], goals[batch, precision])

    return rows


def of_tokenising(found: Found) -> Iterator[Row]:
    for row in found["encoding"]:
        for peer in ("lines", "documents"):
            yield Row(f"Tokenising, {row['tokeniser']}", f"tokenizers, {peer}", row[f"of {peer}"], 0.9)


@dataclass(frozen=True)
class Benchmark:
    """A script, how it is run, and what its numbers say; `peers` are the words that name peers to it."""

    script: str
    rows: Callable[[Found], Iterator[Row]]
    words: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    data: bool = False
    rounds: int | None = None  # None: as many as are asked for


TRANSFORMERS = {(1, "float32"): 2.2, (64, "float32"): 2.2, (1, "int8"): 3.5}
BENCHMARKS = {
    "nanogpt_step": Benchmark(
        "nanogpt_step.py",
        against("GPT step, nanoGPT's CPU recipe", {"nanoGPT": 1.15}),
        peers=("peer.nanogpt",),
        data=True,
    ),
    "flow_step": Benchmark(
        "flow_step.py", against("Flow step, U-Net of 32, 28×28, batch 64", {"a bare loop": 1})
    ),
    "wavegan_step": Benchmark(
        "wavegan_step.py", against("WaveGAN step, 4,096 samples, batch 64", {"a bare loop": 1})
    ),
    "video_step": Benchmark(
        "video_step.py", against("DCGAN step, 8 frames of 16×16, batch 64", {"a bare loop": 1})
    ),
    "gpt_step": Benchmark("gpt_step.py", of_the_gpt, ("steps=60",)),
    "gpt_step_large": Benchmark("gpt_step.py", of_the_large_gpt, ("size=large", "steps=4"), rounds=2),
    "time_to_quality": Benchmark("time_to_quality.py", of_the_quality, peers=("peer.nanogpt",), rounds=2),
    "sampling": Benchmark(
        "sampling.py",
        of_sampling("transformers", TRANSFORMERS),
        ("batch=1,64", "precision=float32,bfloat16,int8"),
    ),
    "sampling_nanogpt": Benchmark(
        "sampling.py",
        of_sampling("nanoGPT", {(1, "float32"): 6}),
        ("batch=1", "precision=float32"),
        peers=("peer.nanogpt",),
    ),
    "vae_epochs": Benchmark(
        "vae_epochs.py",
        against("VAE, ten MNIST epochs, whole process", {"pytorch/examples": 3, "pythae": 2}),
        peers=("peer.examples", "peer.pythae"),
        data=True,
        rounds=2,
    ),
    "dcgan_step": Benchmark("dcgan_step.py", of_the_dcgan, peers=("peer.examples",), data=True),
    "tokenising": Benchmark("tokenising.py", of_tokenising, ("megabytes=10",)),
    "fid": Benchmark(
        "metrics.py",
        against(
            "FID of 10,000 pictures, same network", {"torch-fidelity": 1.1, "torch-fidelity, folded": 1.1}
        ),
        ("panel=false",),
    ),
}


def measure(name: str, given: Mapping[str, str], out: Path) -> Found | Failure | None:
    """The script's numbers, from its file where it has run; None where its peers are not named."""
    benchmark, path = BENCHMARKS[name], out / f"{name}.json"
    named = [f"{peer}={given[peer]}" for peer in benchmark.peers if peer in given]
    if benchmark.peers and not named:
        print(f"{name}: left out, needs {' or '.join(benchmark.peers)}")
        return None
    if not path.is_file():
        words = [*benchmark.words, *named, f"out={path.absolute()}"]
        words += [f"data_dir={given['data_dir']}"] if benchmark.data else []
        words += [f"rounds={benchmark.rounds or given.get('rounds', 5)}"]
        print(f"{name}:", flush=True)
        command = [sys.executable, str(HERE / benchmark.script), *words]
        # What a script trains reads its data there, whether or not it takes data_dir itself.
        places = {"GENKIT_DATA_DIR": str(Path(given["data_dir"]).absolute())} if "data_dir" in given else {}
        done = subprocess.run(command, env={**os.environ, **places}, stderr=subprocess.PIPE, text=True)
        sys.stderr.write(done.stderr)
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return Failure(name, lines[-1])
    return dict(json.loads(path.read_text(encoding="utf-8")))


def table(found: Sequence[Row | Failure]) -> str:
    lines = ["| work | against | genkit | goal | met |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(row.shown() for row in found)]) + "\n"


def plot(found: list[Row], path: Path) -> None:
    """Each ratio as a share of its goal: a bar that reaches the line meets it."""
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(found) + 1))
    shares = [row.ratio / row.goal for row in found]
    names = [f"{row.work}: {row.against}" for row in found]
    axes.barh(names, shares, color=["#2a7f62" if share >= 1 else "#c0792a" for share in shares])
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
    lines: list[Row | Failure] = []
    for name in wanted:
        found = measure(name, given, out)
        if isinstance(found, Failure):
            lines.append(found)
        elif found is not None:
            lines += BENCHMARKS[name].rows(found)
        (out / "table.md").write_text(table(lines), encoding="utf-8")  # also of what an interrupt leaves
    print(table(lines))
    plot([line for line in lines if isinstance(line, Row)], out / "ratios.svg")


if __name__ == "__main__":
    main(sys.argv[1:])
