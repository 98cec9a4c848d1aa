"""How many strings that are drawn are in tune: within 50 cents of the pitch that was asked for.

    python experiments/041_sound/in_tune.py runs/plucks_gpt runs/plucks_vae runs/plucks_dcgan

Each run draws 20 strings of each of its pitches.  Nothing is heard by a network: the pitch is measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

import genkit
from genkit.core.notes import frequency
from genkit.core.spec import ArraySpec
from genkit.data.audio.plucks import RATE
from genkit.metrics.pitches import in_tune
from genkit.metrics.value_intervals import share

EACH = 20  # strings of a pitch


def main(runs: list[str]) -> None:
    for run in runs:
        model = genkit.load(run)
        array = model.spec.array
        assert isinstance(array, ArraySpec)
        right = {
            name: in_tune(model.sample(EACH, seed=i, label=name).arrays, RATE, [frequency(name)] * EACH)
            for i, name in enumerate(array.classes)
        }
        hits, count = sum(int(own.sum()) for own in right.values()), EACH * len(right)
        value, low, high = share(hits, count)
        worst = min(right, key=lambda name: float(right[name].double().mean()))
        print(f"{Path(run).name}: {value:.1%} [{low:.1%}, {high:.1%}] of {count} in tune,", end=" ")
        print(f"{worst} least often, {right[worst].double().mean():.0%}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
