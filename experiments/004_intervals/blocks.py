"""Other intervals of a running text's likelihood: automatic blocks, ten batches; texts of known memory.

    python experiments/004_intervals/blocks.py TEXT…    # on real texts, as running.py has them
    python experiments/004_intervals/blocks.py known    # on series whose mean and memory are known

Beside `value_intervals.running` stand batch means with Student's quantile for as many batches less one:
of ten batches, and of the length that Politis & White 2004 (corrected by Patton, Politis & White 2009) take
from the autocorrelation, over single characters, hundreds and thousands of them.  `known` draws memory.svg.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from running import nats

from genkit.metrics import value_intervals

LENGTHS, ORDERS, WINDOWS, ROUNDS, UNITS = (50_000, 75_000, 111_000), (1, 2, 3), 200, 1_500, 4_000
MEMORIES, NOISES = (1.0, 0.9, 0.75, 0.6, 0.5, 0.4, 0.3), (0, 3, 10)


def automatic(x: np.ndarray) -> int:
    """The block length of Politis & White for circular blocks, that of arch.bootstrap."""
    n = len(x)
    spectrum = np.fft.rfft(x - x.mean(), 2 * n)
    row, most = max(5, math.ceil(math.log10(n) ** 0.5)), math.ceil(n**0.5) + 5
    covariances = np.fft.irfft(spectrum * spectrum.conj())[: 2 * most + 1] / n
    small = np.abs(covariances[1:] / covariances[0]) < 2 * (math.log10(n) / n) ** 0.5
    last = next((i for i in range(most - row) if small[i : i + row].all()), most)
    lags = np.arange(-min(2 * max(last, 1), most), min(2 * max(last, 1), most) + 1)
    window = np.clip(2 * (1 - np.abs(lags) / lags[-1]), 0, 1) * covariances[np.abs(lags)]
    slope, level = (np.abs(lags) * window).sum(), window.sum()
    return int(np.clip(math.ceil((1.5 * (slope / level) ** 2 * n) ** (1 / 3)), 1, n // 3))


def batches(x: np.ndarray, length: int) -> value_intervals.Interval:
    return value_intervals.mean(x[: len(x) // length * length].reshape(-1, length).mean(1))


def by_automatic(unit: int) -> Callable[[np.ndarray], value_intervals.Interval]:
    def interval(x: np.ndarray) -> value_intervals.Interval:
        means = x[: len(x) // unit * unit].reshape(-1, unit).mean(1)
        return batches(means, automatic(means))

    return interval


METHODS: dict[str, Callable[[np.ndarray], value_intervals.Interval]] = {
    "genkit": lambda x: value_intervals.running(x, np.ones(len(x))),
    "automatic": by_automatic(1),
    "automatic, hundreds": by_automatic(100),
    "automatic, thousands": by_automatic(1_000),
    "ten batches": lambda x: batches(x, len(x) // 10),
}


def of_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for order in ORDERS:
        found = nats(text, order)
        for length in LENGTHS:
            starts = np.linspace(0, len(found) - length, WINDOWS).astype(int)
            for name, method in METHODS.items():
                ends = [method(found[start : start + length])[1:] for start in starts]
                held = np.mean([low <= found.mean() <= high for low, high in ends])
                print(f"{path.name}, {length:,} characters, order {order}, {name}: {held:.3f}", flush=True)


def remembering(rng: np.random.Generator, memory: float, rounds: int) -> np.ndarray:
    """Fractional Gaussian noise (Davies & Harte 1987), (rounds, UNITS); a mean over n varies as n^-memory."""
    k, h = np.arange(UNITS + 1.0), 2 - memory
    row = ((k + 1) ** h - 2 * k**h + np.abs(k - 1) ** h) / 2
    spectrum = np.fft.fft(np.concatenate((row, row[-2:0:-1]))).real.clip(0)
    z = rng.normal(size=(rounds, len(spectrum))) + 1j * rng.normal(size=(rounds, len(spectrum)))
    return np.fft.fft(np.sqrt(spectrum / len(spectrum)) * z)[:, :UNITS].real


def known() -> None:
    figure = Figure(figsize=(9.2, 3.2), layout="constrained")
    tried = {name: METHODS[name] for name in ("genkit", "automatic", "ten batches")}
    for place, noise in enumerate(NOISES):
        rng, held = np.random.default_rng(noise), {name: [] for name in tried}
        for memory in MEMORIES:
            series = remembering(rng, memory, ROUNDS)
            series += noise * rng.normal(size=series.shape)
            for name, method in tried.items():
                ends = [method(one)[1:] for one in series]
                held[name].append(float(np.mean([low <= 0 <= high for low, high in ends])))
        axis = figure.add_subplot(1, len(NOISES), place + 1)
        axis.axhspan(0.92, 0.98, color="0.9")
        for (name, shares), marker in zip(held.items(), "os^", strict=True):
            axis.plot(MEMORIES, shares, marker=marker, label=name)
            print(f"noise {noise}, {name}: {', '.join(f'{share:.3f}' for share in shares)}", flush=True)
        axis.set(xlabel="memory γ", ylabel="held", ylim=(0, 1), title=f"noise × {noise}")
        axis.legend(fontsize=8)
    figure.savefig(Path(__file__).with_name("memory.svg"), metadata={"Date": None})


if __name__ == "__main__":
    if sys.argv[1:] == ["known"]:
        known()
    for word in sys.argv[1:]:
        if word != "known":
            of_text(Path(word))
