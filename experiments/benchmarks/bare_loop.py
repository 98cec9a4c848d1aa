"""A training step of genkit on grey pictures of noise, beside a bare loop that a script writes out."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
from alternating import compare, environment
from training_step import CLOCKS, training_step

WARM_UP, EXAMPLES = 3, 4_096  # these names in a bare loop stand for these numbers


def of_genkit(model: list[str], steps: int, threads: int, clock: str) -> float:
    pictures = np.random.default_rng(0).integers(0, 256, (EXAMPLES, 28, 28, 1), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "noise.npy", pictures)
        data = ["data=arrays", f"data.path={folder}/noise.npy"]
        return training_step([*model, *data, "batch_size=64"], steps, threads, clock, WARM_UP).seconds


def of_a_bare_loop(script: str, kind: str, width: int, steps: int, threads: int, clock: str) -> float:
    script = script.replace("WARM_UP", str(WARM_UP)).replace("EXAMPLES", str(EXAMPLES))
    command = [sys.executable, "-c", script, CLOCKS[clock], kind, str(width), str(steps)]
    done = subprocess.run(command, env=environment(threads), capture_output=True, text=True, check=True)
    return float(next(line for line in done.stdout.splitlines() if line.startswith("found ")).split()[1])


def main(words: list[str], script: str, model: list[str], knob: str, usual: str) -> None:
    """Compare the two as words of the command line say.

    Args:
        script: the bare loop, which is told a clock, a value of the knob, a width and a number of steps.
        model: words of genkit's model, beside its knob and its width.
        knob: which the command line chooses, without `model.`; `usual` is its value where it does not.
    """
    given = dict(word.split("=", 1) for word in words)
    width, steps, threads = (int(given.get(k, v)) for k, v in (("width", 32), ("steps", 20), ("threads", 2)))
    kind, how = given.get(knob, usual), (steps, threads, given.get("clock", "wall"))
    own = [*model, f"model.{knob}={kind}", f"model.width={width}"]
    contestants = {
        "genkit": partial(of_genkit, own, *how),
        "a bare loop": partial(of_a_bare_loop, script, kind, width, *how),
    }
    about = {knob: kind, "width": width, "threads": threads, "steps": steps}
    compare(contestants, int(given.get("rounds", 3)), f"s a step ({how[2]})", given.get("out"), **about)
