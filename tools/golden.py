"""`python -m tools.golden [beside=CHECKOUT] [out=FILE]`: what a change of the code must not change.

Weights after 30 steps of the families, 16 samples of each, and what `evaluate` measures of them, but
for times, as digests.  With `beside=` another checkout's are made by its own code, on this machine and in
this run (bits differ from processor to processor, so they are compared and never kept), and any difference
is named; exit code 1 then.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STEPS = 30
MODELS = {
    "gpt": ("model=gpt", "data=colors", "model.block_size=32", "model.n_layer=2", "model.n_embd=32"),
    "gpt_pixels": ("model=gpt_pixels", "data=digits", "model.n_layer=1", "model.n_head=2", "model.n_embd=32"),
    "dcgan": ("model=dcgan", "data=digits", "model.width=8", "callbacks.metrics.n=64"),
    "vae": ("model=vae", "data=digits", "model.width=8", "model.hidden=32", "model.likelihood=categorical"),
    "flow": ("model=flow", "data=digits", "model.width=8", "model.patch=2"),
}
COMMON = (
    *("trainer=cpu", "trainer.threads=1", "trainer.val_every=15", "batch_size=16", "optim.ema=0.9"),
    *("logger=csv", "callbacks.progress=none", "callbacks.samples.n=4", f"budget.steps={STEPS}"),
)
# Read from a clock or from the machine's memory.
MEASURED_BY_TIME = ("second", "memory", "speed", "time")


def main(arguments: list[str]) -> int:
    typed = dict(word.split("=", 1) for word in arguments)
    checkouts = [
        Path(__file__).parents[1],
        *(Path(typed[word]).resolve() for word in ("beside",) if word in typed),
    ]
    common = {name: words for name, words in MODELS.items() if all(_knows(each, words) for each in checkouts)}
    here = digests(checkouts[0], common)
    if "out" in typed:
        Path(typed["out"]).write_text(json.dumps(here, indent=1, sort_keys=True) + "\n", "utf-8")
    if "beside" not in typed:
        print(json.dumps(here, indent=1, sort_keys=True))
        return 0
    there = digests(checkouts[1], common)
    differing = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    for name in differing:
        print(f"differs: {name}: {there.get(name)} there, {here.get(name)} here")
    print(f"{len(here) - len(differing)} of {len(here)} are equal")
    return int(bool(differing))


def _knows(checkout: Path, words: tuple[str, ...]) -> bool:
    """Whether a checkout has the model that words name: an older one may lack it."""
    return (checkout / "conf" / "model" / f"{words[0].removeprefix('model=')}.yaml").is_file()


def digests(checkout: Path, models: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Digest by name, of what the code of a checkout makes of some models."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, words in models.items():
            _genkit(checkout, folder, "train", *words, *COMMON, f"name={name}")
            run = Path(folder) / "runs" / name
            for path in sorted(run.glob(f"checkpoints/step-{STEPS}/*.safetensors")):
                found[f"{name}: {path.name}"] = _digest(path.read_bytes())
            out = Path(folder) / f"{name}.out"
            _genkit(checkout, folder, "sample", f"run={name}", "n=16", f"out={out / 'drawn'}")
            files = sorted(path for path in out.rglob("*") if path.is_file())
            assert files, f"{name}: nothing was drawn"
            found[f"{name}: samples"] = _digest(b"".join(path.read_bytes() for path in files))
            _genkit(checkout, folder, "evaluate", f"run={name}", "n=64")
            for line in (run / "evaluation.jsonl").read_text("utf-8").splitlines():
                row = json.loads(line)
                if not any(word in row["metric"] for word in MEASURED_BY_TIME):
                    title = f"{name}: {_title(row)}"
                    plain = json.dumps(_timeless(row), sort_keys=True)
                    found[title] = _digest((found.get(title, "") + plain).encode())
    return found


def _genkit(checkout: Path, folder: str, *words: str) -> None:
    places = {"GENKIT_RUNS_DIR": f"{folder}/runs", "GENKIT_CACHE_DIR": f"{folder}/cache"}
    environment = {**os.environ, **places, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "genkit", *words]
    ended = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if ended.returncode:
        raise SystemExit(f"{checkout}: genkit {words[0]}: code {ended.returncode}: {ended.stderr[-900:]}")


def _title(row: dict[str, Any]) -> str:
    return f"{row['metric']} {json.dumps(row.get('protocol'), sort_keys=True)}"[:120]


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    """A row without the digest of the whole checkpoint, which holds the seconds that its training took."""
    return {name: value for name, value in row.items() if name != "digest"}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
