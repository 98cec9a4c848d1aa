"""Run folders as a training and an evaluation leave them, written by hand for the tests of the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import yaml
from PIL import Image


def row(metric: str, value: float | None, **more: object) -> dict[str, object]:
    """One line of an evaluation.jsonl."""
    half = None if value is None else abs(value) * 0.05
    return {
        "metric": metric,
        "value": value,
        "unit": "1",
        "direction": "lower",
        "kind": "estimate",
        "n": 100,
        "n_real": 100,
        "low": None if value is None else value - half,
        "high": None if value is None else value + half,
        "interval": "one network at n samples",
        "protocol": {"extractor": "digits"},
        "fingerprint": f"f-{metric}",
        "run": "r",
        "checkpoint": "last",
        "step": 100,
        "weights": "raw",
        "digest": "d" * 64,
        "seed": 0,
        "split": "test",
        "data": "sha256:abc",
        "judged": "abc",
        "role": "model",
        "note": "",
        **more,
    }


def write_run(folder: Path, arm: str, seed: int, rows: list[dict[str, object]], **record: object) -> Path:
    """A run folder with a record, a configuration, a history, a picture and rows."""
    folder.mkdir(parents=True)
    config = {"model": {"family": arm, "select": "val/nll"}, "seed": seed, "name": folder.name}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    provenance = {"command": ["genkit", "train", f"model={arm}"], "versions": {"torch": "2"}}
    plain = {"status": "finished", "seed": seed, "provenance": provenance, **record}
    (folder / "run.json").write_text(json.dumps(plain))
    history = "".join(f"{step},{2 - step / 100 + seed / 50},1\n" for step in (20, 60, 100))
    (folder / "metrics.csv").write_text("step,val/nll,train/nll\n" + history)
    (folder / "samples").mkdir()
    pixels = np.random.default_rng(seed).integers(0, 255, (16, 16), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "samples" / "step-100.png")
    (folder / "evaluation.jsonl").write_text("".join(json.dumps(line) + "\n" for line in rows))
    return folder


def write_study(folder: Path, members: list[tuple[str, int, dict[str, object]]], **declared: object) -> Path:
    """The files of a study around run folders; each member is its arm, its seed and how it ended."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {"name": folder.name, "question": "Which is best?", "budget": {"steps": 100}, **declared}
    (folder / "study.yaml").write_text(yaml.safe_dump(plain, allow_unicode=True))
    listed = [
        {"number": i, "arm": arm, "seed": seed, "name": f"{arm}-{seed}"}
        for i, (arm, seed, _) in enumerate(members)
    ]
    (folder / "members.json").write_text(json.dumps(listed))
    (folder / "outcomes").mkdir(exist_ok=True)
    for number, (_, _, ended) in enumerate(members):
        if ended:
            (folder / "outcomes" / f"{number:04d}.json").write_text(json.dumps(ended))
    return folder
