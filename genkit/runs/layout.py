"""What lies where in a run folder."""

from __future__ import annotations

from pathlib import Path

from genkit.system import storage
from genkit.system.plain import read_text

RECORD, CONFIG, SPEC, LOCK = "run.json", "config.yaml", "spec.json", ".lock"
CODEC = "codec"  # a run folder within: of the model that made the codes of the data
CARD = "README.md"  # of a run that was shared
SHARED = ".session"  # what the other processes of a training that goes on are told, while it does
# What we write ourselves in a run folder, and what it is; a logger may add folders of its own.
CONTENTS = {
    CONFIG: "the composed configuration, frozen at launch",
    RECORD: "status, versions, hardware, git, seed, data fingerprint, last validation terms",
    SPEC: "what the data is, tokeniser included",
    CODEC: "of a run of codes: the codec, a run folder of what loading it needs",
    "checkpoints": "step-N/ with weights, averaged weights, optimisers and a manifest with the SHA-256 of"
    " every file; pointers last and best",
    "metrics.csv": "losses, rates and validation terms by step",
    "tensorboard": "the same, with samples, as TensorBoard reads it",
    "findings.json": "what each validation measured of the training's health, and what is wrong with it",
    "evaluation.jsonl": "the rows of genkit evaluate",
    "evaluation": "step-N/ with what those rows were measured of: samples, nearest training examples,"
    " answers",
    "samples": "drawn during training, and by genkit sample",
    CARD: "of a run that was shared: its model card",
    LOCK: "held by the process that trains",
}
OWN = (*CONTENTS,)
MAX_RECORD_BYTES, MAX_SPEC_BYTES = 8_000_000, 64_000_000
MAX_HISTORY_BYTES, MAX_HISTORY_LINES = 256_000_000, 1_000_000  # of a metrics.csv


def write_atomically(path: Path, text: str) -> None:
    """Replace a file so that a reader sees the old text or the new one, whatever happens meanwhile.

    Raises:
        StorageError: the folder cannot be written.
    """
    storage.write_text(path, text, "Free space, or set paths.runs_dir.")


def history(file: Path) -> str:
    """The whole lines of a metrics.csv: one that is being written, or was cut off, may end within a number.

    Raises:
        OSError, ValueError: it cannot be read, or is longer than a training writes.
    """
    text = read_text(file, MAX_HISTORY_BYTES)
    if text.count("\n") > MAX_HISTORY_LINES:
        raise ValueError(f"more than {MAX_HISTORY_LINES:,} lines")
    return text[: text.rfind("\n") + 1]


def is_run(path: Path) -> bool:
    """Whether a folder is a run's; one that nobody may look into counts, and says so when it is read."""
    try:
        return (path / CONFIG).is_file()
    except PermissionError:
        return True
