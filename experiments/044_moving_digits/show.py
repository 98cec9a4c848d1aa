"""Grids that move, of the clips and of what each run draws, and predictions of clips as a strip.

    python experiments/044_moving_digits/show.py gpt=runs/moving_digits_gpt vae=runs/moving_digits_vae …

Nothing is picked: samples are of seed 0, their digits 0 to 9 and again 0 to 5, and the clips are the first of
the test part.  The strip is of the first run that is named.
"""

from __future__ import annotations

import sys
from pathlib import Path

import genkit
from genkit import cli

HERE = Path(__file__).parent
SHOWN = 16
PREDICTED = 4  # clips in the strip


def main(words: list[str]) -> None:
    runs = dict(word.split("=", 1) for word in words)
    for name, run in runs.items():
        samples = genkit.load(run).sample(1, seed=0, label=[str(i % 10) for i in range(SHOWN)])
        samples.save(HERE / f"{name}.gif")
    first = next(iter(runs.values()))
    strip = HERE / "predictions.png"
    cli.main(["complete", f"run={first}", "mask=end", f"n={PREDICTED}", "draws=1", f"out={strip}"])
    clips = ["data=moving_digits", "data.levels=2", "part=test", f"n={SHOWN}", f"out={HERE / 'real.gif'}"]
    cli.main(["data", "show", *clips])


if __name__ == "__main__":
    main(sys.argv[1:])
