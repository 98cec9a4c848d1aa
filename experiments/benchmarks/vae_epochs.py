"""Seconds of a process that trains a VAE on MNIST for ten epochs: of genkit, pytorch/examples and pythae.

    python experiments/benchmarks/vae_epochs.py data_dir=DIR [peer.examples=DIR] [peer.pythae=PYTHON]
        [rounds=3] [epochs=10] [threads=2] [clock=wall|cpu] [out=FILE.json]

`peer.pythae` is a Python that has it (see pythae_vae.py).

All read MNIST, train 784-400-20-400-784 with Adam on batches of 128, test on the 10,000 images and draw
samples; imports are in it.  genkit validates and saves at the end and twice before, the example tests in each
epoch and saves nothing, pythae does both.  The first run packs the data, which later ones find packed;
`pack=true` packs anew.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from alternating import compare, environment
from clocks import of_children

TIMES = {"wall": time.perf_counter, "cpu": of_children}


def _timed(command: list[str], folder: str, threads: int, clock: str, **more: str) -> tuple[float, str]:
    now = TIMES[clock]
    begin = now()
    done = subprocess.run(
        command, cwd=folder, env={**environment(threads), **more}, capture_output=True, text=True, check=True
    )
    return now() - begin, done.stdout + done.stderr


def of_genkit(data_dir: str, epochs: int, threads: int, clock: str, pack: bool) -> float:
    words = ["train", "experiment=mnist_vae_mlp", f"budget.epochs={epochs}", "trainer.val_every=1560"]
    words += [f"paths.data_dir={data_dir}", "callbacks.progress=plain", "trainer=cpu"]
    with tempfile.TemporaryDirectory() as runs:
        more = {"GENKIT_CACHE_DIR": runs} if pack else {}
        command = [sys.executable, "-m", "genkit", *words, f"paths.runs_dir={runs}"]
        seconds, said = _timed(command, runs, threads, clock, **more)
    print("  test", re.findall(r"val/neg_elbo ([\d.]+)", said)[-1])
    return seconds


def of_the_example(folder: Path, data_dir: str, epochs: int, threads: int, clock: str) -> float:
    with tempfile.TemporaryDirectory() as out:
        # It reads ../data and writes results/, both beside the folder that it is started in.
        (Path(out) / "run" / "results").mkdir(parents=True)
        os.symlink(Path(data_dir).absolute(), Path(out) / "data")
        command = [sys.executable, str((folder / "vae" / "main.py").absolute()), "--epochs", str(epochs)]
        seconds, said = _timed(command, str(Path(out) / "run"), threads, clock)
    print("  test", re.findall(r"Test set loss: ([\d.]+)", said)[-1])
    return seconds


def of_pythae(python: str, data_dir: str, epochs: int, threads: int, clock: str) -> float:
    script = Path(__file__).with_name("pythae_vae.py")
    with tempfile.TemporaryDirectory() as out:
        command = [python, str(script), str(Path(data_dir).absolute()), str(epochs), out]
        seconds, said = _timed(command, out, threads, clock)
    print("  test", re.findall(r"^test ([\d.]+)", said, re.M)[-1])
    return seconds


def main(words: list[str]) -> None:
    given = dict(word.split("=", 1) for word in words)
    threads, epochs = int(given.get("threads", 2)), int(given.get("epochs", 10))
    clock = given.get("clock", "wall")
    data_dir, pack = given["data_dir"], given.get("pack") == "true"
    contestants = {"genkit": partial(of_genkit, data_dir, epochs, threads, clock, pack)}
    if peer := given.get("peer.examples"):
        contestants["pytorch/examples"] = partial(
            of_the_example, Path(peer), data_dir, epochs, threads, clock
        )
    if python := given.get("peer.pythae"):
        contestants["pythae"] = partial(of_pythae, python, data_dir, epochs, threads, clock)
    rounds = int(given.get("rounds", 3))
    compare(contestants, rounds, f"s ({clock})", given.get("out"), threads=threads, epochs=epochs)


if __name__ == "__main__":
    main(sys.argv[1:])
