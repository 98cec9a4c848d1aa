"""Wall time of whole processes to nanoGPT's quality on Shakespeare, beside nanoGPT's own recipe.

    python experiments/benchmarks/time_to_quality.py peer.nanogpt=DIR [rounds=3] [threads=2] [clock=wall|cpu]
                                                     [out=FILE.json]

DIR is a checkout of nanoGPT whose data/shakespeare_char is prepared; without it genkit's `shakespeare_fast`
runs alone.  Both start from nothing: imports, data, training, evaluation.  genkit's loss is that of the whole
validation split in windows of 64; nanoGPT prints an estimate from 20 random batches (its final checkpoint has
1.898 over the whole split).  Rounds alternate, so that a machine that slows down slows both; the ratio is
that of the medians.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import clocks

NANOGPT = (
    "train.py config/train_shakespeare_char.py --device=cpu --compile=False --eval_iters=20"
    " --log_interval=100 --block_size=64 --batch_size=12 --n_layer=4 --n_head=4 --n_embd=128 --max_iters=2000"
    " --lr_decay_iters=2000 --dropout=0.0"
)


def prepared(nanogpt: str) -> Path:
    """A checkout of nanoGPT that has its data.

    Raises:
        SystemExit: it has not, which nanoGPT would say only once it has been started.
    """
    folder = Path(nanogpt)
    if not (folder / "data/shakespeare_char/train.bin").is_file():
        raise SystemExit(
            f"peer.nanogpt={nanogpt} has no data/shakespeare_char/train.bin; run python"
            " data/shakespeare_char/prepare.py in it (it takes an input.txt that is there)."
        )
    return folder


Where = tuple[int, str]  # threads, and which clock counts


def timed(command: list[str], folder: Path, where: Where) -> tuple[float, str]:
    """Seconds and output of a process."""
    threads, clock = where
    now = clocks.of_children if clock == "cpu" else clocks.CLOCKS[clock]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    begin = now()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return now() - begin, done.stdout


def genkit(where: Where) -> tuple[float, float]:
    """Seconds, and nats per character over the whole validation split."""
    with tempfile.TemporaryDirectory() as runs:
        words = ["train", "experiment=shakespeare_fast", f"paths.runs_dir={runs}"]
        seconds, said = timed([sys.executable, "-m", "genkit", *words], Path.cwd(), where)
    return seconds, float(re.findall(r"val/nll ([\d.]+)", said)[-1])


def nanogpt(folder: Path, where: Where) -> tuple[float, float]:
    """Seconds, and nanoGPT's own estimate."""
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, *NANOGPT.split(), f"--out_dir={out}"]
        seconds, said = timed(command, folder, where)
    return seconds, float(re.findall(r"val loss ([\d.]+)", said)[-1])


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    rounds, where = int(given.get("rounds", 3)), (int(given.get("threads", 2)), given.get("clock", "wall"))
    contestants = {"genkit": lambda: genkit(where)}
    if peer := given.get("peer.nanogpt"):
        checkout = prepared(peer)
        contestants["nanogpt"] = lambda: nanogpt(checkout, where)
    results: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, run in contestants.items():
            results[name].append(run())
            seconds, loss = results[name][-1]
            print(f"{name:<8} {seconds:6.1f} s   val {loss:.4f}", flush=True)
    medians = {name: statistics.median(seconds for seconds, _ in runs) for name, runs in results.items()}
    found: dict[str, object] = {"threads": where[0], "clock": where[1], "seconds": medians, "runs": results}
    if "nanogpt" in medians:
        pairs = zip(results["genkit"], results["nanogpt"], strict=True)
        found["ratios"] = ratios = [peer / own for (own, _), (peer, _) in pairs]
        print(f"nanoGPT takes {statistics.median(ratios):.2f} times as long")
    if "out" in given:
        Path(given["out"]).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
