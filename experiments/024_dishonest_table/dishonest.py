"""By how much one would have fooled oneself: a checkpoint chosen on the test set, one seed, the best of five.

    python experiments/024_dishonest_table/dishonest.py STUDY-FOLDER [out=rows.jsonl]

The study's members must have kept every checkpoint (`callbacks.checkpoint.keep`).  Each checkpoint's KID of
1,000 samples is measured against the whole test part and against its two halves, and kept in `out`, so that a
second call measures only what is missing; then the tables are printed.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genkit import config, runs, statistics
from genkit.data import reopen
from genkit.data.real import pictures, real_pictures, unchanged
from genkit.inference import models
from genkit.metrics.extractors import extractor, suggested
from genkit.metrics.features import collect
from genkit.metrics.kernel import kid
from genkit.report.sources import read_study
from genkit.runs import checkpoints
from genkit.study import read_declaration

SAMPLES, CHUNK, FEW = 1000, 250, 5


def measure(
    run: Path, arm: str, seed: int, known: set[tuple[str, int]], asked: Mapping[str, Any]
) -> list[dict[str, object]]:
    """A row for each checkpoint of a run that is not known yet, drawn with those options that it has."""
    steps = sorted(int(path.name[5:]) for path in (run / "checkpoints").glob("step-*"))
    steps = [step for step in steps if (run.name, step) not in known]
    if not steps:
        return []
    cfg, record = config.load_frozen(run / runs.CONFIG), runs.read(run)
    dataset = reopen(cfg.data, config.paths([]), config.view(cfg), record)
    image = dataset.spec.array
    assert image is not None
    judge = extractor(suggested(image))
    examples = unchanged(dataset.split("test"))
    real = collect(judge, real_pictures(dataset.spec, examples, np.arange(len(examples))))
    options = {k: v for k, v in asked.items() if k in {option.name for option in record.options}}
    chosen = int(checkpoints.locate(run / "checkpoints", "best").name[5:])
    found = []
    for step in steps:
        model = models.load(run, f"step-{step}")
        drawn = (
            model.sample(CHUNK, seed=0, first=i, batch_size=CHUNK, **options)
            for i in range(0, SAMPLES, CHUNK)
        )
        made = collect(judge, map(pictures, drawn))
        row = {"run": run.name, "arm": arm, "seed": seed, "step": step, "by_validation": step == chosen}
        halves = {"half_a": real[::2], "half_b": real[1::2], "test": real}
        found.append({**row, **{name: kid(part, made).value for name, part in halves.items()}})
    return found


def best_on_test(rows: Sequence[dict[str, float]]) -> None:
    """The checkpoint that the test set likes best, against the one that validation chose."""
    print("\n| arm | by validation | best on test | gained | chosen by half: gained there, on the other |")
    print("|---|---|---|---|---|")
    for arm in dict.fromkeys(row["arm"] for row in rows):
        honest, dishonest, again = [], [], []
        for _, group in itertools.groupby((r for r in rows if r["arm"] == arm), key=lambda r: r["run"]):
            points = list(group)
            fair = next(p for p in points if p["by_validation"])
            honest.append(fair["test"])
            dishonest.append(min(p["test"] for p in points))
            for one, other in (("half_a", "half_b"), ("half_b", "half_a")):
                taken = min(points, key=lambda p: p[one])
                again.append((fair[one] - taken[one], fair[other] - taken[other]))
        gain = np.array(honest) - np.array(dishonest)
        seen, unseen = np.mean(again, axis=0)
        low, high, _ = statistics.confidence_interval(gain)
        print(
            f"| {arm} | {np.mean(honest):.3f} | {np.mean(dishonest):.3f}"
            f" | {gain.mean():.3f} [{low:.3f}, {high:.3f}] | {seen:.3f}, {unseen:.3f} |"
        )


def seeds(rows: Sequence[dict[str, float]]) -> None:
    """What one seed, the best of five, and the mean of five say, against the mean of all."""
    values = {}
    for row in rows:
        if row["by_validation"]:
            values.setdefault(row["arm"], {})[row["seed"]] = row["test"]
    print("\n| arm | mean of all | one seed | mean of five: least to most | best of five, on average |")
    print("|---|---|---|---|---|")
    for arm, of in values.items():
        numbers = list(of.values())
        fives = list(itertools.combinations(numbers, FEW))
        means, least = [np.mean(five) for five in fives], np.mean([min(five) for five in fives])
        print(
            f"| {arm} | {np.mean(numbers):.3f} | {min(numbers):.3f} to {max(numbers):.3f}"
            f" | {min(means):.3f} to {max(means):.3f} | {least:.3f} ({np.mean(numbers) - least:.3f} better) |"
        )
    print(
        "\n| pair, by the mean of all | one seed each is wrong | five paired seeds are wrong |\n|---|---|---|"
    )
    for a, b in itertools.combinations(values, 2):
        truth = np.mean(list(values[a].values())) < np.mean(list(values[b].values()))
        ones = [(x < y) != truth for x in values[a].values() for y in values[b].values()]
        common = sorted(set(values[a]) & set(values[b]))
        fives = [
            (np.mean([values[a][s] for s in five]) < np.mean([values[b][s] for s in five])) != truth
            for five in itertools.combinations(common, FEW)
        ]
        better, worse = (a, b) if truth else (b, a)
        print(f"| {better} before {worse} | {100 * np.mean(ones):.0f} % | {100 * np.mean(fives):.0f} % |")


def main() -> None:
    folder = Path(sys.argv[1])
    out = next((Path(word[4:]) for word in sys.argv[2:] if word.startswith("out=")), Path("rows.jsonl"))
    rows = [json.loads(line) for line in out.read_text().splitlines()] if out.is_file() else []
    known = {(row["run"], row["step"]) for row in rows}
    asked = read_declaration(str(folder / "study.yaml")).evaluate.get("sampling", {})
    for member in read_study(folder)[1]:
        if member.finished:
            fresh = measure(member.path, member.arm, member.seed, known, asked)
            rows += fresh
            with open(out, "a", encoding="utf-8") as file:
                file.writelines(json.dumps(row) + "\n" for row in fresh)
    best_on_test(rows)
    seeds(rows)


if __name__ == "__main__":
    main()
