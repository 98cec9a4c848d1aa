"""The families on FSDD in one table: how many of their clips two recognisers take for the digit asked for.

    python experiments/041_sound/table.py judge=FILE runs/fsdd_gpt_mel runs/fsdd_vae_mel,temperature=0.7 …

`judge` is the file that `experiments/040_spoken_digits_extractor/judge.py` writes.  Each run, with the
options of sampling that follow it, draws 100 clips of each digit.  Floor and ceiling stand in the same table:
chance, recordings of the published test part, and these as log-mel pictures and back.  Bits and distances are
of the run's own `genkit evaluate`, where it has been run.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

import genkit
from genkit.core.representations.log_mel import LogMel
from genkit.metrics.extractors import extractor
from genkit.metrics.value_intervals import share

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "040_spoken_digits_extractor"))

from judge import DIGITS, recogniser  # noqa: E402
from train import Recordings  # noqa: E402

EACH = 100  # clips of a digit
HEADER = (
    "clips of",
    "recognised (second)",
    "recognised (shipped)",
    "weakest digit",
    "bits",
    "KID",
    "training",
)
Heard = Callable[[np.ndarray], Tensor]


def main(words: list[str]) -> None:
    files = [word.partition("=")[2] for word in words if word.startswith("judge=")]
    judge, shipped = recogniser(files[0]), extractor("spoken_digits")

    def by_shipped(waves: np.ndarray) -> Tensor:
        probabilities = shipped.both(torch_of(waves))[1]
        assert probabilities is not None
        return probabilities

    out = csv.writer(sys.stdout, delimiter="|", lineterminator="\n")
    out.writerows([HEADER, ["---"] * len(HEADER)])
    out.writerow(["chance", "10 %", "10 %", "10 %", "", "", ""])
    for name, waves, asked, more in (*recorded(), *drawn([w for w in words if not w.startswith("judge=")])):
        shares = [asked_for(heard(waves), asked) for heard in (judge, by_shipped)]
        out.writerow([name, *map(said, shares), weakest(judge(waves), asked), *more])
        sys.stdout.flush()


def torch_of(waves: np.ndarray) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(waves))


def recorded() -> Iterator[tuple[str, np.ndarray, np.ndarray, tuple[str, ...]]]:
    """The published test part, and what is left of it after the picture."""
    clips, labels = Recordings().part(test=True)
    waves = (clips[:, None].numpy() * 32_767).round().astype(np.int16)
    picture = LogMel()
    back = picture.back(picture.forward(waves) / (picture.levels - 1))
    for name, own in (("recordings (test)", waves), ("recordings, as pictures and back", back)):
        yield name, own, labels.numpy(), ("", "", "")


def drawn(runs: list[str]) -> Iterator[tuple[str, np.ndarray, np.ndarray, tuple[str, ...]]]:
    """Clips of each run, of every digit in turn."""
    for word in runs:
        folder, *options = word.split(",")
        given = {key: float(value) for key, value in (option.split("=") for option in options)}
        model = genkit.load(folder)
        clips = [model.sample(EACH, seed=i, label=digit, **given).arrays for i, digit in enumerate(DIGITS)]
        asked = np.repeat(np.arange(len(DIGITS)), EACH)
        name = " ".join([Path(folder).name, *options])
        yield name, np.concatenate(clips), asked, written(Path(folder))


def written(run: Path) -> tuple[str, str, str]:
    """Bits, distance and minutes of training, as the run's files have them."""
    rows = run / "evaluation.jsonl"
    lines = rows.read_text(encoding="utf-8").splitlines() if rows.is_file() else []
    found = {row["metric"]: row for row in map(json.loads, lines) if row["role"] == "model"}
    values = []
    for metric in ("bits_per_dimension", "kid_spoken_digits"):
        row = found.get(metric)
        if row is None or row["value"] is None:
            values.append("–")
        else:
            within = f" [{row['low']:.3g}, {row['high']:.3g}]" if row["low"] is not None else ""
            values.append(f"{row['value']:.3f}{within}{' (bound)' if row['kind'] == 'bound' else ''}")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return values[0], values[1], f"{record['seconds'] / 60:.1f} min"


def asked_for(probabilities: Tensor, asked: np.ndarray) -> tuple[float, float, float]:
    """The share that is taken for what was asked for, with Wilson's interval."""
    right = int((probabilities.argmax(1).numpy() == asked).sum())
    return share(right, len(asked))


def weakest(probabilities: Tensor, asked: np.ndarray) -> str:
    """The digit that is recognised least often."""
    right = probabilities.argmax(1).numpy() == asked
    shares = {DIGITS[digit]: float(right[asked == digit].mean()) for digit in np.unique(asked)}
    name = min(shares, key=lambda digit: shares[digit])
    return f"{name} {shares[name]:.0%}"


def said(found: tuple[float, float, float]) -> str:
    value, low, high = found
    return f"{value:.1%} [{low:.1%}, {high:.1%}]"


if __name__ == "__main__":
    main(sys.argv[1:])
