"""Every comparison with a peer, one after another, and the table and the plot of their ratios.

    python experiments/benchmarks/everything.py data_dir=DIR out=FOLDER [peer.nanogpt=DIR] [peer.examples=DIR]
        [peer.pythae=PYTHON] [only=NAME,…] [rounds=5] [readme=FILE]

Each script below runs in a process of its own on idle cores and leaves `out/<name>.json`; what is there
already is not measured again, so the same command goes on with what an interrupt has left.  The table is
`out/table.md`, the plot `out/ratios.svg`; what it was measured on, and what other work the machine did
meanwhile, is in `out/about.json`.  A row is the median of its rounds, with the smallest and the largest.  A
peer that is not named is left out, with its rows; a script that fails is a row that says so, and the rest
goes on.

`readme=FILE` puts the table into that file, between its two lines `<!-- one run -->`, and the plot beside it.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import machine
import rows
from rows import Failure, Found, Row, against

HERE, MARK = Path(__file__).parent, "<!-- one run -->"


@dataclass(frozen=True)
class Benchmark:
    """A script, how it is run, and what its numbers say; `peers` are the words that name peers to it."""

    script: str
    rows: Callable[[Found], Iterator[Row]]
    words: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    data: bool = False
    rounds: int | None = None  # at most so many; None: as many as are asked for


TRANSFORMERS = {(1, "float32"): 2.2, (64, "float32"): 2.2, (1, "int8"): 3.5}
BENCHMARKS = {
    "member_start": Benchmark("member_start.py", rows.of_the_member),
    "sample_start": Benchmark("sample_start.py", rows.of_the_sample),
    "nanogpt_step": Benchmark(
        "nanogpt_step.py",
        against("GPT step, nanoGPT's CPU recipe", {"nanoGPT": 1.15}),
        peers=("peer.nanogpt",),
        data=True,
    ),
    "gpt_step": Benchmark("gpt_step.py", rows.of_the_gpt, ("steps=60",)),
    "gpt_step_large": Benchmark("gpt_step.py", rows.of_the_large_gpt, ("size=large", "steps=4"), rounds=3),
    "pretrained": Benchmark("pretrained.py", rows.of_pretrained, ("what=step", "steps=3"), rounds=2),
    "dcgan_step": Benchmark(
        "dcgan_step.py", rows.of_the_dcgan, ("steps=12",), peers=("peer.examples",), data=True
    ),
    "flow_step": Benchmark(
        "flow_step.py", against("Flow step, U-Net of 32, 28×28, batch 64", {"a bare loop": 1})
    ),
    "codes_step": Benchmark(
        "codes_step.py", against("Codec's step, 28×28 to 7×7 codes, batch 64", {"a bare loop": 1})
    ),
    "wavegan_step": Benchmark(
        "wavegan_step.py",
        against("WaveGAN step, 4,096 samples, batch 64", {"a bare loop": 1}),
        ("other=none",),
    ),
    "video_step": Benchmark(
        "video_step.py",
        against("DCGAN step, 8 frames of 16×16, batch 64", {"a bare loop": 1}),
        ("other=none",),
    ),
    "sampling": Benchmark(
        "sampling.py",
        rows.of_sampling("transformers", TRANSFORMERS),
        ("batch=1,64", "precision=float32,bfloat16,int8"),
    ),
    "sampling_nanogpt": Benchmark(
        "sampling.py",
        rows.of_sampling("nanoGPT", {(1, "float32"): 6}),
        ("batch=1", "precision=float32"),
        peers=("peer.nanogpt",),
        rounds=3,
    ),
    "tokenising": Benchmark("tokenising.py", rows.of_tokenising, ("megabytes=3",), rounds=3),
    "fid": Benchmark(
        "metrics.py",
        against(
            "FID of 10,000 pictures, same network", {"torch-fidelity": 1.1, "torch-fidelity, folded": 1.1}
        ),
        ("panel=false",),
    ),
    "time_to_quality": Benchmark(
        "time_to_quality.py", rows.of_the_quality, peers=("peer.nanogpt",), data=True, rounds=2
    ),
    "vae_epochs": Benchmark(
        "vae_epochs.py",
        against("VAE, ten MNIST epochs, whole process", {"pytorch/examples": 3, "pythae": 2}),
        peers=("peer.examples", "peer.pythae"),
        data=True,
        rounds=2,
    ),
}


class Everything:
    """A run of the benchmarks in a folder.

    Args:
        given: the words of the command, by name.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self.given, self.out = given, Path(given["out"])
        self.out.mkdir(parents=True, exist_ok=True)
        self.path = self.out / "about.json"
        self.about: dict[str, Any] = {"scripts": {}}
        if self.path.is_file():
            self.about = json.loads(self.path.read_text(encoding="utf-8"))

    def lines(self, name: str) -> list[Row | Failure]:
        """The script's rows: of its file, where it has run, or else of a run of it now; none where none of
        its peers is named."""
        benchmark, path = BENCHMARKS[name], self.out / f"{name}.json"
        named = [f"{peer}={self.given[peer]}" for peer in benchmark.peers if peer in self.given]
        if not path.is_file():
            if benchmark.peers and not named:
                print(f"{name}: left out, needs {' or '.join(benchmark.peers)}")
                return []
            if benchmark.data and "data_dir" not in self.given:
                return [Failure(name, "needs data_dir=DIR")]
            if said := self.measure(name, named, path):
                return [Failure(name, said)]
        try:
            return list(benchmark.rows(json.loads(path.read_text(encoding="utf-8"))))
        except (KeyError, ValueError) as error:
            return [Failure(name, f"{path.name} is not of this version: {error!r}")]

    def measure(self, name: str, named: list[str], path: Path) -> str:
        """Run a script; what it said where it has failed."""
        benchmark, rounds = BENCHMARKS[name], int(self.given.get("rounds", 5))
        words = [*benchmark.words, *named, f"out={path.absolute()}"]
        words += [f"data_dir={self.given['data_dir']}"] if benchmark.data else []
        words += [f"rounds={min(rounds, benchmark.rounds or rounds)}"]
        command, before = [sys.executable, str(HERE / benchmark.script), *words], machine.load()
        print(f"{name}: {shlex.join(command[1:])}", flush=True)
        # What a script trains reads its data there, whether or not it takes data_dir itself.
        kept = (
            {"GENKIT_DATA_DIR": str(Path(self.given["data_dir"]).absolute())}
            if "data_dir" in self.given
            else {}
        )
        # A shell that keeps Python from compiling once for all would have each start of ours compile again.
        around = {name: said for name, said in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with machine.Meanwhile() as spent:
            done = subprocess.run(command, env={**around, **kept}, stderr=subprocess.PIPE, text=True)
        sys.stderr.write(done.stderr)
        self.about["scripts"][name] = found = {
            "command": shlex.join(command[1:]),
            "seconds": round(spent.seconds, 1),
            "load": [before, machine.load()],
            "others": spent.others,
        }
        print(
            f"{name}: {found['seconds']} s; other work had {spent.others} processors of the time", flush=True
        )
        self.keep()
        if not done.returncode:
            return ""
        return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]

    def keep(self) -> None:
        """Write down what was measured on."""
        words = [f"{key}={value}" for key, value in self.given.items() if key != "readme"]
        command = shlex.join(["python", "experiments/benchmarks/everything.py", *words])
        amount = [word for word in words if word.startswith(("only=", "rounds="))]
        own = {
            "command": command,
            "words": amount,
            "processor": machine.processor(),
            "cores": len(os.sched_getaffinity(0)),
        }
        self.about = {**own, "versions": machine.versions(), "date": time.strftime("%Y-%m-%d"), **self.about}
        self.path.write_text(json.dumps(self.about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def described(self) -> str:
        """What it was measured on, as a paragraph."""
        about, scripts = self.about, self.about["scripts"]
        if not scripts:
            return ""
        minutes = sum(found["seconds"] for found in scripts.values()) / 60
        loads = [load for found in scripts.values() for load in found["load"]]
        others = max(scripts.items(), key=lambda item: item[1]["others"])
        versions = ", ".join(f"{name} {known}" for name, known in about["versions"].items())
        words = " ".join(["everything.py", *about["words"]])
        return (
            f"`{words}`: {minutes:.0f} minutes on {about['date']}, {about['cores']} cores of"
            f" {about['processor']}; {versions}. The load was {loads[0]:.2f} before it and {loads[-1]:.2f}"
            f" after; other work had at most {others[1]['others']:.2f} of a processor ({others[0]}).\n"
        )


def insert(text: str, readme: Path) -> None:
    """Put text between the two marks of a file.

    Raises:
        SystemExit: it has not two.
    """
    parts = readme.read_text(encoding="utf-8").split(MARK)
    if len(parts) != 3:
        raise SystemExit(f"{readme}: {len(parts) - 1} lines are {MARK}; two are needed.")
    readme.write_text(MARK.join([parts[0], f"\n{text}", parts[2]]), encoding="utf-8")


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    wanted = given["only"].split(",") if "only" in given else list(BENCHMARKS)
    if unknown := [name for name in wanted if name not in BENCHMARKS]:
        raise SystemExit(f"only={','.join(unknown)}: there are {', '.join(BENCHMARKS)}.")
    everything, lines = Everything(given), []
    print(f"{machine.processor()}; {machine.versions()}; load {machine.load()}", flush=True)
    for name in wanted:
        lines += everything.lines(name)
        (everything.out / "table.md").write_text(rows.table(lines), encoding="utf-8")  # also for an interrupt
    print(rows.table(lines), everything.described(), sep="\n")
    rows.plot([line for line in lines if isinstance(line, Row)], everything.out / "ratios.svg")
    if "readme" in given:
        readme = Path(given["readme"])
        insert(f"{everything.described()}\n{rows.table(lines)}", readme)
        (readme.parent / "ratios.svg").write_bytes((everything.out / "ratios.svg").read_bytes())


if __name__ == "__main__":
    main(sys.argv[1:])
