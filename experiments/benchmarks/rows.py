"""Lines of the table of all comparisons: what the scripts found, beside what is wanted of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot as plt

Found = Mapping[str, Any]  # a script's JSON
FORMS = {"ratio": "{:.2f} ×", "share": "{:.0%}", "seconds": "{:.2f} s"}


@dataclass(frozen=True)
class Row:
    """How many times as long a peer takes, a share of the ceiling, or seconds at most.

    Attributes:
        values: of the rounds; the median counts.
        kind: "ratio", "share" or "seconds".
    """

    work: str
    against: str
    values: Sequence[float]
    goal: float
    kind: str = "ratio"

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def reached(self) -> float:
        """Of the goal: 1 or more where it is met."""
        share = self.median / self.goal
        return 1 / max(share, 0.01) if self.kind == "seconds" else share

    def shown(self) -> str:
        form, low, high = FORMS[self.kind], min(self.values), max(self.values)
        if low < high:
            spread = f" ({form.format(low)} to {form.format(high)})"
        else:
            spread = f" ({len(self.values)} round{'s' * (len(self.values) > 1)})"
        most = "≤ " if self.kind == "seconds" else ""
        met = "yes" if self.reached >= 1 else "no"
        cells = [self.work, self.against, form.format(self.median) + spread]
        return f"| {' | '.join([*cells, most + form.format(self.goal), met])} |"


@dataclass(frozen=True)
class Failure:
    """A line of the table in the place of those of a script that has failed."""

    script: str
    said: str

    def shown(self) -> str:
        said = self.said.replace("|", "\\|")
        return f"| {self.script} | – | failed: {said} | – | no |"


# ---------------------------------------------------------------------- what the scripts found


def against(work: str, goals: Mapping[str, float]) -> Callable[[Found], Iterator[Row]]:
    """A row for each peer of `alternating.compare` that has run."""

    def rows(found: Found) -> Iterator[Row]:
        for peer, goal in goals.items():
            if peer in found["ratios"]:
                yield Row(work, peer, found["ratios"][peer], goal)

    return rows


def of_the_dcgan(found: Found) -> Iterator[Row]:
    work = "DCGAN step, 64×64, batch 64"
    yield from against(work, {"pytorch/examples": 1.5})(found)
    yield Row(work, "the matmul ceiling", found["about"]["utilisation"], 0.72, "share")


def of_the_gpt(found: Found) -> Iterator[Row]:
    ratios = {row["name"]: row["ratios"] for row in found["rows"]}
    for peer, goal in (("transformers", 1.3), ("bare loop", 0.97)):
        yield Row("GPT step, 4 layers of width 128", peer, ratios[peer], goal)


def of_the_large_gpt(found: Found) -> Iterator[Row]:
    used = {row["name"]: row["utilisations"] for row in found["rows"]}
    yield Row("GPT step, 6 layers of width 384", "the matmul ceiling", used["genkit"], 0.6, "share")


def of_pretrained(found: Found) -> Iterator[Row]:
    pairs = zip(found["runs"]["genkit"], found["runs"]["transformers"], strict=True)
    ratios = [its["seconds"] / mine["seconds"] for mine, its in pairs]
    yield Row("Language model of 135 M, a step of 4 × 128 tokens", "transformers' Trainer", ratios, 1.1)


def of_the_quality(found: Found) -> Iterator[Row]:
    yield Row("Shakespeare to 1.898 nats, whole process", "nanoGPT's recipe", found["ratios"], 5)


def of_sampling(peer: str, goals: Mapping[tuple[int, str], float]) -> Callable[[Found], Iterator[Row]]:
    """A row for each batch and precision that has a goal."""

    def rows(found: Found) -> Iterator[Row]:
        for row in found["rows"]:
            batch, precision = row["batch"], row["name"].removeprefix("genkit ")
            if (batch, precision) in goals:
                work = f"GPT sampling, 10.7 M, batch {batch}, {precision}"
                yield Row(work, peer, row["ratios"][peer], goals[batch, precision])

    return rows


def of_tokenising(found: Found) -> Iterator[Row]:
    for row in found["encoding"]:
        for peer, ratios in row["ratios"].items():
            yield Row(f"Tokenising, {row['tokeniser']}", f"tokenizers, {peer}", ratios, 0.9)


def of_the_member(found: Found) -> Iterator[Row]:
    yield Row("a member of a study", "seconds beyond its own training", found["beyond"], 1, "seconds")


def of_the_sample(found: Found) -> Iterator[Row]:
    work = "`genkit sample` of a small VAE, whole process"
    yield Row(work, "seconds beyond `import torch`", found["beyond"], 1, "seconds")


# ---------------------------------------------------------------------- all of them


def table(found: Sequence[Row | Failure]) -> str:
    lines = ["| work | against | genkit: median (rounds) | goal | met |", "|---|---|---|---|---|"]
    return "\n".join([*lines, *(row.shown() for row in found)]) + "\n"


def plot(found: Sequence[Row], path: Path) -> None:
    """Each row as a share of its goal, with its rounds: a bar that reaches the line meets it."""
    figure, axes = plt.subplots(figsize=(9, 0.36 * len(found) + 1))
    names = [f"{row.work}: {row.against}" for row in found]
    reached = [row.reached for row in found]
    axes.barh(names, reached, color=["#2a7f62" if share >= 1 else "#c0792a" for share in reached])
    for place, row in enumerate(found):
        rounds = [Row(row.work, row.against, [value], row.goal, row.kind).reached for value in row.values]
        axes.plot([min(rounds), max(rounds)], [place, place], color="black", linewidth=1, alpha=0.6)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlim(0, max(2.0, 1.05 * max(reached, default=0)))
    axes.invert_yaxis()
    axes.set_xlabel("of its goal")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
